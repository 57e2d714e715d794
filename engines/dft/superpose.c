// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Fields that are sums of one spherical function per atom: local potential, model core charge, atomic
// density.
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

// Structure factor of kind t on the upper half of the sphere; e: scratch of that length.
static void structure(const struct dft_system *s, int t, double complex *sum, double complex *e)
{
    const int n = half(s->b), at = s->b->ng / 2;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int i = 0; i < s->natoms; i++) {
        if (s->kind[i] != t) continue;
        dft_phases(s, i, n, (const int(*)[3])(s->b->mill + at), e);
        for (int j = 0; j < n; j++)
            sum[j] += e[j];
    }
}

enum al_err superpose(const struct dft_system *s, enum form form, double complex *x)
{
    const struct basis *b = s->b;
    const int n = half(b), at = b->ng / 2;
    AL_AUTOFREE double complex *sum = NULL, *e = NULL;
    AL_ALLOC(sum, n);
    AL_ALLOC(e, n);
    memset(x, 0, (size_t)b->ng * sizeof *x);
    for (int t = 0; t < s->nkinds; t++) {
        if (table(s->ff[t], form)->n == 0) continue;
        structure(s, t, sum, e);
        for (int j = 0; j < n; j++) {
            double v, dv;
            evaluate(s->ff[t], form, b->g2[at + j], &v, &dv);
            x[at + j] += v / b->volume * sum[j];
        }
    }
    for (int j = 0; j < n; j++)
        x[at - j] = conj(x[at + j]);
    return AL_ERR_OK;
}

// dE/dtau = Re sum_G conj(h) (-iG) exp(-iG.tau) x; -Im(z) = Re(i z) gives the sign of the force.
enum al_err superpose_force(const struct dft_system *s, enum form form, const double complex *h,
                            double (*f)[3])
{
    const struct basis *b = s->b;
    const int n = half(b), at = b->ng / 2;
    AL_AUTOFREE double *x = NULL;
    AL_AUTOFREE double complex *e = NULL;
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
                f[i][a] += 2 * sum[a];
        }
    }
    return AL_ERR_OK;
}

enum al_err superpose_strain(const struct dft_system *s, enum form form, const double complex *h,
                             double (*strain)[3])
{
    const struct basis *b = s->b;
    const int n = half(b), at = b->ng / 2;
    AL_AUTOFREE double complex *sum = NULL, *e = NULL;
    AL_ALLOC(sum, n);
    AL_ALLOC(e, n);
    for (int t = 0; t < s->nkinds; t++) {
        if (table(s->ff[t], form)->n == 0) continue;
        structure(s, t, sum, e);
        for (int j = 1; j < n; j++) { // not G = 0
            double x, dx;
            evaluate(s->ff[t], form, b->g2[at + j], &x, &dx);
            double w = -2 * dx * creal(conj(h[at + j]) * sum[j]) / sqrt(b->g2[at + j]);
            for (int a = 0; a < 3; a++)
                for (int c = 0; c < 3; c++)
                    strain[a][c] += w * b->g[at + j][a] * b->g[at + j][c];
        }
    }
    return AL_ERR_OK;
}
