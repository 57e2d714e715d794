// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/subspace.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "comm/dmat.h"
#include "dft/blocks.h"

enum { BLOCK = 32 };                                // of the block-cyclic layout
enum { FROM_REAL = 400, FROM_COMPLEX = 150 }; // dimension from which ScaLAPACK is the faster one (subspace.h)

// Projected vectors that keep this part of their length, and Cholesky pivots above it, leave overlaps of a
// thousand rounding errors at most: a second pass of Gram-Schmidt is not needed.
static const double well_kept = 0.03;

bool subspace_distributed(int ranks, int nmax, bool real, enum dft_dense dense)
{
    if (ranks == 1 || dense == DFT_DENSE_LAPACK) return false;
    return dense == DFT_DENSE_SCALAPACK || nmax / 2 >= (real ? FROM_REAL : FROM_COMPLEX);
}

enum al_err subspace_create(struct comm *c, int nmax, bool real, enum dft_dense dense, int rows,
                            struct subspace **ret)
{
    AL_OWN(subspace) s = NULL;
    AL_ALLOC(s, 1);
    s->comm = c;
    s->nmax = nmax;
    s->real = real;
    s->dist = subspace_distributed(c->size, nmax, real, dense);
    const size_t n = (size_t)nmax, width = block_width(real);
    if (s->dist) {
        AL_TRY(dgrid_create(c, BLOCK, rows, &s->grid));
        AL_TRY(dmat_create(s->grid, nmax, real, &s->h));
        AL_TRY(dmat_create(s->grid, nmax, real, &s->a));
        AL_TRY(dmat_create(s->grid, nmax, real, &s->z));
    } else {
        AL_ALLOC(s->hl, width * n * n);
        AL_ALLOC(s->zl, width * n * n);
    }
    AL_ALLOC(s->panel, width * n * SUBSPACE_PANEL);
    AL_ALLOC(s->gram, width * n * n);
    AL_ALLOC(s->w, n);
    AL_ALLOC(s->narrow, width * n * n);
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void subspace_destroy(struct subspace **s)
{
    if (!*s) return;
    dmat_destroy(&(*s)->h);
    dmat_destroy(&(*s)->a);
    dmat_destroy(&(*s)->z);
    dgrid_destroy(&(*s)->grid);
    al_free((*s)->hl);
    al_free((*s)->zl);
    al_free((*s)->panel);
    al_free((*s)->gram);
    al_free((*s)->w);
    al_free((*s)->narrow);
    al_free(*s);
    *s = NULL;
}

void subspace_set_kind(struct subspace *s, bool real, bool single)
{
    s->real = real;
    s->single = single;
    if (s->dist) s->h->real = s->a->real = s->z->real = real;
}

// Bytes of n orbitals.
static size_t bytes(const struct subspace *s, int nloc, int n)
{
    return (size_t)n * (size_t)nloc * (s->single ? sizeof(float complex) : sizeof(double complex));
}

// Orbital j of a block.
static void *orbital(const struct subspace *s, void *v, int nloc, int j)
{
    return (char *)v + bytes(s, nloc, j);
}

// blocks.h's products for blocks of either precision; matrices m x n without gaps (dot), with rows ldz (combine).
static void dot(const struct subspace *s, int nloc, int m, int n, const void *v, const void *w, double *g)
{
    if (!s->single) {
        block_dot(s->real, nloc, m, n, v, w, g, m);
        return;
    }
    block_dot_single(s->real, nloc, m, n, v, w, s->narrow, m);
    for (size_t i = 0; i < (size_t)m * (size_t)n * block_width(s->real); i++)
        g[i] = (double)s->narrow[i];
}

static void combine(const struct subspace *s, int nloc, int m, int n, double alpha, const void *v, const double *z,
                    int ldz, double beta, void *x)
{
    if (!s->single) {
        block_combine(s->real, nloc, m, n, alpha, v, z, ldz, beta, x);
        return;
    }
    const size_t len = (size_t)m * block_width(s->real), gap = (size_t)ldz * block_width(s->real);
    for (size_t j = 0; j < (size_t)n; j++)
        for (size_t i = 0; i < len; i++)
            s->narrow[j * len + i] = (float)z[j * gap + i];
    block_combine_single(s->real, nloc, m, n, (float)alpha, v, s->narrow, m, (float)beta, x);
}

// Column j of a replicated matrix.
static double *column(const struct subspace *s, double *m, int ld, int j)
{
    return m + (size_t)j * (size_t)ld * block_width(s->real);
}

// Panel [nj][ld] of full columns into the projected matrix.
static void put(struct subspace *s, int n, int j0, int nj, double *panel, int ld)
{
    if (s->dist) {
        dmat_put(s->h, n, j0, nj, panel, ld);
        return;
    }
    for (int j = 0; j < nj; j++)
        memcpy(column(s, s->hl, s->nmax, j0 + j), column(s, panel, ld, j),
               (size_t)n * block_width(s->real) * sizeof *panel);
}

void subspace_set_diagonal(struct subspace *s, int n, const double *e)
{
    const size_t width = block_width(s->real);
    for (int j0 = 0; j0 < n; j0 += SUBSPACE_PANEL) {
        int nj = n - j0 < SUBSPACE_PANEL ? n - j0 : SUBSPACE_PANEL;
        memset(s->panel, 0, (size_t)n * (size_t)nj * width * sizeof *s->panel);
        for (int j = 0; j < nj; j++)
            column(s, s->panel, n, j)[(size_t)(j0 + j) * width] = e[j0 + j];
        put(s, n, j0, nj, s->panel, n);
    }
}

enum al_err subspace_extend(struct subspace *s, int nloc, int n0, int nt, const void *v, const void *ht)
{
    const int n = n0 + nt;
    for (int j0 = 0; j0 < nt; j0 += SUBSPACE_PANEL) {
        int nj = nt - j0 < SUBSPACE_PANEL ? nt - j0 : SUBSPACE_PANEL;
        dot(s, nloc, n, nj, v, (const char *)ht + bytes(s, nloc, j0), s->panel);
        AL_TRY(block_sum(s->comm, s->real, s->panel, (size_t)n * (size_t)nj));
        put(s, n, n0 + j0, nj, s->panel, n);
    }
    return AL_ERR_OK;
}

enum al_err subspace_extend_mixed(struct subspace *s, int nloc, int n1, int n0, int nt, const void *v, const void *hv)
{
    const int n = n0 + nt;
    const size_t top = (size_t)n1 * block_width(s->real), rest = (size_t)(n - n1) * block_width(s->real);
    for (int j0 = 0; j0 < nt; j0 += SUBSPACE_PANEL) {
        int nj = nt - j0 < SUBSPACE_PANEL ? nt - j0 : SUBSPACE_PANEL;
        double *below = s->gram + top * (size_t)nj;
        dot(s, nloc, n1, nj, hv, (const char *)v + bytes(s, nloc, n0 + j0), s->gram);
        dot(s, nloc, n - n1, nj, (const char *)v + bytes(s, nloc, n1), (const char *)hv + bytes(s, nloc, n0 + j0), below);
        AL_TRY(block_sum(s->comm, s->real, s->gram, (size_t)n * (size_t)nj));
        for (int j = 0; j < nj; j++) {
            double *to = column(s, s->panel, n, j);
            memcpy(to, s->gram + (size_t)j * top, top * sizeof *to);
            memcpy(to + top, below + (size_t)j * rest, rest * sizeof *to);
        }
        put(s, n, n0 + j0, nj, s->panel, n);
    }
    return AL_ERR_OK;
}

// LAPACK by rank 0: eigenvalues into w, the first nb eigenvectors into a (n x n).
static enum al_err eigen(const struct subspace *s, int n, int nb, double *a)
{
    enum al_err e = AL_ERR_OK;
    if (s->comm->rank == 0) e = s->real ? al_dsyevd(n, a, n, s->w) : al_zheevd(n, (double complex *)a, n, s->w);
    AL_TRY_ALL(s->comm, e);
    comm_bcast(s->comm, s->w, (size_t)n * sizeof *s->w, 0);
    comm_bcast(s->comm, a, (size_t)nb * (size_t)n * block_width(s->real) * sizeof *a, 0);
    return AL_ERR_OK;
}

enum al_err subspace_solve(struct subspace *s, int n, int nb, double *e)
{
    const size_t width = block_width(s->real) * sizeof(double);
    if (s->dist) {
        memcpy(s->a->a, s->h->a, (size_t)s->h->lrows * (size_t)s->h->lcols * width);
        AL_TRY(dmat_heevd(s->a, n, s->w, s->z));
    } else {
        for (int j = 0; j < n; j++)
            memcpy(column(s, s->zl, n, j), column(s, s->hl, s->nmax, j), (size_t)n * width);
        AL_TRY(eigen(s, n, nb, s->zl));
    }
    memcpy(e, s->w, (size_t)nb * sizeof *e);
    return AL_ERR_OK;
}

// Columns j0 .. j0 + nj - 1 of the last solve's eigenvectors, n rows each; in s->panel where they are distributed.
static enum al_err eigenvectors(struct subspace *s, int n, int j0, int nj, const double **ret)
{
    if (s->dist) AL_TRY(dmat_get(s->z, n, j0, nj, s->panel));
    *ret = s->dist ? s->panel : column(s, s->zl, n, j0);
    return AL_ERR_OK;
}

enum al_err subspace_rotate_part(struct subspace *s, int nloc, int n, int first, int m, int nb, const void *v, void *x)
{
    for (int j0 = 0; j0 < nb; j0 += SUBSPACE_PANEL) {
        int nj = nb - j0 < SUBSPACE_PANEL ? nb - j0 : SUBSPACE_PANEL;
        const double *z;
        AL_TRY(eigenvectors(s, n, j0, nj, &z));
        combine(s, nloc, m, nj, 1, v, z + (size_t)first * block_width(s->real), n, 0, orbital(s, x, nloc, j0));
    }
    return AL_ERR_OK;
}

enum al_err subspace_rotate(struct subspace *s, int nloc, int n, int nb, const void *v, void *x)
{
    return subspace_rotate_part(s, nloc, n, 0, n, nb, v, x);
}

enum al_err subspace_skew(struct subspace *s, int nloc, int nb, const double complex *x)
{
    const size_t width = block_width(s->real);
    block_dot(s->real, nloc, nb, nb, x, x, s->gram, nb);
    AL_TRY(block_sum(s->comm, s->real, s->gram, (size_t)nb * (size_t)nb));
    for (int j = 0; j < nb; j++)
        column(s, s->gram, nb, j)[(size_t)j * width] -= 1;
    return AL_ERR_OK;
}

void subspace_unskew(const struct subspace *s, int nloc, int nb, const float complex *x, float complex *out)
{
    combine(s, nloc, nb, nb, -0.5, x, s->gram, nb, 0, out);
}

enum al_err subspace_residuals_mixed(struct subspace *s, int nloc, int n1, const double *e1, int n, int nb, const double *e,
                                     const void *v, const void *hv, void *r)
{
    const size_t width = block_width(s->real);
    for (int j0 = 0; j0 < nb; j0 += SUBSPACE_PANEL) {
        int nj = nb - j0 < SUBSPACE_PANEL ? nb - j0 : SUBSPACE_PANEL;
        const double *z;
        AL_TRY(eigenvectors(s, n, j0, nj, &z));
        for (int j = 0; j < nj; j++) // hv has (H - e1) v of the first n1
            for (int i = 0; i < n; i++)
                for (size_t x = 0; x < width; x++) {
                    const size_t at = ((size_t)j * (size_t)n + (size_t)i) * width + x;
                    s->gram[at] = ((i < n1 ? e1[i] : 0) - e[j0 + j]) * z[at];
                }
        combine(s, nloc, n, nj, 1, hv, z, n, 0, orbital(s, r, nloc, j0));
        combine(s, nloc, n, nj, 1, v, s->gram, n, 1, orbital(s, r, nloc, j0));
    }
    return AL_ERR_OK;
}

static double length2(const struct subspace *s, int nloc, const void *t)
{
    if (!s->single) return al_ddot(2 * nloc, t, t);
    const float *c = t;
    double sum = 0;
    for (int i = 0; i < 2 * nloc; i++)
        sum += (double)c[i] * (double)c[i];
    return sum;
}

static void scale(const struct subspace *s, int nloc, double f, void *t)
{
    float *c = t;
    double *d = t;
    for (int i = 0; s->single && i < 2 * nloc; i++)
        c[i] *= (float)f;
    for (int i = 0; !s->single && i < 2 * nloc; i++)
        d[i] *= f;
}

// Scales t to length 1; *ret_least (may be NULL): the smallest length before.
static enum al_err normalise(struct subspace *s, int nloc, int nt, void *t, double *ret_least)
{
    for (int j = 0; j < nt; j++)
        s->w[j] = length2(s, nloc, orbital(s, t, nloc, j));
    AL_TRY(comm_sum_d(s->comm, s->w, (size_t)nt));
    double least = nt > 0 ? sqrt(s->w[0]) : 0;
    for (int j = 0; j < nt; j++) {
        double len = sqrt(s->w[j]);
        if (!(len >= least)) least = len;
        scale(s, nloc, len > 0 ? 1 / len : 0, orbital(s, t, nloc, j));
    }
    if (ret_least) *ret_least = least;
    return AL_ERR_OK;
}

static enum al_err overlaps(struct subspace *s, int nloc, int nt, const void *t)
{
    if (s->single) {
        block_gram_single(s->real, nloc, nt, t, s->narrow);
        for (size_t i = 0; i < (size_t)nt * (size_t)nt * block_width(s->real); i++)
            s->gram[i] = (double)s->narrow[i];
    } else {
        block_gram(s->real, nloc, nt, t, s->gram);
    }
    return block_sum(s->comm, s->real, s->gram, (size_t)nt * (size_t)nt);
}

// t := t u with u upper triangular, last columns first, so that in place works.
static enum al_err times_triangle(struct subspace *s, int nloc, int nt, void *t)
{
    AL_AUTOFREE double complex *out = NULL;
    AL_ALLOC(out, (size_t)nloc * SUBSPACE_PANEL);
    for (int j0 = (nt - 1) / SUBSPACE_PANEL * SUBSPACE_PANEL; j0 >= 0; j0 -= SUBSPACE_PANEL) {
        int nj = nt - j0 < SUBSPACE_PANEL ? nt - j0 : SUBSPACE_PANEL;
        AL_TRY(dmat_get(s->a, nt, j0, nj, s->panel));
        combine(s, nloc, j0 + nj, nj, 1, t, s->panel, nt, 0, out);
        memcpy(orbital(s, t, nloc, j0), out, bytes(s, nloc, nj));
    }
    return AL_ERR_OK;
}

// Cholesky by rank 0: gram := U, t := t U^-1; *ret_pivot = smallest diagonal element of U.
static enum al_err cholesky_local(struct subspace *s, int nloc, int nt, void *t, double *ret_pivot)
{
    double complex *gram = (double complex *)s->gram;
    enum al_err e = AL_ERR_OK;
    if (s->comm->rank == 0) e = s->real ? al_dpotrf_upper(nt, s->gram, nt) : al_zpotrf_upper(nt, gram, nt);
    e = comm_agree(s->comm, e);
    if (e != AL_ERR_OK) return e;
    comm_bcast(s->comm, s->gram, (size_t)nt * (size_t)nt * block_width(s->real) * sizeof *s->gram, 0);
    if (s->single) {
        for (size_t i = 0; i < (size_t)nt * (size_t)nt * block_width(s->real); i++)
            s->narrow[i] = (float)s->gram[i];
        block_triangle_solve_single(s->real, nloc, nt, s->narrow, t);
    } else {
        block_triangle_solve(s->real, nloc, nt, s->gram, t);
    }
    *ret_pivot = 1;
    for (int j = 0; j < nt; j++)
        *ret_pivot = fmin(*ret_pivot, column(s, s->gram, nt, j)[(size_t)j * block_width(s->real)]);
    return AL_ERR_OK;
}

// Cholesky: t := t U^-1 with t^H t = U^H U. *ret_pivot: smallest diagonal element of U, 0 when t is linearly
// dependent (t is unchanged then).
static enum al_err cholesky(struct subspace *s, int nloc, int nt, void *t, double *ret_pivot)
{
    AL_TRY(overlaps(s, nloc, nt, t));
    enum al_err e;
    if (s->dist) {
        dmat_put(s->a, nt, 0, nt, s->gram, nt);
        e = dmat_inverse_cholesky(s->a, nt, ret_pivot);
        if (e == AL_ERR_OK) AL_TRY(times_triangle(s, nloc, nt, t));
    } else {
        e = cholesky_local(s, nloc, nt, t, ret_pivot);
    }
    if (e != AL_ERR_OK) *ret_pivot = 0;
    return AL_ERR_OK;
}

// Fallback (rare): directions of the overlap matrix with small eigenvalues are dropped. Replicated LAPACK.
static enum al_err drop_dependent(struct subspace *s, int nloc, int *nt, void *t)
{
    const int n = *nt;
    const size_t len = (size_t)n * block_width(s->real);
    const double dependent = s->single ? 1e-5 : 1e-8; // overlaps are known to 1e-7, 1e-16
    AL_AUTOFREE double complex *x = NULL;
    AL_ALLOC(x, (size_t)n * (size_t)nloc);
    AL_TRY(overlaps(s, nloc, n, t));
    AL_TRY(eigen(s, n, n, s->gram));
    int keep = 0;
    for (int j = 0; j < n; j++) {
        if (s->w[j] < dependent * s->w[n - 1] || !(s->w[j] > 0)) continue;
        double f = 1 / sqrt(s->w[j]);
        for (size_t i = 0; i < len; i++)
            s->gram[(size_t)keep * len + i] = f * s->gram[(size_t)j * len + i];
        keep++;
    }
    if (keep > 0) combine(s, nloc, n, keep, 1, t, s->gram, n, 0, x);
    memcpy(t, x, bytes(s, nloc, keep));
    *nt = keep;
    return AL_ERR_OK;
}

// t := t - v (v^H t)
static enum al_err project_out(struct subspace *s, int nloc, int n, const void *v, int nt, void *t)
{
    dot(s, nloc, n, nt, v, t, s->gram);
    AL_TRY(block_sum(s->comm, s->real, s->gram, (size_t)n * (size_t)nt));
    combine(s, nloc, n, nt, -1, v, s->gram, n, 1, t);
    return AL_ERR_OK;
}

enum al_err subspace_orthonormalise(struct subspace *s, int nloc, int n, const void *v, int *nt, void *t)
{
    AL_TRY(normalise(s, nloc, *nt, t, NULL));
    for (int pass = 0; pass < 2 && *nt > 0; pass++) { // twice is enough (L. Giraud et al., 2005)
        double least = 1, pivot;
        if (n > 0) {
            AL_TRY(project_out(s, nloc, n, v, *nt, t));
            if (pass == 0) AL_TRY(normalise(s, nloc, *nt, t, &least));
        }
        AL_TRY(cholesky(s, nloc, *nt, t, &pivot));
        if (pivot > well_kept && least > well_kept) return AL_ERR_OK;
        if (pivot == 0) {
            AL_TRY(drop_dependent(s, nloc, nt, t));
            pass = 0; // the next pass is the second one
        }
    }
    return AL_ERR_OK;
}
