// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/basis.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

static void reciprocal(const double a[3][3], double b[3][3])
{
    double inv[3][3];
    al_inv3(a, inv);
    for (int i = 0; i < 3; i++)
        for (int d = 0; d < 3; d++)
            b[i][d] = 2 * AL_PI * inv[d][i];
}

// Largest index |m_i| of a sphere of radius g: |m_i| = |q . a_i| / 2 pi <= g |a_i| / 2 pi.
static void sphere_limits(const double b[3][3], double g, int lim[3])
{
    double a[3][3];
    reciprocal(b, a);
    for (int i = 0; i < 3; i++)
        lim[i] = (int)floor(g * sqrt(al_dot3(a[i], a[i])) / (2 * AL_PI) + 1e-9);
}

// Plane waves with |k + G| <= g, into mill when it is not NULL; their number. half: one of G and -G, 0 first.
static int list_sphere(const double b[3][3], const double k[3], double g, bool half, int (*mill)[3])
{
    int lim[3], n = 0;
    sphere_limits(b, g, lim);
    for (int m0 = -lim[0] - 1; m0 <= lim[0] + 1; m0++)
        for (int m1 = -lim[1] - 1; m1 <= lim[1] + 1; m1++)
            for (int m2 = -lim[2] - 1; m2 <= lim[2] + 1; m2++) {
                if (half && (m0 < 0 || (m0 == 0 && (m1 < 0 || (m1 == 0 && m2 < 0))))) continue;
                double f[3] = {m0 + k[0], m1 + k[1], m2 + k[2]}, q[3];
                al_vecmat3(f, b, q);
                if (al_dot3(q, q) > g * g) continue;
                if (mill) memcpy(mill[n], (int[3]){m0, m1, m2}, sizeof mill[n]);
                n++;
            }
    return n;
}

static enum al_err choose_grid(struct basis *b, const int fft_grid[3], double g)
{
    int lim[3];
    sphere_limits(b->sphere_b, g, lim);
    for (int i = 0; i < 3; i++) {
        int least = 2 * lim[i] + 1;
        b->n[i] = fft_grid[i] > 0 ? fft_grid[i] : fft_length(least);
        if (b->n[i] < least)
            AL_FAIL(AL_ERR_INPUT, "fft_grid %d along axis %d is smaller than %d, which the cut-off needs",
                    b->n[i], i, least);
    }
    b->nr = b->n[0] * b->n[1] * b->n[2];
    return AL_ERR_OK;
}

enum al_err basis_create(struct comm *c, double ecut, const double cell[3][3], const double (*sphere_cell)[3],
                         const int fft_grid[3], struct basis **ret)
{
    AL_OWN(basis) b = NULL;
    AL_ALLOC(b, 1);
    b->comm = c;
    b->ecut = ecut;
    memcpy(b->a, cell, sizeof b->a);
    b->volume = fabs(al_det3(b->a));
    if (!(b->volume > 1e-6)) AL_FAIL(AL_ERR_INPUT, "the cell has no volume");
    reciprocal(b->a, b->b);
    memcpy(b->sphere_b, b->b, sizeof b->b);
    if (sphere_cell) reciprocal(sphere_cell, b->sphere_b);
    const double g = 2 * sqrt(2 * ecut), zero[3] = {0};
    AL_TRY(choose_grid(b, fft_grid, g));
    b->ng = list_sphere(b->sphere_b, zero, g, false, NULL);
    AL_ALLOC(b->mill, b->ng);
    AL_ALLOC(b->g, b->ng);
    AL_ALLOC(b->g2, b->ng);
    AL_ALLOC(b->at, b->ng);
    list_sphere(b->sphere_b, zero, g, false, b->mill);
    for (int i = 0; i < b->ng; i++) {
        const int *m = b->mill[i];
        int w[3];
        al_vecmat3((double[3]){m[0], m[1], m[2]}, b->b, b->g[i]);
        b->g2[i] = m[0] || m[1] || m[2] ? al_dot3(b->g[i], b->g[i]) : 0.0;
        for (int d = 0; d < 3; d++)
            w[d] = m[d] < 0 ? m[d] + b->n[d] : m[d];
        b->at[i] = w[0] + b->n[0] * (w[1] + b->n[1] * w[2]);
    }
    AL_TRY(fft3_create(b->n, &b->fft));
    *ret = b;
    b = NULL;
    return AL_ERR_OK;
}

enum al_err basis_count(double ecut, const double cell[3][3], const int fft_grid[3], int ret_n[3], double *ret_ng)
{
    struct basis b = {.ecut = ecut};
    const double g = 2 * sqrt(2 * ecut), zero[3] = {0};
    reciprocal(cell, b.sphere_b);
    AL_TRY(choose_grid(&b, fft_grid, g));
    memcpy(ret_n, b.n, sizeof b.n);
    *ret_ng = list_sphere((const double(*)[3])b.sphere_b, zero, g, false, NULL);
    return AL_ERR_OK;
}

double kbasis_count(double ecut, const double cell[3][3], const double k[3])
{
    double b[3][3];
    reciprocal(cell, b);
    const bool gamma = k[0] == 0 && k[1] == 0 && k[2] == 0; // real orbitals: half the sphere
    return list_sphere((const double(*)[3])b, k, sqrt(2 * ecut), gamma, NULL);
}

void basis_destroy(struct basis **b)
{
    if (!*b) return;
    al_free((*b)->mill);
    al_free((*b)->g);
    al_free((*b)->g2);
    al_free((*b)->at);
    fft3_destroy(&(*b)->fft);
    al_free(*b);
    *b = NULL;
}

void basis_to_r(struct basis *b, const double complex *fg, double *fr)
{
    double complex *w = b->fft->work;
    memset(w, 0, (size_t)b->nr * sizeof *w);
    for (int i = 0; i < b->ng; i++)
        w[b->at[i]] = fg[i];
    fft3_to_r(b->fft);
    for (int i = 0; i < b->nr; i++)
        fr[i] = creal(w[i]);
}

void basis_to_g(struct basis *b, const double *fr, double complex *fg)
{
    double complex *w = b->fft->work;
    for (int i = 0; i < b->nr; i++)
        w[i] = fr[i];
    fft3_to_g(b->fft);
    for (int i = 0; i < b->ng; i++)
        fg[i] = w[b->at[i]] / b->nr;
}

void basis_to_pair(struct basis *b, const double complex *fg1, const double complex *fg2)
{
    double complex *w = b->fft->work;
    memset(w, 0, (size_t)b->nr * sizeof *w);
    for (int i = 0; i < b->ng; i++)
        w[b->at[i]] = CMPLX(creal(fg1[i]) - cimag(fg2[i]), cimag(fg1[i]) + creal(fg2[i]));
    fft3_to_r(b->fft);
}

void basis_to_r2(struct basis *b, const double complex *fg1, const double complex *fg2, double *fr1, double *fr2)
{
    const double complex *w = b->fft->work;
    basis_to_pair(b, fg1, fg2);
    for (int i = 0; i < b->nr; i++) {
        fr1[i] = creal(w[i]);
        fr2[i] = cimag(w[i]);
    }
}

void basis_to_g2(struct basis *b, const double *fr1, const double *fr2, double complex *fg1, double complex *fg2)
{
    double complex *w = b->fft->work;
    for (int i = 0; i < b->nr; i++)
        w[i] = CMPLX(fr1[i], fr2[i]);
    basis_from_pair(b, fg1, fg2);
}

void basis_from_pair(struct basis *b, double complex *fg1, double complex *fg2)
{
    const double complex *w = b->fft->work;
    const double f = 0.5 / b->nr;
    fft3_to_g(b->fft);
    for (int i = 0; i < b->ng; i++) { // w(G) = f1 + i f2, conj w(-G) = f1 - i f2
        double complex u = w[b->at[i]], v = conj(w[b->at[b->ng - 1 - i]]);
        fg1[i] = f * (u + v);
        fg2[i] = f * CMPLX(cimag(u) - cimag(v), creal(v) - creal(u));
    }
}

enum al_err kbasis_create(struct basis *b, struct comm *c, const double k[3], double weight, bool real,
                          struct kbasis **ret)
{
    AL_OWN(kbasis) s = NULL;
    AL_ALLOC(s, 1);
    memcpy(s->k, k, sizeof s->k);
    s->weight = weight;
    s->comm = c;
    s->gamma = real && k[0] == 0 && k[1] == 0 && k[2] == 0;
    const double g = sqrt(2 * b->ecut);
    s->npw = list_sphere(b->sphere_b, k, g, s->gamma, NULL);
    if (s->npw < c->size) AL_FAIL(AL_ERR_INPUT, "%d plane waves for %d ranks", s->npw, c->size);
    AL_ALLOC(s->mill, s->npw);
    list_sphere(b->sphere_b, k, g, s->gamma, s->mill);
    s->p0 = comm_first(s->npw, c->size, c->rank);
    s->nloc = comm_first(s->npw, c->size, c->rank + 1) - s->p0;
    AL_ALLOC(s->q, s->nloc);
    AL_ALLOC(s->q2, s->nloc);
    for (int i = 0; i < s->nloc; i++) {
        const int *m = s->mill[s->p0 + i];
        al_vecmat3((double[3]){k[0] + m[0], k[1] + m[1], k[2] + m[2]}, b->b, s->q[i]);
        s->q2[i] = al_dot3(s->q[i], s->q[i]);
    }
    AL_TRY(wfft_create(b->n, s->npw, s->mill, s->gamma, false, &s->fft));
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void kbasis_destroy(struct kbasis **k)
{
    if (!*k) return;
    al_free((*k)->mill);
    al_free((*k)->q);
    al_free((*k)->q2);
    wfft_destroy(&(*k)->fft);
    al_free(*k);
    *k = NULL;
}
