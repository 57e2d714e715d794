// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// An order of atoms in which those near each other in space are near each other in memory, for frames that come in another one: the
// positions and forces that an evaluation picks up by neighbour then lie in the caches.
#ifndef AL_DP_ARRANGE_H
#define AL_DP_ARRANGE_H

#include "base/frame.h"

// Atoms with consecutive numbers are, on the average, so far apart that a better order pays (rc: cut-off, Ang).
bool dp_scattered(const struct al_frame *f, double rc);
// Element by element, each along a Z-order curve through boxes of half the cut-off; depends on the frame only. Positions must be finite (dp_scattered).
enum al_err dp_arrange(const struct al_frame *f, double rc, int *ret); // [natoms] numbers in f
#endif
