// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb volume: NPT (isotropic) of production's supercell at one temperature with the committee's first member; the mean of the second
// half is the volume of all production runs there (volume.yaml).
#include <math.h>

#include "base/mem.h"
#include "worker/nnmd.h"
#include "worker/series.h"

enum { SAMPLE_EVERY = 10 /* steps */ };

struct volume {
    struct task *t;
    struct md_output *thermo;
    double start; // Ang^3
    long nsteps;
};

static enum al_err on_sample(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end, char reason[MD_TEXT])
{
    struct volume *x = ctx;
    double ratio = th->volume / x->start;
    AL_TRY(md_output_thermo(x->thermo, th));
    if (!(ratio > 0.5 && ratio < 2)) {
        *ret_end = true;
        snprintf(reason, MD_TEXT, "the cell has %.2f times its first volume: this potential has no solid of this density", ratio);
    }
    task_progress(x->t, s->step, x->nsteps, "%s %g K NPT volume %.4f of the start", x->t->system, x->t->temperature, ratio);
    return AL_ERR_OK;
}

// Second half of the run: volume, pressure and temperature.
struct means {
    struct series volume, pressure, temperature;
};

static enum al_err take_means(const char *path, struct means *ret)
{
    AL_AUTOFREE struct md_thermo *th = NULL;
    AL_AUTOFREE double *x = NULL;
    int n;
    AL_TRY(md_thermo_read(path, &th, &n));
    int first = (n + 1) / 2, half = n - first;
    AL_ALLOC(x, half + 1);
    for (int k = 0; k < 3; k++) {
        struct series *s[] = {&ret->volume, &ret->pressure, &ret->temperature};
        for (int i = 0; i < half; i++) {
            const struct md_thermo *row = &th[first + i];
            x[i] = k == 0 ? row->volume : k == 1 ? row->pressure : row->temperature;
        }
        AL_TRY(series_of(half, x, s[k]));
    }
    return AL_ERR_OK;
}

// The same numbers as facts and as volume.yaml, which the production runs read.
static enum al_err report(struct task *t, const struct volume *x, const struct md_result *r, const struct means *m)
{
    const double v = m->volume.mean;
    const struct {
        const char *key;
        double value;
    } row[] = {
        {"volume_ang3", v},
        {"volume_error_ang3", m->volume.error},
        {"volume_start_ang3", x->start},
        {"expansion", v / x->start - 1},
        {"scale", cbrt(v / x->start)},
        {"samples", m->volume.n},
        {"correlation_time_fs", m->volume.tau * SAMPLE_EVERY * t->cfg->production.timestep},
        {"temperature", m->temperature.mean},
        {"temperature_error", m->temperature.error},
        {"pressure_gpa", m->pressure.mean},
        {"pressure_error_gpa", m->pressure.error},
        {"pressure_wanted_gpa", t->cfg->production.pressure},
    };
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(task_path(t, path, "volume.yaml"));
    AL_TRY(al_outfile_open(path, &o));
    if (task_note(t)) fprintf(o.out, "# %s\n", task_note(t));
    al_yaml_str(o.out, 0, "ended", r->text);
    AL_TRY(task_fact_text(t, "ended", r->text));
    al_yaml_int(o.out, 0, "steps", r->steps);
    AL_TRY(task_fact_int(t, "steps", r->steps));
    for (size_t i = 0; i < sizeof row / sizeof row[0] && r->end == MD_END_DONE; i++) {
        al_yaml_double(o.out, 0, row[i].key, row[i].value);
        AL_TRY(task_fact_real(t, row[i].key, row[i].value));
    }
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

enum al_err verb_volume(struct task *t)
{
    const struct cfg_production *c = &t->cfg->production;
    const uint64_t key[3] = {(uint64_t)t->isystem, (uint64_t)(t->temperature * 1000), 0};
    AL_OWN(nnmd) n = NULL;
    AL_OWN(md_output) thermo = NULL;
    AL_TRY(nnmd_open(t, c->precision, c->supercell, 0, "volume", key, &n));
    if (n->world->rank != 0) return nnmd_serve(n);
    n->pressure = c->pressure;
    n->tau_p = c->tau_p;
    AL_TRY(nnmd_output(t, "thermo.out", &thermo));
    struct volume x = {.t = t, .thermo = thermo, .start = al_frame_volume(n->s->f)};
    struct md_observer obs = {.stride = SAMPLE_EVERY, .ctx = &x, .observe = on_sample};
    struct nnmd_run run = {.ensemble = "npt", .engine = c->engine, .checkpoint = "checkpoint.bin", .time = c->volume_time,
                           .timestep = c->timestep, .observer = &obs, .outputs = &thermo, .noutputs = 1};
    struct md_result r;
    struct means m = {0};
    x.nsteps = nnmd_steps(&run);
    AL_TRY(nnmd_run(n, &run, &r));
    if (r.end == MD_END_DONE) AL_TRY(take_means(thermo->path, &m));
    AL_TRY(report(t, &x, &r, &m));
    AL_TRY(task_artifact(t, thermo->path));
    AL_TRY(overflow_facts(t, &n->overflow));
    AL_TRY(nnmd_clean(n));
    return AL_ERR_OK;
}
