// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Journal and state table: a transition is whole or not at all, and what is written comes back.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fsm.h"
#include "support.h"

static struct place here;

static int set_up(void **state)
{
    (void)state;
    place_make(&here, &(struct setting){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    place_remove(&here);
    return 0;
}

static const char identity[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

struct both {
    struct journal *j;
    struct view *v;
};

static struct both open_both(void)
{
    struct both b = {0};
    assert_int_equal(journal_open("j.db", true, &b.j), AL_ERR_OK);
    assert_int_equal(view_create(&b.v), AL_ERR_OK);
    assert_int_equal(journal_load(b.j, b.v), AL_ERR_OK);
    return b;
}

static void close_both(struct both *b)
{
    view_destroy(&b->v);
    journal_destroy(&b->j);
}

static struct view_task *add_task(struct both *b, const char *id)
{
    struct jr_new fresh = {.id = id, .verb = "train", .identity = identity, .iteration = 3};
    struct view_task *t;
    assert_int_equal(journal_add(b->j, 1, &fresh), AL_ERR_OK);
    assert_int_equal(view_add(b->v, id, "train", identity, &t), AL_ERR_OK);
    return t;
}

static void step(struct both *b, struct view_task *t, enum task_event ev, struct jr_change c)
{
    if (!c.attempts) c.attempts = t->attempts;
    if (!c.failures) c.failures = t->failures;
    assert_int_equal(fsm_apply(b->j, b->v, t, ev, &c), AL_ERR_OK);
}

static void paths_that_lead_out_are_refused(void **state)
{
    (void)state;
    static const char *const out[] = {"../x", "/tmp/x", "initial/../../x", "x/.."};
    for (int i = 0; i < 4; i++) {
        struct both b = open_both();
        struct view *again = NULL;
        add_task(&b, "train/a");
        add_task(&b, out[i]);
        assert_int_equal(view_create(&again), AL_ERR_OK);
        assert_int_equal(journal_load(b.j, again), AL_ERR_CORRUPT);
        assert_non_null(strstr(al_err_message(), "outside of the run directory"));
        view_destroy(&again);
        close_both(&b);
        assert_int_equal(unlink("j.db"), 0);
    }
}

static void a_life_comes_back(void **state)
{
    (void)state;
    struct both b = open_both();
    struct view_task *t = add_task(&b, "iterations/003/train/0");
    struct view_fact facts[] = {{(char *)"nframes", (char *)"12"},
                                {(char *)"ended", (char *)"two words, ünicode"}};
    struct view_artifact artifacts[] = {{.path = (char *)"iterations/003/train/0/model.dp"}};
    snprintf(artifacts[0].sha256, sizeof artifacts[0].sha256, "%s", identity);
    step(&b, t, EV_SUBMIT, (struct jr_change){.attempts = 1, .token = "t1"});
    step(&b, t, EV_STARTED, (struct jr_change){.pid = 42});
    step(&b, t, EV_LOST,
         (struct jr_change){
             .failures = 1, .ended = true, .exit = -9, .cause = "transient", .message = "gone"});
    step(&b, t, EV_SUBMIT, (struct jr_change){.attempts = 2, .token = "t2"});
    step(&b, t, EV_STARTED, (struct jr_change){.pid = 43});
    step(&b, t, EV_RESULT, (struct jr_change){.ended = true});
    step(&b, t, EV_COLLECTED,
         (struct jr_change){.cause = "", .nfacts = 2, .fact = facts, .nartifacts = 1, .artifact = artifacts});
    close_both(&b);
    b = open_both();
    assert_int_equal(b.v->ntasks, 1);
    t = view_find(b.v, "iterations/003/train/0");
    assert_non_null(t);
    assert_int_equal(t->state, TASK_DONE);
    assert_int_equal(b.v->count[TASK_DONE], 1);
    assert_string_equal(t->identity, identity);
    assert_int_equal(t->attempts, 2);
    assert_int_equal(t->failures, 1);
    assert_string_equal(t->token, "t2");
    assert_int_equal(t->pid, 43);
    assert_string_equal(view_fact(t, "ended"), "two words, ünicode");
    assert_int_equal(view_fact_int(t, "nframes", -1), 12);
    assert_non_null(view_artifact(t, "model.dp"));
    assert_null(view_artifact(t, "del.dp"));
    close_both(&b);
}

static void a_wrong_transition_changes_nothing(void **state)
{
    (void)state;
    struct both b = open_both();
    struct view_task *t = add_task(&b, "x");
    struct jr_change c = {0};
    assert_int_equal(fsm_apply(b.j, b.v, t, EV_COLLECTED, &c), AL_ERR_BUG); // not from PENDING
    // the journal has another state than the caller believes
    c = (struct jr_change){.task = "x", .ev = "collected", .was = TASK_COLLECTING, .now = TASK_DONE};
    struct view_fact fact = {(char *)"k", (char *)"v"};
    c.nfacts = 1;
    c.fact = &fact;
    assert_int_equal(journal_change(b.j, &c), AL_ERR_BUG);
    // a failure in the middle of a transaction (the same attempt number twice) undoes its beginning
    step(&b, t, EV_SUBMIT, (struct jr_change){.attempts = 1, .token = "t"});
    step(&b, t, EV_INTERRUPTED, (struct jr_change){0});
    c = (struct jr_change){.attempts = 1, .token = "again"};
    assert_int_equal(fsm_apply(b.j, b.v, t, EV_SUBMIT, &c), AL_ERR_CORRUPT);
    assert_int_equal(t->state, TASK_PENDING);
    close_both(&b);
    b = open_both();
    t = view_find(b.v, "x");
    assert_int_equal(t->state, TASK_PENDING);
    assert_int_equal(t->nfacts, 0);
    assert_string_equal(t->token, "t");
    struct jr_new twice[] = {{.id = "y", .verb = "train", .identity = identity}, {.id = "x", .verb = "train", .identity = identity}};
    assert_int_equal(journal_add(b.j, 2, twice), AL_ERR_CORRUPT); // x is there: y must not come either
    close_both(&b);
    b = open_both();
    assert_int_equal(b.v->ntasks, 1);
    close_both(&b);
}

static void count_failure(void *ctx, const struct jr_attempt *a)
{
    int *n = ctx;
    assert_string_equal(a->cause, "transient");
    assert_string_equal(a->message, "gone");
    assert_int_equal(a->exit, -9);
    (*n)++;
}

static void causes_stay_with_their_attempt(void **state)
{
    (void)state;
    struct both b = open_both();
    struct view_task *t = add_task(&b, "x");
    int n = 0;
    for (int i = 1; i <= 3; i++) {
        char token[16];
        snprintf(token, sizeof token, "t%d", i);
        step(&b, t, EV_SUBMIT, (struct jr_change){.attempts = i, .token = token});
        step(&b, t, EV_LOST,
             (struct jr_change){
                 .failures = i, .ended = true, .exit = -9, .cause = "transient", .message = "gone"});
    }
    assert_int_equal(journal_failures(b.j, count_failure, &n), AL_ERR_OK);
    assert_int_equal(n, 3);
    close_both(&b);
}

static void identity_changes_before_the_first_start_only(void **state)
{
    (void)state;
    struct both b = open_both();
    struct view_task *t = add_task(&b, "x");
    assert_int_equal(journal_replan(b.j, "x", "ff"), AL_ERR_OK);
    step(&b, t, EV_SUBMIT, (struct jr_change){.attempts = 1, .token = "t"});
    assert_int_equal(journal_replan(b.j, "x", "ee"), AL_ERR_BUG);
    close_both(&b);
    b = open_both();
    assert_string_equal(view_find(b.v, "x")->identity, "ff");
    close_both(&b);
}

static void campaign_values_are_kept(void **state)
{
    (void)state;
    struct both b = open_both();
    const char *const k[] = {"a", "b"}, *const v1[] = {"1", "2"}, *const v2[] = {"3", "4"};
    char *text = NULL;
    assert_int_equal(journal_get(b.j, "a", &text), AL_ERR_OK);
    assert_null(text);
    assert_int_equal(journal_set(b.j, 2, k, v1), AL_ERR_OK);
    assert_int_equal(journal_set(b.j, 1, k, v2), AL_ERR_OK);
    assert_int_equal(journal_get(b.j, "a", &text), AL_ERR_OK);
    assert_string_equal(text, "3");
    free(text);
    assert_int_equal(journal_get(b.j, "b", &text), AL_ERR_OK);
    assert_string_equal(text, "2");
    free(text);
    sleep_ms(60);
    assert_int_equal(journal_event(b.j, "ev", ""), AL_ERR_OK); // events carry the time spent
    close_both(&b);
    b = open_both();
    assert_true(journal_seconds(b.j) > 0.04);
    close_both(&b);
}

static void what_is_no_journal_is_refused(void **state)
{
    (void)state;
    struct journal *j = NULL;
    place_write(&here, "garbage.db",
                "this is no database, but long enough to have had a header of one hundred bytes "
                "if it were one, which it is not");
    assert_int_equal(journal_open("garbage.db", true, &j), AL_ERR_CORRUPT);
    assert_null(j);
    assert_int_equal(journal_open("absent.db", false, &j), AL_ERR_IO);
    assert_int_not_equal(access("absent.db", F_OK), 0);
}

// Every legal transition, by hand: the table may gain none and lose none unnoticed.
static void the_state_table_is_this(void **state)
{
    (void)state;
    static const struct {
        enum task_state s;
        enum task_event e;
        enum task_state next;
    } legal[] = {
        {TASK_PENDING, EV_SUBMIT, TASK_SUBMITTING},
        {TASK_PENDING, EV_HOLD, TASK_HELD},
        {TASK_SUBMITTING, EV_STARTED, TASK_INFLIGHT},
        {TASK_SUBMITTING, EV_ADOPTED, TASK_INFLIGHT},
        {TASK_SUBMITTING, EV_RESULT, TASK_COLLECTING},
        {TASK_SUBMITTING, EV_INTERRUPTED, TASK_PENDING},
        {TASK_SUBMITTING, EV_LOST, TASK_PENDING},
        {TASK_SUBMITTING, EV_GIVEUP, TASK_FAILED},
        {TASK_INFLIGHT, EV_ADOPTED, TASK_INFLIGHT},
        {TASK_INFLIGHT, EV_RESULT, TASK_COLLECTING},
        {TASK_INFLIGHT, EV_INTERRUPTED, TASK_PENDING},
        {TASK_INFLIGHT, EV_LOST, TASK_PENDING},
        {TASK_INFLIGHT, EV_GIVEUP, TASK_FAILED},
        {TASK_COLLECTING, EV_COLLECTED, TASK_DONE},
        {TASK_COLLECTING, EV_INTERRUPTED, TASK_PENDING},
        {TASK_COLLECTING, EV_LOST, TASK_PENDING},
        {TASK_COLLECTING, EV_GIVEUP, TASK_FAILED},
        {TASK_FAILED, EV_RETRY, TASK_PENDING},
        {TASK_FAILED, EV_HOLD, TASK_HELD},
        {TASK_HELD, EV_RELEASE, TASK_PENDING},
    };
    int n = 0;
    for (int s = 0; s < TASK_NSTATES; s++)
        for (int e = 0; e < TASK_NEVENTS; e++)
            n += fsm_next((enum task_state)s, (enum task_event)e) != TASK_NSTATES;
    assert_int_equal(n, sizeof legal / sizeof legal[0]);
    for (unsigned i = 0; i < sizeof legal / sizeof legal[0]; i++)
        assert_int_equal(fsm_next(legal[i].s, legal[i].e), legal[i].next);
}

// A selection of many systems is asked for each of them, in whatever order.
static void facts_of_many_systems(void **state)
{
    (void)state;
    struct view *v = NULL;
    struct view_task *t;
    char key[32], path[48];
    assert_int_equal(view_create(&v), AL_ERR_OK);
    assert_int_equal(view_add(v, "s", "select", "", &t), AL_ERR_OK);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "frames.%d", i);
        snprintf(path, sizeof path, "s/%d.extxyz", i);
        assert_int_equal(view_add_fact(v, t, key, key + 7), AL_ERR_OK);
        assert_int_equal(view_add_artifact(v, t, path, ""), AL_ERR_OK);
    }
    for (int k = 0; k < 15000; k++) {
        int i = k < 5000 ? k : k < 10000 ? 9999 - k : (k * 7919) % 5000;
        snprintf(key, sizeof key, "frames.%d", i);
        assert_int_equal(view_fact_int(t, key, -1), i);
        snprintf(path, sizeof path, "%d.extxyz", i);
        const struct view_artifact *a = view_artifact(t, path);
        assert_non_null(a);
        assert_string_equal(a->path + 2, path);
    }
    assert_null(view_fact(t, "frames.5000"));
    assert_null(view_artifact(t, "5000.extxyz"));
    view_destroy(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_many_systems),
        cmocka_unit_test_setup_teardown(a_life_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths_that_lead_out_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_transition_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(causes_stay_with_their_attempt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(identity_changes_before_the_first_start_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(campaign_values_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_journal_is_refused, set_up, tear_down),
        cmocka_unit_test(the_state_table_is_this),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
