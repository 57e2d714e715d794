// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The curves that D and its error come from: MSD of every single ion, and of parts of the time origins, at lags that grow by 2^(1/4).
#include <math.h>

#include "base/mem.h"
#include "transport/tr_impl.h"

void tr_curves_destroy(struct tr_curves **cp)
{
    struct tr_curves *c = *cp;
    if (!c) return;
    al_free(c->t);
    al_free(c->weight);
    al_free(c->bweight);
    al_free(c->unit);
    al_free(c->block);
    al_free(c->mean);
    al_free(c->mean_axis);
    al_free(c);
    *cp = NULL;
}

static enum al_err choose_lags(long longest, long **ret, int *ret_n)
{
    enum { MOST = 256 };
    long *lag = NULL, last = 0;
    int n = 0;
    AL_ALLOC(lag, MOST);
    for (int i = 0; n < MOST; i++) {
        long l = lround(pow(2.0, 0.25 * i));
        if (l > longest) break;
        if (l > last) lag[n++] = last = l;
    }
    *ret = lag;
    *ret_n = n;
    return AL_ERR_OK;
}

static void average(struct tr_curves *c)
{
    for (int u = 0; u < c->nunits; u++)
        for (int l = 0; l < c->nlags; l++)
            for (int q = 0; q < 3; q++) {
                double v = c->weight[u] * c->unit[u * c->nlags + l][q];
                c->mean_axis[l][q] += v;
                c->mean[l] += v;
            }
}

enum al_err tr_curves_create(struct tr_track *const *track, int nruns, double dt, double max_lag, struct tr_curves **ret)
{
    AL_OWN(tr_curves) c = NULL;
    AL_AUTOFREE long *lag = NULL;
    long shortest = track[0]->nframes;
    double frames = 0;
    for (int r = 0; r < nruns; r++) {
        if (track[r]->nframes < shortest) shortest = track[r]->nframes;
        frames += (double)track[r]->nframes;
    }
    AL_ALLOC(c, 1);
    AL_TRY(choose_lags(lround(max_lag * (double)shortest), &lag, &c->nlags));
    c->nions = track[0]->natoms;
    c->nruns = nruns;
    c->nunits = c->nions * nruns;
    c->nblocks = TR_BLOCKS * nruns;
    c->block_time = dt * (double)(shortest / TR_BLOCKS);
    c->total_time = dt * frames;
    AL_ALLOC(c->t, c->nlags);
    AL_ALLOC(c->weight, c->nunits);
    AL_ALLOC(c->bweight, c->nblocks);
    AL_ALLOC(c->unit, (size_t)c->nunits * (size_t)c->nlags);
    AL_ALLOC(c->block, (size_t)c->nblocks * (size_t)c->nlags);
    AL_ALLOC(c->mean, c->nlags);
    AL_ALLOC(c->mean_axis, c->nlags);
    for (int l = 0; l < c->nlags; l++)
        c->t[l] = dt * (double)lag[l];
    for (int r = 0; r < nruns; r++) {
        double share = (double)track[r]->nframes / frames;
        for (int i = 0; i < c->nions; i++)
            c->weight[r * c->nions + i] = share / c->nions;
        for (int b = 0; b < TR_BLOCKS; b++)
            c->bweight[r * TR_BLOCKS + b] = share / TR_BLOCKS;
        tr_track_lags(track[r], lag, c->nlags, c->unit + (size_t)r * (size_t)c->nions * (size_t)c->nlags, TR_BLOCKS,
                      c->block + (size_t)r * TR_BLOCKS * (size_t)c->nlags);
    }
    average(c);
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}
