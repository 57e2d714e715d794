// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the loop relies on, of every executor alike: test_executor_conformance local | slurm | pbs | lsf | flux. Slurm must be there
// (tests/system/slurm.py conform starts one); fake_queue.py stands in for the others.
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

static int set_up(void **state)
{
    (void)state;
    char name[16];
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

// The script of a job takes tokens for words of hexadecimal digits, which those of tasks are.
static char run_token[16];

static const char *token_of(const char *name) // another for each run of the test, as tokens are
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
    struct exec_spec s = {.task = task, .verb = "label", .token = token, .ranks = ranks, .threads = 1};
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
    struct executor *x = make("env; pwd; echo \"args: $*\"; readlink /proc/self/fd/0; echo to-stderr >&2", 60);
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_task_ends_once_with_its_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_worker_gets_what_it_needs_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_lets_a_worker_save_its_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_worker_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_is_adopted_by_its_token, set_up, tear_down),
    };
    if (argc != 2) return 2;
    struct cfg_resources named = {0};
    snprintf(named.executor, sizeof named.executor, "%s", argv[1]);
    queue = cfg_queue_of(&named);
    if (queue == CFG_NQUEUES && strcmp(argv[1], "local") != 0) return 2;
    snprintf(run_token, sizeof run_token, "%lx", (long)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
