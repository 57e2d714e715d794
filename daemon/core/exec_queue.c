// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Tasks that are submitted between two polls and are alike go to the batch system as one array. The script RUN/SYSTEM/TOKEN.sh
// (TOKEN: the first task's) is written before it is submitted and the job is named after it, so that whatever happens in
// between, the queue tells whether the job exists: nothing is submitted twice. One command runs at a time, and nobody waits
// for it. No accounts are needed: what the queue no longer shows has ended, and the script has noted the worker's exit code.
#include "core/exec_queue_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/proc.h"
#include "core/taskfile.h"

enum { CANCEL_MAX = 60 }; // jobs in one command

static struct exec_queue *self(const struct executor *x)
{
    return (struct exec_queue *)x;
}

static struct queue_job *find_job(const struct exec_queue *l, const char *task)
{
    for (int i = 0; i < l->njobs; i++)
        if (strcmp(l->job[i].task, task) == 0) return &l->job[i];
    return NULL;
}

void queue_news(struct exec_queue *l)
{
    double first = FIRST_LOOK_S;
    l->step = fmin(first, l->cfg.poll * 1e-15);
    l->next_look = al_clock() + l->step;
}

void queue_call(struct exec_queue *l, enum queue_calling what, struct queue_args *a, const char *token)
{
    if (!a->full && batch_start(&l->call, a->v, l->run, token) == AL_ERR_OK) l->calling = what;
    else al_log(AL_LOG_WARN, l->d->name, "ev=call_failed program=%s", a->v[0]);
}

void queue_over(struct exec_queue *l, struct queue_job *j)
{
    j->stage = OVER;
    j->end.seconds = j->running > 0 ? al_clock() - j->running : 0;
    snprintf(j->end.task, sizeof j->end.task, "%s", j->task);
    queue_news(l);
}

static bool fits_queue(const struct executor *x, const struct exec_spec *s)
{
    (void)s;
    return self(x)->njobs < self(x)->cfg.jobs;
}

static enum al_err add_job(struct exec_queue *l, const struct exec_spec *s, enum queue_stage stage, struct queue_job **ret)
{
    if (l->njobs == l->capacity) {
        int n = l->capacity ? 2 * l->capacity : 64;
        AL_GROW(l->job, l->njobs, n);
        l->capacity = n;
    }
    struct queue_job *j = &l->job[l->njobs++];
    struct task_progress p = {0};
    *j = (struct queue_job){.stage = stage, .ranks = s->ranks, .threads = s->threads, .alone = s->alone, .memory = s->memory,
                       .time = s->time, .submitted = al_clock()};
    snprintf(j->task, sizeof j->task, "%s", s->task);
    snprintf(j->token, sizeof j->token, "%s", s->token);
    snprintf(j->verb, sizeof j->verb, "%s", s->verb);
    j->done = task_progress_read(l->run, s->task, &p) ? p.done : 0;
    *ret = j;
    return AL_ERR_OK;
}

static enum al_err submit_queue(struct executor *x, const struct exec_spec *s, long *ret_pid)
{
    struct exec_queue *l = self(x);
    struct queue_job *j;
    char stop[AL_PATH];
    AL_TRY(al_path(stop, "%s/%s/stop", l->run, s->task));
    if (unlink(stop) != 0 && errno != ENOENT)
        AL_FAIL(al_err_from_errno(errno), "cannot remove %s: %s", stop, strerror(errno));
    AL_TRY(add_job(l, s, WAITING, &j));
    *ret_pid = 0;
    return AL_ERR_OK;
}

static const struct queue_known *find_known(const struct exec_queue *l, const char *token)
{
    for (int i = 0; i < l->nknown; i++)
        if (strcmp(l->known[i].token, token) == 0) return &l->known[i];
    return NULL;
}

// Meant for the queue by an earlier daemon: whether the queue has it, the next look tells.
static enum al_err adopt_queue(struct executor *x, const struct exec_spec *s, long *ret_pid, bool *ret_runs)
{
    struct exec_queue *l = self(x);
    const struct queue_known *k = find_known(l, s->token);
    struct queue_job *j;
    *ret_runs = k != NULL;
    *ret_pid = 0;
    if (!k) return AL_ERR_OK;
    AL_TRY(add_job(l, s, UNSURE, &j));
    j->adopted = true;
    j->index = k->index;
    snprintf(j->batch, sizeof j->batch, "%s", k->batch);
    return AL_ERR_OK;
}

// waiting: those that are to go if they still wait. A job may have begun since its state was seen, and a worker that was told to
// stop must not be killed: the batch system decides, where it can.
static enum al_err cancel_some(struct exec_queue *l, bool waiting)
{
    AL_AUTOFREE struct queue_args *a = NULL;
    int n = 0;
    bool any = false;
    for (int i = 0; i < l->njobs && !any; i++)
        any = (waiting ? l->job[i].drop : l->job[i].cancel) && l->job[i].stage == LIVE;
    if (!any) return AL_ERR_OK;
    AL_ALLOC(a, 1);
    l->d->cancel(waiting, a);
    for (int i = 0; i < l->njobs && n < CANCEL_MAX; i++) {
        struct queue_job *j = &l->job[i];
        if (!(waiting ? j->drop : j->cancel) || j->stage != LIVE || !j->id) continue;
        l->d->element(&(struct queue_id){.id = j->id, .index = j->index, .array = j->array}, a);
        n++;
        if (waiting) j->dropped = true;
        else j->cancel = false;
        j->drop = false;
        j->cancelled = true;
    }
    if (n) queue_call(l, CANCEL, a, "");
    return AL_ERR_OK;
}

// Scripts of which nothing was adopted have had their day.
static void settle(struct exec_queue *l)
{
    char path[AL_PATH];
    l->settled = true;
    for (int i = 0; i < l->nknown; i++) {
        bool used = false;
        for (int k = 0; k < l->njobs && !used; k++)
            used = strcmp(l->job[k].batch, l->known[i].batch) == 0;
        if (!used && snprintf(path, sizeof path, "%s/%s/%s.sh", l->run, l->d->name, l->known[i].batch) < AL_PATH) unlink(path);
    }
}

static void take_answer(struct exec_queue *l)
{
    struct batch_answer a;
    bool ended;
    if (batch_poll(&l->call, CALL_LIMIT_S, &ended, &a) != AL_ERR_OK) {
        a = (struct batch_answer){.code = -1};
        ended = true;
    }
    if (!ended) return;
    enum queue_calling was = l->calling;
    l->calling = NOTHING;
    if (was == SUBMIT) queue_sent(l, &a);
    else if (was == FIND) queue_found(l, &a);
    else if (was == LOOK) queue_looked(l, &a);
    else queue_news(l);
    al_free(a.out);
}

static void drive(struct exec_queue *l)
{
    double now = al_clock();
    bool waiting = false, known = false;
    if (!l->settled) settle(l);
    if (l->calling != NOTHING) take_answer(l);
    if (l->calling != NOTHING) return;
    for (int i = 0; i < l->njobs; i++) {
        struct queue_job *j = &l->job[i];
        if (j->stage == WAITING && (j->stop || j->cancel)) { // never submitted
            j->end = (struct exec_end){.code = EXEC_UNKNOWN, .why = "stopped before it was submitted"};
            queue_over(l, j);
        }
        if (j->stage == LIVE && j->stop && j->state == QUEUE_WAITING && !j->dropped) j->drop = true;
        waiting = waiting || j->stage == WAITING;
        known = known || j->stage == LIVE || j->stage == UNSURE;
    }
    for (int pass = 0; pass < 2; pass++)
        if (cancel_some(l, pass == 1) == AL_ERR_OK && l->calling != NOTHING) return;
    if (waiting && now >= l->next_send) {
        if (queue_send(l) == AL_ERR_OK && l->calling == SUBMIT) return;
        if (l->calling == NOTHING) l->next_send = now + 5; // a full disk, no process
    }
    if (known && now >= l->next_look && queue_look(l) != AL_ERR_OK) l->next_look = now + 5;
}

static void drop_job(struct exec_queue *l, struct queue_job *j)
{
    char batch[TASK_TOKEN], path[AL_PATH];
    struct stat st;
    bool well = j->end.code == 0;
    snprintf(batch, sizeof batch, "%s", j->batch);
    static const char *const of_token[] = {"exit", "starts", NULL};
    for (int i = 0; of_token[i]; i++)
        if (snprintf(path, sizeof path, "%s/%s/%s.%s", l->run, l->d->name, j->token, of_token[i]) < AL_PATH) unlink(path);
    *j = l->job[--l->njobs];
    if (!batch[0]) return;
    for (int i = 0; i < l->njobs; i++)
        if (strcmp(l->job[i].batch, batch) == 0) return;
    if (snprintf(path, sizeof path, "%s/%s/%s.sh", l->run, l->d->name, batch) < AL_PATH) unlink(path);
    if (snprintf(path, sizeof path, "%s/%s/%s.log", l->run, l->d->name, batch) < AL_PATH && stat(path, &st) == 0 &&
        (st.st_size == 0 || (l->d->reports && well)))
        unlink(path);
}

static bool poll_queue(struct executor *x, struct exec_end *ret)
{
    struct exec_queue *l = self(x);
    drive(l);
    for (int i = 0; i < l->njobs; i++) {
        if (l->job[i].stage != OVER) continue;
        *ret = l->job[i].end;
        drop_job(l, &l->job[i]);
        return true;
    }
    return false;
}

static void cancel_queue(struct executor *x, const char *task, enum exec_cancel how)
{
    struct exec_queue *l = self(x);
    struct queue_job *j = find_job(l, task);
    char path[AL_PATH];
    if (!j) return;
    j->stop = true;
    if (how == EXEC_KILL) j->cancel = true;
    if (snprintf(path, sizeof path, "%s/%s/stop", l->run, task) < AL_PATH) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0) close(fd);
    }
    queue_news(l);
}

static int count_queue(const struct executor *x)
{
    return self(x)->njobs;
}

static double seconds_queue(const struct executor *x, const char *task)
{
    const struct queue_job *j = find_job(self(x), task);
    return j && j->running > 0 ? al_clock() - j->running : 0;
}

static void destroy_queue(struct executor **xp)
{
    struct exec_queue *l = self(*xp);
    *xp = NULL;
    if (l->calling == LOOK || l->calling == FIND) batch_drop(&l->call);
    al_free(l->job);
    al_free(l->known);
    al_free(l);
}

static const struct exec_ops queue_ops = {
    .fits = fits_queue,
    .submit = submit_queue,
    .adopt = adopt_queue,
    .poll = poll_queue,
    .cancel = cancel_queue,
    .count = count_queue,
    .seconds = seconds_queue,
    .destroy = destroy_queue,
};

struct reading {
    struct exec_queue *l;
    char batch[TASK_TOKEN];
};

static enum al_err remember(void *ctx, int index, const char *token, const char *task)
{
    struct reading *r = ctx;
    struct exec_queue *l = r->l;
    if (l->nknown == l->known_capacity) {
        int n = l->known_capacity ? 2 * l->known_capacity : 64;
        AL_GROW(l->known, l->nknown, n);
        l->known_capacity = n;
    }
    struct queue_known *k = &l->known[l->nknown++];
    *k = (struct queue_known){.index = index};
    snprintf(k->task, sizeof k->task, "%s", task);
    snprintf(k->token, sizeof k->token, "%s", token);
    snprintf(k->batch, sizeof k->batch, "%s", r->batch);
    return AL_ERR_OK;
}

static enum al_err read_scripts(struct exec_queue *l)
{
    char path[AL_PATH];
    enum al_err e = AL_ERR_OK;
    AL_TRY(al_path(path, "%s/%s", l->run, l->d->name));
    DIR *d = opendir(path);
    if (!d) return AL_ERR_OK;
    for (struct dirent *f; !e && (f = readdir(d));) {
        struct reading r = {.l = l};
        size_t n = strlen(f->d_name);
        if (n < 4 || n - 3 >= sizeof r.batch || strcmp(f->d_name + n - 3, ".sh") != 0) continue;
        snprintf(r.batch, sizeof r.batch, "%.*s", (int)(n - 3), f->d_name);
        e = al_path(path, "%s/%s/%s", l->run, l->d->name, f->d_name);
        if (!e) e = batch_script_read(path, remember, &r);
    }
    closedir(d);
    return e;
}

enum al_err exec_queue_check(enum cfg_queue_system system)
{
    const struct queue_dialect *d = queue_dialect_of(system);
    for (int i = 0; d && d->programs[i]; i++)
        if (batch_find(d->programs[i]) != AL_ERR_OK)
            AL_FAIL_HINT(AL_ERR_NOTFOUND, "start alnd where jobs are submitted (a login node), or take resources.executor: local",
                         "resources.executor is %s, but %s is not in PATH", d->name, d->programs[i]);
    return AL_ERR_OK;
}

enum al_err exec_queue_create(const struct exec_queue_options *o, struct executor **ret)
{
    struct executor *x = NULL;
    struct exec_queue *l;
    AL_ALLOC(l, 1);
    l->d = queue_dialect_of(o->system);
    l->ops = queue_ops;
    l->ops.name = l->d->name;
    l->base.ops = &l->ops;
    x = &l->base;
    l->cfg = *o->cfg;
    l->retries = o->retries;
    l->heartbeat = o->heartbeat;
    enum al_err e = al_path(l->run, "%s", o->run);
    if (!e) e = al_path(l->worker, "%s", o->worker);
    if (!e) e = read_scripts(l);
    if (e) executor_destroy(&x);
    AL_TRY(e);
    queue_news(l);
    l->next_look = 0;
    *ret = x;
    return AL_ERR_OK;
}
