// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Seam: labeler. First-principles energy, forces and virial of a frame. Implementation: dft. Collective:
// every rank of the communicator that it was opened with calls label with the same frame and gets the same
// answer and the same status.
#ifndef AL_SEAM_LABELER_H
#define AL_SEAM_LABELER_H

#include <stdbool.h>

#include "base/frame.h"

struct label_energies { // eV; total is their sum and the energy that the forces belong to
    double kinetic, nonlocal, local, hartree, xc, ewald;
    double smearing; // -TS
    double total;
    double zero_width; // total extrapolated to zero smearing
};

struct label_report {
    int scf_iterations;        // of all rungs
    int coarse_iterations;     // before them, at lower cut-offs
    int nbands, nkpt, npw;     // bands, k-points after time reversal, plane waves of the first k-point
    int fft[3];
    double residual_force[3];  // sum of forces before it was taken out, eV/Ang
    double gap;                // HOMO-LUMO gap over the k-points, eV (negative: overlap); NaN without empty bands
    bool metallic;             // gap below 0.1 eV or bands that overlap: doubt labels without smearing
    double fermi;              // eV; middle of the gap without smearing, NaN without empty bands
    struct label_energies energies;
    double stress_asymmetry;   // largest |S_ab - S_ba| before it was made symmetric, eV/Ang^3
    double pulay;              // pressure that was added to that of the fixed set of plane waves, GPa; NaN: none
    double electron_error;     // largest |count - wanted| of a density
    double band_residual;      // largest |H psi - e psi| of occupied bands, recomputed at the end, Ha
    double band_depth;         // highest filled band above the lowest, eV
    long applies, ffts;        // H|psi> products; Fourier transforms of orbitals; of all rungs and coarse starts
    int rung;                  // of the rescue ladder that gave the label: 0 = default settings
    const char *rung_name;     // "default", ...
    double seconds;            // wall time; not for hashed files
    char detail[256];          // SCF history in words, why it failed
};

struct labeler;
struct labeler_ops {
    const char *name;
    // Sets energy, forces and virial of f (AL_HAVE_*). AL_ERR_NOTCONV: SCF did not converge (f untouched,
    // report says how it went); AL_ERR_INPUT: species without pseudopotential, atoms too close.
    enum al_err (*label)(struct labeler *l, struct al_frame *f, struct label_report *rep);
    // 64 hex digits: settings that change numbers (cut-off, k-points, functional, checksum of each
    // pseudopotential, physics version). Labels with different fingerprints are never mixed.
    const char *(*fingerprint)(const struct labeler *l);
    void (*close)(struct labeler *l);
};
struct labeler {
    const struct labeler_ops *ops;
};

static inline void labeler_destroy(struct labeler **l)
{
    if (*l) (*l)->ops->close(*l);
    *l = NULL;
}

#endif
