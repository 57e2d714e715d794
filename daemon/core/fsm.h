// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The life of a task: a table [state][event] of next states. An empty slot is a violation: AL_ERR_BUG,
// nothing changes. fsm_apply writes the journal's transaction first, then the view.
//
//   PENDING     planned, all inputs are there        submit: SUBMITTING
//   SUBMITTING  intent and token written             started: INFLIGHT
//   INFLIGHT    a worker runs (ours or adopted)      result: COLLECTING, lost: PENDING, failed: FAILED
//   COLLECTING  result.yaml is there, to be checked  collected: DONE, lost: PENDING, failed: FAILED
//   FAILED      stops the campaign                   retry: PENDING
//   HELD        not to be started                    release: PENDING
#ifndef AL_CORE_FSM_H
#define AL_CORE_FSM_H

#include "core/journal.h"

#define TASK_EVENTS(X)                                                                                       \
    X(SUBMIT, "submit")           /* a core is free: token written, worker not started yet */                \
    X(STARTED, "started")         /* the worker's process id is known */                                     \
    X(ADOPTED, "adopted")         /* after a restart: the worker still runs */                               \
    X(RESULT, "result")           /* result.yaml is there */                                                 \
    X(COLLECTED, "collected")     /* result checked, facts and artefacts taken over */                       \
    X(INTERRUPTED, "interrupted") /* ended without a result for no fault of its own */                       \
    X(LOST, "lost")               /* transient failure, to be started again */                               \
    X(GIVEUP, "failed")           /* expected failure, fault, or no retries left */                          \
    X(RETRY, "retry")             /* FAILED: once more, after the cause is mended */                         \
    X(HOLD, "hold")                                                                                          \
    X(RELEASE, "release")
#define TASK_EVENT_ENUM(name, text) EV_##name,
enum task_event { TASK_EVENTS(TASK_EVENT_ENUM) TASK_NEVENTS };
#undef TASK_EVENT_ENUM

const char *task_event_name(enum task_event ev);
// Next state; TASK_NSTATES when the slot is empty.
enum task_state fsm_next(enum task_state s, enum task_event ev);
// c->was, c->now and c->ev are filled in here; c->attempts and c->failures are what the task shall have.
enum al_err fsm_apply(struct journal *j, struct view *v, struct view_task *t, enum task_event ev,
                      struct jr_change *c);

#endif
