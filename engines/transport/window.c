// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// D = slope/6 of the MSD over a window of lags, by least squares with the weights 1/t^2 of a random walk's constant relative error and
// with a free offset (vibration in the cage). Everything that is said of a window (D, its log-log slope, its bend) is linear in the
// MSD, or made so around the mean, so every ion has a value of its own, and the scatter of the ions' values is the error: no model of the walk enters, and lags
// that overlap are no trouble. Ions that move together would make it too small; then the time blocks' scatter, which contains all
// correlations of ions, is larger, and where it is so significantly, it is the error stated.
#include <math.h>

#include "base/mem.h"
#include "transport/tr_impl.h"

enum { MAX_LAGS = 256, MIN_UNITS = 6, MIN_BLOCKS = 5, BLOCK_LAGS = 4 /* a block is longer than the window's start, times this */ };
static const double normal99 = 2.326348; // one-sided

// Coefficients over lags that give a slope: sum_l coef[l] y[l], weights t^-power; of ln t when logarithmic.
static void slope_coefficients(const double *t, int from, int to, bool logarithmic, double power, double *coef)
{
    double sw = 0, mean = 0, sxx = 0;
    for (int l = from; l < to; l++) {
        double w = pow(t[l], -power), x = logarithmic ? log(t[l]) : t[l];
        sw += w;
        mean += w * x;
    }
    mean /= sw;
    for (int l = from; l < to; l++) {
        double w = pow(t[l], -power), x = logarithmic ? log(t[l]) : t[l];
        sxx += w * (x - mean) * (x - mean);
    }
    for (int l = from; l < to; l++)
        coef[l] = pow(t[l], -power) * ((logarithmic ? log(t[l]) : t[l]) - mean) / sxx;
}

static double total(const double v[3])
{
    return v[0] + v[1] + v[2];
}

// Standard error of sum_l coef[l] MSD[l] from the scatter of n curves; axis -1: the sum of the axes.
static double scatter(const double (*curve)[3], const double *weight, int n, int nlags, const double *coef, int from, int axis)
{
    double mean = 0, s = 0;
    if (n < 2) return NAN;
    for (int pass = 0; pass < 2; pass++)
        for (int u = 0; u < n; u++) {
            double v = 0;
            for (int l = from; l < nlags; l++) {
                const double *m = curve[(size_t)u * (size_t)nlags + (size_t)l];
                v += coef[l] * (axis < 0 ? total(m) : m[axis]);
            }
            if (pass == 0) mean += weight[u] * v;
            else s += weight[u] * weight[u] * (v - mean) * (v - mean);
        }
    return sqrt(s * n / (n - 1.0));
}

// Neighbouring blocks of a run are joined until they are long enough. *ret_n: blocks, 0: too few.
static double block_error(const struct tr_curves *c, const double *coef, int from, int *ret_n)
{
    int join = (int)fmax(1, ceil(BLOCK_LAGS * c->t[from] / fmax(c->block_time, 1e-300))), per_run = TR_BLOCKS / join, n = per_run * c->nruns;
    double mean = 0, s = 0, weights = 0;
    *ret_n = 0;
    if (join > TR_BLOCKS || n < MIN_BLOCKS) return NAN;
    for (int pass = 0; pass < 2; pass++) {
        for (int r = 0; r < c->nruns; r++)
            for (int b = 0; b < per_run; b++) {
                double v = 0, w = 0;
                for (int k = r * TR_BLOCKS + b * join; k < r * TR_BLOCKS + (b + 1) * join; k++) {
                    w += c->bweight[k];
                    for (int l = from; l < c->nlags; l++)
                        v += coef[l] * total(c->block[(size_t)k * (size_t)c->nlags + (size_t)l]) / join;
                }
                if (pass == 0) {
                    mean += w * v;
                    weights += w;
                } else {
                    s += w * w * (v - mean) * (v - mean) / (weights * weights);
                }
            }
        if (pass == 0) mean /= weights;
    }
    *ret_n = n;
    return sqrt(s * n / (n - 1.0));
}

static void errors(const struct tr_curves *c, const double *coef, struct tr_window *w)
{
    double ions = scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, coef, w->from, -1);
    double blocks = block_error(c, coef, w->from, &w->nblocks);
    w->error = ions;
    w->dof = c->nunits - 1;
    w->correlation = w->nblocks && ions > 0 ? blocks * blocks / (ions * ions) : (double)NAN;
    double significant = w->nblocks && c->nunits > 1 ? exp(normal99 * sqrt(2.0 / (w->nblocks - 1) + 2.0 / (c->nunits - 1))) : (double)INFINITY;
    w->blocks_used = w->nblocks && (c->nunits < MIN_UNITS || w->correlation > significant);
    if (!w->blocks_used) return;
    w->error = blocks;
    w->dof = w->nblocks - 1;
}

// ln MSD against ln t; linear in the MSD around its mean.
static void loglog(const struct tr_curves *c, struct tr_window *w)
{
    double coef[MAX_LAGS] = {0};
    slope_coefficients(c->t, w->from, c->nlags, true, 1, coef);
    w->slope = 0;
    for (int l = w->from; l < c->nlags; l++) {
        if (!(c->mean[l] > 0)) { // nothing moved
            w->slope = w->slope_error = 0;
            return;
        }
        w->slope += coef[l] * log(c->mean[l]);
        coef[l] /= c->mean[l];
    }
    w->slope_error = scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, coef, w->from, -1);
}

// D over the later half of the window (in ln t) against that over the earlier one.
static void bend(const struct tr_curves *c, struct tr_window *w)
{
    double early[MAX_LAGS] = {0}, late[MAX_LAGS] = {0}, difference = 0;
    int middle = (w->from + c->nlags - 1) / 2;
    slope_coefficients(c->t, w->from, middle + 1, false, 2, early);
    slope_coefficients(c->t, middle, c->nlags, false, 2, late);
    for (int l = w->from; l < c->nlags; l++) {
        late[l] = (late[l] - early[l]) / 6;
        difference += late[l] * c->mean[l];
    }
    w->bend = w->d > 0 ? difference / w->d : (double)NAN;
    w->bend_error = w->d > 0 ? scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, late, w->from, -1) / w->d : (double)NAN;
}

enum al_err tr_window_fit(const struct tr_curves *c, int from, struct tr_window *ret)
{
    double coef[MAX_LAGS] = {0}, sw = 0;
    struct tr_window w = {.from = from};
    if (from < 0 || c->nlags - from < 4 || c->nlags > MAX_LAGS) AL_FAIL(AL_ERR_BUG, "a window from lag %d of %d", from, c->nlags);
    slope_coefficients(c->t, from, c->nlags, false, 2, coef);
    for (int l = from; l < c->nlags; l++) {
        coef[l] /= 6;
        w.d += coef[l] * c->mean[l];
        for (int q = 0; q < 3; q++)
            w.axis[q] += 3 * coef[l] * c->mean_axis[l][q];
    }
    for (int l = from; l < c->nlags; l++) {
        double weight = pow(c->t[l], -2);
        sw += weight;
        w.offset += weight * (c->mean[l] - 6 * w.d * c->t[l]);
    }
    w.offset /= sw;
    errors(c, coef, &w);
    for (int q = 0; q < 3; q++) {
        double e = scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, coef, from, q);
        w.axis_error[q] = 3 * (w.blocks_used && isfinite(w.correlation) ? e * sqrt(w.correlation) : e);
    }
    loglog(c, &w);
    bend(c, &w);
    *ret = w;
    return AL_ERR_OK;
}

enum al_err tr_window_search(const struct tr_curves *c, const struct tr_options *o, struct tr_window *ret, bool *ret_found)
{
    double last = c->t[c->nlags - 1];
    *ret_found = false;
    for (int from = 0; c->t[from] <= last / 4 && c->nlags - from >= 4; from++) {
        struct tr_window w;
        AL_TRY(tr_window_fit(c, from, &w));
        bool straight = fabs(w.slope - 1) <= o->slope_tolerance;
        bool bent = fabs(w.bend) > 0.1 && fabs(w.bend) > 3 * w.bend_error;
        if (!straight || bent || !(w.d > 0) || !(w.error <= o->max_error * w.d)) continue;
        *ret = w;
        *ret_found = true;
        return AL_ERR_OK;
    }
    int from = c->nlags - 1;
    while (from > 0 && (c->t[from] > last / 2 || c->nlags - from < 4))
        from--;
    AL_TRY(tr_window_fit(c, from, ret));
    return AL_ERR_OK;
}
