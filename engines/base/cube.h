// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Gaussian cube files of a periodic field, as VESTA, Avogadro and ASE read them (format: Gaussian's cubegen page): two
// comment lines; atoms and origin; for each axis the number of points and the step vector; atoms; values with the last
// axis running fastest. Lengths in bohr. A grid of n points along a cell vector a has the step a/n and leaves the point at
// the far face out, which is that at 0.
#ifndef AL_BASE_CUBE_H
#define AL_BASE_CUBE_H

#include "base/frame.h"

// field[i0 + n[0] (i1 + n[1] i2)] at (i0/n[0], i1/n[1], i2/n[2]) of the cell vectors. Positions are written as they are.
// title: one line. Written durably.
enum al_err al_cube_write(const char *path, const char *title, const struct al_frame *f, const int n[3], const double *field);

#endif
