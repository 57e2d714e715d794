// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "committee/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum al_err bootstrap_rms(struct al_rng *rng, int n, int nq, const double *a, const double *w, double *ret_low, double *ret_high)
{
    AL_AUTOFREE double *v = NULL;   // [nq][BOOTSTRAP]
    AL_AUTOFREE double *sum = NULL; // [nq][2]
    if (n < 2) AL_FAIL(AL_ERR_BUG, "bootstrap over %d frames", n);
    AL_ALLOC(v, nq * BOOTSTRAP);
    AL_ALLOC(sum, 2 * nq);
    for (int b = 0; b < BOOTSTRAP; b++) {
        memset(sum, 0, 2 * (size_t)nq * sizeof *sum);
        for (int i = 0; i < n; i++) {
            int k = (int)al_rng_below(rng, (uint32_t)n);
            for (int q = 0; q < nq; q++) {
                sum[2 * q] += a[q * n + k];
                sum[2 * q + 1] += w[q * n + k];
            }
        }
        for (int q = 0; q < nq; q++)
            v[q * BOOTSTRAP + b] = sqrt(sum[2 * q] / sum[2 * q + 1]);
    }
    for (int q = 0; q < nq; q++) {
        qsort(v + q * BOOTSTRAP, BOOTSTRAP, sizeof *v, ascending);
        ret_low[q] = v[q * BOOTSTRAP + (int)(0.025 * BOOTSTRAP)];
        ret_high[q] = v[q * BOOTSTRAP + (int)(0.975 * BOOTSTRAP)];
    }
    return AL_ERR_OK;
}
