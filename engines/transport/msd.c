// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// MSD(L) = 1/(N (T - L)) sum_i sum_t |r_i(t + L) - r_i(t)|^2: by FFT at all lags, and directly on a grid of lags, where the
// curves of single ions and of parts of the time origins are wanted.
#include "transport/msd.h"

#include <math.h>

#include "base/fsio.h"
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

// ret [rows][3] at lags stride, 2 stride, ...: the mean over the runs, weighted by their lengths.
static enum al_err element_curve(const struct tr_traj *const *runs, int nruns, const bool framework[AL_ZMAX + 1], int z, long stride, long rows, double (*ret)[3])
{
    double frames = 0;
    for (int r = 0; r < nruns; r++)
        frames += (double)runs[r]->n;
    for (int r = 0; r < nruns; r++) {
        AL_AUTOFREE double(*axis)[3] = NULL;
        AL_ALLOC(axis, runs[r]->n);
        AL_TRY(tr_msd_fft(runs[r], z, framework, axis));
        for (long i = 0; i < rows; i++)
            for (int q = 0; q < 3; q++)
                ret[i][q] += (double)runs[r]->n / frames * axis[(i + 1) * stride][q];
    }
    return AL_ERR_OK;
}

enum al_err tr_msd_write_elements(const char *path, const struct tr_traj *const *runs, int nruns, const bool framework[AL_ZMAX + 1])
{
    struct al_outfile f;
    AL_AUTOFREE double(*curve)[3] = NULL;
    int z[AL_ZMAX + 1], nz = 0;
    long shortest = runs[0]->n;
    for (int r = 1; r < nruns; r++)
        if (runs[r]->n < shortest) shortest = runs[r]->n;
    long half = shortest / 2, stride = (half + TR_MSD_ROWS - 1) / TR_MSD_ROWS, rows = stride ? half / stride : 0;
    for (int k = 1; k <= AL_ZMAX; k++)
        for (int a = 0; a < runs[0]->natoms; a++)
            if (runs[0]->z[a] == k) {
                z[nz++] = k;
                break;
            }
    AL_ALLOC(curve, (size_t)nz * (size_t)rows);
    for (int k = 0; k < nz; k++)
        AL_TRY(element_curve(runs, nruns, framework, z[k], stride, rows, curve + (size_t)k * (size_t)rows));
    AL_TRY(al_outfile_open(path, &f));
    fputs("lag/fs", f.out);
    for (int k = 0; k < nz; k++) {
        const char *s = al_element_symbol(z[k]);
        fprintf(f.out, ",%s MSD/Ang^2,%s x/Ang^2,%s y/Ang^2,%s z/Ang^2", s, s, s, s);
    }
    for (long i = 0; i < rows; i++) {
        fprintf(f.out, "\n%.10g", (double)((i + 1) * stride) * runs[0]->dt);
        for (int k = 0; k < nz; k++) {
            const double *m = curve[(size_t)k * (size_t)rows + (size_t)i];
            fprintf(f.out, ",%.10g,%.10g,%.10g,%.10g", m[0] + m[1] + m[2], m[0], m[1], m[2]);
        }
    }
    fputc('\n', f.out);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}
