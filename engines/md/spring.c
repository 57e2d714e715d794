// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "base/mem.h"
#include "md/potentials.h"

struct spring {
    struct potential base;
    double k;
    struct al_frame *sites;
};

static enum al_err eval_spring(struct potential *p, const struct al_frame *f, struct pot_result *res)
{
    const struct spring *q = (const struct spring *)p;
    if (f->natoms != q->sites->natoms)
        AL_FAIL(AL_ERR_INPUT, "%d atoms for %d springs", f->natoms, q->sites->natoms);
    double energy = 0.0, w[3][3] = {0};
    for (int i = 0; i < f->natoms; i++) {
        double d[3], ei = 0.0;
        for (int a = 0; a < 3; a++) {
            d[a] = f->pos[i][a] - q->sites->pos[i][a];
            ei += 0.5 * q->k * d[a] * d[a];
            if (res->forces) res->forces[i][a] = -q->k * d[a];
        }
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                w[a][b] -= q->k * d[a] * d[b];
        if (res->atomic_energy) res->atomic_energy[i] = ei;
        energy += ei;
    }
    if (!isfinite(energy)) AL_FAIL(AL_ERR_UNPHYSICAL, "spring energy is not finite");
    res->energy = energy;
    memcpy(res->virial, w, sizeof w);
    return AL_ERR_OK;
}

static double cutoff_spring(const struct potential *p)
{
    (void)p;
    return 0.0;
}

static void close_spring(struct potential *p)
{
    struct spring *q = (struct spring *)p;
    al_frame_destroy(&q->sites);
    al_free(q);
}

static const struct potential_ops spring_ops = {.name = "spring",
                                                .caps = POT_VIRIAL | POT_ATOMIC_ENERGY,
                                                .eval = eval_spring,
                                                .cutoff = cutoff_spring,
                                                .close = close_spring};

enum al_err spring_potential_open(const struct al_frame *sites, double k, struct potential **ret)
{
    if (!(k > 0.0) || !isfinite(k)) AL_FAIL(AL_ERR_INPUT, "spring constant %g eV/Ang^2", k);
    AL_OWN(al_frame) copy = NULL;
    AL_TRY(al_frame_copy(sites, &copy));
    struct spring *q;
    AL_ALLOC(q, 1);
    q->base.ops = &spring_ops;
    q->k = k;
    q->sites = copy;
    copy = NULL;
    *ret = &q->base;
    return AL_ERR_OK;
}
