// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/mdrun.h"

#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "md/integrators.h"
#include "md/output.h"
#include "worker/registry.h"

static const double checkpoint_seconds = 20;

struct mdrun {
    struct task *t;
    const struct mdrun_settings *m;
    struct potential *p;
    struct md_output *traj, *thermo;
    mdrun_decorate decorate;
    void *ctx;
    double started;  // monotonic, s
    long first_step; // of this process; -1 before its first call
    long nsteps;
    long overflow_seen;
    struct { // restored with a checkpoint
        long frames, n;
        double volume, square;
        struct overflow overflow;
    } memory;
};

static void time_left(double s, char ret[32])
{
    long n = (long)(s + 0.5);
    if (n < 120) snprintf(ret, 32, "%ld s", n);
    else if (n < 7200) snprintf(ret, 32, "%ld min", n / 60);
    else snprintf(ret, 32, "%ld h %02ld min", n / 3600, n / 60 % 60);
}

static double seconds_per_step(const struct mdrun *x, long step)
{
    long n = step - x->first_step;
    return n > 0 ? (al_clock() - x->started) / (double)n : 0;
}

static double ns_per_day(const struct mdrun *x, double per_step)
{
    return per_step > 0 ? x->m->timestep * 1e-6 * 86400 / per_step : 0;
}

// Every step: progress and the volume.
static enum al_err on_step(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end, char reason[MD_TEXT])
{
    struct mdrun *x = ctx;
    char left[32];
    (void)ret_end;
    (void)reason;
    if (x->first_step < 0) {
        x->first_step = s->step;
        x->started = al_clock();
    }
    overflow_look(x->t, x->p, &x->memory.overflow, &x->overflow_seen);
    if (s->step > 0) {
        x->memory.n++;
        x->memory.volume += th->volume;
        x->memory.square += th->volume * th->volume;
    }
    double per = seconds_per_step(x, s->step);
    time_left(per * (double)(x->nsteps - s->step), left);
    if (per > 0)
        task_progress(x->t, s->step, x->nsteps, "T %.0f K, %.3g ns/day, %s left", th->temperature, ns_per_day(x, per), left);
    else
        task_progress(x->t, s->step, x->nsteps, "T %.0f K", th->temperature);
    return AL_ERR_OK;
}

static enum al_err on_thermo(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end,
                             char reason[MD_TEXT])
{
    struct mdrun *x = ctx;
    (void)s;
    (void)ret_end;
    (void)reason;
    AL_TRY(md_output_thermo(x->thermo, th));
    return AL_ERR_OK;
}

static enum al_err describe(const struct mdrun *x, struct al_frame *f, const struct md_state *s)
{
    char text[64];
    const char *fingerprint = registry_potential_fingerprint(x->p);
    snprintf(text, sizeof text, "%ld", s->step);
    AL_TRY(al_frame_info_set(f, "step", text));
    snprintf(text, sizeof text, "%.10g", s->time);
    AL_TRY(al_frame_info_set(f, "time", text));
    if (fingerprint) AL_TRY(al_frame_info_set(f, "fingerprint", fingerprint));
    if (x->m->labels && !fingerprint) AL_FAIL(AL_ERR_UNSUPPORTED, "frames of %s are no labels", x->m->potential);
    if (x->m->labels) {
        f->have &= ~(unsigned)AL_HAVE_VELOCITIES;
        snprintf(text, sizeof text, "%d", registry_potential_scf(x->p));
        AL_TRY(al_frame_info_set(f, "scf_iterations", text));
    }
    if (x->decorate) AL_TRY(x->decorate(x->ctx, f, s));
    return AL_ERR_OK;
}

static enum al_err on_frame(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end, char reason[MD_TEXT])
{
    struct mdrun *x = ctx;
    AL_OWN(al_frame) f = NULL;
    (void)th;
    (void)ret_end;
    (void)reason;
    if (s->step < x->m->first) return AL_ERR_OK;
    AL_TRY(al_frame_copy(s->f, &f));
    AL_TRY(describe(x, f, s));
    AL_TRY_MSG(al_xyz_write_frame(x->traj->out, f), "writing %s", x->traj->path);
    x->memory.frames++;
    return AL_ERR_OK;
}

static enum al_err open_integrator(const struct mdrun_settings *m, struct integrator **ret)
{
    const struct md_ensemble e = {
        .ensemble = m->ensemble,
        .thermostat = m->thermostat ? m->thermostat : "svr",
        .cell = m->cell ? m->cell : "isotropic",
        .o = {.heat = {.temperature = m->temperature,
                       .tau = m->tau,
                       .removed_dof = 3,
                       .ramp = {m->ramp ? m->time : 0, m->temperature_end, m->pressure_end}},
              .pressure = m->pressure,
              .tau = m->tau_p,
              .compressibility = MD_COMPRESSIBILITY,
              .volume = al_frame_volume(m->start)},
    };
    AL_TRY(md_ensemble_open(&e, ret));
    return AL_ERR_OK;
}

static enum al_err drop_history(const struct mdrun *x, long step)
{
    char path[AL_PATH];
    if (!(x->p->ops->caps & POT_HISTORY)) return AL_ERR_OK;
    AL_TRY(md_history_path(x->m->checkpoint, step, path));
    AL_TRY(x->p->ops->discard(x->p, path));
    return AL_ERR_OK;
}

static enum al_err run(struct mdrun *x, struct md_state *s, struct integrator *g, struct mdrun_result *ret)
{
    const struct mdrun_settings *m = x->m;
    // the memory is that of all three; one of them saves it
    struct md_observer obs[] = {{1, x, on_step, &x->memory, sizeof x->memory},
                                {x->p->ops->caps & POT_HISTORY ? 1 : m->stride, x, on_thermo, NULL, 0},
                                {m->stride, x, on_frame, NULL, 0}};
    struct md_output *outputs[] = {x->traj, x->thermo};
    // Plane waves that follow the cell make steps in the energy, of eV at a cut-off of demonstrations.
    const bool steps = (x->p->ops->caps & POT_HISTORY) && strcmp(m->ensemble, "npt") == 0;
    struct md_run_options o = {
        .nsteps = x->nsteps,
        .dt = m->timestep,
        .removed_dof = 3,
        .checkpoint = m->checkpoint,
        .checkpoint_interval = checkpoint_seconds,
        .identity = m->identity,
        .min_distance = x->t->cfg->select.min_distance / 2,
        .max_temperature = 10 * fmax(m->velocities, m->ramp ? m->temperature_end : 0) + 3000,
        .max_energy_change = steps ? 0 : MD_MAX_ENERGY_CHANGE,
        .max_volume_change = MD_MAX_VOLUME_CHANGE,
        .check_stop = task_should_stop,
        .stop_ctx = x->t,
        .observers = obs,
        .nobservers = 3,
        .outputs = outputs,
        .noutputs = 2,
    };
    AL_TRY(md_run(&o, s, x->p, g, &ret->md));
    long outside = registry_potential_outside(x->p);
    if (outside > 0)
        al_log(AL_LOG_WARN, "worker", "ev=outside_tables inputs=%ld note=\"atoms closer than in training; nets evaluated there\"",
               outside);
    if (m->labels) AL_TRY(drop_history(x, s->step)); // large, and this run goes no further
    ret->frames = x->memory.frames;
    ret->overflow = x->memory.overflow;
    double n = (double)x->memory.n;
    ret->volume = n > 0 ? x->memory.volume / n : 0;
    ret->volume_std = n > 0 ? sqrt(fmax(x->memory.square / n - ret->volume * ret->volume, 0)) : 0;
    ret->seconds_per_step = x->first_step >= 0 ? seconds_per_step(x, s->step) : 0;
    ret->ns_per_day = ns_per_day(x, ret->seconds_per_step);
    return AL_ERR_OK;
}

static enum al_err drive(struct mdrun *x, struct mdrun_result *ret)
{
    const struct mdrun_settings *m = x->m;
    AL_OWN(md_state) s = NULL;
    AL_OWN(md_output) traj = NULL;
    AL_OWN(md_output) thermo = NULL;
    __attribute__((cleanup(integrator_destroy))) struct integrator *g = NULL;
    struct al_rng rng;
    AL_TRY(open_integrator(m, &g));
    al_rng_stream(&rng, x->t->cfg->seed, m->purpose, m->stream[0], m->stream[1], 0);
    AL_TRY(md_state_create(m->start, &rng, &s));
    s->f->have &= AL_HAVE_VELOCITIES;
    AL_TRY(md_velocities_draw(s, m->velocities, 3, true));
    AL_TRY(md_output_create(m->trajectory, &traj));
    AL_TRY(md_output_create(m->thermo, &thermo));
    x->traj = traj;
    x->thermo = thermo;
    AL_TRY(run(x, s, g, ret));
    return AL_ERR_OK;
}

static void comm_owner_destroy(struct comm **c)
{
    comm_destroy(c);
}

enum al_err mdrun(struct task *t, const struct mdrun_settings *m, mdrun_decorate decorate, void *ctx, struct mdrun_result *ret)
{
    __attribute__((cleanup(comm_owner_destroy))) struct comm *world = NULL;
    __attribute__((cleanup(potential_destroy))) struct potential *p = NULL;
    *ret = (struct mdrun_result){0};
    AL_TRY(comm_world(&world));
    AL_TRY_ALL(world, registry_potential_open(t->cfg, m->potential, world, &p));
    if (world->rank != 0) {
        AL_TRY(registry_potential_serve(p));
        return AL_ERR_OK;
    }
    struct mdrun x = {.t = t, .m = m, .p = p, .decorate = decorate, .ctx = ctx, .first_step = -1,
                      .nsteps = (long)(m->time / m->timestep + 0.5)};
    AL_TRY(drive(&x, ret));
    return AL_ERR_OK;
}
