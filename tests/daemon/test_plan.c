// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The planner on scripted facts (play.h).
#include <stdlib.h>
#include <string.h>

#include "play.h"

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
    assert_int_equal(t->index, 1 + 1 + 1); // its start: iteration, place of the temperature, held out
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
    // the starts: iteration, place of the temperature, place of the pressure, held out
    assert_int_equal(t->index, 0 + 1 + 1 + 1);
    assert_int_equal(other->index, 0 + 1 + 0 + 1);
    assert_int_equal(plan_find(y.p, "iterations/000/explore/A-300K-0GPa")->index, 0);
    assert_int_equal(plan_find(y.p, "iterations/000/explore/A-300K-5GPa")->index, 1);
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
        cmocka_unit_test(identity_of_a_trajectory), cmocka_unit_test(a_missing_fact_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
