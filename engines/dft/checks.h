// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What must hold of every state before its numbers leave the engine; violations are AL_ERR_UNPHYSICAL, which the
// rescue ladder answers with its next rung, but for ghost states: AL_ERR_INPUT, the pseudopotential is to blame. The limits are constants of checks.c with their reasons.
#ifndef AL_DFT_CHECKS_H
#define AL_DFT_CHECKS_H

#include "dft/scf.h"

// After each density: it is finite and holds the electrons.
enum al_err check_density(struct scf *p);
// After the last step: residual norms recomputed for a sample of occupied bands, no ghost states, with smearing
// nothing left over in the highest band.
enum al_err check_state(struct scf *p);
// Forces (Ha/bohr, sum not removed) and strain derivative: finite, net force, symmetry.
enum al_err check_derivatives(const struct scf *p, const double (*f)[3], const double strain[3][3]);

#endif
