// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What must be true of a journal whatever happened to the campaign.
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "core/fsm.h"
#include "core/rundir.h"
#include "sim.h"

static const char *column(sqlite3_stmt *st, int i)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    return text ? text : "";
}

static void each_row(struct sim *m, sqlite3 *db, const char *sql, void (*row)(struct sim *m, struct view *v, sqlite3_stmt *st),
                     struct view *v)
{
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW) row(m, v, st);
    }
    if (rc != SQLITE_DONE) sim_violation(m, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(st);
}

// The events alone, in a view: state, attempts (submitted) and failures (lost since the last retry) of each task.
static void replay_event(struct sim *m, struct view *v, sqlite3_stmt *st)
{
    const char *id = column(st, 0), *ev = column(st, 1), *was = column(st, 2), *now = column(st, 3);
    struct view_task *t = view_find(v, id);
    int e = 0;
    if (strcmp(ev, "planned") == 0) {
        if (t || view_add(v, id, "", "", &t) != AL_ERR_OK) sim_violation(m, "%s is planned twice", id);
        return;
    }
    if (!t || strcmp(task_state_name(t->state), was) != 0) {
        sim_violation(m, "event %s of %s in state %s, which it did not have", ev, id, was);
        return;
    }
    if (strcmp(ev, "replanned") == 0) return;
    while (e < TASK_NEVENTS && strcmp(task_event_name((enum task_event)e), ev) != 0)
        e++;
    enum task_state next = fsm_next(t->state, (enum task_event)e);
    if (next == TASK_NSTATES || strcmp(task_state_name(next), now) != 0) {
        sim_violation(m, "event %s takes %s from %s to %s", ev, id, was, now);
        return;
    }
    view_set_state(v, t, next);
    if (e == EV_SUBMIT) t->attempts++;
    if (e == EV_LOST) t->failures++;
    if (e == EV_RETRY) t->failures = 0;
    if (t->failures > m->s.retries) sim_violation(m, "%s is started again after %d failures, %d allowed", id, t->failures, m->s.retries);
}

static void check_row(struct sim *m, struct view *v, sqlite3_stmt *st)
{
    const char *id = column(st, 0), *state = column(st, 1), *cause = column(st, 4), *message = column(st, 5);
    int attempts = sqlite3_column_int(st, 2), failures = sqlite3_column_int(st, 3), rows = sqlite3_column_int(st, 6);
    const struct view_task *t = view_find(v, id);
    const struct sim_task *r = NULL;
    bool failed = strcmp(state, "FAILED") == 0;
    if (!t || strcmp(task_state_name(t->state), state) != 0) {
        sim_violation(m, "%s is %s, by its events %s", id, state, t ? task_state_name(t->state) : "unknown");
        return;
    }
    if (t->attempts != attempts || rows != attempts)
        sim_violation(m, "%s: %d attempts, %d rows of them, %d submissions", id, attempts, rows, t->attempts);
    if (failures < t->failures || failures > m->s.retries + 1)
        sim_violation(m, "%s: %d failures, by its events %d, %d retries allowed", id, failures, t->failures, m->s.retries);
    if (failed && (!cause[0] || !message[0] || !column(st, 7)[0])) sim_violation(m, "%s has failed without a cause", id);
    if (strcmp(state, "DONE") == 0 && cause[0]) sim_violation(m, "%s is done and has the cause %s", id, cause);
    for (int i = 0; i < m->ntasks; i++)
        if (strcmp(m->task[i].id, id) == 0) r = &m->task[i];
    if (strcmp(state, "DONE") == 0 && !(r && r->finished)) sim_violation(m, "%s is done, but no worker finished it", id);
    if (r && r->starts > attempts) sim_violation(m, "%s was started %d times, %d of them known", id, r->starts, attempts);
}

void sim_check_session(struct sim *m)
{
    char path[AL_PATH];
    sqlite3 *db = NULL;
    AL_OWN(view) v = NULL;
    snprintf(path, sizeof path, "%s/alnd.db", m->run);
    if (!al_exists(path)) return; // died before there was any
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK || view_create(&v) != AL_ERR_OK) {
        sim_violation(m, "cannot open %s", path);
    } else {
        sqlite3_stmt *st;
        bool tables = sqlite3_prepare_v2(db, "SELECT 1 FROM event", -1, &st, NULL) == SQLITE_OK;
        sqlite3_finalize(st);
        if (tables) {
            each_row(m, db, "SELECT task, ev, was, now FROM event WHERE task != '' ORDER BY seq", replay_event, v);
            each_row(m, db,
                     "SELECT t.id, t.state, t.attempts, t.failures, t.cause, t.message,"
                     " (SELECT count(*) FROM attempt a WHERE a.task = t.id),"
                     " (SELECT class FROM attempt a WHERE a.task = t.id AND a.n = t.attempts) FROM task t",
                     check_row, v);
        }
    }
    sqlite3_close(db);
}

static bool equal_outcome(const struct view_task *a, const struct view_task *b)
{
    if (a->nfacts != b->nfacts || a->nartifacts != b->nartifacts) return false;
    for (int i = 0; i < a->nfacts; i++)
        if (strcmp(a->fact[i].key, b->fact[i].key) != 0 || strcmp(a->fact[i].value, b->fact[i].value) != 0) return false;
    for (int i = 0; i < a->nartifacts; i++)
        if (strcmp(a->artifact[i].path, b->artifact[i].path) != 0 || strcmp(a->artifact[i].sha256, b->artifact[i].sha256) != 0)
            return false;
    return true;
}

static long input_int(const struct plan_task *t, const char *key)
{
    for (int i = 0; i < t->ninputs; i++)
        if (strcmp(t->input[i].key, key) == 0) return strtol(t->input[i].value[0], NULL, 10);
    return 0;
}

static enum al_err perform(const struct sim *m, struct view *v, const struct plan_task *t)
{
    struct sim_outcome o;
    struct view_task *vt;
    struct sim_work w = {t->verb, t->id, t->identity, t->iteration, input_int(t, "from"), input_int(t, "count"), input_int(t, "set")};
    sim_outcome(&m->s, &w, &o);
    const struct plan_input *late = plan_task_late(t);
    AL_TRY(view_add(v, t->id, t->verb, t->identity, &vt));
    for (int i = 0; late && i < late->n; i++)
        AL_TRY(view_add_fact(v, vt, PLAN_LATE, late->value[i]));
    view_set_state(v, vt, TASK_DONE);
    for (int i = 0; i < o.nfacts; i++)
        AL_TRY(view_add_fact(v, vt, o.key[i], o.value[i]));
    for (int i = 0; i < o.nfiles; i++)
        AL_TRY(view_add_artifact(v, vt, o.path[i], o.sha[i]));
    return AL_ERR_OK;
}

static bool is_late_in(const struct view_task *gather, const char *label)
{
    for (int i = 0; gather && i < gather->nfacts; i++)
        if (strcmp(gather->fact[i].key, PLAN_LATE) == 0 && strcmp(gather->fact[i].value, label) == 0) return true;
    return false;
}

static const struct view_task *gather_of(const struct view *v, int iteration)
{
    char id[64];
    snprintf(id, sizeof id, "iterations/%03d/gather", iteration);
    return view_find(v, id);
}

// In the undisturbed campaign a label takes its time until the gatherings have been planned that went on without it in this one.
static bool is_slow(const struct view *v, const struct view *ref, const struct plan_task *t)
{
    if (strcmp(t->verb, "label") != 0 || t->iteration < 0) return false;
    for (int k = t->iteration; is_late_in(gather_of(v, k), t->id); k++)
        if (!gather_of(ref, k)) return true;
    return false;
}

// The campaign without a daemon, journal or trouble: every planned task is done at once, but for those that were late.
static enum al_err undisturbed(const struct sim *m, const struct loop_config *c, const struct plan_env *env, const struct view *v,
                               struct view *ref)
{
    for (bool any = true; any;) {
        AL_OWN(plan) p = NULL;
        any = false;
        AL_TRY(plan_build(c, env, ref, &p));
        for (int i = 0; i < p->ntasks; i++) {
            if (view_find(ref, p->task[i].id) || is_slow(v, ref, &p->task[i])) continue;
            AL_TRY(perform(m, ref, &p->task[i]));
            any = true;
        }
    }
    return AL_ERR_OK;
}

static long frames_in(const struct view *v, const char *label)
{
    const struct view_task *t = view_find(v, label);
    return t ? view_fact_int(t, "nframes", -1000) + view_fact_int(t, "nfailed", -1000) : -1000;
}

// What one gathering took, by its task.yaml: label tasks into `taken`, none of them twice; and enough of its own iteration.
static enum al_err check_gathering(struct sim *m, const struct view *v, const struct view_task *gather, struct view *taken)
{
    char path[AL_PATH];
    AL_OWN(al_node) tree = NULL;
    struct view_task *t;
    long in = 0, all = 0;
    AL_TRY(al_path(path, "%s/%s/task.yaml", m->run, gather->id));
    AL_TRY(al_yaml_read(path, &tree));
    const struct al_node *inputs = al_node_get(tree, "inputs"), *list = al_node_get(inputs, "labelled"), *late = al_node_get(inputs, PLAN_LATE);
    char own[64];
    snprintf(own, sizeof own, "%.*s/label/", (int)(strrchr(gather->id, '/') - gather->id), gather->id);
    for (const struct al_node *n = list ? list->child : NULL; n; n = n->next) {
        const struct view_task *label = view_find(v, n->text);
        if (view_find(taken, n->text)) sim_violation(m, "%s is gathered twice, at last by %s", n->text, gather->id);
        else AL_TRY(view_add(taken, n->text, "", "", &t));
        if (!label || label->state != TASK_DONE) sim_violation(m, "%s took %s, which is not done", gather->id, n->text);
        if (strncmp(n->text, own, strlen(own)) == 0) in += frames_in(v, n->text);
    }
    all = in;
    for (const struct al_node *n = late ? late->child : NULL; n; n = n->next) {
        if (!is_late_in(gather, n->text)) sim_violation(m, "%s left %s, which the journal does not know", gather->id, n->text);
        if (view_find(taken, n->text)) sim_violation(m, "%s leaves %s, which was gathered before", gather->id, n->text);
        if (strncmp(n->text, own, strlen(own)) == 0) all += frames_in(v, n->text);
        m->late++;
    }
    if (100 * in < m->s.straggler * all) sim_violation(m, "%s went on with %ld of %ld frames", gather->id, in, all);
    return AL_ERR_OK;
}

// Every label task in one gathering, whenever it came.
static enum al_err check_gatherings(struct sim *m, const struct view *v)
{
    AL_OWN(view) taken = NULL;
    AL_TRY(view_create(&taken));
    for (int i = 0; i < v->ntasks; i++)
        if (strcmp(v->task[i].verb, "gather") == 0) AL_TRY(check_gathering(m, v, &v->task[i], taken));
    for (int i = 0; i < v->ntasks; i++) {
        bool label = strcmp(v->task[i].verb, "label") == 0 && strncmp(v->task[i].id, "noise/", 6) != 0;
        if (label && !view_find(taken, v->task[i].id)) sim_violation(m, "%s is in no gathering", v->task[i].id);
    }
    return AL_ERR_OK;
}

// Frames of label tasks against those of their sources: none lost, none doubled.
static void check_labels(struct sim *m, const struct view *v)
{
    long wanted = 0, have = 0;
    for (int i = 0; i < v->ntasks; i++) {
        const struct view_task *t = &v->task[i];
        if (strcmp(t->verb, "init") == 0) wanted += view_fact_int(t, "nframes", -1000);
        for (int k = 0; k < t->nfacts && strcmp(t->verb, "select") == 0; k++)
            wanted += view_fact_int(t, t->fact[k].key, -1000);
        if (strcmp(t->verb, "label") == 0) have += view_fact_int(t, "nframes", -1000) + view_fact_int(t, "nfailed", -1000);
    }
    if (wanted != have) sim_violation(m, "%ld frames were to be labelled, %ld have been", wanted, have);
}

static void compare(struct sim *m, const struct view *v, const struct view *ref)
{
    if (v->ntasks != ref->ntasks) sim_violation(m, "%d tasks, undisturbed %d", v->ntasks, ref->ntasks);
    for (int i = 0; i < v->ntasks; i++) {
        const struct view_task *t = &v->task[i], *o = view_find(ref, t->id);
        if (t->state != TASK_DONE) sim_violation(m, "the campaign has ended and %s is %s", t->id, task_state_name(t->state));
        if (!o) sim_violation(m, "%s is no task of the undisturbed campaign", t->id);
        else if (strcmp(o->identity, t->identity) != 0) sim_violation(m, "%s has another identity than undisturbed", t->id);
        else if (!equal_outcome(t, o)) sim_violation(m, "%s has other facts or artefacts than undisturbed", t->id);
    }
}

static void check_failed(struct sim *m, const struct view *v)
{
    int under_way = v->count[TASK_SUBMITTING] + v->count[TASK_INFLIGHT] + v->count[TASK_COLLECTING];
    if (under_way) sim_violation(m, "the campaign has failed and %d tasks are still under way", under_way);
    if (!m->message[0]) sim_violation(m, "the campaign has failed without a diagnosis");
    if (m->s.hopeless ? !strstr(m->message, "no initial frame") : !v->count[TASK_FAILED])
        sim_violation(m, "the campaign has failed, but %d tasks: %.200s", v->count[TASK_FAILED], m->message);
    if (m->s.doomed[0] && !strstr(m->message, m->s.doomed)) sim_violation(m, "the diagnosis does not name %s: %.200s", m->s.doomed, m->message);
}

static enum al_err check_end(struct sim *m, bool finished)
{
    char path[AL_PATH];
    AL_OWN(journal) j = NULL;
    AL_OWN(view) v = NULL;
    AL_OWN(view) ref = NULL;
    AL_OWN(loop_config) c = NULL;
    struct plan_env env = {0};
    AL_TRY(al_path(path, "%s/alnd.db", m->run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(view_create(&v));
    AL_TRY(view_create(&ref));
    AL_TRY(journal_load(j, v));
    if (!finished) {
        check_failed(m, v);
        return AL_ERR_OK;
    }
    AL_TRY(rundir_look(m->run, j, &c, &env));
    AL_TRY(undisturbed(m, c, &env, v, ref));
    compare(m, v, ref);
    check_labels(m, v);
    AL_TRY(check_gatherings(m, v));
    return AL_ERR_OK;
}

void sim_check_end(struct sim *m, bool finished)
{
    if (check_end(m, finished)) sim_violation(m, "the journal cannot be checked: %.300s", al_err_message());
}
