// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The daemon's loop: plans, submits, polls, collects, answers the control socket, and ends on SIGINT, SIGTERM
// or `alnd stop`. Everything it knows is in the journal; killed at any moment it goes on at the next start.
#ifndef AL_CORE_LOOP_H
#define AL_CORE_LOOP_H

#include "core/executor.h"
#include "core/rundir.h"
#include "core/status.h"

struct loop_observer {
    void *ctx;
    void (*message)(void *ctx, const char *text);    // a line for the user: stages, tasks, failures
    void (*tick)(void *ctx, const struct status *s); // a few times a second; may be NULL
    void (*ready)(void *ctx); // the journal is open and loop.yaml accepted; may be NULL
};

enum loop_end { LOOP_FINISHED, LOOP_STOPPED, LOOP_FAILED };

struct loop_outcome {
    enum loop_end end;
    bool converged, nothing_to_do; // nothing_to_do: it was finished before
    int niterations;
    char message[STATUS_TEXT], hint[STATUS_TEXT];
};

// r is locked. worker: the worker program; $ALND_MPIRUN: another mpirun than that of the build. AL_ERR_INPUT:
// loop.yaml does not go with the run.
enum al_err loop_run(struct rundir *r, const char *worker, const struct loop_observer *o,
                     struct loop_outcome *ret);
// The same with an executor that the caller has made; it is destroyed at the end.
enum al_err loop_run_on(struct rundir *r, struct executor **x, const struct loop_observer *o, struct loop_outcome *ret);

#endif
