// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// seam/labeler.h on top of the SCF: units, checks, report.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/checks.h"
#include "dft/extrapolate.h"
#include "dft/options.h"
#include "dft/rescue.h"

// Below it the gap of a semilocal functional says little about the frame, and Gamma or a few k-points may have
// missed an overlap.
static const double metallic_gap = 0.1; // eV

struct dft_labeler {
    struct labeler base;
    struct comm *comm; // borrowed
    struct dft_setup *setup;
    struct formfac **ff; // [npseudo]
    struct xc_func *func;
    struct history *history; // with opt.follow, else NULL
};

static void dft_labeler_destroy(struct dft_labeler **p)
{
    struct dft_labeler *l = *p;
    if (!l) return;
    for (int i = 0; l->ff && i < l->setup->opt.npseudo; i++)
        formfac_destroy(&l->ff[i]);
    al_free(l->ff);
    xc_func_destroy(&l->func);
    history_destroy(&l->history);
    dft_setup_destroy(&l->setup);
    al_free(l);
    *p = NULL;
}

static enum al_err make_system(struct dft_labeler *l, const struct al_frame *f, struct dft_system **ret)
{
    const struct dft_options *o = &l->setup->opt;
    AL_AUTOFREE int *kind = NULL;
    AL_AUTOFREE double(*pos)[3] = NULL;
    AL_OWN(basis) b = NULL;
    double cell[3][3], sphere[3][3];
    if (!f->pbc) AL_FAIL(AL_ERR_INPUT, "frame is not periodic");
    AL_TRY(al_frame_check(f, o->min_distance));
    AL_ALLOC(kind, f->natoms);
    AL_ALLOC(pos, f->natoms);
    for (int i = 0; i < f->natoms; i++) {
        kind[i] = -1;
        for (int t = 0; t < o->npseudo; t++)
            if (o->pseudo[t].z == f->z[i]) kind[i] = t;
        if (kind[i] < 0)
            AL_FAIL(AL_ERR_INPUT, "no pseudopotential for %s (atom %d)", al_element_symbol(f->z[i]), i + 1);
        for (int d = 0; d < 3; d++)
            pos[i][d] = f->pos[i][d] / AL_BOHR_ANG;
    }
    for (int i = 0; i < 9; i++) {
        cell[i / 3][i % 3] = f->cell[i / 3][i % 3] / AL_BOHR_ANG;
        if (o->sphere_cell) sphere[i / 3][i % 3] = o->sphere_cell[i / 3][i % 3] / AL_BOHR_ANG;
    }
    AL_TRY(basis_create(l->comm, o->ecut, cell, o->sphere_cell ? sphere : NULL, o->fft_grid, &b));
    return dft_system_create(&b, f->natoms, kind, pos, o->npseudo, (const struct formfac *const *)l->ff, ret);
}

static double volume_ang3(const struct scf *p)
{
    return p->s->b->volume * AL_BOHR_ANG * AL_BOHR_ANG * AL_BOHR_ANG;
}

// Forces in eV/Ang with their sum removed (plane waves on a finite xc grid leave a small one), virial in eV.
static void store(struct al_frame *f, const struct scf *p, const double (*force)[3],
                  const double strain[3][3], struct label_report *rep)
{
    const double unit = AL_HARTREE_EV / AL_BOHR_ANG, volume = volume_ang3(p);
    double sum[3] = {0};
    for (int i = 0; i < f->natoms; i++)
        for (int d = 0; d < 3; d++)
            sum[d] += force[i][d];
    for (int i = 0; i < f->natoms; i++)
        for (int d = 0; d < 3; d++)
            f->forces[i][d] = unit * (force[i][d] - sum[d] / f->natoms);
    for (int a = 0; a < 3; a++) {
        rep->residual_force[a] = unit * sum[a];
        for (int b = 0; b < 3; b++) {
            f->virial[a][b] = -0.5 * (strain[a][b] + strain[b][a]) * AL_HARTREE_EV;
            rep->stress_asymmetry =
                fmax(rep->stress_asymmetry, fabs(strain[a][b] - strain[b][a]) * AL_HARTREE_EV / volume);
        }
    }
    f->energy = p->energy.total * AL_HARTREE_EV;
    f->have |= AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
}

// Energies and what else the converged state tells.
static void describe(const struct scf *p, struct label_report *rep)
{
    const struct scf_energies *e = &p->energy;
    const double u = AL_HARTREE_EV;
    rep->nbands = p->nb;
    rep->nkpt = p->nk;
    rep->npw = p->k[0]->npw;
    memcpy(rep->fft, p->s->b->n, sizeof rep->fft);
    rep->energies = (struct label_energies){
        u * e->kinetic, u * e->nonlocal, u * e->local, u * e->hartree,   u * e->xc,
        u * e->ewald,   u * e->smearing, u * e->total, u * e->zero_width};
    rep->gap = p->gap * u;
    rep->metallic = p->gap * u < metallic_gap;
    rep->fermi = p->fermi * u;
    rep->electron_error = p->electron_error;
    rep->band_residual = p->band_residual;
    rep->band_depth = p->band_depth * u;
    snprintf(rep->detail, sizeof rep->detail, "%d SCF steps, residual %.1e -> %.1e Ha%s", p->iterations,
             p->first_residual, p->residual, rep->metallic ? ", METALLIC" : "");
}

static void log_work(const struct rescue_log *log, struct label_report *rep)
{
    size_t n = strlen(rep->detail);
    if (n > 0 && log->coarse_applies > 0) // of a failure its reason, which needs the room
        n += (size_t)snprintf(rep->detail + n, sizeof rep->detail - n, ", %ld of %ld H|psi> in the coarse start",
                              log->coarse_applies, log->applies);
    if (n >= sizeof rep->detail) n = sizeof rep->detail - 1;
    rep->scf_iterations = log->iterations;
    rep->coarse_iterations = log->coarse_iterations;
    rep->applies = log->applies;
    rep->ffts = log->ffts;
    rep->rung = log->rung;
    rep->rung_name = rescue_name(log->rung);
    if (log->rung > 0)
        snprintf(rep->detail + n, sizeof rep->detail - n, "%srescue: %s (%d steps in all)", n ? ", " : "",
                 rep->rung_name, log->iterations);
}

static enum al_err hand_density(const struct dft_labeler *l, struct scf *p)
{
    const struct dft_options *o = &l->setup->opt;
    if (!o->density) return AL_ERR_OK;
    basis_to_r(p->s->b, p->rho_out, p->rho_r);
    enum al_err e = l->comm->rank == 0 ? o->density(o->ctx, p->s->b->n, p->rho_r) : AL_ERR_OK;
    AL_TRY_ALL(l->comm, e);
    return AL_ERR_OK;
}

static enum al_err add_pulay(const struct scf *p, double strain[3][3], double *ret_pressure)
{
    double more[3][3], trace = 0;
    AL_TRY(scf_pulay(p, more));
    for (int a = 0; a < 9; a++)
        strain[a / 3][a % 3] += more[a / 3][a % 3];
    for (int a = 0; a < 3; a++)
        trace += more[a][a];
    *ret_pressure = -trace * AL_HARTREE_EV / (3 * volume_ang3(p)) * AL_EV_A3_GPA;
    return AL_ERR_OK;
}

static enum al_err run(struct dft_labeler *l, struct al_frame *f, struct label_report *rep)
{
    AL_OWN(dft_system) s = NULL;
    AL_OWN(kpoint_set) k = NULL;
    AL_OWN(scf) p = NULL;
    AL_AUTOFREE double(*force)[3] = NULL;
    double strain[3][3];
    struct rescue_log log = {0};
    AL_ALLOC(force, f->natoms);
    AL_TRY(make_system(l, f, &s));
    AL_TRY(kpoint_set_create(&l->setup->opt.kpoints, (const double(*)[3])f->cell, &k));
    enum al_err e = rescue_run(&l->setup->opt, s, k, l->func, l->history, &log, &p);
    if (e == AL_ERR_OK) describe(p, rep);
    log_work(&log, rep);
    AL_TRY(e);
    AL_TRY(scf_derivatives(p, force, strain));
    AL_TRY(check_derivatives(p, (const double(*)[3])force, (const double(*)[3])strain));
    if (l->setup->opt.pulay) AL_TRY(add_pulay(p, strain, &rep->pulay));
    if (l->history) AL_TRY(history_push(l->history, p));
    AL_TRY(hand_density(l, p));
    store(f, p, (const double(*)[3])force, (const double(*)[3])strain, rep);
    return AL_ERR_OK;
}

static enum al_err label_dft(struct labeler *base, struct al_frame *f, struct label_report *rep)
{
    struct dft_labeler *l = (struct dft_labeler *)base;
    double start = al_clock();
    memset(rep, 0, sizeof *rep);
    rep->gap = rep->fermi = rep->pulay = NAN;
    rep->rung_name = rescue_name(0);
    enum al_err e = comm_agree(l->comm, run(l, f, rep));
    if (e && l->history) history_forget(l->history);
    rep->seconds = al_clock() - start;
    if (e != AL_ERR_OK) {
        size_t n = strlen(rep->detail);
        snprintf(rep->detail + n, sizeof rep->detail - n, "%s%.200s", n ? ": " : "", al_err_message());
    }
    AL_TRY(e);
    return AL_ERR_OK;
}

static const char *fingerprint_dft(const struct labeler *l)
{
    return ((const struct dft_labeler *)l)->setup->fingerprint;
}

static void close_dft(struct labeler *base)
{
    struct dft_labeler *l = (struct dft_labeler *)base;
    dft_labeler_destroy(&l);
}

const char *dft_labeler_warning(const struct labeler *l)
{
    return ((const struct dft_labeler *)l)->setup->warning;
}

struct history *dft_labeler_history(struct labeler *base)
{
    return ((struct dft_labeler *)base)->history;
}

static const struct labeler_ops dft_ops = {"dft", label_dft, fingerprint_dft, close_dft};

enum al_err dft_labeler_open(const struct dft_options *opt, struct comm *comm, struct labeler **ret)
{
    AL_OWN(dft_labeler) l = NULL;
    AL_ALLOC(l, 1);
    l->base.ops = &dft_ops;
    l->comm = comm;
    AL_TRY(dft_setup_create(opt, comm, &l->setup));
    AL_TRY(xc_func_create(l->setup->functional, &l->func));
    if (opt->follow) {
        // A warm start ends just below its threshold, always from the same side: at a tenth of it NVE of Li3PS4 drifts by 14
        // microHa/atom/ps, at a thousandth by less than 2 (1 ps). Tighter costs little there, because the noise of earlier frames
        // is what limits the extrapolation. After the fingerprint, which says the threshold that labels have at least.
        if (opt->conserve) l->setup->opt.scf_tol *= 0.001;
        AL_TRY(history_create(comm, &l->history));
    }
    AL_ALLOC(l->ff, opt->npseudo);
    // 10 % more than the density's largest |G|, for strained cells with the plane waves of another
    for (int i = 0; i < opt->npseudo; i++)
        AL_TRY(formfac_create(l->setup->psp[i], 1.1 * 2 * sqrt(2 * opt->ecut), &l->ff[i]));
    *ret = &l->base;
    l = NULL;
    return AL_ERR_OK;
}
