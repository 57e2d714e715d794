// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The local executor with small programs as workers, and the files and sockets around it.
#include <errno.h>
#include <fcntl.h>

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/control.h"
#include "core/executor.h"
#include "core/proc.h"
#include "core/status.h"
#include "core/taskfile.h"
#include "support.h"

static struct place here;

static int set_up(void **state)
{
    (void)state;
    place_make(&here, &(struct setting){0});
    assert_int_equal(mkdir("t1", 0777), 0);
    assert_int_equal(mkdir("t2", 0777), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    place_remove(&here);
    return 0;
}

static struct executor *make(const char *script, const char *mpirun, int cores, double heartbeat)
{
    char text[2048];
    struct executor *x = NULL;
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    place_write(&here, "worker", text);
    assert_int_equal(chmod("worker", 0755), 0);
    char worker[300];
    snprintf(worker, sizeof worker, "%s/worker", here.dir);
    struct exec_local_options o = {
        .run = here.dir, .worker = worker, .mpirun = mpirun, .cores = cores, .heartbeat = heartbeat, .pin = true};
    assert_int_equal(exec_local_create(&o, &x), AL_ERR_OK);
    return x;
}

static long submit(struct executor *x, const char *task, int ranks, int threads)
{
    struct exec_spec s = {.task = task, .verb = "label", .token = task, .ranks = ranks, .threads = threads};
    long pid = 0;
    assert_int_equal(x->ops->submit(x, &s, &pid), AL_ERR_OK);
    assert_true(pid > 0);
    return pid;
}

static struct exec_end wait_end(struct executor *x)
{
    struct exec_end end;
    for (int i = 0; i < 2000; i++) {
        if (x->ops->poll(x, &end)) return end;
        sleep_ms(5);
    }
    fail_msg("no worker ended");
    return end;
}

static void exit_codes_come_back(void **state)
{
    (void)state;
    struct executor *x = make("case $2 in t1/*) exit 7;; *) kill -SEGV $$;; esac", "mpirun", 4, 60);
    submit(x, "t1", 0, 1);
    struct exec_end e = wait_end(x);
    assert_string_equal(e.task, "t1");
    assert_int_equal(e.code, 7);
    submit(x, "t2", 0, 1);
    e = wait_end(x);
    assert_int_equal(e.code, -SIGSEGV);
    assert_false(e.hung);
    assert_int_equal(x->ops->count(x), 0);
    executor_destroy(&x);
}

static void the_environment_is_short(void **state)
{
    (void)state;
    setenv("AWS_SECRET_ACCESS_KEY", "hidden", 1);
    setenv("LD_PRELOAD_NOT", "hidden", 1);
    setenv("ALND_CRASH_AT", "999999", 1);
    setenv("OPENBLAS_NUM_THREADS", "7", 1);
    setenv("OPENBLAS_VERBOSE", "0", 1); // stands for OPENBLAS_CORETYPE, which changes this very process
    struct executor *x = make(
        "env; pwd; echo \"args: $*\"; readlink /proc/self/fd/0; ls /proc/self/fd | wc -l", "mpirun", 4, 60);
    submit(x, "t1", 0, 3);
    assert_int_equal(wait_end(x).code, 0);
    unsetenv("ALND_CRASH_AT");
    char *log = place_read(&here, "t1/worker.log"), *cwd = realpath(here.dir, NULL);
    assert_null(strstr(log, "hidden"));
    assert_null(strstr(log, "ALND_CRASH_AT"));
    assert_non_null(strstr(log, "OMP_NUM_THREADS=3"));
    assert_non_null(strstr(log, "OPENBLAS_NUM_THREADS=3"));
    assert_null(strstr(log, "OPENBLAS_NUM_THREADS=7"));
    assert_non_null(strstr(log, "OPENBLAS_VERBOSE=0"));
    assert_non_null(strstr(log, "ALND_TOKEN=t1"));
    assert_non_null(strstr(log, "PATH="));
    assert_non_null(strstr(log, "args: label t1/task.yaml"));
    assert_non_null(strstr(log, "/dev/null"));
    assert_non_null(strstr(log, cwd));
    free(cwd);
    free(log);
    executor_destroy(&x);
}

static void tasks_are_packed_into_the_cores(void **state)
{
    (void)state;
    struct executor *x = make("sleep 0.2", FAKE_MPIRUN, 4, 60);
    struct exec_spec big = {.task = "t1", .ranks = 8, .threads = 1},
                     two = {.task = "t2", .ranks = 2, .threads = 1},
                     three = {.task = "t2", .ranks = 0, .threads = 3};
    assert_true(x->ops->fits(x, &big)); // more than there is: alone
    submit(x, "t1", 1, 2);
    assert_true(x->ops->fits(x, &two));
    assert_false(x->ops->fits(x, &three));
    assert_false(x->ops->fits(x, &big));
    wait_end(x);
    assert_true(x->ops->fits(x, &three));
    executor_destroy(&x);
}

static void a_worker_alone_counts_the_ranks_that_it_starts(void **state)
{
    struct executor *x = make("sleep 0.2; test -z \"$OMPI_COMM_WORLD_SIZE\"", ALND_MPIRUN, 4, 60);
    struct exec_spec alone = {"t1", "label", "alone", .ranks = 4, .threads = 1, .alone = true}, one = {.task = "t2", .ranks = 1, .threads = 1};
    long pid;
    assert_int_equal(x->ops->submit(x, &alone, &pid), AL_ERR_OK);
    assert_false(x->ops->fits(x, &one));
    assert_int_equal(wait_end(x).code, 0);
    (void)state;
    executor_destroy(&x);
}

static void a_silent_worker_is_killed_with_its_children(void **state)
{
    (void)state;
    // beats once, then hangs with a child in a process group of its own, as mpirun's ranks are
    struct executor *x =
        make("echo x > t1/heartbeat; set -m; sleep 300 & echo $! > t1/child; wait", "mpirun", 4, 0.5);
    double start = al_clock();
    submit(x, "t1", 0, 1);
    struct exec_end e = wait_end(x);
    assert_true(e.hung);
    assert_int_equal(e.code, -SIGKILL);
    assert_true(e.silent > 0.5 && al_clock() - start > 0.5);
    char *child = place_read(&here, "t1/child");
    long pid = strtol(child, NULL, 10);
    free(child);
    assert_true(pid > 1);
    for (int i = 0; i < 100 && kill((pid_t)pid, 0) == 0;
         i++) // gone, or a zombie that init has not buried yet
        sleep_ms(10);
    char stat[64], text[256] = "";
    snprintf(stat, sizeof stat, "/proc/%ld/stat", pid);
    FILE *in = fopen(stat, "r");
    if (in) {
        assert_non_null(fgets(text, sizeof text, in));
        fclose(in);
        assert_non_null(strstr(text, ") Z"));
    }
    executor_destroy(&x);
}

static void a_beating_worker_lives(void **state)
{
    (void)state;
    struct executor *x =
        make("for i in 1 2 3 4 5 6 7 8; do echo $i > t1/heartbeat; sleep 0.1; done", "mpirun", 4, 0.4);
    submit(x, "t1", 0, 1);
    struct exec_end e = wait_end(x);
    assert_false(e.hung);
    assert_int_equal(e.code, 0);
    executor_destroy(&x);
}

static void stop_is_a_file_and_a_signal(void **state)
{
    (void)state;
    struct executor *x =
        make("trap 'exit 3' TERM; echo > t1/ready; while :; do sleep 0.05; done", "mpirun", 4, 60);
    submit(x, "t1", 0, 1);
    for (int i = 0; i < 200 && access("t1/ready", F_OK) != 0; i++)
        sleep_ms(10);
    x->ops->cancel(x, "t1", EXEC_STOP);
    assert_int_equal(access("t1/stop", F_OK), 0);
    assert_int_equal(wait_end(x).code, 3);
    submit(x, "t1", 0, 1); // the old request must not stop the new start
    assert_int_not_equal(access("t1/stop", F_OK), 0);
    sleep_ms(50);
    x->ops->cancel(x, "t1", EXEC_KILL);
    assert_int_equal(wait_end(x).code, -SIGKILL);
    executor_destroy(&x);
}

// A second executor (the daemon after its death) finds the worker by its token and sees it end.
static void a_worker_is_adopted_by_its_token(void **state)
{
    (void)state;
    struct executor *first = make("sleep 0.4", "mpirun", 4, 60), *second;
    long pid = submit(first, "t1", 0, 1), found = 0;
    bool runs = false;
    sleep_ms(50); // until exec has set the environment
    second = make("sleep 0.4", "mpirun", 4, 60);
    struct exec_spec s = {.task = "t1", .verb = "label", .token = "t1", .threads = 1};
    assert_int_equal(second->ops->adopt(second, &s, &found, &runs), AL_ERR_OK);
    assert_true(runs);
    assert_int_equal(found, pid);
    struct exec_end e;
    assert_false(second->ops->poll(second, &e));
    assert_int_equal(wait_end(first).code, 0);
    assert_int_equal(wait_end(second).code, EXEC_UNKNOWN);
    s.token = "another";
    assert_int_equal(second->ops->adopt(second, &s, &found, &runs), AL_ERR_OK);
    assert_false(runs);
    executor_destroy(&first);
    executor_destroy(&second);
}

static void real_mpirun_starts_ranks(void **state)
{
    (void)state;
    struct executor *x =
        make("echo rank=$OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE threads $OMP_NUM_THREADS", ALND_MPIRUN,
             4, 60);
    submit(x, "t1", 2, 1);
    struct exec_end e = wait_end(x);
    char *log = place_read(&here, "t1/worker.log");
    if (e.code != 0) fail_msg("mpirun ended with %d: %s", e.code, log);
    assert_non_null(strstr(log, "rank=0 of 2 threads 1"));
    assert_non_null(strstr(log, "rank=1 of 2 threads 1"));
    free(log);
    executor_destroy(&x);
}

// The processors that the rank of this task may use.
static void processors_of(const char *task, cpu_set_t *ret)
{
    char path[64];
    snprintf(path, sizeof path, "%s/worker.log", task);
    char *log = place_read(&here, path), *at = strstr(log, "list:");
    CPU_ZERO(ret);
    assert_non_null(at);
    for (at += 5; *at && *at != '\n';) {
        long a = strtol(at, &at, 10), b = *at == '-' ? strtol(at + 1, &at, 10) : a;
        for (long c = a; c <= b; c++)
            CPU_SET(c, ret);
        if (*at == ',') at++;
    }
    assert_true(CPU_COUNT(ret) > 0);
    free(log);
}

static void mpirun_jobs_are_on_different_processors(void **state)
{
    (void)state;
    cpu_set_t all, one, two, both;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    if (CPU_COUNT(&all) < 2) skip();
    struct executor *x = make("grep Cpus_allowed_list /proc/self/status; touch ${2%/*}/up; for i in $(seq 100); do [ -e t1/up ] && [ -e t2/up ] && exit 0; "
                              "sleep 0.1; done; exit 1", ALND_MPIRUN, CPU_COUNT(&all), 60);
    submit(x, "t1", 1, 1);
    submit(x, "t2", 1, 1);
    assert_int_equal(wait_end(x).code, 0); // each has seen the other
    assert_int_equal(wait_end(x).code, 0);
    processors_of("t1", &one);
    processors_of("t2", &two);
    CPU_AND(&both, &one, &two);
    assert_int_equal(CPU_COUNT(&both), 0);
    assert_int_equal(CPU_COUNT(&one), 1);
    executor_destroy(&x);
    // a part of the machine: where the others are is not known, so nothing is bound
    x = make("grep Cpus_allowed_list /proc/self/status", ALND_MPIRUN, 1, 60);
    assert_int_equal(unlink("t1/worker.log"), 0);
    submit(x, "t1", 1, 1);
    assert_int_equal(wait_end(x).code, 0);
    processors_of("t1", &one);
    assert_true(CPU_EQUAL(&one, &all));
    executor_destroy(&x);
}

static struct exec_end run_limited(const char *script, double memory, double seconds)
{
    struct executor *x = make(script, "mpirun", 4, 60);
    struct exec_spec s = {.task = "t1", .verb = "label", .token = "t1", .threads = 1, .memory = memory, .time = seconds};
    long pid;
    assert_int_equal(x->ops->submit(x, &s, &pid), AL_ERR_OK);
    struct exec_end e = wait_end(x);
    executor_destroy(&x);
    return e;
}

static void limits_are_enforced(void **state)
{
    (void)state;
    double start = al_clock();
    struct exec_end e = run_limited("sleep 300 & echo $! > t1/child; wait", 0, 0.5);
    assert_int_equal(e.code, -SIGKILL);
    assert_false(e.hung);
    assert_non_null(strstr(e.why, "over its time limit of 0.5 s"));
    assert_true(al_clock() - start > 0.5 && al_clock() - start < 60);
    char *child = place_read(&here, "t1/child");
    for (int i = 0; i < 200 && !proc_is_dead(strtol(child, NULL, 10)); i++)
        sleep_ms(10);
    assert_true(proc_is_dead(strtol(child, NULL, 10)));
    free(child);
    e = run_limited("x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 300", 40, 0);
    assert_int_equal(e.code, -SIGKILL);
    assert_non_null(strstr(e.why, "over its memory limit of 40 MiB"));
    e = run_limited("sleep 2; exit 4", 40, 30);
    assert_int_equal(e.code, 4);
    assert_string_equal(e.why, "");
}

#define ID64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum al_err read_result(const char *text)
{
    struct task_result *r = NULL;
    place_write(&here, "t1/result.yaml", text);
    enum al_err e = task_result_read(here.dir, "t1", &r);
    if (!e) e = task_result_check(here.dir, r, ID64);
    task_result_destroy(&r);
    return e;
}

static void results_are_checked(void **state)
{
    (void)state;
    struct task_result *r = NULL;
    assert_int_equal(task_result_read(here.dir, "t1", &r), AL_ERR_NOTFOUND);
    assert_int_equal(
        read_result("task: t1\nidentity: " ID64 "\nstatus: done\nfacts:\n  n: 1\nartifacts: []\n"),
        AL_ERR_OK);
    assert_int_equal(read_result("format: 2\ntask: t1\nidentity: " ID64 "\nstatus: done\nfacts:\n  n: 1\nend: true\n"), AL_ERR_OK);
    assert_int_equal(read_result("format: 2\ntask: t1\nidentity: " ID64 "\nstatus: done\nfacts:\n  n: 1\n"), AL_ERR_CORRUPT);
    assert_int_equal(read_result("task: t1\nidentity: " ID64 "\nstatus: done\nfacts:\nartifacts:\n"),
                     AL_ERR_OK);
    static const char *const bad[] = {
        "",
        "garbage",
        "task: t1\n",
        "task: t2\nidentity: " ID64 "\nstatus: done\n",
        "task: t1\nidentity: 12\nstatus: done\n",
        "task: t1\nidentity: " ID64 "\nstatus: perhaps\n",
        "task: t1\nidentity: ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nstatus: "
        "done\n",
        "task: t1\nidentity: " ID64 "\nstatus: done\nartifacts:\n  - {path: t1/absent, sha256: " ID64 "}\n",
        "task: t1\nidentity: " ID64 "\nstatus: done\nartifacts:\n  - {path: loop.yaml, sha256: " ID64
        "}\n", // wrong checksum
        "task: t1\nidentity: " ID64 "\nstatus: done\nartifacts:\n  - {path: ../../etc/passwd, sha256: " ID64
        "}\n",
        "task: t1\nidentity: " ID64 "\nstatus: done\nartifacts:\n  - {path: t1/../../x, sha256: " ID64 "}\n",
        "task: t1\nidentity: " ID64 "\nstatus: done\nartifacts:\n  - {path: /etc/passwd, sha256: " ID64 "}\n",
        "task: t1\nidentity: " ID64 "\nstatus: done\nfacts: {n: [1, 2]}\n",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_result(bad[i]) != AL_ERR_CORRUPT)
            fail_msg("accepted or another error (%s): %s", al_err_message(), bad[i]);
    assert_int_equal(task_result_put_aside(here.dir, "t1", 4), AL_ERR_OK);
    assert_int_equal(access("t1/result.4.yaml", F_OK), 0);
    assert_int_not_equal(access("t1/result.yaml", F_OK), 0);
}

static enum al_err echo(void *ctx, const char *request, char **ret)
{
    (*(int *)ctx)++;
    return json_reply(true, request, ret);
}

static int connect_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static enum al_err large_answer(void *ctx, const char *request, char **ret)
{
    enum { N = 4 << 20 }; // more than a socket holds
    (void)request;
    (*(int *)ctx)++;
    char *text = NULL;
    AL_TRY(al_alloc(N + 1, 1, &text));
    memset(text, 'x', N);
    *ret = text;
    return AL_ERR_OK;
}

// Clients that say nothing, say too much, or do not take their answer: the daemon is never held up, and the next is served.
static void bad_clients_hold_nothing(void **state)
{
    (void)state;
    struct control *c = NULL;
    struct pollfd fds[CONTROL_CLIENTS + 1];
    int served = 0, fd[CONTROL_CLIENTS];
    char big[CONTROL_LINE + 100], byte;
    assert_int_equal(control_open(here.dir, &c), AL_ERR_OK);
    memset(big, 'y', sizeof big);
    int loud = connect_to("alnd.sock");
    assert_int_equal(send(loud, big, sizeof big, MSG_NOSIGNAL), sizeof big);
    for (int i = 0; i < 3; i++)
        control_serve(c, echo, &served);
    assert_true(recv(loud, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN); // closed on it, or reset
    assert_int_equal(control_fds(c, fds), 1);
    for (int i = 0; i < CONTROL_CLIENTS; i++)
        fd[i] = connect_to("alnd.sock");
    assert_int_equal(send(fd[0], "x\n", 2, MSG_NOSIGNAL), 2); // the others are silent, and it takes nothing
    double start = al_clock();
    control_serve(c, large_answer, &served);
    assert_int_equal(served, 1);
    assert_true(al_clock() - start < 1); // did not wait for it
    assert_int_equal(control_fds(c, fds), CONTROL_CLIENTS + 1);
    assert_int_equal(fds[0].fd, -1); // all places taken: nobody else wakes the daemon
    int late = connect_to("alnd.sock");
    assert_int_equal(send(late, "{}\n", 3, MSG_NOSIGNAL), 3);
    while (served < 2 && al_clock() - start < CONTROL_SECONDS + 20) {
        control_serve(c, echo, &served);
        sleep_ms(50);
    }
    assert_int_equal(served, 2);
    assert_true(al_clock() - start >= CONTROL_SECONDS - 1);
    assert_true(recv(late, &byte, 1, MSG_DONTWAIT) == 1);
    for (int i = 0; i < CONTROL_CLIENTS; i++)
        close(fd[i]);
    close(loud);
    close(late);
    control_destroy(&c);
}

// Another user's process: kept out by the file's mode, and by its uid should the mode have been changed.
static void other_users_are_not_answered(void **state)
{
    (void)state;
    struct control *c = NULL;
    int served = 0;
    if (geteuid() != 0) skip(); // nobody else can be played
    assert_int_equal(chmod(here.dir, 0755), 0);
    assert_int_equal(control_open(here.dir, &c), AL_ERR_OK);
    for (int wide = 0; wide < 2; wide++) {
        if (wide) assert_int_equal(chmod("alnd.sock", 0666), 0);
        pid_t pid = fork();
        if (pid == 0) {
            int dir = open(here.dir, O_PATH | O_CLOEXEC);
            struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "alnd.sock"};
            int fd = socket(AF_UNIX, SOCK_STREAM, 0);
            if (dir < 0 || fchdir(dir) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(3);
            if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) _exit(errno == EACCES ? 1 : 4);
            ssize_t n = send(fd, "{}\n", 3, MSG_NOSIGNAL); // fails when it is closed already
            (void)n;
            char byte;
            _exit(recv(fd, &byte, 1, 0) <= 0 ? 2 : 5);
        }
        int status = -1;
        for (int i = 0; i < 2000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
            control_serve(c, echo, &served);
            sleep_ms(5);
        }
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), wide ? 2 : 1);
    }
    assert_int_equal(served, 0);
    control_destroy(&c);
}

static void the_socket_is_the_owners(void **state)
{
    (void)state;
    struct control *c = NULL;
    struct stat st;
    int served = 0;
    char *answer = NULL;
    assert_int_equal(control_ask(here.dir, "x", &answer), AL_ERR_NOTFOUND);
    assert_int_equal(control_open(here.dir, &c), AL_ERR_OK);
    assert_int_equal(stat("alnd.sock", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    pid_t pid = fork();
    if (pid == 0) {
        enum al_err e = control_ask(here.dir, "{\"cmd\": \"hello\"}", &answer);
        _exit(!e && strstr(answer, "hello") ? 0 : 1);
    }
    for (int i = 0; i < 500 && !served; i++) {
        control_serve(c, echo, &served);
        sleep_ms(5);
    }
    assert_int_equal(alnd_wait(pid), 0);
    assert_int_equal(served, 1);
    control_destroy(&c);
    assert_int_not_equal(access("alnd.sock", F_OK), 0);
    char cmd[32];
    assert_int_equal(json_read_request("{\"cmd\": \"stop\"}", cmd), AL_ERR_OK);
    assert_string_equal(cmd, "stop");
    assert_int_equal(json_read_request("{\"cmd\": 3}", cmd), AL_ERR_INPUT);
    assert_int_equal(json_read_request("stop", cmd), AL_ERR_INPUT);
    assert_int_equal(json_read_request("[]", cmd), AL_ERR_INPUT);
}

static void a_status_goes_through_json(void **state)
{
    (void)state;
    static struct status a, b;
    char *text = NULL;
    a = (struct status){.run = "/r",
                        .name = "n",
                        .state = "running",
                        .stage = "iteration 1: train",
                        .message = "caf\xc3\xa9 \"x\"",
                        .iteration = 1,
                        .stage_done = 2,
                        .stage_total = 4,
                        .niterations = 1,
                        .converged = true,
                        .ntasks = 9,
                        .count = {[TASK_DONE] = 5, [TASK_INFLIGHT] = 4},
                        .seconds = 12.5,
                        .pid = 77,
                        .nrunning = 1};
    a.running[0] = (struct status_task){
        .id = "t/1", .verb = "train", .text = "50 %", .done = 1, .total = 2, .seconds = 3, .attempt = 2};
    assert_int_equal(status_to_json(&a, &text), AL_ERR_OK);
    assert_null(strchr(text, '\n'));
    assert_int_equal(status_from_json(text, &b), AL_ERR_OK);
    char *again = NULL;
    assert_int_equal(status_to_json(&b, &again), AL_ERR_OK);
    assert_string_equal(again, text);
    free(text);
    free(again);
    assert_string_equal(b.running[0].text, "50 %");
    assert_int_equal(b.count[TASK_INFLIGHT], 4);
    assert_true(b.converged && b.pid == 77 && b.seconds == 12.5);
    assert_int_equal(status_from_json("{}", &b), AL_ERR_CORRUPT);
    assert_int_equal(status_from_json("nonsense", &b), AL_ERR_CORRUPT);
}

static void log_lines_are_logfmt(void **state)
{
    (void)state;
    char buf[64], small[8];
    assert_int_equal(al_log_open("l"), AL_ERR_OK);
    al_log(AL_LOG_WARN, "test", "ev=x what=%s", al_log_quote(buf, sizeof buf, "two \"words\"\nand a line"));
    al_log_set_rank(3);
    al_log(AL_LOG_INFO, "test", "ev=y");
    al_log_set_rank(-1);
    al_log_close();
    char *text = place_read(&here, "l");
    assert_non_null(strstr(text, "Z level=warn comp=test ev=x what=\"two \\\"words\\\"\\nand a line\"\n"));
    assert_non_null(strstr(text, "Z level=info comp=test rank=3 ev=y\n"));
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
    free(text);
    assert_string_equal(al_log_quote(buf, sizeof buf, "plain/1.5"), "plain/1.5");
    assert_string_equal(al_log_quote(buf, sizeof buf, ""), "\"\"");
    assert_true(strlen(al_log_quote(small, sizeof small, "much too long for it")) < sizeof small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exit_codes_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_environment_is_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tasks_are_packed_into_the_cores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_alone_counts_the_ranks_that_it_starts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_worker_is_killed_with_its_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_beating_worker_lives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_is_a_file_and_a_signal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_is_adopted_by_its_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(real_mpirun_starts_ranks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mpirun_jobs_are_on_different_processors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_are_enforced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(results_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_socket_is_the_owners, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_clients_hold_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_users_are_not_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_status_goes_through_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(log_lines_are_logfmt, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
