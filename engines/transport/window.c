// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// D = slope/6 of the MSD over a window of lags, by least squares with the weights 1/t^2 of a random walk's constant relative error and
// with a free offset (vibration in the cage). Everything that is said of a window (D, its log-log slope, its bend) is linear in the
// MSD, or made so around the mean, so every ion has a value of its own, and the scatter of the ions' values is the error: no model of the walk enters, and lags
// that overlap are no trouble. Ions that move together would make it too small; then the scatter of time blocks, which contains all
// correlations of ions, is larger, and where it is so significantly, all errors are enlarged by it.
#include <math.h>

#include "base/mem.h"
#include "transport/tr_impl.h"

enum { MAX_LAGS = 256, SHORT = 4, BLOCK_LAGS = 2 /* a block is longer than its longest lag, times this */ };
#define SAFETY   3.0 // the window starts at this times the lag from which on the slope is right
#define MIN_SPAN 3.0 // longest lag over first lag of a window, at least
#define MIN_BEND 0.02
#define FAR_ERRORS 3.0
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

// How much larger the variance of a sum over ions is than independent ions would make it. Measured at short lags, from the window's
// start (or earlier, so that blocks of the run's origins are long against the lags and independent) to SHORT times that: the
// scatter of blocks, in which all ions are summed, over the scatter of ions. Ions that are pushed by each other a little change nothing: squared
// displacements are correlated by the square of the correlation of displacements.
static void correlation(const struct tr_curves *c, struct tr_window *w)
{
    double coef[MAX_LAGS] = {0};
    int from = w->from, to;
    while (from > 0 && BLOCK_LAGS * SHORT * c->t[from] > c->block_time)
        from--;
    for (to = from; to < c->nlags && c->t[to] <= SHORT * c->t[from] * (1 + 1e-9);)
        to++;
    w->correlation = NAN;
    w->inflation = 1;
    w->dof = c->nunits - 1;
    w->nblocks = BLOCK_LAGS * SHORT * c->t[from] > c->block_time || to - from < 2 ? 0 : c->nblocks;
    if (!w->nblocks) return;
    slope_coefficients(c->t, from, to, false, 2, coef);
    double ions = scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, coef, from, -1);
    double blocks = scatter((const double(*)[3])c->block, c->bweight, c->nblocks, c->nlags, coef, from, -1);
    if (!(ions > 0)) return;
    w->correlation = blocks * blocks / (ions * ions);
    double significant = exp(normal99 * sqrt(2.0 / (c->nblocks - 1) + 2.0 / (c->nunits - 1)));
    w->blocks_used = w->correlation > significant;
    if (!w->blocks_used) return;
    w->inflation = sqrt(w->correlation);
    w->dof = fmin(w->dof, c->nblocks - 1);
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
    w->slope_error = w->inflation * scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, coef, w->from, -1);
}

// D of the window's later part (from 2 and 4 times its start on) over D of the whole window, minus 1: the more significant one.
// The parts share data, so that their difference is known much better than either. Later starts (8, 16, ... times) say little about what
// is wrong at the window's start, and going where they point would be following noise: they count when they are off by FAR_ERRORS.
static void bend(const struct tr_curves *c, const double *coef, struct tr_window *w)
{
    double worst = -1;
    w->bend = w->bend_error = NAN;
    for (double start = 2 * c->t[w->from]; w->d > 0 && start <= c->t[c->nlags - 1] / 2; start *= 2) {
        double late[MAX_LAGS] = {0}, difference = 0;
        int from = w->from;
        while (c->t[from] < start * (1 - 1e-9))
            from++;
        if (c->nlags - from < 3) return;
        slope_coefficients(c->t, from, c->nlags, false, 2, late);
        for (int l = w->from; l < c->nlags; l++) {
            late[l] = (late[l] / 6 - coef[l]) / w->d;
            difference += late[l] * c->mean[l];
        }
        double error = w->inflation * scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, late, w->from, -1);
        if (start > 5 * c->t[w->from]) {
            w->bent_far = w->bent_far || (fabs(difference) > MIN_BEND && fabs(difference) > FAR_ERRORS * error);
            continue;
        }
        if (!(fabs(difference) > worst * error)) continue;
        worst = error > 0 ? fabs(difference) / error : 0;
        w->bend = difference;
        w->bend_error = error;
    }
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
    correlation(c, &w);
    w.error = w.inflation * scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, coef, from, -1);
    for (int q = 0; q < 3; q++) {
        w.axis_error[q] = 3 * w.inflation * scatter((const double(*)[3])c->unit, c->weight, c->nunits, c->nlags, coef, from, q);
    }
    loglog(c, &w);
    bend(c, coef, &w);
    *ret = w;
    return AL_ERR_OK;
}

// The first lag from which on the log-log slope is right and D does not move by more than `errors` of its standard errors when the
// window's start is moved on; the window starts at SAFETY times that lag, because a bend just too small to be seen is as large as the
// error of D: what decays like an exponential is down to its cube there.
static enum al_err search(const struct tr_curves *c, const struct tr_options *o, double errors_allowed, struct tr_window *ret, bool *ret_found)
{
    double last = c->t[c->nlags - 1];
    for (int k = 0, from = 0; SAFETY * c->t[k] <= last / MIN_SPAN; k++) {
        struct tr_window w;
        while (c->t[from] < SAFETY * c->t[k] * (1 - 1e-9))
            from++;
        if (c->nlags - from < 4) break;
        AL_TRY(tr_window_fit(c, k, &w));
        bool bent = w.bent_far || (fabs(w.bend) > MIN_BEND && fabs(w.bend) > errors_allowed * w.bend_error);
        if (bent || fabs(w.slope - 1) > o->slope_tolerance) continue;
        AL_TRY(tr_window_fit(c, from, &w));
        if (fabs(w.slope - 1) > o->slope_tolerance || !(w.d > 0) || !(w.error <= o->max_error * w.d)) continue;
        *ret = w;
        *ret_found = true;
        return AL_ERR_OK;
    }
    return AL_ERR_OK;
}

enum al_err tr_window_search(const struct tr_curves *c, const struct tr_options *o, struct tr_window *ret, bool *ret_found)
{
    static const double errors_allowed[] = {1, 1.5, 2, 2.5};
    double last = c->t[c->nlags - 1];
    *ret_found = false;
    for (size_t i = 0; i < sizeof errors_allowed / sizeof errors_allowed[0] && !*ret_found; i++)
        AL_TRY(search(c, o, errors_allowed[i], ret, ret_found));
    if (*ret_found) return AL_ERR_OK;
    int from = c->nlags - 1;
    while (from > 0 && (c->t[from] > last / 2 || c->nlags - from < 4))
        from--;
    AL_TRY(tr_window_fit(c, from, ret));
    return AL_ERR_OK;
}
