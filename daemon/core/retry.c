// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/retry.h"

#include <string.h>

#include "base/mem.h"
#include "core/rundir.h"
#include "core/taskfile.h"

static const char *what_it_is(enum task_state s)
{
    switch (s) {
    case TASK_PENDING:
        return "waits to be started";
    case TASK_DONE:
        return "is done; finished tasks are never run again";
    case TASK_HELD:
        return "is held";
    default:
        return "is being worked on";
    }
}

enum al_err retry_task(const char *run, struct journal *j, struct view *v, struct view_task *t, const char *id, const char *detail)
{
    if (!t) AL_FAIL_HINT(AL_ERR_NOTFOUND, "alnd errors RUN shows the names of the tasks that failed", "there is no task %.255s", id);
    if (t->state != TASK_FAILED) AL_FAIL(AL_ERR_INPUT, "task %s has not failed: it %s", t->id, what_it_is(t->state));
    AL_TRY(task_result_put_aside(run, t->id, t->attempts));
    struct jr_change c = {.attempts = t->attempts, .failures = 0, .cause = "", .detail = detail};
    AL_TRY(fsm_apply(j, v, t, EV_RETRY, &c));
    return AL_ERR_OK;
}

static enum al_err retry_some(const char *run, struct journal *j, struct view *v, const char *id, int *ret_n)
{
    *ret_n = 0;
    if (id) {
        AL_TRY(retry_task(run, j, v, view_find(v, id), id, "alnd retry"));
        *ret_n = 1;
        return AL_ERR_OK;
    }
    for (int i = 0; i < v->ntasks; i++) {
        if (v->task[i].state != TASK_FAILED) continue;
        AL_TRY(retry_task(run, j, v, &v->task[i], v->task[i].id, "alnd retry"));
        ++*ret_n;
    }
    return AL_ERR_OK;
}

enum al_err retry_at_rest(const char *run, const char *id, int *ret_n)
{
    AL_OWN(journal) j = NULL;
    AL_OWN(view) v = NULL;
    char path[AL_PATH], hint[AL_ERR_TEXT];
    int n;
    AL_TRY(rundir_check_journal(run));
    AL_TRY(al_path(path, "%s/alnd.db", run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(view_create(&v));
    v->lean = true;
    AL_TRY(journal_load(j, v));
    AL_TRY(retry_some(run, j, v, id, &n));
    if (n && !v->count[TASK_FAILED]) {
        snprintf(hint, sizeof hint, "alnd start %.400s goes on", run);
        const char *const keys[] = {"state", "message", "hint"}, *const values[] = {"stopped", "failed tasks are to be tried again", hint};
        AL_TRY(journal_set(j, 3, keys, values));
    }
    *ret_n = n;
    return AL_ERR_OK;
}
