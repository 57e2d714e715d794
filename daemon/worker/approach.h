// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// How near atoms of production came to each other, beside the frames that the potential was trained on. Where two elements meet at a
// distance that no label has, the potential guesses, and MD goes where it guesses too low: a hole, which neither energy drift nor the bonds of
// the framework show.
#ifndef AL_WORKER_APPROACH_H
#define AL_WORKER_APPROACH_H

#include "base/frame.h"
#include "transport/rdf.h"

struct approach { // of labelled frames
    double shortest[AL_ZMAX + 1][AL_ZMAX + 1]; // Ang, either order; 0: not seen within APPROACH_CUTOFF
    int nframes;                               // 0: nothing can be said
};
enum { APPROACH_CUTOFF = 6 }; // Ang

// Of the systems in a directory (data/train); a directory that is not there has no frames.
enum al_err approach_read(const char *dir, struct approach *ret);
// The list `shortest_distances`, and `closer_than_labels` with the pairs that came nearer than 0.95 of the shortest distance in the labels, in
// words, where there are any. Nothing without labels.
void approach_write(FILE *out, int depth, const struct approach *a, const struct tr_rdf *met);

#endif
