// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Short-range repulsion between nuclei, added to the Deep Potential where the model has it (dp_config.zbl): the universal
// screened Coulomb potential of Ziegler, Biersack and Littmark (The Stopping and Range of Ions in Solids, 1985),
//   phi(r) = Z1 Z2 e^2/r sum_k c_k exp(-d_k r/a),  a = 0.46850 Ang/(Z1^0.23 + Z2^0.23),
// for r < outer, with LAMMPS' switch (pair_style zbl inner outer), numbers and form: with t = r - inner > 0,
//   E(r) = phi(r) + C + (t > 0: A/3 t^3 + B/4 t^4),  where A, B, C make E, E' and E'' zero at outer.
// So E, E' and E'' are continuous everywhere. Half of a pair belongs to each of its atoms.
//
// It acts on the neighbours that the layout holds: where an atom has more than sel of a type within outer, the nearest.
#ifndef AL_DP_ZBL_H
#define AL_DP_ZBL_H

#include "dp/layout.h"
#include "seam/potential.h"

struct dp_zbl;
// *ret NULL for a model without repulsion.
enum al_err dp_zbl_create(const struct dp_config *c, struct dp_zbl **ret);
void dp_zbl_destroy(struct dp_zbl **z);
// E(r) of two atoms of types t and u, eV; *ret_slope: dE/dr, eV/Ang. r > 0.
double dp_zbl_pair(const struct dp_zbl *z, int t, int u, double r, double *ret_slope);
// Adds to energy, virial and, where not NULL, forces and atomic energies. z may be NULL. The layout may hold fewer
// neighbours than the model's cut-off asks for, but all within outer.
void dp_zbl_add(const struct dp_zbl *z, const struct dp_layout *l, struct pot_result *res);

#endif
