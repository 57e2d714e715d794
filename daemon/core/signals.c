// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
enum { NCAUGHT = sizeof caught / sizeof *caught };

// One per process, as signal handlers are.
static struct {
    int depth, pipe[2];
    struct sigaction old[NCAUGHT];
} state = {.pipe = {-1, -1}};

static void on_signal(int sig)
{
    int saved = errno;
    char byte = (char)sig;
    ssize_t rc = write(state.pipe[1], &byte, 1); // a full pipe holds enough news already
    (void)rc;
    errno = saved;
}

enum al_err signals_open(void)
{
    if (state.depth++ > 0) return AL_ERR_OK;
    if (pipe2(state.pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        state.depth = 0;
        AL_FAIL(al_err_from_errno(errno), "cannot make a pipe: %s", strerror(errno));
    }
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigfillset(&a.sa_mask);
    for (int i = 0; i < NCAUGHT; i++)
        sigaction(caught[i], &a, &state.old[i]);
    return AL_ERR_OK;
}

void signals_close(void)
{
    if (state.depth == 0 || --state.depth > 0) return;
    for (int i = 0; i < NCAUGHT; i++)
        sigaction(caught[i], &state.old[i], NULL);
    close(state.pipe[0]);
    close(state.pipe[1]);
    state.pipe[0] = state.pipe[1] = -1;
}

int signals_fd(void)
{
    return state.pipe[0];
}

int signals_take(void)
{
    char sig[64];
    int stops = 0;
    for (ssize_t n; (n = read(state.pipe[0], sig, sizeof sig)) > 0;)
        for (ssize_t i = 0; i < n; i++)
            stops += sig[i] != SIGCHLD;
    return stops;
}

void signals_hold(sigset_t *ret_old)
{
    sigset_t mask;
    sigemptyset(&mask);
    for (int i = 0; i < NCAUGHT; i++)
        sigaddset(&mask, caught[i]);
    sigprocmask(SIG_BLOCK, &mask, ret_old);
}

void signals_release(const sigset_t *old)
{
    sigprocmask(SIG_SETMASK, old, NULL);
}

void signals_leave(void)
{
    sigset_t none;
    sigemptyset(&none);
    setsid();
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
