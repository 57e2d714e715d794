// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Walks whose D is known: Gaussian steps; or a cage in which the ion rattles (Ornstein-Uhlenbeck) and jumps along x, y, z, independent or
// going back with a probability.
#ifndef AL_TESTS_WALKS_H
#define AL_TESTS_WALKS_H

#include "base/rng.h"
#include "transport/traj.h"

struct walk {
    const char *name;
    int nions;
    long nframes;
    double step;    // Ang, standard deviation of a step by axis; 0: none
    double cage;    // Ang, amplitude of the rattling by axis
    double memory;  // of the rattling from frame to frame, 0 to 1
    double rate;    // jumps of an ion in a frame
    double jump;    // Ang
    double back;    // probability that a jump undoes the one before, besides chance
};
enum { WALK_FRAMEWORK = 4 }; // atoms at rest: S P S P
#define WALK_DT 50.0         // fs

// Li ions and the framework in a cell of 20 Ang, continuous.
enum al_err walk_create(const struct walk *w, uint64_t seed, struct tr_traj **ret);
double walk_d(const struct walk *w); // cm^2/s

#endif
