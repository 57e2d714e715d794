// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "committee/select.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

enum trust_class trust_classify(const struct trust_window *w, double max_f)
{
    if (max_f < w->low) return TRUST_ACCURATE;
    if (max_f < w->high) return TRUST_CANDIDATE;
    return TRUST_FAILED; // NaN too
}

const char *trust_name(enum trust_class c)
{
    static const char *const names[] = {"accurate", "candidate", "failed", "broken"};
    return names[c];
}

void trust_classify_all(const struct trust_window *w, int n, const double max_f[],
                        enum trust_class ret_class[], struct trust_count *ret_count)
{
    struct trust_count c = {0};
    for (int i = 0; i < n; i++) {
        enum trust_class k = trust_classify(w, max_f[i]);
        c.accurate += k == TRUST_ACCURATE;
        c.candidate += k == TRUST_CANDIDATE;
        c.failed += k == TRUST_FAILED;
        if (ret_class) ret_class[i] = k;
    }
    *ret_count = c;
}

static int ascending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

enum al_err trust_choose(int n, const enum trust_class cls[], int max_frames, uint64_t seed, uint64_t k0,
                         uint64_t k1, uint64_t k2, int ret_index[], int *ret_n)
{
    AL_AUTOFREE int *pool = NULL;
    AL_ALLOC(pool, n);
    int m = 0;
    for (int i = 0; i < n; i++)
        if (cls[i] == TRUST_CANDIDATE) pool[m++] = i;
    int want = max_frames < m ? max_frames : m;
    if (want < 0) want = 0;
    struct al_rng rng;
    al_rng_stream(&rng, seed, "select", k0, k1, k2);
    for (int i = 0; i < want; i++) { // first `want` of a random order
        int j = i + (int)al_rng_below(&rng, (uint32_t)(m - i)), t = pool[i];
        pool[i] = pool[j];
        pool[j] = t;
    }
    qsort(pool, (size_t)want, sizeof *pool, ascending);
    memcpy(ret_index, pool, (size_t)want * sizeof *pool);
    *ret_n = want;
    return AL_ERR_OK;
}
