// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "base/mem.h"
#include "dp/eval.h"
#include "train/env.h"
#include "train/trainer_impl.h"

typedef void each_fn(void *ctx, const struct train_error *e);

static void differences(const struct dp_system *s, int frame, const struct pot_result *res,
                        struct train_error *e)
{
    struct frame_label label = train_label(s, frame);
    double n = s->natoms;
    e->de = label.has_energy ? (res->energy - label.energy) / n : (double)NAN;
    e->energy = res->energy;
    for (int i = 0; i < 3 * s->natoms; i++)
        (&e->df[0][0])[i] = label.force ? (&e->force[0][0])[i] - label.force[i] : (double)NAN;
    for (int a = 0; a < 9; a++) {
        e->virial[a] = res->virial[a / 3][a % 3];
        e->dv[a] = label.virial ? (e->virial[a] - label.virial[a]) / n : (double)NAN;
    }
}

static enum al_err evaluate(struct dp_eval *ev, struct env_cache *env, const struct dp_dataset *d, int stride,
                            int only, each_fn *each, void *ctx)
{
    for (int s = 0; s < d->nsys; s++) {
        if (only >= 0 && s != only) continue;
        const struct dp_system *q = &d->sys[s];
        AL_AUTOFREE double(*force)[3] = NULL;
        AL_AUTOFREE double(*df)[3] = NULL;
        AL_ALLOC(force, q->natoms);
        AL_ALLOC(df, q->natoms);
        for (int k = 0; k < q->nframes; k += stride) {
            const struct dp_layout *l;
            struct pot_result res = {.forces = force};
            struct train_error e = {.system = s, .frame = k, .natoms = q->natoms, .z = q->z,
                                    .force = (const double(*)[3])force, .df = df};
            AL_TRY(env_cache_get(env, s, k, 0, &l));
            AL_TRY_MSG(dp_eval_run(ev, l, &res), "frame %d of system %s", k, q->name);
            differences(q, k, &res, &e);
            each(ctx, &e);
        }
    }
    return AL_ERR_OK;
}

static enum al_err evaluate_model(const struct dp_model *m, const struct dp_dataset *d, int stride, int only,
                                  each_fn *each, void *ctx)
{
    AL_OWN(dp_eval) ev = NULL;
    AL_OWN(env_cache) env = NULL;
    if (stride < 1) AL_FAIL(AL_ERR_INPUT, "every %d-th frame", stride);
    AL_TRY(dp_eval_create(m, &ev));
    AL_TRY(env_cache_create(&m->c, d, 0, &env));
    return evaluate(ev, env, d, stride, only, each, ctx);
}

enum al_err train_evaluate(const struct dp_model *m, const struct dp_dataset *d, int stride, each_fn *each,
                           void *ctx)
{
    return evaluate_model(m, d, stride, -1, each, ctx);
}

struct sums {
    double e2, f2, v2, f2_z[AL_ZMAX + 1];
    long ne, nf, nv, nz[AL_ZMAX + 1];
    struct train_rmse r;
};

static void add(void *ctx, const struct train_error *e)
{
    struct sums *s = ctx;
    s->r.nframes++;
    s->r.natoms += e->natoms;
    if (!isnan(e->de)) {
        s->e2 += e->de * e->de;
        s->ne++;
    }
    for (int i = 0; i < e->natoms && !isnan(e->df[0][0]); i++) {
        double f2 = e->df[i][0] * e->df[i][0] + e->df[i][1] * e->df[i][1] + e->df[i][2] * e->df[i][2];
        s->f2 += f2;
        s->f2_z[e->z[i]] += f2;
        s->nf += 3;
        s->nz[e->z[i]] += 3;
    }
    for (int a = 0; a < 9 && !isnan(e->dv[0]); a++) {
        s->v2 += e->dv[a] * e->dv[a];
        s->nv++;
    }
}

static double root(double sum, long n)
{
    return n ? sqrt(sum / (double)n) : (double)NAN;
}

enum al_err train_rmse(const struct dp_model *m, const struct dp_dataset *d, int stride, int system,
                       struct train_rmse *ret)
{
    struct sums s = {0};
    AL_TRY(evaluate_model(m, d, stride, system, add, &s));
    s.r.e = root(s.e2, s.ne);
    s.r.f = root(s.f2, s.nf);
    s.r.v = root(s.v2, s.nv);
    for (int z = 0; z <= AL_ZMAX; z++)
        s.r.f_by_z[z] = root(s.f2_z[z], s.nz[z]);
    *ret = s.r;
    return AL_ERR_OK;
}
