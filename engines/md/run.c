// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "base/neigh.h"
#include "md/md_impl.h"

static const double watch_skin = 1.0; // Ang, of the neighbour list of the distance check

const char *md_end_name(enum md_end e)
{
    static const char *const name[MD_END_COUNT] = {
#define MD_END_ROW(id, text) [MD_END_##id] = #id,
        MD_ENDS(MD_END_ROW)
#undef MD_END_ROW
    };
    return e < MD_END_COUNT ? name[e] : "?";
}

struct run {
    const struct md_run_options *o;
    struct md_state *s;
    struct potential *p;
    struct integrator *g;
    struct md_thermo thermo;
    struct md_progress progress;
    struct al_neigh *watch; // NULL when distances are not checked, or the potential tells them
    double saved;           // monotonic clock of the last checkpoint, s
    long saved_step;        // of the last checkpoint; -1
    bool history_lost;
    long sane;              // last step that passed the checks
};

static enum al_err check_options(const struct md_run_options *o, const struct md_state *s)
{
    if (o->nsteps < 0 || !(o->dt > 0.0) || !isfinite(o->dt))
        AL_FAIL(AL_ERR_INPUT, "MD wants steps >= 0 and a time step > 0, got %ld and %g fs", o->nsteps, o->dt);
    if (s->f->natoms < 1 || 3 * s->f->natoms <= o->removed_dof)
        AL_FAIL(AL_ERR_INPUT, "MD of %d atoms has no degrees of freedom", s->f->natoms);
    if (o->identity && strlen(o->identity) >= MD_IDENTITY)
        AL_FAIL(AL_ERR_INPUT, "identity of the run has more than %d characters", MD_IDENTITY - 1);
    for (int i = 0; i < o->nobservers; i++)
        if (o->observers[i].stride < 1) AL_FAIL(AL_ERR_INPUT, "stride of observer %d is not > 0", i);
    return AL_ERR_OK;
}

[[gnu::format(printf, 3, 4)]] static void end_run(struct run *r, enum md_end end, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->progress.text, MD_TEXT, fmt, ap);
    va_end(ap);
    r->progress.end = (int)end;
}

static bool state_is_finite(const struct md_state *s)
{
    double sum = s->f->energy;
    for (int i = 0; i < s->f->natoms; i++)
        for (int k = 0; k < 3; k++)
            sum += fabs(s->f->pos[i][k]) + fabs(s->f->vel[i][k]) + fabs(s->f->forces[i][k]);
    for (int k = 0; k < 9; k++)
        sum += fabs(s->f->cell[k / 3][k % 3]) + fabs(s->f->virial[k / 3][k % 3]);
    return isfinite(sum);
}

static void too_close(struct run *r, int i, int j, double d)
{
    const int *z = r->s->f->z;
    end_run(r, MD_END_TOO_CLOSE, "%s %d and %s %d are %.3f Ang apart (limit %.3f)", al_element_symbol(z[i]), i, al_element_symbol(z[j]), j,
            d, r->o->min_distance);
}

// What the potential has found by the way, or a list of its own.
static enum al_err check_distances(struct run *r)
{
    const struct al_frame *f = r->s->f;
    if (!r->watch) {
        int i, j;
        double d = r->p->ops->closest(r->p, &i, &j);
        if (d < r->o->min_distance) too_close(r, i, j, d);
        return AL_ERR_OK;
    }
    enum al_err e = al_neigh_update(r->watch, f->natoms, (const double(*)[3])f->pos, f->cell, f->pbc);
    if (e == AL_ERR_UNPHYSICAL) {
        end_run(r, MD_END_TOO_CLOSE, "%s", al_err_message());
        return AL_ERR_OK;
    }
    AL_TRY(e);
    double shortest = r->o->min_distance;
    for (int i = 0; i < f->natoms; i++)
        for (int k = r->watch->first[i]; k < r->watch->first[i + 1]; k++)
            if (r->watch->pair[k].r < shortest) {
                shortest = r->watch->pair[k].r;
                too_close(r, i, r->watch->pair[k].j, shortest);
            }
    return AL_ERR_OK;
}

static void check_volume(struct run *r)
{
    const double limit = r->o->max_volume_change, start = r->progress.volume;
    if (!(limit > 0.0) || !r->s->f->pbc) return;
    double v = al_frame_volume(r->s->f);
    if (!(v < limit * start) || !(v * limit > start))
        end_run(r, MD_END_VOLUME, "the cell of %.1f Ang^3 has become one of %.1f at step %ld (limit: %g times, up or down)", start,
                v, r->s->step, limit);
}

// Sets progress.end when the present state is not sane; else brings thermo up to date.
static enum al_err check_sanity(struct run *r)
{
    const struct md_run_options *o = r->o;
    if (!state_is_finite(r->s)) {
        end_run(r, MD_END_NOT_FINITE, "energy, forces or positions are not finite at step %ld", r->s->step);
        return AL_ERR_OK;
    }
    check_volume(r);
    if (!r->progress.end && o->min_distance > 0.0) AL_TRY(check_distances(r));
    if (r->progress.end) return AL_ERR_OK;
    struct md_thermo t;
    md_thermo_get(r->s, r->g, o->removed_dof, &t);
    double change = (t.conserved - r->progress.stats.start) / r->s->f->natoms;
    if (!isfinite(t.conserved + t.pressure))
        end_run(r, MD_END_NOT_FINITE, "energy or pressure is not finite at step %ld", t.step);
    else if (o->max_temperature > 0.0 && t.temperature > o->max_temperature)
        end_run(r, MD_END_TOO_HOT, "%.0f K at step %ld (limit %.0f K)", t.temperature, t.step,
                o->max_temperature);
    else if (o->max_energy_change > 0.0 && t.step > 0 && fabs(change) > o->max_energy_change)
        end_run(r, MD_END_ENERGY, "conserved energy has moved by %.3g eV/atom at step %ld (limit %.3g)",
                change, t.step, o->max_energy_change);
    if (!r->progress.end) {
        r->thermo = t;
        r->sane = t.step;
    }
    return AL_ERR_OK;
}

static enum al_err call_observers(struct run *r)
{
    for (int i = 0; i < r->o->nobservers; i++) {
        const struct md_observer *ob = &r->o->observers[i];
        if (r->s->step % ob->stride != 0) continue;
        bool end = false;
        char reason[MD_TEXT] = "";
        AL_TRY(ob->observe(ob->ctx, r->s, &r->thermo, &end, reason));
        reason[MD_TEXT - 1] = '\0';
        if (end && !r->progress.end) end_run(r, MD_END_OBSERVER, "%s", reason);
    }
    return AL_ERR_OK;
}

enum al_err md_history_path(const char *checkpoint, long step, char ret[AL_PATH])
{
    AL_TRY(al_path(ret, "%s.%ld.history", checkpoint, step));
    return AL_ERR_OK;
}

// The potential's history first, under the name of its step, then the checkpoint that names the step, then the
// history of the checkpoint before goes: killed anywhere, checkpoint and history belong together.
static enum al_err save(struct run *r)
{
    const struct potential_ops *ops = r->p->ops;
    const bool history = ops->caps & POT_HISTORY;
    char path[AL_PATH];
    if (r->o->checkpoint && r->saved_step != r->s->step) {
        AL_TRY(md_history_path(r->o->checkpoint, r->s->step, path));
        if (history) AL_TRY(ops->save(r->p, path));
        AL_TRY(md_checkpoint_write(r->o, r->s, &r->progress));
        AL_TRY(md_history_path(r->o->checkpoint, r->saved_step, path));
        if (history && r->saved_step >= 0) AL_TRY(ops->discard(r->p, path));
        if (!history) (void)remove(path); // of a potential that had one, see load_history
        r->saved_step = r->s->step;
    }
    r->saved = al_clock();
    return AL_ERR_OK;
}

// Without its history (another number of ranks) the run goes on as well, within the potential's tolerance.
static enum al_err load_history(struct run *r)
{
    const struct potential_ops *ops = r->p->ops;
    char path[AL_PATH];
    AL_TRY(md_history_path(r->o->checkpoint, r->s->step, path));
    if (!(ops->caps & POT_HISTORY)) { // such a run on all ranks goes on with one
        r->history_lost = al_exists(path) && r->s->step < r->o->nsteps;
        return AL_ERR_OK;
    }
    enum al_err e = ops->load(r->p, path);
    if (e == AL_ERR_NOTFOUND) {
        r->history_lost = r->s->step < r->o->nsteps; // nothing is lost where nothing is left to do
        return AL_ERR_OK;
    }
    AL_TRY(e);
    return AL_ERR_OK;
}

// These evaluations are findings about the trajectory; everything else is an error.
static enum al_err finding(struct run *r, enum al_err e)
{
    if (e != AL_ERR_UNPHYSICAL && e != AL_ERR_NOTCONV) return e;
    end_run(r, e == AL_ERR_NOTCONV ? MD_END_NOTCONV : MD_END_NOT_FINITE, "%s", al_err_message());
    return AL_ERR_OK;
}

static enum al_err start_fresh(struct run *r)
{
    for (int i = 0; i < r->o->noutputs; i++)
        AL_TRY(md_output_start(r->o->outputs[i], 0));
    enum al_err e = md_state_eval(r->s, r->p);
    AL_TRY(finding(r, e));
    if (r->progress.end) return AL_ERR_OK;
    r->progress.stats.start = r->g->ops->conserved(r->g, r->s);
    r->progress.volume = r->s->f->pbc ? al_frame_volume(r->s->f) : 0.0;
    AL_TRY(check_sanity(r));
    if (!r->progress.end) AL_TRY(call_observers(r));
    return AL_ERR_OK;
}

static enum al_err one_step(struct run *r)
{
    enum al_err e = r->g->ops->step(r->g, r->s, r->p, r->o->dt);
    AL_TRY(finding(r, e));
    if (!r->progress.end) AL_TRY(check_sanity(r));
    if (r->progress.end) return AL_ERR_OK;
    md_stats_add(&r->progress.stats, &r->thermo);
    AL_TRY(call_observers(r));
    return AL_ERR_OK;
}

static enum al_err loop(struct run *r)
{
    const struct md_run_options *o = r->o;
    while (!r->progress.end && r->s->step < o->nsteps) {
        if (o->check_stop && o->check_stop(o->stop_ctx)) {
            AL_TRY(save(r));
            AL_FAIL(AL_ERR_STOPPED, "MD stopped on request at step %ld of %ld", r->s->step, o->nsteps);
        }
        AL_TRY_MSG(one_step(r), "MD step %ld", r->s->step + 1);
        if (o->checkpoint && !r->progress.end && al_clock() - r->saved >= o->checkpoint_interval)
            AL_TRY(save(r));
    }
    // A state that is not sane is never saved: a restart comes to the same end again.
    if (r->progress.end == MD_END_DONE || r->progress.end == MD_END_OBSERVER) AL_TRY(save(r));
    for (int i = 0; i < o->noutputs; i++)
        AL_TRY(md_output_sync(o->outputs[i], NULL));
    return AL_ERR_OK;
}

static void report(const struct run *r, long resumed, struct md_result *ret)
{
    *ret = (struct md_result){.end = (enum md_end)r->progress.end, .steps = r->sane, .resumed = resumed};
    ret->history_lost = r->history_lost;
    snprintf(ret->text, MD_TEXT, "%s", r->progress.end ? r->progress.text : "all steps done");
    ret->neighbour_builds = r->watch ? r->watch->nbuilds : 0;
    md_stats_report(&r->progress.stats, r->s->f->natoms, ret);
}

static enum al_err run_all(struct run *r, struct md_result *ret)
{
    long resumed = -1;
    if (r->o->min_distance > 0.0 && !(r->p->ops->closest && r->o->min_distance <= r->p->ops->cutoff(r->p)))
        AL_TRY(al_neigh_create(r->o->min_distance, watch_skin, &r->watch));
    if (r->o->checkpoint && al_exists(r->o->checkpoint)) {
        AL_TRY(md_checkpoint_read(r->o, r->s, &r->progress));
        resumed = r->sane = r->saved_step = r->s->step;
        if (!r->o->give_up) AL_TRY(load_history(r));
    } else if (r->o->give_up) {
        for (int i = 0; i < r->o->noutputs; i++)
            AL_TRY(md_output_start(r->o->outputs[i], 0));
        r->sane = 0;
    } else {
        AL_TRY_MSG(start_fresh(r), "MD start");
    }
    if (r->o->give_up && !r->progress.end && r->s->step < r->o->nsteps) end_run(r, MD_END_GIVEN_UP, "%s", r->o->give_up);
    r->saved = al_clock();
    AL_TRY(loop(r));
    report(r, resumed, ret);
    return AL_ERR_OK;
}

enum al_err md_run(const struct md_run_options *o, struct md_state *s, struct potential *p,
                   struct integrator *g, struct md_result *ret)
{
    AL_TRY(check_options(o, s));
    struct run r = {.o = o, .s = s, .p = p, .g = g, .sane = -1, .saved_step = -1};
    // Of the frame of the start, not of a checkpoint: a resumed run has the same order, so it goes on bit for bit.
    if (p->ops->arrange) AL_TRY(p->ops->arrange(p, s->f));
    enum al_err e = run_all(&r, ret);
    al_neigh_destroy(&r.watch);
    if (p->ops->arrange) (void)p->ops->arrange(p, NULL); // cannot fail
    AL_TRY(e);
    return AL_ERR_OK;
}
