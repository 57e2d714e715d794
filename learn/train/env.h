// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Environments (neighbours, sorted by type) of the frames of a data set. They do not change in training: built at
// first use and kept, in 8 bytes a neighbour, while the memory limit allows, else built again each time, with the same
// bits.
#ifndef AL_TRAIN_ENV_H
#define AL_TRAIN_ENV_H

#include "dp/layout.h"
#include "train/dataset.h"

struct env_cache;
// Borrows d. AL_ERR_INPUT when the data hold an element that the type map does not.
enum al_err env_cache_create(const struct dp_config *c, const struct dp_dataset *d, size_t limit_bytes,
                             struct env_cache **ret);
void env_cache_destroy(struct env_cache **e);
// Into place k (0, 1, ... for the frames of a batch); borrowed until the next get with that k.
enum al_err env_cache_get(struct env_cache *e, int system, int frame, int k, const struct dp_layout **ret);
const int *env_cache_types(const struct env_cache *e, int system); // [natoms]
// Over all frames: most neighbours of each type around any atom, shortest distance (Ang).
enum al_err env_scan(const struct dp_config *c, const struct dp_dataset *d, int max[DP_MAX_TYPES],
                     double *ret_dmin);

#endif
