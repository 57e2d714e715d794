// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb produce: NVT equilibration, then NVE, of one system at one temperature. The committee's first member moves the atoms; the
// model deviation of all members is watched on the way.
#include <math.h>

#include "base/mem.h"
#include "base/units.h"
#include "committee/committee.h"
#include "md/integrators.h"
#include "md/md.h"
#include "md/output.h"
#include "worker/task.h"

enum { DEVIATION_EVERY = 10 /* frames of the trajectory */ };

struct produce {
    struct task *t;
    struct committee *committee;
    struct md_output *traj, *thermo;
    const char *stage;
    long nsteps;
    struct { // restored with a checkpoint
        long frames, samples;
        double sum, max;
    } memory;
};

static enum al_err on_frame(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end,
                            char reason[MD_TEXT])
{
    struct produce *x = ctx;
    (void)ret_end;
    (void)reason;
    if (x->memory.frames % DEVIATION_EVERY == 0) {
        struct deviation d = {0};
        AL_TRY(committee_eval(x->committee, s->f, &d, NULL));
        x->memory.sum += d.max_f;
        x->memory.samples++;
        if (d.max_f > x->memory.max) x->memory.max = d.max_f;
    }
    x->memory.frames++;
    AL_TRY(md_output_frame(x->traj, s, false));
    AL_TRY(md_output_thermo(x->thermo, th));
    task_progress(x->t, s->step, x->nsteps, "%s %g K %s T %.0f K", x->t->system, x->t->temperature, x->stage, th->temperature);
    return AL_ERR_OK;
}

static enum al_err on_equilibration(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end,
                                    char reason[MD_TEXT])
{
    struct produce *x = ctx;
    (void)ret_end;
    (void)reason;
    task_progress(x->t, s->step, x->nsteps, "%s %g K %s T %.0f K", x->t->system, x->t->temperature, x->stage, th->temperature);
    return AL_ERR_OK;
}

static struct md_run_options run_options(const struct task *t, long nsteps, const char *checkpoint)
{
    return (struct md_run_options){
        .nsteps = nsteps,
        .dt = t->cfg->production.timestep,
        .removed_dof = 3,
        .checkpoint = checkpoint,
        .checkpoint_interval = 30,
        .identity = t->identity,
        .min_distance = t->cfg->select.min_distance,
        .max_temperature = 10 * t->temperature + 3000,
        .check_stop = task_should_stop,
        .stop_ctx = (void *)(uintptr_t)t,
    };
}

static enum al_err start_state(const struct task *t, const char *start, struct md_state **ret)
{
    AL_OWN(al_frames) base = NULL;
    AL_OWN(al_frame) cell = NULL;
    struct al_rng rng;
    AL_TRY(al_xyz_read(start, &base));
    if (!base->n) AL_FAIL(AL_ERR_CORRUPT, "%s has no frame", start);
    // replicas go through the arrangements in turn
    AL_TRY(al_frame_supercell(base->f[t->index % base->n], t->cfg->production.supercell, &cell));
    al_rng_stream(&rng, t->cfg->seed, "produce", (uint64_t)t->isystem, (uint64_t)(t->temperature * 1000), (uint64_t)t->index);
    AL_TRY(md_state_create(cell, &rng, ret));
    AL_TRY(md_velocities_draw(*ret, 2 * t->temperature, 3, true));
    return AL_ERR_OK;
}

static enum al_err equilibrate(struct produce *x, struct md_state *s, struct md_result *ret)
{
    const struct cfg_production *c = &x->t->cfg->production;
    char path[AL_PATH];
    struct md_thermostat th = {x->t->temperature, x->t->cfg->explore.tau, 3};
    AL_TRY(task_path(x->t, path, "equilibration.bin"));
    struct md_run_options o = run_options(x->t, (long)(c->equilibration / c->timestep + 0.5), path);
    struct md_observer obs = {.stride = c->stride, .ctx = x, .observe = on_equilibration};
    o.observers = &obs;
    o.nobservers = 1;
    x->stage = "NVT";
    x->nsteps = o.nsteps;
    struct integrator *g = NULL;
    AL_TRY(md_svr_open(&th, &g));
    enum al_err e = md_run(&o, s, committee_leader(x->committee), g, ret);
    integrator_destroy(&g);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err run_nve(struct produce *x, struct md_state *s, struct md_result *ret)
{
    const struct cfg_production *c = &x->t->cfg->production;
    char path[AL_PATH];
    AL_TRY(task_path(x->t, path, "checkpoint.bin"));
    struct md_run_options o = run_options(x->t, (long)(c->time / c->timestep + 0.5), path);
    struct md_observer obs = {c->stride, x, on_frame, &x->memory, sizeof x->memory};
    struct md_output *outputs[] = {x->traj, x->thermo};
    o.observers = &obs;
    o.nobservers = 1;
    o.outputs = outputs;
    o.noutputs = 2;
    x->stage = "NVE";
    x->nsteps = o.nsteps;
    struct integrator *g = NULL;
    AL_TRY(md_nve_open(&g));
    enum al_err e = md_run(&o, s, committee_leader(x->committee), g, ret);
    integrator_destroy(&g);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err facts(struct task *t, const struct produce *x, const struct md_result *r)
{
    char ended[MD_TEXT + 64];
    snprintf(ended, sizeof ended, "%s: %s after %ld steps", x->stage, r->text, r->steps);
    AL_TRY(task_fact_real(t, "temperature", r->temperature));
    AL_TRY(task_fact_real(t, "temperature_std", r->temperature_std));
    AL_TRY(task_fact_real(t, "drift_ev_per_atom_ps", r->drift));
    AL_TRY(task_fact_real(t, "fluctuation_ev_per_atom", r->fluctuation));
    AL_TRY(task_fact_real(t, "pressure_gpa", r->pressure));
    AL_TRY(task_fact_real(t, "deviation_mean", x->memory.samples ? x->memory.sum / (double)x->memory.samples : (double)NAN));
    AL_TRY(task_fact_real(t, "deviation_max", x->memory.max));
    AL_TRY(task_fact_int(t, "frames", x->memory.frames));
    AL_TRY(task_fact_int(t, "steps", r->steps));
    AL_TRY(task_fact_text(t, "ended", r->end == MD_END_DONE ? "all steps done" : ended));
    return AL_ERR_OK;
}

enum al_err verb_produce(struct task *t)
{
    AL_AUTOFREE const char **models = NULL;
    const char *start;
    char path[AL_PATH];
    int n;
    AL_TRY(task_input_list(t, "models", &models, &n));
    AL_TRY(task_input(t, "start", &start));
    AL_OWN(committee) committee = NULL;
    AL_OWN(md_state) s = NULL;
    AL_OWN(md_output) traj = NULL;
    AL_OWN(md_output) thermo = NULL;
    AL_TRY(committee_open(models, n, &committee));
    AL_TRY(start_state(t, start, &s));
    AL_TRY(task_path(t, path, "traj.extxyz"));
    AL_TRY(md_output_create(path, &traj));
    AL_TRY(task_path(t, path, "thermo.out"));
    AL_TRY(md_output_create(path, &thermo));
    struct produce x = {.t = t, .committee = committee, .traj = traj, .thermo = thermo};
    struct md_result r = {0};
    AL_TRY(equilibrate(&x, s, &r));
    if (r.end == MD_END_DONE) {
        s->step = 0; // production counts from here
        s->time = 0;
        s->bath = 0;
        AL_TRY(run_nve(&x, s, &r));
    } else { // a potential that does not hold the system is a finding, which the analysis reports; the other runs go on
        AL_TRY(al_file_write(traj->path, "", 0));
        AL_TRY(al_file_write(thermo->path, "", 0));
    }
    AL_TRY(task_artifact(t, traj->path));
    AL_TRY(task_artifact(t, thermo->path));
    AL_TRY(facts(t, &x, &r));
    return AL_ERR_OK;
}
