// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What is taken from the data before training (INTEROP 2.7): mean and spread of the environment rows by
// centre type, energy bias of each type, sel, shortest distance.
#ifndef AL_TRAIN_STATS_H
#define AL_TRAIN_STATS_H

#include "train/env.h"

enum { STATS_FRAMES = 100 }; // of each system, evenly spaced; deepmd-kit samples 10 random batches

// davg, dstd of m: all slots of all centres count, empty ones as zero rows; spread at least 0.01; a type
// without centres gets 1/rcut.
enum al_err stats_environment(struct dp_model *m, const struct dp_dataset *d, struct env_cache *env);
// bias of m: minimum-norm least squares of E = sum_t n_t b_t, one row per frame with an energy.
enum al_err stats_energy_bias(struct dp_model *m, const struct dp_dataset *d, struct env_cache *env);
// int(margin * max) rounded up to a multiple of 4; deepmd's "auto" has margin 1.1.
int stats_sel(int max, double margin);

#endif
