// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/davidson.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum al_err davidson_work_create(struct comm *c, int nb, int nloc, bool real, enum dft_dense dense,
                                 struct davidson_work **ret)
{
    AL_OWN(davidson_work) w = NULL;
    AL_ALLOC(w, 1);
    size_t size = (size_t)nb * (size_t)nloc;
    w->nb = nb;
    w->nloc = nloc;
    AL_ALLOC(w->v, DAVIDSON_GROWTH * size);
    AL_ALLOC(w->hv, DAVIDSON_GROWTH * size);
    AL_ALLOC(w->hx, size);
    AL_ALLOC(w->res, nb);
    AL_TRY(subspace_create(c, DAVIDSON_GROWTH * nb, real, dense, &w->sub));
    *ret = w;
    w = NULL;
    return AL_ERR_OK;
}

void davidson_work_destroy(struct davidson_work **w)
{
    if (!*w) return;
    al_free((*w)->v);
    al_free((*w)->hv);
    al_free((*w)->hx);
    al_free((*w)->res);
    subspace_destroy(&(*w)->sub);
    al_free(*w);
    *w = NULL;
}

// Residual norms of the Ritz vectors.
static enum al_err measure(const struct ham *h, struct davidson_work *w, int nb, const double complex *x,
                           const double *e)
{
    const int nl = h->k->nloc;
    for (int j = 0; j < nb; j++) {
        const double complex *xj = x + (size_t)j * (size_t)nl, *hj = w->hx + (size_t)j * (size_t)nl;
        double r2 = 0;
        for (int i = 0; i < nl; i++) {
            double complex r = hj[i] - e[j] * xj[i];
            r2 += creal(r) * creal(r) + cimag(r) * cimag(r);
        }
        w->res[j] = r2;
    }
    AL_TRY(comm_sum_d(h->k->comm, w->res, (size_t)nb));
    for (int j = 0; j < nb; j++)
        w->res[j] = sqrt(w->res[j]);
    return AL_ERR_OK;
}

// Diagonal of H - e, kept away from zero smoothly as in Quantum ESPRESSO (P. Giannozzi et al., JPCM 21,
// 395502, 2009).
static void precondition(const struct ham *h, const double complex *x, const double complex *hx, double e,
                         double complex *t)
{
    for (int i = 0; i < h->k->nloc; i++) {
        double y = 3 * (0.5 * h->k->q2[i] + h->vmean + h->diag[i] - e); // 3: fewest steps for Li3PS4
        t[i] = 2 * (hx[i] - e * x[i]) / (1 + y + sqrt(1 + (y - 1) * (y - 1)));
    }
}

// New directions behind the n vectors of v: their number after orthonormalisation.
static enum al_err expand(struct ham *h, struct davidson_work *w, int nb, int nocc, double tol,
                          const double complex *x, const double *e, int *n)
{
    const size_t nl = (size_t)h->k->nloc;
    int nt = 0;
    double complex *t = w->v + (size_t)*n * nl, *ht = w->hv + (size_t)*n * nl;
    for (int j = 0; j < nb; j++) {
        if (w->res[j] < (j < nocc ? tol : 30 * tol)) continue;
        precondition(h, x + (size_t)j * nl, w->hx + (size_t)j * nl, e[j], t + (size_t)nt * nl);
        nt++;
    }
    AL_TRY(subspace_orthonormalise(w->sub, (int)nl, *n, w->v, &nt, t));
    if (nt > 0) {
        AL_TRY(ham_apply(h, nt, t, ht));
        AL_TRY(subspace_extend(w->sub, (int)nl, *n, nt, w->v, ht));
    }
    *n += nt;
    return AL_ERR_OK;
}

static int unconverged(const struct davidson_work *w, int nb, int nocc, double tol, double *ret_res)
{
    int n = 0;
    *ret_res = 0;
    for (int j = 0; j < nb; j++) {
        n += w->res[j] >= (j < nocc ? tol : 30 * tol);
        if (j < nocc && w->res[j] > *ret_res) *ret_res = w->res[j];
    }
    return n;
}

enum al_err davidson(struct ham *h, struct davidson_work *w, int nb, int nocc, double tol, int maxit,
                     double complex *x, double *e, double *ret_res)
{
    const int nl = h->k->nloc;
    const size_t size = (size_t)nb * (size_t)nl * sizeof *x;
    int n = nb;
    subspace_set_real(w->sub, h->k->gamma);
    memcpy(w->v, x, size);
    AL_TRY(subspace_orthonormalise(w->sub, nl, 0, NULL, &n, w->v));
    if (n < nb) AL_FAIL(AL_ERR_UNPHYSICAL, "start orbitals are linearly dependent (%d of %d)", n, nb);
    AL_TRY(ham_apply(h, nb, w->v, w->hv));
    AL_TRY(subspace_extend(w->sub, nl, 0, nb, w->v, w->hv));
    for (int it = 0;; it++) {
        AL_TRY(subspace_solve(w->sub, n, nb, e));
        AL_TRY(subspace_rotate(w->sub, nl, n, nb, w->v, x));
        AL_TRY(subspace_rotate(w->sub, nl, n, nb, w->hv, w->hx));
        AL_TRY(measure(h, w, nb, x, e));
        int todo = unconverged(w, nb, nocc, tol, ret_res), before;
        if (todo == 0 || it >= maxit) return AL_ERR_OK;
        if (n + todo > DAVIDSON_GROWTH * nb) { // restart from the Ritz vectors
            memcpy(w->v, x, size);
            memcpy(w->hv, w->hx, size);
            subspace_set_diagonal(w->sub, nb, e);
            n = nb;
        }
        before = n;
        AL_TRY(expand(h, w, nb, nocc, tol, x, e, &n));
        if (n == before) return AL_ERR_OK;
    }
}
