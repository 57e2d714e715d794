// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb analyze: diffusion of one system from its production runs, temperature by temperature (replicas together), Arrhenius fit,
// Nernst-Einstein conductivity (worker/transport.h). Files under transport/SYSTEM/: msd.svg, msd-loglog.svg, arrhenius.svg, msd-TTTK.csv;
// and transport/SYSTEM.yaml.
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "worker/approach.h"
#include "worker/prun.h"
#include "worker/transport.h"

struct point { // one temperature
    double nominal, temperature, pressure, drift, deviation; // K, K (mean of the NVE runs), GPa, eV/atom/ps, eV/Ang
    double temperature_error;           // K, of the mean over the runs
    struct prun run[TRANSPORT_RUNS];    // what each production run says of itself, those that ended early included
    int nrun;
    int nruns, nended;       // complete runs; runs that ended early and are not used
    char ended[AL_ERR_TEXT]; // why the last of those ended
};

struct analysis {
    struct transport t;
    struct point p[TRANSPORT_POINTS];
    struct transport_point q[TRANSPORT_POINTS]; // the same temperatures
    struct approach labels;
};

static void analysis_destroy(struct analysis **ap)
{
    struct analysis *a = *ap;
    *ap = NULL;
    if (!a) return;
    for (int i = 0; i < a->t.n; i++)
        transport_point_clear(&a->q[i]);
    al_free(a);
}

static int point_of(struct analysis *a, double nominal)
{
    for (int i = 0; i < a->t.n; i++)
        if (a->p[i].nominal == nominal) return i;
    if (a->t.n == TRANSPORT_POINTS) return -1;
    a->p[a->t.n].nominal = nominal;
    snprintf(a->q[a->t.n].label, sizeof a->q[0].label, "%g K", nominal);
    return a->t.n++;
}

// Adds the run of one produce task to its temperature.
static enum al_err read_run(const struct task *t, struct analysis *a, const char *id)
{
    char path[AL_PATH];
    double nominal;
    AL_OWN(al_node) task = NULL;
    AL_OWN(al_node) result = NULL;
    AL_TRY(al_path(path, "%s/task.yaml", id));
    AL_TRY(al_yaml_read(path, &task));
    AL_TRY(al_path(path, "%s/result.yaml", id));
    AL_TRY(al_yaml_read(path, &result));
    AL_TRY(al_node_need_double(task, "temperature", &nominal));
    const struct al_node *f = al_node_get(result, "facts");
    int i = point_of(a, nominal);
    if (i < 0 || a->q[i].nruns == TRANSPORT_RUNS) AL_FAIL(AL_ERR_UNSUPPORTED, "more runs or temperatures than fit (%d)", TRANSPORT_RUNS);
    struct point *p = &a->p[i];
    struct transport_point *q = &a->q[i];
    if (p->nrun < TRANSPORT_RUNS) AL_TRY(prun_read(id, f, &p->run[p->nrun++]));
    const char *ended = al_node_str(f, "ended", "");
    if (strcmp(ended, "all steps done") != 0) {
        p->nended++;
        snprintf(p->ended, sizeof p->ended, "%s", ended);
        return AL_ERR_OK;
    }
    AL_TRY(al_path(path, "%s/traj.dcd", id)); // production.format
    if (!al_exists(path)) AL_TRY(al_path(path, "%s/traj.extxyz", id));
    struct tr_load load = {.path = path, .dt = t->cfg->production.timestep * t->cfg->production.stride};
    AL_TRY(tr_traj_read(&load, &q->run[q->nruns]));
    q->natoms = q->run[q->nruns]->natoms;
    q->volume += (q->run[q->nruns]->volume - q->volume) / (q->nruns + 1);
    q->nruns++;
    double n = ++p->nruns;
    p->temperature += (al_node_double(f, "temperature", NAN) - p->temperature) / n;
    double error = al_node_double(f, "temperature_error", NAN);
    p->temperature_error = sqrt(p->temperature_error * p->temperature_error * (n - 1) * (n - 1) + error * error) / n;
    p->pressure += (al_node_double(f, "pressure_gpa", NAN) - p->pressure) / n;
    p->drift += (al_node_double(f, "drift_ev_per_atom_ps", NAN) - p->drift) / n;
    p->deviation += (al_node_double(f, "deviation_mean", NAN) - p->deviation) / n;
    q->temperature = p->temperature;
    return AL_ERR_OK;
}

static enum al_err no_run(const struct point *p, struct transport_point *q)
{
    AL_AUTOFREE char *ended = NULL;
    AL_TRY(al_strdup(p->ended, &ended));
    snprintf(q->why, sizeof q->why, "no run was completed: %.400s", ended);
    return AL_ERR_OK;
}

static void write_point(FILE *out, const struct analysis *a, int i)
{
    const struct point *p = &a->p[i];
    fprintf(out, "  - nominal_temperature_k: %g\n", p->nominal);
    al_yaml_int(out, 2, "runs", p->nruns);
    al_yaml_int(out, 2, "runs_ended_early", p->nended);
    if (p->nended) al_yaml_str(out, 2, "ended", p->ended);
    prun_write(out, p->nrun, p->run);
    double unknown = prun_extrapolating(p->nrun, p->run);
    if (!isnan(unknown)) al_yaml_double(out, 2, "extrapolating_fraction", unknown);
    if (unknown > 0) {
        char text[160];
        snprintf(text, sizeof text, "the committee is above the trust window in %.2g %% of the samples: the potential does not know what these runs meet there",
                 100 * unknown);
        al_yaml_str(out, 2, "extrapolation", text);
    }
    if (p->nruns) {
        al_yaml_double(out, 2, "temperature_k", p->temperature);
        al_yaml_double(out, 2, "temperature_error_k", p->temperature_error);
        al_yaml_double(out, 2, "pressure_gpa", p->pressure);
        al_yaml_double(out, 2, "energy_drift_ev_per_atom_ps", p->drift);
        al_yaml_double(out, 2, "force_deviation_mean_ev_per_ang", p->deviation);
    }
    if (a->q[i].structure) approach_write(out, 2, &a->labels, a->q[i].structure->rdf);
    transport_write_point(out, 2, &a->t, &a->q[i]);
}

static enum al_err write_yaml(struct task *t, const struct analysis *a)
{
    char path[AL_PATH], framework[256];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s.yaml", t->id));
    AL_TRY(al_outfile_open(path, &o));
    if (task_note(t)) fprintf(o.out, "# %s\n", task_note(t));
    al_yaml_str(o.out, 0, "system", t->system);
    fprintf(o.out, "demonstration: %s\n", t->cfg->demonstration ? "true" : "false");
    al_yaml_str(o.out, 0, "species", al_element_symbol(a->t.options.mobile_z));
    transport_framework_text(&a->t, framework, sizeof framework);
    al_yaml_str(o.out, 0, "framework", framework);
    al_yaml_double(o.out, 0, "charge_e", a->t.charge);
    al_yaml_open(o.out, 0, "temperatures");
    for (int i = 0; i < a->t.n; i++)
        write_point(o.out, a, i);
    transport_write_fit(o.out, &a->t);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

static enum al_err point_facts(struct task *t, const struct analysis *a)
{
    for (int i = 0; i < a->t.n; i++) {
        const struct tr_diffusion *d = a->q[i].d;
        const struct structure *s = a->q[i].structure;
        char key[64];
        snprintf(key, sizeof key, "framework.%gK", a->p[i].nominal);
        if (s && s->framework) AL_TRY(task_fact_text(t, key, s->framework->verdict));
        if (!d) continue;
        snprintf(key, sizeof key, "d_cm2_per_s.%gK", a->p[i].nominal);
        if (d->diffusive) AL_TRY(task_fact_real(t, key, d->d));
        snprintf(key, sizeof key, "d_error_cm2_per_s.%gK", a->p[i].nominal);
        if (d->diffusive) AL_TRY(task_fact_real(t, key, d->d_error));
        snprintf(key, sizeof key, "d_below_cm2_per_s.%gK", a->p[i].nominal);
        if (!d->diffusive && isfinite(d->d_limit)) AL_TRY(task_fact_real(t, key, d->d_limit));
    }
    if (a->t.fitted) AL_TRY(task_fact_real(t, "activation_energy_ev", a->t.fit.ea));
    return AL_ERR_OK;
}

enum al_err verb_analyze(struct task *t)
{
    AL_AUTOFREE const char **ids = NULL;
    char prefix[AL_PATH];
    int n;
    AL_TRY(task_input_list(t, "produced", &ids, &n));
    AL_OWN(analysis) a = NULL;
    AL_ALLOC(a, 1);
    const struct cfg_production *c = &t->cfg->production;
    a->t = (struct transport){.options = {.mobile_z = al_element_z(c->mobile)}, .charge = c->mobile_charge, .title = t->system, .note = task_note(t),
                              .p = a->q};
    for (int i = 0; i < n; i++) {
        task_progress(t, i, n, "reading %s", ids[i]);
        AL_TRY(read_run(t, a, ids[i]));
    }
    for (int i = 0; i < a->t.n; i++) {
        struct transport_point *q = &a->q[i];
        if (q->nruns) AL_TRY(transport_diffuse(&a->t, q));
        else AL_TRY(no_run(&a->p[i], q));
    }
    AL_TRY(approach_read("data/train", &a->labels));
    AL_TRY(task_path(t, prefix, ""));
    AL_TRY(transport_structure(&a->t, t, prefix));
    transport_fit(&a->t);
    AL_TRY(transport_files(&a->t, t, prefix));
    AL_TRY(write_yaml(t, a));
    AL_TRY(point_facts(t, a));
    return AL_ERR_OK;
}
