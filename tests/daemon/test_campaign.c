// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Whole campaigns by `alnd start` with the worker without physics: what ends well, what fails, what is
// interrupted.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/journal.h"
#include "core/proc.h"
#include "core/status.h"
#include "support.h"

static struct place here;
static const char *const start[] = {"start", "loop.yaml", NULL};

static int make(const struct setting *s)
{
    place_make(&here, s);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return make(&(struct setting){.retries = 1, .ranks = 1, .temperatures = 2});
}

static int tear_down(void **state)
{
    (void)state;
    place_remove(&here);
    return 0;
}

static void must_end(pid_t pid, int code)
{
    int rc = alnd_wait(pid);
    if (rc == code) return;
    char *out = place_read(&here, "out"), *log = place_read(&here, "run/alnd.log");
    fail_msg("alnd ended with %d, not %d; it said:\n%s\nalnd.log:\n%s", rc, code, out, log);
}

static void read_status(struct status *s)
{
    static const char *const args[] = {"status", "run", "--json", NULL};
    struct place other = here; // the output of the daemon that may be running is not overwritten
    snprintf(other.dir, sizeof other.dir, "%.200s/s", here.dir);
    (void)mkdir(other.dir, 0777);
    assert_int_equal(alnd_run(&other, args, NULL), 0);
    char *text = place_read(&other, "out");
    assert_int_equal(status_from_json(text, s), AL_ERR_OK);
    free(text);
}

static void a_campaign_runs_to_its_end(void **state)
{
    (void)state;
    static const char *const wanted[] = {"run/loop.yaml",
                                         "run/alnd.db",
                                         "run/alnd.log",
                                         "run/inputs/A.extxyz",
                                         "run/data/train/A/set.000",
                                         "run/data/test/A/set.001",
                                         "run/iterations/000/errors.yaml",
                                         "run/iterations/000/train/1/model.dp",
                                         "run/models/graph.0.dp",
                                         "run/production/A-500K-volume/volume.yaml",
                                         "run/production/A-500K-0",
                                         "run/transport/A.yaml",
                                         "run/report.html",
                                         NULL};
    struct status s;
    must_run(&here, start, NULL, 0);
    output_has(&here, "converged after 1 iterations");
    for (int i = 0; wanted[i]; i++)
        if (access(wanted[i], F_OK) != 0) fail_msg("%s is missing", wanted[i]);
    assert_int_not_equal(access("run/alnd.sock", F_OK), 0);
    assert_nothing_twice(&here);
    char *copy = place_read(&here, "run/loop.yaml"), *original = place_read(&here, "loop.yaml");
    assert_string_equal(copy, original);
    free(copy);
    free(original);
    read_status(&s);
    assert_string_equal(s.state, "finished");
    assert_int_equal(s.ntasks, s.count[TASK_DONE]);
    assert_int_equal(s.ntasks, 18);
    assert_int_equal(log_count(&here, "end", NULL), 18);
    must_run(&here, start, NULL, 0); // idempotent
    output_has(&here, "is finished; nothing is left to do");
    assert_int_equal(log_count(&here, "begin", NULL), 18);
}

// First-principles trajectories for the initial data, without perturbed frames; their worker is killed once.
static void initial_trajectories(void **state)
{
    (void)state;
    static const char *const crash[] = {"ALND_FAKE_CRASH=initial/A/aimd/600K-1GPa:1", NULL};
    place_config(&here,
                 &(struct setting){.retries = 1, .ranks = 1, .temperatures = 2, .aimd_only = true,
                                   .aimd = "aimd: {temperatures: [600 K, 900 K], pressures: [1 GPa]}"},
                 "loop.yaml");
    must_run(&here, start, crash, 0);
    assert_int_equal(log_count(&here, "begin", "initial/A/aimd/600K-1GPa"), 2);
    assert_int_equal(log_count(&here, "end", "initial/A/aimd/600K-1GPa"), 1);
    assert_int_equal(log_count(&here, "end", "initial/A/aimd/900K-1GPa"), 1);
    assert_int_equal(log_count(&here, "end", "initial/gather"), 1);
    char *text = place_read(&here, "run/initial/gather/task.yaml");
    assert_non_null(strstr(text, "initial/A/aimd/600K-1GPa"));
    assert_non_null(strstr(text, "initial/A/aimd/900K-1GPa"));
    free(text);
    assert_nothing_twice(&here);
}

static void not_converged_is_said(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_BELOW=9", NULL};
    must_run(&here, start, env, 0);
    output_has(&here, "NOT converged after 1 iterations");
}

static void nothing_selected_goes_on(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_SELECT=0", NULL};
    must_run(&here, start, env, 0);
    assert_int_equal(log_count(&here, "end", "iterations/000/label/A-000"), 0);
    assert_int_equal(log_count(&here, "end", "iterations/000/evaluate"), 1);
}

static void a_crashed_worker_is_started_again(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_CRASH=iterations/000/train/1:1", NULL};
    static const char *const errors[] = {"errors", "run", NULL};
    must_run(&here, start, env, 0);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/1"), 2);
    assert_int_equal(log_count(&here, "end", "iterations/000/train/1"), 1);
    must_run(&here, errors, NULL, 0);
    output_has(&here, "iterations/000/train/1, start 1 (transient)");
    output_has(&here, "killed by signal 9");
    output_has(&here, "run/iterations/000/train/1/worker.log");
    output_has(&here, "iteration 0: root-mean-square errors");
}

static void too_many_crashes_stop_the_campaign(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_CRASH=iterations/000/train/1:9", NULL};
    struct status s;
    must_run(&here, start, env, 1);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/1"), 2); // retries: 1
    output_has(&here, "alnd: task iterations/000/train/1 failed: killed by signal 9");
    output_has(&here, "iterations/000/train/1/worker.log");
    read_status(&s);
    assert_string_equal(s.state, "failed");
    assert_int_equal(s.count[TASK_FAILED], 1);
    assert_non_null(strstr(s.message, "iterations/000/train/1"));
    must_run(&here, start, NULL, 0); // the cause is mended: on it goes
    assert_nothing_twice(&here);
}

static void an_expected_failure_is_not_repeated(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_FAIL=iterations/000/select:INPUT", NULL};
    must_run(&here, start, env, 1);
    assert_int_equal(log_count(&here, "begin", "iterations/000/select"), 1);
    output_has(&here, "task iterations/000/select failed: made to fail");
    output_has(&here, "hint: unset ALND_FAKE_FAIL");
    must_run(&here, start, NULL, 0);
    assert_int_equal(log_count(&here, "end", "iterations/000/select"), 1);
    assert_int_equal(access("run/iterations/000/select/result.1.yaml", F_OK), 0);
}

static void a_transient_failure_is_repeated(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_FAIL=iterations/000/select:NOSPACE", NULL};
    must_run(&here, start, env, 1);
    assert_int_equal(log_count(&here, "begin", "iterations/000/select"), 2);
    output_has(&here, "(started 2 times)");
}

static void a_hanging_worker_is_killed_and_started_again(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_HANG=iterations/000/select:1", NULL};
    place_config(&here, &(struct setting){.retries = 1, .temperatures = 2, .heartbeat_s = 1}, "loop.yaml");
    must_run(&here, start, env, 0);
    assert_int_equal(log_count(&here, "begin", "iterations/000/select"), 2);
    output_has(&here, "no heartbeat for 1 s: hung, killed");
}

static void two_daemons_do_not_share_a_run(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=400", "ALND_FAKE_SLOW=train", NULL};
    pid_t first = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/0", 1);
    struct place other = here;
    snprintf(other.dir, sizeof other.dir, "%.200s/s", here.dir);
    assert_int_equal(mkdir(other.dir, 0777), 0);
    assert_int_equal(alnd_run(&other, start, NULL), 4);
    char *out = place_read(&other, "out"), pid[64];
    snprintf(pid, sizeof pid, "(process %d)", (int)first);
    assert_non_null(strstr(out, pid));
    free(out);
    must_end(first, 0);
    assert_nothing_twice(&here);
}

static void stop_and_go_on(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=1000", "ALND_FAKE_SLOW=train", NULL};
    static const char *const stop[] = {"stop", "run", NULL};
    struct status s;
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    sleep_ms(300);
    read_status(&s);
    assert_string_equal(s.state, "running");
    assert_int_equal(s.pid, pid);
    assert_int_equal(s.nrunning, 2);
    assert_true(s.running[0].total == 50 && s.running[0].done >= 5 && s.running[0].seconds > 0.1);
    struct place other = here;
    snprintf(other.dir, sizeof other.dir, "%.200s/s", here.dir);
    assert_int_equal(alnd_run(&other, stop, NULL), 0);
    must_end(pid, 3);
    output_has(&here, "stopped at: iteration 0: train");
    output_has(&here, "hint: alnd start ");
    read_status(&s);
    assert_string_equal(s.state, "stopped");
    assert_int_equal(s.count[TASK_PENDING], 2);
    // the workers had saved their state: 15 of 50 steps need not be done again
    char *steps = place_read(&here, "run/iterations/000/train/1/checkpoint");
    assert_true(strtol(steps, NULL, 10) >= 5);
    free(steps);
    pid = alnd_start(&here, start, env);
    sleep_ms(200);
    kill(pid, SIGINT); // Ctrl-C does the same
    must_end(pid, 3);
    must_run(&here, start, NULL, 0);
    assert_nothing_twice(&here);
}

static void a_second_signal_kills(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_HANG=iterations/000/select:9", NULL};
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/select", 1);
    kill(pid, SIGTERM); // this worker answers neither signal nor file
    sleep_ms(500);
    kill(pid, SIGTERM);
    must_end(pid, 3);
    must_run(&here, start, NULL, 0);
}

// SIGKILL of the daemon alone: the workers go on, the next daemon adopts them.
static void a_killed_daemon_leaves_its_workers(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=1500", "ALND_FAKE_SLOW=train", NULL};
    struct status s;
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    kill(pid, SIGKILL);
    assert_int_equal(alnd_wait(pid), -SIGKILL);
    read_status(&s);
    assert_string_equal(s.state, "interrupted");
    assert_int_equal(s.nrunning, 2);
    must_run(&here, start, env, 0);
    output_has(&here, "iterations/000/train/0 still runs: adopted");
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/0"), 1);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/1"), 1);
    assert_nothing_twice(&here);
}

// The daemon is killed, its workers end while nobody looks: their results are taken, not made again.
static void results_of_an_absent_daemon_are_taken(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=300", "ALND_FAKE_SLOW=train", NULL};
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    kill(pid, SIGKILL);
    assert_int_equal(alnd_wait(pid), -SIGKILL);
    wait_for_log(&here, "end", "iterations/000/train/0", 1);
    wait_for_log(&here, "end", "iterations/000/train/1", 1);
    must_run(&here, start, env, 0);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/0"), 1);
    assert_nothing_twice(&here);
}

// The workers that the journal knows as running.
static int kill_workers(void)
{
    struct journal *j = NULL;
    struct view *v = NULL;
    int n = 0;
    assert_int_equal(journal_open("run/alnd.db", false, &j), AL_ERR_OK);
    assert_int_equal(view_create(&v), AL_ERR_OK);
    assert_int_equal(journal_load(j, v), AL_ERR_OK);
    for (int i = 0; i < v->ntasks; i++)
        if (v->task[i].state == TASK_INFLIGHT && proc_has_token(v->task[i].pid, v->task[i].token))
            n += proc_kill_session(v->task[i].pid, SIGKILL);
    view_destroy(&v);
    journal_destroy(&j);
    return n;
}

// SIGKILL of daemon and workers together, in training: the unfinished tasks are done again, the finished ones
// not; the end is that of a campaign that nobody disturbed.
static void daemon_and_workers_killed_together(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=1000", "ALND_FAKE_SLOW=train", NULL};
    struct status s;
    must_run(&here, start, NULL, 0);
    char *undisturbed = journal_text(&here);
    assert_int_equal(system("rm -rf run log"), 0);
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    read_status(&s);
    kill(pid, SIGKILL);
    assert_int_equal(alnd_wait(pid), -SIGKILL);
    assert_int_equal(kill_workers(), 2);
    must_run(&here, start, NULL, 0);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/0"), 2);
    assert_int_equal(log_count(&here, "begin", "initial/A"), 1);
    assert_nothing_twice(&here);
    char *text = journal_text(&here);
    assert_string_equal(text, undisturbed);
    free(text);
    free(undisturbed);
}

static void bad_input_creates_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *extra, *message;
    } bad[] = {
        {"nonsense: 1\n", "loop.yaml:"},
        {"select: {max_frame: 3}\n", "max_frame"},
        {"test: {frames: many}\n", "loop.yaml:"},
        {"select: {trust: {low: 5}}\n", "loop.yaml:"},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        place_config(&here, &(struct setting){.extra = bad[i].extra}, "loop.yaml");
        must_run(&here, start, NULL, 2);
        output_has(&here, bad[i].message);
        assert_int_not_equal(access("run", F_OK), 0);
    }
    place_config(&here, &(struct setting){0}, "loop.yaml");
    assert_int_equal(rename("structures/a.extxyz", "structures/b.extxyz"), 0);
    must_run(&here, start, NULL, 2); // no structure
    output_has(&here, "loop.yaml:");
    assert_int_equal(rename("structures/b.extxyz", "structures/a.extxyz"), 0);
    assert_int_equal(unlink("pseudo/16_S_1.psp8"), 0);
    must_run(&here, start, NULL, 2); // no pseudopotential
    output_has(&here, "pseudopotential of S");
    const char *const env[] = {"ALND_WORKER=/no/such/worker", NULL};
    place_write(&here, "pseudo/16_S_1.psp8", "S\n");
    must_run(&here, start, env, 2);
    output_has(&here, "/no/such/worker");
    static const char *const absent[] = {"start", "no.yaml", NULL}, *const usage[] = {"start", NULL},
                             *const option[] = {"start", "loop.yaml", "--fast", NULL},
                             *const none[] = {"nothing", NULL};
    must_run(&here, absent, NULL, 2);
    must_run(&here, usage, NULL, 2);
    must_run(&here, option, NULL, 2);
    must_run(&here, none, NULL, 2);
    assert_int_not_equal(access("run", F_OK), 0);
    assert_int_equal(mkdir("run", 0777), 0); // a directory of somebody else
    place_write(&here, "run/thesis.tex", "");
    must_run(&here, start, NULL, 2);
    output_has(&here, "is no run directory");
    assert_int_not_equal(access("run/alnd.lock", F_OK), 0);
}

static void a_changed_config(void **state)
{
    (void)state;
    const char *const fail[] = {"ALND_FAKE_FAIL=iterations/000/train/1:INPUT", NULL};
    must_run(&here, start, fail, 1); // initial data and training are under way
    place_config(&here, &(struct setting){.extra = "initial: {perturb: {frames: 6}}\n"}, "loop.yaml");
    char *text = place_read(&here, "loop.yaml"), *twice = strstr(text, "initial: {perturb: {frames: 5}}\n");
    assert_non_null(twice);
    memmove(twice, strchr(twice, '\n') + 1, strlen(strchr(twice, '\n')));
    place_write(&here, "loop.yaml", text);
    free(text);
    must_run(&here, start, NULL, 2);
    output_has(&here, "loop.yaml: initial.perturb.frames from 5 to 6 (line 12) cannot change any more: initial/A has been started with the "
               "old value");
    output_has(&here, "hint: put the old values back");
    // what has not been used yet, and what is no physics, may change
    place_config(&here,
                 &(struct setting){.temperatures = 2,
                                   .retries = 3,
                                   .cores = 2,
                                   .max_iterations = 2,
                                   .extra = "select: {max_frames: 7}\n"},
                 "loop.yaml");
    must_run(&here, start, NULL, 0);
    output_has(&here, "loop.yaml has changed (");
    char *copy = place_read(&here, "run/loop.yaml"), *now = place_read(&here, "loop.yaml");
    assert_string_equal(copy, now);
    free(copy);
    free(now);
    place_write(&here, "structures/a.extxyz",
                "2\nLattice=\"6 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\n"
                "Li 0 0 0\nS 2.5 2.5 2.5\n");
    must_run(&here, start, NULL, 2);
    output_has(&here, "the structure of A has changed");
    place_write(&here, "pseudo/03_Li_1.psp8", "other\n");
}

static void another_pseudopotential_is_noticed(void **state)
{
    (void)state;
    const char *const fail[] = {"ALND_FAKE_FAIL=iterations/000/train/1:INPUT", NULL};
    must_run(&here, start, fail, 1);
    place_write(&here, "pseudo/03_Li_1.psp8", "other\n");
    must_run(&here, start, NULL, 2);
    output_has(&here, "the pseudopotential files have changed");
}

static void a_moved_run_goes_on(void **state)
{
    (void)state;
    const char *const fail[] = {"ALND_FAKE_FAIL=iterations/000/select:INPUT", NULL};
    static const char *const moved[] = {"start", "elsewhere", NULL};
    must_run(&here, start, fail, 1);
    assert_int_equal(rename("run", "elsewhere"), 0);
    assert_int_equal(system("rm -rf structures pseudo loop.yaml"),
                     0); // the run directory is complete in itself
    must_run(&here, moved, NULL, 0);
    assert_int_not_equal(access("run", F_OK), 0);
    assert_int_equal(access("elsewhere/report.html", F_OK), 0);
    assert_nothing_twice(&here);
}

static void a_damaged_artefact_is_made_again(void **state)
{
    (void)state;
    // the daemon dies; the worker's result is whole, but an artefact is not
    const char *const env[] = {"ALND_FAKE_MS=300", "ALND_FAKE_SLOW=train", NULL};
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    kill(pid, SIGKILL);
    assert_int_equal(alnd_wait(pid), -SIGKILL);
    wait_for_log(&here, "end", "iterations/000/train/1", 1);
    place_write(&here, "run/iterations/000/train/1/model.dp", "damaged");
    must_run(&here, start, NULL, 0);
    output_has(&here, "does not have its checksum; starting again");
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/1"), 2);
    assert_int_equal(log_count(&here, "begin", "iterations/000/train/0"), 1);
}

static void detached(void **state)
{
    (void)state;
    static const char *const args[] = {"start", "--detach", "loop.yaml", NULL}, *const stop[] = {"stop",
                                                                                                 "run", NULL};
    const char *const env[] = {"ALND_FAKE_MS=5000", "ALND_FAKE_SLOW=train", NULL};
    struct status s;
    must_run(&here, args, env, 0);
    output_has(&here, "alnd works in the background");
    wait_for_log(&here, "begin", "iterations/000/train/0", 1);
    read_status(&s);
    assert_string_equal(s.state, "running");
    must_run(&here, stop, NULL, 0);
    read_status(&s);
    assert_string_equal(s.state, "stopped");
    place_config(&here, &(struct setting){.extra = "nonsense: 1\n"}, "loop.yaml");
    must_run(&here, args, NULL, 2);
}

static void export_and_describe(void **state)
{
    (void)state;
    static const char *const export[] = {"export", "run", "out.d", NULL},
                             *const describe[] = {"describe", "converge", NULL},
                             *const version[] = {"--version", NULL},
                             *const unknown[] = {"describe", "nonsense", NULL},
                             *const errors[] = {"errors", "run", "-i", "7", NULL},
                             *const json[] = {"errors", "run", "--json", NULL};
    static const char *const wanted[] = {"models/graph.0.dp",
                                         "data/train/A/set.000/energy.npy",
                                         "data/test/A/set.001/energy.npy",
                                         "errors/000.yaml",
                                         "lammps/in.A",
                                         "lammps/A.data",
                                         "ase_md.py",
                                         "convert.sh",
                                         "pbfix.py",
                                         "README.md",
                                         "loop.yaml",
                                         "transport/A.yaml",
                                         "structures/A.extxyz",
                                         NULL};
    const char *const fail[] = {"ALND_FAKE_FAIL=iterations/000/select:INPUT", NULL};
    must_run(&here, start, fail, 1);
    must_run(&here, export, NULL, 2); // nothing published yet
    assert_int_not_equal(access("out.d", F_OK), 0);
    must_run(&here, start, NULL, 0);
    must_run(&here, export, NULL, 0);
    for (int i = 0; wanted[i]; i++) {
        char path[300];
        struct stat st;
        snprintf(path, sizeof path, "out.d/%s", wanted[i]);
        if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || !st.st_size)
            fail_msg("%s is missing or no file", path);
    }
    char *card = place_read(&here, "out.d/README.md"), *in = place_read(&here, "out.d/lammps/in.A");
    assert_non_null(strstr(card, "elements Li S, in this order"));
    assert_non_null(strstr(in, "pair_coeff      * * Li S\n"));
    free(card);
    free(in);
    must_run(&here, export, NULL, 2); // not empty
    must_run(&here, json, NULL, 0);
    output_has(&here, "{\"iterations\":[{\"iteration\":0,");
    output_has(&here, "\"failures\":[{\"task\":\"iterations/000/select\"");
    must_run(&here, errors, NULL, 2);
    must_run(&here, describe, NULL, 0);
    output_has(&here, "converge.patience");
    must_run(&here, unknown, NULL, 2);
    must_run(&here, version, NULL, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_campaign_runs_to_its_end),
        CASE(initial_trajectories),
        CASE(not_converged_is_said),
        CASE(nothing_selected_goes_on),
        CASE(a_crashed_worker_is_started_again),
        CASE(too_many_crashes_stop_the_campaign),
        CASE(an_expected_failure_is_not_repeated),
        CASE(a_transient_failure_is_repeated),
        CASE(a_hanging_worker_is_killed_and_started_again),
        CASE(two_daemons_do_not_share_a_run),
        CASE(stop_and_go_on),
        CASE(a_second_signal_kills),
        CASE(a_killed_daemon_leaves_its_workers),
        CASE(results_of_an_absent_daemon_are_taken),
        CASE(daemon_and_workers_killed_together),
        CASE(bad_input_creates_nothing),
        CASE(a_changed_config),
        CASE(another_pseudopotential_is_noticed),
        CASE(a_moved_run_goes_on),
        CASE(a_damaged_artefact_is_made_again),
        CASE(detached),
        CASE(export_and_describe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
