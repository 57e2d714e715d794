// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/arrhenius.h"

#include <math.h>

#include "base/units.h"

static const double normal95 = 1.959963984540054;

double tr_student95(int dof)
{
    static const double table[] = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624,
                                   2.306004,  2.262157, 2.228139, 2.200985, 2.178813, 2.160369, 2.144787,
                                   2.131450,  2.119905, 2.109816, 2.100922, 2.093024, 2.085963};
    if (dof < 1) dof = 1;
    if (dof <= (int)(sizeof table / sizeof *table)) return table[dof - 1];
    // Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5), right to 1e-5 from here on.
    double z = normal95, z2 = z * z, v = dof;
    return z * (1.0 + (z2 + 1.0) / (4.0 * v) + ((5.0 * z2 + 16.0) * z2 + 3.0) / (96.0 * v * v) +
                (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / (384.0 * v * v * v));
}

// 95 % point of chi^2 (Wilson and Hilferty 1931), to 1 %.
static double chi2_95(int dof)
{
    double v = 2.0 / (9.0 * dof);
    return dof * pow(1 - v + 1.6448536 * sqrt(v), 3);
}

enum al_err tr_arrhenius_fit(int n, const double *temperature, const double *d, const double *d_error,
                             struct tr_arrhenius *ret)
{
    if (n < 2) AL_FAIL(AL_ERR_INPUT, "an Arrhenius fit needs two temperatures, got %d", n);
    double sw = 0.0, mx = 0.0, my = 0.0, sxx = 0.0, sxy = 0.0;
    for (int i = 0; i < n; i++) {
        if (!(temperature[i] > 0.0) || !(d[i] > 0.0) || !(d_error[i] > 0.0) || !isfinite(d[i] + d_error[i]))
            AL_FAIL(AL_ERR_INPUT, "point %d: D = %g +- %g at %g K cannot enter an Arrhenius fit", i, d[i],
                    d_error[i], temperature[i]);
        double w = (d[i] / d_error[i]) * (d[i] / d_error[i]);
        sw += w;
        mx += w / (AL_KB_EV * temperature[i]);
        my += w * log(d[i]);
    }
    mx /= sw;
    my /= sw;
    for (int i = 0; i < n; i++) {
        double w = (d[i] / d_error[i]) * (d[i] / d_error[i]), x = 1.0 / (AL_KB_EV * temperature[i]) - mx;
        sxx += w * x * x;
        sxy += w * x * (log(d[i]) - my);
    }
    if (!(sxx > 1e-12 * sw * mx * mx)) AL_FAIL(AL_ERR_INPUT, "all points are at one temperature");
    struct tr_arrhenius a = {.n = n, .inflation = 1.0, .t95 = normal95};
    double slope = sxy / sxx;
    a.ea = -slope;
    a.ln_d0 = my - slope * mx;
    a.d0 = exp(a.ln_d0);
    for (int i = 0; i < n; i++) {
        double r = (log(d[i]) - a.ln_d0 - slope / (AL_KB_EV * temperature[i])) * d[i] / d_error[i];
        a.chi2 += r * r;
    }
    if (n > 2 && a.chi2 > n - 2) a.inflation = sqrt(a.chi2 / (n - 2)); // scatter beyond the errors given
    if (n > 2 && a.chi2 > chi2_95(n - 2)) a.t95 = tr_student95(n - 2);  // significantly so: the scatter alone is believed
    double s2 = a.inflation * a.inflation;
    a.ea_error = sqrt(s2 / sxx);
    a.ln_d0_error = sqrt(s2 * (1.0 / sw + mx * mx / sxx));
    a.cov = s2 * mx / sxx; // of (ln D0, Ea): Ea = -slope
    *ret = a;
    return AL_ERR_OK;
}

void tr_arrhenius_at(const struct tr_arrhenius *a, double temperature, double *ret_d, double *ret_low,
                     double *ret_high)
{
    double x = 1.0 / (AL_KB_EV * temperature), ln_d = a->ln_d0 - a->ea * x;
    double var = a->ln_d0_error * a->ln_d0_error + x * x * a->ea_error * a->ea_error - 2.0 * x * a->cov;
    double half = a->t95 * sqrt(fmax(var, 0.0));
    *ret_d = exp(ln_d);
    *ret_low = exp(ln_d - half);
    *ret_high = exp(ln_d + half);
}

double tr_conductivity(double d, int nions, double volume, double temperature, double charge)
{
    // n/V in 1/cm^3 (1 Ang^3 = 1e-24 cm^3), q in C, k T in J: S/cm.
    double density = nions / (volume * 1e-24), q = charge * AL_E_COULOMB;
    return density * q * q * d / (AL_KB_EV * AL_E_COULOMB * temperature);
}

enum al_err tr_line_fit(int n, const double *x, const double *y, double *ret_slope, double *ret_intercept,
                        double *ret_slope_error)
{
    double mx = 0.0, my = 0.0, sxx = 0.0, sxy = 0.0, syy = 0.0;
    for (int i = 0; i < n; i++) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (int i = 0; i < n; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        sxy += (x[i] - mx) * (y[i] - my);
        syy += (y[i] - my) * (y[i] - my);
    }
    if (n < 2 || !(sxx > 0.0)) AL_FAIL(AL_ERR_INPUT, "a line needs two points apart, got %d", n);
    double slope = sxy / sxx;
    *ret_slope = slope;
    if (ret_intercept) *ret_intercept = my - slope * mx;
    if (ret_slope_error)
        *ret_slope_error = n > 2 ? sqrt(fmax(syy - slope * sxy, 0.0) / ((n - 2) * sxx)) : 0.0;
    return AL_ERR_OK;
}

enum al_err tr_energy_drift(int n, const double *time, const double *energy, int natoms, double *ret_drift,
                            double *ret_error)
{
    double slope, error;
    if (natoms < 1) AL_FAIL(AL_ERR_INPUT, "%d atoms", natoms);
    AL_TRY(tr_line_fit(n, time, energy, &slope, NULL, &error));
    *ret_drift = slope * 1000.0 / natoms; // per fs to per ps
    if (ret_error) *ret_error = error * 1000.0 / natoms;
    return AL_ERR_OK;
}

struct tr_ratio tr_compare(const struct tr_estimate *a, const struct tr_estimate *b)
{
    double x = log(b->value / a->value), half = fmax(a->t95, b->t95) * hypot(a->error / a->value, b->error / b->value);
    return (struct tr_ratio){exp(x), exp(x - half), exp(x + half), fabs(x) > half};
}
