// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/zbl.h"

#include <math.h>

#include "base/frame.h"
#include "base/mem.h"

enum { TERMS = 4 };
// The digits of LAMMPS' pair_zbl and of its unit set metal.
static const double COULOMB = 14.399645; // e^2/(4 pi eps0), eV Ang
static const double LENGTH = 0.46850, POWER = 0.23;
static const double WEIGHT[TERMS] = {0.02817, 0.28022, 0.50986, 0.18175};
static const double DECAY[TERMS] = {0.20162, 0.40290, 0.94229, 3.19980};

struct pair { // of two types
    double d[TERMS];  // 1/Ang
    double zz;        // eV Ang
    double a, b, c;   // of the switch
};

struct dp_zbl {
    int ntypes;
    struct dp_zbl_range range;
    struct pair pair[]; // [ntypes][ntypes]
};

// phi and its first two derivatives.
static void screened(const struct pair *p, double r, double ret[3])
{
    double s = 0, s1 = 0, s2 = 0, inv = 1 / r;
    for (int k = 0; k < TERMS; k++) {
        double e = WEIGHT[k] * exp(-p->d[k] * r);
        s += e;
        s1 -= p->d[k] * e;
        s2 += p->d[k] * p->d[k] * e;
    }
    ret[0] = p->zz * s * inv;
    ret[1] = p->zz * (s1 - s * inv) * inv;
    ret[2] = p->zz * (s2 + 2 * inv * (s * inv - s1)) * inv;
}

static void set_pair(struct pair *p, const struct dp_zbl_range *range, double z1, double z2)
{
    double inv = (pow(z1, POWER) + pow(z2, POWER)) / LENGTH, t = range->outer - range->inner, f[3];
    for (int k = 0; k < TERMS; k++)
        p->d[k] = DECAY[k] * inv;
    p->zz = z1 * z2 * COULOMB;
    screened(p, range->outer, f);
    p->a = (-3 * f[1] + t * f[2]) / (t * t);
    p->b = (2 * f[1] - t * f[2]) / (t * t * t);
    p->c = -f[0] + t / 2 * f[1] - t * t / 12 * f[2];
}

enum al_err dp_zbl_create(const struct dp_config *c, struct dp_zbl **ret)
{
    *ret = NULL;
    if (!dp_zbl_present(&c->zbl)) return AL_ERR_OK;
    AL_OWN(dp_zbl) z = NULL;
    size_t n = (size_t)c->ntypes;
    AL_TRY(al_alloc(1, sizeof *z + n * n * sizeof *z->pair, &z));
    z->ntypes = c->ntypes;
    z->range = c->zbl;
    for (size_t t = 0; t < n; t++)
        for (size_t u = 0; u < n; u++)
            set_pair(&z->pair[t * n + u], &c->zbl, al_element_z(c->type_map[t]), al_element_z(c->type_map[u]));
    *ret = z;
    z = NULL;
    return AL_ERR_OK;
}

void dp_zbl_destroy(struct dp_zbl **z)
{
    al_free(*z);
    *z = NULL;
}

double dp_zbl_pair(const struct dp_zbl *z, int t, int u, double r, double *ret_slope)
{
    const struct pair *p = &z->pair[t * z->ntypes + u];
    double f[3], x = r - z->range.inner;
    if (!(r < z->range.outer)) return *ret_slope = 0;
    screened(p, r, f);
    x = x > 0 ? x : 0;
    *ret_slope = f[1] + x * x * (p->a + p->b * x);
    return f[0] + p->c + x * x * x * (p->a / 3 + p->b / 4 * x);
}

// Neighbour at d, of type u, of atom i, of type t.
static void add_row(const struct dp_zbl *z, int t, int u, int i, int j, const double d[3], double r,
                    struct pot_result *res)
{
    double slope, e = 0.5 * dp_zbl_pair(z, t, u, r, &slope);
    res->energy += e;
    if (res->atomic_energy) res->atomic_energy[i] += e;
    for (int a = 0; a < 3; a++) {
        double g = 0.5 * slope * d[a] / r;
        if (res->forces) {
            res->forces[i][a] += g;
            res->forces[j][a] -= g;
        }
        for (int b = 0; b < 3; b++)
            res->virial[a][b] -= g * d[b];
    }
}

void dp_zbl_add(const struct dp_zbl *z, const struct dp_layout *l, struct pot_result *res)
{
    if (!z) return;
    double outer2 = z->range.outer * z->range.outer;
    for (int b = 0; b < l->nblock; b++)
        for (int u = 0; u < l->ntypes; u++) {
            const int *seg = dp_layout_seg(l, b, u);
            for (int c = 0; c < dp_block_size(l, b); c++)
                for (int k = seg[c]; k < seg[c + 1]; k++) {
                    const double *d = l->d[k];
                    double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    if (r2 < outer2)
                        add_row(z, l->block_type[b], u, l->order[l->block_first[b] + c], l->j[k], d, sqrt(r2), res);
                }
        }
}
