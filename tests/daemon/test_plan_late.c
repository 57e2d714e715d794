// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Stragglers: which labels a gathering takes, which it leaves, and who takes those (docs/JOURNAL.md, Stragglers).
#include <string.h>

#include "play.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(late_labels_join_the_next_gathering),
                                       cmocka_unit_test(the_loop_does_not_end_without_late_labels), cmocka_unit_test(frames_count_not_tasks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
