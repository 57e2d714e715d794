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
    double **fields[] = {&t->rho,   &t->grad[0], &t->grad[1], &t->grad[2],
                         &t->sigma, &t->e,       &t->vrho,    &t->vsigma};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        AL_ALLOC(*fields[i], b->nr);
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
    double *fields[] = {t->rho, t->grad[0], t->grad[1], t->grad[2], t->sigma, t->e, t->vrho, t->vsigma};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        al_free(fields[i]);
    al_free(t->ga);
    al_free(t->gb);
    al_free(t->gc);
    al_free(t);
    *p = NULL;
}

static void along(const struct basis *b, int d, const double complex *f, double complex *df)
{
    for (int i = 0; i < b->ng; i++)
        df[i] = CMPLX(-b->g[i][d] * cimag(f[i]), b->g[i][d] * creal(f[i]));
}

// rho on the grid and its gradient, two fields in each transform; ga: its coefficients.
static void gradient(struct xc_term *t)
{
    struct basis *b = t->b;
    along(b, 0, t->ga, t->gb);
    basis_to_r2(b, t->ga, t->gb, t->rho, t->grad[0]);
    along(b, 1, t->ga, t->gb);
    along(b, 2, t->ga, t->gc);
    basis_to_r2(b, t->gb, t->gc, t->grad[1], t->grad[2]);
    for (int i = 0; i < b->nr; i++)
        t->sigma[i] =
            t->grad[0][i] * t->grad[0][i] + t->grad[1][i] * t->grad[1][i] + t->grad[2][i] * t->grad[2][i];
}

// v -= div(2 vsigma grad rho); e and vrho are scratch here.
static void subtract_divergence(struct xc_term *t, double *v)
{
    struct basis *b = t->b;
    for (int i = 0; i < b->nr; i++) {
        t->e[i] = 2 * t->vsigma[i] * t->grad[0][i];
        t->vrho[i] = 2 * t->vsigma[i] * t->grad[1][i];
    }
    basis_to_g2(b, t->e, t->vrho, t->gb, t->gc);
    for (int i = 0; i < b->ng; i++) {
        double complex z = b->g[i][0] * t->gb[i] + b->g[i][1] * t->gc[i];
        t->ga[i] = CMPLX(-cimag(z), creal(z));
    }
    for (int i = 0; i < b->nr; i++)
        t->e[i] = 2 * t->vsigma[i] * t->grad[2][i];
    basis_to_g(b, t->e, t->gb);
    along(b, 2, t->gb, t->gc);
    for (int i = 0; i < b->ng; i++)
        t->ga[i] += t->gc[i];
    basis_to_r(b, t->ga, t->e);
    for (int i = 0; i < b->nr; i++)
        v[i] -= t->e[i];
}

// The functional itself, the grid split over the ranks.
static enum al_err evaluate(struct xc_term *t, double *ret_sum)
{
    struct comm *c = t->b->comm;
    AL_AUTOFREE int *split = NULL;
    AL_ALLOC(split, 2 * c->size);
    int *n = split, *at = split + c->size;
    for (int r = 0; r < c->size; r++) {
        at[r] = comm_first(t->b->nr, c->size, r);
        n[r] = comm_first(t->b->nr, c->size, r + 1) - at[r];
    }
    int i0 = at[c->rank], ni = n[c->rank];
    xc_func_eval(t->func, ni, t->rho + i0, t->sigma + i0, t->e + i0, t->vrho + i0, t->vsigma + i0);
    double sum = 0;
    for (int i = i0; i < i0 + ni; i++)
        sum += t->e[i];
    AL_TRY(comm_sum_d(c, &sum, 1));
    comm_allgatherv_d(c, t->vrho, n, at);
    if (t->func->gga) comm_allgatherv_d(c, t->vsigma, n, at);
    *ret_sum = sum;
    return AL_ERR_OK;
}

enum al_err xc_potential(struct xc_term *t, const double complex *rho, const double complex *core,
                         double *ret_energy, double *v)
{
    struct basis *b = t->b;
    for (int i = 0; i < b->ng; i++)
        t->ga[i] = rho[i] + (core ? core[i] : 0);
    if (t->func->gga)
        gradient(t);
    else
        basis_to_r(b, t->ga, t->rho);
    double sum;
    AL_TRY(evaluate(t, &sum));
    memcpy(v, t->vrho, (size_t)b->nr * sizeof *v);
    if (t->func->gga) subtract_divergence(t, v);
    *ret_energy = sum * b->volume / b->nr;
    return AL_ERR_OK;
}

// rho ~ 1/volume and grad -> grad - strain grad:
// dE = delta (E - int v rho) - 2 int vsigma d_a rho d_b rho.
void xc_strain(struct xc_term *t, double energy, const double *v, double (*strain)[3])
{
    const struct basis *b = t->b;
    const double dv = b->volume / b->nr;
    double vrho = 0, s[3][3] = {0};
    for (int i = 0; i < b->nr; i++)
        vrho += v[i] * t->rho[i];
    for (int i = 0; i < b->nr && t->func->gga; i++)
        for (int a = 0; a < 3; a++)
            for (int c = 0; c < 3; c++)
                s[a][c] += t->vsigma[i] * t->grad[a][i] * t->grad[c][i];
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 3; c++)
            strain[a][c] += (a == c) * (energy - dv * vrho) - 2 * dv * s[a][c];
}
