// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// How new the atomic environments of frames are, and choosing those that add most: farthest-point selection that starts from what
// is labelled already (after Gonzalez, Theor. Comput. Sci. 38, 293, 1985, with sets of points for points).
//
// The distance of an atom is that to the nearest known environment of its element, in descriptor space, in units of the spread
// (root mean square distance from the mean) of the known ones of that element. A frame is as far as its atoms are in the root mean
// square: one number of a whole cell (its mean descriptor) would hide a new environment among thirty known ones, and the
// farthest atom alone would make outliers of single atoms win. It is a near duplicate when no atom is as far as a threshold: then
// every one of its environments is known already, be it from several frames.
#ifndef AL_COMMITTEE_NOVELTY_H
#define AL_COMMITTEE_NOVELTY_H

#include "base/frame.h"
#include "base/rng.h"

struct env_frame {   // the environments of a frame
    int natoms;
    int *z;          // [natoms]
    double *x;       // [natoms][width], width a multiple of 8
};

// Descriptors of more than ENV_WIDTH numbers become ENV_WIDTH by a fixed random projection (Johnson and Lindenstrauss: distances
// stay within about a tenth); fewer are padded with zeros to a multiple of 8: out [n][env_width(width)] from in [n][width].
enum { ENV_WIDTH = 64 };
int env_width(int width);
enum al_err env_project(int width, int n, const double *in, double *out);
// Divides both lists by the spread of the known ones by element; elements that do not spread or are not known keep their scale.
enum al_err env_scale(int width, int nknown, struct env_frame known[], int n, struct env_frame pool[]);

struct novelty;
// Pool frames (borrowed, with their atoms): nothing is known yet, so all are infinitely far.
enum al_err novelty_create(int width, int n, const struct env_frame *pool, struct novelty **ret);
void novelty_destroy(struct novelty **v);
void novelty_learn(struct novelty *v, const struct env_frame *known);
// Which of the frames learned so far (by their order, from 0; chosen ones too) is the nearest of most of frame i's atoms; -1: of none.
enum al_err novelty_nearest(const struct novelty *v, int i, int *ret);
struct distance {
    double rms, max; // over the frame's atoms
};
struct distance novelty_distance(const struct novelty *v, int i);
// At most want of the pool's frames that `allowed` [n] marks. Farthest first, each chosen one known at once (order NULL), or in the
// order given [n]. Frames whose max distance is below `duplicate` are passed over. ret_index [want] in the order of choice;
// ret_at [n]: distance at the time of its choice, else when all was done.
enum al_err novelty_choose(struct novelty *v, const bool allowed[], const int order[], int want, double duplicate,
                           int ret_index[], int *ret_n, struct distance ret_at[]);

#endif
