// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside the loop only: loop.c (planning, waiting, ending) and loop_tasks.c (the life of one task).
#ifndef AL_CORE_LOOP_IMPL_H
#define AL_CORE_LOOP_IMPL_H

#include "core/control.h"
#include "core/executor.h"
#include "core/fsm.h"
#include "core/loop.h"
#include "core/taskfile.h"

struct loop {
    struct rundir *r;
    struct journal *j;
    struct view *v;
    struct plan *p;
    struct executor *x;
    struct control *control;
    const struct loop_observer *o;
    double breath;          // al_clock of the last answer in the middle of a plan
    bool replan;            // a task has ended since the plan was made
    bool stopping, killing; // asked to end; asked twice
    bool failed, cancelled; // a task that the loop needs has failed; the others have been told to stop
    struct {                // rate of the stage: what was done when it was first looked at in this session
        char stage[96];
        double since, units; // al_clock; tasks and parts of running ones
    } pace;
    struct loop_outcome outcome;
};

// A line for the user and for alnd.log.
[[gnu::format(printf, 2, 3)]] void loop_say(struct loop *l, const char *fmt, ...);

enum al_err loop_task_submit(struct loop *l, const struct plan_task *t);
enum al_err loop_task_ended(struct loop *l, const struct exec_end *end);
// After a restart: tasks that were under way are adopted, collected or started again; failed ones get another
// chance.
enum al_err loop_task_resolve(struct loop *l, struct view_task *t);
// FAILED: once more; `who` asks, for the journal. t NULL: there is no task id.
enum al_err loop_task_retry(struct loop *l, struct view_task *t, const char *id, const char *who);
struct exec_spec loop_task_spec(const struct loop *l, const struct plan_task *t, const char *token);

#endif
