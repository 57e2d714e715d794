// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Tasks that are submitted between two polls and are alike go to Slurm as one array. The script RUN/slurm/TOKEN.sh (TOKEN: the
// first task's) is written before sbatch is called and the job is named after it, so that whatever happens in between, the
// queue tells whether the job exists: nothing is submitted twice. One command of Slurm runs at a time, and nobody waits for it.
// Slurm need not keep accounts: what squeue no longer shows has ended, and the script has noted the worker's exit code.
#include "core/exec_slurm_impl.h"

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

static struct exec_slurm *self(const struct executor *x)
{
    return (struct exec_slurm *)x;
}

static struct slurm_job *find_job(const struct exec_slurm *l, const char *task)
{
    for (int i = 0; i < l->njobs; i++)
        if (strcmp(l->job[i].task, task) == 0) return &l->job[i];
    return NULL;
}

void slurm_news(struct exec_slurm *l)
{
    double first = FIRST_LOOK_S;
    l->step = fmin(first, l->cfg.poll * 1e-15);
    l->next_look = al_clock() + l->step;
}

void slurm_call(struct exec_slurm *l, enum slurm_calling what, const char *const *argv, const char *token)
{
    if (batch_start(&l->call, argv, l->run, token) == AL_ERR_OK) l->calling = what;
    else al_log(AL_LOG_WARN, "slurm", "ev=call_failed program=%s", argv[0]);
}

void slurm_over(struct exec_slurm *l, struct slurm_job *j)
{
    j->stage = OVER;
    j->end.seconds = j->running > 0 ? al_clock() - j->running : 0;
    snprintf(j->end.task, sizeof j->end.task, "%s", j->task);
    slurm_news(l);
}

static bool fits_slurm(const struct executor *x, const struct exec_spec *s)
{
    (void)s;
    return self(x)->njobs < self(x)->cfg.jobs;
}

static enum al_err add_job(struct exec_slurm *l, const struct exec_spec *s, enum slurm_stage stage, struct slurm_job **ret)
{
    if (l->njobs == l->capacity) {
        int n = l->capacity ? 2 * l->capacity : 64;
        AL_GROW(l->job, l->njobs, n);
        l->capacity = n;
    }
    struct slurm_job *j = &l->job[l->njobs++];
    struct task_progress p = {0};
    *j = (struct slurm_job){.stage = stage, .ranks = s->ranks, .threads = s->threads, .alone = s->alone, .memory = s->memory, .time = s->time,
                       .submitted = al_clock()};
    snprintf(j->task, sizeof j->task, "%s", s->task);
    snprintf(j->token, sizeof j->token, "%s", s->token);
    snprintf(j->verb, sizeof j->verb, "%s", s->verb);
    j->done = task_progress_read(l->run, s->task, &p) ? p.done : 0;
    *ret = j;
    return AL_ERR_OK;
}

static enum al_err submit_slurm(struct executor *x, const struct exec_spec *s, long *ret_pid)
{
    struct exec_slurm *l = self(x);
    struct slurm_job *j;
    char stop[AL_PATH];
    AL_TRY(al_path(stop, "%s/%s/stop", l->run, s->task));
    if (unlink(stop) != 0 && errno != ENOENT)
        AL_FAIL(al_err_from_errno(errno), "cannot remove %s: %s", stop, strerror(errno));
    AL_TRY(add_job(l, s, WAITING, &j));
    *ret_pid = 0;
    return AL_ERR_OK;
}

static const struct slurm_known *find_known(const struct exec_slurm *l, const char *token)
{
    for (int i = 0; i < l->nknown; i++)
        if (strcmp(l->known[i].token, token) == 0) return &l->known[i];
    return NULL;
}

// Meant for Slurm by an earlier daemon: whether the queue has it, the next look tells.
static enum al_err adopt_slurm(struct executor *x, const struct exec_spec *s, long *ret_pid, bool *ret_runs)
{
    struct exec_slurm *l = self(x);
    const struct slurm_known *k = find_known(l, s->token);
    struct slurm_job *j;
    *ret_runs = k != NULL;
    *ret_pid = 0;
    if (!k) return AL_ERR_OK;
    AL_TRY(add_job(l, s, UNSURE, &j));
    j->adopted = true;
    j->index = k->index;
    snprintf(j->batch, sizeof j->batch, "%s", k->batch);
    return AL_ERR_OK;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (int i = 0; list[i]; i++)
        if (strcmp(word, list[i]) == 0) return true;
    return false;
}

static bool has_ended(const char *state)
{
    static const char *const ended[] = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY",
                                        "BOOT_FAIL", "DEADLINE", "REVOKED", NULL};
    return is_one_of(state, ended);
}

// A short job may never be seen RUNNING.
static bool has_begun(const char *state)
{
    return strcmp(state, "RUNNING") == 0 || strcmp(state, "COMPLETING") == 0;
}

static bool result_there(const struct exec_slurm *l, const struct slurm_job *j)
{
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/%s/result.yaml", l->run, j->task) < AL_PATH && al_exists(path);
}

// A worker that was told to stop before its time limit goes on in a new job, unless it would never get further.
static void stopped_early(const struct exec_slurm *l, struct slurm_job *j, bool asked)
{
    struct task_progress p = {0};
    bool further = task_progress_read(l->run, j->task, &p) && p.done > j->done;
    j->end.again = further;
    snprintf(j->end.why, sizeof j->end.why, "%s%s", asked ? "stopped before its time limit in Slurm" : "stopped in Slurm",
             further ? "" : " without having got further: resources.slurm.time may be too short");
}

static void explain(const struct exec_slurm *l, struct slurm_job *j, bool asked)
{
    char *why = j->end.why;
    size_t n = sizeof j->end.why;
    if (strcmp(j->state, "CANCELLED") == 0)
        snprintf(why, n, "%s", j->cancelled ? "cancelled" : "its job was cancelled in Slurm, not by alnd");
    else if (j->end.code == 3 && j->stop) return; // as it was told to
    else if (j->end.code == 3) stopped_early(l, j, asked);
    else if (strcmp(j->state, "TIMEOUT") == 0 || strcmp(j->state, "DEADLINE") == 0)
        snprintf(why, n, "ended by Slurm at its time limit before it had saved its state (resources.slurm.grace)");
    else if (strcmp(j->state, "NODE_FAIL") == 0 || strcmp(j->state, "BOOT_FAIL") == 0) snprintf(why, n, "its node failed (Slurm: %s)", j->state);
    else if (strcmp(j->state, "OUT_OF_MEMORY") == 0)
        snprintf(why, n, j->memory > 0 ? "over its memory limit of %.0f MiB in Slurm" : "out of memory in Slurm", j->memory);
    else if (strcmp(j->state, "PREEMPTED") == 0) {
        j->end.again = true;
        snprintf(why, n, "preempted by another job in Slurm");
    } else if (!j->state[0]) {
        snprintf(why, n, "its job is not in Slurm's queue");
        j->end.again = j->adopted && !j->id; // never seen: the daemon's death came before sbatch
    }
}

// The queue says that it has ended, or no longer knows it.
static void conclude(struct exec_slurm *l, struct slurm_job *j)
{
    int code = EXEC_UNKNOWN;
    bool asked = false, noted = batch_exit_read(l->run, j->token, &code, &asked);
    if (j->gone <= 0) j->gone = al_clock();
    bool ran = strcmp(j->state, "COMPLETED") == 0 || strcmp(j->state, "FAILED") == 0;
    if (ran && (noted ? code == 0 && !result_there(l, j) : true) && al_clock() - j->gone < FILE_LAG_S) return;
    j->end = (struct exec_end){.code = noted ? code : EXEC_UNKNOWN, .hung = j->hung, .silent = j->silent};
    if (!j->hung) explain(l, j, asked);
    al_log(AL_LOG_INFO, "slurm", "ev=job_ended task=%s job=%ld index=%d state=%s code=%d", j->task, j->id, j->index,
           j->state[0] ? j->state : "gone", j->end.code);
    slurm_over(l, j);
}

static void take_line(struct exec_slurm *l, char *line)
{
    char *save = NULL, *id = strtok_r(line, "|", &save), *index = strtok_r(NULL, "|", &save), *name = strtok_r(NULL, "|", &save),
         *state = strtok_r(NULL, "|", &save);
    if (!state || strncmp(name, "alnd-", 5) != 0) return;
    bool array = strcmp(index, "N/A") != 0;
    long number = strtol(id, NULL, 10), place = array ? strtol(index, NULL, 10) : 0;
    for (int i = 0; i < l->njobs; i++) {
        struct slurm_job *j = &l->job[i];
        if ((j->stage != LIVE && j->stage != UNSURE) || j->index != place || strcmp(j->batch, name + 5) != 0 ||
            (j->id && j->id != number))
            continue;
        if (strcmp(j->state, state) != 0) slurm_news(l);
        j->id = number;
        j->array = array;
        j->stage = LIVE;
        j->listed = true;
        if (strcmp(j->state, state) != 0 && (strcmp(state, "RUNNING") == 0 || (has_begun(state) && !has_begun(j->state)))) {
            j->running = al_clock();
            j->beat = (struct exec_beat){.last_change = j->running};
        }
        snprintf(j->state, sizeof j->state, "%s", state);
        j->dropped = false;
        return;
    }
}

static void watch(struct exec_slurm *l, struct slurm_job *j)
{
    int code;
    bool asked;
    double now = al_clock();
    if (!j->listed && j->stage == UNSURE && j->sender) return; // an earlier daemon's sbatch is under way
    if (!j->listed && j->stage == UNSURE && !j->adopted) {
        j->stage = WAITING; // sbatch got no answer, and the job is not there
        return;
    }
    if (!j->listed) {
        if (j->id) snprintf(j->state, sizeof j->state, "%s", has_ended(j->state) ? j->state : "");
        conclude(l, j);
    } else if (has_ended(j->state)) {
        conclude(l, j);
    } else if (has_begun(j->state)) {
        if (batch_exit_read(l->run, j->token, &code, &asked) && code == 0 && result_there(l, j)) {
            conclude(l, j); // the queue is behind
        } else if (!j->hung && exec_beat_stopped(l->run, j->task, &j->beat, l->heartbeat, now)) {
            j->silent = now - j->beat.last_change;
            j->hung = j->cancel = true;
        }
    }
}

static void looked(struct exec_slurm *l, const struct batch_answer *a)
{
    char *save = NULL, quoted[BATCH_ERR];
    double longest = l->cfg.poll * 1e-15;
    l->step = fmin(1.5 * l->step, longest);
    l->next_look = al_clock() + l->step;
    if (a->code != 0) {
        if (!l->deaf)
            al_log(AL_LOG_WARN, "slurm", "ev=squeue_failed code=%d message=%s", a->code, al_log_quote(quoted, sizeof quoted, a->err));
        l->deaf = true;
        return;
    }
    if (l->deaf) al_log(AL_LOG_INFO, "slurm", "ev=squeue_answers_again");
    l->deaf = false;
    for (int i = 0; i < l->njobs; i++)
        l->job[i].listed = false;
    for (char *line = strtok_r(a->out, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        take_line(l, line);
    for (int i = 0; i < l->njobs; i++)
        if (l->job[i].stage == LIVE || l->job[i].stage == UNSURE) watch(l, &l->job[i]);
}

static void look(struct exec_slurm *l)
{
    static const char *const argv_end[] = {"-o", "%F|%K|%j|%T", NULL};
    char user[32];
    snprintf(user, sizeof user, "%lu", (unsigned long)geteuid());
    const char *argv[] = {"squeue", "-h", "-r", "-t", "all", "-u", user, argv_end[0], argv_end[1], NULL};
    // before the queue is read: who is under way after that is in it
    for (int i = 0; i < l->njobs; i++) {
        struct slurm_job *j = &l->job[i];
        if (j->stage != UNSURE) continue;
        bool same = i > 0 && strcmp(j->batch, l->job[i - 1].batch) == 0;
        j->sender = same ? l->job[i - 1].sender : proc_find_token(j->batch) > 0;
    }
    slurm_call(l, SQUEUE, argv, "");
}

// pending: those that are to go if they still wait. A job may have begun since its state was seen, and a worker that was told
// to stop must not be killed: Slurm decides.
static bool cancel_some(struct exec_slurm *l, bool pending)
{
    const char *argv[BATCH_ARGS] = {"scancel", "--state=PENDING"};
    char text[BATCH_ARGS][32];
    const int first = pending ? 2 : 1;
    int n = first;
    for (int i = 0; i < l->njobs && n < BATCH_ARGS - 1; i++) {
        struct slurm_job *j = &l->job[i];
        if (!(pending ? j->drop : j->cancel) || j->stage != LIVE || !j->id) continue;
        if (j->array) snprintf(text[n], sizeof text[n], "%ld_%d", j->id, j->index);
        else snprintf(text[n], sizeof text[n], "%ld", j->id);
        argv[n] = text[n];
        n++;
        if (pending) j->dropped = true;
        else j->cancel = false;
        j->drop = false;
        j->cancelled = true;
    }
    argv[n] = NULL;
    if (n == first) return false;
    slurm_call(l, SCANCEL, argv, "");
    return true;
}

// Scripts of which nothing was adopted have had their day.
static void settle(struct exec_slurm *l)
{
    char path[AL_PATH];
    l->settled = true;
    for (int i = 0; i < l->nknown; i++) {
        bool used = false;
        for (int k = 0; k < l->njobs && !used; k++)
            used = strcmp(l->job[k].batch, l->known[i].batch) == 0;
        if (!used && snprintf(path, sizeof path, "%s/slurm/%s.sh", l->run, l->known[i].batch) < AL_PATH) unlink(path);
    }
}

static void take_answer(struct exec_slurm *l)
{
    struct batch_answer a;
    bool ended;
    if (batch_poll(&l->call, CALL_LIMIT_S, &ended, &a) != AL_ERR_OK) {
        a = (struct batch_answer){.code = -1};
        ended = true;
    }
    if (!ended) return;
    enum slurm_calling was = l->calling;
    l->calling = NOTHING;
    if (was == SBATCH) slurm_sent(l, &a);
    else if (was == SQUEUE) looked(l, &a);
    else slurm_news(l);
    al_free(a.out);
}

static void drive(struct exec_slurm *l)
{
    double now = al_clock();
    bool waiting = false, known = false;
    if (!l->settled) settle(l);
    if (l->calling != NOTHING) take_answer(l);
    if (l->calling != NOTHING) return;
    for (int i = 0; i < l->njobs; i++) {
        struct slurm_job *j = &l->job[i];
        if (j->stage == WAITING && (j->stop || j->cancel)) { // never submitted
            j->end = (struct exec_end){.code = EXEC_UNKNOWN, .why = "stopped before it was submitted"};
            slurm_over(l, j);
        }
        if (j->stage == LIVE && j->stop && strcmp(j->state, "PENDING") == 0 && !j->dropped) j->drop = true;
        waiting = waiting || j->stage == WAITING;
        known = known || j->stage == LIVE || j->stage == UNSURE;
    }
    if (cancel_some(l, false) || cancel_some(l, true)) return;
    if (waiting && now >= l->next_send) {
        if (slurm_send(l) == AL_ERR_OK && l->calling == SBATCH) return;
        if (l->calling == NOTHING) l->next_send = now + 5; // a full disk, no process
    }
    if (known && now >= l->next_look) look(l);
}

static void drop_job(struct exec_slurm *l, struct slurm_job *j)
{
    char batch[TASK_TOKEN], path[AL_PATH];
    struct stat st;
    snprintf(batch, sizeof batch, "%s", j->batch);
    if (snprintf(path, sizeof path, "%s/slurm/%s.exit", l->run, j->token) < AL_PATH) unlink(path);
    *j = l->job[--l->njobs];
    if (!batch[0]) return;
    for (int i = 0; i < l->njobs; i++)
        if (strcmp(l->job[i].batch, batch) == 0) return;
    if (snprintf(path, sizeof path, "%s/slurm/%s.sh", l->run, batch) < AL_PATH) unlink(path);
    if (snprintf(path, sizeof path, "%s/slurm/%s.log", l->run, batch) < AL_PATH && stat(path, &st) == 0 && st.st_size == 0)
        unlink(path);
}

static bool poll_slurm(struct executor *x, struct exec_end *ret)
{
    struct exec_slurm *l = self(x);
    drive(l);
    for (int i = 0; i < l->njobs; i++) {
        if (l->job[i].stage != OVER) continue;
        *ret = l->job[i].end;
        drop_job(l, &l->job[i]);
        return true;
    }
    return false;
}

static void cancel_slurm(struct executor *x, const char *task, enum exec_cancel how)
{
    struct exec_slurm *l = self(x);
    struct slurm_job *j = find_job(l, task);
    char path[AL_PATH];
    if (!j) return;
    j->stop = true;
    if (how == EXEC_KILL) j->cancel = true;
    if (snprintf(path, sizeof path, "%s/%s/stop", l->run, task) < AL_PATH) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0) close(fd);
    }
    slurm_news(l);
}

static int count_slurm(const struct executor *x)
{
    return self(x)->njobs;
}

static double seconds_slurm(const struct executor *x, const char *task)
{
    const struct slurm_job *j = find_job(self(x), task);
    return j && j->running > 0 ? al_clock() - j->running : 0;
}

static void destroy_slurm(struct executor **xp)
{
    struct exec_slurm *l = self(*xp);
    *xp = NULL;
    if (l->calling == SQUEUE) batch_drop(&l->call);
    al_free(l->job);
    al_free(l->known);
    al_free(l);
}

static const struct exec_ops slurm_ops = {
    .name = "slurm",
    .fits = fits_slurm,
    .submit = submit_slurm,
    .adopt = adopt_slurm,
    .poll = poll_slurm,
    .cancel = cancel_slurm,
    .count = count_slurm,
    .seconds = seconds_slurm,
    .destroy = destroy_slurm,
};

struct reading {
    struct exec_slurm *l;
    char batch[TASK_TOKEN];
};

static enum al_err remember(void *ctx, int index, const char *token, const char *task)
{
    struct reading *r = ctx;
    struct exec_slurm *l = r->l;
    if (l->nknown == l->known_capacity) {
        int n = l->known_capacity ? 2 * l->known_capacity : 64;
        AL_GROW(l->known, l->nknown, n);
        l->known_capacity = n;
    }
    struct slurm_known *k = &l->known[l->nknown++];
    *k = (struct slurm_known){.index = index};
    snprintf(k->task, sizeof k->task, "%s", task);
    snprintf(k->token, sizeof k->token, "%s", token);
    snprintf(k->batch, sizeof k->batch, "%s", r->batch);
    return AL_ERR_OK;
}

static enum al_err read_scripts(struct exec_slurm *l)
{
    char path[AL_PATH];
    enum al_err e = AL_ERR_OK;
    AL_TRY(al_path(path, "%s/slurm", l->run));
    DIR *d = opendir(path);
    if (!d) return AL_ERR_OK;
    for (struct dirent *f; !e && (f = readdir(d));) {
        struct reading r = {.l = l};
        size_t n = strlen(f->d_name);
        if (n < 4 || n - 3 >= sizeof r.batch || strcmp(f->d_name + n - 3, ".sh") != 0) continue;
        snprintf(r.batch, sizeof r.batch, "%.*s", (int)(n - 3), f->d_name);
        e = al_path(path, "%s/slurm/%s", l->run, f->d_name);
        if (!e) e = batch_script_read(path, remember, &r);
    }
    closedir(d);
    return e;
}

enum al_err exec_slurm_check(void)
{
    static const char *const programs[] = {"sbatch", "squeue", "scancel", NULL};
    for (int i = 0; programs[i]; i++)
        if (batch_find(programs[i]) != AL_ERR_OK)
            AL_FAIL_HINT(AL_ERR_NOTFOUND, "start alnd where jobs are submitted (a login node), or take resources.executor: local",
                         "resources.executor is slurm, but %s is not in PATH", programs[i]);
    return AL_ERR_OK;
}

enum al_err exec_slurm_create(const struct exec_slurm_options *o, struct executor **ret)
{
    struct executor *x = NULL;
    struct exec_slurm *l;
    AL_ALLOC(l, 1);
    l->base.ops = &slurm_ops;
    x = &l->base;
    l->cfg = *o->slurm;
    l->retries = o->retries;
    l->heartbeat = o->heartbeat;
    enum al_err e = al_path(l->run, "%s", o->run);
    if (!e) e = al_path(l->worker, "%s", o->worker);
    if (!e) e = read_scripts(l);
    if (e) executor_destroy(&x);
    AL_TRY(e);
    slurm_news(l);
    l->next_look = 0;
    *ret = x;
    return AL_ERR_OK;
}
