// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Products of blocks of orbitals [n][nloc] (this rank's rows), the same call for complex orbitals and for real
// ones (kbasis.gamma: nloc complex entries are 2 nloc real coefficients). Small matrices are column major, their
// numbers double complex, or double where real is true.
#ifndef AL_DFT_BLOCKS_H
#define AL_DFT_BLOCKS_H

#include "comm/comm.h"

// Doubles in one number of a small matrix.
static inline size_t block_width(bool real)
{
    return real ? 1 : 2;
}

// g [n][ldg]: g_ij = <v_i|w_j> over this rank's rows, i < m, j < n. The sum over ranks is the caller's.
void block_dot(bool real, int nloc, int m, int n, const double complex *v, const double complex *w, void *g,
               int ldg);
// The same in single precision (g and v, w: float or float complex).
void block_dot_single(bool real, int nloc, int m, int n, const float complex *v, const float complex *w, void *g,
                      int ldg);
// Upper triangle of <t_i|t_j>, i, j < n; the rest of g [n][n] is set to 0.
void block_gram(bool real, int nloc, int n, const double complex *t, void *g);
void block_gram_single(bool real, int nloc, int n, const float complex *t, void *g);
// x_j := beta x_j + alpha sum_(i<m) v_i z_ij, j < n; z [n][ldz].
void block_combine(bool real, int nloc, int m, int n, double alpha, const double complex *v, const void *z,
                   int ldz, double beta, double complex *x);
// The same in single precision, z included.
void block_combine_single(bool real, int nloc, int m, int n, float alpha, const float complex *v, const void *z,
                          int ldz, float beta, float complex *x);
// t := t u^-1, u [n][n] upper triangular.
void block_triangle_solve(bool real, int nloc, int n, const void *u, double complex *t);
void block_triangle_solve_single(bool real, int nloc, int n, const void *u, float complex *t);
// Between the precisions, n numbers.
void block_narrow(size_t n, const double complex *from, float complex *to);
void block_widen(size_t n, const float complex *from, double complex *to);
// Sum of n numbers over the ranks.
enum al_err block_sum(struct comm *c, bool real, void *g, size_t n);

#endif
