// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What a label takes, before it is tried: sizes, peak memory of a rank from the sizes of the arrays that the SCF, the
// forces and the stress hold at a time (tests/dft/test_estimate.c compares with the measured resident set), and the
// floating-point operations of a usual SCF.
#ifndef AL_DFT_ESTIMATE_H
#define AL_DFT_ESTIMATE_H

#include "dft/dft.h"

struct dft_estimate {
    int nbands, nkpt, npw, nproj; // npw: of the first k-point
    int fft[3];
    double bytes;      // peak of one rank
    double replicated; // of them the same on every rank
    double flops;      // of the whole label, all ranks
};
// Needs no MPI; nothing of the frame's size is allocated. AL_ERR_INPUT, AL_ERR_NOTFOUND as dft_labeler_open; an element
// without a pseudopotential: AL_ERR_INPUT.
enum al_err dft_estimate(const struct dft_options *opt, const struct al_frame *f, int ranks, struct dft_estimate *ret);

#endif
