// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The ladder for frames whose SCF fails (AL_ERR_NOTCONV, AL_ERR_UNPHYSICAL): each rung starts afresh with other
// settings. None changes what a label means: mixing and solver settings end at the same state within scf_tol, and
// the rung with smearing is only the way to a state that is then finished with the occupations asked for. Where
// those are fixed and bands overlap, the ladder ends: only smearing gives such a frame a label.
#ifndef AL_DFT_RESCUE_H
#define AL_DFT_RESCUE_H

#include "dft/scf.h"

enum rescue_rung {
    RESCUE_NONE,     // settings as given
    RESCUE_MIXING,   // smaller steps, stronger Kerker damping, longer history
    RESCUE_SMEARING, // wide Fermi-Dirac first, then as asked for; left out where that is as wide
    RESCUE_SOLVER,   // bands ten times as tight, more empty ones
    RESCUE_FRESH,    // other random orbitals, no coarse start, very small steps, bands a hundred times as tight
    RESCUE_RUNGS
};
const char *rescue_name(int rung); // "default", "mixing", ...

struct history;

struct rescue_log {
    int rung;          // the last that was tried
    int tried;         // how many
    int iterations;    // of all
    int coarse_iterations; // of their coarse starts
    long applies, ffts; // coarse starts included
    long coarse_applies;
    bool few_bands;    // of the last attempt: too few for the smearing
};
// history: NULL, or earlier frames (extrapolate.h) that the first attempt starts from; when it fails they are forgotten and the
// ladder begins without. *log is filled in on failure too. The error is that of the last rung, with that of the first in its text.
enum al_err rescue_run(const struct dft_options *opt, struct dft_system *s, const struct kpoint_set *k,
                       const struct xc_func *func, struct history *history, struct rescue_log *log, struct scf **ret);

#endif
