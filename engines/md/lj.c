// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "base/mem.h"
#include "base/neigh.h"
#include "md/potentials.h"

struct lj {
    struct potential base;
    struct lj_options o;
    double u_cut, du_cut; // u and du/dr at the cut-off
    struct al_neigh *list;
};

// u(r) in eV and du/dr in eV/Ang, unshifted.
static void pair(const struct lj_options *o, double r, double *u, double *du)
{
    double s = o->sigma / r, s3 = s * s * s, s6 = s3 * s3;
    *u = 4.0 * o->epsilon * (s6 - 1.0) * s6;
    *du = -24.0 * o->epsilon * (2.0 * s6 - 1.0) * s6 / r;
}

static enum al_err eval_lj(struct potential *p, const struct al_frame *f, struct pot_result *res)
{
    struct lj *q = (struct lj *)p;
    AL_TRY(al_neigh_update(q->list, f->natoms, (const double(*)[3])f->pos, f->cell, f->pbc));
    double energy = 0.0, w[3][3] = {0};
    for (int i = 0; i < f->natoms; i++) {
        double ei = 0.0, fi[3] = {0};
        for (int e = q->list->first[i]; e < q->list->first[i + 1]; e++) {
            const struct al_neigh_pair *n = &q->list->pair[e];
            double u, du;
            pair(&q->o, n->r, &u, &du);
            u -= q->u_cut;
            if (q->o.force_shift) {
                u -= (n->r - q->o.cutoff) * q->du_cut;
                du -= q->du_cut;
            }
            ei += 0.5 * u; // each pair is met twice
            for (int a = 0; a < 3; a++) {
                fi[a] += du * n->d[a] / n->r;
                for (int b = 0; b < 3; b++)
                    w[a][b] -= 0.5 * du * n->d[a] * n->d[b] / n->r;
            }
        }
        energy += ei;
        if (res->atomic_energy) res->atomic_energy[i] = ei;
        if (res->forces) memcpy(res->forces[i], fi, sizeof fi);
    }
    if (!isfinite(energy)) AL_FAIL(AL_ERR_UNPHYSICAL, "Lennard-Jones energy is not finite");
    res->energy = energy;
    memcpy(res->virial, w, sizeof w);
    return AL_ERR_OK;
}

static double cutoff_lj(const struct potential *p)
{
    return ((const struct lj *)p)->o.cutoff;
}

static void close_lj(struct potential *p)
{
    struct lj *q = (struct lj *)p;
    al_neigh_destroy(&q->list);
    al_free(q);
}

static const struct potential_ops lj_ops = {.name = "lj",
                                            .caps = POT_VIRIAL | POT_ATOMIC_ENERGY,
                                            .eval = eval_lj,
                                            .cutoff = cutoff_lj,
                                            .close = close_lj};

enum al_err lj_potential_open(const struct lj_options *o, struct potential **ret)
{
    if (!(o->sigma > 0.0) || !isfinite(o->epsilon))
        AL_FAIL(AL_ERR_INPUT, "Lennard-Jones: epsilon %g eV, sigma %g Ang", o->epsilon, o->sigma);
    if (o->truncated && o->force_shift) AL_FAIL(AL_ERR_INPUT, "Lennard-Jones: truncated or with a force shift, not both");
    AL_OWN(al_neigh) list = NULL;
    AL_TRY(al_neigh_create(o->cutoff, o->skin, &list));
    struct lj *q;
    AL_ALLOC(q, 1);
    q->base.ops = &lj_ops;
    q->o = *o;
    pair(o, o->cutoff, &q->u_cut, &q->du_cut);
    if (o->truncated) q->u_cut = 0.0;
    q->list = list;
    list = NULL;
    *ret = &q->base;
    return AL_ERR_OK;
}
