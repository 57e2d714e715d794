// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The trust window from what deviations turned out to mean: frames whose true error is known because they were labelled after the
// committee had spoken, and never trained on before. The committee's word must be that of today: from one committee to the next
// deviations shrink faster than errors.
//
//   slope s      median of error/deviation, both the largest over a frame's atoms (eV/Ang): the error that a deviation
//                announces is s times the deviation. One number, because a committee's deviation grows with the error but is too small
//                an estimate of it; the median, because a few frames far out must not set the scale.
//   low          q target / s. target: the force error wanted (rms of components). q: 90 % quantile of the announced errors, by the
//                rms error, both over all frames: with a potential that is just as good as its target, one frame in ten is a
//                candidate. So labels do not run out before the target is reached, and what is called accurate then
//                is what the target asks for.
//   high         twice the largest deviation that a labelled frame had (twice, so that exploration can go on from there), but not
//                more than physical / s, where physical is the mean over frames of the largest true force: beyond it the
//                error is expected to be as large as the forces. Never below twice low.
//
// From the frames of the system and temperature if they are WINDOW_MIN at least; else of the system; else of all; else the window is
// the one given. q always from all frames, from the test frames alone (an unbiased sample) when they are enough.
#ifndef AL_COMMITTEE_WINDOW_H
#define AL_COMMITTEE_WINDOW_H

#include <stdbool.h>

#include "committee/select.h"

enum { WINDOW_MIN = 8 };

struct calibration {
    char id[96], system[64];
    double temperature; // K
    bool test;          // held out; else newly labelled for training, and not yet trained on
    int natoms;
    double deviation;   // eV/Ang, largest over atoms
    double error;       // eV/Ang, largest over atoms of |F - F0|
    double rms;         // eV/Ang, of the components of F - F0
    double force;       // eV/Ang, largest over atoms of |F0|
    double energy;      // eV/atom, E - E0
};

enum window_source { WINDOW_TEMPERATURE, WINDOW_SYSTEM, WINDOW_ALL, WINDOW_GIVEN };
const char *window_source_name(enum window_source s); // "system and temperature", "system", "all", "given"

struct window {
    struct trust_window w;
    enum window_source source;
    int n;        // frames behind slope; for WINDOW_GIVEN those that there were
    double slope, spread, rank; // s, q, Spearman's rank correlation of deviation and error; NaN for WINDOW_GIVEN
};

enum al_err window_fit(int n, const struct calibration *c, const char *system, double temperature, double target,
                       const struct trust_window *given, struct window *ret);
// Spearman's; equal values share their ranks. NaN when n < 3 or one of them is constant.
enum al_err window_rank_correlation(int n, const double x[], const double y[], double *ret);
// The p quantile of x (which is sorted by this), between neighbours linearly; NaN when n = 0.
double window_quantile(int n, double x[], double p);

#endif
