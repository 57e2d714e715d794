// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/subspace.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "comm/dmat.h"

enum { BLOCK = 32 }; // of the block-cyclic layout

enum al_err subspace_create(struct comm *c, int nmax, bool lapack, struct subspace **ret)
{
    AL_OWN(subspace) s = NULL;
    AL_ALLOC(s, 1);
    s->comm = c;
    s->nmax = nmax;
    s->dist = c->size > 1 && !lapack;
    size_t n = (size_t)nmax;
    if (s->dist) {
        AL_TRY(dgrid_create(c, BLOCK, &s->grid));
        AL_TRY(dmat_create(s->grid, nmax, &s->h));
        AL_TRY(dmat_create(s->grid, nmax, &s->a));
        AL_TRY(dmat_create(s->grid, nmax, &s->z));
    } else {
        AL_ALLOC(s->hl, n * n);
        AL_ALLOC(s->zl, n * n);
    }
    AL_ALLOC(s->panel, n * SUBSPACE_PANEL);
    AL_ALLOC(s->gram, n * n);
    AL_ALLOC(s->w, n);
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
    al_free(*s);
    *s = NULL;
}

// Panel [nj][ld] of full columns into the projected matrix.
static void put(struct subspace *s, int n, int j0, int nj, const double complex *panel, int ld)
{
    if (s->dist) {
        dmat_put(s->h, n, j0, nj, panel, ld);
        return;
    }
    for (int j = 0; j < nj; j++)
        memcpy(s->hl + (size_t)(j0 + j) * (size_t)s->nmax, panel + (size_t)j * (size_t)ld,
               (size_t)n * sizeof *panel);
}

void subspace_set_diagonal(struct subspace *s, int n, const double *e)
{
    for (int j0 = 0; j0 < n; j0 += SUBSPACE_PANEL) {
        int nj = n - j0 < SUBSPACE_PANEL ? n - j0 : SUBSPACE_PANEL;
        memset(s->panel, 0, (size_t)n * (size_t)nj * sizeof *s->panel);
        for (int j = 0; j < nj; j++)
            s->panel[(size_t)j * (size_t)n + (size_t)(j0 + j)] = e[j0 + j];
        put(s, n, j0, nj, s->panel, n);
    }
}

enum al_err subspace_extend(struct subspace *s, int nloc, int n0, int nt, const double complex *v,
                            const double complex *ht)
{
    const int n = n0 + nt;
    for (int j0 = 0; j0 < nt; j0 += SUBSPACE_PANEL) {
        int nj = nt - j0 < SUBSPACE_PANEL ? nt - j0 : SUBSPACE_PANEL;
        al_zgemm('C', 'N', n, nj, nloc, 1, v, nloc, ht + (size_t)j0 * (size_t)nloc, nloc, 0, s->panel, n);
        AL_TRY(comm_sum_z(s->comm, s->panel, (size_t)n * (size_t)nj));
        put(s, n, n0 + j0, nj, s->panel, n);
    }
    return AL_ERR_OK;
}

enum al_err subspace_solve(struct subspace *s, int n, int nb, double *e)
{
    if (s->dist) {
        memcpy(s->a->a, s->h->a, (size_t)s->h->lrows * (size_t)s->h->lcols * sizeof *s->a->a);
        AL_TRY(dmat_heevd(s->a, n, s->w, s->z));
    } else {
        for (int j = 0; j < n; j++)
            memcpy(s->zl + (size_t)j * (size_t)s->nmax, s->hl + (size_t)j * (size_t)s->nmax,
                   (size_t)n * sizeof *s->zl);
        AL_TRY(al_zheevd(n, s->zl, s->nmax, s->w));
    }
    memcpy(e, s->w, (size_t)nb * sizeof *e);
    return AL_ERR_OK;
}

enum al_err subspace_rotate(struct subspace *s, int nloc, int n, int nb, const double complex *v,
                            double complex *x)
{
    for (int j0 = 0; j0 < nb; j0 += SUBSPACE_PANEL) {
        int nj = nb - j0 < SUBSPACE_PANEL ? nb - j0 : SUBSPACE_PANEL, ldz = n;
        const double complex *z = s->panel;
        if (s->dist) {
            AL_TRY(dmat_get(s->z, n, j0, nj, s->panel));
        } else {
            z = s->zl + (size_t)j0 * (size_t)s->nmax;
            ldz = s->nmax;
        }
        al_zgemm('N', 'N', nloc, nj, n, 1, v, nloc, z, ldz, 0, x + (size_t)j0 * (size_t)nloc, nloc);
    }
    return AL_ERR_OK;
}

static enum al_err normalise(struct subspace *s, int nloc, int nt, double complex *t)
{
    for (int j = 0; j < nt; j++) {
        const double complex *c = t + (size_t)j * (size_t)nloc;
        double sum = 0;
        for (int i = 0; i < nloc; i++)
            sum += creal(c[i]) * creal(c[i]) + cimag(c[i]) * cimag(c[i]);
        s->w[j] = sum;
    }
    AL_TRY(comm_sum_d(s->comm, s->w, (size_t)nt));
    for (int j = 0; j < nt; j++) {
        double complex *c = t + (size_t)j * (size_t)nloc;
        double f = s->w[j] > 0 ? 1 / sqrt(s->w[j]) : 0;
        for (int i = 0; i < nloc; i++)
            c[i] *= f;
    }
    return AL_ERR_OK;
}

static enum al_err overlaps(struct subspace *s, int nloc, int nt, const double complex *t)
{
    al_zgemm('C', 'N', nt, nt, nloc, 1, t, nloc, t, nloc, 0, s->gram, nt);
    return comm_sum_z(s->comm, s->gram, (size_t)nt * (size_t)nt);
}

// t := t u with u upper triangular, last columns first, so that in place works.
static enum al_err times_triangle(struct subspace *s, int nloc, int nt, double complex *t)
{
    AL_AUTOFREE double complex *out = NULL;
    AL_ALLOC(out, (size_t)nloc * SUBSPACE_PANEL);
    for (int j0 = (nt - 1) / SUBSPACE_PANEL * SUBSPACE_PANEL; j0 >= 0; j0 -= SUBSPACE_PANEL) {
        int nj = nt - j0 < SUBSPACE_PANEL ? nt - j0 : SUBSPACE_PANEL;
        AL_TRY(dmat_get(s->a, nt, j0, nj, s->panel));
        al_zgemm('N', 'N', nloc, nj, j0 + nj, 1, t, nloc, s->panel, nt, 0, out, nloc);
        memcpy(t + (size_t)j0 * (size_t)nloc, out, (size_t)nloc * (size_t)nj * sizeof *t);
    }
    return AL_ERR_OK;
}

// Cholesky: t := t U^-1 with t^H t = U^H U. *ret_ok = false when t is linearly dependent.
static enum al_err cholesky(struct subspace *s, int nloc, int nt, double complex *t, bool *ret_ok)
{
    AL_TRY(overlaps(s, nloc, nt, t));
    enum al_err e;
    if (s->dist) {
        dmat_put(s->a, nt, 0, nt, s->gram, nt);
        e = dmat_inverse_cholesky(s->a, nt);
        if (e == AL_ERR_OK) AL_TRY(times_triangle(s, nloc, nt, t));
    } else {
        e = al_zpotrf_upper(nt, s->gram, nt);
        if (e == AL_ERR_OK) al_ztrsm_right_upper(nloc, nt, s->gram, nt, t, nloc);
    }
    *ret_ok = e == AL_ERR_OK;
    return AL_ERR_OK;
}

// Fallback (rare): directions of the overlap matrix with small eigenvalues are dropped. Replicated LAPACK.
static enum al_err drop_dependent(struct subspace *s, int nloc, int *nt, double complex *t)
{
    const int n = *nt;
    AL_AUTOFREE double complex *x = NULL;
    AL_ALLOC(x, (size_t)n * (size_t)nloc);
    AL_TRY(overlaps(s, nloc, n, t));
    AL_TRY(al_zheevd(n, s->gram, n, s->w));
    comm_bcast(s->comm, s->gram, (size_t)n * (size_t)n * sizeof *s->gram, 0);
    comm_bcast(s->comm, s->w, (size_t)n * sizeof *s->w, 0);
    int keep = 0;
    for (int j = 0; j < n; j++) {
        if (s->w[j] < 1e-8 * s->w[n - 1] || !(s->w[j] > 0)) continue;
        double f = 1 / sqrt(s->w[j]);
        for (int i = 0; i < n; i++)
            s->gram[(size_t)keep * (size_t)n + (size_t)i] = f * s->gram[(size_t)j * (size_t)n + (size_t)i];
        keep++;
    }
    if (keep > 0) al_zgemm('N', 'N', nloc, keep, n, 1, t, nloc, s->gram, n, 0, x, nloc);
    memcpy(t, x, (size_t)keep * (size_t)nloc * sizeof *t);
    *nt = keep;
    return AL_ERR_OK;
}

enum al_err subspace_orthonormalise(struct subspace *s, int nloc, int n, const double complex *v, int *nt,
                                    double complex *t)
{
    AL_TRY(normalise(s, nloc, *nt, t));
    for (int pass = 0; pass < 2 && *nt > 0; pass++) { // twice is enough (Giraud et al., 2005)
        if (n > 0) {
            al_zgemm('C', 'N', n, *nt, nloc, 1, v, nloc, t, nloc, 0, s->gram, n);
            AL_TRY(comm_sum_z(s->comm, s->gram, (size_t)n * (size_t)*nt));
            al_zgemm('N', 'N', nloc, *nt, n, -1, v, nloc, s->gram, n, 1, t, nloc);
            if (pass == 0) AL_TRY(normalise(s, nloc, *nt, t));
        }
        bool ok;
        AL_TRY(cholesky(s, nloc, *nt, t, &ok));
        if (!ok) {
            AL_TRY(drop_dependent(s, nloc, nt, t));
            pass = 0; // the next pass is the second one
        }
    }
    return AL_ERR_OK;
}
