// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/engine.h"

#include "base/mem.h"
#include "dp/eval.h"

struct dp_engine {
    struct dp_eval *plain; // one of the two
    struct dp_compressed *fast;
    double (*forces)[3]; // [cap] in the order of a layout
    double *energy;      // [cap]
    size_t cap;
};

void dp_engine_destroy(struct dp_engine **e)
{
    if (!*e) return;
    dp_eval_destroy(&(*e)->plain);
    dp_compressed_destroy(&(*e)->fast);
    al_free((*e)->forces);
    al_free((*e)->energy);
    al_free(*e);
    *e = NULL;
}

enum al_err dp_engine_create(const struct dp_model *m, enum dp_way way, struct dp_engine **ret)
{
    AL_OWN(dp_engine) e = NULL;
    AL_ALLOC(e, 1);
    if (way == DP_WAY_PLAIN)
        AL_TRY(dp_eval_create(m, &e->plain));
    else
        AL_TRY(dp_compressed_create(m, way == DP_WAY_MIXED ? DP_MIXED : DP_DOUBLE, NULL, &e->fast));
    *ret = e;
    e = NULL;
    return AL_ERR_OK;
}

enum al_err dp_engine_twin(const struct dp_engine *of, const struct dp_model *m, struct dp_engine **ret)
{
    AL_OWN(dp_engine) e = NULL;
    AL_ALLOC(e, 1);
    if (of->plain) AL_TRY(dp_eval_create(m, &e->plain));
    else AL_TRY(dp_compressed_twin(of->fast, &e->fast));
    *ret = e;
    e = NULL;
    return AL_ERR_OK;
}

static enum al_err run(struct dp_engine *e, const struct dp_layout *l, const struct dp_env *env, struct pot_result *res)
{
    if (e->plain)
        AL_TRY(dp_eval_run(e->plain, l, res));
    else
        AL_TRY(dp_compressed_run(e->fast, l, env, res));
    return AL_ERR_OK;
}

static enum al_err reserve(struct dp_engine *e, size_t natoms)
{
    if (natoms <= e->cap) return AL_ERR_OK;
    e->cap = 0;
    AL_GROW(e->forces, 0, natoms);
    AL_GROW(e->energy, 0, natoms);
    e->cap = natoms;
    return AL_ERR_OK;
}

enum al_err dp_engine_run(struct dp_engine *e, const struct dp_layout *l, const struct dp_env *env,
                          struct pot_result *res)
{
    if (!l->number) {
        AL_TRY(run(e, l, env, res));
        return AL_ERR_OK;
    }
    AL_TRY(reserve(e, (size_t)l->natoms));
    struct pot_result in = {.forces = res->forces ? e->forces : NULL, .atomic_energy = res->atomic_energy ? e->energy : NULL};
    AL_TRY(run(e, l, env, &in));
    res->energy = in.energy;
    memcpy(res->virial, in.virial, sizeof res->virial);
    for (int i = 0; i < l->natoms; i++) {
        if (res->forces) memcpy(res->forces[l->number[i]], in.forces[i], sizeof in.forces[i]);
        if (res->atomic_energy) res->atomic_energy[l->number[i]] = in.atomic_energy[i];
    }
    return AL_ERR_OK;
}

void dp_engine_threads(struct dp_engine *e, int threads)
{
    if (e->fast) dp_compressed_threads(e->fast, threads);
}

long dp_engine_outside(const struct dp_engine *e)
{
    return e->fast ? dp_compressed_outside(e->fast) : 0;
}

enum al_err dp_way_of(const char *name, enum dp_way *ret)
{
    static const char *const names[] = {[DP_WAY_PLAIN] = "plain", [DP_WAY_DOUBLE] = "double", [DP_WAY_MIXED] = "mixed"};
    for (int k = 0; k < 3; k++)
        if (strcmp(name, names[k]) == 0) {
            *ret = (enum dp_way)k;
            return AL_ERR_OK;
        }
    AL_FAIL(AL_ERR_INPUT, "'%s' is none of plain, double, mixed", name);
}
