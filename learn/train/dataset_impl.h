// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside of data sets; for learn/train/dataset*.c.
#ifndef AL_TRAIN_DATASET_IMPL_H
#define AL_TRAIN_DATASET_IMPL_H

#include "train/dataset.h"

#define DP_LABELS ((unsigned)(AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL))

void dp_system_destroy(struct dp_system **s);
void dp_system_clear(struct dp_system *s); // of an array
// Room for `more` frames after those there are, for all labels whatever `have` says.
enum al_err dp_system_grow(struct dp_system *s, int more);
enum al_err dp_dataset_push(struct dp_dataset *d, struct dp_system **s); // takes *s over
[[gnu::format(printf, 2, 3)]] enum al_err dp_dataset_note(struct dp_dataset *d, const char *fmt, ...);
enum al_err dp_read_xyz(struct dp_dataset *d, const char *path);

#endif
