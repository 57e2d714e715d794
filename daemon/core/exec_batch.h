// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What executors over a batch system share: calling its commands without a shell and without waiting, and the script of a
// job. A job runs one task, or an array of tasks alike; its script names each with the token of its attempt, and is written
// before the job is submitted: whoever starts later finds in it what was meant, and in the queue, by the job's name, what
// became of it.
#ifndef AL_CORE_EXEC_BATCH_H
#define AL_CORE_EXEC_BATCH_H

#include <stdio.h>
#include <sys/types.h>

#include "core/executor.h"

enum { BATCH_ARGS = 64, BATCH_ERR = 400 };

// A command that runs; its output goes to memory.
struct batch_call {
    pid_t pid; // 0: none
    int out, err;
    double started;
};

struct batch_answer {
    int code;            // exit code, 127: no such program, -signal
    char *out;           // freed by al_free
    char err[BATCH_ERR]; // the end of standard error on one line
};

// argv[0] is looked up in PATH; the environment is what workers get, the batch systems' configuration and ALND_TOKEN=token.
enum al_err batch_start(struct batch_call *c, const char *const *argv, const char *dir, const char *token);
// Whether it has ended; then the answer. After limit seconds it is killed.
enum al_err batch_poll(struct batch_call *c, double limit, bool *ret_ended, struct batch_answer *ret);
void batch_drop(struct batch_call *c); // kills what runs
// AL_ERR_NOTFOUND when the program is not in PATH.
enum al_err batch_find(const char *program);

struct batch_script {
    const char *worker;
    const char *dir;      // of scripts and exit codes, below the run directory
    const char *run;      // to be changed to; NULL: the job starts there
    const char *index;    // variable of the job: its place in the array
    const char *restarts; // variable of the job: how often it was started again by itself; NULL: the script counts
    const char *warning;  // signal before the time limit, other than that which ends a job: "URG"; "TERM": it is the same
    long timer;           // s after which the script sends itself the warning; 0: the batch system does
    const char *const *module, *const *launcher;
    int nmodules, nlauncher;
    int retries; // starts again by itself that are borne
    int ntasks, first; // the array's first place
    const struct exec_spec *task; // alike but for task and token
};

// The script at path, a program, durable.
enum al_err batch_script_write(const char *path, const struct batch_script *s);
// The tasks of a script: each(ctx, place in the array, token, task).
enum al_err batch_script_read(const char *path, enum al_err (*each)(void *ctx, int index, const char *token, const char *task),
                              void *ctx);
// The exit code that the script has noted for this attempt; *ret_asked: after the signal before the time limit.
bool batch_exit_read(const char *run, const char *dir, const char *token, int *ret_code, bool *ret_asked);

#endif
