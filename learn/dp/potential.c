// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/potential.h"

#include "base/mem.h"
#include "dp/engine.h"

static const double SKIN = 1.0; // Ang; only speed depends on it

struct dp_potential {
    struct potential base;
    struct dp_model *model;
    struct dp_engine *engine;
    struct al_neigh *list;
    struct dp_layout *layout;
    int *types; // [cap]
    size_t cap;
    int type_of[AL_ZMAX + 1]; // -1 = unknown
};

static enum al_err set_types(struct dp_potential *p, const struct al_frame *f)
{
    if ((size_t)f->natoms > p->cap) {
        al_free(p->types);
        p->types = NULL;
        p->cap = 0;
        AL_ALLOC(p->types, f->natoms);
        p->cap = (size_t)f->natoms;
    }
    for (int i = 0; i < f->natoms; i++) {
        int z = f->z[i], t = z >= 0 && z <= AL_ZMAX ? p->type_of[z] : -1;
        if (t < 0)
            AL_FAIL(AL_ERR_INPUT, "atom %d is %s, which the model does not know", i, al_element_symbol(z));
        p->types[i] = t;
    }
    return AL_ERR_OK;
}

static enum al_err eval_dp(struct potential *base, const struct al_frame *f, struct pot_result *res)
{
    struct dp_potential *p = (struct dp_potential *)base;
    AL_TRY(set_types(p, f));
    AL_TRY(al_neigh_update(p->list, f->natoms, f->pos, f->cell, f->pbc));
    AL_TRY(dp_layout_build(p->layout, &p->model->c, f->natoms, p->types, p->list));
    return dp_engine_run(p->engine, p->layout, NULL, res);
}

static double cutoff_dp(const struct potential *base)
{
    return dp_cut_of(&((const struct dp_potential *)base)->model->c).rc;
}

static void dp_potential_destroy(struct dp_potential **pp)
{
    struct dp_potential *p = *pp;
    if (!p) return;
    dp_engine_destroy(&p->engine);
    dp_layout_destroy(&p->layout);
    al_neigh_destroy(&p->list);
    dp_model_destroy(&p->model);
    al_free(p->types);
    al_free(p);
    *pp = NULL;
}

static void close_dp(struct potential *base)
{
    struct dp_potential *p = (struct dp_potential *)base;
    dp_potential_destroy(&p);
}

static const struct potential_ops dp_ops = {.name = "dp",
                                            .caps = POT_VIRIAL | POT_ATOMIC_ENERGY,
                                            .eval = eval_dp,
                                            .cutoff = cutoff_dp,
                                            .close = close_dp};

static enum al_err open_model(struct dp_model **m, enum dp_way way, struct potential **ret) // takes the model over
{
    AL_OWN(dp_potential) p = NULL;
    AL_ALLOC(p, 1);
    p->base.ops = &dp_ops;
    p->model = *m;
    *m = NULL;
    for (int z = 0; z <= AL_ZMAX; z++)
        p->type_of[z] = z ? dp_config_type(&p->model->c, z) : -1;
    AL_TRY(dp_engine_create(p->model, way, &p->engine));
    AL_TRY(dp_layout_create(&p->layout));
    AL_TRY(al_neigh_create(dp_cut_of(&p->model->c).rc, SKIN, &p->list));
    *ret = &p->base;
    p = NULL;
    return AL_ERR_OK;
}

enum al_err dp_potential_open(const char *path, enum dp_way way, struct potential **ret)
{
    AL_OWN(dp_model) m = NULL;
    AL_TRY(dp_model_read(path, &m));
    return open_model(&m, way, ret);
}

enum al_err dp_potential_from_model(const struct dp_model *model, enum dp_way way, struct potential **ret)
{
    AL_OWN(dp_model) m = NULL;
    AL_TRY(dp_model_copy(model, &m));
    return open_model(&m, way, ret);
}

const struct dp_model *dp_potential_model(const struct potential *p)
{
    return ((const struct dp_potential *)p)->model;
}

struct dp_engine *dp_potential_engine(struct potential *p)
{
    return ((struct dp_potential *)p)->engine;
}

long dp_potential_outside(const struct potential *p)
{
    return dp_engine_outside(((const struct dp_potential *)p)->engine);
}
