// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Stop requests reach the pipe whatever thread the kernel picks, and nesting keeps them.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/signals.h"

// Stands for a thread that a library started before us: nothing blocked, waiting for ever.
static void *foreign(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

static void a_foreign_thread_does_not_end_the_process(void **state)
{
    (void)state;
    pthread_t t;
    sigset_t old;
    assert_int_equal(pthread_create(&t, NULL, foreign, NULL), 0);
    assert_int_equal(signals_open(), AL_ERR_OK);
    signals_hold(&old); // this thread blocks them: the other one gets them
    kill(getpid(), SIGINT);
    for (int i = 0; i < 1000 && signals_take() == 0; i++) {
        usleep(1000);
        assert_true(i < 999);
    }
    signals_release(&old);
    signals_close();
    pthread_cancel(t);
    pthread_join(t, NULL);
}

static void requests_are_counted_and_nesting_keeps_them(void **state)
{
    (void)state;
    assert_int_equal(signals_open(), AL_ERR_OK);
    raise(SIGTERM);
    assert_int_equal(signals_open(), AL_ERR_OK);
    raise(SIGCHLD);
    raise(SIGINT);
    assert_int_equal(signals_take(), 2);
    assert_int_equal(signals_take(), 0);
    signals_close();
    raise(SIGHUP);
    assert_int_equal(signals_take(), 1);
    signals_close();
    struct sigaction a;
    assert_int_equal(sigaction(SIGINT, NULL, &a), 0);
    assert_true(a.sa_handler == SIG_DFL);
    assert_int_equal(signals_fd(), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_thread_does_not_end_the_process),
        cmocka_unit_test(requests_are_counted_and_nesting_keeps_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
