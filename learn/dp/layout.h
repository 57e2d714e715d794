// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The environment of a frame, arranged for GEMM. Centres are sorted by type (stably) and cut into blocks of
// at most DP_BLOCK centres of one type. The rows (slots) of a block stand together, by neighbour type, then
// by centre, then in the order of the neighbour list; each (block, neighbour type) ends with one row that
// stands for all empty slots:
//
//   rows of (block b, neighbour type t, centre c of the block): seg[(b*T + t)*(DP_BLOCK + 2) + c] .. next
//   entry empty-slot row: seg[... + ncentre]; end: seg[... + ncentre + 1]
//
// More than sel[t] neighbours of type t: the nearest are kept (as TensorFlow and LAMMPS do).
#ifndef AL_DP_LAYOUT_H
#define AL_DP_LAYOUT_H

#include "base/neigh.h"
#include "dp/harmonics.h"
#include "dp/model.h"
#include "dp/vec.h"

enum { DP_BLOCK = 16 };

struct dp_layout { // depends on positions, types, rcut and sel; not on trained numbers
    int natoms, ntypes, nblock, nrow; // natoms: that have forces; those in order have energies
    const int *number; // [natoms] what the caller calls the atoms of the frame: forces and energies go there; NULL: as they are here. Borrowed
    int *order;       // [natoms] atoms sorted by type
    int *block_first; // [nblock + 1] into order
    int *block_type;  // [nblock]
    int *seg;         // see above
    int *j;           // [nrow] neighbour, -1 for an empty slot
    double (*d)[3];   // [nrow] r_j - r_i, Ang
    size_t atom_cap, block_cap, row_cap;
    struct al_neigh_pair *scratch; // overflow handling
    size_t scratch_cap;
};

struct dp_geo {    // of a row, for the chain rule
    double h[3];   // d/r
    double r;      // Ang
    double ds, sr; // ds/dr, s/r
    double dq, qr; // dq/dr, q/r; 0 where there are no harmonics
};

struct dp_rows { // normalised rows and geometry, [nrow] each
    v4d *R[DP_GROUPS]; // R~; beyond the first for models with harmonics
    struct dp_geo *geo;
    double *x; // R~[0]: input of the embedding nets
    size_t cap;
};

struct dp_cut { // TensorFlow's switch: rcut and rcut_smth and their difference rounded to float32
    double rc, rs, den;
    double ra, aden; // rcut_angular (0: none) likewise
};
struct dp_cut dp_cut_of(const struct dp_config *c);

// s at r, and its derivative; s/r is ret_sr.
static inline double dp_switch(double r, double rs, double rc, double den, double *ret_ds, double *ret_sr)
{
    double u = (r - rs) / den;
    u = u < 0 ? 0 : u > 1 || !(r < rc) ? 1 : u;
    double w = 1 + u * u * u * (-10 + u * (15 - 6 * u));
    double dw = -30 * u * u * (1 - u) * (1 - u) / den;
    double s = w / r;
    *ret_sr = s / r;
    *ret_ds = dw / r - *ret_sr;
    return s;
}

// R (not normalised; without harmonics) and geometry of a neighbour at d.
static inline v4d dp_environment_row(const double d[3], const struct dp_cut *cut, struct dp_geo *g)
{
    double r = __builtin_sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    double s = dp_switch(r, cut->rs, cut->rc, cut->den, &g->ds, &g->sr);
    for (int a = 0; a < 3; a++)
        g->h[a] = d[a] / r;
    g->r = r;
    g->dq = g->qr = 0;
    if (r < cut->ra && cut->ra == cut->rc) { // the same function
        g->dq = g->ds;
        g->qr = g->sr;
    } else if (r < cut->ra) {
        dp_switch(r, cut->rs, cut->ra, cut->aden, &g->dq, &g->qr);
    }
    return (v4d){s, s * g->h[0], s * g->h[1], s * g->h[2]};
}

// Components of l = 2, 3 of a row (not normalised).
static inline void dp_harmonics_row(const struct dp_geo *g, double ret[DP_HARMONICS])
{
    dp_harmonics(g->h, ret);
    for (int m = 0; m < DP_HARMONICS; m++)
        ret[m] *= g->qr * g->r;
}

// The components of l = 2, 3 in fours (DP_GROUPS), and back.
static inline void dp_groups_of(const double y[DP_HARMONICS], v4d ret[DP_GROUPS - 1])
{
    ret[0] = v4_load(y);
    ret[1] = (v4d){y[4], 0, 0, 0};
    ret[2] = v4_load(y + 5);
    ret[3] = (v4d){y[9], y[10], y[11], 0};
}
static inline void dp_groups_back(const v4d four[DP_GROUPS - 1], double ret[DP_HARMONICS])
{
    v4_store(ret, four[0]);
    ret[4] = four[1][0];
    v4_store(ret + 5, four[2]);
    for (int k = 0; k < 3; k++)
        ret[9 + k] = four[3][k];
}

// Of atom i of the layout, for the caller.
static inline int dp_layout_number(const struct dp_layout *l, int i)
{
    return l->number ? l->number[i] : i;
}
static inline const int *dp_layout_seg(const struct dp_layout *l, int block, int type)
{
    return l->seg + ((size_t)block * (size_t)l->ntypes + (size_t)type) * (DP_BLOCK + 2);
}
static inline int dp_block_size(const struct dp_layout *l, int block)
{
    return l->block_first[block + 1] - l->block_first[block];
}
// Rows of a block: dp_layout_seg(l, block, 0)[0] .. dp_block_end.
static inline int dp_block_end(const struct dp_layout *l, int block)
{
    return dp_layout_seg(l, block, l->ntypes - 1)[dp_block_size(l, block) + 1];
}

void dp_layout_destroy(struct dp_layout **l);
enum al_err dp_layout_create(struct dp_layout **ret);
// types [natoms] of the model; list: full, cut-off >= that of the model.
enum al_err dp_layout_build(struct dp_layout *l, const struct dp_config *c, int natoms, const int *types,
                            const struct al_neigh *list);
// Parts of building, for dp/pack.h: sorted centres and room; the row of empty slots at the end of a segment.
enum al_err dp_layout_start(struct dp_layout *l, const struct dp_config *c, int natoms, const int *types,
                            size_t neighbours);
void dp_layout_close(struct dp_layout *l, int block, int type, int *row);
enum al_err dp_rows_reserve(struct dp_rows *rows, int ngroup, size_t nrow); // ngroup: dp_groups, always the same
void dp_rows_free(struct dp_rows *rows);
void dp_rows_compute(struct dp_rows *rows, const struct dp_model *m, const struct dp_layout *l);
// Most neighbours of each type seen around any atom: for the choice of sel.
void dp_count_neighbours(int ntypes, int natoms, const int *types, const struct al_neigh *list, int max[]);
// dp_layout_build where only the first ncentre atoms have energies (list: of these) and the others, up to natoms, are
// neighbours only: ghosts of a domain decomposition. Forces are those of all natoms.
enum al_err dp_layout_build_local(struct dp_layout *l, const struct dp_config *c, int ncentre, int natoms,
                                  const int *types, const struct al_neigh *list);

#endif
