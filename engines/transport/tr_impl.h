// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Shared inside engines/transport.
#ifndef AL_TRANSPORT_IMPL_H
#define AL_TRANSPORT_IMPL_H

#include <math.h>

#include "transport/arrhenius.h"
#include "transport/msd.h"

struct tr_track { // coordinates of one species relative to the framework
    int natoms, nframes, nframework;
    double *x; // [natoms][3][nframes] Ang
};
enum al_err tr_track_create(const struct al_frames *fs, int z, int mobile_z, struct tr_track **ret);
void tr_track_destroy(struct tr_track **k);
// MSD by axis, Ang^2, at lags lag[n] (frames) over the origins first <= t < last - lag.
void tr_track_msd(const struct tr_track *k, int first, int last, const int *lag, int n, double (*axis)[3]);

// Two digits for messages; never "-0.00".
static inline double tr_two_digits(double v)
{
    return round(100.0 * v) / 100.0 + 0.0;
}

#endif
