// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Exchange and correlation of rho + model core on the FFT grid (J. A. White and D. M. Bird, PRB 50, 4954,
// 1994):
//   v = vrho - div(2 vsigma grad rho), with the gradients of the plane-wave expansion, so that v is the exact
//   derivative of the energy's grid sum with respect to rho(G) on the sphere.
#include <string.h>

#include "base/mem.h"
#include "dft/terms.h"
#include "dft/xc_func.h"

enum al_err xc_term_create(const struct xc_func *func, struct basis *b, struct xc_term **ret)
{
    AL_OWN(xc_term) t = NULL;
    AL_ALLOC(t, 1);
    t->func = func;
    t->b = b;
    t->i0 = comm_first(b->nr, b->comm->size, b->comm->rank);
    t->ni = comm_first(b->nr, b->comm->size, b->comm->rank + 1) - t->i0;
    double **fields[] = {&t->rho, &t->grad[0], &t->grad[1], &t->grad[2], &t->sigma, &t->e, &t->vsigma};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        AL_ALLOC(*fields[i], t->ni);
    AL_ALLOC(t->pair, t->ni);
    AL_ALLOC(t->counts, 4 * b->comm->size);
    AL_ALLOC(t->ga, b->ng);
    AL_ALLOC(t->gb, b->ng);
    AL_ALLOC(t->gc, b->ng);
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}

void xc_term_destroy(struct xc_term **p)
{
    struct xc_term *t = *p;
    if (!t) return;
    void *all[] = {t->rho, t->grad[0], t->grad[1], t->grad[2], t->sigma, t->e,
                   t->vsigma, t->pair, t->counts, t->ga, t->gb, t->gc};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        al_free(all[i]);
    al_free(t);
    *p = NULL;
}

// Rank that transforms the second pair.
static int second(const struct basis *b)
{
    return b->comm->size > 1 ? 1 : 0;
}

// Slabs of root's FFT work array to their ranks (out) or from them.
static void exchange(struct xc_term *t, int root, bool out)
{
    struct comm *c = t->b->comm;
    int *nw = t->counts, *aw = nw + c->size, *np = aw + c->size, *ap = np + c->size;
    for (int r = 0; r < c->size; r++) {
        aw[r] = comm_first(t->b->nr, c->size, r);
        nw[r] = c->rank == root ? comm_first(t->b->nr, c->size, r + 1) - aw[r] : 0;
        ap[r] = 0;
        np[r] = r == root ? t->ni : 0;
    }
    if (out)
        comm_alltoallv_z(c, t->b->fft->work, nw, aw, t->pair, np, ap);
    else
        comm_alltoallv_z(c, t->pair, np, ap, t->b->fft->work, nw, aw);
}

static void scatter(struct xc_term *t, int root, double *f1, double *f2)
{
    exchange(t, root, true);
    for (int i = 0; i < t->ni; i++) {
        f1[i] = creal(t->pair[i]);
        f2[i] = cimag(t->pair[i]);
    }
}

static void along(const struct basis *b, int d, const double complex *f, double complex *df)
{
    for (int i = 0; i < b->ng; i++)
        df[i] = CMPLX(-b->g[i][d] * cimag(f[i]), b->g[i][d] * creal(f[i]));
}

// rho on the slab (ga: its coefficients) and for a GGA its gradient.
static void gradient(struct xc_term *t)
{
    struct basis *b = t->b;
    const int two = second(b);
    if (b->comm->rank == 0) {
        along(b, 0, t->ga, t->gb);
        basis_to_pair(b, t->ga, t->gb);
    }
    scatter(t, 0, t->rho, t->grad[0]);
    if (!t->func->gga) return;
    if (b->comm->rank == two) {
        along(b, 1, t->ga, t->gb);
        along(b, 2, t->ga, t->gc);
        basis_to_pair(b, t->gb, t->gc);
    }
    scatter(t, two, t->grad[1], t->grad[2]);
    for (int i = 0; i < t->ni; i++)
        t->sigma[i] =
            t->grad[0][i] * t->grad[0][i] + t->grad[1][i] * t->grad[1][i] + t->grad[2][i] * t->grad[2][i];
}

// ga := -div(2 vsigma grad rho) on the sphere, on all ranks.
static enum al_err divergence(struct xc_term *t)
{
    struct basis *b = t->b;
    const int two = second(b), mid = b->ng / 2;
    memset(t->ga, 0, (size_t)b->ng * sizeof *t->ga);
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < t->ni; i++) {
            double f = -2 * t->vsigma[i];
            t->pair[i] = k == 0 ? CMPLX(f * t->grad[0][i], f * t->grad[1][i]) : CMPLX(f * t->grad[2][i], 0);
        }
        exchange(t, k == 0 ? 0 : two, false);
        if (b->comm->rank != (k == 0 ? 0 : two)) continue;
        basis_from_pair(b, t->gb, t->gc);
        for (int i = 0; i < b->ng; i++) {
            double complex z =
                k == 0 ? b->g[i][0] * t->gb[i] + b->g[i][1] * t->gc[i] : b->g[i][2] * t->gb[i];
            t->ga[i] += CMPLX(-cimag(z), creal(z));
        }
    }
    AL_TRY(comm_sum_z(b->comm, t->ga + mid, (size_t)(b->ng - mid))); // a real field: half tells all
    for (int i = 0; i < mid; i++)
        t->ga[i] = conj(t->ga[b->ng - 1 - i]);
    return AL_ERR_OK;
}

// The functional itself, the grid split over the ranks; vrho into v, whole.
static enum al_err evaluate(struct xc_term *t, double *ret_sum, double *v)
{
    struct comm *c = t->b->comm;
    int *n = t->counts, *at = n + c->size;
    for (int r = 0; r < c->size; r++) {
        at[r] = comm_first(t->b->nr, c->size, r);
        n[r] = comm_first(t->b->nr, c->size, r + 1) - at[r];
    }
    xc_func_eval(t->func, t->ni, t->rho, t->sigma, t->e, v + t->i0, t->vsigma);
    double sum = 0;
    for (int i = 0; i < t->ni; i++)
        sum += t->e[i];
    AL_TRY(comm_sum_d(c, &sum, 1));
    comm_allgatherv_d(c, v, n, at);
    *ret_sum = sum;
    return AL_ERR_OK;
}

enum al_err xc_potential(struct xc_term *t, const double complex *rho, const double complex *core,
                         const double complex *more, double *ret_energy, double *v, double *vmore)
{
    struct basis *b = t->b;
    double sum;
    for (int i = 0; i < b->ng; i++)
        t->ga[i] = rho[i] + (core ? core[i] : 0);
    gradient(t);
    AL_TRY(evaluate(t, &sum, v));
    *ret_energy = sum * b->volume / b->nr;
    if (t->func->gga)
        AL_TRY(divergence(t));
    else
        memset(t->ga, 0, (size_t)b->ng * sizeof *t->ga);
    if (!t->func->gga && !more) return AL_ERR_OK;
    basis_to_pair(b, t->ga, more ? more : t->ga);
    for (int i = 0; i < b->nr; i++)
        v[i] += creal(b->fft->work[i]);
    for (int i = 0; more && i < b->nr; i++)
        vmore[i] = v[i] + cimag(b->fft->work[i]);
    return AL_ERR_OK;
}

// rho ~ 1/volume and grad -> grad - strain grad:
// dE = delta (E - int v rho) - 2 int vsigma d_a rho d_b rho.
enum al_err xc_strain(struct xc_term *t, double energy, const double *v, double (*strain)[3])
{
    const struct basis *b = t->b;
    const double dv = b->volume / b->nr;
    double s[10] = {0}; // s[9]: v rho
    for (int i = 0; i < t->ni; i++)
        s[9] += v[t->i0 + i] * t->rho[i];
    for (int i = 0; i < t->ni && t->func->gga; i++)
        for (int a = 0; a < 3; a++)
            for (int c = 0; c < 3; c++)
                s[3 * a + c] += t->vsigma[i] * t->grad[a][i] * t->grad[c][i];
    AL_TRY(comm_sum_d(b->comm, s, 10));
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 3; c++)
            strain[a][c] += (a == c) * (energy - dv * s[9]) - 2 * dv * s[3 * a + c];
    return AL_ERR_OK;
}
