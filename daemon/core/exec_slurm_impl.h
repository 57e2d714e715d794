// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside the executor `slurm` only: exec_slurm.c (what the queue says) and exec_slurm_send.c (submitting).
#ifndef AL_CORE_EXEC_SLURM_IMPL_H
#define AL_CORE_EXEC_SLURM_IMPL_H

#include "core/exec_batch.h"
#include "core/exec_slurm.h"

enum { ARRAY_MAX = 1000 }; // MaxArraySize is 1001 by default
#define CALL_LIMIT_S  60.0
#define FIRST_LOOK_S  0.5 // after news; then half as long again each time up to resources.slurm.poll
#define FILE_LAG_S    10.0 // files of another machine show up late
#define CROWDED_S     60.0

// WAITING to be submitted; SENT: sbatch runs; UNSURE: it may or may not be in the queue; LIVE: Slurm has it; OVER: to be told
enum slurm_stage { WAITING, SENT, UNSURE, LIVE, OVER };

struct slurm_job {
    char task[TASK_ID], token[TASK_TOKEN], batch[TASK_TOKEN], verb[24], state[24];
    int index, ranks, threads;
    bool alone;
    double memory, time;
    enum slurm_stage stage;
    long id;
    bool array, adopted, sender, listed, stop, cancel, cancelled, hung;
    bool drop, dropped; // to be cancelled if it still waits in the queue; that was asked since its state was last seen
    double submitted, running, gone, silent; // s, monotonic; 0: not yet
    double done;                             // progress at its start
    struct exec_beat beat;
    struct exec_end end;
};

// A line of a script that an earlier daemon left.
struct slurm_known {
    char task[TASK_ID], token[TASK_TOKEN], batch[TASK_TOKEN];
    int index;
};

enum slurm_calling { NOTHING, SBATCH, SQUEUE, SCANCEL };

struct exec_slurm {
    struct executor base;
    char run[AL_PATH], worker[AL_PATH];
    struct cfg_slurm cfg;
    int retries;
    double heartbeat;
    int njobs, capacity;
    struct slurm_job *job;
    int nknown, known_capacity;
    struct slurm_known *known;
    bool settled; // scripts of earlier daemons have been looked at
    enum slurm_calling calling;
    struct batch_call call;
    double next_look, step, next_send;
    bool deaf; // the last command got no answer
};

void slurm_news(struct exec_slurm *l); // look at the queue soon
// One command of Slurm after the other: l->calling stays NOTHING when it cannot be started.
void slurm_call(struct exec_slurm *l, enum slurm_calling what, const char *const *argv, const char *token);
void slurm_over(struct exec_slurm *l, struct slurm_job *j); // j->end is to be told
// The first job that waits and all like it, by sbatch; then what became of it.
enum al_err slurm_send(struct exec_slurm *l);
void slurm_sent(struct exec_slurm *l, const struct batch_answer *a);

#endif
