// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The spherical atom of a pseudopotential, for the density that the SCF of a cell starts from where the file has none: occupations
// spread evenly over m, local density approximation, radial functions r^(l+1) exp(-a r^2) with even-tempered a. A start only:
// no energy comes from here.
#ifndef AL_DFT_ATOM_H
#define AL_DFT_ATOM_H

#include "dft/pseudo.h"

enum { ATOM_MESH = 320 };

struct atom {
    double r[ATOM_MESH], w[ATOM_MESH]; // bohr; integral of f = sum_i w_i f(r_i)
    double rho[ATOM_MESH];             // 4 pi r^2 times the valence density, 1/bohr; integrates to zion
    double level[PSP_LMAX + 1];        // lowest of each l, Ha; NaN where none is looked for
    int steps;                         // to self-consistency
    double change;                     // electrons moved by the last step
};

// Milliseconds. Does not fail for want of convergence: ret->change tells.
enum al_err atom_solve(const struct pseudo *p, struct atom *ret);

#endif
