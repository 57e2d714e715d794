// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "play.h"

#include <stdlib.h>
#include <string.h>

static struct place here;

void play_open(struct play *y, const struct setting *s)
{
    *y = (struct play){.initial_ntrain = 4};
    for (int i = 0; i < 8; i++)
        y->selected[i] = 3;
    place_make(&here, s);
    assert_int_equal(loop_config_read("loop.yaml", &y->c), AL_ERR_OK);
    y->env.label_batch = y->c->resources.label_batch;
    snprintf(y->env.pseudo_sha, sizeof y->env.pseudo_sha, "pseudo");
    for (int i = 0; i < y->c->nsystems; i++)
        snprintf(y->env.structure_sha[i], sizeof y->env.structure_sha[i], "structure%d", i);
    assert_int_equal(view_create(&y->v), AL_ERR_OK);
}

void play_close(struct play *y)
{
    plan_destroy(&y->p);
    view_destroy(&y->v);
    loop_config_destroy(&y->c);
    place_remove(&here);
}

void replan(struct play *y)
{
    plan_destroy(&y->p);
    assert_int_equal(plan_build(y->c, &y->env, y->v, &y->p), AL_ERR_OK);
}

void perform(struct play *y, const struct plan_task *t)
{
    char facts[512] = "n=1", artifacts[512] = "";
    size_t n = 0, m = 0;
    if (strcmp(t->verb, "init") == 0) {
        snprintf(facts, sizeof facts, "nframes=%d", y->c->initial.frames);
        snprintf(artifacts, sizeof artifacts, "frames.extxyz base.extxyz");
    } else if (strcmp(t->verb, "label") == 0) {
        bool all_failed = y->failed_labels-- > 0;
        snprintf(artifacts, sizeof artifacts, "%s", all_failed ? "failed.extxyz" : "labelled.extxyz");
    } else if (strcmp(t->verb, "aimd") == 0) {
        snprintf(artifacts, sizeof artifacts, "labelled.extxyz thermo.csv");
    } else if (strcmp(t->verb, "gather") == 0) {
        snprintf(facts, sizeof facts, "ntrain=%d ntest=%d", t->iteration < 0 ? y->initial_ntrain : 2, t->iteration < 0 ? 0 : 6);
        snprintf(artifacts, sizeof artifacts, "test.extxyz");
    } else if (strcmp(t->verb, "train") == 0) {
        snprintf(artifacts, sizeof artifacts, "model.dp lcurve.out");
    } else if (strcmp(t->verb, "select") == 0) {
        for (int i = 0; i < y->c->nsystems; i++) {
            n += (size_t)snprintf(facts + n, sizeof facts - n, "frames.%s=%d ", y->c->system[i].name,
                                  y->selected[t->iteration]);
            m += (size_t)snprintf(artifacts + m, sizeof artifacts - m, "%s.extxyz ", y->c->system[i].name);
        }
    } else if (strcmp(t->verb, "volume") == 0) {
        snprintf(artifacts, sizeof artifacts, "volume.yaml thermo.out");
    } else if (strcmp(t->verb, "evaluate") == 0) {
        snprintf(facts, sizeof facts, "below=%d", y->below[t->iteration]);
        snprintf(artifacts, sizeof artifacts, "errors.yaml calibration.csv");
    }
    view_finish(y->v, t, facts, artifacts);
}

// The daemon leaves out what is finished and does not walk settled iterations again: the same tasks are open, the loop is as far.
static void same_from_settled(struct play *y)
{
    struct plan *q = NULL;
    struct plan_env env = y->env;
    env.open_only = true;
    env.settled = y->settled;
    assert_int_equal(plan_build(y->c, &env, y->v, &q), AL_ERR_OK);
    y->settled = q->settled;
    assert_string_equal(q->stage, y->p->stage);
    assert_true(q->niterations == y->p->niterations && q->converged == y->p->converged && q->finished == y->p->finished);
    assert_true(q->wait_frames == y->p->wait_frames && q->wait_all == y->p->wait_all && q->nlate == y->p->nlate);
    for (int i = 0; i < q->nlate; i++) {
        assert_string_equal(q->late[i].task, y->p->late[i].task);
        assert_int_equal(q->late[i].frames, y->p->late[i].frames);
    }
    for (int i = 0; i < y->p->ntasks; i++) {
        const struct view_task *vt = view_find(y->v, y->p->task[i].id);
        const struct plan_task *t = plan_find(q, y->p->task[i].id);
        if (!vt || vt->state != TASK_DONE) assert_string_equal(t ? t->identity : "", y->p->task[i].identity);
    }
    plan_destroy(&q);
}

static bool is_held(const struct play *y, const char *id)
{
    for (int i = 0; i < 3; i++)
        if (y->held[i] && strcmp(y->held[i], id) == 0) return true;
    return false;
}

// Performs everything that is planned and not done; whether there was anything.
bool act(struct play *y)
{
    bool any = false;
    replan(y);
    same_from_settled(y);
    for (int i = 0; i < y->p->ntasks; i++) {
        const struct plan_task *t = &y->p->task[i];
        const struct view_task *vt = view_find(y->v, t->id);
        for (int k = 0; k < t->ndeps; k++) { // nothing is planned before what it needs
            assert_non_null(view_find(y->v, t->dep[k]));
            assert_int_equal(view_find(y->v, t->dep[k])->state, TASK_DONE);
        }
        if (vt) {
            assert_string_equal(vt->identity, t->identity); // and what was planned stays as it was
            continue;
        }
        if (is_held(y, t->id)) continue;
        perform(y, t);
        any = true;
    }
    return any;
}

void act_all(struct play *y)
{
    int n = 0;
    while (act(y)) assert_true(++n < 200);
}

int count_verb(const struct play *y, const char *verb)
{
    int n = 0;
    for (int i = 0; i < y->v->ntasks; i++)
        n += strcmp(y->v->task[i].verb, verb) == 0;
    return n;
}

const struct plan_input *input(const struct plan_task *t, const char *key)
{
    for (int i = 0; i < t->ninputs; i++)
        if (strcmp(t->input[i].key, key) == 0) return &t->input[i];
    return NULL;
}

void identity_of(struct play *y, const char *id, char ret[65])
{
    replan(y);
    const struct plan_task *t = plan_find(y->p, id);
    assert_non_null(t);
    snprintf(ret, 65, "%s", t->identity);
}
