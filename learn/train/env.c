// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/env.h"

#include <math.h>

#include "base/mem.h"
#include "dp/pack.h"

struct env_cache {
    struct dp_config c;
    const struct dp_dataset *d;
    struct al_neigh *list;
    int **types;               // [nsys][natoms]
    struct dp_packed **packed; // [all frames] or NULL, not built yet
    int *first;                // [nsys] index of a system's frame 0 in packed
    struct dp_layout **work;   // [nwork] what get returns
    int nwork;
    size_t used, limit;
};

static enum al_err system_types(const struct dp_config *c, const struct dp_system *s, int *types)
{
    for (int i = 0; i < s->natoms; i++) {
        types[i] = dp_config_type(c, s->z[i]);
        if (types[i] < 0)
            AL_FAIL(AL_ERR_INPUT, "system %s holds %s, which is not in the type map of the model", s->name,
                    al_element_symbol(s->z[i]));
    }
    return AL_ERR_OK;
}

enum al_err env_cache_create(const struct dp_config *c, const struct dp_dataset *d, size_t limit_bytes,
                             struct env_cache **ret)
{
    AL_OWN(env_cache) e = NULL;
    AL_ALLOC(e, 1);
    e->c = *c;
    e->d = d;
    e->limit = limit_bytes;
    AL_ALLOC(e->types, d->nsys);
    AL_ALLOC(e->first, d->nsys);
    AL_ALLOC(e->packed, dp_dataset_nframes(d));
    AL_TRY(al_neigh_create(dp_cut_of(c).rc, 0, &e->list));
    for (int s = 0, n = 0; s < d->nsys; s++) {
        AL_ALLOC(e->types[s], d->sys[s].natoms);
        AL_TRY(system_types(c, &d->sys[s], e->types[s]));
        e->first[s] = n;
        n += d->sys[s].nframes;
    }
    *ret = e;
    e = NULL;
    return AL_ERR_OK;
}

void env_cache_destroy(struct env_cache **ep)
{
    struct env_cache *e = *ep;
    if (!e) return;
    for (int s = 0; e->types && s < e->d->nsys; s++)
        al_free(e->types[s]);
    for (int i = 0; e->packed && i < dp_dataset_nframes(e->d); i++)
        dp_packed_destroy(&e->packed[i]);
    for (int i = 0; i < e->nwork; i++)
        dp_layout_destroy(&e->work[i]);
    al_free(e->types);
    al_free(e->packed);
    al_free(e->work);
    al_free(e->first);
    al_neigh_destroy(&e->list);
    al_free(e);
    *ep = NULL;
}

static enum al_err neighbours(struct al_neigh *list, const struct dp_system *s, int frame)
{
    const double *x = s->coord + 3 * (size_t)s->natoms * (size_t)frame, *box = s->box + 9 * (size_t)frame;
    AL_TRY_MSG(al_neigh_update(list, s->natoms, (const double(*)[3])x, (const double(*)[3])box, s->pbc),
               "frame %d of system %s", frame, s->name);
    return AL_ERR_OK;
}

static enum al_err work_layout(struct env_cache *e, int k, struct dp_layout **ret)
{
    if (k >= e->nwork) {
        AL_GROW(e->work, e->nwork, k + 1);
        e->nwork = k + 1;
    }
    if (!e->work[k]) AL_TRY(dp_layout_create(&e->work[k]));
    *ret = e->work[k];
    return AL_ERR_OK;
}

// A frame is packed and unpacked whether it is kept or not: the same bits whatever the memory limit.
enum al_err env_cache_get(struct env_cache *e, int system, int frame, int k, const struct dp_layout **ret)
{
    const struct dp_system *s = &e->d->sys[system];
    const double(*x)[3] = (const double(*)[3])(s->coord + 3 * (size_t)s->natoms * (size_t)frame);
    const double(*box)[3] = (const double(*)[3])(s->box + 9 * (size_t)frame);
    struct dp_packed **slot = &e->packed[e->first[system] + frame];
    struct dp_layout *l;
    AL_TRY(work_layout(e, k, &l));
    *ret = l;
    if (*slot) return dp_layout_unpack(l, &e->c, s->natoms, e->types[system], x, box, *slot);
    AL_OWN(dp_packed) p = NULL;
    AL_TRY(neighbours(e->list, s, frame));
    AL_TRY(dp_layout_build(l, &e->c, s->natoms, e->types[system], e->list));
    AL_TRY(dp_layout_pack(l, x, box, s->pbc, &p));
    if (!p) return AL_ERR_OK;
    AL_TRY(dp_layout_unpack(l, &e->c, s->natoms, e->types[system], x, box, p));
    if (e->used + p->bytes > e->limit) return AL_ERR_OK;
    e->used += p->bytes;
    *slot = p;
    p = NULL;
    return AL_ERR_OK;
}

const int *env_cache_types(const struct env_cache *e, int system)
{
    return e->types[system];
}

enum al_err env_scan(const struct dp_config *c, const struct dp_dataset *d, int max[DP_MAX_TYPES],
                     double *ret_dmin)
{
    double dmin = INFINITY;
    AL_OWN(al_neigh) list = NULL;
    AL_TRY(al_neigh_create(dp_cut_of(c).rc, 0, &list));
    for (int t = 0; t < DP_MAX_TYPES; t++)
        max[t] = 0;
    for (int s = 0; s < d->nsys; s++) {
        AL_AUTOFREE int *types = NULL;
        AL_ALLOC(types, d->sys[s].natoms);
        AL_TRY(system_types(c, &d->sys[s], types));
        for (int k = 0; k < d->sys[s].nframes; k++) {
            AL_TRY(neighbours(list, &d->sys[s], k));
            dp_count_neighbours(c->ntypes, d->sys[s].natoms, types, list, max);
            for (int p = 0; p < list->first[d->sys[s].natoms]; p++)
                if (list->pair[p].r < dmin) dmin = list->pair[p].r;
        }
    }
    *ret_dmin = isfinite(dmin) ? dmin : 0;
    return AL_ERR_OK;
}
