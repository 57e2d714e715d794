// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/checks.h"

#include <math.h>

#include "base/mem.h"
#include "base/units.h"
#include "dft/occupation.h"

// Orthonormal orbitals and a grid that holds their density's sphere count electrons to rounding, about 1e-12 of
// them; single precision, lost orthogonality or a wrong weight are far above this.
static const double electrons_limit = 1e-7; // of the number of electrons
// A recomputed residual above three times what the SCF lets pass (2 sqrt(threshold/electrons), 3e-5 Ha at the default) means that the
// eigensolver's products had drifted from H|psi>. The frames of tests/dft/bench_robust.py have 2e-6 to 1e-5 at the default threshold.
static const double residual_factor = 6, residual_floor = 1e-5; // Ha
// The deepest states that norm-conserving tables treat as valence (3s of Zn) lie 5 Ha below the Fermi level;
// a ghost of a separable potential (X. Gonze, P. Kaeckell, M. Scheffler, PRB 41, 12264, 1990) that attracts
// electrons at all lies below, since the local part of its own channel does not bind it.
static const double ghost_limit = 8; // Ha below the Fermi level
// What the highest band may hold of its two electrons where the user has chosen the number of bands: its energy's error is that times
// the width.
static const double highest_limit = 1e-4;
// The exchange-correlation grid breaks translation: 0.002 eV/Ang for the cell at 25 Ha, 0.01 at soft cut-offs.
// A sum of a tenth of a force is not the grid.
static const double net_force_limit = 0.05 * AL_BOHR_ANG / AL_HARTREE_EV; // 0.05 eV/Ang per atom
// Every strain derivative is symmetric by construction.
static const double asymmetry_limit = 1e-6; // of its largest component
enum { SAMPLE = 8 };                        // bands whose residuals are recomputed

enum al_err check_density(struct scf *p)
{
    const struct basis *b = p->s->b;
    double count = NAN;
    for (int i = 0; i < b->ng; i++)
        if (b->g2[i] == 0) count = creal(p->rho_out[i]) * b->volume;
    double err = fabs(count - p->nelec);
    if (!(err < electrons_limit * p->nelec))
        AL_FAIL(AL_ERR_UNPHYSICAL, "SCF step %d: the density holds %.9g electrons, the cell %.9g",
                p->iterations + 1, count, p->nelec);
    if (err > p->electron_error) p->electron_error = err;
    return AL_ERR_OK;
}

// One product of H with up to SAMPLE bands spread over the filled ones, the highest among them.
static enum al_err sample_residuals(struct scf *p, int ik)
{
    const size_t nl = (size_t)p->k[ik]->nloc;
    const int last = p->nfull > 0 ? p->nfull : 1, n = last < SAMPLE ? last : SAMPLE;
    AL_AUTOFREE double complex *x = NULL, *hx = NULL;
    double r2[SAMPLE] = {0};
    struct ham *h;
    AL_ALLOC(x, (size_t)n * nl);
    AL_ALLOC(hx, (size_t)n * nl);
    for (int j = 0; j < n; j++)
        memcpy(x + (size_t)j * nl, p->psi[ik] + (size_t)((j + 1) * last / n - 1) * nl, nl * sizeof *x);
    AL_TRY(scf_ham(p, ik, &h));
    AL_TRY(ham_apply(h, n, x, hx));
    scf_ham_release(p, ik, &h);
    for (int j = 0; j < n; j++)
        for (size_t i = 0; i < nl; i++) {
            double complex r =
                hx[(size_t)j * nl + i] - p->e[ik * p->nb + (j + 1) * last / n - 1] * x[(size_t)j * nl + i];
            r2[j] += creal(r) * creal(r) + cimag(r) * cimag(r);
        }
    AL_TRY(comm_sum_d(p->k[ik]->comm, r2, (size_t)n));
    for (int j = 0; j < n; j++)
        p->band_residual = fmax(p->band_residual, sqrt(r2[j]));
    return AL_ERR_OK;
}

static enum al_err check_bands(struct scf *p)
{
    const double limit = p->opt->nextra < 0 || p->bands_of_insulator ? OCCUPATION_TRACE : highest_limit;
    double lowest = INFINITY, top = -(double)INFINITY;
    for (int i = 0; i < p->nk; i++) {
        lowest = fmin(lowest, p->e[i * p->nb]);
        top = fmax(top, p->e[i * p->nb + (p->nfull > 0 ? p->nfull - 1 : 0)]);
    }
    if (!isfinite(lowest) || !isfinite(top)) AL_FAIL(AL_ERR_UNPHYSICAL, "band energies are not finite");
    p->band_depth = top - lowest;
    if (p->band_depth > ghost_limit)
        AL_FAIL(AL_ERR_INPUT,
                "the lowest band lies %.1f Ha below the highest filled one: a ghost state of a pseudopotential",
                p->band_depth);
    if (p->opt->smearing != DFT_SMEARING_NONE && p->top_filling > limit) {
        p->few_bands = true;
        AL_FAIL_HINT(AL_ERR_UNPHYSICAL, "a smaller smearing width needs fewer bands",
                     "%d bands are too few for the smearing: the highest holds %.1e of its electrons", p->nb,
                     p->top_filling);
    }
    return AL_ERR_OK;
}

enum al_err check_state(struct scf *p)
{
    p->band_residual = 0;
    for (int i = 0; i < p->nk; i++)
        AL_TRY(sample_residuals(p, i));
    const double limit = fmax(residual_factor * sqrt(p->opt->scf_tol * p->s->natoms / p->nelec), residual_floor);
    if (!(p->band_residual < limit))
        AL_FAIL(AL_ERR_UNPHYSICAL, "|H psi - e psi| of occupied bands is %.1e Ha at the end", p->band_residual);
    return check_bands(p);
}

enum al_err check_derivatives(const struct scf *p, const double (*f)[3], const double strain[3][3])
{
    const int n = p->s->natoms;
    double sum[3] = {0}, largest = 0, odd = 0;
    for (int i = 0; i < n; i++)
        for (int d = 0; d < 3; d++) {
            if (!isfinite(f[i][d])) AL_FAIL(AL_ERR_UNPHYSICAL, "force on atom %d is not finite", i + 1);
            sum[d] += f[i][d];
        }
    for (int d = 0; d < 3; d++)
        if (fabs(sum[d]) > net_force_limit * n)
            AL_FAIL_HINT(AL_ERR_UNPHYSICAL, "a higher cut-off makes it smaller",
                         "the forces sum to %.3f eV/Ang along axis %d", sum[d] * AL_HARTREE_EV / AL_BOHR_ANG, d);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            if (!isfinite(strain[a][b])) AL_FAIL(AL_ERR_UNPHYSICAL, "the stress is not finite");
            largest = fmax(largest, fabs(strain[a][b]));
            odd = fmax(odd, fabs(strain[a][b] - strain[b][a]));
        }
    if (odd > asymmetry_limit * (largest + 1e-3))
        AL_FAIL(AL_ERR_UNPHYSICAL, "the strain derivative is not symmetric: %.1e of %.1e Ha", odd, largest);
    return AL_ERR_OK;
}
