// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_TEST_AIMD_SCRATCH_H
#define AL_TEST_AIMD_SCRATCH_H

#include "dft/dft.h"

// A copy of f with the label that a labeler without history gives it; ends the test when it fails.
struct al_frame *from_scratch(const struct dft_options *o, struct comm *comm, const struct al_frame *f, struct label_report *rep);

#endif
