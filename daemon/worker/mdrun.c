// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/mdrun.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "comm/comm.h"
#include "md/integrators.h"
#include "md/output.h"
#include "worker/deaths.h"
#include "worker/registry.h"

static const double checkpoint_seconds = 20;

struct mdrun_shared { // of runs at the same time
    pthread_mutex_t lock;
    long done, total, ran; // steps: of all the runs' lengths; of this process
    double started;        // monotonic, s; 0: not yet
};

struct mdrun {
    struct task *t;
    struct mdrun_shared *all;
    long told; // of its steps, what is in all->done
    const struct mdrun_settings *m;
    struct potential *p;
    struct md_output *traj, *dcd, *thermo;
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
    struct mdrun_shared *all = x->all;
    pthread_mutex_lock(&all->lock);
    if (x->first_step < 0) {
        x->first_step = s->step;
        x->started = al_clock();
        if (!(all->started > 0)) all->started = x->started;
        all->ran -= s->step;
    }
    overflow_look(x->t, x->p, &x->memory.overflow, &x->overflow_seen);
    if (s->step > 0) {
        x->memory.n++;
        x->memory.volume += th->volume;
        x->memory.square += th->volume * th->volume;
    }
    all->done += s->step - x->told;
    all->ran += s->step - x->told;
    x->told = s->step;
    double per = all->ran > 0 ? (al_clock() - all->started) / (double)all->ran : 0;
    task_time_left(per * (double)(all->total - all->done), left);
    if (per > 0)
        task_progress(x->t, all->done, all->total, "T %.0f K, %.3g ns/day, %s left", th->temperature, ns_per_day(x, per), left);
    else
        task_progress(x->t, all->done, all->total, "T %.0f K", th->temperature);
    pthread_mutex_unlock(&all->lock);
    return AL_ERR_OK;
}

static bool should_stop(void *ctx)
{
    struct mdrun *x = ctx;
    pthread_mutex_lock(&x->all->lock);
    bool stop = task_should_stop(x->t);
    pthread_mutex_unlock(&x->all->lock);
    return stop;
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
    if (x->dcd) {
        AL_OWN(al_frame) copy = NULL;
        AL_TRY(al_frame_copy(s->f, &copy));
        AL_TRY(md_output_take(x->dcd, &copy));
    }
    if (x->traj) AL_TRY(md_output_take(x->traj, &f));
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
                                {registry_potential_fingerprint(x->p) ? 1 : m->stride, x, on_thermo, NULL, 0},
                                {m->stride, x, on_frame, NULL, 0}};
    // Plane waves that follow the cell make steps in the energy, of eV at a cut-off of demonstrations.
    const bool steps = (x->p->ops->caps & POT_HISTORY) && strcmp(m->ensemble, "npt") == 0;
    char why[160];
    const char *give_up = NULL;
    struct md_output *outputs[3];
    int noutputs = 0;
    if (x->traj) outputs[noutputs++] = x->traj;
    if (x->dcd) outputs[noutputs++] = x->dcd;
    outputs[noutputs++] = x->thermo;
    if (m->labels) AL_TRY(deaths_begin_trajectory(x->t, m->checkpoint, why, &give_up));
    struct md_run_options o = {
        .nsteps = x->nsteps,
        .dt = m->timestep,
        .removed_dof = 3,
        .checkpoint = m->checkpoint,
        .checkpoint_interval = checkpoint_seconds,
        .give_up = give_up,
        .identity = m->identity,
        .min_distance = x->t->cfg->select.min_distance / 2,
        .max_temperature = 10 * fmax(m->velocities, m->ramp ? m->temperature_end : 0) + 3000,
        .max_energy_change = steps ? 0 : MD_MAX_ENERGY_CHANGE,
        .max_volume_change = MD_MAX_VOLUME_CHANGE,
        .check_stop = should_stop,
        .stop_ctx = x,
        .observers = obs,
        .nobservers = 3,
        .outputs = outputs,
        .noutputs = noutputs,
    };
    AL_TRY(md_run(&o, s, x->p, g, &ret->md));
    if (m->labels) deaths_over(x->t);
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
    ret->ran = x->first_step >= 0 ? s->step - x->first_step : 0;
    ret->started = x->started;
    ret->ended = al_clock();
    return AL_ERR_OK;
}

static enum al_err open_dcd(const struct mdrun *x, const struct al_frame *start, struct md_output **ret)
{
    const struct mdrun_settings *m = x->m;
    struct al_dcd_spec spec = {start->natoms, start->pbc, m->timestep, (m->first + m->stride - 1) / m->stride * m->stride, m->stride};
    AL_TRY(md_output_create_dcd(m->dcd, &spec, ret));
    AL_TRY(md_output_topology(m->dcd, start));
    return AL_ERR_OK;
}

static enum al_err drive(struct mdrun *x, struct mdrun_result *ret)
{
    const struct mdrun_settings *m = x->m;
    AL_OWN(md_state) s = NULL;
    AL_OWN(md_output) traj = NULL;
    AL_OWN(md_output) dcd = NULL;
    AL_OWN(md_output) thermo = NULL;
    __attribute__((cleanup(integrator_destroy))) struct integrator *g = NULL;
    struct al_rng rng;
    AL_TRY(open_integrator(m, &g));
    al_rng_stream(&rng, x->t->cfg->seed + m->replica, m->purpose, m->stream[0], m->stream[1], 0);
    AL_TRY(md_state_create(m->start, &rng, &s));
    s->f->have &= AL_HAVE_VELOCITIES;
    AL_TRY(md_velocities_draw(s, m->velocities, 3, true));
    if (m->trajectory) AL_TRY(md_output_create(m->trajectory, &traj));
    if (m->dcd) AL_TRY(open_dcd(x, m->start, &dcd));
    AL_TRY(md_output_create(m->thermo, &thermo));
    x->traj = traj;
    x->dcd = dcd;
    x->thermo = thermo;
    AL_TRY(run(x, s, g, ret));
    return AL_ERR_OK;
}

// ---- several runs -------------------------------------------------------------------------------------------

struct crew {
    int n, nthreads, next;  // next: run that nobody has taken
    struct mdrun *x;        // [n]
    struct mdrun_result *r; // [n]
    enum al_err error;      // the first; then no run is begun any more
    char text[AL_ERR_TEXT], hint[AL_ERR_TEXT];
    struct mdrun_shared shared;
    struct potential **p; // [n] the first is the caller's
};

static void crew_destroy(struct crew **cp)
{
    struct crew *c = *cp;
    *cp = NULL;
    if (!c) return;
    for (int k = 1; c->p && k < c->n; k++) // twins go first
        if (c->p[k] != c->p[0]) potential_destroy(&c->p[k]);
    pthread_mutex_destroy(&c->shared.lock);
    al_free(c->p);
    al_free(c->x);
    al_free(c);
}

static void *work(void *ctx)
{
    struct crew *c = ctx;
    for (;;) {
        pthread_mutex_lock(&c->shared.lock);
        int k = c->error ? c->n : c->next++;
        pthread_mutex_unlock(&c->shared.lock);
        if (k >= c->n) return NULL;
        struct potential *p = c->x[k].p;
        enum al_err e = k > 0 && p->ops->caps & POT_HISTORY ? p->ops->forget(p) : AL_ERR_OK;
        if (!e) e = drive(&c->x[k], &c->r[k]);
        pthread_mutex_lock(&c->shared.lock);
        if (e && !c->error) {
            c->error = e;
            snprintf(c->text, sizeof c->text, "%s", al_err_message());
            snprintf(c->hint, sizeof c->hint, "%s", al_err_hint_text());
        }
        pthread_mutex_unlock(&c->shared.lock);
    }
}

// This thread is one of them. Signals stay with it.
static enum al_err run_crew(struct crew *c)
{
    AL_AUTOFREE pthread_t *thread = NULL;
    int started = 0;
    sigset_t all, old;
    if (c->nthreads == 1 && c->n == 1) {
        AL_TRY(drive(&c->x[0], &c->r[0]));
        return AL_ERR_OK;
    }
    AL_ALLOC(thread, c->nthreads);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started < c->nthreads - 1 && pthread_create(&thread[started], NULL, work, c) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    work(c); // also where no thread could be had
    for (int k = 0; k < started; k++)
        pthread_join(thread[k], NULL);
    if (c->error && c->hint[0]) AL_FAIL_HINT(c->error, c->hint, "%s", c->text);
    if (c->error) AL_FAIL(c->error, "%s", c->text);
    return AL_ERR_OK;
}

enum al_err mdrun_all(struct task *t, int n, const struct mdrun_settings m[], mdrun_decorate decorate, void *ctx,
                      struct mdrun_result ret[])
{
    AL_OWN(comm) world = NULL;
    __attribute__((cleanup(potential_destroy))) struct potential *p = NULL;
    AL_OWN(crew) c = NULL;
    for (int k = 0; k < n; k++)
        ret[k] = (struct mdrun_result){0};
    AL_TRY(comm_world(&world));
    AL_TRY_ALL(world, registry_potential_open(t->cfg, m->potential, world, &p));
    if (n == 1) registry_potential_threads(p, t->threads);
    if (world->rank != 0) {
        AL_TRY(registry_potential_serve(p));
        return AL_ERR_OK;
    }
    AL_ALLOC(c, 1);
    c->n = n;
    c->r = ret;
    pthread_mutex_init(&c->shared.lock, NULL);
    AL_ALLOC(c->x, n);
    AL_ALLOC(c->p, n);
    for (int k = 0; k < n; k++) {
        c->p[k] = p;
        if (k > 0) AL_TRY(registry_potential_twin(p, &c->p[k]));
        c->x[k] = (struct mdrun){.t = t, .all = &c->shared, .m = &m[k], .p = c->p[k], .decorate = decorate, .ctx = ctx, .first_step = -1,
                                 .nsteps = (long)(m[k].time / m[k].timestep + 0.5)};
        c->shared.total += c->x[k].nsteps;
    }
    bool apart = n > 1 && c->p[1] != p; // each has a potential of its own
    c->nthreads = !apart || t->threads < 1 ? 1 : t->threads < n ? t->threads : n;
    AL_TRY(run_crew(c));
    return AL_ERR_OK;
}

enum al_err mdrun(struct task *t, const struct mdrun_settings *m, mdrun_decorate decorate, void *ctx, struct mdrun_result *ret)
{
    AL_TRY(mdrun_all(t, 1, m, decorate, ctx, ret));
    return AL_ERR_OK;
}

enum al_err mdrun_facts(struct task *t, const char *frames, const struct mdrun_result *r)
{
    const struct md_result *m = &r->md;
    AL_TRY(task_fact_int(t, frames, r->frames));
    AL_TRY(task_fact_int(t, "steps", m->steps));
    AL_TRY(task_fact_text(t, "ended", m->end == MD_END_DONE ? "all steps done" : m->text));
    AL_TRY(task_fact_real(t, "temperature", m->temperature));
    AL_TRY(task_fact_real(t, "temperature_std", m->temperature_std));
    AL_TRY(task_fact_real(t, "pressure_gpa", m->pressure));
    AL_TRY(task_fact_real(t, "epot_ev", m->epot));
    AL_TRY(task_fact_real(t, "volume_ang3", r->volume));
    AL_TRY(task_fact_real(t, "volume_std_ang3", r->volume_std));
    AL_TRY(task_fact_real(t, "drift_ev_per_atom_ps", m->drift));
    AL_TRY(task_fact_real(t, "drift_microha_per_atom_ps", m->drift / AL_HARTREE_EV * 1e6));
    AL_TRY(task_fact_real(t, "fluctuation_ev_per_atom", m->fluctuation));
    if (m->history_lost) AL_TRY(task_fact_int(t, "history_lost", 1));
    AL_TRY(overflow_facts(t, &r->overflow));
    return AL_ERR_OK;
}
