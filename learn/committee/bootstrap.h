// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Confidence intervals of root mean squares by resampling whole frames (Efron, Ann. Statist. 7, 1, 1979; percentiles): the atoms of
// one frame are not independent, frames are taken to be.
#ifndef AL_COMMITTEE_BOOTSTRAP_H
#define AL_COMMITTEE_BOOTSTRAP_H

#include "base/err.h"
#include "base/rng.h"

enum { BOOTSTRAP = 1000 };

// 95 % interval of sqrt(sum of a / sum of w), for nq quantities at once on the same resamples of n frames: a, w [nq][n] are each
// frame's sum of squares and count. n > 1.
enum al_err bootstrap_rms(struct al_rng *rng, int n, int nq, const double *a, const double *w, double *ret_low, double *ret_high);

#endif
