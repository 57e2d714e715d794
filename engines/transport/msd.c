// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// MSD(L) = 1/(N (T - L)) sum_i sum_t |r_i(t + L) - r_i(t)|^2: by FFT at all lags, and directly on a grid of lags, where the
// curves of single ions and of parts of the time origins are wanted.
#include "transport/msd.h"

#include <math.h>

#include "base/mem.h"
#include "transport/tr_impl.h"

enum { LANES = 8 };

enum al_err tr_track_create(const struct tr_traj *t, int z, const bool framework[AL_ZMAX + 1], struct tr_track **ret)
{
    AL_OWN(tr_track) k = NULL;
    AL_AUTOFREE double(*centre)[3] = NULL;
    AL_ALLOC(k, 1);
    AL_ALLOC(centre, t->n);
    tr_traj_centre(t, framework, centre);
    k->nframes = t->n;
    for (int a = 0; a < t->natoms; a++) {
        k->natoms += t->z[a] == z;
        k->nframework += framework[t->z[a]];
    }
    if (!k->natoms) AL_FAIL(AL_ERR_INPUT, "no %s in the trajectory", al_element_symbol(z));
    AL_ALLOC(k->x, (size_t)k->natoms * 3 * (size_t)t->n);
    for (long f = 0; f < t->n; f++)
        for (int a = 0, i = 0; a < t->natoms; a++) {
            if (t->z[a] != z) continue;
            for (int q = 0; q < 3; q++)
                k->x[(size_t)(3 * i + q) * (size_t)t->n + (size_t)f] = t->x[f][a][q] - centre[f][q];
            i++;
        }
    *ret = k;
    k = NULL;
    return AL_ERR_OK;
}

void tr_track_destroy(struct tr_track **k)
{
    if (!*k) return;
    al_free((*k)->x);
    al_free(*k);
    *k = NULL;
}

// Sum of squared differences; a fixed number of lanes makes it both fast and of one order.
static double squares(const double *x, long lag, long n)
{
    double lane[LANES] = {0}, sum = 0.0;
    const double *y = x + lag;
    long t = 0;
    for (; t + LANES <= n; t += LANES)
        for (int q = 0; q < LANES; q++)
            lane[q] += (y[t + q] - x[t + q]) * (y[t + q] - x[t + q]);
    for (; t < n; t++)
        sum += (y[t] - x[t]) * (y[t] - x[t]);
    for (int q = 0; q < LANES; q++)
        sum += lane[q];
    return sum;
}

void tr_track_lags(const struct tr_track *k, const long *lag, int n, double (*ion)[3], int nblocks, double (*block)[3])
{
    int parts = nblocks > 0 ? nblocks : 1;
    for (int a = 0; a < k->natoms; a++)
        for (int l = 0; l < n; l++)
            for (int q = 0; q < 3; q++) {
                const double *x = k->x + (size_t)(3 * a + q) * (size_t)k->nframes;
                long origins = k->nframes - lag[l];
                double sum = 0;
                for (int b = 0; b < parts; b++) {
                    long first = origins * b / parts, last = origins * (b + 1) / parts;
                    double s = squares(x + first, lag[l], last - first);
                    sum += s;
                    if (block && last > first) block[b * n + l][q] += s / ((double)(last - first) * k->natoms);
                }
                if (ion) ion[a * n + l][q] = sum / (double)origins;
            }
}

enum al_err tr_msd_direct(const struct tr_traj *t, int z, const bool framework[AL_ZMAX + 1], const long *lag, int n, double (*ret_axis)[3])
{
    AL_OWN(tr_track) k = NULL;
    AL_AUTOFREE double(*axis)[3] = NULL;
    for (int l = 0; l < n; l++)
        if (lag[l] < 0 || lag[l] >= t->n) AL_FAIL(AL_ERR_INPUT, "a lag of %ld frames in %ld frames", lag[l], t->n);
    AL_TRY(tr_track_create(t, z, framework, &k));
    AL_ALLOC(axis, n);
    tr_track_lags(k, lag, n, NULL, 1, axis);
    memcpy(ret_axis, axis, (size_t)n * sizeof *axis);
    return AL_ERR_OK;
}

enum al_err tr_msd_fft(const struct tr_traj *t, int z, const bool framework[AL_ZMAX + 1], double (*ret_axis)[3])
{
    AL_OWN(tr_track) k = NULL;
    AL_OWN(tr_fft) f = NULL;
    AL_AUTOFREE double *sum = NULL;
    AL_TRY(tr_track_create(t, z, framework, &k));
    AL_TRY(tr_fft_create(t->n, &f));
    AL_ALLOC(sum, 3 * (size_t)t->n);
    for (int a = 0; a < k->natoms; a++)
        for (int q = 0; q < 3; q++)
            tr_fft_add_squares(f, k->x + (size_t)(3 * a + q) * (size_t)t->n, sum + (size_t)q * (size_t)t->n);
    for (long l = 0; l < t->n; l++)
        for (int q = 0; q < 3; q++)
            ret_axis[l][q] = sum[(size_t)q * (size_t)t->n + (size_t)l] / ((double)k->natoms * (double)(t->n - l));
    return AL_ERR_OK;
}
