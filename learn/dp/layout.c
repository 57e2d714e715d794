// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/layout.h"

#include <stdlib.h>

#include "base/mem.h"

struct dp_cut dp_cut_of(const struct dp_config *c)
{
    // volatile: gcc 12 takes the two conversions as a vector to float and back for nothing at all (-O3, AVX-512)
    volatile float rc = (float)c->rcut, rs = (float)c->rcut_smth;
    float den = rc - rs;
    double ra = c->rcut_angular;
    return (struct dp_cut){(double)rc, (double)rs, (double)den, ra, ra - (double)rs};
}

enum al_err dp_layout_create(struct dp_layout **ret)
{
    return al_alloc(1, sizeof **ret, ret);
}

void dp_layout_destroy(struct dp_layout **l)
{
    if (!*l) return;
    al_free((*l)->order);
    al_free((*l)->block_first);
    al_free((*l)->block_type);
    al_free((*l)->seg);
    al_free((*l)->j);
    al_free((*l)->d);
    al_free((*l)->scratch);
    al_free(*l);
    *l = NULL;
}

// Arrays grow with head-room (contents are rebuilt each time), so that a steady run does not allocate.
static enum al_err reserve_atoms(struct dp_layout *l, int natoms, int ntypes)
{
    if ((size_t)natoms > l->atom_cap) {
        al_free(l->order);
        l->order = NULL;
        l->atom_cap = 0;
        AL_ALLOC(l->order, natoms);
        l->atom_cap = (size_t)natoms;
    }
    size_t nblock = (size_t)(natoms / DP_BLOCK) + (size_t)ntypes;
    if (nblock > l->block_cap || ntypes != l->ntypes) {
        al_free(l->block_first);
        al_free(l->block_type);
        al_free(l->seg);
        l->block_first = l->block_type = l->seg = NULL;
        l->block_cap = 0;
        AL_ALLOC(l->block_first, nblock + 1);
        AL_ALLOC(l->block_type, nblock);
        AL_ALLOC(l->seg, nblock * (size_t)ntypes * (DP_BLOCK + 2));
        l->block_cap = nblock;
    }
    return AL_ERR_OK;
}

static enum al_err reserve_rows(struct dp_layout *l, size_t nrow)
{
    if (nrow <= l->row_cap) return AL_ERR_OK;
    size_t want = nrow + nrow / 4;
    al_free(l->j);
    al_free(l->d);
    l->j = NULL;
    l->d = NULL;
    l->row_cap = 0;
    AL_ALLOC(l->j, want);
    AL_ALLOC(l->d, want);
    l->row_cap = want;
    return AL_ERR_OK;
}

static enum al_err reserve_scratch(struct dp_layout *l, size_t n)
{
    if (n <= l->scratch_cap) return AL_ERR_OK;
    al_free(l->scratch);
    l->scratch = NULL;
    l->scratch_cap = 0;
    AL_ALLOC(l->scratch, n);
    l->scratch_cap = n;
    return AL_ERR_OK;
}

static void sort_centres(struct dp_layout *l, int natoms, const int *types, int ntypes)
{
    int n = 0;
    l->nblock = 0;
    for (int t = 0; t < ntypes; t++) {
        int in_block = DP_BLOCK;
        for (int i = 0; i < natoms; i++) {
            if (types[i] != t) continue;
            if (in_block == DP_BLOCK) {
                l->block_first[l->nblock] = n;
                l->block_type[l->nblock++] = t;
                in_block = 0;
            }
            l->order[n++] = i;
            in_block++;
        }
    }
    l->block_first[l->nblock] = n;
}

static int nearer(const void *a, const void *b)
{
    const struct al_neigh_pair *p = a, *q = b;
    if (p->r != q->r) return p->r < q->r ? -1 : 1;
    if (p->j != q->j) return p->j < q->j ? -1 : 1;
    return memcmp(p->d, q->d, sizeof p->d); // any fixed order
}

// Neighbours of type t of atom i into rows from `row`; returns how many.
static enum al_err take(struct dp_layout *l, const struct al_neigh *list, const int *types, int i, int t,
                        int sel, double rc, int row, int *ret_n)
{
    int n = 0;
    const struct al_neigh_pair *p = list->pair + list->first[i], *end = list->pair + list->first[i + 1];
    for (const struct al_neigh_pair *q = p; q < end; q++) {
        if (types[q->j] != t || !(q->r < rc)) continue;
        if (n < sel) {
            l->j[row + n] = q->j;
            memcpy(l->d[row + n], q->d, sizeof q->d);
        }
        n++;
    }
    if (n <= sel) {
        *ret_n = n;
        return AL_ERR_OK;
    }
    AL_TRY(reserve_scratch(l, (size_t)n));
    n = 0;
    for (const struct al_neigh_pair *q = p; q < end; q++)
        if (types[q->j] == t && q->r < rc) l->scratch[n++] = *q;
    qsort(l->scratch, (size_t)n, sizeof *l->scratch, nearer);
    for (int k = 0; k < sel; k++) {
        l->j[row + k] = l->scratch[k].j;
        memcpy(l->d[row + k], l->scratch[k].d, sizeof l->d[0]);
    }
    *ret_n = sel;
    return AL_ERR_OK;
}

enum al_err dp_layout_start(struct dp_layout *l, const struct dp_config *c, int natoms, const int *types,
                            size_t neighbours)
{
    AL_TRY(reserve_atoms(l, natoms, c->ntypes));
    l->natoms = natoms;
    l->ntypes = c->ntypes;
    sort_centres(l, natoms, types, c->ntypes);
    return reserve_rows(l, neighbours + (size_t)l->nblock * (size_t)c->ntypes);
}

void dp_layout_close(struct dp_layout *l, int block, int type, int *row)
{
    int *seg = (int *)dp_layout_seg(l, block, type) + dp_block_size(l, block);
    seg[0] = *row;
    l->j[*row] = -1;
    memset(l->d[*row], 0, sizeof l->d[*row]);
    seg[1] = ++*row;
}

enum al_err dp_layout_build(struct dp_layout *l, const struct dp_config *c, int natoms, const int *types,
                            const struct al_neigh *list)
{
    // Dropped neighbours only make this an upper bound.
    AL_TRY(dp_layout_start(l, c, natoms, types, (size_t)list->first[natoms]));
    double rc = dp_cut_of(c).rc;
    int row = 0;
    for (int b = 0; b < l->nblock; b++)
        for (int t = 0; t < c->ntypes; t++) {
            int *seg = l->seg + ((size_t)b * (size_t)c->ntypes + (size_t)t) * (DP_BLOCK + 2),
                nc = dp_block_size(l, b);
            for (int k = 0; k < nc; k++) {
                int n;
                AL_TRY(take(l, list, types, l->order[l->block_first[b] + k], t, c->sel[t], rc, row, &n));
                seg[k] = row;
                row += n;
            }
            dp_layout_close(l, b, t, &row);
        }
    l->nrow = row;
    return AL_ERR_OK;
}

enum al_err dp_rows_reserve(struct dp_rows *rows, int ngroup, size_t nrow)
{
    if (nrow <= rows->cap) return AL_ERR_OK;
    dp_rows_free(rows);
    size_t want = nrow + nrow / 4;
    for (int g = 0; g < ngroup; g++)
        AL_ALLOC(rows->R[g], want);
    AL_ALLOC(rows->geo, want);
    AL_ALLOC(rows->x, want);
    rows->cap = want;
    return AL_ERR_OK;
}

void dp_rows_free(struct dp_rows *rows)
{
    for (int g = 0; g < DP_GROUPS; g++)
        al_free(rows->R[g]);
    al_free(rows->geo);
    al_free(rows->x);
    *rows = (struct dp_rows){0};
}

void dp_rows_compute(struct dp_rows *rows, const struct dp_model *m, const struct dp_layout *l)
{
    struct dp_cut cut = dp_cut_of(&m->c);
    for (int b = 0; b < l->nblock; b++) {
        int t = l->block_type[b];
        v4d avg = v4_load(m->davg[t]), std = v4_load(m->dstd[t]);
        for (int k = dp_layout_seg(l, b, 0)[0]; k < dp_block_end(l, b); k++) {
            v4d R = v4_set(0);
            rows->geo[k] = (struct dp_geo){0};
            if (l->j[k] >= 0) R = dp_environment_row(l->d[k], &cut, &rows->geo[k]);
            rows->R[0][k] = (R - avg) / std;
            rows->x[k] = rows->R[0][k][0];
            if (!dp_angular(&m->c)) continue;
            double y[DP_HARMONICS];
            v4d four[DP_GROUPS - 1];
            dp_harmonics_row(&rows->geo[k], y);
            dp_groups_of(y, four);
            for (int g = 1; g < DP_GROUPS; g++)
                rows->R[g][k] = four[g - 1] / v4_set(m->dstd[t][1]);
        }
    }
}

void dp_count_neighbours(int ntypes, int natoms, const int *types, const struct al_neigh *list, int max[])
{
    for (int i = 0; i < natoms; i++) {
        int n[DP_MAX_TYPES] = {0};
        for (int k = list->first[i]; k < list->first[i + 1]; k++)
            n[types[list->pair[k].j]]++;
        for (int t = 0; t < ntypes; t++)
            if (n[t] > max[t]) max[t] = n[t];
    }
}

enum al_err dp_layout_build_local(struct dp_layout *l, const struct dp_config *c, int ncentre, int natoms,
                                  const int *types, const struct al_neigh *list)
{
    AL_TRY(dp_layout_build(l, c, ncentre, types, list)); // asks for atoms beyond ncentre by their type only
    l->natoms = natoms;
    return AL_ERR_OK;
}
