// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What a machine can do to a campaign: a full disk, a directory that cannot be written, a clock that jumps, loop.yaml edited while the
// run goes on. Each with a message that says what it is, and nothing lost. `test_daemon_trouble LIB`: LIB is fake_clock.so.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/status.h"
#include "support.h"

static struct place here;
static const char *fake_clock;
static const char *const start[] = {"start", "loop.yaml", NULL}, *const again[] = {"start", "run", NULL},
                         *const status[] = {"status", "run", NULL};

static int make(const struct setting *s)
{
    place_make(&here, s);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return make(&(struct setting){.retries = 1, .ranks = 1, .temperatures = 2, .heartbeat_s = 3});
}

static int tear_down(void **state)
{
    (void)state;
    (void)umount2("run", MNT_DETACH);
    place_remove(&here);
    return 0;
}

// A file system of its own for run/, in a mount namespace of this process; false: not allowed here.
static bool mount_run(const char *options)
{
    static bool own;
    if (!own && (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)) {
        print_message("skipped: mounts are not allowed here (%s)\n", strerror(errno));
        return false;
    }
    own = true;
    char all[96]; // a directory that others may write to is refused
    snprintf(all, sizeof all, "%s,mode=755", options);
    (void)mkdir("run", 0777);
    if (mount("none", "run", "tmpfs", 0, all) != 0) {
        print_message("skipped: a tmpfs cannot be mounted here (%s)\n", strerror(errno));
        return false;
    }
    return true;
}

// The disk fills up at ever later moments of the campaign; room is made, and the run goes on.
static void fill_up(const char *format, int from, int step, int to)
{
    char *undisturbed = whole_campaign(&here);
    int full = 0, size = from;
    for (; size <= to; size += step) {
        char options[64];
        snprintf(options, sizeof options, format, size);
        if (!mount_run(options)) skip();
        int rc = alnd_run(&here, start, NULL);
        if (rc != 0) {
            assert_int_equal(rc, 1);
            full++;
            if (!output_says(&here, "No space left") && !output_says(&here, "full")) {
                char *out = place_read(&here, "out");
                fail_msg("%s: the message does not say that the disk is full:\n%s", options, out);
            }
        }
        assert_int_equal(mount("none", "run", "tmpfs", MS_REMOUNT, "size=64m,nr_inodes=10000"), 0);
        must_end_as(&here, undisturbed);
        assert_int_equal(umount2("run", MNT_DETACH), 0);
        assert_int_equal(unlink("log"), 0);
        if (rc == 0) break;
    }
    print_message("full at %d sizes, enough with %d\n", full, size);
    assert_true(full > 5);
    assert_true(size <= to);
    free(undisturbed);
}

static void a_full_disk(void **state)
{
    (void)state;
    fill_up("size=%dk", 8, 88, 2500);
}

static void no_inodes_left(void **state)
{
    (void)state;
    fill_up("size=64m,nr_inodes=%d", 4, 9, 600);
}

static void a_read_only_directory(void **state)
{
    (void)state;
    static const char *const fail[] = {"ALND_FAKE_FAIL=iterations/000/select:INPUT", NULL};
    char *undisturbed = whole_campaign(&here);
    if (!mount_run("size=64m")) skip();
    assert_int_equal(mount("none", "run", "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64m"), 0);
    must_run(&here, start, NULL, 1); // a new run
    output_has(&here, "Read-only file system");
    assert_int_equal(mount("none", "run", "tmpfs", MS_REMOUNT, "size=64m"), 0);
    must_run(&here, start, fail, 1);
    assert_int_equal(mount("none", "run", "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64m"), 0);
    int begun = log_count(&here, "begin", NULL);
    must_run(&here, start, NULL, 1); // one that has begun
    output_has(&here, "Read-only file system");
    assert_int_equal(log_count(&here, "begin", NULL), begun);
    must_run(&here, status, NULL, 0); // looking is allowed
    output_has(&here, "failed");
    assert_int_equal(mount("none", "run", "tmpfs", MS_REMOUNT, "size=64m"), 0);
    must_end_as(&here, undisturbed);
    free(undisturbed);
}

// The wall clock jumps at each look, and so do the times of the heartbeat files. Workers that beat live, one that hangs is found.
static void a_clock_that_jumps(void **state)
{
    (void)state;
    char preload[600];
    const char *const env[] = {preload, "ALND_FAKE_CLOCK=1", "ALND_FAKE_MS=5000", "ALND_FAKE_SLOW=train",
                               "ALND_FAKE_HANG=iterations/000/select:1", NULL};
    static const char *const json[] = {"status", "run", "--json", NULL};
    struct status s;
    if (!fake_clock) skip();
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", fake_clock);
    char *undisturbed = whole_campaign(&here);
    must_run(&here, start, env, 0);
    output_has(&here, "no heartbeat for 3 s: hung, killed");
    assert_nothing_twice(&here);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/0"), 1);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/1"), 1);
    assert_int_equal(log_count(&here, "begin", "iterations/000/select"), 2);
    char *now = journal_text(&here);
    assert_string_equal(now, undisturbed);
    must_run(&here, json, NULL, 0);
    char *text = place_read(&here, "out");
    assert_int_equal(status_from_json(text, &s), AL_ERR_OK);
    assert_true(s.seconds > 7 && s.seconds < 200); // time spent comes from the other clock
    // the clock did jump: the years in the log are not one
    assert_int_equal(system("test $(grep -o '^ts=[0-9]*' run/alnd.log | sort -u | wc -l) -gt 10"), 0);
    free(text);
    free(now);
    free(undisturbed);
}

// An edit of the run's own loop.yaml while the daemon works: no worker sees it, the next start judges it.
static void loop_yaml_edited_in_mid_run(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=1500", "ALND_FAKE_SLOW=train", NULL};
    char *undisturbed = whole_campaign(&here);
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    place_write(&here, "run/loop.yaml", "name: [broken\n");
    struct place other = here;
    snprintf(other.dir, sizeof other.dir, "%.200s/s", here.dir);
    (void)mkdir(other.dir, 0777);
    assert_int_equal(alnd_run(&other, status, NULL), 0);
    kill(pid, SIGKILL);
    assert_int_equal(alnd_wait(pid), -SIGKILL);
    assert_int_equal(alnd_run(&here, status, NULL), 0);
    must_run(&here, again, NULL, 2); // RUN/loop.yaml is what is read now
    output_has(&here, "loop.yaml:");
    must_end_as(&here, undisturbed); // the original still goes with the run
    free(undisturbed);
}

// Key by key: what is refused and why, what is taken over and logged.
static void what_may_change(void **state)
{
    (void)state;
    static const struct {
        const char *sed, *says; // "cannot change" or "taken over", with the key
        int code;
    } edits[] = {
        {"s/^seed: 7/seed: 8/", "loop.yaml: seed from 7 to 8 (line 2) cannot change any more: initial/A has been started", 2},
        {"s/frames: 5/frames: 6/", "initial.perturb.frames from 5 to 6 (line ", 2},
        {"s/committee: 2/committee: 3/", "train.committee from 2 to 3 (line ", 2},
        {"s/^label: {/label: {cutoff: 20 Ha, /", "label.cutoff from ", 2},
        {"s/committee: 2/committee: 3, steps: 77/;s/frames: 5/frames: 6/", "train.steps from ", 2},
        {"s/name: A,/name: A, supercell: [1, 1, 2],/", "systems.A.supercell from [1, 1, 1] to [1, 1, 2] (line ", 2},
        {"s/  - {name: A.*/&\\n  - {name: B, structure: structures\\/a.extxyz}/", "1 systems, now 2", 2},
        {"s/max_iterations: 1/max_iterations: 2/", "loop.yaml has changed (converge.max_iterations from 1 to 2 (line ", 1},
        {"s/cores: 4/cores: 3/", "resources.cores from 4 to 3 (line ", 1},
        {"s/retries: 1/retries: 2/;s/heartbeat: 3 s/heartbeat: 4 s/", "resources.retries from 1 to 2 (line ", 1},
        {"s/replicas: 1/replicas: 2/", "production.replicas from 1 to 2 (line ", 1}, // not begun yet
        {"s/^name: small/name: other/", "name from small to other (line 1)", 1},
        {"$ a # a remark", "loop.yaml has changed (settings that change no result)", 1},
    };
    static const char *const fail[] = {"ALND_FAKE_FAIL=iterations/000/select:INPUT", NULL}, *const not_below[] = {"ALND_FAKE_BELOW=9", NULL};
    char command[400];
    must_run(&here, start, fail, 1);
    for (unsigned i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        snprintf(command, sizeof command, "cp loop.yaml kept.yaml; sed -i '%s' loop.yaml; cmp -s loop.yaml kept.yaml", edits[i].sed);
        if (system(command) == 0) fail_msg("%s changes nothing", edits[i].sed);
        must_run(&here, start, fail, edits[i].code);
        output_has(&here, edits[i].says);
        if (edits[i].code == 2) {
            output_has(&here, "cannot change any more");
            output_has(&here, "hint: put the old values back");
            assert_int_equal(rename("kept.yaml", "loop.yaml"), 0);
            assert_int_equal(system("cmp -s loop.yaml run/inputs/loop.yaml"), 0); // nothing was taken over
        } else {
            output_has(&here, "): taken over");
            assert_int_equal(system("cmp -s loop.yaml run/inputs/loop.yaml && cmp -s loop.yaml run/loop.yaml"), 0);
            assert_int_equal(system("grep -q 'ev=config_changed' run/alnd.log"), 0);
        }
    }
    must_run(&here, start, not_below, 0);
    assert_nothing_twice(&here);
    assert_int_equal(log_count(&here, "end", "iterations/001/evaluate"), 1); // max_iterations 2
    assert_int_equal(log_count(&here, "end", "production/A-500K-1"), 1);     // replicas 2
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(int argc, char **argv)
{
    if (argc > 1) fake_clock = argv[1];
    const struct CMUnitTest tests[] = {CASE(a_full_disk),        CASE(no_inodes_left),           CASE(a_read_only_directory),
                                       CASE(a_clock_that_jumps), CASE(loop_yaml_edited_in_mid_run), CASE(what_may_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
