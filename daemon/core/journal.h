// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The journal: what is true of a campaign, in SQLite (WAL, synchronous=FULL). Tables:
//
//   campaign(key, value)                 seed of everything that is fixed at creation; state; seconds spent
//   task(id, verb, identity, iteration, state, desired, attempts, failures, cause, message)
//   attempt(task, n, token, pid, started, ended, exit, class, message)     one row per start of a worker
//   fact(task, n, key, value)            from result.yaml
//   artifact(task, n, path, sha256)      from result.yaml
//   event(seq, time, task, ev, was, now, detail)    append-only: triggers refuse UPDATE and DELETE
//
// One transaction per transition: it changes the task, its attempt, facts and artefacts and appends the
// event. One writer (the daemon, which holds RUN/alnd.lock); readers at any time. Only journal.c knows
// SQLite.
#ifndef AL_CORE_JOURNAL_H
#define AL_CORE_JOURNAL_H

#include <stdbool.h>

#include "core/view.h"

struct journal;

// A transition of one task. NULL and 0 members are left as they are.
struct jr_change {
    const char *task, *ev, *detail;
    enum task_state was, now;    // AL_ERR_BUG when the journal has another state than `was`
    int attempts, failures;      // new values, always written
    const char *token;           // starts attempt number `attempts`
    long pid;                    // of the current attempt, once known
    bool ended;                  // the current attempt ended with:
    int exit;                    // exit code, or -signal, or -1000 when nobody knows
    const char *cause, *message; // of a failure, written to the attempt and to the task; "" clears the task's
    int nfacts, nartifacts;
    const struct view_fact *fact;
    const struct view_artifact *artifact;
};

struct jr_new {
    const char *id, *verb, *identity;
    int iteration;
    int nfacts; // what was decided when it was planned; they come before those of its result
    const struct view_fact *fact;
};

struct jr_attempt {
    const char *task, *started, *ended, *cause, *message; // "" when absent
    int n, exit;
};

// create: make the file and the tables when absent. Fails with AL_ERR_UNSUPPORTED on a network file system
// (WAL needs shared memory), AL_ERR_CORRUPT when the file is no journal of this version or damaged (create: its pages are
// checked).
enum al_err journal_open(const char *path, bool create, struct journal **ret);
void journal_destroy(struct journal **j);
enum al_err journal_load(struct journal *j, struct view *ret);

// Campaign values. get: *ret NULL when absent; the caller frees it.
enum al_err journal_get(struct journal *j, const char *key, char **ret);
enum al_err journal_set(struct journal *j, int n, const char *const *key, const char *const *value);
double journal_seconds(const struct journal *j); // time spent in all sessions so far

enum al_err journal_add(struct journal *j, int n, const struct jr_new *tasks);
// A task that was planned but never started gets another identity (loop.yaml changed before).
enum al_err journal_replan(struct journal *j, const char *task, const char *identity);
enum al_err journal_change(struct journal *j, const struct jr_change *c);
enum al_err journal_changes(struct journal *j, int n, const struct jr_change *c); // all in one transaction
enum al_err journal_event(struct journal *j, const char *ev, const char *detail);
struct jr_event {
    long seq;
    const char *time, *task, *ev, *was, *now, *detail; // task "": of the campaign
};
// Events after number `after`, oldest first; of one task (NULL: of all).
enum al_err journal_events(struct journal *j, long after, const char *task, void (*each)(void *ctx, const struct jr_event *e), void *ctx);
enum al_err journal_last_event(struct journal *j, long *ret_seq); // 0: none

// Every attempt (failed: those that failed alone), oldest first.
enum al_err journal_attempts(struct journal *j, bool failed, void (*each)(void *ctx, const struct jr_attempt *a), void *ctx);
// Every ended attempt that has a cause, oldest first.
enum al_err journal_failures(struct journal *j, void (*each)(void *ctx, const struct jr_attempt *a),
                             void *ctx);

#endif
