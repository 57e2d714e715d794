// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/stats.h"

#include <float.h>
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"

static const double LEAST_SPREAD = 0.01;

struct sums { // of one centre type
    double n, r, r2, a, a2;
};

static double spread(double mean, double square)
{
    double v = square - mean * mean, s = v > 0 ? sqrt(v) : 0;
    return s < LEAST_SPREAD ? LEAST_SPREAD : s;
}

static void add_frame(struct sums *sum, const struct dp_model *m, const struct dp_layout *l,
                      const struct dp_rows *rows)
{
    for (int b = 0; b < l->nblock; b++) {
        struct sums *s = &sum[l->block_type[b]];
        s->n += (double)dp_block_size(l, b) * m->nnei;
        for (int k = dp_layout_seg(l, b, 0)[0]; k < dp_block_end(l, b); k++) {
            if (l->j[k] < 0) continue;
            v4d R = rows->R[0][k];
            s->r += R[0];
            s->r2 += R[0] * R[0];
            s->a += R[1] + R[2] + R[3];
            s->a2 += R[1] * R[1] + R[2] * R[2] + R[3] * R[3];
        }
    }
}

enum al_err stats_environment(struct dp_model *m, const struct dp_dataset *d, struct env_cache *env)
{
    AL_OWN(dp_model) plain = NULL;
    // davg 0 and dstd 1: its rows come out not normalised; harmonics have no statistics of their own
    struct dp_config first = m->c; // four components
    first.rcut_angular = 0;
    first.neuron_angular = 0;
    AL_TRY(dp_model_create(&first, &plain));
    struct sums sum[DP_MAX_TYPES] = {0};
    struct dp_rows rows = {0};
    enum al_err e = AL_ERR_OK;
    for (int s = 0; s < d->nsys && e == AL_ERR_OK; s++) {
        long nf = d->sys[s].nframes, want = nf < STATS_FRAMES ? nf : STATS_FRAMES;
        for (long k = 0; k < want && e == AL_ERR_OK; k++) {
            const struct dp_layout *l;
            e = env_cache_get(env, s, (int)(k * nf / want), 0, &l);
            if (e == AL_ERR_OK) e = dp_rows_reserve(&rows, 1, (size_t)l->nrow);
            if (e != AL_ERR_OK) break;
            dp_rows_compute(&rows, plain, l);
            add_frame(sum, plain, l, &rows);
        }
    }
    dp_rows_free(&rows);
    AL_TRY(e);
    for (int t = 0; t < m->c.ntypes; t++) {
        const struct sums *q = &sum[t];
        bool none = q->n == 0;
        m->davg[t][0] = none ? 0 : q->r / q->n;
        m->dstd[t][0] = none ? 1 / m->c.rcut : spread(q->r / q->n, q->r2 / q->n);
        for (int c = 1; c < 4; c++) {
            m->davg[t][c] = 0;
            m->dstd[t][c] = none ? 1 / m->c.rcut : spread(q->a / (3 * q->n), q->a2 / (3 * q->n));
        }
    }
    return AL_ERR_OK;
}

enum al_err stats_energy_bias(struct dp_model *m, const struct dp_dataset *d, struct env_cache *env)
{
    int rows = 0, nt = m->c.ntypes, k = 0;
    for (int s = 0; s < d->nsys; s++)
        if (d->sys[s].have & AL_HAVE_ENERGY) rows += d->sys[s].nframes;
    if (!rows) return AL_ERR_OK;
    int nb = rows > nt ? rows : nt;
    AL_AUTOFREE double *a = NULL, *b = NULL;
    AL_ALLOC(a, (size_t)rows * (size_t)nt);
    AL_ALLOC(b, nb);
    for (int s = 0; s < d->nsys; s++) {
        if (!(d->sys[s].have & AL_HAVE_ENERGY)) continue;
        const int *types = env_cache_types(env, s);
        for (int f = 0; f < d->sys[s].nframes; f++, k++) {
            for (int i = 0; i < d->sys[s].natoms; i++)
                a[(size_t)types[i] * (size_t)rows + (size_t)k] += 1; // column major
            b[k] = d->sys[s].energy[f];
        }
    }
    // numpy's cut-off: systems of one composition have rank 1 (plus rounding), and the answer wanted has least norm
    AL_TRY_MSG(al_dgelsd(rows, nt, 1, a, rows, b, nb, DBL_EPSILON * nb), "energy bias by least squares");
    for (int t = 0; t < nt; t++)
        m->bias[t] = b[t];
    return AL_ERR_OK;
}

int stats_sel(int max, double margin)
{
    int n = (int)(margin * max);
    return (n + 3) / 4 * 4;
}
