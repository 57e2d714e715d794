// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Coarse start: the same cell at a fraction of the cut-off (dft_options.coarse) is brought near its ground state,
// where a product H|psi> costs a third or less, and its density and orbitals are the start at the full cut-off.
// The remaining error sits in high plane waves, where the eigensolver's preconditioner is nearly exact.
#ifndef AL_DFT_COARSE_H
#define AL_DFT_COARSE_H

#include "dft/scf.h"

// Fills p->rho_in and p->psi; *ret_done false (and nothing changed) where the coarse sphere is too small for the
// bands or the option is off. AL_ERR_STOPPED; a coarse cell that does not converge still is a start.
enum al_err coarse_start(struct scf *p, bool *ret_done);

#endif
