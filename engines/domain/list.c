// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// As base/neigh.c: bins, a wide list that is kept, entries of an atom by (number of the neighbour in the whole system, image)
// whoever owns what, differences from unwrapped positions and integer images. So the entries of an atom are those of the
// undivided system, in the same order. Unlike there, only owned atoms have neighbours: there may be more ghosts than them.
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "domain/domain_impl.h"

void dom_list_free(struct dom_list *l)
{
    al_free(l->near.first);
    al_free(l->near.pair);
    al_free(l->wide_first);
    al_free(l->wide);
    *l = (struct dom_list){0};
}

// While the wide list is made.
struct search {
    const struct dom_atoms *a;
    double (*at)[3];         // [n] where atoms stand
    double lo[3], edge[3];   // bins
    int nb[3], reach[3];
    int *first, *member;     // [bins + 1], [nown] owned atoms by bin
    int *order;              // [n] by (tag, image)
    int *centre;             // [nfound] of pairs by the neighbour's place in order
    int *centre_first;       // [n + 1]
    long nfound, cap;
};

static void search_destroy(struct search **sp)
{
    struct search *s = *sp;
    *sp = NULL;
    if (!s) return;
    al_free(s->at);
    al_free(s->first);
    al_free(s->member);
    al_free(s->order);
    al_free(s->centre);
    al_free(s->centre_first);
    al_free(s);
}

static int by_tag_and_image(const void *pa, const void *pb, void *ctx)
{
    const struct dom_atoms *a = ctx;
    int i = *(const int *)pa, j = *(const int *)pb;
    if (a->tag[i] != a->tag[j]) return a->tag[i] < a->tag[j] ? -1 : 1;
    for (int k = 0; k < 3; k++)
        if (a->image[i][k] != a->image[j][k]) return a->image[i][k] < a->image[j][k] ? -1 : 1;
    return 0;
}

static enum al_err start(const struct dom_atoms *a, const double cell[3][3], struct search **ret)
{
    AL_OWN(search) s = NULL;
    AL_ALLOC(s, 1);
    s->a = a;
    AL_ALLOC(s->at, a->n);
    AL_ALLOC(s->order, a->n);
    AL_ALLOC(s->centre_first, a->n + 1);
    AL_ALLOC(s->member, a->nown);
    for (int i = 0; i < a->n; i++) {
        const int *q = a->image[i];
        s->order[i] = i;
        for (int c = 0; c < 3; c++)
            s->at[i][c] = a->x[i][c] + (q[0] * cell[0][c] + q[1] * cell[1][c] + q[2] * cell[2][c]);
    }
    qsort_r(s->order, (size_t)a->n, sizeof *s->order, by_tag_and_image, (void *)(uintptr_t)a);
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

// Bins in the box of the owned atoms, half the wide cut-off or larger.
static enum al_err choose_bins(struct search *s, double wide)
{
    double hi[3] = {0};
    for (int i = 0; i < s->a->nown; i++)
        for (int c = 0; c < 3; c++) {
            if (i == 0 || s->at[i][c] < s->lo[c]) s->lo[c] = s->at[i][c];
            if (i == 0 || s->at[i][c] > hi[c]) hi[c] = s->at[i][c];
        }
    for (int c = 0; c < 3; c++) {
        double length = (hi[c] - s->lo[c]) * (1 + 1e-12) + 1e-6;
        s->nb[c] = (int)fmin(fmax(floor(length / (0.5 * wide)), 1), 512);
        s->edge[c] = length / s->nb[c];
        s->reach[c] = (int)ceil(wide / s->edge[c]);
    }
    AL_ALLOC(s->first, (size_t)s->nb[0] * (size_t)s->nb[1] * (size_t)s->nb[2] + 1);
    return AL_ERR_OK;
}

static int bin_of(const struct search *s, int i)
{
    int b[3];
    for (int c = 0; c < 3; c++) {
        b[c] = (int)((s->at[i][c] - s->lo[c]) / s->edge[c]);
        if (b[c] >= s->nb[c]) b[c] = s->nb[c] - 1;
    }
    return (b[0] * s->nb[1] + b[1]) * s->nb[2] + b[2];
}

static void fill_bins(struct search *s)
{
    int nbins = s->nb[0] * s->nb[1] * s->nb[2];
    for (int i = 0; i < s->a->nown; i++)
        s->first[bin_of(s, i) + 1]++;
    for (int b = 0; b < nbins; b++)
        s->first[b + 1] += s->first[b];
    for (int i = s->a->nown - 1; i >= 0; i--)
        s->member[--s->first[bin_of(s, i) + 1]] = i;
    for (int b = 0; b < nbins; b++)
        s->first[b] = s->first[b + 1];
    s->first[nbins] = s->a->nown;
}

static enum al_err scan_bin(struct search *s, int j, int bin, double wide2)
{
    long need = s->nfound + s->first[bin + 1] - s->first[bin];
    if (need > s->cap) {
        if (need > INT_MAX / 2) AL_FAIL(AL_ERR_NOMEM, "more than %d neighbour pairs", INT_MAX / 2);
        long cap = need + need / 2 + 256;
        AL_GROW(s->centre, s->nfound, cap);
        s->cap = cap;
    }
    for (int m = s->first[bin]; m < s->first[bin + 1]; m++) {
        int i = s->member[m];
        double x = s->at[j][0] - s->at[i][0], y = s->at[j][1] - s->at[i][1], z = s->at[j][2] - s->at[i][2];
        if (i != j && x * x + y * y + z * z < wide2) s->centre[s->nfound++] = i;
    }
    return AL_ERR_OK;
}

static enum al_err scan_atom(struct search *s, int j, double wide2)
{
    int lo[3], hi[3];
    for (int c = 0; c < 3; c++) {
        int b = (int)floor((s->at[j][c] - s->lo[c]) / s->edge[c]);
        lo[c] = b - s->reach[c] > 0 ? b - s->reach[c] : 0;
        hi[c] = b + s->reach[c] < s->nb[c] ? b + s->reach[c] : s->nb[c] - 1;
    }
    for (int u = lo[0]; u <= hi[0]; u++)
        for (int v = lo[1]; v <= hi[1]; v++)
            for (int w = lo[2]; w <= hi[2]; w++)
                AL_TRY(scan_bin(s, j, (u * s->nb[1] + v) * s->nb[2] + w, wide2));
    return AL_ERR_OK;
}

// Pairs were found neighbour by neighbour, ascending; by centre they ascend as well.
static enum al_err transpose(struct dom_list *l, const struct search *s)
{
    int nown = s->a->nown;
    AL_AUTOFREE int *cursor = NULL;
    AL_ALLOC(cursor, nown + 1);
    if ((size_t)nown + 1 > l->cap_first) {
        size_t want = (size_t)nown + 1 + (size_t)nown / 8;
        AL_GROW(l->wide_first, 0, want);
        AL_GROW(l->near.first, 0, want);
        l->cap_first = want;
    }
    if ((size_t)s->nfound > l->cap_wide) {
        size_t want = (size_t)s->nfound + (size_t)s->nfound / 16;
        AL_GROW(l->wide, 0, want);
        l->cap_wide = want;
    }
    memset(l->wide_first, 0, (size_t)(nown + 1) * sizeof *l->wide_first);
    for (long k = 0; k < s->nfound; k++)
        l->wide_first[s->centre[k] + 1]++;
    for (int i = 0; i < nown; i++) {
        l->wide_first[i + 1] += l->wide_first[i];
        cursor[i] = l->wide_first[i];
    }
    for (int p = 0; p < s->a->n; p++)
        for (int k = s->centre_first[p]; k < s->centre_first[p + 1]; k++)
            l->wide[cursor[s->centre[k]]++] = s->order[p];
    return AL_ERR_OK;
}

enum al_err dom_list_build(struct dom_list *l, const struct dom_atoms *a, const double cell[3][3], double cutoff, double wide)
{
    AL_OWN(search) s = NULL;
    l->near.cutoff = cutoff;
    AL_TRY(start(a, cell, &s));
    AL_TRY(choose_bins(s, wide));
    fill_bins(s);
    for (int p = 0; p < a->n; p++) {
        s->centre_first[p] = (int)s->nfound;
        AL_TRY(scan_atom(s, s->order[p], wide * wide));
    }
    s->centre_first[a->n] = (int)s->nfound;
    AL_TRY(transpose(l, s));
    return AL_ERR_OK;
}

enum al_err dom_list_update(struct dom_list *l, const struct dom_atoms *a, const double cell[3][3])
{
    struct al_neigh *n = &l->near;
    double cutoff2 = n->cutoff * n->cutoff;
    int m = 0;
    l->shortest = (double)INFINITY;
    if ((size_t)l->wide_first[a->nown] > l->cap_pair || !n->pair) {
        AL_GROW(n->pair, 0, l->cap_wide);
        l->cap_pair = l->cap_wide;
    }
    n->natoms = a->nown;
    for (int i = 0; i < a->nown; i++) {
        n->first[i] = m;
        for (int k = l->wide_first[i]; k < l->wide_first[i + 1]; k++) {
            int j = l->wide[k], q[3];
            double d[3];
            for (int c = 0; c < 3; c++)
                q[c] = a->image[j][c] - a->image[i][c];
            for (int c = 0; c < 3; c++)
                d[c] = (a->x[j][c] - a->x[i][c]) + (q[0] * cell[0][c] + q[1] * cell[1][c] + q[2] * cell[2][c]);
            double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            if (r2 >= cutoff2) continue;
            if (!(r2 > 0.0))
                AL_FAIL(AL_ERR_UNPHYSICAL, "atoms %d and %d are at the same place", a->tag[i] + 1, a->tag[j] + 1);
            n->pair[m] = (struct al_neigh_pair){j, {d[0], d[1], d[2]}, sqrt(r2)};
            if (n->pair[m].r < l->shortest) {
                l->shortest = n->pair[m].r;
                l->pair[0] = a->tag[i];
                l->pair[1] = a->tag[j];
            }
            m++;
        }
    }
    n->first[a->nown] = m;
    return AL_ERR_OK;
}
