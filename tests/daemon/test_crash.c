// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The crash points (ALND_CRASH_AT): a small campaign is killed at the n-th journal write or published file,
// for every n until it no longer meets the n-th, and started again. No finished task may run twice, and the
// journal must end with the facts, artefacts and identities of the undisturbed campaign. `test_daemon_crash K
// N` takes every N-th n from K.
#include <stdlib.h>
#include <string.h>

#include "core/crash.h"
#include "support.h"

static const char *const start[] = {"start", "loop.yaml", NULL};
static long first_point = 1, stride = 1;

// Byte 18 of an SQLite file: 2 with a write-ahead log, 1 with a rollback journal (sqlite.org/fileformat2.html).
static void assert_kind_of_log(const struct place *p)
{
    char path[320], head[20];
    const char *preload = getenv("LD_PRELOAD");
    snprintf(path, sizeof path, "%s/run/alnd.db", p->dir);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(head, 1, sizeof head, f), sizeof head);
    fclose(f);
    assert_int_equal(head[18], preload && strstr(preload, "fake_network") ? 1 : 2);
}

static void restart_after_every_point(void **state)
{
    (void)state;
    struct place here;
    place_make(&here, &(struct setting){.committee = 2, .ranks = 1});
    assert_int_equal(alnd_run(&here, start, NULL), 0);
    char *undisturbed = journal_text(&here);
    assert_true(strlen(undisturbed) > 1000);
    assert_kind_of_log(&here);
    long n = first_point;
    for (;; n += stride) {
        char at[64];
        const char *const env[] = {at, NULL};
        snprintf(at, sizeof at, "ALND_CRASH_AT=%ld", n);
        assert_int_equal(system("rm -rf run log"), 0);
        int rc = alnd_run(&here, start, env);
        if (rc == 0) break; // fewer than n points in the whole campaign
        assert_int_equal(rc, CRASH_EXIT);
        rc = alnd_run(&here, start, NULL);
        if (rc != 0) {
            char *out = place_read(&here, "out");
            fail_msg("after the crash at point %ld alnd start ended with %d: %s", n, rc, out);
        }
        assert_nothing_twice(&here);
        char *text = journal_text(&here);
        if (strcmp(text, undisturbed) != 0) fail_msg("after the crash at point %ld the journal differs", n);
        free(text);
    }
    if (n < 100) fail_msg("only %ld crash points: the campaign was not what it should be", n);
    printf("crash points up to %ld\n", n);
    free(undisturbed);
    place_remove(&here);
}

// Many deaths in one campaign: each start gets a little further.
static void die_again_and_again(void **state)
{
    (void)state;
    struct place here;
    int rc = CRASH_EXIT, starts = 0;
    if (first_point != 1) return; // the first of the parallel runs does this
    place_make(&here, &(struct setting){.committee = 2, .ranks = 1});
    assert_int_equal(alnd_run(&here, start, NULL), 0);
    char *undisturbed = journal_text(&here);
    assert_int_equal(system("rm -rf run log"), 0);
    while (rc == CRASH_EXIT) {
        char at[64];
        const char *const env[] = {at, NULL};
        snprintf(at, sizeof at, "ALND_CRASH_AT=%d", 17 + starts % 13);
        rc = alnd_run(&here, start, env);
        assert_true(++starts < 200);
    }
    assert_int_equal(rc, 0);
    assert_true(starts > 5);
    assert_nothing_twice(&here);
    char *text = journal_text(&here);
    assert_string_equal(text, undisturbed);
    free(text);
    free(undisturbed);
    place_remove(&here);
}

// A label task that is late in its iteration: which gathering takes it is up to the moment, but one does, whenever the daemon died.
static const char *const slow[] = {"ALND_FAKE_SLOW=iterations/000/label/A-001", "ALND_FAKE_MS=160", NULL};

// Each label task in the inputs of one gathering; whether one was late.
static bool gathered_once(const struct place *p)
{
    bool late = false;
    int n = 0;
    for (int i = 0; i < 3; i++)
        for (int chunk = 0; chunk < 3; chunk++) {
            char label[64], item[80];
            int found = 0;
            snprintf(label, sizeof label, "iterations/%03d/label/A-%03d", i, chunk);
            snprintf(item, sizeof item, "- %s\n", label);
            for (int g = 0; g < 3; g++) {
                char name[64];
                snprintf(name, sizeof name, "run/iterations/%03d/gather/task.yaml", g);
                char *text = place_read(p, name), *end = strstr(text, "  late:");
                late = late || end;
                if (end) *end = '\0';
                found += strstr(text, item) != NULL;
                free(text);
            }
            if (found != 1) fail_msg("%s is in %d gatherings", label, found);
            assert_int_equal(log_count(p, "end", label), 1);
            n++;
        }
    assert_int_equal(n, 9);
    return late;
}

static void restart_with_a_late_label(void **state)
{
    (void)state;
    struct place here;
    long n = first_point, step = 3 * stride, runs = 0, late = 0;
    place_make(&here, &(struct setting){.committee = 2, .batch = 1, .max_iterations = 3, .patience = 5, .straggler = 60});
    assert_int_equal(alnd_run(&here, start, slow), 0);
    assert_true(gathered_once(&here)); // the test is about this
    for (;; n += step, runs++) {
        char at[64];
        const char *const env[] = {at, slow[0], slow[1], NULL};
        snprintf(at, sizeof at, "ALND_CRASH_AT=%ld", n);
        assert_int_equal(system("rm -rf run log"), 0);
        int rc = alnd_run(&here, start, env);
        if (rc == 0) break;
        assert_int_equal(rc, CRASH_EXIT);
        if (runs % 2) sleep_ms(200); // the late one is done before the next daemon comes
        must_run(&here, start, slow, 0);
        assert_nothing_twice(&here);
        late += gathered_once(&here);
    }
    if (runs < 300 / step) fail_msg("only %ld crash points", runs);
    if (2 * late < runs) fail_msg("in %ld of %ld runs a label was late: not what this test is about", late, runs);
    printf("%ld crash points with a late label, it was late in %ld\n", runs, late);
    place_remove(&here);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        first_point = strtol(argv[1], NULL, 10);
        stride = strtol(argv[2], NULL, 10);
        if (first_point < 1 || stride < 1) return 2;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(restart_after_every_point),
                                       cmocka_unit_test(die_again_and_again), cmocka_unit_test(restart_with_a_late_label)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
