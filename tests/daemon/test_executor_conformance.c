// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the loop relies on, of every executor alike: test_executor_conformance local | slurm | pbs | lsf | flux. Slurm must be there
// (tests/system/slurm.py conform starts one); fake_queue.py stands in for the others, and there makes trouble, too:
// test_executor_conformance pbs trouble.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/exec_queue.h"
#include "core/executor.h"
#include "support.h"

enum { NTASKS = 5, WAIT_S = 60 };

static struct place here;
static enum cfg_queue_system queue;
static double time_limit; // s, of what is submitted
// Another for each test of each run, as tokens are: words of hexadecimal digits.
static char run_token[24];

static int set_up(void **state)
{
    (void)state;
    static int test;
    char name[16];
    snprintf(run_token, sizeof run_token, "%lx%x", (long)getpid(), ++test + 16);
    place_make(&here, &(struct setting){0});
    for (int i = 0; i < NTASKS; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(mkdir(name, 0777), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    place_remove(&here);
    return 0;
}

static struct executor *make(const char *script, double heartbeat)
{
    static const struct cfg_queue cfg = {.grace = 3e16, .poll = 3e14, .jobs = 100, .launcher = {.n = 1, .v = {"nice"}}};
    char text[2048], worker[300];
    struct executor *x = NULL;
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    place_write(&here, "worker", text);
    assert_int_equal(chmod("worker", 0755), 0);
    snprintf(worker, sizeof worker, "%s/worker", here.dir);
    struct exec_queue_options s = {.system = queue, .run = here.dir, .worker = worker, .cfg = &cfg, .retries = 2, .heartbeat = heartbeat};
    struct exec_local_options l = {.run = here.dir, .worker = worker, .mpirun = FAKE_MPIRUN, .cores = 16, .heartbeat = heartbeat};
    enum al_err e = queue != CFG_NQUEUES ? exec_queue_create(&s, &x) : exec_local_create(&l, &x);
    assert_int_equal(e, AL_ERR_OK);
    assert_string_equal(x->ops->name, queue != CFG_NQUEUES ? cfg_queue_name(queue) : "local");
    return x;
}

static const char *token_of(const char *name)
{
    static char token[NTASKS][TASK_TOKEN];
    static int k;
    k = (k + 1) % NTASKS;
    snprintf(token[k], TASK_TOKEN, "%s%s", run_token, name);
    return token[k];
}

static void submit(struct executor *x, const char *task, const char *name, int ranks)
{
    const char *token = token_of(name);
    struct exec_spec s = {.task = task, .verb = "label", .token = token, .ranks = ranks, .threads = 1, .time = time_limit};
    long pid = 0;
    assert_true(x->ops->fits(x, &s));
    assert_int_equal(x->ops->submit(x, &s, &pid), AL_ERR_OK);
}

static bool next_end(struct executor *x, double limit, struct exec_end *ret)
{
    for (double end = al_clock() + limit; al_clock() < end; sleep_ms(20))
        if (x->ops->poll(x, ret)) return true;
    return false;
}

static struct exec_end wait_end(struct executor *x)
{
    struct exec_end e;
    if (!next_end(x, WAIT_S, &e)) fail_msg("no worker ended within %d s", WAIT_S);
    return e;
}

static void wait_file(struct executor *x, const char *path)
{
    struct exec_end e;
    for (double end = al_clock() + WAIT_S; access(path, F_OK) != 0; sleep_ms(20)) {
        if (x->ops->poll(x, &e)) fail_msg("%s ended with %d (%s) before there was %s", e.task, e.code, e.why, path);
        if (al_clock() > end) fail_msg("no %s", path);
    }
}

static void each_task_ends_once_with_its_code(void **state)
{
    (void)state;
    struct executor *x = make("case $2 in t3/*) exit 7;; esac; echo $ALND_TOKEN > ${2%/*}/token; exit 5", 60);
    char task[16], token[16];
    int seen[NTASKS] = {0};
    for (int i = 0; i < NTASKS; i++) {
        snprintf(task, sizeof task, "t%d", i);
        snprintf(token, sizeof token, "abc%d", i);
        submit(x, task, token, i == 1);
    }
    assert_int_equal(x->ops->count(x), NTASKS);
    for (int i = 0; i < NTASKS; i++) {
        struct exec_end e = wait_end(x);
        int k = e.task[1] - '0';
        assert_true(k >= 0 && k < NTASKS);
        seen[k]++;
        assert_int_equal(e.code, k == 3 ? 7 : 5);
        assert_false(e.hung || e.again || e.refused);
    }
    for (int i = 0; i < NTASKS; i++) {
        assert_int_equal(seen[i], 1);
        snprintf(task, sizeof task, "t%d/token", i);
        if (i == 3) continue;
        char *text = place_read(&here, task);
        snprintf(token, sizeof token, "abc%d", i);
        assert_int_equal(strncmp(text, token_of(token), strlen(text) - 1), 0);
        assert_int_equal(strlen(text) - 1, strlen(token_of(token)));
        free(text);
    }
    assert_int_equal(x->ops->count(x), 0);
    executor_destroy(&x);
}

static void the_worker_gets_what_it_needs_and_no_more(void **state)
{
    (void)state;
    setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
    setenv("ALND_CRASH_AT", "999999", 1);
    struct executor *x = make("env; pwd; echo \"args: $*\"; readlink /proc/self/fd/0; echo to-stderr >&2; echo x > t0/result.yaml", 60);
    submit(x, "t0", "aee", 0);
    assert_int_equal(wait_end(x).code, 0);
    unsetenv("ALND_CRASH_AT");
    char *log = place_read(&here, "t0/worker.log"), *cwd = realpath(here.dir, NULL);
    static const char *const wanted[] = {"OMP_NUM_THREADS=1\n", "OPENBLAS_NUM_THREADS=1\n", "ALND_TOKEN=", "PATH=", "/dev/null",
                                         "args: label t0/task.yaml", "to-stderr"};
    for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(log, wanted[i])) fail_msg("no %s in: %s", wanted[i], log);
    assert_non_null(strstr(log, cwd));
    assert_null(strstr(log, "hidden"));
    assert_null(strstr(log, "ALND_CRASH_AT"));
    free(cwd);
    free(log);
    executor_destroy(&x);
}

static void stop_lets_a_worker_save_its_state(void **state)
{
    (void)state;
    struct executor *x = make("echo > t0/ready; while [ ! -e t0/stop ]; do sleep 0.05; done; exit 3", 60);
    submit(x, "t0", "abc", 1);
    wait_file(x, "t0/ready");
    x->ops->cancel(x, "t0", EXEC_STOP);
    assert_int_equal(wait_end(x).code, 3);
    assert_int_equal(unlink("t0/ready"), 0);
    submit(x, "t0", "abd", 1); // the old request does not stop the new start
    wait_file(x, "t0/ready");
    assert_int_not_equal(access("t0/stop", F_OK), 0);
    x->ops->cancel(x, "t0", EXEC_KILL);
    wait_end(x);
    assert_int_equal(x->ops->count(x), 0);
    executor_destroy(&x);
}

static void a_silent_worker_is_killed(void **state)
{
    (void)state;
    struct executor *x = make("echo x > t0/heartbeat; trap '' TERM; while :; do sleep 0.1; done", 2);
    submit(x, "t0", "aff", 0);
    struct exec_end e = wait_end(x);
    assert_true(e.hung);
    assert_true(e.silent > 2 && e.silent < 30);
    executor_destroy(&x);
}

static void a_worker_is_adopted_by_its_token(void **state)
{
    (void)state;
    struct executor *first = make("echo > t0/ready; sleep 2; echo x > t0/result.yaml", 60), *second;
    long pid = 0;
    bool runs = false;
    submit(first, "t0", "ada", 0);
    wait_file(first, "t0/ready");
    executor_destroy(&first); // the daemon's death
    second = make("echo > t0/ready; sleep 2; echo x > t0/result.yaml", 60);
    struct exec_spec s = {.task = "t1", .verb = "label", .token = token_of("def"), .threads = 1};
    assert_int_equal(second->ops->adopt(second, &s, &pid, &runs), AL_ERR_OK);
    assert_false(runs);
    s = (struct exec_spec){.task = "t0", .verb = "label", .token = token_of("ada"), .threads = 1};
    assert_int_equal(second->ops->adopt(second, &s, &pid, &runs), AL_ERR_OK);
    assert_true(runs);
    assert_int_equal(second->ops->count(second), 1);
    struct exec_end e = wait_end(second);
    assert_string_equal(e.task, "t0");
    assert_false(e.hung || e.again || e.refused);
    assert_int_equal(access("t0/result.yaml", F_OK), 0); // not before it had ended
    executor_destroy(&second);
}

// What fake_queue.py is asked for by files.
static void ask(const char *what, bool on)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", getenv("ALND_FAKE_QUEUE"), what);
    if (!on) unlink(path);
    FILE *f = on ? fopen(path, "w") : NULL;
    if (f) fclose(f);
}

static void await(const char *what, struct executor *x)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", getenv("ALND_FAKE_QUEUE"), what);
    wait_file(x, path);
}

static int starts(void)
{
    char *text = place_read(&here, "t0/starts");
    int n = 0;
    for (char *p = text; *p; p++)
        n += *p == '\n';
    free(text);
    return n;
}

static void quiet(struct executor *x, double seconds)
{
    struct exec_end e;
    if (next_end(x, seconds, &e)) fail_msg("%s ended with %d (%s)", e.task, e.code, e.why);
}

static void says(const struct exec_end *e, const char *text)
{
    if (!strstr(e->why, text)) fail_msg("not '%s' but: %s (code %d)", text, e->why, e->code);
}

static void a_worker_is_told_before_its_limit_and_goes_on(void **state)
{
    (void)state;
    struct executor *x = make("echo done=4 total=10 > t0/progress; while [ ! -e t0/stop ]; do sleep 0.05; done; exit 3", 60);
    time_limit = queue == CFG_LSF ? 120 : 6; // a minute is 3 s there
    submit(x, "t0", "abc", 1);
    struct exec_end e = wait_end(x);
    assert_int_equal(e.code, 3);
    says(&e, "stopped before its time limit");
    assert_true(e.again && e.seconds > 1);
    submit(x, "t0", "abd", 1); // and no further
    e = wait_end(x);
    assert_int_equal(e.code, 3);
    says(&e, ".time may be too short");
    assert_false(e.again);
    time_limit = 0;
    executor_destroy(&x);
}

static void a_worker_killed_at_its_limit_has_failed(void **state)
{
    (void)state;
    struct executor *x = make("trap '' TERM INT; while :; do sleep 0.1; done", 60);
    time_limit = queue == CFG_LSF ? 60 : 3;
    submit(x, "t0", "abc", 1);
    struct exec_end e = wait_end(x);
    assert_int_equal(e.code, EXEC_UNKNOWN);
    assert_false(e.again || e.refused || e.hung);
    says(&e, queue == CFG_PBS ? "not in PBS's queue" : "at its time limit");
    time_limit = 0;
    executor_destroy(&x);
}

static void a_refused_job_is_told_with_its_reason(void **state)
{
    (void)state;
    struct executor *x = make("exit 5", 60);
    ask("refuse", true);
    submit(x, "t0", "abc", 0);
    struct exec_end e = wait_end(x);
    ask("refuse", false);
    assert_true(e.refused);
    says(&e, "refused the job");
    says(&e, "ueue");
    executor_destroy(&x);
}

static void nothing_is_submitted_twice_when_the_answer_is_lost(void **state)
{
    (void)state;
    static const char *const lost[] = {"lost-before", "lost-after"};
    for (int i = 0; i < 2; i++) {
        struct executor *x = make("echo x >> t0/starts; sleep 1; exit 5", 60);
        ask(lost[i], true);
        submit(x, "t0", i ? "abc" : "abd", 0);
        struct exec_end e = wait_end(x);
        assert_int_equal(e.code, 5);
        assert_int_equal(starts(), i + 1);
        executor_destroy(&x);
    }
}

static void a_daemon_killed_while_it_submits_finds_the_job(void **state)
{
    (void)state;
    struct executor *x = make("echo x >> t0/starts; echo > t0/ready; sleep 2; exit 5", 60);
    long pid = 0;
    bool runs = false;
    struct exec_end e;
    submit(x, "t0", "abc", 0);
    assert_false(x->ops->poll(x, &e)); // the command has been started, its answer not been read
    executor_destroy(&x);
    x = make("echo x >> t0/starts; echo > t0/ready; sleep 2; exit 5", 60);
    char token[TASK_TOKEN];
    snprintf(token, sizeof token, "%sabc", run_token);
    struct exec_spec s = {.task = "t0", .verb = "label", .token = token, .threads = 1};
    assert_int_equal(x->ops->adopt(x, &s, &pid, &runs), AL_ERR_OK);
    assert_true(runs);
    e = wait_end(x);
    assert_int_equal(e.code, 5);
    assert_int_equal(starts(), 1);
    executor_destroy(&x);
}

static void a_job_that_vanishes_has_failed(void **state)
{
    (void)state;
    struct executor *x = make("echo > t0/ready; sleep 50", 60);
    submit(x, "t0", "abc", 0);
    wait_file(x, "t0/ready");
    quiet(x, 1); // it has been seen
    ask("do-vanish", true);
    struct exec_end e = wait_end(x);
    assert_int_equal(e.code, EXEC_UNKNOWN);
    assert_false(e.again || e.refused || e.hung);
    says(&e, "not in");
    executor_destroy(&x);
}

static void a_job_started_again_goes_on_but_not_for_ever(void **state)
{
    (void)state;
    struct executor *x = make("echo x >> t0/starts; [ $(wc -l < t0/starts) != 2 ] || exit 5; sleep 50", 60);
    submit(x, "t0", "abc", 1);
    wait_file(x, "t0/starts");
    ask("do-requeue", true);
    assert_int_equal(wait_end(x).code, 5);
    assert_int_equal(starts(), 2);
    submit(x, "t0", "abd", 1); // two more times
    for (int n = 3; n < 6; n++) {
        for (int i = 0; i < 1000 && starts() < n; i++)
            quiet(x, 0.02);
        assert_int_equal(starts(), n);
        ask("do-requeue", true);
    }
    assert_int_equal(wait_end(x).code, 5);
    assert_int_equal(starts(), 5);
    char *log = place_read(&here, "t0/worker.log");
    assert_non_null(strstr(log, "given up"));
    free(log);
    executor_destroy(&x);
}

static void a_job_cancelled_by_somebody_is_no_success(void **state)
{
    (void)state;
    struct executor *x = make("echo > t0/ready; exec sleep 50", 60);
    submit(x, "t0", "abc", 0);
    wait_file(x, "t0/ready");
    quiet(x, 1);
    ask("do-cancel", true);
    struct exec_end e = wait_end(x);
    assert_int_equal(e.code, 143);
    assert_false(e.again || e.refused || e.hung);
    if (queue != CFG_PBS) says(&e, "not by alnd"); // which PBS does not tell
    executor_destroy(&x);
}

static void a_silent_queue_is_waited_for(void **state)
{
    (void)state;
    struct executor *x = make("echo > t0/ready; exit 5", 60);
    submit(x, "t0", "abc", 0);
    ask("mute", true);
    for (int i = 0; i < 100 && access("t0/ready", F_OK) != 0; i++)
        quiet(x, 0.1);
    assert_int_equal(access("t0/ready", F_OK), 0);
    quiet(x, 1);
    ask("mute", false);
    assert_int_equal(wait_end(x).code, 5);
    executor_destroy(&x);
}

static void a_full_queue_is_waited_for(void **state)
{
    (void)state;
    struct executor *x = make("echo > ${2%/*}/ready; exec sleep 50", 60);
    submit(x, "t0", "abc", 0);
    wait_file(x, "t0/ready");
    quiet(x, 0.5);
    ask("full", true);
    submit(x, "t1", "abd", 0);
    await("was-full", x);
    quiet(x, 0.5);
    ask("full", false);
    x->ops->cancel(x, "t1", EXEC_KILL);
    struct exec_end e = wait_end(x);
    assert_string_equal(e.task, "t1");
    says(&e, "before it was submitted");
    x->ops->cancel(x, "t0", EXEC_KILL);
    wait_end(x);
    executor_destroy(&x);
}

static void jobs_that_wait_are_cancelled(void **state)
{
    (void)state;
    struct executor *x = make("echo x >> t0/starts", 60);
    ask("hold", true);
    submit(x, "t0", "abc", 2); // alone: several ranks
    submit(x, "t1", "abd", 0); // an array
    submit(x, "t2", "abe", 0);
    quiet(x, 2); // under way, or in the queue
    for (int i = 0; i < 3; i++)
        x->ops->cancel(x, i == 0 ? "t0" : i == 1 ? "t1" : "t2", EXEC_STOP);
    for (int i = 0; i < 3; i++) {
        struct exec_end e = wait_end(x);
        assert_int_equal(e.code, EXEC_UNKNOWN);
        says(&e, "cancelled");
    }
    ask("hold", false);
    assert_int_equal(starts(), 0);
    executor_destroy(&x);
}

static void several_ranks_get_a_launcher(void **state)
{
    (void)state;
    char wanted[80];
    struct executor *x = make("echo \"$(nice) $*\" > t0/said; exit 5", 60);
    submit(x, "t0", "abc", 2);
    assert_int_equal(wait_end(x).code, 5);
    char *text = place_read(&here, "t0/said"); // nice -n 2 WORKER
    snprintf(wanted, sizeof wanted, "%d label t0/task.yaml\n", nice(0) + 2);
    assert_string_equal(text, wanted);
    free(text);
    struct exec_spec s = {.task = "t0", .verb = "label", .token = token_of("abd"), .ranks = 2, .threads = 1, .alone = true};
    long pid = 0;
    assert_int_equal(x->ops->submit(x, &s, &pid), AL_ERR_OK);
    assert_int_equal(wait_end(x).code, 5);
    text = place_read(&here, "t0/said"); // whose program has a launcher of its own
    snprintf(wanted, sizeof wanted, "%d label t0/task.yaml\n", nice(0));
    assert_string_equal(text, wanted);
    free(text);
    executor_destroy(&x);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_task_ends_once_with_its_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_worker_gets_what_it_needs_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_lets_a_worker_save_its_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_worker_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_is_adopted_by_its_token, set_up, tear_down),
    };
    const struct CMUnitTest trouble[] = {
        cmocka_unit_test_setup_teardown(a_worker_is_told_before_its_limit_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_killed_at_its_limit_has_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_job_is_told_with_its_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_submitted_twice_when_the_answer_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_daemon_killed_while_it_submits_finds_the_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_that_vanishes_has_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_started_again_goes_on_but_not_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_cancelled_by_somebody_is_no_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_queue_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_queue_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(jobs_that_wait_are_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_ranks_get_a_launcher, set_up, tear_down),
    };
    if (argc != 2 && argc != 3) return 2;
    struct cfg_resources named = {0};
    snprintf(named.executor, sizeof named.executor, "%s", argv[1]);
    queue = cfg_queue_of(&named);
    if (queue == CFG_NQUEUES && strcmp(argv[1], "local") != 0) return 2;
    return argc == 3 ? cmocka_run_group_tests(trouble, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
