// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Seam: labeler. First-principles energy, forces and virial of a frame. Implementation: dft. Collective:
// every rank of the communicator that it was opened with calls label with the same frame and gets the same
// answer and the same status.
#ifndef AL_SEAM_LABELER_H
#define AL_SEAM_LABELER_H

#include "base/frame.h"

struct label_report {
    int scf_iterations;
    int nbands, nkpt, npw;     // bands, k-points after time reversal, plane waves of the first k-point
    int fft[3];
    double residual_force[3];  // sum of forces before it was taken out, eV/Ang
    double gap;                // HOMO-LUMO gap over the k-points, eV; NaN where no empty band was computed
    long applies;              // H|psi> products
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
