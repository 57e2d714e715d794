// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The journal's tasks, facts and artefacts in memory: a cache that is rebuilt from the journal at start and
// changed only after the journal's transaction. The planner reads nothing else.
#ifndef AL_CORE_VIEW_H
#define AL_CORE_VIEW_H

#include <stdbool.h>

#include "base/err.h"

enum { TASK_ID = 256, TASK_TOKEN = 40 };

#define TASK_STATES(X)        X(PENDING) X(SUBMITTING) X(INFLIGHT) X(COLLECTING) X(DONE) X(FAILED) X(HELD)
#define TASK_STATE_ENUM(name) TASK_##name,
enum task_state { TASK_STATES(TASK_STATE_ENUM) TASK_NSTATES };
#undef TASK_STATE_ENUM

// What the user wants of a task; kept beside its state.
enum task_desired { DESIRED_RUN, DESIRED_HOLD };

struct view_fact {
    const char *key, *value;
};

struct view_artifact {
    const char *path; // relative to the run directory
    char sha256[65];
};

// A campaign has a hundred thousand of them: the texts lie one behind the other in the view's arenas.
struct view_task {
    const char *id, *verb;
    const char *token;   // of the latest attempt, once it has been under way in this session; empty: none
    const char *cause;   // class of the last failure: transient | expected | fault; empty: none
    const char *message; // of the last failure, or NULL
    struct view_fact *fact;
    struct view_artifact *artifact;
    int pid; // of the latest attempt; 0: not known
    int nfacts, nartifacts;
    int attempts; // started so far
    int failures; // of them ended by a transient failure (counts against resources.retries)
    enum task_state state : 8;
    enum task_desired desired : 8;
    char identity[65];
};

struct view_block;
enum { VIEW_NAMES = 64 };

struct view {
    int ntasks, capacity;
    struct view_task *task; // [ntasks] in the order of their creation
    int nslots, *slot;      // hash index over ids: index into task + 1, 0 = empty
    int count[TASK_NSTATES];
    bool lean; // set before the first task: keep only what the daemon needs: facts of init, gather, select, evaluate; tokens of tasks under way
    struct view_block *texts, *arrays;
    int nnames;
    const char *name[VIEW_NAMES]; // verbs, causes, keys of facts: each kept once
};

const char *task_state_name(enum task_state s); // "INFLIGHT"
enum al_err task_state_parse(const char *name, enum task_state *ret);

enum al_err view_create(struct view **ret);
void view_destroy(struct view **v);
// Pointers into task are valid until the next add.
struct view_task *view_find(const struct view *v, const char *id); // NULL when absent
enum al_err view_add(struct view *v, const char *id, const char *verb, const char *identity,
                     struct view_task **ret);
void view_set_state(struct view *v, struct view_task *t, enum task_state s);
enum al_err view_set_message(struct view *v, struct view_task *t, const char *cause, const char *message);
enum al_err view_set_token(struct view *v, struct view_task *t, const char *token);
enum al_err view_add_fact(struct view *v, struct view_task *t, const char *key, const char *value);
enum al_err view_add_artifact(struct view *v, struct view_task *t, const char *path, const char *sha256);

const char *view_fact(const struct view_task *t, const char *key); // NULL when absent
bool view_has_fact(const struct view_task *t, const char *key, const char *value);
long view_fact_int(const struct view_task *t, const char *key, long otherwise);
// The artefact whose path ends in "/name" (or is name); NULL when absent.
const struct view_artifact *view_artifact(const struct view_task *t, const char *name);

#endif
