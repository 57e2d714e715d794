// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb analyze: diffusion of one system from its production runs: MSD and D at each temperature (replicas together, error bars from
// blocks), Arrhenius fit where two temperatures or more are diffusive, Nernst-Einstein conductivity. Files under
// transport/SYSTEM/: msd.svg, arrhenius.svg, msd-TTTK.csv; and transport/SYSTEM.yaml.
#include <math.h>
#include <stdlib.h>

#include "base/dcd.h"
#include "base/mem.h"
#include "transport/arrhenius.h"
#include "transport/msd.h"
#include "transport/plots.h"
#include "worker/prun.h"
#include "worker/task.h"

enum { MOBILE_Z = 3 /* Li */, MAX_RUNS = 64 };

struct point { // one temperature
    double nominal, temperature, pressure, drift, deviation; // K, K (mean of the NVE runs), GPa, eV/atom/ps, eV/Ang
    double volume;
    double temperature_error; // K, of the mean over the runs
    struct prun run[MAX_RUNS]; // what each production run says of itself, those that ended early included
    int nrun;
    struct al_frames *fs[MAX_RUNS];
    int nruns, nended;       // complete runs; runs that ended early and are not used
    char ended[AL_ERR_TEXT]; // why the last of those ended
    struct tr_diffusion *d; // NULL: run too short to say anything
    char why[AL_ERR_TEXT];
};

struct analysis {
    int npoints;
    struct point p[CFG_MAX_LIST];
};

static void analysis_destroy(struct analysis **ap)
{
    struct analysis *a = *ap;
    *ap = NULL;
    if (!a) return;
    for (int i = 0; i < a->npoints; i++) {
        for (int k = 0; k < a->p[i].nruns; k++)
            al_frames_destroy(&a->p[i].fs[k]);
        tr_diffusion_destroy(&a->p[i].d);
    }
    al_free(a);
}

static struct point *point_of(struct analysis *a, double nominal)
{
    for (int i = 0; i < a->npoints; i++)
        if (a->p[i].nominal == nominal) return &a->p[i];
    if (a->npoints == CFG_MAX_LIST) return NULL;
    struct point *p = &a->p[a->npoints++];
    p->nominal = nominal;
    return p;
}

// Adds the run of one produce task to its temperature.
static enum al_err read_run(struct analysis *a, const char *id)
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
    struct point *p = point_of(a, nominal);
    if (!p || p->nruns == MAX_RUNS) AL_FAIL(AL_ERR_UNSUPPORTED, "more runs or temperatures than fit (%d)", MAX_RUNS);
    if (p->nrun < MAX_RUNS) AL_TRY(prun_read(id, f, &p->run[p->nrun++]));
    const char *ended = al_node_str(f, "ended", "");
    if (strcmp(ended, "all steps done") != 0) {
        p->nended++;
        snprintf(p->ended, sizeof p->ended, "%s", ended);
        return AL_ERR_OK;
    }
    AL_TRY(al_path(path, "%s/traj.dcd", id)); // production.format
    if (!al_exists(path)) AL_TRY(al_path(path, "%s/traj.extxyz", id));
    AL_TRY(al_frames_read(path, &p->fs[p->nruns]));
    double n = ++p->nruns;
    p->temperature += (al_node_double(f, "temperature", NAN) - p->temperature) / n;
    double error = al_node_double(f, "temperature_error", NAN);
    p->temperature_error = sqrt(p->temperature_error * p->temperature_error * (n - 1) * (n - 1) + error * error) / n;
    p->pressure += (al_node_double(f, "pressure_gpa", NAN) - p->pressure) / n;
    p->drift += (al_node_double(f, "drift_ev_per_atom_ps", NAN) - p->drift) / n;
    p->deviation += (al_node_double(f, "deviation_mean", NAN) - p->deviation) / n;
    p->volume = p->fs[0]->n ? al_frame_volume(p->fs[0]->f[0]) : 0;
    return AL_ERR_OK;
}

static enum al_err diffuse(const struct task *t, struct point *p)
{
    const struct cfg_production *c = &t->cfg->production;
    struct tr_run runs[MAX_RUNS];
    struct tr_options o = {.mobile_z = MOBILE_Z};
    for (int k = 0; k < p->nruns; k++)
        runs[k] = (struct tr_run){p->fs[k], c->timestep * c->stride};
    if (!p->nruns) {
        snprintf(p->why, sizeof p->why, "no run was completed: %.400s", p->ended);
        return AL_ERR_OK;
    }
    enum al_err e = tr_diffusion_create(runs, p->nruns, &o, &p->d);
    if (e == AL_ERR_INPUT) { // e.g. too short for blocks: reported, not fatal
        snprintf(p->why, sizeof p->why, "%s", al_err_message());
        return AL_ERR_OK;
    }
    AL_TRY(e);
    char path[AL_PATH], name[64];
    snprintf(name, sizeof name, "msd-%gK.csv", p->nominal);
    AL_TRY(task_path(t, path, name));
    AL_TRY(tr_msd_write_csv(path, p->d));
    return AL_ERR_OK;
}

static enum al_err fit(const struct analysis *a, struct tr_arrhenius *ret, bool *ret_ok)
{
    double temperature[CFG_MAX_LIST], d[CFG_MAX_LIST], error[CFG_MAX_LIST];
    int n = 0;
    for (int i = 0; i < a->npoints; i++) {
        const struct point *p = &a->p[i];
        if (!p->d || !p->d->diffusive || !(p->d->d > 0) || !(p->d->d_error > 0)) continue;
        temperature[n] = p->temperature;
        d[n] = p->d->d;
        error[n++] = p->d->d_error;
    }
    *ret_ok = n >= 2 && tr_arrhenius_fit(n, temperature, d, error, ret) == AL_ERR_OK;
    return AL_ERR_OK;
}

static enum al_err plots(struct task *t, const struct analysis *a, const struct tr_arrhenius *arr)
{
    struct tr_labelled run[CFG_MAX_LIST];
    char label[CFG_MAX_LIST][96], path[AL_PATH], title[128];
    double temperature[CFG_MAX_LIST], d[CFG_MAX_LIST], error[CFG_MAX_LIST];
    bool diffusive[CFG_MAX_LIST];
    int n = 0, m = 0;
    for (int i = 0; i < a->npoints; i++) {
        const struct point *p = &a->p[i];
        if (!p->d) continue;
        snprintf(label[n], sizeof label[n], "%s %g K", t->system, p->nominal);
        run[n] = (struct tr_labelled){label[n], p->d};
        n++;
        if (p->d->d > 0) {
            temperature[m] = p->temperature;
            d[m] = p->d->d;
            error[m] = p->d->d_error;
            diffusive[m++] = p->d->diffusive;
        }
    }
    snprintf(title, sizeof title, "Li mean-square displacement, %s", t->system);
    if (n) {
        AL_TRY(task_path(t, path, "msd.svg"));
        AL_TRY(tr_plot_msd(path, title, task_note(t), false, n, run));
        AL_TRY(task_artifact(t, path));
    }
    if (m) {
        struct tr_arrhenius_series s = {t->system, m, temperature, d, error, diffusive, arr};
        snprintf(title, sizeof title, "Li diffusion, %s", t->system);
        AL_TRY(task_path(t, path, "arrhenius.svg"));
        AL_TRY(tr_plot_arrhenius(path, title, task_note(t), 1, &s));
        AL_TRY(task_artifact(t, path));
    }
    return AL_ERR_OK;
}

static void write_point(FILE *out, const struct point *p)
{
    fprintf(out, "  - nominal_temperature_k: %g\n", p->nominal);
    al_yaml_int(out, 2, "runs", p->nruns);
    al_yaml_int(out, 2, "runs_ended_early", p->nended);
    if (p->nended) al_yaml_str(out, 2, "ended", p->ended);
    prun_write(out, p->nrun, p->run);
    if (!p->nruns) {
        al_yaml_str(out, 2, "diffusion", "not determined");
        al_yaml_str(out, 2, "reason", p->why);
        return;
    }
    al_yaml_double(out, 2, "temperature_k", p->temperature);
    al_yaml_double(out, 2, "temperature_error_k", p->temperature_error);
    al_yaml_double(out, 2, "pressure_gpa", p->pressure);
    al_yaml_double(out, 2, "energy_drift_ev_per_atom_ps", p->drift);
    al_yaml_double(out, 2, "force_deviation_mean_ev_per_ang", p->deviation);
    if (!p->d) {
        al_yaml_str(out, 2, "diffusion", "not determined");
        al_yaml_str(out, 2, "reason", p->why);
        return;
    }
    const struct tr_diffusion *d = p->d;
    al_yaml_double(out, 2, "d_cm2_per_s", d->d);
    al_yaml_double(out, 2, "d_error_cm2_per_s", d->d_error);
    al_yaml_double(out, 2, "d_low95_cm2_per_s", d->d_low);
    al_yaml_double(out, 2, "d_high95_cm2_per_s", d->d_high);
    fprintf(out, "    d_xyz_cm2_per_s: [%.6g, %.6g, %.6g]\n", d->d_axis[0], d->d_axis[1], d->d_axis[2]);
    al_yaml_double(out, 2, "fit_from_fs", d->fit_from);
    al_yaml_double(out, 2, "fit_to_fs", d->fit_to);
    al_yaml_double(out, 2, "loglog_slope", d->slope);
    fprintf(out, "    diffusive: %s\n", d->diffusive ? "true" : "false");
    al_yaml_str(out, 2, "regime", d->regime);
    al_yaml_int(out, 2, "mobile_ions", d->nions);
    al_yaml_int(out, 2, "blocks", d->nblocks);
    if (d->d > 0) // a negative slope is noise around zero, not a conductivity
        al_yaml_double(out, 2, "conductivity_nernst_einstein_s_per_cm",
                       tr_conductivity(d->d, d->nions, p->volume, p->temperature, 1.0));
}

static enum al_err write_yaml(struct task *t, const struct analysis *a, const struct tr_arrhenius *arr)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s.yaml", t->id));
    AL_TRY(al_outfile_open(path, &o));
    if (task_note(t)) fprintf(o.out, "# %s\n", task_note(t));
    al_yaml_str(o.out, 0, "system", t->system);
    fprintf(o.out, "demonstration: %s\n", t->cfg->demonstration ? "true" : "false");
    al_yaml_str(o.out, 0, "species", al_element_symbol(MOBILE_Z));
    al_yaml_open(o.out, 0, "temperatures");
    for (int i = 0; i < a->npoints; i++)
        write_point(o.out, &a->p[i]);
    if (arr) {
        double d, low, high;
        tr_arrhenius_at(arr, 300, &d, &low, &high);
        al_yaml_open(o.out, 0, "arrhenius");
        al_yaml_int(o.out, 1, "points", arr->n);
        al_yaml_double(o.out, 1, "activation_energy_ev", arr->ea);
        al_yaml_double(o.out, 1, "activation_energy_error_ev", arr->ea_error);
        al_yaml_double(o.out, 1, "d0_cm2_per_s", arr->d0);
        al_yaml_double(o.out, 1, "d_300k_cm2_per_s", d);
        al_yaml_double(o.out, 1, "d_300k_low95", low);
        al_yaml_double(o.out, 1, "d_300k_high95", high);
        const struct point *p = &a->p[0];
        int nions = p->d ? p->d->nions : 0;
        al_yaml_double(o.out, 1, "conductivity_300k_s_per_cm", tr_conductivity(d, nions, p->volume, 300, 1.0));
        if (arr->n == 2) al_yaml_str(o.out, 1, "note", "two temperatures: a line through two points, no test of its straightness");
    } else {
        al_yaml_str(o.out, 0, "arrhenius", "not determined: fewer than two temperatures in the diffusive regime");
    }
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

static enum al_err point_facts(struct task *t, const struct analysis *a, const struct tr_arrhenius *arr)
{
    for (int i = 0; i < a->npoints; i++) {
        const struct point *p = &a->p[i];
        char key[64];
        if (!p->d) continue;
        snprintf(key, sizeof key, "d_cm2_per_s.%gK", p->nominal);
        AL_TRY(task_fact_real(t, key, p->d->d));
        snprintf(key, sizeof key, "d_error_cm2_per_s.%gK", p->nominal);
        AL_TRY(task_fact_real(t, key, p->d->d_error));
    }
    if (arr) AL_TRY(task_fact_real(t, "activation_energy_ev", arr->ea));
    return AL_ERR_OK;
}

enum al_err verb_analyze(struct task *t)
{
    AL_AUTOFREE const char **ids = NULL;
    int n;
    AL_TRY(task_input_list(t, "produced", &ids, &n));
    AL_OWN(analysis) a = NULL;
    AL_ALLOC(a, 1);
    for (int i = 0; i < n; i++) {
        task_progress(t, i, n, "reading %s", ids[i]);
        AL_TRY(read_run(a, ids[i]));
    }
    for (int i = 0; i < a->npoints; i++)
        AL_TRY(diffuse(t, &a->p[i]));
    struct tr_arrhenius arr;
    bool ok;
    AL_TRY(fit(a, &arr, &ok));
    AL_TRY(plots(t, a, ok ? &arr : NULL));
    AL_TRY(write_yaml(t, a, ok ? &arr : NULL));
    AL_TRY(point_facts(t, a, ok ? &arr : NULL));
    return AL_ERR_OK;
}
