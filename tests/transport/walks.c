// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "walks.h"

#include <math.h>

#include "base/mem.h"
#include "transport/msd.h"

double walk_d(const struct walk *w)
{
    // gas of jumps: a^2 rate/6, times (1 + c)/(1 - c), c = <cos> of successive jumps = -back
    double jumps = w->rate * w->jump * w->jump / 6 * (1 - w->back) / (1 + w->back);
    return TR_ANG2_FS_CM2_S * (w->step * w->step / 2 + jumps) / WALK_DT;
}

struct ion {
    double site[3], rattle[3];
    int last; // direction of the last jump, 0 to 5
};

static void move(const struct walk *w, struct ion *p, struct al_rng *r)
{
    for (int k = 0; k < 3 && w->step > 0; k++)
        p->site[k] += w->step * al_rng_normal(r);
    double next = w->rate > 0 ? -log(1 - al_rng_uniform(r)) / w->rate : 2;
    while (next < 1) { // jumps of this frame
        int to = al_rng_uniform(r) < w->back ? p->last ^ 1 : (int)al_rng_below(r, 6);
        p->site[to / 2] += to & 1 ? w->jump : -w->jump;
        p->last = to;
        next += -log(1 - al_rng_uniform(r)) / w->rate;
    }
    for (int k = 0; k < 3 && w->cage > 0; k++)
        p->rattle[k] = w->memory * p->rattle[k] + w->cage * sqrt(1 - w->memory * w->memory) * al_rng_normal(r);
}

enum al_err walk_create(const struct walk *w, uint64_t seed, struct tr_traj **ret)
{
    AL_OWN(tr_traj) t = NULL;
    struct al_rng r;
    int n = w->nions + WALK_FRAMEWORK;
    AL_ALLOC(t, 1);
    AL_ALLOC(t->z, n);
    AL_ALLOC(t->x, w->nframes);
    t->natoms = n;
    t->dt = WALK_DT;
    t->temperature = NAN;
    for (long f = 0; f < w->nframes; f++, t->n++)
        AL_ALLOC(t->x[f], n);
    for (int i = 0; i < n; i++) {
        struct ion p = {0};
        al_rng_stream(&r, seed, "walk", (uint64_t)i, 0, 0);
        t->z[i] = i < w->nions ? 3 : i % 2 ? 16 : 15;
        t->all[t->z[i]]++;
        p.last = (int)al_rng_below(&r, 6);
        for (int k = 0; k < 3; k++)
            p.rattle[k] = w->cage * al_rng_normal(&r);
        for (long f = 0; f < w->nframes; f++) {
            if (i < w->nions && f > 0) move(w, &p, &r);
            for (int k = 0; k < 3; k++)
                t->x[f][i][k] = i + p.site[k] + (i < w->nions ? p.rattle[k] : 0);
        }
    }
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}
