// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/deaths.h"
#include "core/loop_impl.h"
#include "core/retry.h"

// The change that leaves the counters as they are.
static struct jr_change change_of(const struct view_task *t)
{
    return (struct jr_change){.attempts = t->attempts, .failures = t->failures};
}

// Labels, trainings and explorations unlock nothing before the last of their iteration is done (plan.c). A plan of a large campaign
// takes its time, during which nobody is answered.
static bool unlocks_nothing(const struct loop *l, const struct plan_task *own)
{
    for (int i = 0; i < l->p->ntasks; i++) {
        const struct plan_task *pt = &l->p->task[i];
        if (pt->iteration != own->iteration || strcmp(pt->verb, own->verb) != 0) continue;
        const struct view_task *other = view_find(l->v, pt->id);
        if (!other || other->state != TASK_DONE) return true;
    }
    return false;
}

static int label_frames(const struct plan_task *t)
{
    for (int i = 0; i < t->ninputs; i++)
        if (strcmp(t->input[i].key, "count") == 0) return atoi(t->input[i].value[0]);
    return 0;
}

// A label task of an iteration is in: the stage may have been waiting for its frames. One that is late joins the next gathering,
// whenever that comes.
static void label_came(struct loop *l, const struct plan_task *own)
{
    struct plan *p = l->p;
    bool of_stage = own->iteration == p->iteration;
    if (of_stage) p->stage_done++;
    if (p->wait_frames <= 0 || !(of_stage || p->wait_all)) return;
    p->wait_frames -= label_frames(own);
    l->replan = l->replan || p->wait_frames <= 0;
}

// A task is done: on with the plan, or just one more of its stage.
static void count_done(struct loop *l, const struct view_task *t)
{
    const struct plan_task *own = l->p ? plan_find(l->p, t->id) : NULL;
    bool label = strcmp(t->verb, "label") == 0, many = label || strcmp(t->verb, "train") == 0 || strcmp(t->verb, "explore") == 0;
    if (own && label && own->iteration >= 0)
        label_came(l, own);
    else if (own && many && unlocks_nothing(l, own))
        l->p->stage_done++;
    else
        l->replan = true;
}

static enum al_err apply(struct loop *l, struct view_task *t, enum task_event ev, struct jr_change *c)
{
    char quoted[AL_ERR_TEXT];
    AL_TRY(fsm_apply(l->j, l->v, t, ev, c));
    if (ev == EV_COLLECTED) count_done(l, t);
    al_log(c->cause && c->cause[0] ? AL_LOG_WARN : AL_LOG_INFO, "daemon",
           "ev=%s task=%s state=%s attempt=%d%s%s", c->ev, t->id, task_state_name(t->state), t->attempts,
           c->message && c->message[0] ? " message=" : "",
           c->message && c->message[0] ? al_log_quote(quoted, sizeof quoted, c->message) : "");
    return AL_ERR_OK;
}

static void limits_of(const struct cfg_resources *r, const char *verb, struct exec_spec *s)
{
    static const struct {
        const char *verb;
        size_t job;
    } of[] = {{"label", offsetof(struct cfg_resources, label)},     {"aimd", offsetof(struct cfg_resources, label)},
              {"train", offsetof(struct cfg_resources, train)},     {"explore", offsetof(struct cfg_resources, explore)},
              {"volume", offsetof(struct cfg_resources, produce)},  {"produce", offsetof(struct cfg_resources, produce)}};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        if (strcmp(of[i].verb, verb) != 0) continue;
        const struct cfg_job *j = (const struct cfg_job *)(const void *)((const char *)r + of[i].job);
        s->memory = j == &r->label ? r->label_memory : j->memory;
        s->time = j->time * 1e-15;
    }
}

struct exec_spec loop_task_spec(const struct loop *l, const struct plan_task *t, const char *token)
{
    struct exec_spec s = {.task = t->id, .verb = t->verb, .token = token, .ranks = t->ranks, .threads = t->threads, .alone = t->alone};
    limits_of(&l->r->config->resources, t->verb, &s);
    return s;
}

// What a worker's end means; ended: the attempt is closed with this exit code.
struct end_of {
    bool ended;
    int code;
    double seconds; // it ran; 0: not known
};

static void give_up(struct loop *l, const struct view_task *t, const char *message, const char *hint)
{
    loop_say(l, "task %s failed: %s", t->id, message);
    if (l->failed) return; // the first failure is the one to tell
    l->failed = true;
    snprintf(l->outcome.message, sizeof l->outcome.message, "task %s failed: %.400s; its log: %s/worker.log",
             t->id, message, t->id);
    if (hint && hint[0])
        snprintf(l->outcome.hint, sizeof l->outcome.hint, "%s", hint);
    else
        snprintf(l->outcome.hint, sizeof l->outcome.hint,
                 "alnd errors %.800s shows every failure; alnd start goes on once the cause is mended",
                 l->r->path);
}

// Retry of transient failures as long as resources.retries allows; the cause stays with the attempt.
static enum al_err fail_task(struct loop *l, struct view_task *t, enum al_err_class cls, const char *message,
                             const char *hint, struct end_of end)
{
    static const char *const names[] = {"expected", "transient", "fault"};
    char text[AL_ERR_TEXT];
    struct jr_change c = change_of(t);
    c.ended = end.ended;
    c.exit = end.code;
    c.cause = names[cls];
    c.message = message;
    if (cls == AL_CLASS_TRANSIENT) {
        c.failures++;
        if (c.failures <= l->r->config->resources.retries) {
            AL_TRY(task_result_put_aside(l->r->path, t->id, t->attempts));
            AL_TRY(apply(l, t, EV_LOST, &c));
            loop_say(l, "%s: %s; starting again (%d of %d)", t->id, message, c.failures,
                     l->r->config->resources.retries);
            return AL_ERR_OK;
        }
        if (c.failures > 1) {
            snprintf(text, sizeof text, "%.400s (started %d times)", message, c.failures);
            c.message = text;
        }
    }
    AL_TRY(apply(l, t, EV_GIVEUP, &c));
    give_up(l, t, c.message, hint);
    return AL_ERR_OK;
}

static enum al_err collect_done(struct loop *l, struct view_task *t, const struct task_result *r, double ran)
{
    struct jr_change c = change_of(t);
    c.cause = "";
    c.nfacts = r->nfacts;
    c.fact = r->fact;
    c.nartifacts = r->nartifacts;
    c.artifact = r->artifact;
    AL_TRY(apply(l, t, EV_COLLECTED, &c));
    char seconds[32] = "";
    if (ran > 0) snprintf(seconds, sizeof seconds, " (%.1f s)", ran);
    loop_say(l, "%s done%s", t->id, seconds);
    return AL_ERR_OK;
}

// COLLECTING: result.yaml into the journal, or out of the way.
static enum al_err collect(struct loop *l, struct view_task *t, double ran)
{
    AL_OWN(task_result) r = NULL;
    char why[AL_ERR_TEXT];
    enum al_err e = task_result_read(l->r->path, t->id, &r);
    if (!e) e = task_result_check(l->r->path, r, t->identity);
    if (e == AL_ERR_NOMEM || e == AL_ERR_IO) AL_TRY(e);
    if (e) { // damaged: the task can be done again
        snprintf(why, sizeof why, "%s", al_err_message());
        AL_TRY(fail_task(l, t, AL_CLASS_TRANSIENT, why, "", (struct end_of){0}));
        return AL_ERR_OK;
    }
    if (r->done) {
        AL_TRY(collect_done(l, t, r, ran));
        return AL_ERR_OK;
    }
    enum al_err code = al_err_from_name(r->code);
    snprintf(why, sizeof why, "%.400s", r->message[0] ? r->message : al_err_text(code));
    AL_TRY(fail_task(l, t, al_err_class(code), why, r->hint, (struct end_of){0}));
    return AL_ERR_OK;
}

static bool has_result(const struct loop *l, const struct view_task *t)
{
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/%s/result.yaml", l->r->path, t->id) < AL_PATH && al_exists(path);
}

static bool was_told_to_stop(const struct loop *l, const struct view_task *t)
{
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/%s/stop", l->r->path, t->id) < AL_PATH && al_exists(path);
}

static enum al_err take_result(struct loop *l, struct view_task *t, struct end_of end)
{
    struct jr_change c = change_of(t);
    c.ended = end.ended;
    c.exit = end.code;
    AL_TRY(apply(l, t, EV_RESULT, &c));
    AL_TRY(collect(l, t, end.seconds));
    return AL_ERR_OK;
}

static enum al_err interrupted(struct loop *l, struct view_task *t, const char *detail, struct end_of end)
{
    struct jr_change c = change_of(t);
    c.detail = detail;
    c.ended = end.ended;
    c.exit = end.code;
    AL_TRY(apply(l, t, EV_INTERRUPTED, &c));
    return AL_ERR_OK;
}

static enum al_err new_token(char ret[TASK_TOKEN])
{
    unsigned char raw[16];
    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw) AL_FAIL(AL_ERR_IO, "cannot get random bytes");
    for (unsigned i = 0; i < sizeof raw; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
    return AL_ERR_OK;
}

// A result that is there before the start: of this very task (then it is taken), or stale (then put aside).
static enum al_err found_result(struct loop *l, struct view_task *t, bool *ret_usable)
{
    AL_OWN(task_result) r = NULL;
    *ret_usable = false;
    if (!has_result(l, t)) return AL_ERR_OK;
    enum al_err e = task_result_read(l->r->path, t->id, &r);
    *ret_usable = !e && r->done && strcmp(r->identity, t->identity) == 0;
    if (!*ret_usable) AL_TRY(task_result_put_aside(l->r->path, t->id, t->attempts));
    return AL_ERR_OK;
}

enum al_err loop_task_submit(struct loop *l, const struct plan_task *pt)
{
    struct view_task *t = view_find(l->v, pt->id);
    char token[TASK_TOKEN], why[AL_ERR_TEXT];
    bool usable;
    long pid;
    AL_TRY(found_result(l, t, &usable));
    AL_TRY(task_write(l->r->path, pt));
    AL_TRY(new_token(token));
    struct jr_change c = change_of(t);
    c.attempts++;
    c.token = token;
    AL_TRY(apply(l, t, EV_SUBMIT, &c));
    if (usable) {
        AL_TRY(take_result(l, t, (struct end_of){.ended = true}));
        return AL_ERR_OK;
    }
    struct exec_spec s = loop_task_spec(l, pt, token);
    enum al_err e = l->x->ops->submit(l->x, &s, &pid);
    if (e) {
        snprintf(why, sizeof why, "%s", al_err_message());
        AL_TRY(
            fail_task(l, t, al_err_class(e), why, "", (struct end_of){.ended = true, .code = EXEC_UNKNOWN}));
        return AL_ERR_OK;
    }
    c = change_of(t);
    c.pid = pid;
    AL_TRY(apply(l, t, EV_STARTED, &c));
    loop_say(l, "%s started%s", t->id, t->attempts > 1 ? " again" : "");
    return AL_ERR_OK;
}

// Why a worker that left no result ended, with the last thing it said.
static void describe_end(const struct loop *l, const struct view_task *t, const struct exec_end *end,
                         char *why, size_t n)
{
    char tail[200];
    task_log_tail(l->r->path, t->id, tail, sizeof tail);
    if (end->hung)
        snprintf(why, n, "no heartbeat for %.0f s: hung, killed", end->silent);
    else if (end->why[0])
        snprintf(why, n, "%s", end->why);
    else if (end->code == EXEC_UNKNOWN)
        snprintf(why, n, "ended without a result");
    else if (end->code < 0)
        snprintf(why, n, "killed by signal %d (%s)", -end->code, strsignal(-end->code));
    else if (end->code == 3)
        snprintf(why, n, "stopped, but not by alnd");
    else
        snprintf(why, n, "ended with code %d without a result", end->code);
    size_t k = strlen(why);
    if (tail[0]) snprintf(why + k, n - k, "; last line of its log: %s", tail);
}

// A worker that died at a frame of its task: the frame's fault as long as it may still be tried, and no failure of the task.
static enum al_err blame_frame(struct loop *l, struct view_task *t, const struct exec_end *end, const char *why, struct end_of e, bool *ret_blamed)
{
    const int limit = l->r->config->resources.label_deaths;
    char reason[AL_ERR_TEXT], text[AL_ERR_TEXT];
    struct death d;
    *ret_blamed = false;
    if (end->refused) return AL_ERR_OK; // label, explore and aimd say what they are at
    death_reason(end, reason, sizeof reason);
    AL_TRY(death_record(l->r->path, t->id, t->token, reason, &d));
    *ret_blamed = d.frame >= 0 && d.count <= limit;
    if (!*ret_blamed) return AL_ERR_OK;
    snprintf(text, sizeof text, "at %s (%d of %d times): %.300s", d.name, d.count, limit, why);
    struct jr_change c = change_of(t);
    c.ended = e.ended;
    c.exit = e.code;
    c.cause = "transient";
    c.message = text;
    AL_TRY(apply(l, t, EV_LOST, &c));
    loop_say(l, "%s: %s; %s", t->id, text, d.count < limit ? "starting again" : "going on without it");
    return AL_ERR_OK;
}

enum al_err loop_task_ended(struct loop *l, const struct exec_end *end)
{
    struct view_task *t = view_find(l->v, end->task);
    struct end_of e = {true, end->code, end->seconds};
    char why[AL_ERR_TEXT];
    if (!t) AL_FAIL(AL_ERR_BUG, "the executor knows a task %s that the journal does not", end->task);
    if (has_result(l, t)) {
        AL_TRY(take_result(l, t, e));
        return AL_ERR_OK;
    }
    // after `alnd retry` the loop is not ending any more when the workers come that it had told to stop
    if ((l->stopping || l->failed || (end->code == 3 && !end->why[0] && was_told_to_stop(l, t))) && !end->hung) {
        AL_TRY(interrupted(l, t, "stopped on request", e));
        return AL_ERR_OK;
    }
    if (end->again) {
        AL_TRY(interrupted(l, t, end->why, e));
        loop_say(l, "%s: %s; it goes on", t->id, end->why);
        return AL_ERR_OK;
    }
    bool blamed;
    describe_end(l, t, end, why, sizeof why);
    AL_TRY(blame_frame(l, t, end, why, e, &blamed));
    if (blamed) return AL_ERR_OK;
    AL_TRY(fail_task(l, t, end->refused ? AL_CLASS_FAULT : AL_CLASS_TRANSIENT, why, "", e));
    return AL_ERR_OK;
}

static enum al_err adopt(struct loop *l, struct view_task *t, bool *ret_runs)
{
    const struct plan_task *pt = plan_find(l->p, t->id);
    long pid = 0;
    struct exec_spec s = {.task = t->id, .verb = t->verb, .token = t->token, .threads = 1};
    if (pt) s = loop_task_spec(l, pt, t->token);
    AL_TRY(l->x->ops->adopt(l->x, &s, &pid, ret_runs));
    if (!*ret_runs) return AL_ERR_OK;
    struct jr_change c = change_of(t);
    c.pid = pid;
    AL_TRY(apply(l, t, EV_ADOPTED, &c));
    loop_say(l, "%s still runs: adopted", t->id);
    return AL_ERR_OK;
}

enum al_err loop_task_retry(struct loop *l, struct view_task *t, const char *id, const char *who)
{
    AL_TRY(retry_task(l->r->path, l->j, l->v, t, id, who));
    al_log(AL_LOG_INFO, "daemon", "ev=retry task=%s by=\"%s\"", t->id, who);
    loop_say(l, "%s failed before: once more", t->id);
    return AL_ERR_OK;
}

enum al_err loop_task_resolve(struct loop *l, struct view_task *t)
{
    struct end_of gone = {true, EXEC_UNKNOWN, 0};
    bool runs = false;
    switch (t->state) {
    case TASK_COLLECTING:
        if (has_result(l, t))
            AL_TRY(collect(l, t, 0));
        else
            AL_TRY(interrupted(l, t, "no result to collect", gone));
        return AL_ERR_OK;
    case TASK_SUBMITTING:
    case TASK_INFLIGHT:
        if (has_result(l, t)) {
            AL_TRY(take_result(l, t, gone));
            return AL_ERR_OK;
        }
        AL_TRY(adopt(l, t, &runs));
        if (!runs) AL_TRY(interrupted(l, t, "neither a worker nor a result was found at start", gone));
        return AL_ERR_OK;
    case TASK_FAILED:
        AL_TRY(loop_task_retry(l, t, t->id, "alnd start"));
        return AL_ERR_OK;
    default:
        return AL_ERR_OK;
    }
}
