// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the networks of a model with ZBL repulsion (dp/zbl.h) have to learn: the labels less the repulsion.
#ifndef AL_TRAIN_REMAINDER_H
#define AL_TRAIN_REMAINDER_H

#include "dp/model.h"
#include "train/dataset.h"

struct remainder {
    struct dp_dataset data; // as d but for energy, force and virial; everything else is d's
};
// Borrows d.
enum al_err remainder_create(const struct dp_config *c, const struct dp_dataset *d, struct remainder **ret);
void remainder_destroy(struct remainder **r);

#endif
