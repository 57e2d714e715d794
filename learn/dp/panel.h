// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Matrix products whose right factor is packed: columns in panels of three vectors, a panel's rows one after the
// other, the last panel narrower and filled up with zeros. For the first fitting layer (some 1,600 x 120), where the
// packing is paid once a step and pays for rows of all atoms. Suffix _d: double, _s: float; sources are double.
// Single-threaded, sums over k in order: same bits whatever the number of rows.
#ifndef AL_DP_PANEL_H
#define AL_DP_PANEL_H

#include <stdbool.h>
#include <stddef.h>

// Columns rounded up to whole vectors.
size_t dp_panel_width_d(size_t n);
size_t dp_panel_width_s(size_t n);

// Pack B [k][n], B[r][c] = b[place[r]*ld + c] (place NULL: r itself), into out [k*width(n)].
void dp_panel_pack_d(int k, int n, const double *b, size_t ld, const int *place, double *out);
void dp_panel_pack_s(int k, int n, const double *b, size_t ld, const int *place, float *out);
// The same with B[r][c] = b[place[c]*ld + r].
void dp_panel_pack_t_d(int k, int n, const double *b, size_t ld, const int *place, double *out);
void dp_panel_pack_t_s(int k, int n, const double *b, size_t ld, const int *place, float *out);

// c [m][ldc] = a [m][lda] B; ldc >= width(n), the columns from n on are written, too (zeros).
void dp_panel_mul_d(int m, int n, int k, const double *a, size_t lda, const double *bp, double *c, size_t ldc);
void dp_panel_mul_s(int m, int n, int k, const float *a, size_t lda, const float *bp, float *c, size_t ldc);
// c[place[r]*ldc + j] += sum_k a[k*lda + r] B[k][j], r < m, j < n.
void dp_panel_add_d(int m, int n, int k, const double *a, size_t lda, const double *bp, const int *place, double *c,
                    size_t ldc);
void dp_panel_add_s(int m, int n, int k, const float *a, size_t lda, const float *bp, const int *place, double *c,
                    size_t ldc);

#endif
