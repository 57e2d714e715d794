// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A layout in 8 bytes a neighbour (instead of 28): its index and image; the distance vector comes back from the
// positions. For the environments of a data set, which training keeps.
#ifndef AL_DP_PACK_H
#define AL_DP_PACK_H

#include "dp/layout.h"

struct dp_packed_neighbour {
    int j;
    signed char image[4]; // the last not used
};
struct dp_packed {
    int n;                 // neighbours, without the rows of empty slots
    unsigned short *count; // by block, type, centre as in the layout
    struct dp_packed_neighbour *at; // [n]
    size_t bytes;
};
void dp_packed_destroy(struct dp_packed **p);
// *ret NULL when the layout cannot be packed (images beyond 127 cells).
enum al_err dp_layout_pack(const struct dp_layout *l, const double (*x)[3], const double box[3][3], bool pbc,
                           struct dp_packed **ret);
// The layout again from the positions that it was built from; d differs from the list's by rounding at most.
enum al_err dp_layout_unpack(struct dp_layout *l, const struct dp_config *c, int natoms, const int *types,
                             const double (*x)[3], const double box[3][3], const struct dp_packed *p);

#endif
