// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdlib.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "transport/sites_impl.h"

enum { NEIGHBOURS = 26 };

struct grid {
    const struct tr_density *d;
    int npoints, nwet;           // points; those with density > 0
    int *order;                  // [nwet] from the highest down
    int step[NEIGHBOURS][3];
    double length[NEIGHBOURS];   // Ang
    int *label;                  // [npoints] part, -1 = none yet
    int nparts, *parent, *peak;  // of parts: union-find; grid point of the peak
};

static void grid_clear(struct grid *g)
{
    al_free(g->order);
    al_free(g->label);
    al_free(g->parent);
    al_free(g->peak);
}

struct level {
    double rho;
    int at;
};

static int by_level(const void *a, const void *b)
{
    const struct level *p = a, *q = b;
    if (p->rho != q->rho) return p->rho > q->rho ? -1 : 1;
    return (p->at > q->at) - (p->at < q->at);
}

static enum al_err set_up(const struct tr_density *d, struct grid *g)
{
    AL_AUTOFREE struct level *l = NULL;
    g->d = d;
    g->npoints = d->n[0] * d->n[1] * d->n[2];
    AL_ALLOC(l, g->npoints);
    for (int p = 0; p < g->npoints; p++)
        if (d->rho[p] > 0.0) l[g->nwet++] = (struct level){d->rho[p], p};
    qsort(l, (size_t)g->nwet, sizeof *l, by_level);
    AL_ALLOC(g->order, g->nwet);
    for (int k = 0; k < g->nwet; k++)
        g->order[k] = l[k].at;
    AL_ALLOC(g->label, g->npoints);
    for (int p = 0; p < g->npoints; p++)
        g->label[p] = -1;
    AL_ALLOC(g->parent, g->nwet);
    AL_ALLOC(g->peak, g->nwet);
    int k = 0;
    for (int c = -1; c <= 1; c++)
        for (int b = -1; b <= 1; b++)
            for (int a = -1; a <= 1; a++) {
                if (!a && !b && !c) continue;
                double s[3] = {(double)a / d->n[0], (double)b / d->n[1], (double)c / d->n[2]}, x[3];
                al_vecmat3(s, d->lattice->cell, x);
                g->step[k][0] = a;
                g->step[k][1] = b;
                g->step[k][2] = c;
                g->length[k++] = sqrt(al_dot3(x, x));
            }
    return AL_ERR_OK;
}

static int neighbour(const struct grid *g, int p, int k)
{
    const int *n = g->d->n;
    int i[3] = {p % n[0], p / n[0] % n[1], p / n[0] / n[1]};
    for (int q = 0; q < 3; q++)
        i[q] = (i[q] + g->step[k][q] + n[q]) % n[q];
    return i[0] + n[0] * (i[1] + n[1] * i[2]);
}

static int root(struct grid *g, int part)
{
    while (g->parent[part] != part) {
        g->parent[part] = g->parent[g->parent[part]];
        part = g->parent[part];
    }
    return part;
}

static void flood(struct grid *g, double merge)
{
    const double *rho = g->d->rho;
    for (int w = 0; w < g->nwet; w++) {
        int p = g->order[w], best = -1;
        double steepest = -1.0;
        for (int k = 0; k < NEIGHBOURS; k++) {
            int q = neighbour(g, p, k);
            if (q == p || g->label[q] < 0) continue;
            double slope = (rho[q] - rho[p]) / g->length[k];
            if (slope > steepest) {
                steepest = slope;
                best = q;
            }
        }
        if (best < 0) {
            g->label[p] = g->nparts;
            g->peak[g->nparts] = p;
            g->parent[g->nparts] = g->nparts;
            g->nparts++;
            continue;
        }
        g->label[p] = g->label[best];
        for (int k = 0; k < NEIGHBOURS; k++) {
            int q = neighbour(g, p, k);
            if (q == p || g->label[q] < 0) continue;
            int a = root(g, g->label[p]), b = root(g, g->label[q]);
            if (a == b) continue;
            int low = rho[g->peak[a]] < rho[g->peak[b]] ? a : rho[g->peak[a]] > rho[g->peak[b]] ? b : a > b ? a : b;
            if (rho[p] >= merge * rho[g->peak[low]]) g->parent[low] = low == a ? b : a;
        }
    }
}

struct found {
    int part;
    double occupancy;
};

static int by_occupancy(const void *a, const void *b)
{
    const struct found *p = a, *q = b;
    if (p->occupancy != q->occupancy) return p->occupancy > q->occupancy ? -1 : 1;
    return (p->part > q->part) - (p->part < q->part);
}

static enum al_err number_sites(struct grid *g, double floor_density, struct tr_sites *s)
{
    AL_AUTOFREE struct found *f = NULL;
    AL_AUTOFREE double *mass = NULL;
    AL_AUTOFREE int *site_of = NULL;
    const double *rho = g->d->rho;
    AL_ALLOC(f, g->nparts);
    AL_ALLOC(mass, g->nparts);
    AL_ALLOC(site_of, g->nparts);
    for (int w = 0; w < g->nwet; w++)
        mass[root(g, g->label[g->order[w]])] += rho[g->order[w]] * g->d->voxel;
    for (int k = 0; k < g->nparts; k++) {
        site_of[k] = -1;
        if (g->parent[k] == k && rho[g->peak[k]] >= floor_density) f[s->nsites++] = (struct found){k, mass[k]};
    }
    qsort(f, (size_t)s->nsites, sizeof *f, by_occupancy);
    AL_ALLOC(s->site, s->nsites);
    for (int i = 0; i < s->nsites; i++) {
        site_of[f[i].part] = i;
        s->site[i].occupancy = f[i].occupancy;
        s->site[i].peak = rho[g->peak[f[i].part]];
    }
    AL_ALLOC(s->basin, g->npoints);
    for (int p = 0; p < g->npoints; p++)
        s->basin[p] = g->label[p] >= 0 ? site_of[root(g, g->label[p])] : -1;
    s->off_site = g->d->nions;
    for (int i = 0; i < s->nsites; i++)
        s->off_site -= s->site[i].occupancy;
    return AL_ERR_OK;
}

static void saddles(const struct grid *g, struct tr_sites *s)
{
    for (int w = 0; w < g->nwet; w++) {
        int p = g->order[w], a = s->basin[p];
        if (a < 0) continue;
        for (int k = 0; k < NEIGHBOURS; k++) {
            int q = neighbour(g, p, k), b = s->basin[q];
            if (b < 0 || b == a) continue;
            double low = fmin(g->d->rho[p], g->d->rho[q]);
            s->site[a].saddle = fmax(s->site[a].saddle, low);
            s->site[b].saddle = fmax(s->site[b].saddle, low);
        }
    }
}

// Cores, and each site's centre: mean of its core's points, from its peak to the nearest image.
static enum al_err cores(const struct grid *g, double core, struct tr_sites *s)
{
    AL_AUTOFREE double(*peak)[3] = NULL, (*sum)[4] = NULL;
    const int *n = g->d->n;
    AL_ALLOC(peak, s->nsites);
    AL_ALLOC(sum, s->nsites);
    AL_ALLOC(s->core, g->npoints);
    for (int w = g->nwet - 1; w >= 0; w--) { // the last that is seen is the highest
        int p = g->order[w];
        if (s->basin[p] < 0) continue;
        double at[3] = {(double)(p % n[0]) / n[0], (double)(p / n[0] % n[1]) / n[1], (double)(p / n[0] / n[1]) / n[2]};
        memcpy(peak[s->basin[p]], at, sizeof at);
    }
    for (int w = 0; w < g->nwet; w++) {
        int p = g->order[w], a = s->basin[p];
        if (a < 0) continue;
        const struct tr_site *i = &s->site[a];
        double rho = g->d->rho[p];
        s->core[p] = rho >= core * i->peak && rho >= sqrt(i->peak * i->saddle);
        if (!s->core[p]) continue;
        double at[3] = {(double)(p % n[0]) / n[0], (double)(p / n[0] % n[1]) / n[1], (double)(p / n[0] / n[1]) / n[2]};
        for (int q = 0; q < 3; q++) {
            double d = at[q] - peak[a][q];
            sum[a][q] += rho * (d - round(d));
        }
        sum[a][3] += rho;
    }
    for (int a = 0; a < s->nsites; a++) {
        for (int q = 0; q < 3; q++) {
            double f = peak[a][q] + sum[a][q] / sum[a][3];
            s->site[a].frac[q] = f - floor(f);
        }
        al_vecmat3(s->site[a].frac, g->d->lattice->cell, s->site[a].pos);
    }
    return AL_ERR_OK;
}

static enum al_err find(struct grid *g, const struct tr_sites_options *o, struct tr_sites *s)
{
    double mean = g->d->nions / (g->d->voxel * g->npoints);
    flood(g, o->merge);
    AL_TRY(number_sites(g, o->floor * mean, s));
    saddles(g, s);
    AL_TRY(cores(g, o->core, s));
    return AL_ERR_OK;
}

enum al_err tr_sites_find(const struct tr_density *d, const struct tr_sites_options *o, struct tr_sites *s)
{
    struct grid g = {0};
    enum al_err e = set_up(d, &g);
    if (e == AL_ERR_OK) e = find(&g, o, s);
    grid_clear(&g);
    AL_TRY(e);
    return AL_ERR_OK;
}
