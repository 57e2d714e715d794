// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// 3x3 matrices (row major) and thin names for BLAS/LAPACK: the only place that includes cblas.h/lapacke.h.
// Matrices here are COLUMN major with leading dimensions, as in BLAS, except where a comment says row major.
#ifndef AL_BASE_LINALG_H
#define AL_BASE_LINALG_H

#include <complex.h>

#include "base/err.h"

double al_det3(const double a[3][3]);
void al_inv3(const double a[3][3], double ret[3][3]); // a must be regular
void al_cross3(const double a[3], const double b[3], double ret[3]);
static inline double al_dot3(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
static inline void al_vecmat3(const double v[3], const double m[3][3], double ret[3]) // row vector times matrix
{
    for (int c = 0; c < 3; c++)
        ret[c] = v[0] * m[0][c] + v[1] * m[1][c] + v[2] * m[2][c];
}

// C = alpha op(A) op(B) + beta C, column major; op: 'N', 'T', 'C'.
void al_dgemm(char ta, char tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b,
              int ldb, double beta, double *c, int ldc);
void al_zgemm(char ta, char tb, int m, int n, int k, double complex alpha, const double complex *a, int lda,
              const double complex *b, int ldb, double complex beta, double complex *c, int ldc);
void al_sgemm(char ta, char tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
              float beta, float *c, int ldc);
void al_cgemm(char ta, char tb, int m, int n, int k, float complex alpha, const float complex *a, int lda,
              const float complex *b, int ldb, float complex beta, float complex *c, int ldc);
// Row-major C = alpha op(A) op(B) + beta C (lda etc. = row lengths).
void al_dgemm_row(char ta, char tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b,
                  int ldb, double beta, double *c, int ldc);
void al_dgemv_row(char ta, int m, int n, double alpha, const double *a, int lda, const double *x, double beta,
                  double *y);
double al_ddot(int n, const double *x, const double *y);
// Hermitian eigenproblem, eigenvalues ascending in w[n], eigenvectors overwrite a (n x n, lda).
enum al_err al_zheevd(int n, double complex *a, int lda, double *w);
// Generalised a x = w b x (b positive definite); eigenvectors overwrite a, b is destroyed.
enum al_err al_zhegvd(int n, double complex *a, int lda, double complex *b, int ldb, double *w);
enum al_err al_dsyevd(int n, double *a, int lda, double *w);
// Cholesky, upper triangle, in place; triangular solve X U = B from the right, in place.
enum al_err al_zpotrf_upper(int n, double complex *a, int lda);
enum al_err al_dpotrf_upper(int n, double *a, int lda);
void al_ztrsm_right_upper(int m, int n, const double complex *u, int ldu, double complex *b, int ldb);
void al_dtrsm_right_upper(int m, int n, const double *u, int ldu, double *b, int ldb);
void al_ctrsm_right_upper(int m, int n, const float complex *u, int ldu, float complex *b, int ldb);
void al_strsm_right_upper(int m, int n, const float *u, int ldu, float *b, int ldb);
// Upper triangle of C = A^H A, A m x n.
void al_zherk_upper(int m, int n, const double complex *a, int lda, double complex *c, int ldc);
void al_dsyrk_upper(int m, int n, const double *a, int lda, double *c, int ldc);
void al_cherk_upper(int m, int n, const float complex *a, int lda, float complex *c, int ldc);
void al_ssyrk_upper(int m, int n, const float *a, int lda, float *c, int ldc);
// Solve a x = b (general, n x n), b overwritten by x, a destroyed.
enum al_err al_dgesv(int n, int nrhs, double *a, int lda, double *b, int ldb);
// Minimum-norm least squares of a (m x n) x = b by SVD, singular values below rcond*max dropped
// (rcond < 0: machine epsilon). b has max(m, n) rows; the first n hold x.
enum al_err al_dgelsd(int m, int n, int nrhs, double *a, int lda, double *b, int ldb, double rcond);

#endif
