// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Two analytic potentials behind the seam, for tests of everything that moves atoms.
#ifndef AL_MD_POTENTIALS_H
#define AL_MD_POTENTIALS_H

#include "seam/potential.h"

// Lennard-Jones, one species parameter set for all atoms:
//   E = sum_pairs u(r) - u(rc),  u = 4 eps ((sigma/r)^12 - (sigma/r)^6), r < rc
// Energy continuous at rc; with force_shift also the force: u(r) - u(rc) - (r - rc) u'(rc).
struct lj_options {
    double epsilon; // eV
    double sigma;   // Ang
    double cutoff;  // Ang
    double skin;    // Ang, of its neighbour list
    bool force_shift;
    bool truncated; // u(r) without the shift: for comparison with tables; not continuous, forces as without it
};
enum al_err lj_potential_open(const struct lj_options *o, struct potential **ret);

// Einstein crystal: each atom on a spring to its site, E = k/2 sum |x_i - site_i|^2. Sites are the
// positions of the frame given here (copied). Not invariant under translation: 3N degrees of freedom.
// Virial: the sites are strained with the cell. k: eV/Ang^2.
enum al_err spring_potential_open(const struct al_frame *sites, double k, struct potential **ret);

#endif
