// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A worker without physics for the daemon's tests (chosen by ALND_WORKER). It keeps docs/TASKS.md to the
// letter: lock, heartbeat, progress, checkpoint, stop, artefacts, result.yaml. Artefacts are made of the
// task's identity, so that equal inputs give equal bytes. What it does wrong on purpose is asked for in the
// environment:
//
//   ALND_FAKE_LOG    file that gets a line "begin ID" and "end ID" (after result.yaml is published)
//   ALND_FAKE_MS     duration of a task in ms (default 0), in steps of 20 ms, checkpointed
//   ALND_FAKE_SLOW   only tasks whose id contains this take ALND_FAKE_MS
//   ALND_FAKE_CRASH  "ID:N": SIGKILL to itself at the first N starts of the task
//   ALND_FAKE_FAIL   "ID:CODE": result.yaml with status failed
//   ALND_FAKE_HANG   "ID:N": at the first N starts, hold the lock without heartbeat for ever
//   ALND_FAKE_DEAF   tasks whose id contains this do not stop when they are asked to
//   ALND_FAKE_CLOCK  the heartbeat's time jumps between 1970 and 2038
//   ALND_FAKE_BELOW  first iteration whose evaluation says below: 1 (default 0)
//   ALND_FAKE_SELECT frames selected for each system (default 3)
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/hash.h"
#include "base/yaml.h"

static volatile sig_atomic_t terminated;
static const char *id, *identity;
static struct al_outfile result;

static void on_term(int sig)
{
    (void)sig;
    terminated = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "ts=0 level=error comp=fake ev=died what=%s message=\"%s\"\n", what, al_err_message());
    exit(9);
}

static void must(enum al_err e, const char *what)
{
    if (e) die(what);
}

static void note(const char *what)
{
    const char *path = getenv("ALND_FAKE_LOG");
    char line[512];
    if (!path) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666),
        n = snprintf(line, sizeof line, "%s %s\n", what, id);
    if (fd < 0 || write(fd, line, (size_t)n) != n) die("log");
    close(fd);
}

static long env_long(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : otherwise;
}

// The part of NAME="ID:VALUE" after the colon when ID is this task.
static const char *asked(const char *name)
{
    const char *text = getenv(name);
    size_t n = strlen(id);
    return text && strncmp(text, id, n) == 0 && text[n] == ':' ? text + n + 1 : NULL;
}

[[gnu::format(printf, 2, 3)]] static void task_path(char path[AL_PATH], const char *fmt, ...)
{
    char name[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    must(al_path(path, "%s/%s", id, name), "path");
}

// How often this was asked before, kept in a file of the task.
static long count_up(const char *name)
{
    char path[AL_PATH], text[32];
    long n = 0;
    task_path(path, "%s", name);
    FILE *in = fopen(path, "r");
    if (in) {
        n = fgets(text, sizeof text, in) ? strtol(text, NULL, 10) : 0;
        fclose(in);
    }
    int k = snprintf(text, sizeof text, "%ld\n", n + 1);
    must(al_file_write(path, text, (size_t)k), name);
    return n;
}

static void touch(const char *name)
{
    char path[AL_PATH];
    task_path(path, "%s", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, "x", 1) != 1) die(name);
    if (getenv("ALND_FAKE_CLOCK")) { // the kernel's clock has been set: the file seems older than the one before
        static unsigned n;
        n = n * 1664525u + 1013904223u;
        struct timespec t[2] = {{.tv_sec = n >> 1}, {.tv_sec = n >> 1}};
        if (futimens(fd, t) != 0) die(name);
    }
    close(fd);
}

static void progress(long done, long total)
{
    char path[AL_PATH], tmp[AL_PATH];
    task_path(path, "progress");
    task_path(tmp, "progress.tmp");
    FILE *out = fopen(tmp, "w");
    if (!out) die("progress");
    fprintf(out, "done=%ld total=%ld text=step %ld of %ld\n", done, total, done, total);
    fclose(out);
    if (rename(tmp, path) != 0) die("progress");
}

static void work(void)
{
    const char *slow = getenv("ALND_FAKE_SLOW"), *deaf = getenv("ALND_FAKE_DEAF");
    bool hears = !deaf || !strstr(id, deaf);
    long ms = slow && !strstr(id, slow) ? 0 : env_long("ALND_FAKE_MS", 0), total = ms / 20;
    char stop[AL_PATH];
    task_path(stop, "stop");
    for (;;) {
        char path[AL_PATH];
        touch("heartbeat");
        task_path(path, "checkpoint");
        long done = total ? count_up("checkpoint") : 0;
        progress(done, total);
        if (done >= total) return;
        if (hears && (terminated || al_exists(stop))) exit(3);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

static void artifact(const char *path, const char *salt)
{
    char text[256], sha[65];
    int n = snprintf(text, sizeof text, "%s %s\n", identity, salt);
    must(al_file_write(path, text, (size_t)n), path);
    must(al_sha256_file(path, sha), path);
    fputs("  - {path: ", result.out);
    al_yaml_quote(result.out, path);
    fprintf(result.out, ", sha256: %s}\n", sha);
}

static void own_artifact(const char *name)
{
    char path[AL_PATH];
    task_path(path, "%s", name);
    artifact(path, name);
}

// Names of the systems, from the structures in inputs/, sorted.
static int systems(char names[8][64])
{
    struct dirent **list;
    int n = scandir("inputs", &list, NULL, alphasort), k = 0;
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.' && strstr(list[i]->d_name, ".extxyz") && k < 8) {
            snprintf(names[k], 64, "%.63s", list[i]->d_name);
            *strrchr(names[k++], '.') = '\0';
        }
        free(list[i]);
    }
    if (n >= 0) free(list);
    return k;
}

static void facts_of(const char *verb, const struct al_node *task)
{
    FILE *out = result.out;
    char names[8][64];
    int n = systems(names);
    long iteration = al_node_int(task, "iteration", -1);
    fputs("facts:\n", out);
    if (strcmp(verb, "init") == 0)
        fputs("  nframes: 5\n", out);
    else if (strcmp(verb, "label") == 0)
        fprintf(out, "  nframes: %ld\n  nfailed: 0\n", al_node_int(al_node_get(task, "inputs"), "count", -1));
    else if (strcmp(verb, "gather") == 0)
        fputs("  ntrain: 4\n  nvalid: 0\n  ntest: 1\n", out);
    else if (strcmp(verb, "select") == 0) {
        for (int i = 0; i < n; i++)
            fprintf(out, "  frames.%s: %ld\n", names[i], env_long("ALND_FAKE_SELECT", 3));
        fputs("  candidate_fraction: 0.5\n", out);
    } else if (strcmp(verb, "evaluate") == 0)
        fprintf(out, "  force_rmse: 0.1\n  below: %d\n", iteration >= env_long("ALND_FAKE_BELOW", 0));
    else if (strcmp(verb, "publish") == 0)
        fputs("  iteration: 0\n  converged: 1\n", out);
    else
        fputs("  steps: 1\n", out);
}

static void data_sets(const struct al_node *task)
{
    static const char *const kinds[] = {"train", "valid", "test"};
    char names[8][64], path[AL_PATH];
    int n = systems(names);
    long set = al_node_int(al_node_get(task, "inputs"), "set", 0);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < n; i++) {
            must(al_path(path, "data/%s/%s/set.%03ld", kinds[k], names[i], set), "path");
            must(al_mkdirs(path), "data");
            must(al_path(path, "data/%s/%s/set.%03ld/energy.npy", kinds[k], names[i], set), "path");
            artifact(path, kinds[k]);
        }
}

static void errors_yaml(long iteration)
{
    char path[AL_PATH], sha[65], text[2048];
    int n = snprintf(
        text, sizeof text,
        "iteration: %ld\ndemonstration: true\ntable:\n"
        "  - {set: train, group: all, label: all, frames: 20, energy_rmse: 0.0031, force_rmse: 0.21, "
        "virial_rmse: 0.05}\n"
        "  - {set: test, group: all, label: all, frames: 6, energy_rmse: 0.0041, force_rmse: 0.31, "
        "virial_rmse: 0.06, force_rmse_low: 0.28, force_rmse_high: 0.35, energy_rmse_low: 0.003, "
        "energy_rmse_high: 0.005}\n"
        "selection: {accurate: 10, candidate: 5, failed: 0, candidate_fraction: 0.33}\n"
        "calibration: [{deviation_low: 0, deviation_high: 0.1, frames: 12, force_rmse: 0.08, deviation: "
        "0.07}]\n"
        "converge: {force_rmse: 0.31, force_limit: 0.5, energy_rmse: 0.0041, energy_limit: 0.03, "
        "candidate_fraction: 0.33, candidate_limit: 1, below: 1}\n",
        iteration);
    must(al_path(path, "iterations/%03ld/errors.yaml", iteration), "path");
    must(al_file_write(path, text, (size_t)n), path);
    must(al_sha256_file(path, sha), path);
    fprintf(result.out, "  - {path: %s, sha256: %s}\n", path, sha);
}

static void artifacts_of(const char *verb, const struct al_node *task)
{
    char names[8][64], path[AL_PATH];
    fputs("artifacts:\n", result.out);
    if (strcmp(verb, "init") == 0) {
        char base[AL_PATH], sha[65];
        const char *structure = al_node_str(al_node_get(task, "inputs"), "structure", "");
        own_artifact("frames.extxyz");
        task_path(base, "base.extxyz");
        must(al_file_copy(structure, base), "structure");
        must(al_sha256_file(base, sha), "structure");
        fprintf(result.out, "  - {path: %s, sha256: %s}\n", base, sha);
    } else if (strcmp(verb, "label") == 0 || strcmp(verb, "aimd") == 0) {
        own_artifact("labelled.extxyz");
    } else if (strcmp(verb, "gather") == 0) {
        data_sets(task);
    } else if (strcmp(verb, "train") == 0) {
        own_artifact("model.dp");
        own_artifact("lcurve.out");
    } else if (strcmp(verb, "explore") == 0) {
        own_artifact("frames.extxyz");
    } else if (strcmp(verb, "select") == 0) {
        int n = systems(names);
        for (int i = 0; i < n; i++) {
            snprintf(path, sizeof path, "%s.extxyz", names[i]);
            own_artifact(path);
        }
    } else if (strcmp(verb, "evaluate") == 0) {
        errors_yaml(al_node_int(task, "iteration", -1));
        own_artifact("calibration.csv");
    } else if (strcmp(verb, "publish") == 0) {
        own_artifact("graph.0.dp");
        own_artifact("graph.1.dp");
        own_artifact("model.yaml");
    } else if (strcmp(verb, "volume") == 0) {
        own_artifact("volume.yaml");
    } else if (strcmp(verb, "produce") == 0) {
        own_artifact("traj.extxyz");
    } else if (strcmp(verb, "analyze") == 0) {
        must(al_path(path, "%s.yaml", id), "path");
        artifact(path, "transport");
    } else if (strcmp(verb, "report") == 0) {
        artifact("report.html", "report");
        artifact("certificate.yaml", "certificate");
        artifact("comparison.yaml", "pairs: []\n");
    }
}

static void finish(const char *verb, const struct al_node *task)
{
    char path[AL_PATH];
    const char *fail = asked("ALND_FAKE_FAIL");
    task_path(path, "result.yaml");
    must(al_outfile_open(path, &result), "result");
    al_yaml_int(result.out, 0, "format", 2);
    al_yaml_str(result.out, 0, "task", id);
    al_yaml_str(result.out, 0, "identity", identity);
    al_yaml_str(result.out, 0, "status", fail ? "failed" : "done");
    if (fail) {
        fprintf(result.out, "error: {code: %s, message: \"made to fail\", hint: \"unset ALND_FAKE_FAIL\"}\n",
                fail);
    } else {
        facts_of(verb, task);
        artifacts_of(verb, task);
    }
    al_yaml_str(result.out, 0, "end", "true");
    must(al_outfile_publish(&result), "result");
    if (!fail) note("end");
}

int main(int argc, char **argv)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *verb, *n;
    struct al_node *task;
    char path[AL_PATH];
    int lock;
    if (argc != 3) return 8;
    if (rank && strcmp(rank, "0") != 0) return 0;
    signal(SIGTERM, on_term);
    must(al_yaml_read(argv[2], &task), "task");
    must(al_node_need_str(task, "task", &id), "task");
    must(al_node_need_str(task, "identity", &identity), "identity");
    must(al_node_need_str(task, "verb", &verb), "verb");
    if (strcmp(verb, argv[1]) != 0) return 8;
    task_path(path, "lock");
    must(al_lock_take(path, &lock), "lock");
    task_path(path, "result.yaml");
    if (al_exists(path)) die("started although the result is there");
    note("begin");
    if ((n = asked("ALND_FAKE_CRASH")) && count_up("crashes") < strtol(n, NULL, 10)) kill(getpid(), SIGKILL);
    if ((n = asked("ALND_FAKE_HANG")) && count_up("hangs") < strtol(n, NULL, 10))
        for (;;)
            pause();
    work();
    finish(verb, task);
    al_node_destroy(&task);
    return 0;
}
