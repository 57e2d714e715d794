// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside the executor of batch systems only: exec_queue.c (stages, commands), exec_queue_watch.c (what the queue says) and
// exec_queue_send.c (submitting).
#ifndef AL_CORE_EXEC_QUEUE_IMPL_H
#define AL_CORE_EXEC_QUEUE_IMPL_H

#include "core/exec_queue.h"
#include "core/queue_dialect.h"

enum { ARRAY_MAX = 1000 }; // the largest place is 1000 by default in Slurm and LSF
#define CALL_LIMIT_S  60.0
#define FIRST_LOOK_S  0.5 // after news; then half as long again each time up to the key poll
#define FILE_LAG_S    10.0 // files of another machine show up late
#define START_LAG_S   2.0  // of a process on a busy machine
#define CROWDED_S     60.0

// WAITING to be submitted; SENT: the command runs; UNSURE: it may or may not be in the queue; LIVE: the queue has it; OVER: to be told
enum queue_stage { WAITING, SENT, UNSURE, LIVE, OVER };

struct queue_job {
    char task[TASK_ID], token[TASK_TOKEN], batch[TASK_TOKEN], verb[24], word[QUEUE_WORD];
    enum queue_state state;
    int index, ranks, threads;
    bool alone;
    double memory, time;
    enum queue_stage stage;
    long id;
    bool array, adopted, sender, sought, listed, stop, cancel, cancelled, hung;
    bool drop, dropped; // to be cancelled if it still waits in the queue; that was asked since its state was last seen
    double submitted, running, gone, silent; // s, monotonic; 0: not yet
    double done;                             // progress at its start
    struct exec_beat beat;
    struct exec_end end;
};

// A line of a script that an earlier daemon left.
struct queue_known {
    char task[TASK_ID], token[TASK_TOKEN], batch[TASK_TOKEN];
    int index;
};

enum queue_calling { NOTHING, SUBMIT, FIND, LOOK, CANCEL };

struct exec_queue {
    struct executor base;
    struct exec_ops ops; // its name is the dialect's
    const struct queue_dialect *d;
    char run[AL_PATH], worker[AL_PATH];
    struct cfg_queue cfg;
    int retries;
    double heartbeat;
    int njobs, capacity;
    struct queue_job *job;
    int nknown, known_capacity;
    struct queue_known *known;
    bool settled; // scripts of earlier daemons have been looked at
    enum queue_calling calling;
    char finding[TASK_TOKEN]; // the batch that FIND asks for
    struct batch_call call;
    double next_look, step, next_send;
    bool deaf; // the last command got no answer
};

void queue_news(struct exec_queue *l); // look at the queue soon
// One command after the other: l->calling stays NOTHING when it cannot be started.
void queue_call(struct exec_queue *l, enum queue_calling what, struct queue_args *a, const char *token);
void queue_over(struct exec_queue *l, struct queue_job *j); // j->end is to be told
// The first job that waits and all like it; then what became of it.
enum al_err queue_send(struct exec_queue *l);
void queue_sent(struct exec_queue *l, const struct batch_answer *a);
// Asks the queue; then what it says.
enum al_err queue_look(struct exec_queue *l);
void queue_found(struct exec_queue *l, const struct batch_answer *a);
void queue_looked(struct exec_queue *l, struct batch_answer *a);

#endif
