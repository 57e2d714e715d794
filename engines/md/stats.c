// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "md/md_impl.h"

// Means and co-moments by Welford's update: no cancellation however long the run.
void md_stats_add(struct md_stats *a, const struct md_thermo *t)
{
    double time = 1e-3 * t->time, e = t->conserved - a->start;
    a->n++;
    double w = 1.0 / (double)a->n, dt = time - a->mean_t, de = e - a->mean_e;
    a->mean_t += w * dt;
    a->mean_e += w * de;
    a->s_tt += dt * (time - a->mean_t);
    a->s_te += dt * (e - a->mean_e);
    a->s_ee += de * (e - a->mean_e);
    double dT = t->temperature - a->mean_temperature;
    a->mean_temperature += w * dT;
    a->s_temperature += dT * (t->temperature - a->mean_temperature);
    a->mean_pressure += w * (t->pressure - a->mean_pressure);
    a->mean_epot += w * (t->epot - a->mean_epot);
}

void md_stats_report(const struct md_stats *a, int natoms, struct md_result *r)
{
    r->nsamples = a->n;
    r->temperature = a->mean_temperature;
    r->pressure = a->mean_pressure;
    r->epot = a->mean_epot;
    r->temperature_std = a->n > 1 ? sqrt(a->s_temperature / (double)(a->n - 1)) : 0.0;
    r->drift = r->fluctuation = 0.0;
    if (a->n < 3 || natoms < 1 || !(a->s_tt > 0.0)) return;
    double slope = a->s_te / a->s_tt, rest = a->s_ee - slope * a->s_te;
    r->drift = slope / natoms;
    r->fluctuation = sqrt(fmax(rest, 0.0) / (double)a->n) / natoms;
}
