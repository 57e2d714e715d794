// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Random numbers: PCG-XSH-RR 64/32 (M. E. O'Neill, HMC-CS-2014-0905, 2014), the published generator with
// its published check values. A stream is keyed by (seed, purpose, k0, k1, k2), hashed into state and
// increment, so that the whole loop replays from one seed whatever the order in which tasks run.
#ifndef AL_BASE_RNG_H
#define AL_BASE_RNG_H

#include <stdint.h>

struct al_rng {
    uint64_t state, inc; // the whole state: write both words to a checkpoint to go on exactly
};

void al_rng_seed(struct al_rng *r, uint64_t initstate, uint64_t initseq); // as pcg32_srandom_r
// E.g. (seed, "train", iteration, member, 0).
void al_rng_stream(struct al_rng *r, uint64_t seed, const char *purpose, uint64_t k0, uint64_t k1, uint64_t k2);
uint32_t al_rng_u32(struct al_rng *r);
uint32_t al_rng_below(struct al_rng *r, uint32_t n); // 0 .. n-1 without bias; n > 0
double al_rng_uniform(struct al_rng *r);             // [0, 1), 53 bits
double al_rng_normal(struct al_rng *r);              // mean 0, variance 1 (Box-Muller, nothing cached)
void al_rng_shuffle(struct al_rng *r, int *a, int n); // Fisher-Yates

#endif
