// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/exec_queue_impl.h"
#include "core/proc.h"
#include "core/taskfile.h"

static bool has_ended(const struct queue_job *j)
{
    return j->state >= QUEUE_DONE;
}

// A short job may never be seen RUNNING.
static bool has_begun(enum queue_state s)
{
    return s == QUEUE_RUNNING || s == QUEUE_ENDING;
}

static bool result_there(const struct exec_queue *l, const struct queue_job *j)
{
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/%s/result.yaml", l->run, j->task) < AL_PATH && al_exists(path);
}

// A worker that was told to stop before its time limit goes on in a new job, unless it would never get further.
static void stopped_early(const struct exec_queue *l, struct queue_job *j, bool asked)
{
    struct task_progress p = {0};
    bool further = task_progress_read(l->run, j->task, &p) && p.done > j->done;
    j->end.again = further;
    snprintf(j->end.why, sizeof j->end.why, "%s %s", asked ? "stopped before its time limit in" : "stopped in", l->d->title);
    size_t n = strlen(j->end.why);
    if (!further)
        snprintf(j->end.why + n, sizeof j->end.why - n, " without having got further: resources.%s.time may be too short", l->d->name);
}

static void explain(const struct exec_queue *l, struct queue_job *j, bool noted, bool asked)
{
    char *why = j->end.why;
    size_t n = sizeof j->end.why;
    const char *title = l->d->title;
    const bool by_us = j->cancelled && (j->state == QUEUE_CANCELLED || (j->state == QUEUE_GONE && !noted));
    if (by_us) snprintf(why, n, "cancelled");
    else if (j->state == QUEUE_CANCELLED) snprintf(why, n, "its job was cancelled in %s, not by alnd", title);
    else if (j->end.code == 3 && j->stop) return; // as it was told to
    else if (j->end.code == 3) stopped_early(l, j, asked);
    else if (j->state == QUEUE_TIMEOUT)
        snprintf(why, n, "ended by %s at its time limit before it had saved its state (resources.%s.grace)", title, l->d->name);
    else if (j->state == QUEUE_NODE) snprintf(why, n, "its node failed (%s: %s)", title, j->word);
    else if (j->state == QUEUE_MEMORY && j->memory > 0) snprintf(why, n, "over its memory limit of %.0f MiB in %s", j->memory, title);
    else if (j->state == QUEUE_MEMORY) snprintf(why, n, "out of memory in %s", title);
    else if (j->state == QUEUE_PREEMPTED) {
        j->end.again = true;
        snprintf(why, n, "preempted by another job in %s", title);
    } else if (j->state == QUEUE_GONE && (!l->d->forgets || !noted)) {
        snprintf(why, n, "its job is not in %s's queue%s%s", title, l->d->where ? ", and left no exit code: see " : "",
                 l->d->where ? l->d->where : "");
        j->end.again = j->adopted && !j->id; // never seen: the daemon's death came before it was submitted
    }
}

// The queue says that it has ended, or no longer knows it.
static void conclude(struct exec_queue *l, struct queue_job *j)
{
    int code = EXEC_UNKNOWN;
    bool asked = false, noted = batch_exit_read(l->run, l->d->name, j->token, &code, &asked);
    if (j->gone <= 0) j->gone = al_clock();
    bool ran = j->state == QUEUE_DONE || j->state == QUEUE_FAILED ||
               (j->state == QUEUE_GONE && l->d->forgets && j->id && !j->cancelled);
    if (ran && (noted ? code == 0 && !result_there(l, j) : true) && al_clock() - j->gone < FILE_LAG_S) return;
    j->end = (struct exec_end){.code = noted ? code : EXEC_UNKNOWN, .hung = j->hung, .silent = j->silent};
    if (!j->hung) explain(l, j, noted, asked);
    al_log(AL_LOG_INFO, l->d->name, "ev=job_ended task=%s job=%ld index=%d state=%s code=%d", j->task, j->id, j->index,
           j->state == QUEUE_GONE ? "gone" : j->word, j->end.code);
    queue_over(l, j);
}

static void take_line(void *ctx, const struct queue_line *line)
{
    struct exec_queue *l = ctx;
    for (int i = 0; i < l->njobs; i++) {
        struct queue_job *j = &l->job[i];
        if ((j->stage != LIVE && j->stage != UNSURE) || j->index != line->index || strcmp(j->batch, line->batch) != 0 ||
            (j->id && j->id != line->id))
            continue;
        bool news = strcmp(j->word, line->word) != 0 || j->state != line->state;
        if (news) queue_news(l);
        j->id = line->id;
        j->array = line->array;
        j->stage = LIVE;
        j->listed = true;
        if (news && (line->state == QUEUE_RUNNING || (has_begun(line->state) && !has_begun(j->state)))) {
            j->running = al_clock();
            j->beat = (struct exec_beat){.last_change = j->running};
        }
        snprintf(j->word, sizeof j->word, "%s", line->word);
        j->state = line->state;
        j->dropped = false;
        return;
    }
}

static void watch(struct exec_queue *l, struct queue_job *j)
{
    int code;
    bool asked, noted = !j->listed && batch_exit_read(l->run, l->d->name, j->token, &code, &asked);
    double now = al_clock();
    if (!j->listed && j->stage == UNSURE && j->sender) return; // an earlier daemon's submission is under way
    // or about to be: between fork and exec a process does not show its token
    if (!j->listed && j->stage == UNSURE && j->adopted && !noted && now - j->submitted < START_LAG_S) return;
    if (!j->listed && j->stage == UNSURE && !j->adopted && !noted && !j->id) {
        j->stage = WAITING; // the submission got no answer, and the job is not there
        return;
    }
    if (!j->listed) {
        if (j->id && !has_ended(j)) j->state = QUEUE_GONE;
        conclude(l, j);
    } else if (has_ended(j)) {
        conclude(l, j);
    } else if (has_begun(j->state)) {
        if (batch_exit_read(l->run, l->d->name, j->token, &code, &asked) && code == 0 && result_there(l, j)) {
            conclude(l, j); // the queue is behind
        } else if (!j->hung && exec_beat_stopped(l->run, j->task, &j->beat, l->heartbeat, now)) {
            j->silent = now - j->beat.last_change;
            j->hung = j->cancel = true;
        }
    }
}

static bool heard(struct exec_queue *l, const struct batch_answer *a, bool ok)
{
    char quoted[BATCH_ERR];
    if (!ok && !l->deaf)
        al_log(AL_LOG_WARN, l->d->name, "ev=no_answer code=%d message=%s", a->code, al_log_quote(quoted, sizeof quoted, a->err));
    if (ok && l->deaf) al_log(AL_LOG_INFO, l->d->name, "ev=answers_again");
    l->deaf = !ok;
    return ok;
}

static void later(struct exec_queue *l)
{
    double longest = l->cfg.poll * 1e-15;
    l->step = fmin(1.5 * l->step, longest);
    l->next_look = al_clock() + l->step;
}

void queue_looked(struct exec_queue *l, struct batch_answer *a)
{
    later(l);
    if (!heard(l, a, l->d->answered(a))) return;
    for (int i = 0; i < l->njobs; i++)
        l->job[i].listed = l->job[i].sought = false;
    if (a->out) l->d->read(a->out, take_line, l);
    for (int i = 0; i < l->njobs; i++)
        if (l->job[i].stage == LIVE || l->job[i].stage == UNSURE) watch(l, &l->job[i]);
}

void queue_found(struct exec_queue *l, const struct batch_answer *a)
{
    if (!heard(l, a, a->code == 0)) {
        later(l);
        return;
    }
    long id = a->out ? l->d->found(a->out) : 0;
    for (int i = 0; i < l->njobs; i++) {
        struct queue_job *j = &l->job[i];
        if (j->stage != UNSURE || j->id || strcmp(j->batch, l->finding) != 0) continue;
        j->sought = true;
        j->id = id;
        j->array = j->array || strstr(a->out ? a->out : "", "[");
    }
    l->next_look = 0; // the next of them, or what they do
}

// A job of which nobody knows whether it was submitted: its id, by its name.
static bool find_next(struct exec_queue *l, struct queue_args *a)
{
    for (int i = 0; i < l->njobs && l->d->find; i++) {
        struct queue_job *j = &l->job[i];
        if (j->stage != UNSURE || j->sought || j->id) continue;
        memcpy(l->finding, j->batch, sizeof l->finding);
        l->d->find(j->batch, a);
        queue_call(l, FIND, a, "");
        return true;
    }
    return false;
}

enum al_err queue_look(struct exec_queue *l)
{
    AL_AUTOFREE struct queue_args *a = NULL;
    AL_AUTOFREE struct queue_id *ids = NULL;
    int n = 0;
    AL_ALLOC(a, 1);
    AL_ALLOC(ids, l->njobs + 1);
    // before the queue is read: who is under way after that is in it
    for (int i = 0; i < l->njobs; i++) {
        struct queue_job *j = &l->job[i];
        if (j->stage != UNSURE || j->sought) continue;
        bool same = i > 0 && strcmp(j->batch, l->job[i - 1].batch) == 0;
        j->sender = same ? l->job[i - 1].sender : proc_find_token(j->batch) > 0;
    }
    if (find_next(l, a)) return AL_ERR_OK;
    for (int i = 0; i < l->njobs; i++) {
        const struct queue_job *j = &l->job[i];
        bool named = !j->id || (j->stage != LIVE && j->stage != UNSURE);
        for (int k = n - 1; k >= 0 && !named && j->array && !l->d->own_ids; k--)
            named = ids[k].id == j->id;
        if (!named) ids[n++] = (struct queue_id){.id = j->id, .index = j->index, .array = j->array};
    }
    if (n == 0 && l->d->find) { // nothing is known to be there
        struct batch_answer none = {0};
        queue_looked(l, &none);
        return AL_ERR_OK;
    }
    l->d->look(n, ids, a);
    queue_call(l, LOOK, a, "");
    return AL_ERR_OK;
}
