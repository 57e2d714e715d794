// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "committee/window.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static const double accurate_at_target = 0.90, beyond_data = 2, narrowest = 2;

const char *window_source_name(enum window_source s)
{
    static const char *const names[] = {"system and temperature", "system", "all", "given"};
    return names[s];
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double window_quantile(int n, double x[], double p)
{
    if (n < 1) return NAN;
    qsort(x, (size_t)n, sizeof *x, ascending);
    double at = p * (n - 1);
    int i = (int)at;
    return i + 1 < n ? x[i] + (at - i) * (x[i + 1] - x[i]) : x[n - 1];
}

// Mean rank of equal values.
static void ranks(int n, const double x[], double ret[])
{
    for (int i = 0; i < n; i++) {
        int below = 0, equal = 0;
        for (int j = 0; j < n; j++) {
            below += x[j] < x[i];
            equal += x[j] == x[i];
        }
        ret[i] = below + 0.5 * (equal - 1);
    }
}

enum al_err window_rank_correlation(int n, const double x[], const double y[], double *ret)
{
    AL_AUTOFREE double *r = NULL;
    AL_ALLOC(r, 2 * n + 1);
    double mean = 0.5 * (n - 1), xy = 0, xx = 0, yy = 0;
    ranks(n, x, r);
    ranks(n, y, r + n);
    for (int i = 0; i < n; i++) {
        double a = r[i] - mean, b = r[n + i] - mean;
        xy += a * b;
        xx += a * a;
        yy += b * b;
    }
    *ret = n >= 3 && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
    return AL_ERR_OK;
}

static bool usable(const struct calibration *c)
{
    return isfinite(c->deviation) && isfinite(c->error) && isfinite(c->rms) && c->deviation > 0 && c->error > 0;
}

static bool belongs(const struct calibration *c, enum window_source s, const char *system, double temperature)
{
    if (!usable(c)) return false;
    if (s <= WINDOW_SYSTEM && strcmp(c->system, system) != 0) return false;
    return s != WINDOW_TEMPERATURE || c->temperature == temperature;
}

// q: from the test frames when they are enough.
static enum al_err announced_spread(int n, const struct calibration *c, double *ret)
{
    AL_AUTOFREE double *x = NULL;
    int ntest = 0, k = 0;
    double sum = 0, atoms = 0;
    AL_ALLOC(x, n + 1);
    for (int i = 0; i < n; i++) {
        ntest += usable(&c[i]) && c[i].test;
        if (usable(&c[i])) x[k++] = c[i].error / c[i].deviation;
    }
    double slope = window_quantile(k, x, 0.5);
    k = 0;
    for (int i = 0; i < n; i++) {
        if (!usable(&c[i]) || (ntest >= WINDOW_MIN && !c[i].test)) continue;
        x[k++] = slope * c[i].deviation;
        sum += c[i].natoms * c[i].rms * c[i].rms;
        atoms += c[i].natoms;
    }
    *ret = k ? window_quantile(k, x, accurate_at_target) / sqrt(sum / atoms) : (double)NAN;
    return AL_ERR_OK;
}

static enum al_err fit(int n, const struct calibration *c, enum window_source s, const char *system, double temperature,
                       double target, struct window *w)
{
    AL_AUTOFREE double *x = NULL;
    AL_ALLOC(x, 3 * n + 1);
    double *dev = x, *err = x + n, *ratio = x + 2 * n, last = 0, physical = 0;
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (!belongs(&c[i], s, system, temperature)) continue;
        dev[k] = c[i].deviation;
        err[k] = c[i].error;
        ratio[k++] = c[i].error / c[i].deviation;
        last = fmax(last, c[i].deviation);
        physical += c[i].force;
    }
    AL_TRY(window_rank_correlation(k, dev, err, &w->rank));
    AL_TRY(announced_spread(n, c, &w->spread));
    w->n = k;
    w->source = s;
    w->slope = window_quantile(k, ratio, 0.5);
    w->w.low = w->spread * target / w->slope;
    w->w.high = fmax(narrowest * w->w.low, fmin(beyond_data * last, physical / k / w->slope));
    return AL_ERR_OK;
}

enum al_err window_fit(int n, const struct calibration *c, const char *system, double temperature, double target,
                       const struct trust_window *given, struct window *ret)
{
    struct window w = {.w = *given, .source = WINDOW_GIVEN, .slope = NAN, .spread = NAN, .rank = NAN};
    for (enum window_source s = WINDOW_TEMPERATURE; s < WINDOW_GIVEN; s++) {
        int k = 0;
        for (int i = 0; i < n; i++)
            k += belongs(&c[i], s, system, temperature);
        w.n = k;
        if (k < WINDOW_MIN || !(target > 0)) continue;
        AL_TRY(fit(n, c, s, system, temperature, target, &w));
        break;
    }
    *ret = w;
    return AL_ERR_OK;
}
