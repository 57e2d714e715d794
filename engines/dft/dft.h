// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Plane-wave Kohn-Sham DFT as a labeler (seam/labeler.h): real orbitals at Gamma, complex ones at other k-points,
// norm-conserving pseudopotentials (psp8, UPF 2, GTH) with nonlinear core correction, libxc functionals, smearing or fixed
// occupations (even number of electrons, insulators), uniform background charge, block Davidson, Pulay mixing,
// energy, forces, virial, a ladder of rescues for cells that do not converge. Hartree
// atomic units inside; frames are in eV and Angstrom. Every frame starts afresh from atomic densities and
// seeded random orbitals: the label depends on the frame, the options and the number of ranks only, bit for
// bit.
#ifndef AL_DFT_DFT_H
#define AL_DFT_DFT_H

#include <stdbool.h>

#include "comm/comm.h"
#include "seam/labeler.h"

enum { DFT_PHYSICS_VERSION = 1 }; // raised when the same options give other numbers

enum dft_kpoint_kind {
    DFT_KPOINTS_GAMMA,
    DFT_KPOINTS_LIST,    // points and weights as given (no reduction)
    DFT_KPOINTS_MESH,    // mesh n[3], k_i = (j + shift_i/2)/n_i; k and -k are merged
    DFT_KPOINTS_SPACING, // largest step along each reciprocal axis, 1/Ang with 2 pi; n_i =
                         // ceil(|b_i|/spacing), shifted by half a step along axes with more than one point; k
                         // and -k are merged
};

struct dft_kpoints {
    enum dft_kpoint_kind kind;
    int n;                 // LIST: number of points
    const double (*k)[3];  // LIST: fractions of the reciprocal vectors
    const double *weight;  // LIST: any positive numbers, normalised to sum 1; NULL = equal
    int mesh[3], shift[3]; // MESH: shift in half steps, 0 or 1
    double spacing;        // SPACING: 1/Ang
};

enum dft_smearing {
    DFT_SMEARING_NONE, // fixed occupations, closed shells
    DFT_SMEARING_GAUSSIAN,
    DFT_SMEARING_FERMI, // Fermi-Dirac
    DFT_SMEARING_COLD,  // Marzari-Vanderbilt
};

enum dft_dense { // matrices of the eigensolver on several ranks (subspace.h)
    DFT_DENSE_AUTO,  // by size
    DFT_DENSE_LAPACK, // one rank at a time
    DFT_DENSE_SCALAPACK,
};

struct dft_pseudo { // pseudopotential of one element
    int z;
    const char *path; // file, FILE#ENTRY, directory or built-in set (base/pseudofile.h); NULL: from pseudo_dir
};

struct dft_scf_step {
    int it;          // from 1
    double energy;   // Harris-Foulkes energy of this step, Ha
    double residual; // Hartree energy of (rho_out - rho_in), Ha: estimates the energy's error
    double diag_tol; // residual norm asked of the eigensolver, Ha
    int applies;     // H|psi> products so far
    int rung;        // of the rescue ladder, 0 = default settings
};

struct dft_options {
    double ecut;            // Ha, orbitals; the density has 4 ecut
    const char *functional; // a name of base/xcname.h: "PBE", "LDA", "gga_x_pbe+gga_c_pbe" ...
    struct dft_kpoints kpoints;
    int fft_grid[3];        // 0 = smallest lengths with factors 2, 3, 5, 7 that hold the density's sphere
    const char *pseudo_dir; // source of all elements without a path of their own (a directory, "GTH-PBE"), or NULL
    const struct dft_pseudo
        *pseudo; // [npseudo] every element that frames may contain (part of the fingerprint)
    int npseudo;
    double charge; // e: electrons taken out of the neutral cell; a uniform background neutralises it
    enum dft_smearing smearing; // Gaussian; with it energies are free energies (forces belong to them)
    double smearing_width;      // Ha; 0.05 eV: no change where the gap is above 0.5 eV
    double scf_tol;      // Ha per atom: convergence of dft_scf_step.residual; normal 1e-9, tight 1e-13
    int max_scf;         // steps
    int nextra;          // empty bands; -1 = max(2, occupied/20), or as many as the smearing needs (occupation.h)
    double mix_beta;     // 0.8
    int mix_history;     // Pulay history, 8
    double mix_kerker;   // Kerker wave vector, 1/bohr: 0.6 damps what these insulators screen; 0 = none
    double min_distance; // Ang: frames with closer atoms are refused (AL_ERR_INPUT)
    const double (*sphere_cell)[3]; // rows, Ang; not NULL: choose plane waves as in this cell (tests of the
                                    // stress at a fixed set of plane waves)
    bool pulay;  // virials of a fixed cut-off, as energies are (pulay.c), else of the fixed set of plane waves
    bool follow; // start from the extrapolation of the frames labelled before (extrapolate.h), where they fit: the
                 // label then depends on them below scf_tol
    bool conserve; // with follow: so tightly that the energy of molecular dynamics does not drift
    bool complex_gamma;             // complex orbitals at Gamma, too (test twin)
    bool no_rescue;                 // fail where the default settings do
    int start;                      // number of the random start orbitals; 0
    double coarse;                  // cut-off of the coarse start as a share of ecut, 0.4; 0 = none
    double diag_scale;              // factor on the eigensolver's tolerances; 1
    enum dft_dense dense;           // AUTO; the others are each other's test twins
    int dense_rows;                 // rows of ScaLAPACK's process grid, a divisor of the ranks; 0: as square as it can be
    // Called on rank 0 after each SCF step; may be NULL.
    void (*observe)(void *ctx, const struct dft_scf_step *step);
    // Asked on rank 0 before each SCF step; true ends label with AL_ERR_STOPPED on all ranks. May be NULL.
    bool (*check_stop)(void *ctx);
    // Called on rank 0 with the valence density of the converged SCF in real space, electrons/bohr^3, rho[i0 + n[0] (i1
    // + n[1] i2)] at (i0/n[0], i1/n[1], i2/n[2]) of the cell vectors; an error of it is the label's. May be NULL.
    enum al_err (*density)(void *ctx, const int n[3], const double *rho);
    void *ctx;
};

// Defaults as in the comments above: PBE, Gamma, scf_tol 1e-9, max_scf 100; ecut 0 must be set.
void dft_options_init(struct dft_options *opt);

// Collective over comm (borrowed: must outlive the labeler). Copies all options. AL_ERR_INPUT: bad option;
// AL_ERR_NOTFOUND: no pseudopotential; AL_ERR_CORRUPT: unreadable file.
enum al_err dft_labeler_open(const struct dft_options *opt, struct comm *comm, struct labeler **ret);

// SHA-256 (64 hex digits) of the options that change numbers, the checksum of each pseudopotential file and
// the physics version. Needs no MPI; the same as labeler->ops->fingerprint. Rank count is not part of it.
enum al_err dft_labeler_fingerprint(const struct dft_options *opt, char ret_hex[65]);

// What the user should know about the options, "" when nothing: pseudopotentials made with another functional.
const char *dft_labeler_warning(const struct labeler *l);

#endif
