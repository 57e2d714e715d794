// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// One task of a worker: its task.yaml, the run's loop.yaml, facts and artefacts of its result, progress, heartbeat
// and stop requests (docs/TASKS.md). The working directory is the run directory.
#ifndef AL_WORKER_TASK_H
#define AL_WORKER_TASK_H

#include "base/frame.h"
#include "config/loop_config.h"

enum { TASK_MAX_FACTS = 256, TASK_MAX_ARTIFACTS = 256 };

struct task_fact {
    char *key, *value;
};

struct task {
    struct al_node *node;         // task.yaml
    const struct al_node *inputs; // map, may be NULL
    const char *id, *verb, *identity, *system, *purpose; // system, purpose: "" when absent
    int iteration, index, threads;
    double temperature;           // K
    struct loop_config *cfg;
    const struct cfg_system *sys; // of `system`, or NULL
    int isystem;                  // its index, -1
    struct task_fact fact[TASK_MAX_FACTS];
    int nfacts;
    char *artifact[TASK_MAX_ARTIFACTS];
    int nartifacts;
    bool quiet;                   // ranks other than 0: no progress, no result
};

enum al_err task_open(const char *path, struct task **ret);
void task_destroy(struct task **t);

// Inputs.
enum al_err task_input(const struct task *t, const char *key, const char **ret);
enum al_err task_input_int(const struct task *t, const char *key, long *ret);
// A list of strings; *ret [n] is freed by al_free, the strings belong to the task.
enum al_err task_input_list(const struct task *t, const char *key, const char ***ret, int *ret_n);

// TASKDIR/name, and PATH of another task's file: ID/name.
enum al_err task_path(const struct task *t, char ret[AL_PATH], const char *name);

// Results. Artefact paths are relative to the run directory.
enum al_err task_fact_text(struct task *t, const char *key, const char *value);
enum al_err task_fact_int(struct task *t, const char *key, long value);
enum al_err task_fact_real(struct task *t, const char *key, double value);
enum al_err task_artifact(struct task *t, const char *path);
// result.yaml: err OK = done, else failed with the thread's error message. The last thing a task does.
enum al_err task_finish(struct task *t, enum al_err err);

// Progress file, at most once a second (total 0: unknown).
[[gnu::format(printf, 4, 5)]] void task_progress(struct task *t, long done, long total, const char *fmt, ...);
// For its text: "45 s", "12 min", "3 h 05 min".
void task_time_left(double seconds, char ret[32]);
// Stop requests: SIGTERM, SIGINT, or TASKDIR/stop. Takes a struct task (usable as check_stop callback).
bool task_should_stop(void *task);
void task_catch_signals(void);
enum al_err task_heartbeat_start(const struct task *t); // a thread that touches TASKDIR/heartbeat

// The note that every printed result of a demonstration carries; NULL otherwise.
const char *task_note(const struct task *t);

// The verbs (verb_*.c).
enum al_err verb_init(struct task *t);
enum al_err verb_label(struct task *t);
// What that verb does with its frames: labelled.extxyz, failed.extxyz and their facts. Collective over MPI's ranks.
enum al_err label_frames(struct task *t, const struct al_frames *in, long from, long count);
// Settings whose errors are small beside those of the settings asked for: what certificate.yaml calls the noise of the labels.
void label_tighten(struct cfg_label *l);
// The settings of initial.aimd into *l, a copy of those of label; false: it has none of its own.
bool aimd_settings(const struct loop_config *c, struct cfg_label *l);
enum al_err verb_gather(struct task *t);
enum al_err verb_train(struct task *t);
enum al_err verb_explore(struct task *t);
enum al_err verb_select(struct task *t);
enum al_err verb_evaluate(struct task *t);
enum al_err verb_publish(struct task *t);
enum al_err verb_volume(struct task *t);
enum al_err verb_produce(struct task *t);
enum al_err verb_analyze(struct task *t);
enum al_err verb_report(struct task *t);
enum al_err verb_md(struct task *t);
enum al_err verb_aimd(struct task *t);
enum al_err verb_fit(struct task *t);
enum al_err verb_test(struct task *t);
enum al_err verb_diffusion(struct task *t);
enum al_err verb_import(struct task *t);

// The base frames of t->sys: supercell, one frame for each arrangement of its substitution.
enum al_err init_base_frames(const struct task *t, const char *structure, struct al_frames **ret);
// A loop.yaml of a run directory, not by a task: with the copies beside it (RUN/inputs).
enum al_err task_use_copies(struct loop_config *c);
// alnd-worker estimate CONFIG RANKS [FRAMES ELEMENTS]: what labelling takes, as YAML on out; a question, not a task: no file is written.
// Without FRAMES: the base frames of the systems of a loop.yaml.
enum al_err estimate_print(int argc, char **argv, FILE *out);

#endif
