// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/crash.h"
#include "core/exec_queue.h"
#include "core/loop_impl.h"
#include "core/signals.h"

enum { POLL_MS = 150, ADD_TASKS = 500 /* in one transaction */ };
#define BREATH_S 5e-3

void loop_say(struct loop *l, const char *fmt, ...)
{
    char text[2 * AL_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (l->o->message) l->o->message(l->o->ctx, text);
}

// Tasks an hour since this stage was first looked at, parts of running tasks included, and the time that the rest takes at that rate.
static void fill_pace(struct loop *l, struct status *s)
{
    double units = s->stage_done, now = al_clock();
    for (int i = 0; i < s->nrunning; i++)
        if (s->running[i].total > 0) units += s->running[i].done / s->running[i].total;
    if (strcmp(l->pace.stage, s->stage) != 0) {
        snprintf(l->pace.stage, sizeof l->pace.stage, "%s", s->stage);
        l->pace.since = now;
        l->pace.units = units;
    }
    double made = units - l->pace.units, seconds = now - l->pace.since;
    if (made <= 0 || seconds <= 0 || s->stage_total <= s->stage_done) return;
    s->rate = 3600 * made / seconds;
    s->left = units < s->stage_total ? (s->stage_total - units) * seconds / made : 0;
}

static void fill_status(struct loop *l, struct status *s)
{
    memset(s, 0, sizeof *s);
    snprintf(s->run, sizeof s->run, "%s", l->r->path);
    snprintf(s->name, sizeof s->name, "%s", l->r->config->name);
    snprintf(s->state, sizeof s->state, "%s", l->stopping || l->failed ? "stopping" : "running");
    s->demonstration = l->r->config->demonstration;
    if (l->p) status_from_plan(s, l->p, l->v);
    s->seconds = journal_seconds(l->j);
    s->pid = (long)getpid();
    if (l->failed) snprintf(s->message, sizeof s->message, "%s", l->outcome.message);
    int first = l->v->ntasks; // the latest tasks are those that run: the others are not looked at
    for (int left = l->v->count[TASK_INFLIGHT]; left > 0 && first > 0;)
        left -= l->v->task[--first].state == TASK_INFLIGHT;
    for (int i = first; i < l->v->ntasks; i++)
        if (l->v->task[i].state == TASK_INFLIGHT)
            (void)!status_add_running(s, l->r->path, &l->v->task[i],
                                      l->x->ops->seconds(l->x, l->v->task[i].id));
    fill_pace(l, s);
}

// The label tasks that a gathering goes on without, as facts to be written with it.
static enum al_err late_facts(const struct plan_task *t, struct jr_new *n, struct view_fact **ret)
{
    const struct plan_input *late = plan_task_late(t);
    AL_AUTOFREE struct view_fact *fact = NULL;
    *ret = NULL;
    if (!late) return AL_ERR_OK;
    AL_ALLOC(fact, late->n);
    for (int i = 0; i < late->n; i++)
        fact[i] = (struct view_fact){PLAN_LATE, late->value[i]};
    n->nfacts = late->n;
    n->fact = *ret = fact;
    fact = NULL;
    return AL_ERR_OK;
}

static enum al_err add_to_view(struct loop *l, const struct jr_new *n)
{
    struct view_task *t;
    AL_TRY(view_add(l->v, n->id, n->verb, n->identity, &t));
    al_log(AL_LOG_INFO, "daemon", "ev=planned task=%s identity=%.12s", t->id, t->identity);
    for (int k = 0; k < n->nfacts; k++) {
        AL_TRY(view_add_fact(l->v, t, n->fact[k].key, n->fact[k].value));
        al_log(AL_LOG_WARN, "daemon", "ev=late task=%s by=%s", n->fact[k].value, t->id);
    }
    if (n->nfacts)
        loop_say(l, "%s goes on without %s%s: late, for the next gathering", t->id, n->fact[0].value, n->nfacts > 1 ? " and others" : "");
    return AL_ERR_OK;
}

static void breathe(void *ctx);

static enum al_err plan_add_new(struct loop *l)
{
    AL_AUTOFREE struct jr_new *fresh = NULL;
    AL_AUTOFREE struct view_fact *late = NULL; // one gathering at most is new
    int n = 0;
    AL_ALLOC(fresh, l->p->ntasks);
    for (int i = 0; i < l->p->ntasks; i++) {
        const struct plan_task *t = &l->p->task[i];
        if (view_find(l->v, t->id)) continue;
        fresh[n] = (struct jr_new){.id = t->id, .verb = t->verb, .identity = t->identity, .iteration = t->iteration};
        if (!late) AL_TRY(late_facts(t, &fresh[n], &late));
        n++;
    }
    for (int first = 0; first < n; first += ADD_TASKS) {
        int some = n - first < ADD_TASKS ? n - first : ADD_TASKS;
        AL_TRY(journal_add(l->j, some, fresh + first));
        for (int i = first; i < first + some; i++)
            AL_TRY(add_to_view(l, &fresh[i]));
        breathe(l);
    }
    return AL_ERR_OK;
}

// What was planned before must be what is planned now: settings of started tasks do not change
// (rundir_commit).
static enum al_err plan_check(struct loop *l)
{
    for (int i = 0; i < l->p->ntasks; i++) {
        const struct plan_task *pt = &l->p->task[i];
        struct view_task *t = view_find(l->v, pt->id);
        if (i % 1024 == 0) breathe(l);
        if (!t || strcmp(t->identity, pt->identity) == 0) continue;
        if (t->attempts || t->state != TASK_PENDING)
            AL_FAIL(AL_ERR_CORRUPT, "task %s was done with other inputs (identity %.12s..., now %.12s...)",
                    t->id, t->identity, pt->identity);
        AL_TRY(journal_replan(l->j, t->id, pt->identity));
        snprintf(t->identity, sizeof t->identity, "%s", pt->identity);
    }
    return AL_ERR_OK;
}

static enum al_err make_plan(struct loop *l)
{
    char before[sizeof l->p->stage] = "";
    if (l->p) snprintf(before, sizeof before, "%s", l->p->stage);
    struct plan *p;
    AL_TRY(plan_build(l->r->config, &l->r->env, l->v, &p));
    plan_destroy(&l->p);
    l->p = p;
    l->replan = false;
    AL_TRY(plan_check(l));
    l->r->env.settled = p->settled;
    AL_TRY(plan_add_new(l));
    if (strcmp(before, p->stage) != 0) {
        al_log(AL_LOG_INFO, "daemon", "ev=stage stage=\"%s\" tasks=%d", p->stage, p->stage_total);
        loop_say(l, "== %s", p->stage);
    }
    if (p->error[0] && !l->failed) {
        l->failed = true;
        snprintf(l->outcome.message, sizeof l->outcome.message, "%s", p->error);
    }
    return AL_ERR_OK;
}

static enum al_err submit_ready(struct loop *l)
{
    for (int i = 0; i < l->p->ntasks && !l->stopping && !l->failed; i++) {
        const struct plan_task *pt = &l->p->task[i];
        const struct view_task *t = view_find(l->v, pt->id);
        if (t->state != TASK_PENDING || t->desired != DESIRED_RUN) continue;
        struct exec_spec s = loop_task_spec(l, pt, "");
        if (l->x->ops->fits(l->x, &s)) AL_TRY(loop_task_submit(l, pt));
    }
    return AL_ERR_OK;
}

static void cancel_all(struct loop *l, enum exec_cancel how)
{
    for (int i = 0; i < l->v->ntasks; i++)
        if (l->v->task[i].state == TASK_INFLIGHT) l->x->ops->cancel(l->x, l->v->task[i].id, how);
}

static void request_stop(struct loop *l, const char *who)
{
    int n = l->x->ops->count(l->x);
    if (l->stopping) return;
    l->stopping = true;
    al_log(AL_LOG_INFO, "daemon", "ev=stop_requested by=%s running=%d", who, n);
    if (n)
        loop_say(l, "stopping: waiting for %d task%s to save their state (Ctrl-C again kills them)", n,
                 n > 1 ? "s" : "");
    cancel_all(l, EXEC_STOP);
}

// The loop goes on when that was the only failure: what was told to stop saves its state and is started again.
static enum al_err retry(struct loop *l, const char *request, char **ret_text)
{
    char id[TASK_ID], text[TASK_ID + 64];
    enum al_err e = json_read_task(request, id);
    if (!e && l->stopping)
        AL_TRY(json_reply(false, "the daemon has been asked to stop: retry when it has ended", ret_text));
    else if (e || (e = loop_task_retry(l, view_find(l->v, id), id, "alnd retry")))
        AL_TRY(json_reply(false, al_err_message(), ret_text));
    if (*ret_text) return AL_ERR_OK;
    if (!l->v->count[TASK_FAILED] && !(l->p && l->p->error[0])) {
        l->failed = l->cancelled = false;
        memset(&l->outcome, 0, sizeof l->outcome);
    }
    snprintf(text, sizeof text, "task %s is started again", id);
    AL_TRY(json_reply(true, text, ret_text));
    return AL_ERR_OK;
}

static enum al_err answer(void *ctx, const char *request, char **ret_text)
{
    struct loop *l = ctx;
    char cmd[32] = "";
    if (json_read_request(request, cmd) != AL_ERR_OK) {
        AL_TRY(json_reply(false, al_err_message(), ret_text));
    } else if (strcmp(cmd, "status") == 0) {
        AL_AUTOFREE struct status *s = NULL;
        AL_ALLOC(s, 1);
        fill_status(l, s);
        AL_TRY(status_to_json(s, ret_text));
    } else if (strcmp(cmd, "stop") == 0) {
        request_stop(l, "socket");
        AL_TRY(json_reply(true, "stopping", ret_text));
    } else if (strcmp(cmd, "retry") == 0) {
        AL_TRY(retry(l, request, ret_text));
    } else {
        AL_TRY(json_reply(false, "unknown request", ret_text));
    }
    return AL_ERR_OK;
}

// In the middle of a plan: those who only ask are answered (from the plan before); what changes tasks comes afterwards.
static enum al_err answer_planning(void *ctx, const char *request, char **ret_text)
{
    char cmd[32] = "";
    if (json_read_request(request, cmd) == AL_ERR_OK && strcmp(cmd, "retry") == 0)
        AL_TRY(json_reply(false, "the daemon is making its plan: ask again in a moment", ret_text));
    else
        AL_TRY(answer(ctx, request, ret_text));
    return AL_ERR_OK;
}

static void breathe(void *ctx)
{
    struct loop *l = ctx;
    double now = al_clock();
    if (now - l->breath < BREATH_S) return;
    l->breath = now;
    control_serve(l->control, answer_planning, l);
}

static void take_signals(struct loop *l)
{
    for (int n = signals_take(); n > 0; n--) {
        if (!l->stopping) {
            request_stop(l, "signal");
        } else if (!l->killing) {
            l->killing = true;
            loop_say(l, "killing the running tasks");
            cancel_all(l, EXEC_KILL);
        }
    }
}

static void wait_for_news(struct loop *l)
{
    struct pollfd fds[CONTROL_CLIENTS + 2];
    int n = control_fds(l->control, fds);
    fds[n++] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
    poll(fds, (nfds_t)n, l->x->ops->wait_ms ? l->x->ops->wait_ms(l->x) : POLL_MS);
    take_signals(l);
    control_serve(l->control, answer, l);
}

static void tick(struct loop *l, double *last)
{
    double now = al_clock();
    if (!l->o->tick || now - *last < 0.2) return;
    struct status *s;
    if (al_alloc(1, sizeof *s, &s) != AL_ERR_OK) return;
    fill_status(l, s);
    l->o->tick(l->o->ctx, s);
    al_free(s);
    *last = now;
}

// One turn; *ret_over when there is nothing left to do.
static enum al_err turn(struct loop *l, bool *ret_over)
{
    struct exec_end end;
    while (l->x->ops->poll(l->x, &end))
        AL_TRY(loop_task_ended(l, &end));
    while (l->replan && !l->stopping && !l->failed) {
        AL_TRY(make_plan(l));
        AL_TRY(submit_ready(l)); // may collect at once, which asks for a new plan
    }
    if (!l->stopping && !l->failed) AL_TRY(submit_ready(l));
    if (l->failed && !l->cancelled && !l->stopping) {
        l->cancelled = true; // the others save their state
        cancel_all(l, EXEC_STOP);
    }
    int running = l->x->ops->count(l->x);
    if (((l->stopping || l->failed) && running == 0) || l->p->finished)
        *ret_over = true;
    else if (running == 0 && !l->replan && l->v->count[TASK_PENDING] == 0) {
        l->failed = true;
        snprintf(l->outcome.message, sizeof l->outcome.message, "nothing can be started: %d tasks are held",
                 l->v->count[TASK_HELD]);
        *ret_over = true;
    }
    return AL_ERR_OK;
}

static enum al_err set_state(struct loop *l, const char *state, const char *message, const char *hint)
{
    const char *const keys[] = {"state", "message", "hint"};
    const char *const values[] = {state, message, hint};
    AL_TRY(journal_set(l->j, 3, keys, values));
    return AL_ERR_OK;
}

static enum al_err conclude(struct loop *l)
{
    static const char *const states[] = {"finished", "stopped", "failed"};
    struct loop_outcome *out = &l->outcome;
    out->end = l->failed ? LOOP_FAILED : l->p->finished ? LOOP_FINISHED : LOOP_STOPPED;
    out->converged = l->p->converged;
    out->niterations = l->p->niterations;
    if (out->end == LOOP_STOPPED) {
        snprintf(out->message, sizeof out->message, "stopped at: %s", l->p->stage);
        snprintf(out->hint, sizeof out->hint, "alnd start %.900s goes on", l->r->path);
    }
    AL_TRY(set_state(l, states[out->end], out->message, out->hint));
    AL_TRY(journal_event(l->j, states[out->end], out->message));
    char quoted[AL_ERR_TEXT];
    al_log(AL_LOG_INFO, "daemon", "ev=%s seconds=%.1f message=%s", states[out->end], journal_seconds(l->j),
           al_log_quote(quoted, sizeof quoted, out->message));
    return AL_ERR_OK;
}

static enum al_err open_executor(struct loop *l, const char *worker)
{
    const struct cfg_resources *c = &l->r->config->resources;
    const char *mpirun = getenv("ALND_MPIRUN");
    enum cfg_queue_system q = cfg_queue_of(c);
    if (q != CFG_NQUEUES) {
        struct exec_queue_options o = {.system = q, .run = l->r->path, .worker = worker, .cfg = &c->queue[q], .retries = c->retries,
                                       .heartbeat = c->heartbeat * 1e-15};
        AL_TRY(exec_queue_create(&o, &l->x));
        return AL_ERR_OK;
    }
    struct exec_local_options o = {.run = l->r->path, .worker = worker, .mpirun = mpirun ? mpirun : ALND_MPIRUN, .cores = c->cores,
                                   .heartbeat = c->heartbeat * 1e-15, .pin = c->pin};
    AL_TRY(exec_local_create(&o, &l->x));
    return AL_ERR_OK;
}

static enum al_err open_all(struct loop *l, const char *worker)
{
    char path[AL_PATH], changes[AL_ERR_TEXT], quoted[AL_ERR_TEXT];
    AL_TRY(al_path(path, "%s/alnd.log", l->r->path));
    AL_TRY(al_log_open(path));
    AL_TRY(rundir_check_journal(l->r->path));
    AL_TRY(al_path(path, "%s/alnd.db", l->r->path));
    AL_TRY(journal_open(path, true, &l->j));
    AL_TRY(view_create(&l->v));
    l->v->lean = true;
    l->r->env.open_only = true;
    l->r->env.breathe = breathe;
    l->r->env.ctx = l;
    AL_TRY(journal_load(l->j, l->v));
    AL_TRY(rundir_commit(l->r, l->j, l->v, changes));
    if (changes[0]) {
        AL_TRY(journal_event(l->j, "config", changes));
        al_log(AL_LOG_INFO, "daemon", "ev=config_changed what=%s",
               al_log_quote(quoted, sizeof quoted, changes));
        loop_say(l, "loop.yaml has changed (%s): taken over", changes);
    }
    if (!l->x) AL_TRY(open_executor(l, worker));
    AL_TRY(control_open(l->r->path, &l->control));
    return AL_ERR_OK;
}

static enum al_err resolve_all(struct loop *l)
{
    AL_TRY(plan_build(l->r->config, &l->r->env, l->v, &l->p)); // ranks and threads of what still runs
    l->outcome.nothing_to_do = l->p->finished;
    for (int i = 0; i < l->v->ntasks; i++)
        AL_TRY(loop_task_resolve(l, &l->v->task[i]));
    plan_destroy(&l->p);
    return AL_ERR_OK;
}

static enum al_err run_open(struct loop *l, const char *worker)
{
    bool over = false;
    double last = 0;
    AL_TRY(open_all(l, worker));
    AL_TRY(set_state(l, "running", "", ""));
    AL_TRY(journal_event(l->j, "started", ""));
    al_log(AL_LOG_INFO, "daemon", "ev=started pid=%ld tasks=%d", (long)getpid(), l->v->ntasks);
    if (l->o->ready) l->o->ready(l->o->ctx);
    AL_TRY(resolve_all(l));
    AL_TRY(make_plan(l));
    AL_TRY(submit_ready(l));
    for (;;) {
        AL_TRY(turn(l, &over));
        tick(l, &last);
        if (over) break;
        wait_for_news(l);
    }
    AL_TRY(conclude(l));
    return AL_ERR_OK;
}

static enum al_err run_and_close(struct loop *l, const char *worker, struct loop_outcome *ret)
{
    enum al_err e = signals_open();
    const bool opened = !e;
    signal(SIGPIPE, SIG_IGN);
    if (!e) e = run_open(l, worker);
    if (e)
        al_log(AL_LOG_ERROR, "daemon", "ev=error code=%s message=\"%s\"", al_err_name(e), al_err_message());
    l->r->env.breathe = NULL;
    control_destroy(&l->control);
    executor_destroy(&l->x);
    plan_destroy(&l->p);
    view_destroy(&l->v);
    journal_destroy(&l->j);
    if (opened) signals_close();
    al_log_close();
    AL_TRY(e);
    *ret = l->outcome;
    return AL_ERR_OK;
}

enum al_err loop_run(struct rundir *r, const char *worker, const struct loop_observer *o,
                     struct loop_outcome *ret)
{
    struct loop l = {.r = r, .o = o};
    AL_TRY(run_and_close(&l, worker, ret));
    return AL_ERR_OK;
}

enum al_err loop_run_on(struct rundir *r, struct executor **x, const struct loop_observer *o, struct loop_outcome *ret)
{
    struct loop l = {.r = r, .o = o, .x = *x};
    *x = NULL;
    AL_TRY(run_and_close(&l, NULL, ret));
    return AL_ERR_OK;
}
