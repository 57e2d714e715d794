// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/compress.h"

#include <math.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "dp/compress_ops.h"
#include "dp/zbl.h"

static const double TOLERANCE[] = {[DP_DOUBLE] = 1e-11, [DP_MIXED] = 1e-6}; // of the tables; see dp_table_build

struct dp_compressed {
    const struct dp_model *m;
    struct dp_zbl *zbl; // NULL: none
    const struct dp_compress_ops *ops;
    const char *kernels;
    struct dp_table *table; // [nemb]
    void *state;
    struct dp_env env;
    enum dp_precision precision;
    long outside;
    int threads;
    bool twin; // table is another's
};

static bool any_machine(void)
{
    return true;
}

static bool has_avx2(void)
{
#if defined __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static bool has_avx512(void)
{
#if defined __x86_64__
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#else
    return false;
#endif
}

static const struct {
    const char *name;
    const struct dp_compress_ops *ops;
    bool (*here)(void);
} sets[] = {{"avx512", dp_compress_avx512, has_avx512},
            {"avx2", dp_compress_avx2, has_avx2},
            {"plain", dp_compress_plain, any_machine}};

void dp_env_free(struct dp_env *e)
{
    al_free(e->geo);
    *e = (struct dp_env){0};
}

struct env_job {
    struct dp_geo *geo;
    const struct dp_layout *l;
    struct dp_cut cut;
    int threads;
};

static enum al_err env_part(void *ctx, int part)
{
    const struct env_job *j = ctx;
    long first, end;
    al_parallel_range(j->l->nrow, part, j->threads, &first, &end);
    for (long k = first; k < end; k++)
        if (j->l->j[k] >= 0)
            dp_environment_row(j->l->d[k], &j->cut, &j->geo[k]);
        else
            j->geo[k] = (struct dp_geo){0};
    return AL_ERR_OK;
}

enum al_err dp_env_compute(struct dp_env *e, const struct dp_config *c, const struct dp_layout *l, int threads)
{
    if ((size_t)l->nrow > e->cap) {
        size_t want = (size_t)l->nrow + (size_t)l->nrow / 4;
        dp_env_free(e);
        AL_ALLOC(e->geo, want);
        e->cap = want;
    }
    struct env_job j = {e->geo, l, dp_cut_of(c), threads};
    AL_TRY(al_parallel(threads, env_part, &j));
    return AL_ERR_OK;
}

void dp_compressed_destroy(struct dp_compressed **cp)
{
    struct dp_compressed *c = *cp;
    if (!c) return;
    if (c->state) c->ops->destroy(c->state);
    for (int e = 0; !c->twin && c->table && e < c->m->nemb; e++)
        dp_table_free(&c->table[e]);
    if (!c->twin) al_free(c->table);
    dp_zbl_destroy(&c->zbl);
    dp_env_free(&c->env);
    al_free(c);
    *cp = NULL;
}

static enum al_err build_tables(struct dp_compressed *c)
{
    const struct dp_model *m = c->m;
    const enum dp_precision p = c->precision;
    AL_ALLOC(c->table, m->nemb);
    for (int e = 0; e < m->nemb; e++) {
        double lo, up;
        dp_table_range(m, e, &lo, &up);
        AL_TRY(dp_table_build(&m->emb[e], lo, up, p == DP_MIXED ? 3 : 5, TOLERANCE[p], &c->table[e]));
    }
    AL_TRY(c->ops->create(m, c->table, &c->state));
    for (int e = 0; e < m->nemb; e++) { // copied in the form of the kernels
        al_free(c->table[e].c);
        c->table[e].c = NULL;
    }
    return AL_ERR_OK;
}

// of: NULL, or what has tables and weights already.
static enum al_err create(const struct dp_model *m, enum dp_precision p, const char *kernels, const struct dp_compressed *of,
                          struct dp_compressed **ret)
{
    AL_OWN(dp_compressed) c = NULL;
    AL_ALLOC(c, 1);
    c->m = m;
    c->precision = p;
    c->twin = of != NULL;
    c->threads = 1;
    AL_TRY(dp_zbl_create(&m->c, &c->zbl));
    for (size_t k = 0; k < sizeof sets / sizeof *sets && !c->ops; k++) {
        if (kernels ? strcmp(kernels, sets[k].name) != 0 : !sets[k].here()) continue;
        if (!sets[k].here()) AL_FAIL(AL_ERR_UNSUPPORTED, "this machine has no %s", kernels);
        c->ops = &sets[k].ops[p];
        c->kernels = sets[k].name;
    }
    if (!c->ops) AL_FAIL(AL_ERR_UNSUPPORTED, "there are no kernels '%s'", kernels);
    if (of) {
        c->table = of->table;
        AL_TRY(c->ops->twin(of->state, &c->state));
    } else {
        AL_TRY(build_tables(c));
    }
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

enum al_err dp_compressed_create(const struct dp_model *m, enum dp_precision p, const char *kernels,
                                 struct dp_compressed **ret)
{
    AL_TRY(create(m, p, kernels, NULL, ret));
    return AL_ERR_OK;
}

enum al_err dp_compressed_twin(const struct dp_compressed *of, struct dp_compressed **ret)
{
    AL_TRY(create(of->m, of->precision, of->kernels, of, ret));
    (*ret)->threads = of->threads;
    return AL_ERR_OK;
}

enum al_err dp_compressed_run(struct dp_compressed *c, const struct dp_layout *l, const struct dp_env *env,
                              struct pot_result *res)
{
    if (!env) {
        AL_TRY(dp_env_compute(&c->env, &c->m->c, l, c->threads));
        env = &c->env;
    }
    AL_TRY(c->ops->run(c->state, l, env->geo, c->threads, res, &c->outside));
    dp_zbl_add(c->zbl, l, res);
    double sum = res->energy;
    for (int a = 0; a < 9; a++)
        sum += res->virial[a / 3][a % 3];
    if (!isfinite(sum))
        AL_FAIL(AL_ERR_UNPHYSICAL, "the Deep Potential gives an energy or force that is not finite");
    return AL_ERR_OK;
}

void dp_compressed_threads(struct dp_compressed *c, int threads)
{
    c->threads = threads > 1 ? threads : 1;
}

long dp_compressed_outside(const struct dp_compressed *c)
{
    return c->outside;
}

const char *dp_compressed_kernels(const struct dp_compressed *c)
{
    return c->kernels;
}
