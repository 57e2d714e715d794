// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/coarse.h"

#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "dft/occupation.h"
#include "dft/sphere.h"

enum { COARSE_STEPS = 12 };
static const double coarse_tol = 2e-5; // Ha per atom: the full cut-off changes the density by more than this
static const double second = 0.5;     // the coarse start has one of its own
static const double enough_waves = 4;  // plane waves per band below which a coarse sphere holds no bands

static enum al_err coarse_system(const struct scf *p, struct dft_system **ret)
{
    static const int own_grid[3] = {0};
    const struct dft_system *s = p->s;
    AL_OWN(basis) b = NULL;
    AL_AUTOFREE double(*pos)[3] = NULL;
    AL_ALLOC(pos, s->natoms);
    for (int i = 0; i < s->natoms; i++)
        al_vecmat3(s->tau[i], s->b->a, pos[i]);
    AL_TRY(basis_create(s->b->comm, p->opt->coarse * s->b->ecut, (const double(*)[3])s->b->a, NULL, own_grid, &b));
    return dft_system_create(&b, s->natoms, s->kind, (const double(*)[3])pos, s->nkinds, s->ff, ret);
}

static enum al_err coarse_points(const struct scf *p, struct kpoint_set **ret)
{
    AL_OWN(kpoint_set) k = NULL;
    AL_ALLOC(k, 1);
    AL_ALLOC(k->k, p->nk);
    AL_ALLOC(k->weight, p->nk);
    k->n = p->nk;
    for (int i = 0; i < p->nk; i++) {
        memcpy(k->k[i], p->k[i]->k, sizeof k->k[i]);
        k->weight[i] = p->weight[i];
    }
    *ret = k;
    k = NULL;
    return AL_ERR_OK;
}

static enum al_err hand_density(const struct scf *c, struct scf *p)
{
    const struct basis *old = c->s->b, *b = p->s->b;
    AL_AUTOFREE int *from = NULL;
    AL_ALLOC(from, b->ng);
    sphere_match(old->ng, (const int(*)[3])old->mill, b->ng, (const int(*)[3])b->mill, from);
    for (int i = 0; i < b->ng; i++)
        if (from[i] >= 0 && b->g2[i] > 0) p->rho_in[i] = c->rho_out[from[i]];
    return AL_ERR_OK;
}

static enum al_err hand_orbitals(const struct scf *c, struct scf *p, int ik)
{
    const struct kbasis *old = c->k[ik], *k = p->k[ik];
    AL_AUTOFREE int *from = NULL;
    AL_ALLOC(from, k->npw);
    sphere_match(old->npw, (const int(*)[3])old->mill, k->npw, (const int(*)[3])k->mill, from);
    AL_TRY(sphere_move_bands((struct sphere_rows){old->npw, old->p0, old->nloc}, k, from, p->nb, c->psi[ik], p->psi[ik]));
    return AL_ERR_OK;
}

static bool worthwhile(const struct scf *p)
{
    int least = p->k[0]->npw;
    for (int i = 0; i < p->nk; i++)
        if (p->k[i]->npw < least) least = p->k[i]->npw;
    const double f = p->opt->coarse, share = f * __builtin_sqrt(f) * least;
    return f > 0 && f < 1 && share > enough_waves * p->nb && share > 4 * p->s->b->comm->size;
}

enum al_err coarse_start(struct scf *p, bool *ret_done)
{
    AL_OWN(dft_system) s = NULL;
    AL_OWN(kpoint_set) k = NULL;
    AL_OWN(scf) c = NULL;
    *ret_done = false;
    if (!worthwhile(p)) return AL_ERR_OK;
    struct dft_options o = *p->opt;
    o.nextra = p->nb - occupation_full(p->nelec);
    o.scf_tol = coarse_tol;
    o.max_scf = COARSE_STEPS;
    o.observe = NULL;
    o.coarse = p->level == 0 ? second : 0;
    AL_TRY(coarse_system(p, &s));
    AL_TRY(coarse_points(p, &k));
    AL_TRY(scf_create(&o, s, k, p->xc->func, &c));
    c->level = p->level + 1;
    c->bands_of_insulator = p->bands_of_insulator;
    enum al_err e = scf_approach(c);
    p->coarse_applies += c->applies + c->coarse_applies;
    p->coarse_iterations += c->iterations + c->coarse_iterations;
    p->coarse_ffts += c->ffts + c->coarse_ffts;
    p->few_bands = c->few_bands;
    if (e && e != AL_ERR_NOTCONV) AL_TRY(e);
    if (e) al_err_clear();
    AL_TRY(hand_density(c, p));
    for (int i = 0; i < p->nk; i++)
        AL_TRY(hand_orbitals(c, p, i));
    if (o.smearing != DFT_SMEARING_NONE) memcpy(p->occ, c->occ, (size_t)(p->nk * p->nb) * sizeof *p->occ);
    *ret_done = true;
    return AL_ERR_OK;
}
