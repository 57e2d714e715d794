// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Dense linear algebra of the subspace of trial orbitals: the projected Hamiltonian and its eigenvectors, and
// orthonormalisation. Large matrices are 2-D block-cyclic with ScaLAPACK on several ranks (comm/dmat.h). Small ones
// every rank has whole, and rank 0 solves with LAPACK and hands the answer out: ranks on processors of another kind would get
// other last bits, with degenerate eigenvalues other vectors, and would decide differently whether a pivot is small. Orbital
// blocks are [n][nloc], real or complex (blocks.h). All functions are collective.
#ifndef AL_DFT_SUBSPACE_H
#define AL_DFT_SUBSPACE_H

#include "dft/dft.h"

struct dgrid;
struct dmat;

struct subspace {
    struct comm *comm; // borrowed
    int nmax;          // largest dimension
    bool real;         // orbitals and matrices are real
    bool single;       // orbitals are float complex
    bool dist;
    struct dgrid *grid;      // dist
    struct dmat *h, *a, *z;  // dist: projected matrix, work, eigenvectors
    double *hl, *zl;         // else: [nmax][nmax]; eigenvectors [nb][n] of the last solve
    double *panel;           // [nmax][SUBSPACE_PANEL]
    double *gram;            // [nmax][nmax] block of overlaps with the new vectors
    double *w;               // [nmax]
    float *narrow;           // [nmax][nmax] of products in single precision
};

enum { SUBSPACE_PANEL = 64 };

// Are the matrices distributed: by size (AUTO) when half of nmax, the usual dimension, is where ScaLAPACK on 2 ranks
// beats LAPACK on one: 150 complex, 400 real (tests/dft/bench_scaling.py BENCH_LABEL eigen; docs/scaling.md).
bool subspace_distributed(int ranks, int nmax, bool real, enum dft_dense dense);
// Replicated on each rank: gram, panel (and hl, zl with LAPACK); the rest falls as 1/ranks. real: room for real
// orbitals only.
// rows: of the process grid, a divisor of the ranks; 0: as square as it can be.
enum al_err subspace_create(struct comm *c, int nmax, bool real, enum dft_dense dense, int rows, struct subspace **ret);
void subspace_destroy(struct subspace **s);
// Kind of the orbitals from here on; a subspace made for complex ones takes both. Blocks of orbitals are double
// complex, or float complex with single; matrices are always double.
void subspace_set_kind(struct subspace *s, bool real, bool single);

// H := diag(e), n x n (after a restart from Ritz vectors).
void subspace_set_diagonal(struct subspace *s, int n, const double *e);
// Columns n0 .. n0 + nt - 1 of H = V^H HV: rows 0 .. n0 + nt - 1 by V (n0 + nt vectors) and HV's new vectors
// ht.
enum al_err subspace_extend(struct subspace *s, int nloc, int n0, int nt, const void *v,
                            const void *ht);
// The same in mixed precision (single set): the first n1 vectors of v are Ritz vectors, and hv has their residuals in place of
// H times them, whose products with the new vectors are exact to the rounding of the residuals. hv: n0 + nt vectors.
enum al_err subspace_extend_mixed(struct subspace *s, int nloc, int n1, int n0, int nt, const void *v, const void *hv);
// Lowest nb eigenvalues of the leading n x n part into e; eigenvectors are kept for subspace_rotate.
enum al_err subspace_solve(struct subspace *s, int n, int nb, double *e);
// x [nb][nloc] = v z, lowest nb eigenvectors.
enum al_err subspace_rotate(struct subspace *s, int nloc, int n, int nb, const void *v, void *x);
// Of it the part of m vectors v, those from first on among the n.
enum al_err subspace_rotate_part(struct subspace *s, int nloc, int n, int first, int m, int nb, const void *v, void *x);
// g [nb][nb] (kept inside) := x^H x - 1; then subspace_unskew on any block: out [nb] = -x g / 2, x and out in single precision, what
// x lacks to be orthonormal to first order.
enum al_err subspace_skew(struct subspace *s, int nloc, int nb, const double complex *x);
void subspace_unskew(const struct subspace *s, int nloc, int nb, const float complex *x, float complex *out);
// Residuals r [nb] of the Ritz vectors e [nb] of subspace_extend_mixed's vectors, of which the first n1 have the eigenvalues e1.
enum al_err subspace_residuals_mixed(struct subspace *s, int nloc, int n1, const double *e1, int n, int nb, const double *e,
                                     const void *v, const void *hv, void *r);
// Orthonormalise t [*nt] against v [n] (orthonormal) and among themselves, in place; vectors that depend on
// the others are dropped (*nt gets smaller).
enum al_err subspace_orthonormalise(struct subspace *s, int nloc, int n, const void *v, int *nt, void *t);

#endif
