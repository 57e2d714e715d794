// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/bag.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/signals.h"

enum { POLL_MS = 50 };
#define TICK_S 0.2

struct bag {
    const struct bag_options *o;
    struct executor *x;
    int n;
    struct bag_task *t; // [n]
    bool stopping, killing;
    double started, last_tick;
};

[[gnu::format(printf, 2, 3)]] static void say(const struct bag *b, const char *fmt, ...)
{
    char text[2 * AL_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (b->o->observer->message) b->o->observer->message(b->o->observer->ctx, text);
}

enum al_err bag_lock(const char *dir, int *ret_fd)
{
    char path[AL_PATH];
    AL_TRY(al_mkdirs(dir));
    AL_TRY(al_path(path, "%s/lock", dir));
    enum al_err e = al_lock_take(path, ret_fd);
    if (e == AL_ERR_BUSY) AL_FAIL(AL_ERR_BUSY, "another alnd works in %s", dir);
    AL_TRY(e);
    return AL_ERR_OK;
}

void bag_task_input(struct bag_task *t, const char *key, const char *value)
{
    if (t->ninputs == BAG_INPUTS) return;
    t->input[t->ninputs].key = key;
    snprintf(t->input[t->ninputs].value, sizeof t->input[0].value, "%s", value);
    t->ninputs++;
}

// The same for every start of the same task in the same place, so that a worker that outlived its alnd is found again.
static void token_of(const struct bag *b, const struct bag_task *t, char ret[TASK_TOKEN])
{
    struct al_sha256 s;
    char hex[65];
    al_sha256_init(&s);
    al_sha256_string(&s, b->o->dir);
    al_sha256_string(&s, t->id);
    al_sha256_hex(&s, hex);
    snprintf(ret, TASK_TOKEN, "%.32s", hex);
}

static struct exec_spec spec_of(const struct bag_task *t, const char *token)
{
    return (struct exec_spec){.task = t->id, .verb = t->verb, .token = token, .ranks = t->ranks, .threads = t->threads,
                              .alone = t->alone};
}

static enum al_err write_task(const struct bag *b, const struct bag_task *t)
{
    struct plan_input in[BAG_INPUTS];
    const char *value[BAG_INPUTS];
    for (int i = 0; i < t->ninputs; i++) {
        value[i] = t->input[i].value;
        in[i] = (struct plan_input){.key = t->input[i].key, .n = 1, .value = &value[i]};
    }
    struct plan_task p = {.id = t->id, .verb = t->verb, .config = t->config, .elements = t->elements, .iteration = -1,
                          .ranks = t->ranks, .threads = t->threads, .ninputs = t->ninputs, .input = in};
    memcpy(p.identity, t->identity, sizeof p.identity);
    AL_TRY(task_write(b->o->dir, &p));
    return AL_ERR_OK;
}

static void fail(struct bag_task *t, const char *message, const char *hint)
{
    t->state = BAG_FAILED;
    snprintf(t->message, sizeof t->message, "%s", message);
    snprintf(t->hint, sizeof t->hint, "%s", hint);
}

// A lost attempt: pending again as long as `retries` allows.
static void lose(const struct bag *b, struct bag_task *t, const char *why)
{
    if (++t->failures > b->o->retries) {
        fail(t, why, "");
        return;
    }
    t->state = BAG_PENDING;
    say(b, "%s: %s; starting again (%d of %d)", t->name, why, t->failures, b->o->retries);
}

// result.yaml into the task: DONE or FAILED; what cannot be used is put aside and leaves it PENDING. *ret_found: there was one.
static enum al_err collect(struct bag *b, struct bag_task *t, bool *ret_found)
{
    AL_OWN(task_result) r = NULL;
    *ret_found = false;
    enum al_err e = task_result_read(b->o->dir, t->id, &r);
    if (e == AL_ERR_NOTFOUND) return AL_ERR_OK;
    if (!e) e = task_result_check(b->o->dir, r, t->identity);
    if (e == AL_ERR_NOMEM || e == AL_ERR_IO) AL_TRY(e);
    if (e) {
        char why[AL_ERR_TEXT];
        snprintf(why, sizeof why, "%s", al_err_message());
        AL_TRY(task_result_put_aside(b->o->dir, t->id, t->failures + 1));
        lose(b, t, why);
        return AL_ERR_OK;
    }
    *ret_found = true;
    t->state = BAG_DONE;
    if (!r->done) fail(t, r->message[0] ? r->message : al_err_text(al_err_from_name(r->code)), r->hint);
    task_result_destroy(&t->result);
    t->result = r;
    r = NULL;
    return AL_ERR_OK;
}

static bool wanted_again(const struct bag_task *t)
{
    bool there = !t->again_without;
    for (int i = 0; !there && i < t->result->nartifacts; i++) {
        const char *slash = strrchr(t->result->artifact[i].path, '/');
        there = strcmp(slash ? slash + 1 : t->result->artifact[i].path, t->again_without) == 0;
    }
    return !there || (t->again_with && bag_fact(t, t->again_with));
}

// What an earlier alnd left: finished, failed (then once more), or still running.
static enum al_err resume(struct bag *b, struct bag_task *t)
{
    char token[TASK_TOKEN];
    bool found, runs = false;
    long pid;
    AL_TRY(collect(b, t, &found));
    t->failures = 0;
    if (t->state == BAG_FAILED || (found && wanted_again(t))) {
        AL_TRY(task_result_put_aside(b->o->dir, t->id, 1));
        task_result_destroy(&t->result);
        t->state = BAG_PENDING;
        found = false;
    }
    if (found) {
        t->before = true;
        if (b->o->observer->ended) b->o->observer->ended(b->o->observer->ctx, t, 0);
        return AL_ERR_OK;
    }
    token_of(b, t, token);
    struct exec_spec s = spec_of(t, token);
    AL_TRY(b->x->ops->adopt(b->x, &s, &pid, &runs));
    if (!runs) return AL_ERR_OK;
    t->state = BAG_RUNNING;
    say(b, "%s still runs: watched on", t->name);
    return AL_ERR_OK;
}

static enum al_err submit_ready(struct bag *b)
{
    for (int i = 0; i < b->n && !b->stopping; i++) {
        struct bag_task *t = &b->t[i];
        char token[TASK_TOKEN];
        long pid;
        if (t->state != BAG_PENDING) continue;
        token_of(b, t, token);
        struct exec_spec s = spec_of(t, token);
        if (!b->x->ops->fits(b->x, &s)) return AL_ERR_OK; // in order
        AL_TRY(write_task(b, t));
        enum al_err e = b->x->ops->submit(b->x, &s, &pid);
        if (e) lose(b, t, al_err_message());
        else t->state = BAG_RUNNING;
    }
    return AL_ERR_OK;
}

static void describe_end(const struct bag *b, const struct exec_end *end, char *why, size_t n)
{
    char tail[200];
    task_log_tail(b->o->dir, end->task, tail, sizeof tail);
    if (end->hung) snprintf(why, n, "no heartbeat for %.0f s: hung, killed", end->silent);
    else if (end->why[0]) snprintf(why, n, "%s", end->why);
    else if (end->code == EXEC_UNKNOWN) snprintf(why, n, "ended without a result");
    else if (end->code < 0) snprintf(why, n, "killed by signal %d (%s)", -end->code, strsignal(-end->code));
    else snprintf(why, n, "ended with code %d without a result", end->code);
    size_t k = strlen(why);
    if (tail[0]) snprintf(why + k, n - k, "; last line of its log: %s", tail);
}

static enum al_err take_end(struct bag *b, const struct exec_end *end)
{
    struct bag_task *t = NULL;
    char why[AL_ERR_TEXT];
    bool found;
    int failures;
    for (int i = 0; i < b->n; i++)
        if (strcmp(b->t[i].id, end->task) == 0) t = &b->t[i];
    if (!t) AL_FAIL(AL_ERR_BUG, "the executor knows a task %s that nobody asked for", end->task);
    t->state = BAG_PENDING;
    failures = t->failures;
    AL_TRY(collect(b, t, &found));
    if (!found && t->failures == failures && (!b->stopping || end->hung)) {
        describe_end(b, end, why, sizeof why);
        lose(b, t, why);
    }
    if (b->o->observer->ended && (t->state == BAG_DONE || t->state == BAG_FAILED))
        b->o->observer->ended(b->o->observer->ctx, t, end->seconds);
    return AL_ERR_OK;
}

static void cancel_all(struct bag *b, enum exec_cancel how)
{
    for (int i = 0; i < b->n; i++)
        if (b->t[i].state == BAG_RUNNING) b->x->ops->cancel(b->x, b->t[i].id, how);
}

static void take_signals(struct bag *b)
{
    for (int n = signals_take(); n > 0; n--) {
        if (!b->stopping) {
            b->stopping = true;
            say(b, "stopping: waiting for the running frames to save their state (Ctrl-C again kills them)");
            cancel_all(b, EXEC_STOP);
        } else if (!b->killing) {
            b->killing = true;
            cancel_all(b, EXEC_KILL);
        }
    }
}

static void tick(struct bag *b)
{
    double now = al_clock();
    struct status *s;
    if (!b->o->observer->tick || now - b->last_tick < TICK_S || al_alloc(1, sizeof *s, &s) != AL_ERR_OK) return;
    b->last_tick = now;
    snprintf(s->name, sizeof s->name, "%s", b->o->title);
    snprintf(s->stage, sizeof s->stage, "frames");
    snprintf(s->state, sizeof s->state, "%s", b->stopping ? "stopping" : "running");
    s->seconds = now - b->started;
    s->stage_total = b->n;
    for (int i = 0; i < b->n; i++) {
        struct bag_task *t = &b->t[i];
        struct task_progress p = {0};
        s->stage_done += t->state == BAG_DONE || t->state == BAG_FAILED;
        if (t->state != BAG_RUNNING || s->nrunning == STATUS_RUNNING) continue;
        struct status_task *r = &s->running[s->nrunning++];
        (void)task_progress_read(b->o->dir, t->id, &p);
        r->done = p.done;
        r->total = p.total;
        r->seconds = b->x->ops->seconds(b->x, t->id);
        snprintf(r->id, sizeof r->id, "%s", t->name);
        snprintf(r->verb, sizeof r->verb, "%s", t->verb);
        snprintf(r->text, sizeof r->text, "%s", p.text);
    }
    b->o->observer->tick(b->o->observer->ctx, s);
    al_free(s);
}

static enum al_err run_all(struct bag *b)
{
    for (int i = 0; i < b->n; i++)
        AL_TRY(resume(b, &b->t[i]));
    for (;;) {
        struct exec_end end;
        while (b->x->ops->poll(b->x, &end))
            AL_TRY(take_end(b, &end));
        AL_TRY(submit_ready(b));
        tick(b);
        if (b->x->ops->count(b->x) == 0) {
            int pending = 0;
            for (int i = 0; i < b->n; i++)
                pending += b->t[i].state == BAG_PENDING;
            if (!pending) return AL_ERR_OK;
            if (b->stopping) AL_FAIL(AL_ERR_STOPPED, "stopped: %d of %d are finished", b->n - pending, b->n);
        }
        struct pollfd fd = {.fd = signals_fd(), .events = POLLIN};
        poll(&fd, 1, POLL_MS);
        take_signals(b);
    }
}

enum al_err bag_run(const struct bag_options *o, int n, struct bag_task *t)
{
    struct bag b = {.o = o, .n = n, .t = t, .started = al_clock()};
    const char *mpirun = getenv("ALND_MPIRUN");
    struct exec_local_options x = {.run = o->dir, .worker = o->worker, .mpirun = mpirun ? mpirun : ALND_MPIRUN,
                                   .cores = o->cores, .heartbeat = o->heartbeat};
    AL_TRY(exec_local_create(&x, &b.x));
    enum al_err e = signals_open();
    if (!e) e = run_all(&b);
    executor_destroy(&b.x);
    signals_close();
    return e;
}

void bag_tasks_release(int n, struct bag_task *t)
{
    for (int i = 0; i < n; i++)
        task_result_destroy(&t[i].result);
}

const char *bag_fact(const struct bag_task *t, const char *key)
{
    for (int i = 0; t->result && i < t->result->nfacts; i++)
        if (strcmp(t->result->fact[i].key, key) == 0) return t->result->fact[i].value;
    return NULL;
}

double bag_fact_real(const struct bag_task *t, const char *key)
{
    const char *text = bag_fact(t, key);
    char *end;
    if (!text) return (double)NAN;
    double v = strtod(text, &end);
    return end != text ? v : (double)NAN;
}
