// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Forces (Hellmann and Feynman) and strain derivative (O. H. Nielsen and R. M. Martin, PRB 32, 3780, 1985) of
// the converged state: the sum of the terms, with the correction of first order in the density's residual (C.
// T. Chan, K. P. Bohnen and K. M. Ho, PRB 47, 4771, 1993).
#include <string.h>

#include "base/mem.h"
#include "dft/scf.h"

// Sums over k-points of the terms that need orbitals.
static enum al_err orbital_terms(struct scf *p, double (*f)[3], double (*strain)[3])
{
    for (int i = 0; i < p->nk; i++) {
        struct ham *h;
        const double *occ = p->occ + i * p->nb;
        AL_TRY(scf_ham(p, i, &h));
        AL_TRY(nonlocal_project(h->nl, p->nocc, p->psi[i], h->p));
        AL_TRY(nonlocal_force(h->nl, p->nocc, occ, p->psi[i], h->p, f));
        kinetic_strain(p->k[i], p->nocc, occ, p->psi[i], strain);
        AL_TRY(nonlocal_strain(h->nl, p->nocc, occ, p->psi[i], h->p, strain));
        scf_ham_release(p, i, &h);
    }
    return AL_ERR_OK;
}

static enum al_err other_forces(struct scf *p, double (*f)[3])
{
    const struct dft_system *s = p->s;
    struct basis *b = s->b;
    double unused;
    AL_TRY(comm_sum_d(b->comm, f[0], 3 * (size_t)s->natoms));
    AL_TRY(ewald(s, 0, &unused, f, NULL));
    AL_TRY(superpose_force(s, FORM_LOCAL, p->rho_out, f));
    if (p->core) {
        basis_to_g(b, p->vxc, p->vg);
        AL_TRY(superpose_force(s, FORM_CORE, p->vg, f));
    }
    for (int i = 0; i < b->nr; i++)
        p->rho_r[i] = p->v_out[i] - p->v_in[i];
    basis_to_g(b, p->rho_r, p->vg);
    return superpose_force(s, FORM_VALENCE, p->vg, f);
}

static enum al_err other_strain(struct scf *p, double strain[3][3])
{
    const struct dft_system *s = p->s;
    struct basis *b = s->b;
    double unused;
    AL_TRY(comm_sum_d(b->comm, strain[0], 9));
    AL_TRY(ewald(s, 0, &unused, NULL, strain));
    hartree_strain(b, p->rho_out, strain);
    AL_TRY(local_strain(s, p->rho_out, p->vloc, strain));
    AL_TRY(xc_strain(p->xc, p->energy.xc, p->vxc, strain));
    if (p->core) {
        basis_to_g(b, p->vxc, p->vg);
        AL_TRY(superpose_strain(s, FORM_CORE, p->vg, strain));
    }
    return AL_ERR_OK;
}

enum al_err scf_derivatives(struct scf *p, double (*f)[3], double strain[3][3])
{
    memset(f, 0, (size_t)p->s->natoms * sizeof *f);
    memset(strain, 0, 9 * sizeof(double));
    AL_TRY(orbital_terms(p, f, strain));
    AL_TRY(other_forces(p, f));
    return other_strain(p, strain);
}
