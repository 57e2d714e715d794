// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/rng.h"

#include <math.h>

uint32_t al_rng_u32(struct al_rng *r)
{
    uint64_t old = r->state;
    r->state = old * 6364136223846793005ULL + r->inc;
    uint32_t xorshifted = (uint32_t)(((old >> 18U) ^ old) >> 27U);
    uint32_t rot = (uint32_t)(old >> 59U);
    return (xorshifted >> rot) | (xorshifted << ((-rot) & 31U));
}

void al_rng_seed(struct al_rng *r, uint64_t initstate, uint64_t initseq)
{
    r->state = 0;
    r->inc = (initseq << 1U) | 1U;
    (void)al_rng_u32(r);
    r->state += initstate;
    (void)al_rng_u32(r);
}

// The finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
static uint64_t mix64(uint64_t z)
{
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
}

void al_rng_stream(struct al_rng *r, uint64_t seed, const char *purpose, uint64_t k0, uint64_t k1, uint64_t k2)
{
    uint64_t h = mix64(seed);
    for (const char *c = purpose; *c; c++)
        h = mix64(h ^ (uint8_t)*c);
    h = mix64(h ^ k0);
    h = mix64(h ^ k1);
    h = mix64(h ^ k2);
    al_rng_seed(r, h, mix64(h ^ 0x5851f42d4c957f2dULL));
}

uint32_t al_rng_below(struct al_rng *r, uint32_t n)
{
    uint32_t threshold = (0U - n) % n;
    for (;;) {
        uint32_t x = al_rng_u32(r);
        if (x >= threshold) return x % n;
    }
}

double al_rng_uniform(struct al_rng *r)
{
    uint64_t hi = al_rng_u32(r) >> 5U, lo = al_rng_u32(r) >> 6U;
    return ((double)hi * 67108864.0 + (double)lo) / 9007199254740992.0;
}

double al_rng_normal(struct al_rng *r)
{
    double u = 1.0 - al_rng_uniform(r), v = al_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

void al_rng_shuffle(struct al_rng *r, int *a, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int j = (int)al_rng_below(r, (uint32_t)i + 1);
        int t = a[i];
        a[i] = a[j];
        a[j] = t;
    }
}
