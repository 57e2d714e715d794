// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/linalg.h"

// lapacke.h wants its complex types named before it is included.
#define lapack_complex_double double complex
#define lapack_complex_float  float complex
#include <cblas.h>
#include <lapacke.h>

static CBLAS_TRANSPOSE op(char t)
{
    return t == 'N' ? CblasNoTrans : t == 'T' ? CblasTrans : CblasConjTrans;
}

void al_dgemm(char ta, char tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b, int ldb,
              double beta, double *c, int ldc)
{
    cblas_dgemm(CblasColMajor, op(ta), op(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void al_zgemm(char ta, char tb, int m, int n, int k, double complex alpha, const double complex *a, int lda,
              const double complex *b, int ldb, double complex beta, double complex *c, int ldc)
{
    cblas_zgemm(CblasColMajor, op(ta), op(tb), m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc);
}

void al_sgemm(char ta, char tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
              float beta, float *c, int ldc)
{
    cblas_sgemm(CblasColMajor, op(ta), op(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void al_cgemm(char ta, char tb, int m, int n, int k, float complex alpha, const float complex *a, int lda,
              const float complex *b, int ldb, float complex beta, float complex *c, int ldc)
{
    cblas_cgemm(CblasColMajor, op(ta), op(tb), m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc);
}

void al_zherk_upper(int m, int n, const double complex *a, int lda, double complex *c, int ldc)
{
    cblas_zherk(CblasColMajor, CblasUpper, CblasConjTrans, n, m, 1, a, lda, 0, c, ldc);
}

void al_dsyrk_upper(int m, int n, const double *a, int lda, double *c, int ldc)
{
    cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, n, m, 1, a, lda, 0, c, ldc);
}

void al_cherk_upper(int m, int n, const float complex *a, int lda, float complex *c, int ldc)
{
    cblas_cherk(CblasColMajor, CblasUpper, CblasConjTrans, n, m, 1, a, lda, 0, c, ldc);
}

void al_ssyrk_upper(int m, int n, const float *a, int lda, float *c, int ldc)
{
    cblas_ssyrk(CblasColMajor, CblasUpper, CblasTrans, n, m, 1, a, lda, 0, c, ldc);
}

void al_dgemm_row(char ta, char tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b,
                  int ldb, double beta, double *c, int ldc)
{
    cblas_dgemm(CblasRowMajor, op(ta), op(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void al_dgemv_row(char ta, int m, int n, double alpha, const double *a, int lda, const double *x, double beta,
                  double *y)
{
    cblas_dgemv(CblasRowMajor, op(ta), m, n, alpha, a, lda, x, 1, beta, y, 1);
}

double al_ddot(int n, const double *x, const double *y)
{
    return cblas_ddot(n, x, 1, y, 1);
}

static enum al_err lapack_status(int info, const char *routine)
{
    if (info < 0) AL_FAIL(AL_ERR_BUG, "%s: argument %d has an illegal value (or no memory)", routine, -info);
    if (info > 0) AL_FAIL(AL_ERR_NOTCONV, "%s failed (info %d)", routine, info);
    return AL_ERR_OK;
}

enum al_err al_zheevd(int n, double complex *a, int lda, double *w)
{
    return lapack_status(LAPACKE_zheevd(LAPACK_COL_MAJOR, 'V', 'U', n, a, lda, w), "zheevd");
}

enum al_err al_zhegvd(int n, double complex *a, int lda, double complex *b, int ldb, double *w)
{
    return lapack_status(LAPACKE_zhegvd(LAPACK_COL_MAJOR, 1, 'V', 'U', n, a, lda, b, ldb, w), "zhegvd");
}

enum al_err al_dsyevd(int n, double *a, int lda, double *w)
{
    return lapack_status(LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', n, a, lda, w), "dsyevd");
}

enum al_err al_zpotrf_upper(int n, double complex *a, int lda)
{
    return lapack_status(LAPACKE_zpotrf(LAPACK_COL_MAJOR, 'U', n, a, lda), "zpotrf");
}

enum al_err al_dpotrf_upper(int n, double *a, int lda)
{
    return lapack_status(LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', n, a, lda), "dpotrf");
}

void al_dtrsm_right_upper(int m, int n, const double *u, int ldu, double *b, int ldb)
{
    cblas_dtrsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, m, n, 1, u, ldu, b, ldb);
}

void al_ztrsm_right_upper(int m, int n, const double complex *u, int ldu, double complex *b, int ldb)
{
    const double complex one = 1.0;
    cblas_ztrsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, m, n, &one, u, ldu, b, ldb);
}

void al_strsm_right_upper(int m, int n, const float *u, int ldu, float *b, int ldb)
{
    cblas_strsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, m, n, 1, u, ldu, b, ldb);
}

void al_ctrsm_right_upper(int m, int n, const float complex *u, int ldu, float complex *b, int ldb)
{
    const float complex one = 1.0F;
    cblas_ctrsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, m, n, &one, u, ldu, b, ldb);
}

enum al_err al_dgesv(int n, int nrhs, double *a, int lda, double *b, int ldb)
{
    lapack_int pivot[512];
    if (n > 512) AL_FAIL(AL_ERR_BUG, "al_dgesv is for small systems, not for n = %d", n);
    return lapack_status(LAPACKE_dgesv(LAPACK_COL_MAJOR, n, nrhs, a, lda, pivot, b, ldb), "dgesv");
}

enum al_err al_dgelsd(int m, int n, int nrhs, double *a, int lda, double *b, int ldb, double rcond)
{
    double s[1024];
    lapack_int rank;
    if ((m < n ? m : n) > 1024) AL_FAIL(AL_ERR_BUG, "al_dgelsd is for few unknowns, not for %d x %d", m, n);
    return lapack_status(LAPACKE_dgelsd(LAPACK_COL_MAJOR, m, n, nrhs, a, lda, b, ldb, s, rcond, &rank), "dgelsd");
}
