// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Space-group symmetry by spglib (A. Togo, K. Shinohara, I. Tanaka, Sci. Technol. Adv. Mater. Methods 4, 2384822, 2024).
#ifndef AL_WORKER_SYMMETRY_H
#define AL_WORKER_SYMMETRY_H

#include "base/frame.h"

// One atom of each symmetry-inequivalent site of element z, ascending; tolerance in Ang. ret [natoms].
enum al_err symmetry_sites(const struct al_frame *f, int z, double tolerance, int *ret_n, int *ret);

#endif
