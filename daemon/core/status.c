// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/control.h"
#include "core/rundir.h"
#include "core/taskfile.h"

// The plan may be older than the latest of them is done: their states are those of now.
static void add_late(struct status *s, const struct plan_late *late, const struct view *v)
{
    const struct view_task *t = view_find(v, late->task);
    s->late_tasks++;
    s->late_frames += late->frames;
    if (s->nlate == STATUS_LATE) return;
    struct status_late *l = &s->late[s->nlate++];
    snprintf(l->id, sizeof l->id, "%s", late->task);
    snprintf(l->state, sizeof l->state, "%s", t ? task_state_name(t->state) : "?");
    l->frames = late->frames;
}

void status_from_plan(struct status *s, const struct plan *p, const struct view *v)
{
    snprintf(s->stage, sizeof s->stage, "%s", p->stage);
    s->iteration = p->iteration;
    s->stage_done = p->stage_done;
    s->stage_total = p->stage_total;
    s->niterations = p->niterations;
    s->converged = p->converged;
    s->ntasks = v->ntasks;
    for (int i = 0; i < TASK_NSTATES; i++)
        s->count[i] = v->count[i];
    for (int i = 0; i < p->nlate; i++)
        add_late(s, &p->late[i], v);
}

enum al_err status_add_running(struct status *s, const char *run, const struct view_task *t, double seconds)
{
    struct task_progress p = {0};
    if (s->nrunning == STATUS_RUNNING) return AL_ERR_OK;
    struct status_task *r = &s->running[s->nrunning++];
    (void)task_progress_read(run, t->id, &p);
    *r = (struct status_task){.done = p.done, .total = p.total, .seconds = seconds, .attempt = t->attempts};
    snprintf(r->id, sizeof r->id, "%s", t->id);
    snprintf(r->verb, sizeof r->verb, "%s", t->verb);
    snprintf(r->text, sizeof r->text, "%s", p.text);
    return AL_ERR_OK;
}

static enum al_err get_into(struct journal *j, const char *key, char *ret, size_t n)
{
    AL_AUTOFREE char *value = NULL;
    AL_TRY(journal_get(j, key, &value));
    snprintf(ret, n, "%s", value ? value : "");
    return AL_ERR_OK;
}

static enum al_err from_journal(const char *run, struct status *ret)
{
    AL_OWN(journal) j = NULL;
    AL_OWN(view) v = NULL;
    AL_OWN(loop_config) c = NULL;
    AL_OWN(plan) p = NULL;
    struct plan_env env;
    struct status s = {0};
    char path[AL_PATH], seconds[32];
    AL_TRY(al_path(path, "%s/alnd.db", run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(view_create(&v));
    v->lean = true;
    AL_TRY(journal_load(j, v));
    AL_TRY(rundir_look(run, j, &c, &env));
    env.open_only = true;
    AL_TRY(plan_build(c, &env, v, &p));
    AL_TRY(al_path(s.run, "%s", run));
    snprintf(s.name, sizeof s.name, "%s", c->name);
    s.demonstration = c->demonstration;
    status_from_plan(&s, p, v);
    AL_TRY(get_into(j, "state", s.state, sizeof s.state));
    AL_TRY(get_into(j, "message", s.message, sizeof s.message));
    AL_TRY(get_into(j, "hint", s.hint, sizeof s.hint));
    AL_TRY(get_into(j, "seconds", seconds, sizeof seconds));
    s.seconds = strtod(seconds, NULL);
    s.pid = rundir_holder(run);
    if (strcmp(s.state, "running") == 0) {
        // the journal says running but nobody answers: starting up, or killed
        if (!s.pid) snprintf(s.state, sizeof s.state, "interrupted");
        for (int i = 0; i < v->ntasks; i++) // workers outlive their daemon
            if (v->task[i].state == TASK_INFLIGHT) AL_TRY(status_add_running(&s, run, &v->task[i], 0));
    }
    *ret = s;
    return AL_ERR_OK;
}

enum al_err status_read(const char *run, struct status *ret)
{
    AL_AUTOFREE char *request = NULL, *answer = NULL;
    AL_TRY(json_request("status", NULL, &request));
    if (control_ask(run, request, &answer) == AL_ERR_OK)
        AL_TRY(status_from_json(answer, ret));
    else
        AL_TRY(from_journal(run, ret));
    return AL_ERR_OK;
}
