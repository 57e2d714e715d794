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

static bool evaluate(const struct formfac *f, enum form form, double g2, double *ret_x, double *ret_dx)
{
    const struct qtable *t = form == FORM_LOCAL ? &f->local : form == FORM_CORE ? &f->core : &f->valence;
    if (t->n == 0) return false;
    double g = sqrt(g2);
    qtable_eval(t, g, ret_x, ret_dx);
    if (form == FORM_LOCAL && g2 > 0) {
        *ret_x -= 4 * AL_PI * f->psp->zion / g2;
        *ret_dx += 8 * AL_PI * f->psp->zion / (g2 * g);
    }
    return true;
}

// Structure factor of each kind at one G.
static void structure(const struct dft_system *s, const int m[3], double complex *sum)
{
    memset(sum, 0, (size_t)s->nkinds * sizeof *sum);
    for (int i = 0; i < s->natoms; i++)
        sum[s->kind[i]] += dft_phase(s, i, m);
}

enum al_err superpose(const struct dft_system *s, enum form form, double complex *x)
{
    const struct basis *b = s->b;
    AL_AUTOFREE double complex *sum = NULL;
    AL_ALLOC(sum, s->nkinds);
    for (int ig = 0; ig < b->ng; ig++) {
        double v, dv;
        x[ig] = 0;
        structure(s, b->mill[ig], sum);
        for (int t = 0; t < s->nkinds; t++)
            if (evaluate(s->ff[t], form, b->g2[ig], &v, &dv)) x[ig] += sum[t] * v / b->volume;
    }
    return AL_ERR_OK;
}

// dE/dtau = Re sum_G conj(h) (-iG) exp(-iG.tau) x; -Im(z) = Re(i z) gives the sign of the force.
enum al_err superpose_force(const struct dft_system *s, enum form form, const double complex *h,
                            double (*f)[3])
{
    const struct basis *b = s->b;
    AL_AUTOFREE double *x = NULL;
    AL_ALLOC(x, b->ng);
    for (int t = 0; t < s->nkinds; t++) {
        bool any = true;
        for (int ig = 0; ig < b->ng && any; ig++) {
            double dx;
            any = evaluate(s->ff[t], form, b->g2[ig], &x[ig], &dx);
        }
        if (!any) continue;
        for (int i = 0; i < s->natoms; i++) {
            if (s->kind[i] != t) continue;
            double sum[3] = {0};
            for (int ig = 0; ig < b->ng; ig++) {
                double w = -x[ig] * cimag(conj(h[ig]) * dft_phase(s, i, b->mill[ig]));
                for (int a = 0; a < 3; a++)
                    sum[a] += w * b->g[ig][a];
            }
            for (int a = 0; a < 3; a++)
                f[i][a] += sum[a];
        }
    }
    return AL_ERR_OK;
}

enum al_err superpose_strain(const struct dft_system *s, enum form form, const double complex *h,
                             double (*strain)[3])
{
    const struct basis *b = s->b;
    AL_AUTOFREE double complex *sum = NULL;
    AL_ALLOC(sum, s->nkinds);
    for (int ig = 0; ig < b->ng; ig++) {
        if (b->g2[ig] == 0) continue;
        double w = 0, x, dx;
        structure(s, b->mill[ig], sum);
        for (int t = 0; t < s->nkinds; t++)
            if (evaluate(s->ff[t], form, b->g2[ig], &x, &dx)) w += dx * creal(conj(h[ig]) * sum[t]);
        w /= -sqrt(b->g2[ig]);
        for (int a = 0; a < 3; a++)
            for (int c = 0; c < 3; c++)
                strain[a][c] += w * b->g[ig][a] * b->g[ig][c];
    }
    return AL_ERR_OK;
}
