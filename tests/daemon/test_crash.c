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

int main(int argc, char **argv)
{
    if (argc == 3) {
        first_point = strtol(argv[1], NULL, 10);
        stride = strtol(argv[2], NULL, 10);
        if (first_point < 1 || stride < 1) return 2;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(restart_after_every_point),
                                       cmocka_unit_test(die_again_and_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
