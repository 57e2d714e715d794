// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// SCF cycle: density in -> potential -> bands -> density out -> Pulay mixing. The energy of a step is the
// Harris-Foulkes functional (PRB 39, 12520, 1989), second order in the residual; the final one is the
// Kohn-Sham energy of the orbitals.
#include "dft/scf.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "dft/checks.h"
#include "dft/coarse.h"
#include "dft/mixing.h"
#include "dft/occupation.h"

enum { DIAG_FIRST = 12, DIAG_MORE = 6 }; // most expansions in the first step and later
enum { STAGNANT = 30 };                  // steps without half the residual after which a run has failed
static const double FILLED = 1e-3;       // share of a band's two electrons from which its residual counts
static const double EMPTY = 1e-14;       // share below which a band adds nothing to a density
static const double settled = 1e-3;      // Ha per atom: residual below which a gap is that of the frame

enum al_err scf_potential(struct scf *p, const double complex *rho, double *v, struct scf_energies *e)
{
    struct basis *b = p->s->b;
    memcpy(p->vg, p->vloc, (size_t)b->ng * sizeof *p->vg);
    hartree_potential(b, rho, p->vg);
    AL_TRY(xc_potential(p->xc, rho, p->core, p->vg, &e->xc, p->vxc, v));
    e->hartree = hartree_energy(b, rho);
    e->local = local_energy(b, rho, p->vloc);
    return AL_ERR_OK;
}

static double mean(const double *v, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++)
        s += v[i];
    return s / n;
}

// rho_r += density of the bands of one k-point.
static enum al_err add_density(struct scf *p, struct ham *h, int ik)
{
    AL_AUTOFREE double *w = NULL;
    AL_ALLOC(w, p->nocc);
    for (int j = 0; j < p->nocc; j++)
        w[j] = p->occ[ik * p->nb + j] / p->s->b->volume;
    ham_density(h, p->nocc, w, p->psi[ik], p->rho_r);
    return AL_ERR_OK;
}

// Bands of a k-point that must be converged: those with more than a trace of an electron.
static int bands_that_count(const struct scf *p, int ik)
{
    int n = p->nfull;
    while (n < p->nocc && p->occ[ik * p->nb + n] > FILLED * 2 * p->weight[ik])
        n++;
    return n > 0 ? n : 1;
}

static enum al_err fill_bands(struct scf *p)
{
    struct occupied o;
    const struct dft_options *opt = p->opt;
    AL_TRY(occupation_solve(opt->smearing, opt->smearing_width, p->nk, p->nb, p->weight, p->e, p->nelec,
                            p->occ, &o));
    p->fermi = o.fermi;
    p->energy.smearing = o.entropy;
    p->nocc = p->nfull;
    p->top_filling = 0;
    for (int i = 0; i < p->nk; i++) {
        const double *occ = p->occ + i * p->nb, full = 2 * p->weight[i];
        p->top_filling = fmax(p->top_filling, occ[p->nb - 1] / full);
        while (p->nocc < p->nb && fabs(occ[p->nocc]) > EMPTY * full)
            p->nocc++;
    }
    return AL_ERR_OK;
}

// All k-points: bands to residual tol, density out.
static enum al_err solve_bands(struct scf *p, double tol, int maxit, double *ret_res)
{
    struct basis *b = p->s->b;
    const bool fixed = p->opt->smearing == DFT_SMEARING_NONE;
    struct ham *h;
    *ret_res = 0;
    memset(p->rho_r, 0, (size_t)b->nr * sizeof *p->rho_r);
    for (int i = 0; i < p->nk; i++) {
        double res;
        AL_TRY(scf_ham(p, i, &h));
        AL_TRY(davidson(h, p->dav, p->nb, bands_that_count(p, i), tol, maxit, p->psi[i], p->e + i * p->nb,
                        &res));
        if (res > *ret_res) *ret_res = res;
        if (fixed) AL_TRY(add_density(p, h, i));
        scf_ham_release(p, i, &h);
    }
    if (!fixed) {
        AL_TRY(fill_bands(p));
        for (int i = 0; i < p->nk; i++) {
            AL_TRY(scf_ham(p, i, &h));
            AL_TRY(add_density(p, h, i));
            scf_ham_release(p, i, &h);
        }
    }
    AL_TRY(comm_sum_d(b->comm, p->rho_r, (size_t)b->nr));
    basis_to_g2(b, p->rho_r, p->vxc, p->rho_out, p->vg); // vg: for harris_energy
    return check_density(p);
}

static double band_energy(const struct scf *p)
{
    double s = 0;
    for (int i = 0; i < p->nk * p->nb; i++)
        s += p->occ[i] * p->e[i];
    return s;
}

// E[rho_in] = sum occ e - TS - E_H - int vxc rho + E_xc + Ewald.
static enum al_err harris_energy(struct scf *p, double ewald_energy, double *ret)
{
    struct scf_energies *e = &p->energy;
    struct basis *b = p->s->b;
    double vrho = 0; // of vxc
    for (int i = 0; i < b->ng; i++)
        vrho += creal(conj(p->rho_in[i]) * p->vg[i]);
    *ret = band_energy(p) + e->smearing - e->hartree - b->volume * vrho + e->xc + ewald_energy;
    return AL_ERR_OK;
}

static enum al_err orbital_kinetic(struct scf *p, double *ret)
{
    double e = 0;
    for (int i = 0; i < p->nk; i++)
        e += kinetic_energy(p->k[i], p->nocc, p->occ + i * p->nb, p->psi[i]);
    AL_TRY(comm_sum_d(p->s->b->comm, &e, 1));
    *ret = e;
    return AL_ERR_OK;
}

// Not from the eigenvalues, in which single precision leaves 1e-11 Ha per atom.
static enum al_err orbital_nonlocal(struct scf *p, double *ret)
{
    *ret = 0;
    for (int i = 0; i < p->nk; i++) {
        struct ham *h;
        AL_TRY(scf_ham(p, i, &h));
        AL_TRY(nonlocal_project(h->nl, p->nocc, p->psi[i], h->p));
        *ret += nonlocal_energy(h->nl, p->nocc, p->occ + i * p->nb, h->p);
        scf_ham_release(p, i, &h);
    }
    return AL_ERR_OK;
}

// Kohn-Sham (free) energy of the orbitals, potential of rho_out in v_out and vxc.
static enum al_err final_energy(struct scf *p, double ewald_energy)
{
    struct scf_energies *e = &p->energy;
    AL_TRY(scf_potential(p, p->rho_out, p->v_out, e));
    AL_TRY(orbital_kinetic(p, &e->kinetic));
    AL_TRY(orbital_nonlocal(p, &e->nonlocal));
    e->ewald = ewald_energy;
    e->total = e->kinetic + e->nonlocal + e->local + e->hartree + e->xc + e->ewald + e->smearing;
    e->zero_width = occupation_zero_width(p->opt->smearing, e->total, e->smearing);
    if (!isfinite(e->total)) AL_FAIL(AL_ERR_UNPHYSICAL, "total energy is not finite");
    return AL_ERR_OK;
}

static enum al_err find_gap(struct scf *p)
{
    const bool fixed = p->opt->smearing == DFT_SMEARING_NONE;
    p->gap = NAN;
    if (fixed) p->fermi = NAN;
    if (p->nb == p->nfull || p->nfull == 0) return AL_ERR_OK;
    double homo = -(double)INFINITY, lumo = INFINITY;
    for (int i = 0; i < p->nk; i++) {
        homo = fmax(homo, p->e[i * p->nb + p->nfull - 1]);
        lumo = fmin(lumo, p->e[i * p->nb + p->nfull]);
    }
    p->gap = lumo - homo;
    if (2 * p->nfull < p->nelec - 1e-9) p->gap = fmin(p->gap, 0); // a band is partly filled
    if (!fixed) return AL_ERR_OK;
    p->fermi = 0.5 * (homo + lumo);
    if (p->gap < -1e-6)
        AL_FAIL_HINT(AL_ERR_UNPHYSICAL, "label.smearing takes metals",
                     "bands overlap by %.3f eV between k-points: not an insulator", -p->gap * AL_HARTREE_EV);
    return AL_ERR_OK;
}

static enum al_err asked_to_stop(struct scf *p)
{
    struct comm *c = p->s->b->comm;
    int stop = 0;
    if (c->rank == 0 && p->opt->check_stop) stop = p->opt->check_stop(p->opt->ctx);
    comm_bcast(c, &stop, sizeof stop, 0);
    if (stop) AL_FAIL(AL_ERR_STOPPED, "stopped at SCF step %d", p->iterations + 1);
    return AL_ERR_OK;
}

static void observe(const struct scf *p, double energy, double tol)
{
    struct dft_scf_step step = {p->iterations, energy, p->residual, tol, (int)p->applies, p->rung};
    if (p->s->b->comm->rank == 0 && p->opt->observe) p->opt->observe(p->opt->ctx, &step);
}

// Residual norm asked of the eigensolver: its error in the density must stay below the residual's. A warm start's bands are
// already of that quality: its factor is that of fewest products.
static double diag_tolerance(const struct scf *p, double residual)
{
    return (p->warm ? 1.2 : 0.6) * p->opt->diag_scale * sqrt(residual / p->nelec);
}

// A start far below the cut-off (level 2) says nothing about the gap.
static enum al_err enough_bands(struct scf *p)
{
    if (!p->bands_of_insulator || p->level > 1 || p->residual > settled * p->s->natoms) return AL_ERR_OK;
    p->few_bands = p->opt->smearing != DFT_SMEARING_NONE && p->top_filling > OCCUPATION_TRACE;
    if (p->few_bands)
        AL_FAIL(AL_ERR_UNPHYSICAL, "SCF step %d: the highest of %d bands holds %.1e of its electrons", p->iterations + 1, p->nb,
                p->top_filling);
    return AL_ERR_OK;
}

// One step; tol is the eigensolver's tolerance, tightened when the density turns out to be better than that.
// *bands: largest residual norm of bands that hold electrons.
static enum al_err step(struct scf *p, double ewald_energy, double *tol, double *bands)
{
    struct basis *b = p->s->b;
    double energy;
    AL_TRY(scf_potential(p, p->rho_in, p->v_in, &p->energy));
    p->v_mean = mean(p->v_in, b->nr);
    AL_TRY(solve_bands(p, *tol, p->iterations == 0 && !p->warm && !p->prepared ? DIAG_FIRST : DIAG_MORE, bands));
    p->residual = mixer_distance(b, p->rho_out, p->rho_in);
    if (p->iterations == 0 && *tol > 3 * diag_tolerance(p, p->residual)) {
        *tol = diag_tolerance(p, p->residual);
        AL_TRY(solve_bands(p, *tol, DIAG_MORE, bands));
        p->residual = mixer_distance(b, p->rho_out, p->rho_in);
    }
    if (!isfinite(p->residual))
        AL_FAIL(AL_ERR_UNPHYSICAL, "SCF step %d: the density is not finite", p->iterations + 1);
    AL_TRY(enough_bands(p));
    AL_TRY(harris_energy(p, ewald_energy, &energy));
    p->iterations++;
    p->energy.total = energy;
    if (p->iterations == 1) p->first_residual = p->residual;
    observe(p, energy, *tol);
    return AL_ERR_OK;
}

// exact: the last step's bands must be in double precision.
static enum al_err cycle(struct scf *p, struct mixer *mix, bool exact, double ewald_energy)
{
    const double target = p->opt->scf_tol * p->s->natoms;
    // a warm start is a guess whose residual is that of the frame before, or of atoms that moved by 1 fs
    const double guess = fmax(p->first_residual > 0 ? p->first_residual : 1e-5 * p->s->natoms, target);
    double tol = p->warm ? diag_tolerance(p, 0.1 * guess) : 1e-2, before = INFINITY, best = INFINITY;
    // the density alone does not tell: bands that the solver left behind can reproduce it
    // (those of a warm start end just below it, and the energy is to be as good as the threshold)
    const double band_limit = (p->warm ? 0.5 : 2) * sqrt(target / p->nelec);
    double bands;
    int best_at = 0;
    for (;;) {
        AL_TRY(asked_to_stop(p));
        AL_TRY(step(p, ewald_energy, &tol, &bands));
        if (p->residual < target && bands < band_limit) {
            if (!exact || !p->dav->single) return AL_ERR_OK;
            tol = fmin(tol, davidson_single_from);
        }
        if (p->iterations >= p->opt->max_scf)
            AL_FAIL(AL_ERR_NOTCONV, "density not converged: %d steps, residual %.2e Ha, wanted %.1e",
                    p->iterations, p->residual, target);
        if (p->residual < 0.5 * best) {
            best = p->residual;
            best_at = p->iterations;
        }
        if (p->iterations - best_at >= STAGNANT)
            AL_FAIL(AL_ERR_NOTCONV, "density does not converge: residual %.2e Ha at step %d, %.2e at step %d",
                    best, best_at, p->residual, p->iterations);
        AL_TRY(mixer_step(mix, p->rho_in, p->rho_out));
        // The next residual is about a tenth of this one; never ask for much more than the end needs. When
        // the density does not get better, unconverged bands may be the cause.
        tol = fmin(tol, fmax(diag_tolerance(p, 0.1 * p->residual), diag_tolerance(p, 0.1 * target)));
        if (p->residual > 0.5 * before) tol = fmax(0.2 * tol, diag_tolerance(p, fmax(1e-3 * p->residual, 0.1 * target)));
        before = p->residual;
    }
}

static enum al_err run_cycle(struct scf *p, bool exact, double ewald_energy)
{
    AL_OWN(mixer) mix = NULL;
    AL_TRY(mixer_create(p->s->b, p->opt->mix_history, p->opt->mix_beta, p->opt->mix_kerker, &mix));
    return cycle(p, mix, exact, ewald_energy);
}

enum al_err scf_approach(struct scf *p)
{
    AL_TRY(coarse_start(p, &p->prepared));
    return run_cycle(p, false, 0);
}

enum al_err scf_run(struct scf *p)
{
    double ewald_energy;
    if (!p->warm) AL_TRY(coarse_start(p, &p->prepared)); // may take most of the steps
    AL_TRY(ewald(p->s, 0, &ewald_energy, NULL, NULL));
    AL_TRY(run_cycle(p, true, ewald_energy));
    AL_TRY(final_energy(p, ewald_energy));
    AL_TRY(find_gap(p));
    return check_state(p);
}
