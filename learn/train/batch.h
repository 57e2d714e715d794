// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Which frames a training step sees (INTEROP section 5): one system per batch, chosen with probability
// proportional to its number of batches; inside a system a shuffled set is consumed in order, the next set
// follows when fewer frames than a batch remain. Pooled: the sets of a system are one set. (In their order the newest
// frames of a growing data set come last, and a short warm start may end before them.)
#ifndef AL_TRAIN_BATCH_H
#define AL_TRAIN_BATCH_H

#include <stdio.h>

#include "base/rng.h"
#include "train/dataset.h"

struct batcher;
// frames 0: ceil(32/N) of each system.
enum al_err batcher_create(const struct dp_dataset *d, int frames, bool pooled, const struct al_rng *rng,
                           struct batcher **ret);
void batcher_destroy(struct batcher **b);
// *ret_frames [*ret_n] frame numbers in the system, borrowed until the next call.
void batcher_next(struct batcher *b, int *ret_system, int *ret_n, const int **ret_frames);
// State for checkpoints. load: AL_ERR_CORRUPT when it does not fit.
void batcher_save(const struct batcher *b, FILE *out);
enum al_err batcher_load(struct batcher *b, const unsigned char **at, const unsigned char *end);

#endif
