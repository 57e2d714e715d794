// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "committee/committee.h"

// Population variance of get(k), k < n, in two passes (no cancellation).
static double variance(int n, const struct pot_result res[],
                       double (*get)(const struct pot_result *, int, int), int i, int a)
{
    double mean = 0, v = 0;
    for (int k = 0; k < n; k++)
        mean += get(&res[k], i, a) / n;
    for (int k = 0; k < n; k++) {
        double d = get(&res[k], i, a) - mean;
        v += d * d / n;
    }
    return v;
}

static double get_force(const struct pot_result *r, int i, int a)
{
    return r->forces[i][a];
}

static double get_virial(const struct pot_result *r, int i, int a)
{
    return r->virial[i][a];
}

static double get_energy(const struct pot_result *r, int i, int a)
{
    (void)i;
    (void)a;
    return r->energy;
}

void deviation_of(int n, const struct pot_result res[], int natoms, struct deviation *ret_d)
{
    struct deviation d = {.f = ret_d->f};
    for (int i = 0; i < natoms; i++) {
        double v = 0;
        for (int a = 0; a < 3; a++)
            v += variance(n, res, get_force, i, a);
        double f = sqrt(v);
        if (i == 0 || f > d.max_f) d.max_f = f;
        if (i == 0 || f < d.min_f) d.min_f = f;
        d.avg_f += f / natoms;
        if (d.f) d.f[i] = f;
    }
    double sum = 0;
    for (int a = 0; a < 9; a++) {
        double v = sqrt(variance(n, res, get_virial, a / 3, a % 3)) / natoms;
        if (a == 0 || v > d.max_v) d.max_v = v;
        if (a == 0 || v < d.min_v) d.min_v = v;
        sum += v * v;
    }
    d.avg_v = sqrt(sum / 9);
    d.e = sqrt(variance(n, res, get_energy, 0, 0)) / natoms;
    *ret_d = d;
}
