// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The same plane waves in two spheres (another cut-off, another cell): matched by their Miller indices. Both lists in
// the order of basis.h (m0, m1, m2 ascending).
#ifndef AL_DFT_SPHERE_H
#define AL_DFT_SPHERE_H

#include "dft/basis.h"

// from[i]: place among the old waves of new wave i, -1 where there is none.
void sphere_match(int nold, const int (*old)[3], int nnew, const int (*mill)[3], int *from);

// Rows of orbitals that are split over the ranks (basis.h).
struct sphere_rows {
    int npw, p0, nloc;
};
// y [nb][k->nloc] := x [nb][old.nloc], 0 where the old sphere lacks the wave. from: of sphere_match, [k->npw]. Every band is
// gathered in turn, since the two spheres are split in different places. Collective over k->comm.
enum al_err sphere_move_bands(struct sphere_rows old, const struct kbasis *k, const int *from, int nb,
                              const double complex *x, double complex *y);

#endif
