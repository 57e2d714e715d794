// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb produce: NVT equilibration, then NVE, of one system at one temperature. The committee's first member moves the atoms; the
// model deviation of all members is watched on the way.
#include <math.h>

#include "base/mem.h"
#include "worker/nnmd.h"

enum { DEVIATION_EVERY = 10 /* frames of the trajectory */ };

struct produce {
    struct task *t;
    struct nnmd *n;
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
        AL_TRY(nnmd_deviation(x->n, &d));
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

static enum al_err equilibrate(struct produce *x, struct nnmd *n, struct md_result *ret)
{
    const struct cfg_production *c = &x->t->cfg->production;
    struct md_observer obs = {.stride = c->stride, .ctx = x, .observe = on_equilibration};
    struct nnmd_run run = {"nvt", "equilibration.bin", c->equilibration, c->timestep, &obs, NULL, 0};
    x->stage = "NVT";
    x->nsteps = nnmd_steps(&run);
    AL_TRY(nnmd_run(n, &run, ret));
    return AL_ERR_OK;
}

static enum al_err run_nve(struct produce *x, struct nnmd *n, struct md_result *ret)
{
    const struct cfg_production *c = &x->t->cfg->production;
    struct md_observer obs = {c->stride, x, on_frame, &x->memory, sizeof x->memory};
    struct md_output *outputs[] = {x->traj, x->thermo};
    struct nnmd_run run = {"nve", "checkpoint.bin", c->time, c->timestep, &obs, outputs, 2};
    x->stage = "NVE";
    x->nsteps = nnmd_steps(&run);
    n->s->step = 0; // production counts from here
    n->s->time = 0;
    n->s->bath = 0;
    AL_TRY(nnmd_run(n, &run, ret));
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
    if (r->history_lost) AL_TRY(task_fact_int(t, "history_lost", 1));
    AL_TRY(task_fact_text(t, "ended", r->end == MD_END_DONE ? "all steps done" : ended));
    return AL_ERR_OK;
}

static enum al_err open_trajectory(const struct task *t, const struct nnmd *n, struct md_output **ret)
{
    const struct cfg_production *c = &t->cfg->production;
    const struct al_frame *f = n->s->f;
    char path[AL_PATH];
    if (strcmp(c->format, "extxyz") == 0) {
        AL_TRY(nnmd_output(t, "traj.extxyz", ret));
        return AL_ERR_OK;
    }
    struct al_dcd_spec spec = {f->natoms, f->pbc, c->timestep, 0, c->stride};
    AL_TRY(task_path(t, path, "traj.dcd"));
    AL_TRY(md_output_create_dcd(path, &spec, ret));
    AL_TRY(md_output_topology(path, f));
    return AL_ERR_OK;
}

enum al_err verb_produce(struct task *t)
{
    const uint64_t key[3] = {(uint64_t)t->isystem, (uint64_t)(t->temperature * 1000), (uint64_t)t->index};
    AL_OWN(nnmd) n = NULL;
    AL_OWN(md_output) traj = NULL;
    AL_OWN(md_output) thermo = NULL;
    // replicas go through the arrangements in turn
    AL_TRY(nnmd_open(t, t->cfg->production.precision, t->cfg->production.supercell, t->index, "produce", key, &n));
    if (n->world->rank != 0) return nnmd_serve(n);
    AL_TRY(open_trajectory(t, n, &traj));
    AL_TRY(nnmd_output(t, "thermo.out", &thermo));
    struct produce x = {.t = t, .n = n, .traj = traj, .thermo = thermo};
    struct md_result r = {0};
    AL_TRY(equilibrate(&x, n, &r));
    if (r.end == MD_END_DONE) {
        AL_TRY(run_nve(&x, n, &r));
    } else { // a potential that does not hold the system is a finding, which the analysis reports; the other runs go on
        AL_TRY(al_file_write(traj->path, "", 0));
        AL_TRY(al_file_write(thermo->path, "", 0));
    }
    AL_TRY(task_artifact(t, traj->path));
    if (traj->is_dcd) {
        char path[AL_PATH];
        AL_TRY(task_path(t, path, AL_DCD_TOPOLOGY));
        AL_TRY(task_artifact(t, path));
    }
    AL_TRY(task_artifact(t, thermo->path));
    AL_TRY(facts(t, &x, &r));
    AL_TRY(overflow_facts(t, &n->overflow));
    return AL_ERR_OK;
}
