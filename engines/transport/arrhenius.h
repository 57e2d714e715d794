// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// From diffusion coefficients to what is quoted: activation energy, value at 300 K, conductivity.
#ifndef AL_TRANSPORT_ARRHENIUS_H
#define AL_TRANSPORT_ARRHENIUS_H

#include <stdbool.h>

#include "base/err.h"

struct tr_arrhenius {
    int n;                         // points used
    double ea, ea_error;           // eV
    double d0, ln_d0, ln_d0_error; // cm^2/s; ln of cm^2/s
    double cov;                    // covariance of ln D0 and Ea, eV
    double chi2;                   // of n - 2 degrees of freedom
    double inflation;              // errors were multiplied by sqrt(max(1, chi2/(n - 2)))
    double t95;                    // factor from standard error to the 95 % interval: 1.96; Student's of n - 2 where chi2 is significant (5 %)
};
// ln D = ln D0 - Ea/(k T), least squares weighted by (D/error)^2. T in K: the mean that each run really had.
// AL_ERR_INPUT: fewer than two points, D or error not > 0, all at one temperature.
enum al_err tr_arrhenius_fit(int n, const double *temperature, const double *d, const double *d_error,
                             struct tr_arrhenius *ret);
// D at a temperature with its 95 % interval, cm^2/s.
void tr_arrhenius_at(const struct tr_arrhenius *a, double temperature, double *ret_d, double *ret_low,
                     double *ret_high);

// Nernst-Einstein: sigma = n q^2 D / (V k T), S/cm. D cm^2/s, volume Ang^3, charge in e, temperature K.
double tr_conductivity(double d, int nions, double volume, double temperature, double charge);

// Slope of y over x by least squares with its standard error, e.g. the energy drift of an NVE run.
enum al_err tr_line_fit(int n, const double *x, const double *y, double *ret_slope, double *ret_intercept,
                        double *ret_slope_error);
// Energy drift, eV/atom/ps: time in fs, total (conserved) energy in eV.
enum al_err tr_energy_drift(int n, const double *time, const double *energy, int natoms, double *ret_drift,
                            double *ret_error);
// Factor of the two-sided 95 % Student t interval; dof >= 1.
double tr_student95(int dof);

// Two measured numbers > 0 against each other: b/a with the 95 % interval of its logarithm, from relative errors added as squares and the
// larger of the two factors t95 (conservative where one has few degrees of freedom).
struct tr_estimate {
    double value, error; // standard error
    double t95;          // factor to the 95 % interval
};
struct tr_ratio {
    double ratio, low, high;
    bool differs;        // the interval excludes 1
};
struct tr_ratio tr_compare(const struct tr_estimate *a, const struct tr_estimate *b);

#endif
