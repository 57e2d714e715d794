// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Local executor: fork, exec, waitpid. Each worker leads a session of its own, so that Ctrl-C on the terminal
// and the daemon's death do not reach it, and so that all its processes (mpirun's ranks sit in process groups
// of their own) can be found and killed together.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "core/executor.h"
#include "core/proc.h"
#include "core/signals.h"

enum { MAX_ENV = 128, MAX_ARG = 16 };
#define SUSPENDED_S 10.0 // the daemon itself slept: workers get a fresh heartbeat period

struct job {
    char task[TASK_ID], token[TASK_TOKEN];
    pid_t pid;  // 0: adopted by its lock alone
    bool child; // ours to wait for
    bool mpi, killed;
    int cores;
    double started;        // s, monotonic
    double silent;         // s, when killed for it
    double memory, time;   // limits: MiB, s; 0: none
    double weighed;        // when its memory was last looked at
    char why[128];         // killed for passing a limit
    bool pinned;
    cpu_set_t cpus;        // its own, when pinned
    struct exec_beat beat;
};

struct exec_local {
    struct executor base;
    char run[AL_PATH], worker[AL_PATH], mpirun[AL_PATH];
    int cores;
    bool pin;
    double heartbeat, last_poll;
    int njobs, capacity;
    struct job *job;
};

static struct exec_local *self(const struct executor *x)
{
    return (struct exec_local *)x;
}

static int cores_of(const struct exec_spec *s)
{
    return (s->ranks > 0 ? s->ranks : 1) * (s->threads > 0 ? s->threads : 1);
}

static struct job *find_job(const struct exec_local *l, const char *task)
{
    for (int i = 0; i < l->njobs; i++)
        if (strcmp(l->job[i].task, task) == 0) return &l->job[i];
    return NULL;
}

// A task that wants more than the budget runs alone.
static bool fits_local(const struct executor *x, const struct exec_spec *s)
{
    const struct exec_local *l = self(x);
    int used = 0;
    for (int i = 0; i < l->njobs; i++)
        used += l->job[i].cores;
    return used == 0 || used + cores_of(s) <= l->cores;
}

static enum al_err add_job(struct exec_local *l, const struct exec_spec *s, struct job **ret)
{
    if (l->njobs == l->capacity) {
        int n = l->capacity ? 2 * l->capacity : 16;
        AL_GROW(l->job, l->njobs, n);
        l->capacity = n;
    }
    struct job *j = &l->job[l->njobs++];
    *j = (struct job){.mpi = s->ranks > 0 && !s->alone, .cores = cores_of(s), .memory = s->memory, .time = s->time, .started = al_clock()};
    snprintf(j->task, sizeof j->task, "%s", s->task);
    snprintf(j->token, sizeof j->token, "%s", s->token);
    j->beat.last_change = j->weighed = j->started;
    *ret = j;
    return AL_ERR_OK;
}

// Processors of its own for a job, as many as it has threads in all; none when they do not suffice. Workers of an earlier daemon keep
// theirs. Where to begin differs between daemons: two of them on one machine do not know of each other.
static void choose_cpus(const struct exec_local *l, struct job *j)
{
    cpu_set_t all;
    if (!l->pin || sched_getaffinity(0, sizeof all, &all) != 0 || l->cores < CPU_COUNT(&all)) return;
    for (int i = 0; i < l->njobs; i++)
        for (int c = 0; &l->job[i] != j && c < CPU_SETSIZE; c++)
            if (!l->job[i].pinned || CPU_ISSET(c, &l->job[i].cpus)) CPU_CLR(c, &all);
    if (CPU_COUNT(&all) < j->cores) return;
    CPU_ZERO(&j->cpus);
    for (int k = 0, n = 0; k < CPU_SETSIZE && n < j->cores; k++) {
        int c = (k + (int)getpid() % (l->cores > 0 ? l->cores : 1)) % CPU_SETSIZE;
        if (!CPU_ISSET(c, &all)) continue;
        CPU_SET(c, &j->cpus);
        n++;
    }
    j->pinned = true;
}

static void drop_job(struct exec_local *l, struct job *j)
{
    *j = l->job[--l->njobs];
}

// Only what workers and MPI need: a daemon's environment may hold credentials.
bool exec_env_passes(const char *entry)
{
    static const char *const names[] = {"PATH=",         "HOME=",
                                        "USER=",         "LOGNAME=",
                                        "LANG=",         "TZ=",
                                        "TMPDIR=",       "LD_LIBRARY_PATH=",
                                        "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
                                        "LSAN_OPTIONS=", NULL};
    // OPENBLAS_CORETYPE: some machines need it for right results
    static const char *const prefixes[] = {"LC_",       "ALND_",     "OMPI_MCA_", "OMPI_ALLOW_",
                                           "PMIX_MCA_", "PRTE_MCA_", "OPENBLAS_", NULL};
    static const char *const never[] = {"ALND_TOKEN=", "ALND_CRASH_AT=", "OPENBLAS_NUM_THREADS=", NULL};
    for (int i = 0; never[i]; i++)
        if (strncmp(entry, never[i], strlen(never[i])) == 0) return false;
    for (int i = 0; names[i]; i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0) return true;
    for (int i = 0; prefixes[i]; i++)
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}

struct command {
    char *argv[MAX_ARG], *envp[MAX_ENV];
    char task_yaml[TASK_ID + 16], ranks[16];
    char own[8][96]; // environment entries made here
    char log[AL_PATH];
};

static void build_environment(struct command *c, const struct exec_spec *s)
{
    int n = 0, k = 0;
    snprintf(c->own[k++], sizeof c->own[0], "ALND_TOKEN=%s", s->token);
    snprintf(c->own[k++], sizeof c->own[0], "OMP_NUM_THREADS=%d", s->threads);
    snprintf(c->own[k++], sizeof c->own[0], "OPENBLAS_NUM_THREADS=%d", s->threads);
    if (geteuid() == 0) {
        snprintf(c->own[k++], sizeof c->own[0], "OMPI_ALLOW_RUN_AS_ROOT=1");
        snprintf(c->own[k++], sizeof c->own[0], "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
    }
    for (int i = 0; i < k; i++)
        c->envp[n++] = c->own[i];
    for (char **e = environ; *e && n < MAX_ENV - 1; e++)
        if (exec_env_passes(*e) && !(geteuid() == 0 && strncmp(*e, "OMPI_ALLOW_", 11) == 0)) c->envp[n++] = *e;
    c->envp[n] = NULL;
}

static enum al_err build_command(const struct exec_local *l, const struct exec_spec *s, struct command *c)
{
    int n = 0;
    memset(c, 0, sizeof *c);
    AL_TRY(al_path(c->log, "%s/%s/worker.log", l->run, s->task));
    snprintf(c->task_yaml, sizeof c->task_yaml, "%s/task.yaml", s->task);
    snprintf(c->ranks, sizeof c->ranks, "%d", s->ranks);
    // Without mpi_yield_when_idle: on a busy machine two ranks that yield took 21 to 26 s for what took 5.5 to 8.7 s (a label of Li2S,
    // load 13 on two cores), on a quiet one 0.57 s either way.
    if (s->ranks > 0 && !s->alone) {
        static char options[][16] = {"--oversubscribe", "--bind-to", "none", "-np"};
        c->argv[n++] = (char *)l->mpirun;
        for (int i = 0; i < 4; i++)
            c->argv[n++] = options[i];
        c->argv[n++] = c->ranks;
    }
    c->argv[n++] = (char *)l->worker;
    c->argv[n++] = (char *)s->verb;
    c->argv[n++] = c->task_yaml;
    build_environment(c, s);
    return AL_ERR_OK;
}

// In the child: only async-signal-safe calls.
_Noreturn static void child_run(const char *run, const struct command *c, const cpu_set_t *cpus)
{
    signals_leave();
    int null = open("/dev/null", O_RDONLY), out = open(c->log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir(run) != 0)
        _exit(126);
    close_range(3, ~0u, 0);
    if (cpus) sched_setaffinity(0, sizeof *cpus, cpus);
    execvpe(c->argv[0], c->argv, c->envp);
    static const char text[] = "alnd: the worker program cannot be started\n";
    ssize_t rc = write(2, text, sizeof text - 1);
    (void)rc;
    _exit(127);
}

static enum al_err submit_local(struct executor *x, const struct exec_spec *s, long *ret_pid)
{
    struct exec_local *l = self(x);
    struct command c;
    struct job *j;
    char stop[AL_PATH];
    AL_TRY(build_command(l, s, &c));
    AL_TRY(al_path(stop, "%s/%s/stop", l->run, s->task));
    if (unlink(stop) != 0 && errno != ENOENT)
        AL_FAIL(al_err_from_errno(errno), "cannot remove %s: %s", stop, strerror(errno));
    AL_TRY(add_job(l, s, &j));
    choose_cpus(l, j);
    sigset_t old;
    signals_hold(&old);
    pid_t pid = fork();
    if (pid == 0) child_run(l->run, &c, j->pinned ? &j->cpus : NULL);
    signals_release(&old);
    if (pid < 0) {
        drop_job(l, j);
        AL_FAIL(AL_ERR_LOST, "cannot fork: %s", strerror(errno));
    }
    j->pid = pid;
    j->child = true;
    *ret_pid = pid;
    return AL_ERR_OK;
}

static bool lock_held(const struct exec_local *l, const char *task)
{
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/%s/lock", l->run, task) < AL_PATH && al_lock_held(path);
}

static enum al_err adopt_local(struct executor *x, const struct exec_spec *s, long *ret_pid, bool *ret_runs)
{
    struct exec_local *l = self(x);
    long pid = proc_find_token(s->token);
    bool runs = pid > 0 || lock_held(l, s->task);
    if (runs) {
        struct job *j;
        AL_TRY(add_job(l, s, &j));
        j->pid = (pid_t)pid;
        cpu_set_t all;
        j->pinned = l->pin && pid > 0 && sched_getaffinity((pid_t)pid, sizeof j->cpus, &j->cpus) == 0 &&
                    sched_getaffinity(0, sizeof all, &all) == 0 && !CPU_EQUAL(&all, &j->cpus);
        *ret_pid = pid;
    }
    *ret_runs = runs;
    return AL_ERR_OK;
}

bool exec_beat_stopped(const char *run, const char *task, struct exec_beat *b, double limit, double now)
{
    char path[AL_PATH];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s/heartbeat", run, task) >= AL_PATH) return false;
    if (stat(path, &st) == 0 && (st.st_mtim.tv_sec != b->mtime.tv_sec || st.st_mtim.tv_nsec != b->mtime.tv_nsec)) {
        b->mtime = st.st_mtim;
        b->last_change = now;
    }
    return now - b->last_change > limit;
}

// Our child leads its session or is about to: until then it is in ours, which must never be taken for its own.
static pid_t session_of(const struct job *j)
{
    pid_t sid = j->child || j->pid <= 0 ? j->pid : getsid(j->pid);
    return sid > 0 && sid != getsid(0) ? sid : j->pid;
}

static void kill_job(struct job *j)
{
    if (j->pid <= 0) j->pid = (pid_t)proc_find_token(j->token);
    if (j->pid > 0) {
        proc_kill_session(session_of(j), SIGKILL);
        kill(j->pid, SIGKILL);
    }
}

// Memory is looked at once a second: a look goes through all of /proc.
static bool over_limit(struct job *j, double now)
{
    if (j->time > 0 && now - j->started > j->time) {
        snprintf(j->why, sizeof j->why, "over its time limit of %g s: killed", j->time);
    } else if (j->memory > 0 && now - j->weighed > 1) {
        double used = proc_session_memory(session_of(j));
        j->weighed = now;
        if (used > j->memory)
            snprintf(j->why, sizeof j->why, "over its memory limit of %.0f MiB (%.0f MiB in use): killed", j->memory, used);
    }
    return j->why[0] != '\0';
}

// Whether the job has ended; *code gets its exit.
static bool job_ended(const struct exec_local *l, struct job *j, int *code)
{
    if (!j->child) {
        *code = EXEC_UNKNOWN;
        // the process first: testing the lock takes it for a moment, which a worker just starting must not
        // meet
        return !proc_has_token(j->pid, j->token) && !lock_held(l, j->task);
    }
    int status;
    pid_t rc = waitpid(j->pid, &status, WNOHANG);
    if (rc == 0 || (rc < 0 && errno == EINTR)) return false;
    proc_kill_session(j->pid, SIGKILL); // ranks that outlived their mpirun
    if (lock_held(l, j->task) && !j->killed) {
        j->child = false; // another worker of an earlier daemon runs this task: watch that one
        j->pid = 0;
        return false;
    }
    *code = rc < 0 ? EXEC_UNKNOWN : WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return true;
}

static bool poll_local(struct executor *x, struct exec_end *ret)
{
    struct exec_local *l = self(x);
    double now = al_clock();
    bool slept = l->last_poll > 0 && now - l->last_poll > SUSPENDED_S;
    l->last_poll = now;
    for (int i = 0; i < l->njobs; i++) {
        struct job *j = &l->job[i];
        int code;
        if (slept) j->beat.last_change = now;
        if (job_ended(l, j, &code)) {
            *ret = (struct exec_end){.code = code,
                                     .hung = j->killed && j->silent > 0,
                                     .silent = j->silent,
                                     .seconds = now - j->started};
            snprintf(ret->task, sizeof ret->task, "%s", j->task);
            snprintf(ret->why, sizeof ret->why, "%s", j->why);
            drop_job(l, j);
            return true;
        }
        if (!j->killed && exec_beat_stopped(l->run, j->task, &j->beat, l->heartbeat, now)) {
            j->silent = now - j->beat.last_change;
            j->killed = true;
            kill_job(j);
        } else if (!j->killed && over_limit(j, now)) {
            j->killed = true;
            kill_job(j);
        } else if (j->killed) {
            kill_job(j); // until all of it is gone
        }
    }
    return false;
}

static void cancel_local(struct executor *x, const char *task, enum exec_cancel how)
{
    struct exec_local *l = self(x);
    struct job *j = find_job(l, task);
    char path[AL_PATH];
    if (!j) return;
    if (how == EXEC_KILL) {
        j->killed = true;
        kill_job(j);
        return;
    }
    if (snprintf(path, sizeof path, "%s/%s/stop", l->run, task) < AL_PATH) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0) close(fd);
    }
    // mpirun answers SIGTERM by killing its ranks, so they are asked by the file alone
    if (!j->mpi && j->pid > 0) kill(j->pid, SIGTERM);
}

static int count_local(const struct executor *x)
{
    return self(x)->njobs;
}

static double seconds_local(const struct executor *x, const char *task)
{
    const struct job *j = find_job(self(x), task);
    return j ? al_clock() - j->started : 0;
}

static void destroy_local(struct executor **xp)
{
    struct exec_local *l = self(*xp);
    *xp = NULL;
    al_free(l->job);
    al_free(l);
}

static const struct exec_ops local_ops = {
    .name = "local",
    .fits = fits_local,
    .submit = submit_local,
    .adopt = adopt_local,
    .poll = poll_local,
    .cancel = cancel_local,
    .count = count_local,
    .seconds = seconds_local,
    .destroy = destroy_local,
};

enum al_err exec_local_create(const struct exec_local_options *o, struct executor **ret)
{
    AL_AUTOFREE struct exec_local *l = NULL;
    AL_ALLOC(l, 1);
    l->base.ops = &local_ops;
    AL_TRY(al_path(l->run, "%s", o->run));
    AL_TRY(al_path(l->worker, "%s", o->worker));
    AL_TRY(al_path(l->mpirun, "%s", o->mpirun));
    l->cores = o->cores > 0 ? o->cores : (int)sysconf(_SC_NPROCESSORS_ONLN);
    l->pin = o->pin;
    l->heartbeat = o->heartbeat;
    *ret = &l->base;
    l = NULL;
    return AL_ERR_OK;
}

void executor_destroy(struct executor **x)
{
    if (*x) (*x)->ops->destroy(x);
}

enum al_err exec_find_worker(char *ret, size_t n)
{
    char self_path[AL_PATH], path[AL_PATH];
    const char *env = getenv("ALND_WORKER");
    if (env && env[0]) {
        AL_TRY(al_path(path, "%s", env));
    } else {
        AL_TRY(al_program_self(self_path));
        *strrchr(self_path, '/') = '\0';
        AL_TRY(al_path(path, "%s/alnd-worker", self_path));
    }
    if (access(path, X_OK) != 0)
        AL_FAIL_HINT(AL_ERR_NOTFOUND, "it is built and installed beside alnd; ALND_WORKER names another one",
                     "the worker program %s cannot be run", path);
    char absolute[AL_PATH];
    if (!realpath(path, absolute) || (size_t)snprintf(ret, n, "%s", absolute) >= n)
        AL_FAIL(AL_ERR_IO, "cannot resolve %s", path);
    return AL_ERR_OK;
}
