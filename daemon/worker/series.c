// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/series.h"

#include <math.h>

#include "base/mem.h"

static const double window = 5; // in tau
enum { BLOCKS = 20, BLOCK_LEAST = 10 };

static double covariance(int n, const double *d, int lag)
{
    double sum = 0;
    for (int i = 0; i + lag < n; i++)
        sum += d[i] * d[i + lag];
    return sum / n;
}

// Standard error from the scatter of the means of BLOCKS blocks; 0 where they would be too short.
static double block_error(int n, const double *d)
{
    const int m = n / BLOCKS;
    double sum = 0, square = 0;
    if (m < BLOCK_LEAST) return 0;
    for (int b = 0; b < BLOCKS; b++) {
        double mean = 0;
        for (int i = 0; i < m; i++)
            mean += d[b * m + i] / m;
        sum += mean;
        square += mean * mean;
    }
    return sqrt(fmax(square - sum * sum / BLOCKS, 0) / (BLOCKS - 1) / BLOCKS);
}

enum al_err series_of(int n, const double *x, struct series *ret)
{
    AL_AUTOFREE double *d = NULL;
    struct series s = {.n = n, .mean = NAN, .std = NAN, .error = NAN, .tau = 0.5};
    AL_ALLOC(d, n + 1);
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] - x[0]; // the mean of a large number with small noise keeps its digits
    if (n > 0) s.mean = x[0] + sum / n;
    for (int i = 0; i < n; i++)
        d[i] = x[i] - s.mean;
    double c0 = n > 1 ? covariance(n, d, 0) : 0;
    if (n > 1) {
        s.std = sqrt(c0 * n / (n - 1));
        for (int lag = 1; lag < n && c0 > 0 && lag < window * s.tau + 1; lag++)
            s.tau += covariance(n, d, lag) / c0;
        // an oscillating series can sum to less than nothing; independent samples are the most that is believed
        if (!(s.tau > 0.5)) s.tau = 0.5;
        s.error = s.std * sqrt(2 * s.tau / n);
        double blocks = block_error(n, d);
        if (blocks > s.error) {
            s.error = blocks;
            s.tau = 0.5 * n * blocks * blocks / (s.std * s.std);
        }
    }
    *ret = s;
    return AL_ERR_OK;
}
