// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/fsm.h"

#include <string.h>

static const char *const event_names[TASK_NEVENTS] = {
#define TASK_EVENT_NAME(name, text) [EV_##name] = text,
    TASK_EVENTS(TASK_EVENT_NAME)
#undef TASK_EVENT_NAME
};

// 1 + next state, so that an empty slot is 0
#define TO(state) (TASK_##state + 1)
static const unsigned char table[TASK_NSTATES][TASK_NEVENTS] = {
    [TASK_PENDING] = {[EV_SUBMIT] = TO(SUBMITTING), [EV_HOLD] = TO(HELD)},
    [TASK_SUBMITTING] = {[EV_STARTED] = TO(INFLIGHT),
                         [EV_ADOPTED] = TO(INFLIGHT),
                         [EV_RESULT] = TO(COLLECTING),
                         [EV_INTERRUPTED] = TO(PENDING),
                         [EV_LOST] = TO(PENDING),
                         [EV_GIVEUP] = TO(FAILED)},
    [TASK_INFLIGHT] = {[EV_ADOPTED] = TO(INFLIGHT),
                       [EV_RESULT] = TO(COLLECTING),
                       [EV_INTERRUPTED] = TO(PENDING),
                       [EV_LOST] = TO(PENDING),
                       [EV_GIVEUP] = TO(FAILED)},
    [TASK_COLLECTING] = {[EV_COLLECTED] = TO(DONE),
                         [EV_INTERRUPTED] = TO(PENDING),
                         [EV_LOST] = TO(PENDING),
                         [EV_GIVEUP] = TO(FAILED)},
    [TASK_FAILED] = {[EV_RETRY] = TO(PENDING), [EV_HOLD] = TO(HELD)},
    [TASK_HELD] = {[EV_RELEASE] = TO(PENDING)},
};
#undef TO

const char *task_event_name(enum task_event ev)
{
    return ev < TASK_NEVENTS ? event_names[ev] : "?";
}

enum task_state fsm_next(enum task_state s, enum task_event ev)
{
    if (s >= TASK_NSTATES || ev >= TASK_NEVENTS || !table[s][ev]) return TASK_NSTATES;
    return (enum task_state)(table[s][ev] - 1);
}

enum al_err fsm_apply(struct journal *j, struct view *v, struct view_task *t, enum task_event ev,
                      struct jr_change *c)
{
    enum task_state next = fsm_next(t->state, ev);
    if (next == TASK_NSTATES)
        AL_FAIL(AL_ERR_BUG, "task %s: event '%s' in state %s", t->id, task_event_name(ev),
                task_state_name(t->state));
    c->task = t->id;
    c->ev = task_event_name(ev);
    c->was = t->state;
    c->now = next;
    AL_TRY(journal_change(j, c));
    view_set_state(v, t, next);
    t->attempts = c->attempts;
    t->failures = c->failures;
    if (c->token) {
        AL_TRY(view_set_token(v, t, c->token));
        t->pid = 0;
    }
    if (c->pid) t->pid = (int)c->pid;
    if (c->cause) AL_TRY(view_set_message(v, t, c->cause, c->message ? c->message : ""));
    for (int i = 0; i < c->nfacts; i++)
        AL_TRY(view_add_fact(v, t, c->fact[i].key, c->fact[i].value));
    for (int i = 0; i < c->nartifacts; i++)
        AL_TRY(view_add_artifact(v, t, c->artifact[i].path, c->artifact[i].sha256));
    return AL_ERR_OK;
}
