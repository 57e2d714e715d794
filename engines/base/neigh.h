// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Neighbour lists: for each atom all neighbours within a cut-off, periodic images included (also in cells
// smaller than the cut-off, where an atom has several images of another and of itself). Full lists.
//
// Cell lists with a Verlet skin: neigh_update keeps the wider list until an atom has moved by half the skin
// or the cell has changed. The order of the entries does not depend on when the wide list was built (it is
// sorted by neighbour index, then image), so that a restarted run goes on bit for bit. Positions need
// not be wrapped: an image counts from the unwrapped positions as given.
#ifndef AL_BASE_NEIGH_H
#define AL_BASE_NEIGH_H

#include <stdbool.h>

#include "base/err.h"

struct al_neigh_pair {
    int j;            // neighbour
    double d[3];      // r_j + image - r_i, Ang
    double r;         // |d| < cutoff, > 0
};

struct al_neigh {
    double cutoff, skin;      // Ang
    int natoms;
    int *first;               // [natoms + 1] pairs of atom i: first[i] .. first[i + 1] - 1
    struct al_neigh_pair *pair; // [first[natoms]] within the cut-off, at the present positions
    long nbuilds;             // how often the wide list was built
    struct al_neigh_impl *impl;
};

enum al_err al_neigh_create(double cutoff, double skin, struct al_neigh **ret);
void al_neigh_destroy(struct al_neigh **n);
// Bring the list up to date with positions x [natoms][3] and cell (rows a, b, c).
enum al_err al_neigh_update(struct al_neigh *n, int natoms, const double (*x)[3], const double cell[3][3], bool pbc);

#endif
