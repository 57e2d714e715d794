// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The planner on scripted facts: a play in which every planned task is done at once with the facts of the
// script.
#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct place here;

struct play {
    struct loop_config *c;
    struct plan_env env;
    struct view *v;
    struct plan *p;
    // the script
    int selected[8]; // frames selected for each system, by iteration
    int below[8];
    int failed_labels; // label tasks whose frames all fail: this many of the first ones
    int initial_ntrain;
    const char *held[3]; // tasks that take their time: not performed
    struct plan_settled settled; // of the daemon's way to plan (same_from_settled)
};

static void play_open(struct play *y, const struct setting *s)
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

static void play_close(struct play *y)
{
    plan_destroy(&y->p);
    view_destroy(&y->v);
    loop_config_destroy(&y->c);
    place_remove(&here);
}

static void replan(struct play *y)
{
    plan_destroy(&y->p);
    assert_int_equal(plan_build(y->c, &y->env, y->v, &y->p), AL_ERR_OK);
}

static void perform(struct play *y, const struct plan_task *t)
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
static bool act(struct play *y)
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

static void act_all(struct play *y)
{
    int n = 0;
    while (act(y)) assert_true(++n < 200);
}

static int count_verb(const struct play *y, const char *verb)
{
    int n = 0;
    for (int i = 0; i < y->v->ntasks; i++)
        n += strcmp(y->v->task[i].verb, verb) == 0;
    return n;
}

static const struct plan_input *input(const struct plan_task *t, const char *key)
{
    for (int i = 0; i < t->ninputs; i++)
        if (strcmp(t->input[i].key, key) == 0) return &t->input[i];
    return NULL;
}

static void first_tasks_and_their_chunks(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.systems = 2, .batch = 2, .ranks = 3});
    replan(&y);
    assert_int_equal(y.p->ntasks, 2); // init of both systems, nothing else yet
    assert_string_equal(y.p->task[0].id, "initial/A");
    assert_string_equal(y.p->task[1].id, "initial/B");
    assert_string_equal(input(&y.p->task[0], "structure")->value[0], "inputs/A.extxyz");
    perform(&y, &y.p->task[0]);
    replan(&y); // labels of A need not wait for B
    assert_int_equal(y.p->ntasks, 5);
    const struct plan_task *t = plan_find(y.p, "initial/A/label/002");
    assert_non_null(t);
    assert_string_equal(input(t, "from")->value[0], "4");
    assert_string_equal(input(t, "count")->value[0], "1");
    assert_string_equal(input(t, "frames")->value[0], "initial/A/frames.extxyz");
    assert_int_equal(t->ranks, 3);
    assert_null(plan_find(y.p, "initial/gather"));
    assert_true(y.p->stage_done < y.p->stage_total);
    play_close(&y);
}

static void converges_at_min_iterations(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.min_iterations = 2, .max_iterations = 5, .committee = 4});
    y.below[0] = y.below[1] = 1;
    act_all(&y);
    assert_true(y.p->finished);
    assert_true(y.p->converged);
    assert_int_equal(y.p->niterations, 2);
    assert_int_equal(count_verb(&y, "train"), 8);
    const struct plan_task *t = plan_find(y.p, "models");
    assert_int_equal(input(t, "models")->n, 4);
    assert_string_equal(input(t, "models")->value[0], "iterations/001/train/0/model.dp");
    assert_string_equal(input(t, "evaluate")->value[0], "iterations/001/evaluate");
    assert_string_equal(input(t, "converged")->value[0], "1");
    assert_int_equal(input(plan_find(y.p, "report"), "errors")->n, 2);
    assert_string_equal(y.p->stage, "finished");
    play_close(&y);
}

static void patience_counts_in_a_row(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.patience = 2, .max_iterations = 8});
    static const int below[] = {1, 0, 1, 1, 1};
    memcpy(y.below, below, sizeof below);
    act_all(&y);
    assert_true(y.p->converged);
    assert_int_equal(y.p->niterations, 4);
    play_close(&y);
}

static void max_iterations_without_convergence(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.max_iterations = 3});
    act_all(&y);
    assert_true(y.p->finished);
    assert_false(y.p->converged);
    assert_int_equal(y.p->niterations, 3);
    assert_string_equal(input(plan_find(y.p, "models"), "converged")->value[0], "0");
    assert_int_equal(count_verb(&y, "produce"), 1);
    play_close(&y);
}

static void zero_selected_frames(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.systems = 2, .max_iterations = 2});
    y.selected[0] = 0;
    act_all(&y);
    assert_true(y.p->finished);
    const struct plan_task *t = plan_find(y.p, "iterations/000/gather");
    assert_int_equal(input(t, "labelled")->n, 0);
    assert_int_equal(input(plan_find(y.p, "iterations/000/evaluate"), "new")->n, 0);
    assert_int_equal(input(plan_find(y.p, "iterations/001/gather"), "labelled")->n, 2);
    assert_null(plan_find(y.p, "iterations/000/label/A-000"));
    play_close(&y);
}

static void failed_labels(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.batch = 1});
    y.failed_labels = 2; // of the five initial ones
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(input(plan_find(y.p, "initial/gather"), "labelled")->n, 5);
    play_close(&y);

    play_open(&y, &(struct setting){.batch = 1});
    while (!plan_find((replan(&y), y.p), "iterations/000/label/A-000"))
        act(&y);
    y.failed_labels = 2; // of the three of iteration 0: not listed as new data
    act_all(&y);
    assert_int_equal(input(plan_find(y.p, "iterations/000/gather"), "labelled")->n, 3);
    assert_int_equal(input(plan_find(y.p, "iterations/000/evaluate"), "new")->n, 1);
    play_close(&y);

    play_open(&y, &(struct setting){0});
    y.initial_ntrain = 0;
    act_all(&y);
    assert_false(y.p->finished);
    assert_non_null(strstr(y.p->error, "no initial frame could be labelled"));
    assert_int_equal(count_verb(&y, "train"), 0);
    play_close(&y);
}

static void several_systems(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.systems = 3, .temperatures = 2, .max_iterations = 2});
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(count_verb(&y, "init"), 3);
    assert_int_equal(count_verb(&y, "explore"), 2 * 3 * 2 * 2);
    assert_int_equal(count_verb(&y, "label"), 3 + 2 * 3);
    assert_int_equal(count_verb(&y, "gather"), 3);
    assert_int_equal(count_verb(&y, "analyze"), 3);
    assert_int_equal(input(plan_find(y.p, "iterations/001/select"), "explored")->n, 12);
    assert_int_equal(input(plan_find(y.p, "iterations/001/select"), "earlier")->n, 1);
    assert_string_equal(input(plan_find(y.p, "iterations/001/train/1"), "init")->value[0],
                        "iterations/000/train/1/model.dp");
    assert_string_equal(input(plan_find(y.p, "iterations/001/evaluate"), "sets")->value[0], "3");
    const struct plan_task *t = plan_find(y.p, "iterations/001/explore/C-600K-test");
    assert_non_null(t);
    assert_string_equal(t->purpose, "test");
    for (int i = 0; i < y.p->ntasks; i++) // different work, different identity
        for (int k = 0; k < i; k++)
            if (strcmp(y.p->task[i].identity, y.p->task[k].identity) == 0)
                fail_msg("%s and %s have one identity", y.p->task[i].id, y.p->task[k].id);
    play_close(&y);
}

// The analysis of a system starts when its own runs are there; a closed loop stays closed.
static void production_and_the_closed_loop(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.systems = 2, .max_iterations = 2});
    while (!plan_find((replan(&y), y.p), "production/A-500K-0"))
        act(&y);
    perform(&y, plan_find(y.p, "production/A-500K-0"));
    replan(&y);
    assert_non_null(plan_find(y.p, "transport/A"));
    assert_null(plan_find(y.p, "transport/B"));
    assert_null(plan_find(y.p, "report"));
    y.c->converge.max_iterations = 9;
    replan(&y);
    assert_null(plan_find(y.p, "iterations/002/train/0"));
    y.c->converge.max_iterations = 1;
    replan(&y);
    assert_non_null(plan_find(y.p, "iterations/001/evaluate"));
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(y.p->niterations, 2);
    play_close(&y);
}

// With npt each temperature has its volume first, and the runs there depend on it; with fixed there is none.
static void volumes_come_before_production(void **state)
{
    (void)state;
    struct play y;
    char before[65];
    play_open(&y, &(struct setting){.systems = 1});
    y.c->production.temperatures.n = 2;
    y.c->production.temperatures.v[1] = 700;
    while (!plan_find((replan(&y), y.p), "production/A-500K-volume"))
        act(&y);
    assert_non_null(plan_find(y.p, "production/A-700K-volume"));
    assert_null(plan_find(y.p, "production/A-500K-0"));
    perform(&y, plan_find(y.p, "production/A-500K-volume"));
    replan(&y);
    const struct plan_task *t = plan_find(y.p, "production/A-500K-0");
    assert_non_null(t); // and does not wait for that of 700 K
    assert_null(plan_find(y.p, "production/A-700K-0"));
    assert_string_equal(input(t, "volume")->value[0], "production/A-500K-volume/volume.yaml");
    snprintf(before, sizeof before, "%s", t->identity);
    view_find(y.v, "production/A-500K-volume")->artifact[0].sha256[0] ^= 1;
    replan(&y);
    assert_string_not_equal(before, plan_find(y.p, "production/A-500K-0")->identity);
    snprintf(y.c->production.volume, sizeof y.c->production.volume, "fixed");
    replan(&y);
    assert_null(plan_find(y.p, "production/A-700K-volume"));
    t = plan_find(y.p, "production/A-700K-0");
    assert_non_null(t);
    assert_null(input(t, "volume"));
    play_close(&y);
}

static const char *input_of(const struct plan_task *t, const char *key)
{
    const struct plan_input *in = input(t, key);
    return in ? in->value[0] : NULL;
}

// trust: auto hands the last evaluation's calibration to exploration and selection; given windows know nothing of it.
static void measured_windows(void **state)
{
    (void)state;
    for (int automatic = 0; automatic < 2; automatic++) {
        struct play y;
        play_open(&y, &(struct setting){.max_iterations = 3});
        y.c->select.trust_auto = automatic;
        while (!plan_find((replan(&y), y.p), "iterations/001/select"))
            act(&y);
        const struct plan_task *t[] = {plan_find(y.p, "iterations/001/explore/A-300K"), plan_find(y.p, "iterations/001/select")};
        for (int i = 0; i < 2; i++) {
            assert_non_null(t[i]);
            const char *path = input_of(t[i], "calibration");
            bool depends = false;
            for (int k = 0; k < t[i]->ndeps; k++)
                depends |= strcmp(t[i]->dep[k], "iterations/000/evaluate") == 0;
            assert_int_equal(depends, automatic);
            if (automatic) assert_string_equal(path, "iterations/000/evaluate/calibration.csv");
            else assert_null(path);
        }
        assert_null(input_of(plan_find(y.p, "iterations/000/select"), "calibration"));
        assert_non_null(input_of(t[1], "models"));
        assert_string_equal(input_of(t[1], "sets"), "2");
        play_close(&y);
    }
}

// Different test frames of the last iteration, once the models are there; the report waits for them, and for no more later.
static void label_noise(void **state)
{
    (void)state;
    struct play y;
    bool seen[6] = {0};
    play_open(&y, &(struct setting){.max_iterations = 2});
    y.c->converge.label_noise = 4;
    while (!plan_find((replan(&y), y.p), "noise/000"))
        act(&y);
    assert_non_null(plan_find(y.p, "production/A-500K-volume")); // side by side with production
    for (int k = 0; k < 4; k++) {
        char id[32];
        snprintf(id, sizeof id, "noise/%03d", k);
        const struct plan_task *t = plan_find(y.p, id);
        assert_non_null(t);
        assert_string_equal(input_of(t, "frames"), "iterations/001/gather/test.extxyz");
        assert_string_equal(input_of(t, "tight"), "1");
        long from = strtol(input_of(t, "from"), NULL, 10);
        assert_true(from >= 0 && from < 6 && !seen[from]);
        seen[from] = true;
    }
    assert_null(plan_find(y.p, "noise/004"));
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(input(plan_find(y.p, "report"), "noise")->n, 4);
    y.c->converge.label_noise = 6; // too late
    act_all(&y);
    assert_true(y.p->finished);
    assert_null(plan_find(y.p, "noise/004"));
    play_close(&y);
}

static void identity_of(struct play *y, const char *id, char ret[65])
{
    replan(y);
    const struct plan_task *t = plan_find(y->p, id);
    assert_non_null(t);
    snprintf(ret, 65, "%s", t->identity);
}

static void expect_list(const struct play *y, const char *id, const char *key, const char *wanted)
{
    const struct plan_task *t = plan_find(y->p, id);
    const struct plan_input *in = t ? input(t, key) : NULL;
    char text[1024] = "";
    for (int i = 0; in && i < in->n; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", in->value[i]);
    }
    assert_non_null(t);
    assert_string_equal(text, wanted);
}

static const char *label_name(int iteration, int chunk)
{
    static char name[8][64];
    static int k;
    snprintf(name[k = (k + 1) % 8], sizeof name[0], "iterations/%03d/label/A-%03d", iteration, chunk);
    return name[k];
}

// Two of three frames are 60 %: the third joins the next gathering, before that one's own; nothing is lost.
static void late_labels_join_the_next_gathering(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.batch = 1, .patience = 8, .max_iterations = 4, .straggler = 60});
    y.held[0] = label_name(0, 1);
    y.held[1] = label_name(0, 2);
    while (act(&y))
        ;
    assert_string_equal(y.p->stage, "iteration 0: label"); // one frame of three is not enough
    assert_int_equal(y.p->wait_frames, 1);
    assert_false(y.p->wait_all);
    assert_int_equal(y.p->nlate, 0);
    y.held[1] = NULL;
    perform(&y, plan_find(y.p, label_name(0, 2)));
    replan(&y);
    expect_list(&y, "iterations/000/gather", "labelled", "iterations/000/label/A-000 iterations/000/label/A-002");
    expect_list(&y, "iterations/000/gather", "late", "iterations/000/label/A-001");
    assert_int_equal(y.p->nlate, 1);
    assert_int_equal(y.p->late[0].frames, 1);
    char before[65];
    snprintf(before, sizeof before, "%s", plan_find(y.p, "iterations/000/gather")->identity);
    perform(&y, plan_find(y.p, "iterations/000/gather"));
    y.held[1] = label_name(1, 1);
    y.held[2] = label_name(1, 2);
    while (act(&y))
        ;
    assert_string_equal(y.p->stage, "iteration 1: label");
    assert_non_null(plan_find(y.p, label_name(0, 1))); // it goes on all the while
    perform(&y, plan_find(y.p, label_name(0, 1)));     // and is in, but no frame of this iteration
    replan(&y);
    assert_string_equal(y.p->stage, "iteration 1: label");
    assert_string_equal(before, plan_find(y.p, "iterations/000/gather")->identity); // what was gathered stays
    expect_list(&y, "iterations/000/gather", "late", "iterations/000/label/A-001");
    y.held[2] = NULL;
    perform(&y, plan_find(y.p, label_name(1, 2)));
    replan(&y);
    expect_list(&y, "iterations/001/gather", "labelled",
                "iterations/000/label/A-001 iterations/001/label/A-000 iterations/001/label/A-002");
    expect_list(&y, "iterations/001/gather", "late", "iterations/001/label/A-001");
    y.held[0] = NULL;
    while (act(&y)) // and one that stays away for two iterations; the last one waits for it
        ;
    assert_string_equal(y.p->stage, "iteration 3: label");
    assert_true(y.p->wait_all);
    assert_int_equal(y.p->wait_frames, 1);
    expect_list(&y, "iterations/002/gather", "late", "iterations/001/label/A-001");
    expect_list(&y, "iterations/001/evaluate", "new",
                "iterations/000/label/A-001/labelled.extxyz iterations/001/label/A-000/labelled.extxyz "
                "iterations/001/label/A-002/labelled.extxyz");
    y.held[1] = NULL;
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(y.p->nlate, 0);
    expect_list(&y, "iterations/003/gather", "labelled",
                "iterations/001/label/A-001 iterations/003/label/A-000 iterations/003/label/A-001 iterations/003/label/A-002");
    expect_list(&y, "iterations/003/gather", "late", "");
    play_close(&y);
}

// A verdict that may end the loop is made on all labels; limits that are changed while some are late do not lose them.
static void the_loop_does_not_end_without_late_labels(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.batch = 1, .patience = 2, .max_iterations = 8, .straggler = 60});
    y.below[0] = y.below[1] = 1;
    y.held[0] = label_name(0, 0);
    while (act(&y))
        ;
    assert_string_equal(y.p->stage, "iteration 1: label"); // it would be the second below the limits
    assert_true(y.p->wait_all);
    y.held[0] = NULL;
    act_all(&y);
    assert_true(y.p->finished && y.p->converged);
    assert_int_equal(y.p->niterations, 2);
    play_close(&y);

    play_open(&y, &(struct setting){.batch = 1, .patience = 8, .max_iterations = 8, .straggler = 60});
    y.held[0] = label_name(0, 0);
    y.held[1] = "iterations/000/evaluate";
    while (act(&y))
        ;
    y.c->converge.max_iterations = 1; // edited; iteration 0 is the last, and went on without a label
    y.held[1] = NULL;
    while (act(&y))
        ;
    assert_string_equal(y.p->stage, "iteration 1: label");
    assert_true(y.p->wait_all);
    y.c->resources.straggler = 1; // edited, too: waits as well
    replan(&y);
    assert_int_equal(y.p->wait_frames, 1);
    y.held[0] = NULL;
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(y.p->niterations, 2);
    expect_list(&y, "iterations/001/gather", "labelled",
                "iterations/000/label/A-000 iterations/001/label/A-000 iterations/001/label/A-001 iterations/001/label/A-002");
    play_close(&y);
}

// By frames, not by tasks; several systems and chunks of several frames.
static void frames_count_not_tasks(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.systems = 2, .batch = 4, .patience = 8, .max_iterations = 8, .straggler = 60});
    y.selected[0] = 5; // of each: chunks of four and of one
    y.held[0] = "iterations/000/label/A-000";
    y.held[1] = "iterations/000/label/B-001";
    while (act(&y))
        ;
    assert_string_equal(y.p->stage, "iteration 0: label");
    assert_int_equal(y.p->wait_frames, 1); // five of ten
    y.held[1] = NULL;
    while (act(&y) && y.p->iteration < 1)
        ;
    expect_list(&y, "iterations/000/gather", "labelled",
                "iterations/000/label/A-001 iterations/000/label/B-000 iterations/000/label/B-001");
    expect_list(&y, "iterations/000/gather", "late", "iterations/000/label/A-000");
    assert_int_equal(y.p->late[0].frames, 4);
    play_close(&y);

    // the key is in no identity, and where nothing is late the tasks are those of always
    char before[65], after[65];
    play_open(&y, &(struct setting){.batch = 1, .max_iterations = 3, .patience = 8});
    act_all(&y);
    identity_of(&y, "report", before);
    y.c->resources.straggler = 0.5;
    identity_of(&y, "report", after);
    assert_string_equal(before, after);
    assert_null(input(plan_find(y.p, "iterations/001/gather"), "late"));
    play_close(&y);
}

static void identities_hold_physics_only(void **state)
{
    (void)state;
    struct play y;
    char before[65], after[65];
    const char *label = "initial/A/label/000", *init = "initial/A";
    play_open(&y, &(struct setting){0});
    act(&y); // init is done
    identity_of(&y, label, before);
    y.c->resources.label.ranks = 7; // resources, seed, other sections: not a label's business
    y.c->resources.label.threads = 2;
    y.c->resources.cores = 64;
    y.c->seed = 8;
    y.c->initial.displacement = 0.5;
    y.c->train.steps = 17;
    y.c->explore.time = 1;
    identity_of(&y, label, after);
    assert_string_equal(before, after);
    y.c->label.cutoff += 1;
    identity_of(&y, label, after);
    assert_string_not_equal(before, after);
    y.c->label.cutoff -= 1;
    snprintf(y.env.pseudo_sha, sizeof y.env.pseudo_sha, "others");
    identity_of(&y, label, after);
    assert_string_not_equal(before, after);
    snprintf(y.env.pseudo_sha, sizeof y.env.pseudo_sha, "pseudo");
    view_find(y.v, init)->artifact[0].sha256[0] ^= 1; // other frames
    identity_of(&y, label, after);
    assert_string_not_equal(before, after);
    identity_of(&y, init, before);
    y.c->label.cutoff += 1;
    identity_of(&y, init, after);
    assert_string_equal(before, after);
    y.c->seed = 9;
    identity_of(&y, init, after);
    assert_string_not_equal(before, after);
    play_close(&y);
}

// A trajectory of each system, temperature and pressure beside the perturbed frames, or alone.
static void first_principles_trajectories(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){.systems = 2, .ranks = 2, .aimd = "aimd: {temperatures: [600 K, 900 K], pressures: [0 GPa, 2.5 GPa]}"});
    replan(&y);
    assert_int_equal(y.p->ntasks, 2);
    perform(&y, &y.p->task[0]);
    replan(&y);
    const struct plan_task *t = plan_find(y.p, "initial/A/aimd/900K-2.5GPa");
    assert_non_null(t);
    assert_string_equal(t->verb, "aimd");
    assert_true(t->temperature == 900);
    assert_int_equal(t->ranks, 2);
    assert_string_equal(input(t, "start")->value[0], "initial/A/base.extxyz");
    assert_string_equal(input(t, "pressure")->value[0], "2.5");
    assert_string_equal(input(t, "place")->value[0], "900K-2.5GPa");
    const struct plan_task *other = plan_find(y.p, "initial/A/aimd/900K-0GPa");
    assert_non_null(other);
    assert_string_not_equal(t->identity, other->identity);
    assert_null(plan_find(y.p, "initial/B/aimd/900K-0GPa"));
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(count_verb(&y, "aimd"), 8);
    assert_int_equal(input(plan_find(y.p, "initial/gather"), "labelled")->n, 2 + 8);
    assert_int_equal(input(plan_find(y.p, "iterations/000/gather"), "labelled")->n, 2); // no more of them
    play_close(&y);

    play_open(&y, &(struct setting){.aimd = "aimd: {temperatures: [600 K]}", .aimd_only = true});
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(y.c->initial.frames, 0);
    t = plan_find(y.p, "initial/A/aimd/600K");
    assert_non_null(t);
    assert_null(input(t, "pressure")); // constant cell
    assert_int_equal(input(plan_find(y.p, "initial/gather"), "labelled")->n, 1);
    play_close(&y);
}

// Exploration at several pressures: one trajectory of each system, temperature and pressure, for training and for test; without
// any the tasks are those of always, keys of npt at their defaults or not given.
static void exploration_at_pressures(void **state)
{
    (void)state;
    struct play y;
    char before[65], after[65];
    static const char id[] = "iterations/000/explore/A-600K";
    play_open(&y, &(struct setting){.systems = 2, .temperatures = 2});
    act_all(&y);
    const struct plan_task *t = plan_find(y.p, id);
    assert_non_null(t);
    assert_null(input(t, "pressure"));
    identity_of(&y, id, before);
    const long plain = count_verb(&y, "explore");
    y.c->explore.tau_p += 1;
    identity_of(&y, id, after);
    assert_string_not_equal(before, after);
    play_close(&y);

    play_open(&y, &(struct setting){.systems = 2, .temperatures = 2});
    snprintf(y.c->explore.ensemble, sizeof y.c->explore.ensemble, "npt");
    y.c->explore.pressures.n = 2;
    y.c->explore.pressures.v[1] = 5;
    act_all(&y);
    assert_true(y.p->finished);
    assert_int_equal(count_verb(&y, "explore"), 2 * plain);
    assert_null(plan_find(y.p, id));
    t = plan_find(y.p, "iterations/000/explore/A-600K-5GPa-test");
    assert_non_null(t);
    assert_true(t->temperature == 600);
    assert_string_equal(t->purpose, "test");
    assert_string_equal(input(t, "pressure")->value[0], "5");
    const struct plan_task *other = plan_find(y.p, "iterations/000/explore/A-600K-0GPa-test");
    assert_non_null(other);
    assert_string_equal(input(other, "pressure")->value[0], "0");
    assert_string_not_equal(t->identity, other->identity);
    const struct plan_input *explored = input(plan_find(y.p, "iterations/000/select"), "explored");
    int found = 0;
    for (int i = 0; i < explored->n; i++)
        found += strcmp(explored->value[i], t->id) == 0;
    assert_int_equal(found, 1);
    play_close(&y);
}

// Label settings count, ranks do not.
static void identity_of_a_trajectory(void **state)
{
    (void)state;
    struct play y;
    char before[65], after[65];
    const char *id = "initial/A/aimd/600K";
    play_open(&y, &(struct setting){.aimd = "aimd: {temperatures: [600 K]}"});
    replan(&y);
    perform(&y, &y.p->task[0]);
    identity_of(&y, id, before);
    y.c->resources.label.ranks = 7;
    identity_of(&y, id, after);
    assert_string_equal(before, after);
    y.c->label.cutoff += 1;
    identity_of(&y, id, after);
    assert_string_not_equal(before, after);
    y.c->label.cutoff -= 1;
    snprintf(y.env.pseudo_sha, sizeof y.env.pseudo_sha, "other");
    identity_of(&y, id, after);
    assert_string_not_equal(before, after);
    play_close(&y);
}

static void a_missing_fact_is_an_error(void **state)
{
    (void)state;
    struct play y;
    play_open(&y, &(struct setting){0});
    replan(&y);
    view_finish(y.v, &y.p->task[0], "", "frames.extxyz base.extxyz"); // init without nframes
    plan_destroy(&y.p);
    assert_int_equal(plan_build(y.c, &y.env, y.v, &y.p), AL_ERR_CORRUPT);
    assert_null(y.p);
    assert_non_null(strstr(al_err_message(), "initial/A"));
    play_close(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_tasks_and_their_chunks), cmocka_unit_test(converges_at_min_iterations),
        cmocka_unit_test(patience_counts_in_a_row), cmocka_unit_test(max_iterations_without_convergence),
        cmocka_unit_test(zero_selected_frames), cmocka_unit_test(failed_labels),
        cmocka_unit_test(several_systems), cmocka_unit_test(production_and_the_closed_loop),
        cmocka_unit_test(volumes_come_before_production), cmocka_unit_test(measured_windows),
        cmocka_unit_test(label_noise), cmocka_unit_test(identities_hold_physics_only),
        cmocka_unit_test(exploration_at_pressures), cmocka_unit_test(first_principles_trajectories),
        cmocka_unit_test(late_labels_join_the_next_gathering), cmocka_unit_test(the_loop_does_not_end_without_late_labels),
        cmocka_unit_test(frames_count_not_tasks), cmocka_unit_test(identity_of_a_trajectory), cmocka_unit_test(a_missing_fact_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
