// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The planner: a pure function of configuration and journal. plan_build walks the loop (docs/TASKS.md) from
// the start and emits every task whose inputs exist: those that are done, those that run and those to start
// now. Whatever needs a result that is not there yet is not planned. No file is read or written here.
//
// A task's identity is the SHA-256 over its verb, its place in the loop, the hashes of the sections of
// loop.yaml that change its numbers and the checksums of its inputs; never paths, ranks, threads or the
// executor. A label's identity is that of the label settings (with the pseudopotentials) and of the frames
// alone.
#ifndef AL_CORE_PLAN_H
#define AL_CORE_PLAN_H

#include "config/loop_config.h"
#include "core/view.h"

// Iterations at the front of the loop, with the initial data, whose every task is DONE and was checked by an earlier plan of this
// session: they are not walked again, so that a plan takes the same time in the first iteration and in the hundredth.
struct plan_settled {
    int n, streak; // iterations; of the last ones in a row those below the limits
};

// What is fixed when the run directory is made and kept in the journal.
struct plan_env {
    char structure_sha[CFG_MAX_SYSTEMS][65];
    char pseudo_sha[65]; // over the pseudopotentials of all elements
    char data_sha[65];   // of what initial.data became, "none" without that key
    int label_batch;     // frames of a label task
    bool open_only;      // leave finished tasks out of the plan; one that was done with other inputs stays in, to be told
    struct plan_settled settled; // only with open_only
    void (*breathe)(void *ctx);  // called many times while a plan is made, for those who wait; changes nothing that the plan reads. May be NULL
    void *ctx;
};

struct plan_input {
    const char *key;
    bool list;
    int n;
    const char **value;
};

struct plan_task {
    const char *id, *verb, *system, *purpose; // system, purpose: NULL when absent
    const char *config, *elements;            // engines by hand: the settings' file and "Li P S"; else NULL
    char identity[65];
    int iteration, index; // -1 outside iterations
    double temperature;   // K; 0 when absent
    int ranks, threads;   // ranks 0: started without mpirun
    bool alone;           // as in struct exec_spec
    int ninputs, ndeps;
    struct plan_input *input;
    const char **dep; // ids of the tasks whose results it uses; all of them are DONE
};

struct plan_arena;

// A label task that its iteration went on without (resources.straggler); by id, and how many frames it has.
struct plan_late {
    const char *task;
    int frames;
};

struct plan {
    int ntasks, capacity;
    struct plan_task *task;
    char stage[96];              // "iteration 1: train"
    int iteration;               // -1 before the first and after the last
    int stage_done, stage_total; // tasks of the stage; total 0: not known yet
    int wait_frames;             // of labels that must still come in before the stage is over; 0: it waits for something else
    bool wait_all;               // also for labels that are late
    int nlate;
    struct plan_late *late;      // in no gathering so far, whatever their state
    bool finished;               // every task of the loop is DONE
    bool converged;
    int niterations;          // evaluated so far
    struct plan_settled settled; // what the next plan of the session may start from
    char error[AL_ERR_TEXT];  // the loop cannot go on (no labelled frame at all, ...); empty: fine
    struct plan_arena *arena; // owns the strings
};

enum al_err plan_build(const struct loop_config *c, const struct plan_env *env, const struct view *v,
                       struct plan **ret);
void plan_destroy(struct plan **p);
const struct plan_task *plan_find(const struct plan *p, const char *id);
// Label tasks that a gathering goes on without; they become facts PLAN_LATE of it, in the transaction that adds it to the journal. NULL: none.
#define PLAN_LATE "late"
const struct plan_input *plan_task_late(const struct plan_task *t);
// The gathering that a label task of an iteration goes to: the first that does not go on without it. NULL: not planned yet.
const struct view_task *plan_gather_of(const struct view *v, int iteration, const char *label, int *ret_iteration);

// Sections of loop.yaml that results of a verb depend on; NULL-terminated.
const char *const *plan_verb_sections(const char *verb);

#endif
