// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/structure.h"

#include <math.h>

#include "base/mem.h"
#include "worker/transport.h"

struct job { // of one point
    const struct transport *t;
    const struct transport_point *p;
    struct task *task;
    const struct tr_traj *const *runs;
    int nruns;
    struct tr_species species;
    struct structure *s;
    char title[160];
};

static enum al_err file_of(const struct job *j, const char *name, char path[AL_PATH])
{
    return al_path(path, "%s/%s", j->s->dir, name);
}

static const char *title(struct job *j, const char *what)
{
    snprintf(j->title, sizeof j->title, "%s%s%s, %s", what, j->t->title[0] ? ", " : "", j->t->title, j->p->label);
    return j->title;
}

// e with the reason kept where it only says that the data do not allow it.
static enum al_err tolerate(struct job *j, enum structure_part part, enum al_err e)
{
    if (e == AL_ERR_INPUT) snprintf(j->s->why[part], sizeof j->s->why[part], "%s", al_err_message());
    return e == AL_ERR_INPUT ? AL_ERR_OK : e;
}

// --- the parts: analysis and files ---------------------------------------------------------------------

static enum al_err do_framework(struct job *j)
{
    char path[AL_PATH];
    struct tr_bond_options o = {.species = j->species};
    AL_TRY(tolerate(j, PART_FRAMEWORK, tr_framework_create(j->runs, j->nruns, &o, &j->s->framework)));
    if (!j->s->framework) return AL_ERR_OK;
    AL_ALLOC(j->s->of_run, j->nruns);
    j->s->nruns = j->nruns;
    for (int k = 0; k < j->nruns; k++)
        AL_TRY(tr_framework_create(j->runs + k, 1, &o, &j->s->of_run[k]));
    AL_TRY(file_of(j, "framework.csv", path));
    AL_TRY(tr_framework_write_csv(path, j->s->framework));
    AL_TRY(file_of(j, "framework.svg", path));
    AL_TRY(tr_plot_framework(path, title(j, "Motion of the framework"), j->t->note, j->s->framework));
    return AL_ERR_OK;
}

// From the lag where the ions' own MSD is diffusive; short, as the dipole is one particle: a tenth of what a block has.
static void collective_window(const struct job *j, struct tr_collective_options *o)
{
    const struct tr_diffusion *d = j->p->d;
    o->caged = d && !d->diffusive;
    if (!d || !d->diffusive) return;
    double total = d->total_time, to = fmin(d->fit_to, fmax(3.0 * d->fit_from, total / (40.0 * d->nruns)));
    if (total < 8.0 * to + 4.0 * d->dt) to = total / 8.0 - 4.0 * d->dt; // four blocks of twice the window
    if (to < 1.5 * d->fit_from) return;
    o->fit_from = d->fit_from;
    o->fit_to = to;
}

static enum al_err do_collective(struct job *j)
{
    char path[AL_PATH];
    struct tr_collective_options o = {.species = j->species};
    collective_window(j, &o);
    AL_TRY(tolerate(j, PART_COLLECTIVE, tr_collective_create(j->runs, j->nruns, &o, &j->s->collective)));
    if (!j->s->collective) return AL_ERR_OK;
    AL_TRY(file_of(j, "collective.csv", path));
    AL_TRY(tr_collective_write_csv(path, j->s->collective));
    AL_TRY(file_of(j, "collective.svg", path));
    AL_TRY(tr_plot_collective(path, title(j, "Single ions and charge dipole"), j->t->note, j->s->collective));
    AL_TRY(task_artifact(j->task, path));
    return AL_ERR_OK;
}

static enum al_err do_rdf(struct job *j)
{
    char path[AL_PATH];
    AL_TRY(tolerate(j, PART_RDF, tr_rdf_create(j->runs, j->nruns, &(struct tr_rdf_options){0}, &j->s->rdf)));
    if (!j->s->rdf) return AL_ERR_OK;
    AL_TRY(file_of(j, "rdf.csv", path));
    AL_TRY(tr_rdf_write_csv(path, j->s->rdf));
    AL_TRY(file_of(j, "rdf.svg", path));
    AL_TRY(tr_plot_rdf(path, title(j, "Radial distribution"), j->t->note, j->s->rdf));
    AL_TRY(task_artifact(j->task, path));
    return AL_ERR_OK;
}

static enum al_err do_vanhove(struct job *j)
{
    char path[AL_PATH];
    struct tr_vanhove_options o = {.species = j->species};
    AL_TRY(tolerate(j, PART_VANHOVE, tr_vanhove_create(j->runs, j->nruns, &o, &j->s->vanhove)));
    if (!j->s->vanhove) return AL_ERR_OK;
    const struct tr_vanhove *v = j->s->vanhove;
    AL_TRY(file_of(j, "vanhove.csv", path));
    AL_TRY(tr_vanhove_write_csv(path, v));
    AL_TRY(file_of(j, "alpha2.csv", path));
    AL_TRY(tr_alpha2_write_csv(path, v));
    AL_TRY(file_of(j, "vanhove-self.svg", path));
    AL_TRY(tr_plot_vanhove_self(path, title(j, "Van Hove function, self"), j->t->note, v));
    AL_TRY(file_of(j, "vanhove-distinct.svg", path));
    AL_TRY(tr_plot_vanhove_distinct(path, title(j, "Van Hove function, distinct"), j->t->note, v));
    AL_TRY(file_of(j, "alpha2.svg", path));
    AL_TRY(tr_plot_alpha2(path, title(j, "Non-Gaussian parameter"), j->t->note, v));
    return AL_ERR_OK;
}

static enum al_err do_density(struct job *j)
{
    char path[AL_PATH], what[48];
    struct tr_density_options o = {.species = j->species};
    AL_TRY(tolerate(j, PART_DENSITY, tr_density_create(j->runs, j->nruns, &o, &j->s->density)));
    if (!j->s->density) return AL_ERR_OK;
    AL_TRY(file_of(j, "density.cube", path));
    AL_TRY(tr_density_write_cube(path, j->s->density));
    AL_TRY(file_of(j, "density.csv", path));
    AL_TRY(tr_write_density(path, -1, j->s->density));
    AL_TRY(file_of(j, "density.svg", path));
    snprintf(what, sizeof what, "%s density", al_element_symbol(j->species.mobile_z));
    AL_TRY(tr_plot_density(path, title(j, what), j->t->note, -1, j->s->density));
    AL_TRY(task_artifact(j->task, path));
    return AL_ERR_OK;
}

static enum al_err do_sites(struct job *j)
{
    char path[AL_PATH];
    struct tr_sites_options o = {0};
    if (!j->s->density) {
        snprintf(j->s->why[PART_SITES], sizeof j->s->why[PART_SITES], "no density");
        return AL_ERR_OK;
    }
    AL_TRY(tolerate(j, PART_SITES, tr_sites_create(j->runs, j->nruns, &j->species, j->s->density, &o, &j->s->sites)));
    if (!j->s->sites) return AL_ERR_OK;
    AL_TRY(file_of(j, "sites.csv", path));
    AL_TRY(tr_sites_write_csv(path, j->s->sites));
    AL_TRY(file_of(j, "jumps.csv", path));
    AL_TRY(tr_jumps_write_csv(path, j->s->sites));
    AL_TRY(file_of(j, "jump-distances.csv", path));
    AL_TRY(tr_distances_write_csv(path, j->s->sites));
    if (!j->s->sites->njumps) return AL_ERR_OK;
    AL_TRY(file_of(j, "jumps.svg", path));
    AL_TRY(tr_plot_jumps(path, title(j, "Jumps between sites"), j->t->note, j->s->sites));
    return AL_ERR_OK;
}

static enum al_err do_rotation(struct job *j)
{
    char path[AL_PATH];
    struct tr_rotation_options o = {.bonds = {.species = j->species}};
    AL_TRY(tolerate(j, PART_ROTATION, tr_rotation_create(j->runs, j->nruns, &o, &j->s->rotation)));
    if (!j->s->rotation) return AL_ERR_OK;
    AL_TRY(file_of(j, "rotation.csv", path));
    AL_TRY(tr_rotation_write_csv(path, j->s->rotation));
    AL_TRY(file_of(j, "rotation.svg", path));
    AL_TRY(tr_plot_rotation(path, title(j, "Rotation of the anions"), j->t->note, j->s->rotation));
    return AL_ERR_OK;
}

static const struct {
    const char *name;
    enum al_err (*run)(struct job *j);
} parts[NPARTS] = {
    [PART_FRAMEWORK] = {"framework", do_framework}, [PART_COLLECTIVE] = {"collective", do_collective}, [PART_RDF] = {"rdf", do_rdf},
    [PART_VANHOVE] = {"van_hove", do_vanhove},      [PART_DENSITY] = {"density", do_density},          [PART_SITES] = {"sites", do_sites},
    [PART_ROTATION] = {"rotation", do_rotation},
};

// --- the whole -----------------------------------------------------------------------------------------

enum al_err structure_create(const struct transport *t, const struct transport_point *p, struct task *task, const char *prefix,
                             struct structure **ret)
{
    char label[64];
    bool chosen = false;
    AL_OWN(structure) s = NULL;
    AL_ALLOC(s, 1);
    transport_file_label(p, label);
    AL_TRY(al_path(s->dir, "%sstructure-%s", prefix, label));
    AL_TRY(al_mkdirs(s->dir));
    for (int z = 1; z <= AL_ZMAX; z++)
        chosen = chosen || t->options.framework[z];
    struct job j = {.t = t, .p = p, .task = task, .runs = (const struct tr_traj *const *)p->run, .nruns = p->nruns, .s = s,
                    .species = {.mobile_z = t->options.mobile_z, .framework = chosen ? t->options.framework : NULL}};
    for (int k = 0; k < NPARTS; k++) {
        task_progress(task, k, NPARTS, "%s, %s", parts[k].name, p->label);
        if (task_should_stop(task)) AL_FAIL(AL_ERR_STOPPED, "stopped before %s of %s", parts[k].name, p->label);
        AL_TRY_MSG(parts[k].run(&j), "%s of %s", parts[k].name, p->label);
    }
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void structure_destroy(struct structure **sp)
{
    struct structure *s = *sp;
    *sp = NULL;
    if (!s) return;
    for (int k = 0; s->of_run && k < s->nruns; k++)
        tr_framework_destroy(&s->of_run[k]);
    al_free(s->of_run);
    tr_framework_destroy(&s->framework);
    tr_collective_destroy(&s->collective);
    tr_rdf_destroy(&s->rdf);
    tr_vanhove_destroy(&s->vanhove);
    tr_density_destroy(&s->density);
    tr_sites_destroy(&s->sites);
    tr_rotation_destroy(&s->rotation);
    al_free(s);
}

static void write_framework(FILE *out, int depth, const struct structure *s)
{
    tr_framework_write_yaml(out, depth, s->framework);
    al_yaml_open(out, depth, "each_run");
    for (int k = 0; k < s->nruns; k++) {
        fprintf(out, "%*s- ", 2 * (depth + 1), "");
        al_yaml_quote(out, s->of_run[k]->verdict);
        fputc('\n', out);
    }
}

void structure_write(FILE *out, int depth, const struct transport *t, const struct transport_point *p, const struct structure *s)
{
    al_yaml_open(out, depth, "structure");
    al_yaml_str(out, depth + 1, "files", s->dir);
    for (int k = 0; k < NPARTS; k++) {
        al_yaml_open(out, depth + 1, parts[k].name);
        int d = depth + 2;
        if (s->why[k][0]) al_yaml_str(out, d, "not_determined", s->why[k]);
        else if (k == PART_FRAMEWORK) write_framework(out, d, s);
        else if (k == PART_COLLECTIVE) tr_collective_write_yaml(out, d, s->collective, t->charge, p->volume, p->volume > 0 ? p->temperature : 0);
        else if (k == PART_RDF) tr_rdf_write_yaml(out, d, s->rdf);
        else if (k == PART_VANHOVE) tr_vanhove_write_yaml(out, d, s->vanhove);
        else if (k == PART_DENSITY) tr_density_write_yaml(out, d, s->density);
        else if (k == PART_SITES) tr_sites_write_yaml(out, d, s->sites);
        else tr_rotation_write_yaml(out, d, s->rotation);
    }
}
