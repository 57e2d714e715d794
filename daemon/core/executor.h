// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Executors start workers and tell when they end. They know processes, not physics and not the journal.
// `local` runs workers on this machine within a core budget; others (batch systems, a simulated one) fill the same
// record.
#ifndef AL_CORE_EXECUTOR_H
#define AL_CORE_EXECUTOR_H

#include <stdbool.h>
#include <time.h>

#include "core/view.h"

enum { EXEC_UNKNOWN = -1000 }; // exit code of a worker that somebody else started

struct exec_spec {
    const char *task, *verb, *token;
    int ranks, threads; // ranks 0: one process without mpirun
    bool alone;         // one process, too, but it starts a program of somebody else on that many ranks: the cores count
    double memory, time; // MiB of all its processes, s of one attempt; 0: no limit
};

struct exec_end {
    char task[TASK_ID];
    int code;       // exit code, -signal, or EXEC_UNKNOWN
    bool hung;      // killed because its heartbeat stood still
    double silent;  // s without heartbeat, when hung
    double seconds; // since it was started or adopted
    bool again;     // it was ended for no fault of its own: to be started again, not counted as a failure
    bool refused;   // it cannot be started, now or later
    char why[256];  // what the executor knows of the reason; "": nothing
};

enum exec_cancel { EXEC_STOP, EXEC_KILL }; // ask to checkpoint and end with 3 | SIGKILL to all its processes

struct executor;

struct exec_ops {
    const char *name;
    bool (*fits)(const struct executor *x, const struct exec_spec *s); // free cores now
    enum al_err (*submit)(struct executor *x, const struct exec_spec *s, long *ret_pid);
    // A worker that an earlier daemon started: *ret_runs tells whether it still does; then it is watched on.
    enum al_err (*adopt)(struct executor *x, const struct exec_spec *s, long *ret_pid, bool *ret_runs);
    bool (*poll)(struct executor *x, struct exec_end *ret); // one ended worker at a time
    void (*cancel)(struct executor *x, const char *task, enum exec_cancel how);
    int (*count)(const struct executor *x);
    double (*seconds)(const struct executor *x, const char *task); // since it was started or adopted
    void (*destroy)(struct executor **x);
    int (*wait_ms)(struct executor *x); // until there can be news; NULL: not known (a simulation moves its clock here)
};

struct executor {
    const struct exec_ops *ops; // first member of every implementation
};

struct exec_local_options {
    const char *run;             // run directory, absolute
    const char *worker, *mpirun; // programs
    int cores;                   // budget; 0: all of the machine
    double heartbeat;            // s
    bool pin;                    // each worker on processors of its own, where the budget is the whole machine
};

enum al_err exec_local_create(const struct exec_local_options *o, struct executor **ret);
void executor_destroy(struct executor **x);

// For executors. Whether a worker gets this entry ("NAME=value") of the daemon's environment.
bool exec_env_passes(const char *entry);
// Change of RUN/TASK/heartbeat between polls on the monotonic clock: a wall clock that jumps does no harm.
struct exec_beat {
    struct timespec mtime;
    double last_change; // s, monotonic
};
bool exec_beat_stopped(const char *run, const char *task, struct exec_beat *b, double limit, double now);
// $ALND_WORKER, else alnd-worker beside this program. AL_ERR_NOTFOUND with a hint.
enum al_err exec_find_worker(char *ret, size_t n);

#endif
