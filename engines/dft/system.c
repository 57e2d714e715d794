// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/system.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

static enum al_err make_phases(struct dft_system *s)
{
    for (int d = 0; d < 3; d++) {
        int lim = s->plim[d] = s->b->n[d] / 2 + 1, len = 2 * lim + 1;
        AL_ALLOC(s->phase[d], (size_t)s->natoms * (size_t)len);
        for (int i = 0; i < s->natoms; i++)
            for (int m = -lim; m <= lim; m++) {
                double x = -2 * AL_PI * m * s->tau[i][d];
                s->phase[d][i * len + m + lim] = CMPLX(cos(x), sin(x));
            }
    }
    return AL_ERR_OK;
}

enum al_err dft_system_create(struct basis **b, int natoms, const int *kind, const double (*pos)[3],
                              int nkinds, const struct formfac *const *ff, struct dft_system **ret)
{
    AL_OWN(basis) own = *b;
    *b = NULL;
    AL_OWN(dft_system) s = NULL;
    AL_ALLOC(s, 1);
    s->b = own;
    own = NULL;
    s->natoms = natoms;
    s->nkinds = nkinds;
    AL_ALLOC(s->ff, nkinds);
    AL_ALLOC(s->kind, natoms);
    AL_ALLOC(s->tau, natoms);
    memcpy(s->ff, ff, (size_t)nkinds * sizeof *s->ff);
    memcpy(s->kind, kind, (size_t)natoms * sizeof *s->kind);
    for (int i = 0; i < natoms; i++) {
        for (int d = 0; d < 3; d++) {
            double t = al_dot3(pos[i], s->b->b[d]) / (2 * AL_PI);
            s->tau[i][d] = t - floor(t); // small arguments keep the phases accurate
        }
        const struct formfac *f = ff[kind[i]];
        s->nelec += f->psp->zion;
        if (f->core.n > 0) s->has_core = true;
    }
    AL_TRY(make_phases(s));
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void dft_system_destroy(struct dft_system **s)
{
    if (!*s) return;
    basis_destroy(&(*s)->b);
    al_free((*s)->ff);
    al_free((*s)->kind);
    al_free((*s)->tau);
    for (int d = 0; d < 3; d++)
        al_free((*s)->phase[d]);
    al_free(*s);
    *s = NULL;
}

void dft_phases(const struct dft_system *s, int i, int n, const int (*mill)[3], double complex *e)
{
    const double complex *p[3];
    for (int d = 0; d < 3; d++)
        p[d] = s->phase[d] + i * (2 * s->plim[d] + 1) + s->plim[d];
    for (int j = 0; j < n;) {
        const int *m = mill[j];
        const double complex plane = p[0][m[0]] * p[1][m[1]];
        int end = j + 1;
        while (end < n && mill[end][0] == m[0] && mill[end][1] == m[1])
            end++;
        for (; j < end; j++)
            e[j] = plane * p[2][mill[j][2]];
    }
}
