// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Tasks that are submitted between two polls and are alike go to Slurm as one array. The script RUN/slurm/TOKEN.sh (TOKEN: the
// first task's) is written before sbatch is called and the job is named after it, so that whatever happens in between, the
// queue tells whether the job exists: nothing is submitted twice. One command of Slurm runs at a time, and nobody waits for it.
// Slurm need not keep accounts: what squeue no longer shows has ended, and the script has noted the worker's exit code.
#include "core/exec_slurm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/exec_batch.h"
#include "core/proc.h"
#include "core/taskfile.h"

enum { ARRAY_MAX = 1000 }; // MaxArraySize is 1001 by default
#define CALL_LIMIT_S  60.0
#define FIRST_LOOK_S  0.5 // after news; then half as long again each time up to resources.slurm.poll
#define FILE_LAG_S    10.0 // files of another machine show up late
#define CROWDED_S     60.0

// WAITING to be submitted; SENT: sbatch runs; UNSURE: it may or may not be in the queue; LIVE: Slurm has it; OVER: to be told
enum stage { WAITING, SENT, UNSURE, LIVE, OVER };

struct sjob {
    char task[TASK_ID], token[TASK_TOKEN], batch[TASK_TOKEN], verb[24], state[24];
    int index, ranks, threads;
    double memory, time;
    enum stage stage;
    long id;
    bool array, adopted, sender, listed, stop, cancel, cancelled, hung;
    double submitted, running, gone, silent; // s, monotonic; 0: not yet
    double done;                             // progress at its start
    struct exec_beat beat;
    struct exec_end end;
};

// A line of a script that an earlier daemon left.
struct known {
    char task[TASK_ID], token[TASK_TOKEN], batch[TASK_TOKEN];
    int index;
};

enum calling { NOTHING, SBATCH, SQUEUE, SCANCEL };

struct exec_slurm {
    struct executor base;
    char run[AL_PATH], worker[AL_PATH];
    struct cfg_slurm cfg;
    int retries;
    double heartbeat;
    int njobs, capacity;
    struct sjob *job;
    int nknown, known_capacity;
    struct known *known;
    bool settled; // scripts of earlier daemons have been looked at
    enum calling calling;
    struct batch_call call;
    double next_look, step, next_send;
    bool deaf; // the last command got no answer
};

static struct exec_slurm *self(const struct executor *x)
{
    return (struct exec_slurm *)x;
}

static struct sjob *find_job(const struct exec_slurm *l, const char *task)
{
    for (int i = 0; i < l->njobs; i++)
        if (strcmp(l->job[i].task, task) == 0) return &l->job[i];
    return NULL;
}

static void news(struct exec_slurm *l)
{
    double first = FIRST_LOOK_S;
    l->step = fmin(first, l->cfg.poll * 1e-15);
    l->next_look = al_clock() + l->step;
}

static bool fits_slurm(const struct executor *x, const struct exec_spec *s)
{
    (void)s;
    return self(x)->njobs < self(x)->cfg.jobs;
}

static enum al_err add_job(struct exec_slurm *l, const struct exec_spec *s, enum stage stage, struct sjob **ret)
{
    if (l->njobs == l->capacity) {
        int n = l->capacity ? 2 * l->capacity : 64;
        AL_GROW(l->job, l->njobs, n);
        l->capacity = n;
    }
    struct sjob *j = &l->job[l->njobs++];
    struct task_progress p = {0};
    *j = (struct sjob){.stage = stage, .ranks = s->ranks, .threads = s->threads, .memory = s->memory, .time = s->time,
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
    struct sjob *j;
    char stop[AL_PATH];
    AL_TRY(al_path(stop, "%s/%s/stop", l->run, s->task));
    if (unlink(stop) != 0 && errno != ENOENT)
        AL_FAIL(al_err_from_errno(errno), "cannot remove %s: %s", stop, strerror(errno));
    AL_TRY(add_job(l, s, WAITING, &j));
    *ret_pid = 0;
    return AL_ERR_OK;
}

static const struct known *find_known(const struct exec_slurm *l, const char *token)
{
    for (int i = 0; i < l->nknown; i++)
        if (strcmp(l->known[i].token, token) == 0) return &l->known[i];
    return NULL;
}

// Meant for Slurm by an earlier daemon: whether the queue has it, the next look tells.
static enum al_err adopt_slurm(struct executor *x, const struct exec_spec *s, long *ret_pid, bool *ret_runs)
{
    struct exec_slurm *l = self(x);
    const struct known *k = find_known(l, s->token);
    struct sjob *j;
    *ret_runs = k != NULL;
    *ret_pid = 0;
    if (!k) return AL_ERR_OK;
    AL_TRY(add_job(l, s, UNSURE, &j));
    j->adopted = true;
    j->index = k->index;
    snprintf(j->batch, sizeof j->batch, "%s", k->batch);
    return AL_ERR_OK;
}

// One command after the other; its name is for messages.
static void call(struct exec_slurm *l, enum calling what, const char *const *argv, const char *token)
{
    if (batch_start(&l->call, argv, l->run, token) == AL_ERR_OK) l->calling = what;
    else al_log(AL_LOG_WARN, "slurm", "ev=call_failed program=%s", argv[0]);
}

static void over(struct exec_slurm *l, struct sjob *j)
{
    j->stage = OVER;
    j->end.seconds = j->running > 0 ? al_clock() - j->running : 0;
    snprintf(j->end.task, sizeof j->end.task, "%s", j->task);
    news(l);
}

static bool alike(const struct sjob *a, const struct sjob *b)
{
    return a->ranks == b->ranks && a->threads == b->threads && a->memory == b->memory && a->time == b->time &&
           strcmp(a->verb, b->verb) == 0;
}

struct sbatch_line {
    const char *argv[BATCH_ARGS];
    int n;
    char text[16][AL_PATH + 64];
    int ntext;
};

[[gnu::format(printf, 2, 3)]] static void add_arg(struct sbatch_line *a, const char *fmt, ...)
{
    va_list ap;
    if (a->ntext == 16 || a->n == BATCH_ARGS - 1) return;
    va_start(ap, fmt);
    vsnprintf(a->text[a->ntext], sizeof a->text[0], fmt, ap);
    va_end(ap);
    a->argv[a->n++] = a->text[a->ntext++];
}

static void sbatch_line(const struct exec_slurm *l, const struct sjob *j, int ntasks, struct sbatch_line *a)
{
    double limit = j->time > 0 ? j->time : l->cfg.time * 1e-15, grace = l->cfg.grace * 1e-15;
    long minutes = (long)(limit / 60);
    a->argv[a->n++] = "sbatch";
    a->argv[a->n++] = "--parsable";
    a->argv[a->n++] = "--requeue";
    a->argv[a->n++] = "--open-mode=append";
    add_arg(a, "--job-name=alnd-%s", j->batch);
    add_arg(a, "--chdir=%s", l->run);
    add_arg(a, "--output=slurm/%s.log", j->batch);
    add_arg(a, "--ntasks=%d", j->ranks > 0 ? j->ranks : 1);
    add_arg(a, "--cpus-per-task=%d", j->threads > 0 ? j->threads : 1);
    if (limit > 0) {
        add_arg(a, "--time=%ld", minutes > 0 ? minutes : 1);
        grace = fmin(grace, 0.5 * 60 * (double)(minutes > 0 ? minutes : 1));
    }
    add_arg(a, "--signal=B:TERM@%ld", (long)grace);
    if (j->memory > 0) add_arg(a, "--mem=%.0fM", ceil(j->memory));
    if (l->cfg.partition[0]) add_arg(a, "--partition=%s", l->cfg.partition);
    if (l->cfg.account[0]) add_arg(a, "--account=%s", l->cfg.account);
    if (ntasks > 1) add_arg(a, "--array=0-%d", ntasks - 1);
    for (int i = 0; i < l->cfg.extra.n; i++)
        a->argv[a->n++] = l->cfg.extra.v[i];
    add_arg(a, "slurm/%s.sh", j->batch);
    a->argv[a->n] = NULL;
}

static enum al_err write_script(const struct exec_slurm *l, const char *batch, int n, const struct exec_spec *spec)
{
    const char *module[CFG_WORDS], *launcher[CFG_WORDS];
    char path[AL_PATH];
    for (int i = 0; i < CFG_WORDS; i++) {
        module[i] = l->cfg.modules.v[i];
        launcher[i] = l->cfg.launcher.v[i];
    }
    struct batch_script s = {.worker = l->worker, .index = "SLURM_ARRAY_TASK_ID", .restarts = "SLURM_RESTART_COUNT",
                             .module = module, .nmodules = l->cfg.modules.n, .launcher = launcher, .nlauncher = l->cfg.launcher.n,
                             .retries = l->retries, .ntasks = n, .task = spec};
    AL_TRY(al_path(path, "%s/slurm", l->run));
    AL_TRY(al_mkdirs(path));
    AL_TRY(al_path(path, "%s/slurm/%s.sh", l->run, batch));
    AL_TRY(batch_script_write(path, &s));
    return AL_ERR_OK;
}

// The first that waits and all like it.
static enum al_err send_some(struct exec_slurm *l)
{
    AL_AUTOFREE struct exec_spec *spec = NULL;
    AL_AUTOFREE struct sbatch_line *line = NULL;
    struct sjob *first = NULL;
    int n = 0;
    AL_ALLOC(spec, ARRAY_MAX);
    AL_ALLOC(line, 1);
    for (int i = 0; i < l->njobs && n < ARRAY_MAX; i++) {
        struct sjob *j = &l->job[i];
        if (j->stage != WAITING || (first && !alike(first, j))) continue;
        if (!first) first = j;
        j->index = n;
        memmove(j->batch, first->token, sizeof j->batch);
        spec[n++] = (struct exec_spec){.task = j->task, .verb = j->verb, .token = j->token, .ranks = j->ranks, .threads = j->threads};
    }
    if (!first) return AL_ERR_OK;
    AL_TRY(write_script(l, first->batch, n, spec));
    sbatch_line(l, first, n, line);
    call(l, SBATCH, line->argv, first->batch);
    for (int i = 0; i < l->njobs && l->calling == SBATCH; i++) {
        struct sjob *j = &l->job[i];
        if (j->stage != WAITING || strcmp(j->batch, first->token) != 0) continue;
        j->stage = SENT;
        j->array = n > 1;
    }
    return AL_ERR_OK;
}

// Whether it is the way there that failed: then nobody knows whether the job is in the queue.
static bool no_answer(const struct batch_answer *a)
{
    static const char *const signs[] = {"Unable to contact", "timed out", "Socket", "Connection", "ommunication", "temporarily",
                                        "Zero Bytes", "Insane message", "in standby mode", NULL};
    for (int i = 0; signs[i]; i++)
        if (strstr(a->err, signs[i])) return true;
    return a->code < 0;
}

static void sent(struct exec_slurm *l, const struct batch_answer *a)
{
    char *end = a->out;
    long id = a->code == 0 ? strtol(a->out, &end, 10) : 0;
    int live = 0;
    for (int i = 0; i < l->njobs; i++)
        live += l->job[i].stage == LIVE;
    bool unsure = no_answer(a) || (a->code == 0 && id <= 0), crowded = live > 0 && strstr(a->err, "limit");
    for (int i = 0; i < l->njobs; i++) {
        struct sjob *j = &l->job[i];
        if (j->stage != SENT) continue;
        if (id > 0) {
            j->stage = LIVE;
            j->id = id;
        } else if (unsure) {
            j->stage = UNSURE;
        } else if (crowded) {
            j->stage = WAITING;
            l->next_send = al_clock() + CROWDED_S;
        } else {
            j->end = (struct exec_end){.code = EXEC_UNKNOWN, .refused = true};
            snprintf(j->end.why, sizeof j->end.why, "sbatch refused the job: %.200s", a->err[0] ? a->err : "no reason given");
            over(l, j);
        }
    }
    char quoted[BATCH_ERR];
    al_log(id > 0 ? AL_LOG_INFO : AL_LOG_WARN, "slurm", "ev=sbatch job=%ld code=%d message=%s", id, a->code,
           al_log_quote(quoted, sizeof quoted, a->err));
    news(l);
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

static bool result_there(const struct exec_slurm *l, const struct sjob *j)
{
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/%s/result.yaml", l->run, j->task) < AL_PATH && al_exists(path);
}

// A worker that was told to stop before its time limit goes on in a new job, unless it would never get further.
static void stopped_early(const struct exec_slurm *l, struct sjob *j, bool asked)
{
    struct task_progress p = {0};
    bool further = task_progress_read(l->run, j->task, &p) && p.done > j->done;
    j->end.again = further;
    snprintf(j->end.why, sizeof j->end.why, "%s%s", asked ? "stopped before its time limit in Slurm" : "stopped in Slurm",
             further ? "" : " without having got further: resources.slurm.time may be too short");
}

static void explain(const struct exec_slurm *l, struct sjob *j, bool asked)
{
    char *why = j->end.why;
    size_t n = sizeof j->end.why;
    if (strcmp(j->state, "CANCELLED") == 0)
        snprintf(why, n, "%s", j->cancelled ? "cancelled" : "its job was cancelled in Slurm, not by alnd");
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
static void conclude(struct exec_slurm *l, struct sjob *j)
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
    over(l, j);
}

static void take_line(struct exec_slurm *l, char *line)
{
    char *save = NULL, *id = strtok_r(line, "|", &save), *index = strtok_r(NULL, "|", &save), *name = strtok_r(NULL, "|", &save),
         *state = strtok_r(NULL, "|", &save);
    if (!state || strncmp(name, "alnd-", 5) != 0) return;
    bool array = strcmp(index, "N/A") != 0;
    long number = strtol(id, NULL, 10), place = array ? strtol(index, NULL, 10) : 0;
    for (int i = 0; i < l->njobs; i++) {
        struct sjob *j = &l->job[i];
        if ((j->stage != LIVE && j->stage != UNSURE) || j->index != place || strcmp(j->batch, name + 5) != 0 ||
            (j->id && j->id != number))
            continue;
        if (strcmp(j->state, state) != 0) news(l);
        j->id = number;
        j->array = array;
        j->stage = LIVE;
        j->listed = true;
        if (strcmp(j->state, state) != 0 && strcmp(state, "RUNNING") == 0) {
            j->running = al_clock();
            j->beat = (struct exec_beat){.last_change = j->running};
        }
        snprintf(j->state, sizeof j->state, "%s", state);
        return;
    }
}

static void watch(struct exec_slurm *l, struct sjob *j)
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
    } else if (strcmp(j->state, "RUNNING") == 0 || strcmp(j->state, "COMPLETING") == 0) {
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
        struct sjob *j = &l->job[i];
        if (j->stage != UNSURE) continue;
        bool same = i > 0 && strcmp(j->batch, l->job[i - 1].batch) == 0;
        j->sender = same ? l->job[i - 1].sender : proc_find_token(j->batch) > 0;
    }
    call(l, SQUEUE, argv, "");
}

static bool cancel_some(struct exec_slurm *l)
{
    const char *argv[BATCH_ARGS] = {"scancel"};
    char text[BATCH_ARGS][32];
    int n = 1;
    for (int i = 0; i < l->njobs && n < BATCH_ARGS - 1; i++) {
        struct sjob *j = &l->job[i];
        if (!j->cancel || j->stage != LIVE || !j->id) continue;
        if (j->array) snprintf(text[n], sizeof text[n], "%ld_%d", j->id, j->index);
        else snprintf(text[n], sizeof text[n], "%ld", j->id);
        argv[n] = text[n];
        n++;
        j->cancel = false;
        j->cancelled = true;
    }
    if (n == 1) return false;
    call(l, SCANCEL, argv, "");
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
    enum calling was = l->calling;
    l->calling = NOTHING;
    if (was == SBATCH) sent(l, &a);
    else if (was == SQUEUE) looked(l, &a);
    else news(l);
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
        struct sjob *j = &l->job[i];
        if (j->stage == WAITING && (j->stop || j->cancel)) { // never submitted
            j->end = (struct exec_end){.code = EXEC_UNKNOWN, .why = "stopped before it was submitted"};
            over(l, j);
        }
        if (j->stage == LIVE && j->stop && strcmp(j->state, "PENDING") == 0 && !j->cancelled) j->cancel = true;
        waiting = waiting || j->stage == WAITING;
        known = known || j->stage == LIVE || j->stage == UNSURE;
    }
    if (cancel_some(l)) return;
    if (waiting && now >= l->next_send) {
        if (send_some(l) == AL_ERR_OK && l->calling == SBATCH) return;
        if (l->calling == NOTHING) l->next_send = now + 5; // a full disk, no process
    }
    if (known && now >= l->next_look) look(l);
}

static void drop_job(struct exec_slurm *l, struct sjob *j)
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
    struct sjob *j = find_job(l, task);
    char path[AL_PATH];
    if (!j) return;
    j->stop = true;
    if (how == EXEC_KILL) j->cancel = true;
    if (snprintf(path, sizeof path, "%s/%s/stop", l->run, task) < AL_PATH) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0) close(fd);
    }
    news(l);
}

static int count_slurm(const struct executor *x)
{
    return self(x)->njobs;
}

static double seconds_slurm(const struct executor *x, const char *task)
{
    const struct sjob *j = find_job(self(x), task);
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
    struct known *k = &l->known[l->nknown++];
    *k = (struct known){.index = index};
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
    news(l);
    l->next_look = 0;
    *ret = x;
    return AL_ERR_OK;
}
