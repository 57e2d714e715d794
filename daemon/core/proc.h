// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Processes found through /proc: a worker is known by ALND_TOKEN in its environment, so that a daemon that
// was killed between fork and its next journal entry still finds what it started.
#ifndef AL_CORE_PROC_H
#define AL_CORE_PROC_H

#include <stdbool.h>
#include <stdint.h>

bool proc_has_token(long pid, const char *token);
long proc_find_token(const char *token);  // the session leader with this token, else any process; 0: none
int proc_kill_session(long sid, int sig); // number of processes signalled
double proc_session_memory(long sid);     // MiB resident, all its processes; what they share counts for each
bool proc_is_dead(long pid); // no such process, or a zombie

#endif
