// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Fields that are sums of one spherical function per atom: local potential, model core charge, atomic
// density. Plane waves are split over the ranks.
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "dft/terms.h"

static const struct qtable *table(const struct formfac *f, enum form form)
{
    return form == FORM_LOCAL ? &f->local : form == FORM_CORE ? &f->core : &f->valence;
}

static void evaluate(const struct formfac *f, enum form form, double g2, double *ret_x, double *ret_dx)
{
    double g = sqrt(g2);
    qtable_eval(table(f, form), g, ret_x, ret_dx);
    if (form == FORM_LOCAL && g2 > 0) {
        *ret_x -= 4 * AL_PI * f->psp->zion / g2;
        *ret_dx += 8 * AL_PI * f->psp->zion / (g2 * g);
    }
}

// The fields are real: x(-G) = conj x(G), and half of the sphere is enough: from G = 0 at ng/2 on (basis.h).
static int half(const struct basis *b)
{
    return b->ng - b->ng / 2;
}

// This rank's part of that half, from *ret_at on; its length.
static int part(const struct basis *b, int *ret_at)
{
    const struct comm *c = b->comm;
    int first = comm_first(half(b), c->size, c->rank);
    *ret_at = b->ng / 2 + first;
    return comm_first(half(b), c->size, c->rank + 1) - first;
}

// Structure factor of kind t on n plane waves from at on; e: scratch of that length.
static void structure(const struct dft_system *s, int t, int at, int n, double complex *sum, double complex *e)
{
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int i = 0; i < s->natoms; i++) {
        if (s->kind[i] != t) continue;
        dft_phases(s, i, n, (const int(*)[3])(s->b->mill + at), e);
        for (int j = 0; j < n; j++)
            sum[j] += e[j];
    }
}

// Parts of the upper half to all ranks.
static enum al_err gather(const struct basis *b, double complex *x)
{
    const int size = b->comm->size;
    AL_AUTOFREE int *split = NULL;
    if (size == 1) return AL_ERR_OK;
    AL_ALLOC(split, 2 * size);
    for (int r = 0; r < size; r++) {
        split[size + r] = comm_first(half(b), size, r);
        split[r] = comm_first(half(b), size, r + 1) - split[size + r];
    }
    comm_allgatherv_z(b->comm, x, split, split + size);
    return AL_ERR_OK;
}

enum al_err superpose(const struct dft_system *s, enum form form, double complex *x)
{
    const struct basis *b = s->b;
    int at, n = part(b, &at);
    AL_AUTOFREE double complex *sum = NULL, *e = NULL;
    AL_ALLOC(sum, n);
    AL_ALLOC(e, n);
    memset(x, 0, (size_t)b->ng * sizeof *x);
    for (int t = 0; t < s->nkinds; t++) {
        if (table(s->ff[t], form)->n == 0) continue;
        structure(s, t, at, n, sum, e);
        for (int j = 0; j < n; j++) {
            double v, dv;
            evaluate(s->ff[t], form, b->g2[at + j], &v, &dv);
            x[at + j] += v / b->volume * sum[j];
        }
    }
    const int mid = b->ng / 2;
    AL_TRY(gather(b, x + mid));
    for (int j = 0; j < half(b); j++)
        x[mid - j] = conj(x[mid + j]);
    return AL_ERR_OK;
}

// dE/dtau = Re sum_G conj(h) (-iG) exp(-iG.tau) x; -Im(z) = Re(i z) gives the sign of the force.
enum al_err superpose_force(const struct dft_system *s, enum form form, const double complex *h,
                            double (*f)[3])
{
    const struct basis *b = s->b;
    int at, n = part(b, &at);
    AL_AUTOFREE double *x = NULL;
    AL_AUTOFREE double(*own)[3] = NULL;
    AL_AUTOFREE double complex *e = NULL;
    AL_ALLOC(own, s->natoms);
    AL_ALLOC(x, n);
    AL_ALLOC(e, n);
    for (int t = 0; t < s->nkinds; t++) {
        if (table(s->ff[t], form)->n == 0) continue;
        for (int j = 0; j < n; j++) {
            double dx;
            evaluate(s->ff[t], form, b->g2[at + j], &x[j], &dx);
        }
        for (int i = 0; i < s->natoms; i++) {
            if (s->kind[i] != t) continue;
            double sum[3] = {0};
            dft_phases(s, i, n, (const int(*)[3])(b->mill + at), e);
            for (int j = 0; j < n; j++) {
                double complex z = h[at + j];
                double w = -x[j] * (creal(z) * cimag(e[j]) - cimag(z) * creal(e[j]));
                for (int a = 0; a < 3; a++)
                    sum[a] += w * b->g[at + j][a];
            }
            for (int a = 0; a < 3; a++)
                own[i][a] = 2 * sum[a];
        }
    }
    AL_TRY(comm_sum_d(b->comm, own[0], 3 * (size_t)s->natoms));
    for (int i = 0; i < s->natoms; i++)
        for (int a = 0; a < 3; a++)
            f[i][a] += own[i][a];
    return AL_ERR_OK;
}

enum al_err superpose_strain(const struct dft_system *s, enum form form, const double complex *h,
                             double (*strain)[3])
{
    const struct basis *b = s->b;
    int at, n = part(b, &at);
    double own[3][3] = {0};
    AL_AUTOFREE double complex *sum = NULL, *e = NULL;
    AL_ALLOC(sum, n);
    AL_ALLOC(e, n);
    for (int t = 0; t < s->nkinds; t++) {
        if (table(s->ff[t], form)->n == 0) continue;
        structure(s, t, at, n, sum, e);
        for (int j = at > b->ng / 2 ? 0 : 1; j < n; j++) { // not G = 0
            double x, dx;
            evaluate(s->ff[t], form, b->g2[at + j], &x, &dx);
            double w = -2 * dx * creal(conj(h[at + j]) * sum[j]) / sqrt(b->g2[at + j]);
            for (int a = 0; a < 3; a++)
                for (int c = 0; c < 3; c++)
                    own[a][c] += w * b->g[at + j][a] * b->g[at + j][c];
        }
    }
    AL_TRY(comm_sum_d(b->comm, own[0], 9));
    for (int a = 0; a < 3; a++)
        for (int c = 0; c < 3; c++)
            strain[a][c] += own[a][c];
    return AL_ERR_OK;
}
