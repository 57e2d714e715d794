// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb publish: the final committee under models/ with a card that says what it is.
#include <math.h>

#include "base/mem.h"
#include "dp/model.h"
#include "worker/task.h"

static enum al_err write_card(struct task *t, int n, const struct al_node *facts, const char *evaluate, bool converged)
{
    char path[AL_PATH];
    struct al_outfile o;
    int nz, z[CFG_MAX_LIST];
    AL_TRY(loop_config_elements(t->cfg, &nz, z));
    AL_TRY(task_path(t, path, "model.yaml"));
    AL_TRY(al_outfile_open(path, &o));
    if (task_note(t)) fprintf(o.out, "# %s\n", task_note(t));
    al_yaml_str(o.out, 0, "name", t->cfg->name);
    fprintf(o.out, "demonstration: %s\n", t->cfg->demonstration ? "true" : "false");
    const struct cfg_train *c = &t->cfg->train;
    bool zbl = c->zbl_outer > 0;
    bool angles = c->rcut_angular > 0;
    char what[160];
    snprintf(what, sizeof what, "DeepPot-SE (se_e2_a)%s%s, %s .dp format, double precision", angles ? " with angles" : "", zbl ? " + ZBL repulsion" : "",
             angles || zbl ? "alnd's" : "deepmd-kit");
    al_yaml_str(o.out, 0, "model", what);
    if (angles)
        fprintf(o.out, "# harmonics of degree 2 and 3 of the directions within rcut_ang, with so many columns of the embedding; deepmd-kit takes what\n"
                       "# dp_angular.py of `alnd export` makes of graph.N.dp\n"
                       "angles: {rcut_ang: %.10g, neurons: %d}\n", c->rcut_angular, c->angular_neurons);
    if (zbl)
        fprintf(o.out, "# deepmd-kit cannot take graph.N.dp; graph.N.without_zbl.dp with LAMMPS' pair_style zbl %g %g is the same\n"
                       "zbl_ang: {inner: %.10g, outer: %.10g}\n", c->zbl_inner, c->zbl_outer, c->zbl_inner, c->zbl_outer);
    al_yaml_int(o.out, 0, "members", n);
    fputs("type_map: [", o.out);
    for (int i = 0; i < nz; i++)
        fprintf(o.out, "%s%s", i ? ", " : "", al_element_symbol(z[i]));
    fputs("]\n", o.out);
    al_yaml_double(o.out, 0, "rcut_ang", t->cfg->train.rcut);
    al_yaml_str(o.out, 0, "functional", t->cfg->label.functional);
    al_yaml_double(o.out, 0, "cutoff_ha", t->cfg->label.cutoff);
    al_yaml_str(o.out, 0, "evaluated_in", evaluate);
    al_yaml_open(o.out, 0, "held_out_errors");
    al_yaml_double(o.out, 1, "force_rmse_ev_per_ang", al_node_double(facts, "force_rmse", NAN));
    al_yaml_double(o.out, 1, "force_rmse_high", al_node_double(facts, "force_rmse_high", NAN));
    al_yaml_double(o.out, 1, "energy_rmse_ev_per_atom", al_node_double(facts, "energy_rmse", NAN));
    al_yaml_double(o.out, 1, "energy_rmse_high", al_node_double(facts, "energy_rmse_high", NAN));
    fprintf(o.out, "converged: %s\n", converged ? "true" : "false");
    al_yaml_open(o.out, 0, "systems");
    for (int i = 0; i < t->cfg->nsystems; i++) {
        fputs("  - ", o.out);
        al_yaml_quote(o.out, t->cfg->system[i].name);
        fputc('\n', o.out);
    }
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

// What deepmd-kit can take of a model with repulsion.
static enum al_err publish_networks(struct task *t, const char *model, int i)
{
    char path[AL_PATH], name[64];
    AL_OWN(dp_model) m = NULL;
    snprintf(name, sizeof name, "graph.%d.without_zbl.dp", i);
    AL_TRY(task_path(t, path, name));
    AL_TRY(dp_model_read(model, &m));
    AL_TRY(dp_model_write_networks(path, m));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

enum al_err verb_publish(struct task *t)
{
    AL_AUTOFREE const char **models = NULL;
    AL_OWN(al_node) result = NULL;
    const char *evaluate;
    char path[AL_PATH], name[64];
    int n;
    long converged; // the planner's word: the limits held `patience` times in a row
    AL_TRY(task_input_int(t, "converged", &converged));
    AL_TRY(task_input_list(t, "models", &models, &n));
    AL_TRY(task_input(t, "evaluate", &evaluate));
    AL_TRY(al_path(path, "%s/result.yaml", evaluate));
    AL_TRY(al_yaml_read(path, &result));
    const struct al_node *facts = al_node_get(result, "facts");
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "graph.%d.dp", i);
        AL_TRY(task_path(t, path, name));
        AL_TRY(al_file_copy(models[i], path));
        AL_TRY(task_artifact(t, path));
        if (t->cfg->train.zbl_outer > 0) AL_TRY(publish_networks(t, models[i], i));
    }
    AL_TRY(write_card(t, n, facts, evaluate, converged != 0));
    AL_TRY(task_fact_int(t, "converged", converged));
    return AL_ERR_OK;
}
