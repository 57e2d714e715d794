// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Child processes: exit codes, and that an end takes with it what the child has started.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/child.h"
#include "base/clock.h"

static pid_t start(const char *script, int out)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct al_child_spec s = {.program = "/bin/sh", .argv = argv, .dir = "/", .in = null, .out = out, .err = 2, .death = SIGTERM};
    pid_t pid = 0;
    assert_int_equal(al_child_start(&s, &pid), AL_ERR_OK);
    close(null);
    return pid;
}

static int code_of(pid_t pid)
{
    bool ended = false;
    int code = 0;
    for (double from = al_clock(); !ended && al_clock() - from < 20; usleep(2000))
        assert_int_equal(al_child_poll(pid, &ended, &code), AL_ERR_OK);
    assert_true(ended);
    return code;
}

// The environment is the one of the start: what MPI or a test adds later is not in it.
static void test_codes(void **state)
{
    (void)state;
    assert_int_equal(setenv("ALND_ADDED_LATER", "yes", 1), 0);
    assert_int_equal(code_of(start("test $PWD = / || exit 1; test -z \"$ALND_ADDED_LATER\" && exit 7", 1)), 7);
    assert_int_equal(code_of(start("kill -9 $$", 1)), -SIGKILL);
    const char *argv[] = {"none", NULL};
    struct al_child_spec s = {.program = "/alnd/none", .argv = argv, .in = 0, .out = 1, .err = 2, .death = SIGTERM};
    pid_t pid;
    assert_int_equal(al_child_start(&s, &pid), AL_ERR_OK);
    assert_int_equal(code_of(pid), 127);
}

// As mpirun's ranks: in a process group of its own, deaf to SIGTERM.
static void test_end(void **state)
{
    char text[64] = "";
    int fd[2];
    (void)state;
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    pid_t pid = start("set -m; trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' & wait; sleep 100", fd[1]);
    close(fd[1]);
    assert_true(read(fd[0], text, sizeof text - 1) > 0);
    pid_t rank = (pid_t)strtol(text, NULL, 10);
    assert_true(rank > 1 && kill(rank, 0) == 0);
    double from = al_clock();
    al_child_end(pid, 0.3);
    assert_true(al_clock() - from < 10);
    assert_int_equal(kill(pid, 0), -1);
    bool gone = false;
    for (from = al_clock(); !gone && al_clock() - from < 10; usleep(10000)) {
        char path[64], stat[256] = "";
        snprintf(path, sizeof path, "/proc/%ld/stat", (long)rank);
        FILE *in = fopen(path, "r");
        gone = !in || !fgets(stat, sizeof stat, in) || strstr(stat, ") Z ");
        if (in) fclose(in);
    }
    assert_true(gone);
    close(fd[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_codes), cmocka_unit_test(test_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
