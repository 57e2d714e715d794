// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The worker's side of core/deaths.h: which frame it is at, and at which ones earlier workers of the task have died.
#ifndef AL_WORKER_DEATHS_H
#define AL_WORKER_DEATHS_H

#include "worker/task.h"

// TASKDIR/deaths.yaml; *ret NULL: there is none.
enum al_err deaths_read(const struct task *t, struct al_node **ret);
// Deaths at a frame, and how the last of them came: "signal 9".
int deaths_at(const struct al_node *deaths, long frame, char *ret_reason, size_t n);
// Rank 0, before the frame is begun: durable. Test hooks: a frame of this name kills its worker or takes its time (docs/HACKING.md).
enum al_err deaths_begin(const struct task *t, long frame, const char *name, int deaths);
// The same for a trajectory of the verbs explore and aimd, whose steps follow one another: place = its last checkpoint. *ret: why it is to
// end there (in room), or NULL.
enum al_err deaths_begin_trajectory(const struct task *t, const char *checkpoint, char room[160], const char **ret);
void deaths_over(const struct task *t); // no frame is worked at

#endif
