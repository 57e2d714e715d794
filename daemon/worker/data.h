// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Labelled data for training and testing by hand: read, checked, told.
#ifndef AL_WORKER_DATA_H
#define AL_WORKER_DATA_H

#include "train/check.h"
#include "train/train.h"

// alnd-worker data [--out FILE.extxyz|DIR] PATH... [--valid PATH...]: what the data are and what is wrong with them, as YAML on out; with
// --out they are written again. A question, not a task.
enum al_err data_print(int argc, char **argv, FILE *out);
// Systems, elements with their forces, notes of the readers, findings, at this depth of a YAML map.
enum al_err data_describe(FILE *out, const struct dp_dataset *train, const struct dp_dataset *valid, const struct check *c);
// Findings about a model on these data: atoms with more neighbours than its sel; energies that are all off by nearly the same, as from
// another reference of energy or other settings.
enum al_err data_against_model(struct check *c, const struct dp_model *m, const struct dp_dataset *d);
// AL_ERR_INPUT with the first fatal finding.
enum al_err data_refuse(const struct check *c);

#endif
