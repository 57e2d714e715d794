// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// MSD(L) = 1/(N (T - L)) sum_i sum_t |r_i(t + L) - r_i(t)|^2, directly, on a grid of lags that is fine enough
// for the fit: the cost is atoms x frames x lags.
#include "transport/msd.h"

#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "transport/tr_impl.h"

enum { LANES = 8 };

static int count_species(const struct al_frame *f, int z)
{
    int n = 0;
    for (int i = 0; i < f->natoms; i++)
        n += f->z[i] == z;
    return n;
}

static enum al_err check_frames(const struct al_frames *fs, int z)
{
    if (fs->n < 2) AL_FAIL(AL_ERR_INPUT, "%d frames are no trajectory", fs->n);
    const struct al_frame *first = fs->f[0];
    for (int t = 1; t < fs->n; t++)
        if (fs->f[t]->natoms != first->natoms ||
            memcmp(fs->f[t]->z, first->z, (size_t)first->natoms * sizeof *first->z) != 0)
            AL_FAIL(AL_ERR_INPUT, "frame %d has other atoms than frame 0", t);
    for (int t = 0; t < fs->n; t++)
        for (int i = 0; i < first->natoms; i++)
            if (!isfinite(fs->f[t]->pos[i][0] + fs->f[t]->pos[i][1] + fs->f[t]->pos[i][2]))
                AL_FAIL(AL_ERR_CORRUPT, "position of atom %d in frame %d is not a number", i, t);
    if (count_species(first, z) == 0) AL_FAIL(AL_ERR_INPUT, "no %s in the trajectory", al_element_symbol(z));
    return AL_ERR_OK;
}

// Centre of mass of the framework; zero when there is none.
static void framework_centre(const struct al_frame *f, int mobile_z, double c[3])
{
    double total = 0.0;
    c[0] = c[1] = c[2] = 0.0;
    for (int i = 0; i < f->natoms; i++) {
        if (f->z[i] == mobile_z) continue;
        double m = al_element_mass(f->z[i]);
        total += m;
        for (int k = 0; k < 3; k++)
            c[k] += m * f->pos[i][k];
    }
    for (int k = 0; k < 3 && total > 0.0; k++)
        c[k] /= total;
}

enum al_err tr_track_create(const struct al_frames *fs, int z, int mobile_z, struct tr_track **ret)
{
    AL_TRY(check_frames(fs, z));
    AL_OWN(tr_track) k = NULL;
    AL_ALLOC(k, 1);
    k->natoms = count_species(fs->f[0], z);
    k->nframes = fs->n;
    k->nframework = fs->f[0]->natoms - count_species(fs->f[0], mobile_z);
    AL_ALLOC(k->x, (size_t)k->natoms * 3 * (size_t)fs->n);
    for (int t = 0; t < fs->n; t++) {
        const struct al_frame *f = fs->f[t];
        double c[3];
        framework_centre(f, mobile_z, c);
        for (int i = 0, a = 0; i < f->natoms; i++) {
            if (f->z[i] != z) continue;
            for (int q = 0; q < 3; q++)
                k->x[(size_t)(3 * a + q) * (size_t)fs->n + (size_t)t] = f->pos[i][q] - c[q];
            a++;
        }
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
static double squares(const double *x, int lag, int n)
{
    double lane[LANES] = {0}, sum = 0.0;
    const double *y = x + lag;
    int t = 0;
    for (; t + LANES <= n; t += LANES)
        for (int q = 0; q < LANES; q++)
            lane[q] += (y[t + q] - x[t + q]) * (y[t + q] - x[t + q]);
    for (; t < n; t++)
        sum += (y[t] - x[t]) * (y[t] - x[t]);
    for (int q = 0; q < LANES; q++)
        sum += lane[q];
    return sum;
}

void tr_track_msd(const struct tr_track *k, int first, int last, const int *lag, int n, double (*axis)[3])
{
    for (int l = 0; l < n; l++) {
        int origins = last - first - lag[l];
        for (int q = 0; q < 3; q++) {
            double sum = 0.0;
            for (int a = 0; a < k->natoms; a++)
                sum += squares(k->x + (size_t)(3 * a + q) * (size_t)k->nframes + first, lag[l], origins);
            axis[l][q] = sum / ((double)k->natoms * origins);
        }
    }
}

enum al_err tr_msd_lags(const struct al_frames *frames, int z, int mobile_z, int first, int last,
                        const int *lag, int n, double *ret_total, double (*ret_axis)[3])
{
    if (first < 0 || last > frames->n || first >= last)
        AL_FAIL(AL_ERR_INPUT, "frames %d to %d of %d", first, last, frames->n);
    for (int l = 0; l < n; l++)
        if (lag[l] < 0 || lag[l] >= last - first)
            AL_FAIL(AL_ERR_INPUT, "a lag of %d frames in %d frames", lag[l], last - first);
    AL_OWN(tr_track) k = NULL;
    AL_AUTOFREE double(*axis)[3] = NULL;
    AL_TRY(tr_track_create(frames, z, mobile_z, &k));
    AL_ALLOC(axis, n);
    tr_track_msd(k, first, last, lag, n, axis);
    for (int l = 0; l < n; l++)
        ret_total[l] = axis[l][0] + axis[l][1] + axis[l][2];
    if (ret_axis) memcpy(ret_axis, axis, (size_t)n * sizeof *axis);
    return AL_ERR_OK;
}

enum al_err tr_unwrap(struct al_frames *frames)
{
    for (int t = 1; t < frames->n; t++) {
        const struct al_frame *before = frames->f[t - 1];
        struct al_frame *f = frames->f[t];
        double inv[3][3], step[3], frac[3];
        if (f->natoms != before->natoms) AL_FAIL(AL_ERR_INPUT, "frame %d has other atoms than frame 0", t);
        if (!f->pbc) continue;
        if (!(fabs(al_det3(f->cell)) > 0.0)) AL_FAIL(AL_ERR_INPUT, "the cell of frame %d has no volume", t);
        al_inv3(f->cell, inv);
        for (int i = 0; i < f->natoms; i++) {
            for (int k = 0; k < 3; k++)
                step[k] = f->pos[i][k] - before->pos[i][k];
            al_vecmat3(step, inv, frac);
            for (int k = 0; k < 3; k++)
                for (int c = 0; c < 3; c++)
                    f->pos[i][c] -= round(frac[k]) * f->cell[k][c];
        }
    }
    return AL_ERR_OK;
}
