// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The descriptor D of every atom of a frame (dp/model.h), as a trained model sees its environment: a fingerprint for choosing
// among frames. Invariant under rotation, translation and exchange of equal atoms.
#ifndef AL_DP_DESCRIPTOR_H
#define AL_DP_DESCRIPTOR_H

#include "base/frame.h"

struct dp_describer;
enum al_err dp_describer_open(const char *path, struct dp_describer **ret); // a .dp file
void dp_describer_destroy(struct dp_describer **d);
int dp_describer_width(const struct dp_describer *d); // numbers per atom
// ret [natoms][width], in the frame's order of atoms. A species that the model does not know: AL_ERR_INPUT.
enum al_err dp_describer_run(struct dp_describer *d, const struct al_frame *f, double *ret);

#endif
