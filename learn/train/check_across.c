// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/check.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static enum al_err energy_per_atom(const struct dp_system *s, double *ret)
{
    AL_AUTOFREE double *x = NULL;
    AL_ALLOC(x, s->nframes);
    memcpy(x, s->energy, (size_t)s->nframes * sizeof *x);
    qsort(x, (size_t)s->nframes, sizeof *x, by_value);
    *ret = x[s->nframes / 2] / s->natoms;
    return AL_ERR_OK;
}

static bool same_composition(const struct dp_system *a, const struct dp_system *b)
{
    double part[AL_ZMAX + 1] = {0};
    for (int i = 0; i < a->natoms; i++)
        part[a->z[i]] += 1.0 / a->natoms;
    for (int i = 0; i < b->natoms; i++)
        part[b->z[i]] -= 1.0 / b->natoms;
    for (int z = 0; z <= AL_ZMAX; z++)
        if (fabs(part[z]) > 1e-6) return false;
    return true;
}

static bool told(const struct check *c, const struct dp_system *s)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->f[i].kind, "units") == 0 && strncmp(c->f[i].system, s->name, sizeof c->f[i].system - 1) == 0 &&
            strncmp(c->f[i].text, "energies", 8) == 0)
            return true;
    return false;
}

enum al_err check_across(struct check *c, const struct dp_dataset *d)
{
    enum { ENOUGH = 3 };
    AL_AUTOFREE double *e = NULL;
    AL_AUTOFREE double *group = NULL;
    AL_ALLOC(e, d->nsys);
    AL_ALLOC(group, d->nsys);
    for (int s = 0; s < d->nsys; s++)
        if (d->sys[s].have & AL_HAVE_ENERGY && d->sys[s].nframes) AL_TRY(energy_per_atom(&d->sys[s], &e[s]));
    for (int s = 0; s < d->nsys; s++) {
        int n = 0;
        for (int k = 0; k < d->nsys; k++)
            if (e[k] && same_composition(&d->sys[s], &d->sys[k])) group[n++] = e[k];
        if (!e[s] || n < ENOUGH) continue;
        qsort(group, (size_t)n, sizeof *group, by_value);
        double ratio = e[s] / group[n / 2], f = ratio > 0 ? check_factor(ratio) : 0;
        if (!f || told(c, &d->sys[s])) continue;
        AL_TRY(check_add(c, "units", false, &d->sys[s], "energies of frames 0-%d: %.3g eV/atom, %.3g times those of %d other systems of the "
                         "same composition; a factor of %.6g too %s?", d->sys[s].nframes - 1, e[s], ratio, n - 1, f,
                         ratio > 1 ? "large" : "small"));
    }
    return AL_ERR_OK;
}
