// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/davidson.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "dft/blocks.h"

// H psi and the products of orbitals in single precision are good for residuals of some 1e-6 Ha; above this the
// whole iteration is done in it.
const double davidson_single_from = 1e-5;

#define REAL     double
#define SQRT     sqrt
#define FN(name) name##_d
#include "dft/davidson_impl.h"
#undef REAL
#undef SQRT
#undef FN
#define REAL     float
#define SQRT     sqrtf
#define FN(name) name##_s
#include "dft/davidson_impl.h"

// precondition_s of a residual r.
static void precondition_residual(const struct ham *h, const float complex *r, double e, float complex *t)
{
    const float shift = (float)(h->vmean - e);
    for (int i = 0; i < h->k->nloc; i++) {
        float w = damping_s(h, shift, i);
        t[i] = CMPLXF(w * crealf(r[i]), w * cimagf(r[i]));
    }
}

enum al_err davidson_work_create(struct comm *c, int nb, int nloc, bool real, enum dft_dense dense, int rows,
                                 struct davidson_work **ret)
{
    AL_OWN(davidson_work) w = NULL;
    AL_ALLOC(w, 1);
    size_t size = (size_t)nb * (size_t)nloc;
    w->nb = nb;
    w->nloc = nloc;
    double complex *v = NULL, *hv = NULL, *hx = NULL;
    AL_ALLOC(v, DAVIDSON_GROWTH * size);
    w->v = v;
    AL_ALLOC(hv, DAVIDSON_GROWTH * size);
    w->hv = hv;
    AL_ALLOC(hx, size);
    w->hx = hx;
    AL_ALLOC(w->res, nb);
    AL_TRY(subspace_create(c, DAVIDSON_GROWTH * nb, real, dense, rows, &w->sub));
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
    al_free((*w)->v_last);
    subspace_destroy(&(*w)->sub);
    al_free(*w);
    *w = NULL;
}

// Orbital j of a block.
static void *at(const struct davidson_work *w, const struct ham *h, void *v, int j)
{
    return (char *)v + (size_t)j * (size_t)h->k->nloc * (w->single ? sizeof(float complex) : sizeof(double complex));
}

static size_t bytes(const struct davidson_work *w, const struct ham *h, int n)
{
    return (size_t)((char *)at(w, h, w->v, n) - (char *)w->v);
}

// Residual norms of the Ritz vectors.
static enum al_err measure(const struct ham *h, struct davidson_work *w, int nb, void *x, const double *e)
{
    for (int j = 0; j < nb; j++)
        w->res[j] = (w->single ? residual2_s : residual2_d)(h->k->nloc, at(w, h, x, j), at(w, h, w->hx, j), e[j]);
    AL_TRY(comm_sum_d(h->k->comm, w->res, (size_t)nb));
    for (int j = 0; j < nb; j++)
        w->res[j] = sqrt(w->res[j]);
    return AL_ERR_OK;
}

static enum al_err apply(struct ham *h, const struct davidson_work *w, int n, const void *c, void *hc)
{
    return w->single ? ham_apply_single(h, n, c, hc) : ham_apply(h, n, c, hc);
}

// New directions behind the n vectors of v: their number after orthonormalisation.
static enum al_err expand(struct ham *h, struct davidson_work *w, int nb, int nocc, double tol, void *x,
                          const double *e, int *n)
{
    const int nl = h->k->nloc;
    int nt = 0;
    void *t = at(w, h, w->v, *n), *ht = at(w, h, w->hv, *n);
    for (int j = 0; j < nb; j++) {
        if (w->res[j] < (j < nocc ? tol : 30 * tol)) continue;
        (w->single ? precondition_s : precondition_d)(h, at(w, h, x, j), at(w, h, w->hx, j), e[j], at(w, h, t, nt));
        nt++;
    }
    AL_TRY(subspace_orthonormalise(w->sub, nl, *n, w->v, &nt, t));
    if (nt > 0) {
        AL_TRY(apply(h, w, nt, t, ht));
        AL_TRY(subspace_extend(w->sub, nl, *n, nt, w->v, ht));
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

// From nb vectors in v to Ritz vectors in x, both in the precision of the work.
static enum al_err iterate(struct ham *h, struct davidson_work *w, int nb, int nocc, double tol, int maxit, void *x,
                           double *e, double *ret_res)
{
    const int nl = h->k->nloc;
    int n = nb;
    AL_TRY(subspace_orthonormalise(w->sub, nl, 0, NULL, &n, w->v));
    if (n < nb) AL_FAIL(AL_ERR_UNPHYSICAL, "start orbitals are linearly dependent (%d of %d)", n, nb);
    AL_TRY(apply(h, w, nb, w->v, w->hv));
    AL_TRY(subspace_extend(w->sub, nl, 0, nb, w->v, w->hv));
    for (int it = 0;; it++) {
        AL_TRY(subspace_solve(w->sub, n, nb, e));
        AL_TRY(subspace_rotate(w->sub, nl, n, nb, w->v, x));
        AL_TRY(subspace_rotate(w->sub, nl, n, nb, w->hv, w->hx));
        AL_TRY(measure(h, w, nb, x, e));
        int todo = unconverged(w, nb, nocc, tol, ret_res), before;
        if (todo == 0 || it >= maxit) return AL_ERR_OK;
        if (n + todo > DAVIDSON_GROWTH * nb) { // restart from the Ritz vectors
            memcpy(w->v, x, bytes(w, h, nb));
            memcpy(w->hv, w->hx, bytes(w, h, nb));
            subspace_set_diagonal(w->sub, nb, e);
            n = nb;
        }
        before = n;
        AL_TRY(expand(h, w, nb, nocc, tol, x, e, &n));
        if (n == before) return AL_ERR_OK;
    }
}

// --- mixed precision -----------------------------------------------------------------------------------
//
// Near the end the new directions are small corrections of the Ritz vectors, so that single precision is enough for them, for H
// times them and for their products: an error of 1e-7 of a correction of 1e-4. Ritz vectors x_0 and H x_0 stay in double
// precision, and their coupling to a new direction t is that of their residuals, <t|H - e|x_0>, since t is orthogonal to x_0.

static const double rounding = 1e-7; // of single precision

struct mixed {
    size_t size;           // of nb vectors
    double complex *x, *h; // [nb] Ritz vectors that corrections start from, H times them
    float complex *v, *hv; // [DAVIDSON_GROWTH nb] the subspace; H times it, residuals for the first nb
    float complex *y;      // [nb] scratch
    double *e;             // [nb] eigenvalues of x
};

static struct mixed mixed_views(const struct davidson_work *w, size_t size, double *e)
{
    double complex *x = w->v, *h = w->hv;
    float complex *v = (float complex *)(x + size);
    return (struct mixed){size, x, h, v, (float complex *)(h + size), v + DAVIDSON_GROWTH * size, e};
}

// m->x, m->h, e are Ritz vectors: corrections start from them.
static void mixed_restart(const struct ham *h, struct davidson_work *w, const struct mixed *m, int nb, const double *e)
{
    const size_t nl = (size_t)h->k->nloc;
    block_narrow(m->size, m->x, m->v);
    for (size_t j = 0; j < (size_t)nb; j++)
        for (size_t i = j * nl; i < (j + 1) * nl; i++)
            m->hv[i] = (float complex)(m->h[i] - e[j] * m->x[i]);
    memcpy(m->e, e, (size_t)nb * sizeof *e);
    subspace_set_diagonal(w->sub, nb, e);
}

// out := start z + corrections z, of n vectors in all.
static enum al_err mixed_rotate(const struct ham *h, struct davidson_work *w, const struct mixed *m, int n, int nb,
                                const double complex *start, const float complex *v, double complex *out)
{
    const int nl = h->k->nloc;
    if (n == nb) { // still the Ritz vectors
        memcpy(out, start, m->size * sizeof *out);
        return AL_ERR_OK;
    }
    subspace_set_kind(w->sub, h->k->gamma, false);
    AL_TRY(subspace_rotate_part(w->sub, nl, n, 0, nb, nb, start, out));
    subspace_set_kind(w->sub, h->k->gamma, true);
    AL_TRY(subspace_rotate_part(w->sub, nl, n, nb, n - nb, nb, v + m->size, m->y));
    for (size_t i = 0; i < m->size; i++)
        out[i] += (double complex)m->y[i];
    return AL_ERR_OK;
}

// r: residuals of all bands.
static enum al_err mixed_expand(struct ham *h, struct davidson_work *w, const struct mixed *m, int nb, int nocc, double tol,
                                const float complex *r, const double *e, int *n)
{
    const int nl = h->k->nloc;
    float complex *t = m->v + (size_t)*n * (size_t)nl, *ht = m->hv + (size_t)*n * (size_t)nl;
    int nt = 0;
    for (int j = 0; j < nb; j++) {
        if (w->res[j] < (j < nocc ? tol : 30 * tol)) continue;
        precondition_residual(h, r + (size_t)j * (size_t)nl, e[j], t + (size_t)nt * (size_t)nl);
        nt++;
    }
    AL_TRY(subspace_orthonormalise(w->sub, nl, *n, m->v, &nt, t));
    if (nt > 0) {
        AL_TRY(ham_apply_single(h, nt, t, ht));
        AL_TRY(subspace_extend_mixed(w->sub, nl, nb, *n, nt, m->v, m->hv));
    }
    *n += nt;
    return AL_ERR_OK;
}

static enum al_err mixed_measure(const struct ham *h, struct davidson_work *w, int nb, const float complex *r)
{
    const size_t nl = (size_t)h->k->nloc;
    for (size_t j = 0; j < (size_t)nb; j++) {
        double sum = 0;
        for (size_t i = j * nl; i < (j + 1) * nl; i++)
            sum += (double)crealf(r[i]) * (double)crealf(r[i]) + (double)cimagf(r[i]) * (double)cimagf(r[i]);
        w->res[j] = sum;
    }
    AL_TRY(comm_sum_d(h->k->comm, w->res, (size_t)nb));
    for (int j = 0; j < nb; j++)
        w->res[j] = sqrt(w->res[j]);
    return AL_ERR_OK;
}

// Change of the potential in place of the last one; its rms value.
static double potential_change(const struct ham *h, double *v_last)
{
    double square = 0;
    for (int i = 0; i < h->s->b->nr; i++) {
        v_last[i] = h->v[i] - v_last[i];
        square += v_last[i] * v_last[i];
    }
    return sqrt(square / h->s->b->nr);
}

// hx := H x in double precision; where it is known for an earlier potential, by the change alone if that is good enough.
static enum al_err mixed_apply(struct ham *h, struct davidson_work *w, const struct mixed *m, int nb, double tol,
                               double complex *x)
{
    const size_t nr = (size_t)h->s->b->nr;
    double complex *hx = w->hx;
    bool change = w->known == x;
    if (!w->v_last) AL_ALLOC(w->v_last, nr);
    if (change) {
        w->error += rounding * potential_change(h, w->v_last);
        change = w->error < 0.01 * tol;
    }
    if (change) {
        block_narrow(m->size, x, m->v);
        AL_TRY(ham_change_single(h, w->v_last, nb, m->v, m->hv));
        for (size_t i = 0; i < m->size; i++)
            hx[i] += (double complex)m->hv[i];
    } else {
        int n = nb;
        AL_TRY(subspace_orthonormalise(w->sub, h->k->nloc, 0, NULL, &n, x));
        if (n < nb) AL_FAIL(AL_ERR_UNPHYSICAL, "start orbitals are linearly dependent (%d of %d)", n, nb);
        AL_TRY(ham_apply(h, nb, x, hx));
        w->error = 0;
    }
    memcpy(w->v_last, h->v, nr * sizeof *h->v);
    w->known = NULL;
    return AL_ERR_OK;
}

// Corrections are orthogonal to what they correct in single precision only.
static enum al_err mixed_straighten(const struct ham *h, struct davidson_work *w, const struct mixed *m, int nb, double complex *x)
{
    subspace_set_kind(w->sub, h->k->gamma, false);
    AL_TRY(subspace_skew(w->sub, h->k->nloc, nb, x));
    subspace_set_kind(w->sub, h->k->gamma, true);
    double complex *block[2] = {x, w->hx};
    for (int b = 0; b < 2; b++) {
        block_narrow(m->size, block[b], m->v);
        subspace_unskew(w->sub, h->k->nloc, nb, m->v, m->y);
        for (size_t i = 0; i < m->size; i++)
            block[b][i] += (double complex)m->y[i];
    }
    return AL_ERR_OK;
}

static enum al_err iterate_mixed(struct ham *h, struct davidson_work *w, int nb, int nocc, double tol, int maxit,
                                 double complex *x, double *e, double *ret_res)
{
    const int nl = h->k->nloc;
    AL_AUTOFREE double *start = NULL;
    AL_ALLOC(start, nb);
    const struct mixed m = mixed_views(w, (size_t)nb * (size_t)nl, start);
    AL_TRY(mixed_apply(h, w, &m, nb, tol, x));
    AL_TRY(subspace_extend(w->sub, nl, 0, nb, x, w->hx));
    AL_TRY(subspace_solve(w->sub, nb, nb, e));
    AL_TRY(subspace_rotate(w->sub, nl, nb, nb, x, m.x));
    AL_TRY(subspace_rotate(w->sub, nl, nb, nb, w->hx, m.h));
    subspace_set_kind(w->sub, h->k->gamma, true);
    mixed_restart(h, w, &m, nb, e);
    int n = nb;
    for (int it = 0;; it++) {
        AL_TRY(mixed_measure(h, w, nb, n == nb ? m.hv : m.y));
        int todo = unconverged(w, nb, nocc, tol, ret_res), before = n;
        if (n == nb) w->error += rounding * *ret_res;
        if (todo == 0 || it >= maxit) break;
        if (n + todo > DAVIDSON_GROWTH * nb) {
            AL_TRY(mixed_rotate(h, w, &m, n, nb, m.x, m.v, x));
            AL_TRY(mixed_rotate(h, w, &m, n, nb, m.h, m.hv, w->hx));
            memcpy(m.x, x, m.size * sizeof *x);
            memcpy(m.h, w->hx, m.size * sizeof *x);
            mixed_restart(h, w, &m, nb, e);
            n = before = nb;
        }
        AL_TRY(mixed_expand(h, w, &m, nb, nocc, tol, n == nb ? m.hv : m.y, e, &n));
        if (n == before) break;
        AL_TRY(subspace_solve(w->sub, n, nb, e));
        AL_TRY(subspace_residuals_mixed(w->sub, nl, nb, m.e, n, nb, e, m.v, m.hv, m.y));
    }
    AL_TRY(mixed_rotate(h, w, &m, n, nb, m.x, m.v, x));
    AL_TRY(mixed_rotate(h, w, &m, n, nb, m.h, m.hv, w->hx));
    w->known = x;
    return mixed_straighten(h, w, &m, nb, x);
}

// Vectors to length 1 in double precision: the density counts electrons.
static enum al_err to_length(const struct ham *h, struct davidson_work *w, int nb, double complex *x)
{
    const size_t nl = (size_t)h->k->nloc;
    for (int j = 0; j < nb; j++)
        w->res[j] = al_ddot(2 * (int)nl, (const double *)(x + (size_t)j * nl), (const double *)(x + (size_t)j * nl));
    AL_TRY(comm_sum_d(h->k->comm, w->res, (size_t)nb));
    for (int j = 0; j < nb; j++)
        for (size_t i = 0; i < nl; i++)
            x[(size_t)j * nl + i] *= 1 / sqrt(w->res[j]);
    return AL_ERR_OK;
}

enum al_err davidson(struct ham *h, struct davidson_work *w, int nb, int nocc, double tol, int maxit,
                     double complex *x, double *e, double *ret_res)
{
    const size_t size = (size_t)nb * (size_t)h->k->nloc;
    w->single = tol > davidson_single_from;
    subspace_set_kind(w->sub, h->k->gamma, w->single);
    if (!w->single) return iterate_mixed(h, w, nb, nocc, tol, maxit, x, e, ret_res);
    w->known = NULL;
    float complex *v = w->v, *ritz = v + (size_t)DAVIDSON_GROWTH * (size_t)w->nb * (size_t)w->nloc; // v's second half
    block_narrow(size, x, v);
    AL_TRY(iterate(h, w, nb, nocc, tol, maxit, ritz, e, ret_res));
    block_widen(size, ritz, x);
    return to_length(h, w, nb, x);
}
