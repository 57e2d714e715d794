// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The mean of a correlated time series and its standard error.
#ifndef AL_WORKER_SERIES_H
#define AL_WORKER_SERIES_H

#include "base/err.h"

struct series {
    int n;
    double mean, std;   // of the samples
    double error;       // standard error of the mean: std sqrt(2 tau / n); NaN with fewer than two samples
    double tau;         // integrated autocorrelation time in samples, 0.5 = uncorrelated
};
// tau by the automatic window of Madras and Sokal (J. Stat. Phys. 50, 109 (1988)): the sum of autocorrelations up to the first
// lag of at least 5 tau. An oscillation (the barostat's) hides a slow part from that sum, so the error is at least that of 20 blocks, and
// some 5 % too large where there is none. Series shorter than some 50 tau give too small an error.
enum al_err series_of(int n, const double *x, struct series *ret);

#endif
