// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A journal that is lost, cut or overwritten: `alnd start` says so and changes nothing, `alnd recover` rebuilds it from the task
// directories, and the campaign ends as if nothing had happened, without doing a finished task again.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crash.h"
#include "support.h"

static struct place here;
static const char *const start[] = {"start", "loop.yaml", NULL}, *const recover[] = {"recover", "run", NULL},
                         *const status[] = {"status", "run", NULL}, *const errors[] = {"errors", "run", NULL};
// the campaign stops half way: initial data, training and exploration of iteration 0 are there
static const char *const half[] = {"ALND_FAKE_FAIL=iterations/000/select:INPUT", NULL};

static int set_up(void **state)
{
    (void)state;
    place_make(&here, &(struct setting){.retries = 1, .ranks = 1, .temperatures = 2, .batch = 2, .systems = 2});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    place_remove(&here);
    return 0;
}

static void overwrite(const char *path, long from, long n)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (long i = 0; i < n; i++) {
        unsigned char c = (unsigned char)((i * 2654435761u + 12345u) >> 13);
        assert_int_equal(pwrite(fd, &c, 1, from + i), 1);
    }
    close(fd);
}

static long size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (long)st.st_size;
}

static void all_garbage(const char *db)
{
    overwrite(db, 0, size_of(db));
}
static void first_page(const char *db)
{
    overwrite(db, 0, 4096);
}
static void middle(const char *db)
{
    overwrite(db, size_of(db) / 2 / 4096 * 4096, 4096);
}
static void cut(const char *db)
{
    assert_int_equal(truncate(db, size_of(db) / 2), 0);
}
static void cut_odd(const char *db)
{
    assert_int_equal(truncate(db, size_of(db) - 1000), 0);
}
static void empty(const char *db)
{
    assert_int_equal(truncate(db, 0), 0);
}
static void lost(const char *db)
{
    assert_int_equal(unlink(db), 0);
}
static void text(const char *db)
{
    int fd = open(db, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "not a journal\n", 14), 14);
    close(fd);
}

// A command that only reads; where a part of the journal is left it may get by with that.
static void look(const char *const *args, bool partly)
{
    int rc = alnd_run(&here, args, NULL);
    if (rc == 0 && partly) return;
    assert_int_equal(rc, 1);
    output_has(&here, "alnd recover ");
}

static void every_damage_is_told_and_mended(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*damage)(const char *db);
        bool partly;
    } kinds[] = {{"all garbage", all_garbage, false}, {"first page", first_page, false}, {"a page in the middle", middle, true}, {"cut", cut, true},
                 {"cut within a page", cut_odd, true}, {"empty", empty, false}, {"lost", lost, false}, {"text", text, false}};
    char *undisturbed = whole_campaign(&here);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        printf("%s\n", kinds[i].name);
        must_run(&here, start, half, 1);
        int done = log_count(&here, "end", NULL);
        kinds[i].damage("run/alnd.db");
        must_run(&here, start, NULL, 1);
        output_has(&here, "hint: the results are untouched: alnd recover ");
        look(status, kinds[i].partly);
        look(errors, kinds[i].partly);
        assert_int_equal(log_count(&here, "end", NULL), done);
        must_run(&here, recover, NULL, 0);
        output_has(&here, "was rebuilt from its artefacts");
        output_has(&here, "1 failed"); // select, with its reason
        must_run(&here, status, NULL, 0);
        must_run(&here, errors, NULL, 0);
        output_has(&here, "made to fail");
        must_end_as(&here, undisturbed);
        must_run(&here, recover, NULL, 0);
        output_has(&here, "is sound");
        assert_int_equal(system("rm -rf run log"), 0);
    }
    free(undisturbed);
}

static void a_finished_run_stays_finished(void **state)
{
    (void)state;
    must_run(&here, start, NULL, 0);
    char *before = journal_text(&here);
    int n = log_count(&here, "begin", NULL);
    all_garbage("run/alnd.db");
    must_run(&here, recover, NULL, 0);
    char *rebuilt = journal_text(&here);
    assert_string_equal(rebuilt, before);
    must_run(&here, start, NULL, 0);
    output_has(&here, "nothing is left to do");
    assert_int_equal(log_count(&here, "begin", NULL), n);
    free(rebuilt);
    free(before);
}

// SIGKILL leaves a write-ahead log; without it the journal is that of some moments ago, and the results say what came since.
static void a_damaged_log_loses_nothing(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=600", "ALND_FAKE_SLOW=train", NULL};
    char *undisturbed = whole_campaign(&here);
    for (int way = 0; way < 3; way++) {
        pid_t pid = alnd_start(&here, start, env);
        wait_for_log(&here, "begin", "iterations/000/train/1", 1);
        kill(pid, SIGKILL);
        assert_int_equal(alnd_wait(pid), -SIGKILL);
        wait_for_log(&here, "end", "iterations/000/train/0", 1);
        wait_for_log(&here, "end", "iterations/000/train/1", 1);
        if (way == 0) overwrite("run/alnd.db-wal", 0, size_of("run/alnd.db-wal"));
        if (way == 1) assert_int_equal(truncate("run/alnd.db-wal", size_of("run/alnd.db-wal") / 2), 0);
        if (way == 2) overwrite("run/alnd.db-wal", size_of("run/alnd.db-wal") / 2, 3000);
        int rc = alnd_run(&here, start, NULL);
        if (rc != 0) { // all of the journal was in the log
            output_has(&here, "alnd recover ");
            must_run(&here, recover, NULL, 0);
        }
        must_end_as(&here, undisturbed);
        assert_int_equal(system("rm -rf run log"), 0);
    }
    free(undisturbed);
}

static void recovery_can_be_killed(void **state)
{
    (void)state;
    char *undisturbed = whole_campaign(&here);
    int n = 1;
    for (;; n++) {
        char at[64];
        const char *const env[] = {at, NULL};
        snprintf(at, sizeof at, "ALND_CRASH_AT=%d", n);
        must_run(&here, start, half, 1);
        first_page("run/alnd.db");
        int rc = alnd_run(&here, recover, env);
        if (rc == 0) break;
        assert_int_equal(rc, CRASH_EXIT);
        must_run(&here, recover, NULL, 0);
        must_end_as(&here, undisturbed);
        assert_int_equal(system("rm -rf run log"), 0);
    }
    printf("%d crash points\n", n - 1);
    assert_true(n > 10);
    must_end_as(&here, undisturbed);
    free(undisturbed);
}

static void what_recovery_refuses(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=1500", "ALND_FAKE_SLOW=train", NULL};
    static const char *const none[] = {"recover", "structures", NULL}, *const absent[] = {"recover", "nowhere", NULL};
    must_run(&here, none, NULL, 2);
    must_run(&here, absent, NULL, 2);
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    struct place other = here;
    snprintf(other.dir, sizeof other.dir, "%.200s/s", here.dir);
    (void)mkdir(other.dir, 0777);
    assert_int_equal(alnd_run(&other, recover, NULL), 4); // a daemon works on it
    assert_int_equal(alnd_wait(pid), 0);
    // other settings than those that the tasks were done with
    first_page("run/alnd.db");
    assert_int_equal(system("sed -i 's/^seed: 7/seed: 8/' run/inputs/loop.yaml"), 0);
    must_run(&here, recover, NULL, 1);
    output_has(&here, "was done with other settings");
    assert_int_not_equal(access("run/alnd.db.damaged.1", F_OK), 0);
    assert_int_not_equal(access("run/alnd.db.new", F_OK), 0);
    assert_int_equal(system("sed -i 's/^seed: 8/seed: 7/' run/inputs/loop.yaml"), 0);
    must_run(&here, recover, NULL, 0);
    must_run(&here, start, NULL, 0);
    output_has(&here, "nothing is left to do");
}

// Damaged results and descriptions beside the damaged journal: those tasks are done again, the others not.
static void damaged_tasks_are_done_again(void **state)
{
    (void)state;
    char *undisturbed = whole_campaign(&here);
    must_run(&here, start, half, 1);
    all_garbage("run/alnd.db");
    place_write(&here, "run/iterations/000/train/1/model.dp", "damaged");
    place_write(&here, "run/iterations/000/train/0/task.yaml", "damaged: [");
    place_write(&here, "run/initial/A/result.yaml", "\t");
    must_run(&here, recover, NULL, 0);
    must_run(&here, start, NULL, 0);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/1"), 2);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/0"), 1);
    assert_int_equal(log_count(&here, "begin", "initial/A"), 2);
    assert_int_equal(log_count(&here, "begin", "initial/B"), 1);
    char *now = journal_text(&here);
    assert_string_equal(now, undisturbed);
    free(now);
    free(undisturbed);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {CASE(every_damage_is_told_and_mended), CASE(a_finished_run_stays_finished),
                                       CASE(a_damaged_log_loses_nothing),     CASE(recovery_can_be_killed),
                                       CASE(what_recovery_refuses),           CASE(damaged_tasks_are_done_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
