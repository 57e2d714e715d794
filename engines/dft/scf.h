// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Self-consistent ground state of one frame, and its forces and strain derivative.
#ifndef AL_DFT_SCF_H
#define AL_DFT_SCF_H

#include "dft/davidson.h"
#include "dft/dft.h"
#include "dft/kpoints.h"
#include "dft/xc_func.h"

struct scf_energies { // Ha
    double kinetic, nonlocal, local, hartree, xc, ewald;
    double smearing; // -TS
    double total;    // sum of the above; before the end the Harris-Foulkes energy of the step
    double zero_width;
};

struct scf {
    struct dft_options own;        // copy of the caller's
    const struct dft_options *opt; // &own
    struct dft_system *s;          // borrowed
    double nelec;                  // of the cell with its charge
    int nfull;                     // bands filled without smearing
    int nocc;                      // bands that hold electrons: density and forces are sums over these
    int nb, nk;
    struct kbasis **k; // [nk]
    struct ham **ham;  // [nk]; NULL entries are made when needed (memory)
    bool keep_ham;
    // Set between scf_create and scf_run when rho_in and psi already hold a good guess: no deep first
    // diagonalisation.
    bool warm;
    bool prepared; // by a coarse start
    int level;     // 0: the cell itself, 1, 2: coarse starts
    double complex **psi; // [nk][nb][nloc]
    double *e;            // [nk][nb] Ha
    double *occ;          // [nk][nb] electrons, weight included
    double *weight;       // [nk]
    struct davidson_work *dav;
    struct xc_term *xc;
    double complex *vloc, *core;        // [ng] core NULL when no kind has one
    double complex *rho_in, *rho_out;   // [ng]
    double *v_in, *v_out, *vxc, *rho_r; // [nr]
    double v_mean;                      // of v_in
    double complex *vg;                 // [ng] scratch
    struct scf_energies energy;
    int iterations;
    long applies, ffts;              // H|psi> products, transforms of orbitals
    long coarse_applies, coarse_ffts; // the same of the coarse start
    int coarse_iterations;            // its SCF steps
    double residual, first_residual; // Ha; first_residual set beside warm: an expectation of it
    double gap;                      // Ha, negative where bands overlap; NaN without empty bands
    double fermi;                    // Ha; without smearing the middle of the gap, NaN without empty bands
    double electron_error;           // largest |count - wanted| of a density
    double band_residual;            // largest residual norm of a sample of occupied bands, Ha (scf_check)
    double band_depth;               // highest filled band above the lowest, Ha
    double top_filling;              // largest share of its two electrons that a highest band holds
    // Set between scf_create and scf_run when the number of bands is our own choice, that of an insulator: as soon as the highest is
    // seen to hold electrons scf_run fails with AL_ERR_UNPHYSICAL and few_bands set.
    bool bands_of_insulator, few_bands;
    int rung;                        // for observers
};

enum al_err scf_create(const struct dft_options *opt, struct dft_system *s, const struct kpoint_set *k,
                       const struct xc_func *func, struct scf **ret);
void scf_destroy(struct scf **q);
// AL_ERR_NOTCONV, AL_ERR_STOPPED, AL_ERR_UNPHYSICAL (without smearing: bands overlap; any check of checks.h).
enum al_err scf_run(struct scf *p);
// The cycle alone, without the final energies and checks (coarse start).
enum al_err scf_approach(struct scf *p);
// After scf_run. f [natoms]: forces, Ha/bohr, their sum not removed; strain: dE/d(strain).
enum al_err scf_derivatives(struct scf *p, double (*f)[3], double strain[3][3]);
// After scf_run: what dE/d(strain) at a fixed cut-off has more than that of the fixed set of plane waves (pulay.c).
enum al_err scf_pulay(const struct scf *p, double ret_strain[3][3]);

// Inside: effective potential of rho into v; the parts of the energy that depend on rho into e (local,
// hartree, xc) and vxc.
enum al_err scf_potential(struct scf *p, const double complex *rho, double *v, struct scf_energies *e);
enum al_err scf_ham(struct scf *p, int ik, struct ham **ret);
void scf_ham_release(struct scf *p, int ik, struct ham **h);

#endif
