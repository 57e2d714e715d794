// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Row-major matrix products for the sizes of Deep Potential nets (inner sizes of 10 to a few hundred), where
// a general BLAS spends its time packing; single-threaded, so that results never depend on a thread count.
// Plain twin: al_dgemm_row. Sums over k are in a fixed order.
#ifndef AL_DP_GEMM_H
#define AL_DP_GEMM_H

#include <stdbool.h>
#include <stddef.h>

// c [m][n] = a [m][k] b [k][n] (+ c when add)
void dp_gemm_nn(int m, int n, int k, const double *a, const double *b, bool add, double *c);
// c [m][n] = a^T b (+ c when add), a [k][m], b [k][n]
void dp_gemm_tn(int m, int n, int k, const double *a, const double *b, bool add, double *c);
// c [m][n] = a b^T (+ c when add), a [m][k], b [n][k]
void dp_gemm_nt(int m, int n, int k, const double *a, const double *b, bool add, double *c);
// c [m][n] = a b in float, b [k][n], a[r][q] at a[r*rs + q*cs]
void dp_gemm_single(size_t m, size_t n, size_t k, const float *a, size_t rs, size_t cs, const float *b, float *c);

#endif
