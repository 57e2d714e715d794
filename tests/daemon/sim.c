// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "sim.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "core/crash.h"

struct sim_executor {
    struct executor base;
    struct sim *m;
};

void sim_violation(struct sim *m, const char *fmt, ...)
{
    va_list ap;
    if (m->violation[0]) return;
    va_start(ap, fmt);
    vsnprintf(m->violation, sizeof m->violation, fmt, ap);
    va_end(ap);
}

// A number below n that belongs to a text: part of the physics, not of the machine's luck.
static unsigned lot(const struct sim_script *s, const char *what, const char *text, unsigned n)
{
    struct al_sha256 sha;
    char hex[65];
    al_sha256_init(&sha);
    al_sha256_int(&sha, (int64_t)s->seed);
    al_sha256_string(&sha, what);
    al_sha256_string(&sha, text);
    al_sha256_hex(&sha, hex);
    hex[8] = '\0';
    return (unsigned)strtoul(hex, NULL, 16) % n;
}

[[gnu::format(printf, 3, 4)]] static void add_fact(struct sim_outcome *o, const char *key, const char *fmt, ...)
{
    va_list ap;
    snprintf(o->key[o->nfacts], sizeof o->key[0], "%s", key);
    va_start(ap, fmt);
    vsnprintf(o->value[o->nfacts], sizeof o->value[0], fmt, ap);
    va_end(ap);
    o->nfacts++;
}

[[gnu::format(printf, 3, 4)]] static void add_file(struct sim_outcome *o, const struct sim_work *w, const char *fmt, ...)
{
    struct al_sha256 sha;
    va_list ap;
    int i = o->nfiles++;
    va_start(ap, fmt);
    vsnprintf(o->path[i], sizeof o->path[0], fmt, ap);
    va_end(ap);
    snprintf(o->text[i], sizeof o->text[0], "%.64s %d\n", w->identity, i);
    al_sha256_init(&sha);
    al_sha256_update(&sha, o->text[i], strlen(o->text[i]));
    al_sha256_hex(&sha, o->sha[i]);
}

static void label_outcome(const struct sim_script *s, const struct sim_work *w, struct sim_outcome *ret)
{
    long failed = 0;
    for (long k = 0; k < w->count; k++) {
        char frame[TASK_ID + 16];
        snprintf(frame, sizeof frame, "%s/%ld", w->id, k);
        failed += lot(s, "frame", frame, 1000) < (unsigned)(1000 * s->p_frames);
    }
    add_fact(ret, "nframes", "%ld", w->count - failed);
    add_fact(ret, "nfailed", "%ld", failed);
    if (failed < w->count) add_file(ret, w, "%s/labelled.extxyz", w->id);
    if (failed) add_file(ret, w, "%s/failed.extxyz", w->id);
}

void sim_outcome(const struct sim_script *s, const struct sim_work *w, struct sim_outcome *ret)
{
    const char *verb = w->verb;
    ret->nfacts = ret->nfiles = 0;
    if (strcmp(verb, "init") == 0) {
        add_fact(ret, "nframes", "%d", s->frames);
        add_file(ret, w, "%s/frames.extxyz", w->id);
        add_file(ret, w, "%s/base.extxyz", w->id);
    } else if (strcmp(verb, "label") == 0) {
        label_outcome(s, w, ret);
    } else if (strcmp(verb, "aimd") == 0) {
        add_fact(ret, "nframes", "10");
        add_file(ret, w, "%s/labelled.extxyz", w->id);
    } else if (strcmp(verb, "gather") == 0) {
        add_fact(ret, "ntrain", "%u", s->hopeless && w->iteration < 0 ? 0 : 1 + lot(s, "train", w->identity, 9));
        add_file(ret, w, "data/train/set.%03ld/energy.npy", w->set);
    } else if (strcmp(verb, "select") == 0) {
        for (int i = 0; i < s->systems; i++) {
            char key[80], where[160];
            snprintf(key, sizeof key, "frames.%c", 'A' + i);
            snprintf(where, sizeof where, "%s/%.64s", key, w->identity);
            add_fact(ret, key, "%u", lot(s, "select", where, 7));
            add_file(ret, w, "%s/%c.extxyz", w->id, 'A' + i);
        }
    } else if (strcmp(verb, "evaluate") == 0) {
        add_fact(ret, "below", "%d", lot(s, "below", w->identity, 3) > 0);
        add_file(ret, w, "iterations/%03ld/errors.yaml", w->iteration);
    } else if (strcmp(verb, "train") == 0) {
        add_fact(ret, "steps", "1000");
        add_file(ret, w, "%s/model.dp", w->id);
        add_file(ret, w, "%s/lcurve.out", w->id);
    } else if (strcmp(verb, "volume") == 0) {
        add_file(ret, w, "%s/volume.yaml", w->id);
    } else {
        add_fact(ret, "steps", "1");
        add_file(ret, w, "%s/%s.out", w->id, verb);
    }
}

static void write_text(struct sim *m, const char *relative, const char *text)
{
    char path[AL_PATH], dir[AL_PATH];
    snprintf(path, sizeof path, "%s/%s", m->run, relative);
    snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    FILE *out = al_mkdirs(dir) == AL_ERR_OK ? fopen(path, "w") : NULL;
    if (!out || fputs(text, out) == EOF || fclose(out) != 0) {
        fprintf(stderr, "cannot write %s\n", path);
        abort();
    }
}

static struct sim_task *record_of(struct sim *m, const char *id)
{
    for (int i = 0; i < m->ntasks; i++)
        if (strcmp(m->task[i].id, id) == 0) return &m->task[i];
    if (m->ntasks == SIM_TASKS) abort();
    struct sim_task *t = &m->task[m->ntasks++];
    memset(t, 0, sizeof *t);
    snprintf(t->id, sizeof t->id, "%s", id);
    return t;
}

static size_t put_outcome(const struct sim_outcome *o, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "status: done\nfacts:\n");
    for (int i = 0; i < o->nfacts; i++)
        n += (size_t)snprintf(text + n, size - n, "  %s: %s\n", o->key[i], o->value[i]);
    n += (size_t)snprintf(text + n, size - n, "artifacts:\n");
    for (int i = 0; i < o->nfiles; i++)
        n += (size_t)snprintf(text + n, size - n, "  - {path: %s, sha256: %s}\n", o->path[i], o->sha[i]);
    return n;
}

// One of the ways in which a result comes to be no result.
static void damage(struct sim *m, const struct sim_work *w, const struct sim_outcome *o, char *text, size_t n)
{
    unsigned how = al_rng_below(&m->rng, 4);
    char *at;
    if (how == 0 && o->nfiles) {
        write_text(m, o->path[0], "not what was written\n");
    } else if (how == 1 && (at = strstr(text, w->identity))) {
        *at = *at == '0' ? '1' : '0'; // of other inputs
    } else if (how == 2) {
        text[al_rng_below(&m->rng, (uint32_t)n - 10)] = '\0'; // before the end mark
    } else {
        snprintf(text, n, "\x01{]");
    }
}

// The worker comes to its end: what it leaves in the run directory, and its exit code.
static void work_ends(struct sim *m, struct sim_job *j)
{
    static const char *const expected[] = {"NOTCONV", "UNPHYSICAL"}, *const transient[] = {"NOSPACE", "NOMEM", "LOST"};
    AL_OWN(al_node) task = NULL;
    struct sim_outcome o;
    char path[AL_PATH], text[4096];
    snprintf(path, sizeof path, "%s/%s/task.yaml", m->run, j->task);
    if (al_yaml_read(path, &task) != AL_ERR_OK) {
        sim_violation(m, "a worker of %s has no task.yaml: %s", j->task, al_err_message());
        return;
    }
    const struct al_node *in = al_node_get(task, "inputs");
    struct sim_work w = {al_node_str(task, "verb", ""),        al_node_str(task, "task", ""), al_node_str(task, "identity", ""),
                         al_node_int(task, "iteration", -1),   al_node_int(in, "from", 0),    al_node_int(in, "count", 0),
                         al_node_int(in, "set", 0)};
    bool tells = j->fate == FATE_TRANSIENT || j->fate == FATE_EXPECTED;
    sim_outcome(&m->s, &w, &o);
    j->alive = false;
    j->code = j->fate == FATE_CRASH ? -SIGSEGV : 0;
    if (j->stopping && al_rng_below(&m->rng, 2)) {
        j->code = 3;
        return;
    }
    if (j->fate == FATE_CRASH && al_rng_below(&m->rng, 2)) return;
    for (int i = 0; i < o.nfiles && !tells; i++)
        write_text(m, o.path[i], o.text[i]);
    if (j->fate == FATE_CRASH) return;
    size_t n = (size_t)snprintf(text, sizeof text, "format: 2\ntask: %s\nidentity: %s\n", w.id, w.identity);
    if (tells)
        n += (size_t)snprintf(text + n, sizeof text - n, "status: failed\nerror: {code: %s, message: \"made to fail\"}\n",
                              j->fate == FATE_EXPECTED ? expected[al_rng_below(&m->rng, 2)] : transient[al_rng_below(&m->rng, 3)]);
    else
        n += put_outcome(&o, text + n, sizeof text - n);
    n += (size_t)snprintf(text + n, sizeof text - n, "end: true\n");
    if (j->fate == FATE_DAMAGED) damage(m, &w, &o, text, n);
    snprintf(path, sizeof path, "%s/result.yaml", j->task);
    write_text(m, path, text);
    if (j->fate == FATE_GOOD) record_of(m, j->task)->finished = true;
}

void sim_advance(struct sim *m, double seconds)
{
    double until = m->now + seconds;
    for (;;) {
        struct sim_job *first = NULL;
        for (int i = 0; i < m->njobs; i++) {
            struct sim_job *j = &m->job[i];
            if (j->alive && j->fate != FATE_HANG && j->ends <= until && (!first || j->ends < first->ends)) first = j;
        }
        if (!first) break;
        if (first->ends > m->now) m->now = first->ends;
        work_ends(m, first);
    }
    m->now = until;
}

void sim_daemon_died(struct sim *m)
{
    int n = 0;
    for (int i = 0; i < m->njobs; i++) {
        struct sim_job *j = &m->job[i];
        j->owned = j->child = false;
        if (m->s.die_together && al_rng_below(&m->rng, 2)) j->alive = false;
        if (j->alive) m->job[n++] = *j; // nobody waits for the others any more
    }
    m->njobs = n;
}

static struct sim *machine(const struct executor *x)
{
    return ((const struct sim_executor *)x)->m;
}

// A moment at which the daemon may be killed.
static void moment(struct sim *m)
{
    if (m->death == DEATH_OP && --m->ops_left <= 0) _exit(CRASH_EXIT);
    if (m->violation[0]) _exit(99);
}

static int cores_of(const struct exec_spec *s)
{
    return (s->ranks > 0 ? s->ranks : 1) * (s->threads > 0 ? s->threads : 1);
}

static bool fits(const struct executor *x, const struct exec_spec *s)
{
    const struct sim *m = machine(x);
    int used = 0;
    for (int i = 0; i < m->njobs; i++)
        if (m->job[i].owned) used += m->job[i].cores;
    return used == 0 || used + cores_of(s) <= m->s.cores;
}

static enum sim_fate draw_fate(struct sim *m, const char *task)
{
    if (strcmp(m->s.doomed, task) == 0) return FATE_EXPECTED;
    double u = al_rng_uniform(&m->rng);
    for (int f = 1; f < NFATES && !m->calm; f++)
        if ((u -= m->s.p[f]) < 0) return (enum sim_fate)f;
    return FATE_GOOD;
}

// What must be true whenever a worker is started.
static void check_start(struct sim *m, const struct exec_spec *s, const struct sim_task *t)
{
    char path[AL_PATH];
    int used = 0;
    snprintf(path, sizeof path, "%s/%s/result.yaml", m->run, s->task);
    if (t->finished) sim_violation(m, "%s is started although it was finished", s->task);
    if (al_exists(path)) sim_violation(m, "%s is started beside its result.yaml", s->task);
    for (int i = 0; i < m->njobs; i++) {
        const struct sim_job *j = &m->job[i];
        if (!j->alive) continue;
        used += j->cores;
        if (strcmp(j->task, s->task) == 0) sim_violation(m, "%s is started while a worker of it runs", s->task);
        if (strcmp(j->token, s->token) == 0) sim_violation(m, "%s has the token of %s", s->task, j->task);
    }
    if (used && used + cores_of(s) > m->s.cores)
        sim_violation(m, "%s takes %d cores where %d of %d are in use", s->task, cores_of(s), used, m->s.cores);
    if (used + cores_of(s) > m->most_cores) m->most_cores = used + cores_of(s);
}

static enum al_err submit(struct executor *x, const struct exec_spec *s, long *ret_pid)
{
    struct sim *m = machine(x);
    struct sim_task *t = record_of(m, s->task);
    moment(m); // the intent is written, no worker there
    check_start(m, s, t);
    if (!m->calm && al_rng_uniform(&m->rng) < m->s.p_submit) AL_FAIL(AL_ERR_LOST, "cannot fork: made to fail");
    if (m->njobs == SIM_JOBS) abort();
    t->starts++;
    double takes = al_rng_below(&m->rng, 8) ? 100 * al_rng_uniform(&m->rng) : 5000 * al_rng_uniform(&m->rng);
    m->job[m->njobs] = (struct sim_job){.cores = cores_of(s),
                                        .ends = m->now + takes,
                                        .fate = draw_fate(m, s->task),
                                        .alive = true,
                                        .owned = true,
                                        .child = true,
                                        .watched = m->now};
    snprintf(m->job[m->njobs].task, TASK_ID, "%s", s->task);
    snprintf(m->job[m->njobs].token, TASK_TOKEN, "%s", s->token);
    *ret_pid = 1000 + m->njobs++;
    moment(m); // the worker runs, its number is not known
    return AL_ERR_OK;
}

static enum al_err adopt(struct executor *x, const struct exec_spec *s, long *ret_pid, bool *ret_runs)
{
    struct sim *m = machine(x);
    moment(m);
    *ret_runs = false;
    for (int i = 0; i < m->njobs; i++) {
        struct sim_job *j = &m->job[i];
        if (!j->alive || strcmp(j->token, s->token) != 0) continue;
        if (j->cores != cores_of(s)) sim_violation(m, "%s is adopted with %d cores, not %d", s->task, cores_of(s), j->cores);
        j->owned = true;
        j->watched = m->now;
        *ret_pid = 1000 + i;
        *ret_runs = true;
    }
    return AL_ERR_OK;
}

static bool poll_sim(struct executor *x, struct exec_end *ret)
{
    struct sim *m = machine(x);
    moment(m);
    for (int i = 0; i < m->njobs; i++) {
        struct sim_job *j = &m->job[i];
        if (!j->owned || j->alive) continue;
        bool hung = j->code == -SIGKILL && j->fate == FATE_HANG;
        *ret = (struct exec_end){.code = j->child ? j->code : EXEC_UNKNOWN,
                                 .hung = hung,
                                 .silent = hung ? m->heartbeat : 0,
                                 .seconds = m->now - j->watched};
        snprintf(ret->task, sizeof ret->task, "%s", j->task);
        *j = m->job[--m->njobs];
        return true;
    }
    return false;
}

static void cancel(struct executor *x, const char *task, enum exec_cancel how)
{
    struct sim *m = machine(x);
    moment(m);
    for (int i = 0; i < m->njobs; i++) {
        struct sim_job *j = &m->job[i];
        if (!j->alive || strcmp(j->task, task) != 0) continue;
        if (how == EXEC_KILL) {
            j->alive = false;
            j->code = -SIGKILL;
        } else {
            j->stopping = true;
            if (j->ends > m->now + 5) j->ends = m->now + 5 * al_rng_uniform(&m->rng);
        }
    }
}

static int count(const struct executor *x)
{
    const struct sim *m = machine(x);
    int n = 0;
    for (int i = 0; i < m->njobs; i++)
        n += m->job[i].owned;
    return n;
}

static double seconds(const struct executor *x, const char *task)
{
    const struct sim *m = machine(x);
    for (int i = 0; i < m->njobs; i++)
        if (m->job[i].owned && strcmp(m->job[i].task, task) == 0) return m->now - m->job[i].watched;
    return 0;
}

static void destroy(struct executor **x)
{
    al_free(*x);
    *x = NULL;
}

// To the next end of a worker, or the moment at which one is silent for too long.
static int wait_ms(struct executor *x)
{
    struct sim *m = machine(x);
    double next = -1;
    moment(m);
    for (int i = 0; i < m->njobs; i++) {
        const struct sim_job *j = &m->job[i];
        double at = j->fate == FATE_HANG ? j->watched + m->heartbeat : j->ends;
        if (!j->owned) continue;
        if (!j->alive) at = m->now;
        if (next < 0 || at < next) next = at;
    }
    m->idle = next < 0 ? m->idle + 1 : 0;
    if (m->idle > 10) {
        sim_violation(m, "the loop waits although nothing runs");
        _exit(99);
    }
    if (m->death == DEATH_SIGNAL && --m->waits_left <= 0) {
        if (m->waits_left == 0 || al_rng_below(&m->rng, 2)) kill(getpid(), SIGTERM); // the second one kills the workers
    }
    if (next > m->now) sim_advance(m, next - m->now + 1e-3);
    for (int i = 0; i < m->njobs; i++) {
        struct sim_job *j = &m->job[i];
        if (!j->owned || !j->alive || j->fate != FATE_HANG || m->now - j->watched < m->heartbeat) continue;
        j->alive = false;
        j->code = -SIGKILL;
    }
    return 0;
}

static const struct exec_ops ops = {.name = "simulated",
                                    .fits = fits,
                                    .submit = submit,
                                    .adopt = adopt,
                                    .poll = poll_sim,
                                    .cancel = cancel,
                                    .count = count,
                                    .seconds = seconds,
                                    .destroy = destroy,
                                    .wait_ms = wait_ms};

enum al_err sim_executor(struct sim *m, struct executor **ret)
{
    struct sim_executor *x;
    AL_ALLOC(x, 1);
    x->base.ops = &ops;
    x->m = m;
    *ret = &x->base;
    return AL_ERR_OK;
}
