// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Plane-wave DFT as a potential (seam/potential.h): first-principles molecular dynamics. A labeler (dft.h) whose frames start
// from the extrapolation of earlier ones (extrapolate.h); POT_HISTORY.
//
// On several ranks rank 0 alone drives: it calls the seam's functions, close at the end; the others call
// dft_potential_serve, which takes part in what rank 0 does until then, and then potential_destroy.
#ifndef AL_DFT_POTENTIAL_H
#define AL_DFT_POTENTIAL_H

#include "dft/dft.h"
#include "seam/potential.h"

// Collective over comm (borrowed). Sets opt.follow. Fails as dft_labeler_open.
enum al_err dft_potential_open(const struct dft_options *opt, struct comm *comm, struct potential **ret);
// Ranks other than 0. Returns when rank 0 closes its potential.
enum al_err dft_potential_serve(struct potential *p);
// Of the last eval on this rank, and the fingerprint that its frames' labels have.
const struct label_report *dft_potential_report(const struct potential *p);
const char *dft_potential_fingerprint(const struct potential *p);

#endif
