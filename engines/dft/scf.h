// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Self-consistent ground state of one frame at fixed occupations, and its forces and strain derivative.
#ifndef AL_DFT_SCF_H
#define AL_DFT_SCF_H

#include "dft/davidson.h"
#include "dft/dft.h"
#include "dft/kpoints.h"
#include "dft/xc_func.h"

struct scf_energies {
    double kinetic, nonlocal, local, hartree, xc, ewald,
        total; // Ha; kinetic holds kinetic + nonlocal after scf_run
};

struct scf {
    const struct dft_options *opt; // borrowed
    struct dft_system *s;          // borrowed
    int nocc, nb, nk;
    struct kbasis **k; // [nk]
    struct ham **ham;  // [nk]; NULL entries are made when needed (memory)
    bool keep_ham;
    bool warm; // set between scf_create and scf_run with rho_in and psi that are close to the answer: no deep
               // first diagonalisation
    double complex **psi; // [nk][nb][nloc]
    double *e;            // [nk][nb] Ha
    double *occ;          // [nk][nb] electrons, weight included
    struct davidson_work *dav;
    struct xc_term *xc;
    double complex *vloc, *core;        // [ng] core NULL when no kind has one
    double complex *rho_in, *rho_out;   // [ng]
    double *v_in, *v_out, *vxc, *rho_r; // [nr]
    double v_mean;                      // of v_in
    double complex *vg;                 // [ng] scratch
    struct scf_energies energy;
    int iterations;
    long applies;
    double residual, first_residual; // Ha
    double gap;                      // Ha, NaN without empty bands
};

enum al_err scf_create(const struct dft_options *opt, struct dft_system *s, const struct kpoint_set *k,
                       const struct xc_func *func, struct scf **ret);
void scf_destroy(struct scf **p);
// AL_ERR_NOTCONV, AL_ERR_STOPPED, AL_ERR_UNPHYSICAL (occupied bands of one k-point above empty ones of
// another).
enum al_err scf_run(struct scf *p);
// After scf_run. f [natoms]: forces, Ha/bohr, their sum not removed; strain: dE/d(strain).
enum al_err scf_forces(struct scf *p, double (*f)[3]);
enum al_err scf_strain(struct scf *p, double strain[3][3]);

// Inside: effective potential of rho into v; the parts of the energy that depend on rho into e (local,
// hartree, xc) and vxc.
enum al_err scf_potential(struct scf *p, const double complex *rho, double *v, struct scf_energies *e);
enum al_err scf_ham(struct scf *p, int ik, struct ham **ret);
void scf_ham_release(struct scf *p, int ik, struct ham **h);

#endif
