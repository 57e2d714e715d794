// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What one batch system is told and what it answers: a dialect of the executor in exec_queue.c, which knows the rest. Each is
// written after the system's documentation, which its file names.
#ifndef AL_CORE_QUEUE_DIALECT_H
#define AL_CORE_QUEUE_DIALECT_H

#include "config/loop_config.h"
#include "core/exec_batch.h"

enum { QUEUE_NAME = 64, QUEUE_WORD = 24, QUEUE_ARGS = 4096, QUEUE_TEXT = 1 << 17 };

// Of a job, or of one place of an array. ENDING: the script has ended, the batch system is not done with the job.
enum queue_state {
    QUEUE_GONE, // not in the queue
    QUEUE_WAITING,
    QUEUE_HELD_UP, // neither waits nor runs: suspended, being moved
    QUEUE_RUNNING,
    QUEUE_ENDING,
    QUEUE_DONE,
    QUEUE_FAILED,
    QUEUE_CANCELLED,
    QUEUE_TIMEOUT,
    QUEUE_MEMORY,
    QUEUE_NODE,
    QUEUE_PREEMPTED,
};

// What the queue says of one job.
struct queue_line {
    long id;
    int index;
    bool array;
    char batch[QUEUE_NAME]; // its name without "alnd-"
    char word[QUEUE_WORD];  // the state as the system calls it
    enum queue_state state;
};

typedef void queue_each(void *ctx, const struct queue_line *line);

// The arguments of a command.
struct queue_args {
    int n, used;
    bool full; // something did not fit
    const char *v[QUEUE_ARGS];
    char text[QUEUE_TEXT];
};

[[gnu::format(printf, 2, 3)]] void queue_arg(struct queue_args *a, const char *fmt, ...);

struct queue_wish {
    const char *run, *batch;
    const struct cfg_queue *cfg;
    int ranks, threads; // ranks 0: a process without a launcher
    int ntasks;
    double memory;      // MiB, all ranks together; 0: none asked for
    long limit, grace;  // s; limit 0: the queue's
};

struct queue_id {
    long id;
    int index;
    bool array;
};

struct queue_dialect {
    const char *name, *title; // "slurm", "Slurm"
    const char *programs[5];
    const char *index, *restarts, *warning; // of struct batch_script
    int first;                              // place of an array's first task
    bool stays;     // the job starts in the directory that it was submitted from
    bool own_timer; // no signal before the time limit
    bool minutes;   // limits are whole minutes
    bool forgets;   // what has ended is not listed: that a job is gone may mean all is well
    bool reports;   // the job's log has a report of it, even if all went well
    bool own_ids;   // each place of an array has an id of its own
    const char *where; // to look when a job has gone without a word
    const char *const *unreached; // in the answer to a submission: nobody knows whether it has arrived
    const char *const *crowded;   // a limit on the number of jobs
    int (*array_max)(int ranks);
    void (*submit)(const struct queue_wish *w, struct queue_args *ret);
    // Ids of what was submitted: one, or with own_ids up to n in the order of their places; how many.
    int (*submitted)(const char *out, int n, long *ret);
    // Ids of jobs of this name, where the queue cannot be asked for all jobs of a user at a bearable price; NULL: look() shows them.
    void (*find)(const char *batch, struct queue_args *ret);
    long (*found)(const char *out); // 0: none
    // ids: of those to look for; a dialect that asks for all of the user's jobs needs none of them.
    void (*look)(int n, const struct queue_id *ids, struct queue_args *ret);
    bool (*answered)(const struct batch_answer *a); // that the queue has been read
    void (*read)(char *out, queue_each *each, void *ctx);
    // waiting: only those that have not begun, as far as the system can tell.
    void (*cancel)(bool waiting, struct queue_args *ret);
    void (*element)(const struct queue_id *id, struct queue_args *ret); // an argument of cancel
};

extern const struct queue_dialect queue_slurm, queue_pbs, queue_lsf, queue_flux;
const struct queue_dialect *queue_dialect_of(enum cfg_queue_system q); // NULL for none

// For dialects. The number of a job: digits at the front of text; 0: none.
long queue_number(const char *text);
bool queue_says(const char *text, const char *const *signs);
bool queue_answered(const struct batch_answer *a); // exit code 0
// The state that the system calls word; QUEUE_HELD_UP: none of these n.
struct queue_word {
    const char *word;
    enum queue_state state;
};
enum queue_state queue_state_of(const char *word, int n, const struct queue_word *known);
// line(text, each, ctx) for each line of an answer.
void queue_read_lines(char *out, void (*line)(char *text, queue_each *each, void *ctx), queue_each *each, void *ctx);
int queue_array_1000(int ranks);

#endif
