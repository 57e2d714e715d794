// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/remainder.h"

#include "base/mem.h"
#include "dp/zbl.h"

struct work {
    struct dp_zbl *zbl;
    struct al_neigh *list; // within the repulsion's range
    struct dp_layout *layout;
};

static void work_destroy(struct work *w)
{
    dp_zbl_destroy(&w->zbl);
    al_neigh_destroy(&w->list);
    dp_layout_destroy(&w->layout);
}

void remainder_destroy(struct remainder **rp)
{
    struct remainder *r = *rp;
    if (!r) return;
    for (int s = 0; r->data.sys && s < r->data.nsys; s++) {
        al_free(r->data.sys[s].energy);
        al_free(r->data.sys[s].force);
        al_free(r->data.sys[s].virial);
    }
    al_free(r->data.sys);
    al_free(r);
    *rp = NULL;
}

static enum al_err own_labels(const struct dp_system *d, struct dp_system *s)
{
    size_t nf = (size_t)d->nframes, n = 3 * (size_t)d->natoms * nf;
    *s = *d;
    s->energy = s->force = s->virial = NULL;
    AL_ALLOC(s->energy, nf);
    AL_ALLOC(s->force, n);
    AL_ALLOC(s->virial, 9 * nf);
    memcpy(s->energy, d->energy, nf * sizeof(double));
    memcpy(s->force, d->force, n * sizeof(double));
    memcpy(s->virial, d->virial, 9 * nf * sizeof(double));
    return AL_ERR_OK;
}

static enum al_err subtract(struct work *w, const struct dp_config *c, struct dp_system *s)
{
    AL_AUTOFREE int *types = NULL;
    AL_AUTOFREE double(*force)[3] = NULL;
    size_t n = 3 * (size_t)s->natoms;
    AL_ALLOC(types, s->natoms);
    AL_ALLOC(force, s->natoms);
    for (int i = 0; i < s->natoms; i++) {
        types[i] = dp_config_type(c, s->z[i]);
        if (types[i] < 0)
            AL_FAIL(AL_ERR_INPUT, "system %s holds %s, which is not in the type map of the model", s->name,
                    al_element_symbol(s->z[i]));
    }
    for (size_t k = 0; k < (size_t)s->nframes; k++) {
        struct pot_result res = {.forces = force};
        AL_TRY_MSG(al_neigh_update(w->list, s->natoms, (const double(*)[3])(s->coord + n * k),
                                   (const double(*)[3])(s->box + 9 * k), s->pbc),
                   "frame %zu of system %s", k, s->name);
        if (!w->list->first[s->natoms]) continue;
        memset(force, 0, n * sizeof(double));
        AL_TRY(dp_layout_build(w->layout, c, s->natoms, types, w->list));
        dp_zbl_add(w->zbl, w->layout, &res);
        s->energy[k] -= res.energy;
        for (size_t i = 0; i < n; i++)
            s->force[n * k + i] -= (&force[0][0])[i];
        for (size_t a = 0; a < 9; a++)
            s->virial[9 * k + a] -= res.virial[a / 3][a % 3];
    }
    return AL_ERR_OK;
}

enum al_err remainder_create(const struct dp_config *c, const struct dp_dataset *d, struct remainder **ret)
{
    AL_OWN(remainder) r = NULL;
    struct work w = {0};
    AL_ALLOC(r, 1);
    AL_ALLOC(r->data.sys, d->nsys);
    r->data.nsys = d->nsys;
    enum al_err e = dp_zbl_create(c, &w.zbl);
    if (!e) e = al_neigh_create(c->zbl.outer, 0, &w.list);
    if (!e) e = dp_layout_create(&w.layout);
    for (int s = 0; s < d->nsys && !e; s++) {
        e = own_labels(&d->sys[s], &r->data.sys[s]);
        if (!e) e = subtract(&w, c, &r->data.sys[s]);
    }
    work_destroy(&w);
    AL_TRY(e);
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}
