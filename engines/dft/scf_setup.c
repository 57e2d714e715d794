// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Start of the SCF: bands and occupations, atomic density, seeded random orbitals.
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "dft/occupation.h"
#include "dft/scf.h"

static const double ham_memory = 768e6; // bytes of projectors kept for all k-points

static enum al_err count_bands(struct scf *p)
{
    const struct dft_options *o = p->opt;
    const double ne = p->nelec = p->s->nelec - o->charge;
    const bool fixed = o->smearing == DFT_SMEARING_NONE;
    if (!(ne > 1e-9)) AL_FAIL(AL_ERR_INPUT, "%g valence electrons", ne);
    if (fixed && fabs(ne - 2 * lround(ne / 2)) > 1e-9)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED,
                     "fixed occupations of closed shells need an even number; label.smearing takes any",
                     "%g valence electrons: not an even number", ne);
    p->nfull = (int)floor(0.5 * ne + 1e-9);
    p->nb = occupation_bands(o, ne, p->s->b->volume);
    p->nocc = fixed ? p->nfull : p->nb; // at first
    return AL_ERR_OK;
}

// Random orbitals damped at high kinetic energy; the same numbers for any number of ranks.
static void random_orbitals(const struct kbasis *k, int start, int ik, int nb, double complex *psi)
{
    for (int j = 0; j < nb; j++) {
        struct al_rng r;
        al_rng_stream(&r, 1 + (uint64_t)start, "dft-orbitals", (uint64_t)ik, (uint64_t)j, 0);
        for (int i = 0; i < k->npw; i++) {
            double re = al_rng_uniform(&r) - 0.5, im = al_rng_uniform(&r) - 0.5;
            int l = i - k->p0;
            if (l < 0 || l >= k->nloc) continue;
            if (k->gamma && i == 0) im = 0;
            psi[(size_t)j * (size_t)k->nloc + (size_t)l] = CMPLX(re, im) / (1 + k->q2[l] * k->q2[l]);
        }
    }
}

static enum al_err start_density(struct scf *p)
{
    struct basis *b = p->s->b;
    AL_TRY(superpose(p->s, FORM_VALENCE, p->rho_in));
    double mean = p->nelec / b->volume, have = 0;
    for (int i = 0; i < b->ng; i++)
        if (b->g2[i] == 0) have = creal(p->rho_in[i]);
    for (int i = 0; i < b->ng; i++) {
        if (have > 0) p->rho_in[i] *= mean / have; // tables end before the density does
        if (b->g2[i] == 0) p->rho_in[i] = mean;
    }
    return AL_ERR_OK;
}

static enum al_err alloc_fields(struct scf *p)
{
    const struct basis *b = p->s->b;
    AL_ALLOC(p->vloc, b->ng);
    if (p->s->has_core) AL_ALLOC(p->core, b->ng);
    AL_ALLOC(p->rho_in, b->ng);
    AL_ALLOC(p->rho_out, b->ng);
    AL_ALLOC(p->vg, b->ng);
    AL_ALLOC(p->v_in, b->nr);
    AL_ALLOC(p->v_out, b->nr);
    AL_ALLOC(p->vxc, b->nr);
    AL_ALLOC(p->rho_r, b->nr);
    return AL_ERR_OK;
}

static enum al_err alloc_orbitals(struct scf *p, const struct kpoint_set *k)
{
    int most = 0;
    double bytes = 0;
    AL_ALLOC(p->k, k->n);
    AL_ALLOC(p->ham, k->n);
    AL_ALLOC(p->psi, k->n);
    AL_ALLOC(p->e, k->n * p->nb);
    AL_ALLOC(p->occ, k->n * p->nb);
    AL_ALLOC(p->weight, k->n);
    memcpy(p->weight, k->weight, (size_t)k->n * sizeof *p->weight);
    p->nk = k->n;
    bool real = true; // all points
    for (int i = 0; i < k->n; i++) {
        AL_TRY(kbasis_create(p->s->b, p->s->b->comm, k->k[i], k->weight[i], !p->opt->complex_gamma,
                             &p->k[i]));
        real = real && p->k[i]->gamma;
        if (p->nb > p->k[i]->npw)
            AL_FAIL(AL_ERR_INPUT, "%d bands but only %d plane waves: cut-off too low", p->nb, p->k[i]->npw);
        AL_ALLOC(p->psi[i], (size_t)p->nb * (size_t)p->k[i]->nloc);
        random_orbitals(p->k[i], p->opt->start, i, p->nb, p->psi[i]);
        for (int j = 0; j < p->nfull; j++)
            p->occ[i * p->nb + j] = 2 * k->weight[i];
        if (p->k[i]->nloc > most) most = p->k[i]->nloc;
        for (int a = 0; a < p->s->natoms; a++)
            bytes += 16.0 * p->k[i]->nloc * pseudo_nproj(p->s->ff[p->s->kind[a]]->psp);
    }
    p->keep_ham = k->n == 1 || bytes < ham_memory;
    return davidson_work_create(p->s->b->comm, p->nb, most, real, p->opt->dense, p->opt->dense_rows, &p->dav);
}

enum al_err scf_create(const struct dft_options *opt, struct dft_system *s, const struct kpoint_set *k,
                       const struct xc_func *func, struct scf **ret)
{
    AL_OWN(scf) p = NULL;
    AL_ALLOC(p, 1);
    p->own = *opt;
    p->opt = &p->own;
    p->s = s;
    AL_TRY(count_bands(p));
    AL_TRY(alloc_fields(p));
    AL_TRY(alloc_orbitals(p, k));
    AL_TRY(xc_term_create(func, s->b, &p->xc));
    AL_TRY(superpose(s, FORM_LOCAL, p->vloc));
    if (p->core) AL_TRY(superpose(s, FORM_CORE, p->core));
    AL_TRY(start_density(p));
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}

void scf_destroy(struct scf **q)
{
    struct scf *p = *q;
    if (!p) return;
    for (int i = 0; i < p->nk; i++) {
        if (p->ham) ham_destroy(&p->ham[i]);
        if (p->psi) al_free(p->psi[i]);
        if (p->k) kbasis_destroy(&p->k[i]);
    }
    void *all[] = {p->k,  p->ham,    p->psi,     p->e,    p->occ, p->weight,   p->vloc, p->core,
                   p->vg, p->rho_in, p->rho_out, p->v_in, p->v_out, p->vxc,  p->rho_r};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        al_free(all[i]);
    davidson_work_destroy(&p->dav);
    xc_term_destroy(&p->xc);
    al_free(p);
    *q = NULL;
}

enum al_err scf_ham(struct scf *p, int ik, struct ham **ret)
{
    if (!p->ham[ik]) AL_TRY(ham_create(p->s, p->k[ik], p->v_in, p->nb, &p->ham[ik]));
    p->ham[ik]->applies = p->ham[ik]->ffts = 0;
    p->ham[ik]->vmean = p->v_mean;
    *ret = p->ham[ik];
    return AL_ERR_OK;
}

void scf_ham_release(struct scf *p, int ik, struct ham **h)
{
    p->applies += (*h)->applies;
    p->ffts += (*h)->ffts;
    *h = NULL;
    if (!p->keep_ham) ham_destroy(&p->ham[ik]);
}
