// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/lammps.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/commands.h"
#include "lammps/lammps.h"
#include "md/stats.h"

enum { THERMO_EVERY = 10, RESTART_STEPS_MAX = 1000000 };
static const double seconds_per_atom_step = 1e-4; // of LAMMPS, about: sets how often restart files are written
static const double restart_seconds = 20, stop_seconds = 60, poll_seconds = 0.05;

struct lammps {
    struct nnmd *n;
    const struct nnmd_run *r;
    char dir[AL_PATH];
    struct lmp_cell cell;
    struct lmp_job job;
    struct lmp_reader *reader;
    struct lmp_program program;
    pid_t pid;       // 0: none runs
    struct md_stats stats;
    struct lmp_row row; // that waits for its frame
    bool pending;
    enum md_end end;
    char text[MD_TEXT];
    long seen;       // last row; -1
    long resumed;    // step; -1
    double heard;    // clock of the last row or frame
};

[[gnu::format(printf, 3, 4)]] static void end_run(struct lammps *x, enum md_end end, const char *fmt, ...)
{
    va_list ap;
    if (x->end) return;
    va_start(ap, fmt);
    vsnprintf(x->text, MD_TEXT, fmt, ap);
    va_end(ap);
    x->end = end;
}

// --- what LAMMPS has written so far --------------------------------------------------------------------

static enum al_err look_at_distances(struct lammps *x, const struct al_frame *f)
{
    const double limit = x->n->t->cfg->select.min_distance;
    double d;
    int i, j;
    if (!(limit > 0)) return AL_ERR_OK;
    AL_TRY(al_frame_min_distance(f, &d, &i, &j));
    if (d < limit)
        end_run(x, MD_END_TOO_CLOSE, "%s %d and %s %d are %.3f Ang apart (limit %.3f)", al_element_symbol(f->z[i]), i,
                al_element_symbol(f->z[j]), j, d, limit);
    return AL_ERR_OK;
}

// The frame of x->row is in the state: what md_run does at a step.
static enum al_err observe(struct lammps *x)
{
    struct nnmd *n = x->n;
    struct md_state *s = n->s;
    const struct lmp_row *w = &x->row;
    const struct md_thermo th = {w->step, s->time, w->temperature, w->epot, w->ekin, w->conserved, w->pressure, w->volume};
    bool end = false;
    char reason[MD_TEXT] = "";
    AL_TRY(look_at_distances(x, s->f));
    if (x->end) return AL_ERR_OK;
    AL_TRY(x->r->observer->observe(x->r->observer->ctx, s, &th, &end, reason));
    if (end) end_run(x, MD_END_OBSERVER, "%s", reason);
    overflow_look(n->t, committee_leader(n->committee), &n->overflow, &n->overflow_seen);
    return AL_ERR_OK;
}

static void look_at_row(struct lammps *x)
{
    const struct lmp_row *w = &x->row;
    const double limit = 10 * x->n->t->temperature + 3000;
    if (!isfinite(w->temperature + w->conserved + w->pressure + w->volume))
        end_run(x, MD_END_NOT_FINITE, "energy or pressure is not finite at step %ld", w->step);
    else if (w->temperature > limit)
        end_run(x, MD_END_TOO_HOT, "%.0f K at step %ld (limit %.0f K)", w->temperature, w->step, limit);
    if (x->end) return;
    x->seen = w->step;
    if (w->step == 0) x->stats.start = w->conserved;
    const struct md_thermo th = {.step = w->step, .time = (double)w->step * x->job.dt, .temperature = w->temperature, .epot = w->epot,
                                 .ekin = w->ekin, .conserved = w->conserved, .pressure = w->pressure, .volume = w->volume};
    if (w->step > 0) md_stats_add(&x->stats, &th);
    task_progress(x->n->t, w->step, x->job.nsteps, "%s %g K LAMMPS %s T %.0f K", x->n->t->system, x->n->t->temperature, x->r->ensemble,
                  w->temperature);
}

// The frame of the row; frames that are there twice (after a restart) are passed over.
static enum al_err take_frame(struct lammps *x, bool *ret_any)
{
    struct md_state *s = x->n->s;
    long step = -1;
    do {
        AL_TRY(lmp_next_frame(x->reader, &step, s->f, ret_any));
    } while (*ret_any && step < x->row.step);
    if (!*ret_any) return AL_ERR_OK;
    if (step != x->row.step) AL_FAIL(AL_ERR_CORRUPT, "%s: the dump has step %ld where %ld was expected", x->dir, step, x->row.step);
    s->step = step;
    s->time = (double)step * x->job.dt;
    s->f->energy = x->row.epot;
    s->f->have = AL_HAVE_ENERGY | AL_HAVE_VELOCITIES;
    return AL_ERR_OK;
}

// Everything that is there now. A row whose frame is not there yet waits.
static enum al_err drain(struct lammps *x)
{
    bool any = true;
    while (!x->end) {
        if (!x->pending) {
            AL_TRY(lmp_next_row(x->reader, &x->row, &any));
            if (!any) return AL_ERR_OK;
            x->heard = al_clock();
            if (x->row.step <= x->seen) continue; // once more, after a restart
            look_at_row(x);
            if (x->end || x->row.step % x->job.dump_every) continue;
            x->pending = true;
        }
        AL_TRY(take_frame(x, &any));
        if (!any) return AL_ERR_OK;
        x->pending = false;
        AL_TRY(observe(x));
    }
    return AL_ERR_OK;
}

// --- the process ---------------------------------------------------------------------------------------

static enum al_err ask_to_stop(struct lammps *x)
{
    char path[AL_PATH];
    bool ended = false;
    int code;
    AL_TRY(al_path(path, "%s/stop", x->dir));
    AL_TRY(al_file_write(path, "", 0));
    for (double from = al_clock(); !ended && al_clock() - from < stop_seconds;) {
        AL_TRY(lmp_poll(x->pid, &ended, &code));
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * poll_seconds)}, NULL);
    }
    if (!ended) lmp_kill(x->pid);
    x->pid = 0;
    AL_FAIL(AL_ERR_STOPPED, "LAMMPS stopped on request at step %ld of %ld", x->seen, x->job.nsteps);
}

// It ended by itself: at the end of the run, or with an error that is a finding, or with one that is not.
static enum al_err ended(struct lammps *x, int code)
{
    char why[AL_ERR_TEXT];
    x->pid = 0;
    AL_TRY(drain(x));
    if (x->end || (code == 0 && lmp_is_final(x->dir))) return AL_ERR_OK;
    if (lmp_error(x->dir, why, sizeof why)) {
        end_run(x, MD_END_NOT_FINITE, "LAMMPS after step %ld: %.120s", x->seen, why);
        return AL_ERR_OK;
    }
    // a damaged restart file would fail again and again
    if (x->resumed >= 0 && x->seen <= x->resumed) AL_TRY(lmp_remove_restarts(x->dir, -1));
    if (code < 0 || x->resumed >= 0)
        AL_FAIL(AL_ERR_LOST, "LAMMPS ended with %s %d after step %ld: %.300s", code < 0 ? "signal" : "code", abs(code), x->seen, why);
    AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "its input and output lie in the directory lammps-* of the task",
                 "LAMMPS ended with code %d after step %ld: %.300s", code, x->seen, why);
}

static enum al_err watch(struct lammps *x)
{
    struct task *t = x->n->t;
    const double patience = 1e-15 * t->cfg->resources.heartbeat;
    x->heard = al_clock();
    while (x->pid) {
        bool gone;
        int code;
        AL_TRY(lmp_poll(x->pid, &gone, &code));
        if (gone) {
            AL_TRY(ended(x, code));
            return AL_ERR_OK;
        }
        AL_TRY(drain(x));
        if (x->end) return AL_ERR_OK; // the caller kills it
        if (task_should_stop(t)) AL_TRY(ask_to_stop(x));
        if (al_clock() - x->heard > patience)
            AL_FAIL(AL_ERR_LOST, "LAMMPS has written nothing for %.0f s after step %ld", patience, x->seen);
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * poll_seconds)}, NULL);
    }
    return AL_ERR_OK;
}

// --- set-up --------------------------------------------------------------------------------------------

static enum al_err beside_us(char ret[AL_PATH])
{
    AL_TRY(al_program_self(ret));
    char *slash = strrchr(ret, '/');
    if (slash) *slash = '\0';
    return AL_ERR_OK;
}

static enum al_err find_program(const char *name, struct lmp_program *ret)
{
    char beside[AL_PATH];
    AL_TRY(commands_may_start("resources.lammps", name));
    AL_TRY(beside_us(beside));
    AL_TRY(lmp_find(name, beside, ret));
    return AL_ERR_OK;
}

// The largest divisor of stride that is at most THERMO_EVERY, so that each frame has its row.
static long thermo_every(long stride)
{
    long k = stride < THERMO_EVERY ? stride : THERMO_EVERY;
    while (stride % k)
        k--;
    return k;
}

static void make_job(struct lammps *x, char title[128])
{
    const struct task *t = x->n->t;
    const struct al_frame *f = x->n->s->f;
    const long row = thermo_every(x->r->observer->stride);
    double steps = restart_seconds / (seconds_per_atom_step * f->natoms);
    long restart = steps > RESTART_STEPS_MAX ? RESTART_STEPS_MAX : steps < 10 ? 10 : (long)steps;
    struct al_rng rng = x->n->s->rng;
    snprintf(title, 128, "%s at %g K", t->system, t->temperature);
    x->job = (struct lmp_job){
        .title = title,
        .ensemble = x->r->ensemble,
        .thermostat = x->n->thermostat ? x->n->thermostat : "svr",
        .full = x->n->cell && strcmp(x->n->cell, "full") == 0,
        .dt = x->r->timestep,
        .temperature = t->temperature,
        .tau = t->cfg->explore.tau,
        .pressure = x->n->pressure,
        .tau_p = x->n->tau_p > 0 ? x->n->tau_p : t->cfg->explore.tau_p,
        .nsteps = nnmd_steps(x->r),
        .dump_every = x->r->observer->stride,
        .thermo_every = row,
        .restart_every = (restart + row - 1) / row * row,
        .seed = 1 + al_rng_below(&rng, 899999999),
        .start = f,
    };
}

// The files of another task's inputs (the identity has changed) go.
static enum al_err make_directory(struct lammps *x)
{
    struct task *t = x->n->t;
    char name[AL_PATH], path[AL_PATH], model[AL_PATH];
    AL_AUTOFREE const char **models = NULL;
    AL_AUTOFREE char *old = NULL;
    int n;
    AL_TRY(al_path(name, "lammps-%.*s", (int)strcspn(x->r->checkpoint, "."), x->r->checkpoint));
    AL_TRY(task_path(t, x->dir, name));
    AL_TRY(al_path(path, "%s/identity", x->dir));
    if (al_exists(path)) AL_TRY(al_file_read(path, 0, &old, NULL));
    if (al_exists(x->dir) && (!old || strcmp(old, t->identity) != 0)) AL_TRY(al_remove_tree(x->dir));
    AL_TRY(al_mkdirs(x->dir));
    AL_TRY(al_file_write(path, t->identity, strlen(t->identity)));
    AL_TRY(al_path(path, "%s/stop", x->dir));
    unlink(path);
    AL_TRY(task_input_list(t, "models", &models, &n));
    if (!realpath(models[0], model)) AL_FAIL(al_err_from_errno(errno), "cannot find %s: %s", models[0], strerror(errno));
    AL_TRY(al_path(path, "%s/model.dp", x->dir));
    unlink(path);
    if (symlink(model, path) != 0) AL_FAIL(al_err_from_errno(errno), "cannot link %s: %s", path, strerror(errno));
    return AL_ERR_OK;
}

static enum al_err start_outputs(const struct nnmd_run *r)
{
    for (int i = 0; i < r->noutputs; i++)
        AL_TRY(md_output_start(r->outputs[i], 0)); // what was written before a kill is written again from the frames
    return AL_ERR_OK;
}

static enum al_err sync_outputs(const struct nnmd_run *r)
{
    for (int i = 0; i < r->noutputs; i++)
        AL_TRY(md_output_sync(r->outputs[i], NULL));
    return AL_ERR_OK;
}

static enum al_err drive(struct lammps *x)
{
    if (!lmp_is_final(x->dir)) {
        AL_TRY(find_program(x->n->t->cfg->resources.lammps, &x->program));
        AL_TRY(lmp_resume(x->dir, &x->resumed));
        AL_TRY(lmp_write(x->dir, &x->job, x->resumed));
        AL_TRY(lmp_start(&x->program, x->dir, &x->pid));
        AL_TRY(watch(x));
    } else {
        AL_TRY(drain(x));
    }
    return AL_ERR_OK;
}

// The state that the next run starts from.
static enum al_err take_final(struct lammps *x)
{
    struct md_state *s = x->n->s;
    long step;
    AL_TRY(lmp_read_final(x->dir, &x->cell, &step, s->f));
    if (step != x->job.nsteps || x->pending)
        AL_FAIL(AL_ERR_CORRUPT, "%s: LAMMPS ended at step %ld of %ld, its dump before", x->dir, step, x->job.nsteps);
    s->step = step;
    s->time = (double)step * x->job.dt;
    s->f->have = AL_HAVE_VELOCITIES;
    x->seen = step;
    return AL_ERR_OK;
}

static void report(const struct lammps *x, struct md_result *ret)
{
    *ret = (struct md_result){.end = x->end, .steps = x->seen, .resumed = x->resumed};
    snprintf(ret->text, MD_TEXT, "%s", x->end ? x->text : "all steps done");
    md_stats_report(&x->stats, x->n->s->f->natoms, ret);
}

static enum al_err run(struct lammps *x, struct md_result *ret)
{
    struct nnmd *n = x->n;
    AL_TRY(make_directory(x));
    AL_TRY(lmp_cell_of((const double(*)[3])n->s->f->cell, &x->cell));
    AL_TRY(lmp_reader_open(x->dir, &x->cell, n->s->f->natoms, &x->reader));
    AL_TRY(start_outputs(x->r));
    enum al_err e = drive(x);
    if (x->pid) lmp_kill(x->pid);
    AL_TRY(e);
    if (!x->end) AL_TRY(take_final(x));
    AL_TRY(sync_outputs(x->r));
    report(x, ret);
    return AL_ERR_OK;
}

enum al_err lammps_run(struct nnmd *n, const struct nnmd_run *r, struct md_result *ret)
{
    AL_OWN(al_frame) start = NULL; // LAMMPS' frames go into the state
    char title[128];
    struct lammps x = {.n = n, .r = r, .seen = -1, .resumed = -1};
    make_job(&x, title);
    AL_TRY(al_frame_copy(n->s->f, &start));
    x.job.start = start;
    enum al_err e = run(&x, ret);
    lmp_reader_destroy(&x.reader);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err lammps_clean(const struct task *t)
{
    static const char *const large[] = {"dump.lammpstrj", "model.dp", "final.lammpstrj", "start.data"};
    DIR *d = opendir(t->id);
    if (!d) return AL_ERR_OK;
    for (struct dirent *e; (e = readdir(d));) {
        char dir[AL_PATH], path[AL_PATH + 32];
        if (strncmp(e->d_name, "lammps-", 7) != 0 || snprintf(dir, sizeof dir, "%s/%s", t->id, e->d_name) >= AL_PATH) continue;
        for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
            snprintf(path, sizeof path, "%s/%s", dir, large[i]);
            unlink(path);
        }
        enum al_err e2 = lmp_remove_restarts(dir, -1);
        (void)e2; // what stays is only larger
    }
    closedir(d);
    return AL_ERR_OK;
}

enum al_err lammps_print(int argc, char **argv, FILE *out)
{
    struct lmp_program p;
    char version[128];
    if (argc != 3) AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker lammps NAME");
    AL_TRY(find_program(argv[2], &p));
    AL_TRY(lmp_probe(&p, version, sizeof version));
    al_yaml_str(out, 0, "version", version);
    al_yaml_str(out, 0, "runner", p.runner);
    al_yaml_str(out, 0, "environment", p.environment);
    return AL_ERR_OK;
}
