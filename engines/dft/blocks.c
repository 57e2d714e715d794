// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/blocks.h"

#include <string.h>

#include "base/linalg.h"

void block_dot(bool real, int nloc, int m, int n, const double complex *v, const double complex *w, void *g,
               int ldg)
{
    if (real)
        al_dgemm('T', 'N', m, n, 2 * nloc, 1, (const double *)v, 2 * nloc, (const double *)w, 2 * nloc, 0, g, ldg);
    else
        al_zgemm('C', 'N', m, n, nloc, 1, v, nloc, w, nloc, 0, g, ldg);
}

void block_gram(bool real, int nloc, int n, const double complex *t, void *g)
{
    memset(g, 0, (size_t)n * (size_t)n * block_width(real) * sizeof(double));
    if (real)
        al_dsyrk_upper(2 * nloc, n, (const double *)t, 2 * nloc, g, n);
    else
        al_zherk_upper(nloc, n, t, nloc, g, n);
}

void block_combine(bool real, int nloc, int m, int n, double alpha, const double complex *v, const void *z,
                   int ldz, double beta, double complex *x)
{
    if (real)
        al_dgemm('N', 'N', 2 * nloc, n, m, alpha, (const double *)v, 2 * nloc, z, ldz, beta, (double *)x, 2 * nloc);
    else
        al_zgemm('N', 'N', nloc, n, m, alpha, v, nloc, z, ldz, beta, x, nloc);
}

void block_dot_single(bool real, int nloc, int m, int n, const float complex *v, const float complex *w, void *g,
                      int ldg)
{
    if (real)
        al_sgemm('T', 'N', m, n, 2 * nloc, 1, (const float *)v, 2 * nloc, (const float *)w, 2 * nloc, 0, g, ldg);
    else
        al_cgemm('C', 'N', m, n, nloc, 1, v, nloc, w, nloc, 0, g, ldg);
}

void block_gram_single(bool real, int nloc, int n, const float complex *t, void *g)
{
    memset(g, 0, (size_t)n * (size_t)n * block_width(real) * sizeof(float));
    if (real)
        al_ssyrk_upper(2 * nloc, n, (const float *)t, 2 * nloc, g, n);
    else
        al_cherk_upper(nloc, n, t, nloc, g, n);
}

void block_combine_single(bool real, int nloc, int m, int n, float alpha, const float complex *v, const void *z,
                          int ldz, float beta, float complex *x)
{
    if (real)
        al_sgemm('N', 'N', 2 * nloc, n, m, alpha, (const float *)v, 2 * nloc, z, ldz, beta, (float *)x, 2 * nloc);
    else
        al_cgemm('N', 'N', nloc, n, m, alpha, v, nloc, z, ldz, beta, x, nloc);
}

void block_triangle_solve(bool real, int nloc, int n, const void *u, double complex *t)
{
    if (real)
        al_dtrsm_right_upper(2 * nloc, n, u, n, (double *)t, 2 * nloc);
    else
        al_ztrsm_right_upper(nloc, n, u, n, t, nloc);
}

void block_triangle_solve_single(bool real, int nloc, int n, const void *u, float complex *t)
{
    if (real)
        al_strsm_right_upper(2 * nloc, n, u, n, (float *)t, 2 * nloc);
    else
        al_ctrsm_right_upper(nloc, n, u, n, t, nloc);
}

void block_narrow(size_t n, const double complex *from, float complex *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float complex)from[i];
}

void block_widen(size_t n, const float complex *from, double complex *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (double complex)from[i];
}

enum al_err block_sum(struct comm *c, bool real, void *g, size_t n)
{
    return comm_sum_d(c, g, n * block_width(real));
}
