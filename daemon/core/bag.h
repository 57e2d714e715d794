// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A bag of independent tasks, for engines used by hand: no journal, no planner. The task directories are the state: a task
// whose result.yaml has its identity is finished, whoever finished it; one whose worker still runs is watched on. So the same
// command goes on after Ctrl-C, kill -9 or a power cut, and computes nothing twice.
#ifndef AL_CORE_BAG_H
#define AL_CORE_BAG_H

#include "core/executor.h"
#include "core/status.h"
#include "core/taskfile.h"

enum { BAG_INPUTS = 6 };

enum bag_state { BAG_PENDING, BAG_RUNNING, BAG_DONE, BAG_FAILED };

struct bag_task {
    char id[TASK_ID], identity[65]; // id: directory below the bag's, named by the identity
    const char *verb;
    char name[96];               // for people
    char config[64];             // settings' file below the bag's directory
    const char *elements;        // "Li P S"
    const char *again_with;      // a finished task whose result has this fact is done again by a later start; NULL: none is
    const char *again_without;   // one whose result lacks this artefact is, too
    int ranks, threads;          // ranks 0: without mpirun
    bool alone;                  // as in struct exec_spec
    int ninputs;
    struct {
        const char *key;
        char value[TASK_ID + 32];
    } input[BAG_INPUTS];
    // results
    enum bag_state state;
    bool before;                 // was finished when the bag was opened
    int failures;
    struct task_result *result;  // DONE, and FAILED when the worker wrote one
    char message[AL_ERR_TEXT], hint[AL_ERR_TEXT]; // FAILED: why
};

struct bag_observer {            // all may be NULL
    void *ctx;
    void (*message)(void *ctx, const char *text);
    void (*ended)(void *ctx, const struct bag_task *t, double seconds); // 0: it was finished before
    void (*tick)(void *ctx, const struct status *s);
};

struct bag_options {
    const char *dir;             // absolute, exists
    const char *title;           // of the progress display
    const char *worker;
    int cores, retries;
    double heartbeat;            // s
    const struct bag_observer *observer;
};

// Exclusive use of a bag's directory; made when absent. AL_ERR_BUSY: another alnd works in it.
enum al_err bag_lock(const char *dir, int *ret_fd);
void bag_task_input(struct bag_task *t, const char *key, const char *value);
// Runs what is not finished. AL_ERR_STOPPED after Ctrl-C, SIGTERM or SIGHUP (a second one kills the workers): what is
// finished is kept. Tasks that fail do not end the bag.
enum al_err bag_run(const struct bag_options *o, int n, struct bag_task *t);
void bag_tasks_release(int n, struct bag_task *t); // their results
const char *bag_fact(const struct bag_task *t, const char *key); // NULL when absent
double bag_fact_real(const struct bag_task *t, const char *key); // NaN when absent

#endif
