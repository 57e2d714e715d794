// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Requests to stop (SIGINT, SIGTERM, SIGHUP) and the news of ended children (SIGCHLD) as bytes in a pipe that a poll
// can wait on. Handlers rather than a blocked mask with signalfd: libraries start threads of their own (OpenBLAS does
// when it is loaded), whose masks are not ours, and a signal that any thread does not block ends the process.
#ifndef ALND_CORE_SIGNALS_H
#define ALND_CORE_SIGNALS_H

#include <signal.h>

#include "base/err.h"

// From here on none of them ends the process, and each is kept until it is taken. Calls nest; the outermost close puts
// the former handlers back. Once per process: not for threads.
enum al_err signals_open(void);
void signals_close(void);
int signals_fd(void);   // readable when there is something to take
int signals_take(void); // requests to stop since the last call; forgets everything else

// Around fork: a child that has not left this process group yet must not pass a Ctrl-C on to us a second time.
void signals_hold(sigset_t *ret_old);
void signals_release(const sigset_t *old);
// In a child between fork and exec: a session of its own, no handlers, nothing blocked. Async-signal-safe.
void signals_leave(void);

#endif
