// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// For select: the candidates and what is labelled already, as environments in the descriptor space of the committee's first member.
#ifndef AL_WORKER_KNOWN_H
#define AL_WORKER_KNOWN_H

#include "committee/novelty.h"
#include "worker/task.h"

struct known;
// pool: every explored frame; those that `wanted` [pool->n] marks are described. Known are the initial data (train and valid) and
// the training frames that the selections `earlier` [n] took, labelled or not.
enum al_err known_create(const struct task *t, const char *model, const struct al_frames *pool, const bool wanted[],
                         const char *const earlier[], int n, struct known **ret);
void known_destroy(struct known **k);
// As novelty_choose, over the whole pool.
enum al_err known_choose(struct known *k, const bool allowed[], const int order[], int want, double duplicate, int ret_index[],
                         int *ret_n, struct distance ret_at[]);

// The frame that is nearest to most of the atoms of pool frame i, by its frame_id; "" when it has none.
enum al_err known_nearest(const struct known *k, int i, char ret[128]);

#endif
