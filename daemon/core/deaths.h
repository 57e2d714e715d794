// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Frames that kill their worker. The worker of a label task writes which frame it is at (TASKDIR/at.yaml, docs/TASKS.md) before it
// begins it; a worker that dies leaves that behind, and the daemon, which knows how it died, keeps the death in TASKDIR/deaths.yaml.
// The next worker finds it there, and puts a frame with resources.label.deaths of them in quarantine.
#ifndef AL_CORE_DEATHS_H
#define AL_CORE_DEATHS_H

#include "core/executor.h"

struct death {
    int frame;      // of the task; -1: the worker was at none
    int count;      // deaths at this frame with this one
    char name[128]; // the frame's
};

// "signal 9", "hung", ...
void death_reason(const struct exec_end *end, char *ret, size_t n);
// The worker of this attempt (token) has died for `reason`: into deaths.yaml, durable, when it was at a frame.
enum al_err death_record(const char *run, const char *task, const char *token, const char *reason, struct death *ret);

#endif
