// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The fast path of the gradient: embedding nets by nodes and interpolation (train/nodes.h), all frames of a batch at
// once, atoms of a type together in the first fitting layer (dp/panel.h). Suffix _d: double throughout; _s: mixed:
// rows, descriptors and the first fitting layer in float; nodes, the other fitting layers, geometry, forces, loss and
// the sums over atoms and into the gradient in double.
#ifndef AL_TRAIN_FAST_H
#define AL_TRAIN_FAST_H

#include "train/gradient.h"

struct fast_d;
struct fast_s;
enum al_err fast_create_d(const struct dp_model *m, struct fast_d **ret);
enum al_err fast_create_s(const struct dp_model *m, struct fast_s **ret);
void fast_destroy_d(struct fast_d **f);
void fast_destroy_s(struct fast_s **f);
// As gradient_batch. *ret_ok false: a frame is not for this path (overlapping atoms); nothing was done.
enum al_err fast_batch_d(struct fast_d *f, int n, const struct gradient_frame *in, const struct loss_weights *p,
                         double scale, double *grad, struct frame_loss *ret, bool *ret_ok);
enum al_err fast_batch_s(struct fast_s *f, int n, const struct gradient_frame *in, const struct loss_weights *p,
                         double scale, double *grad, struct frame_loss *ret, bool *ret_ok);
// Whether the model's fitting nets have the form that the path needs (first layer without skip and time step).
bool fast_fits(const struct dp_model *m);

// dL/dE, dL/dF and dL/dV of a frame in place of energy, forces and virial, times scale.
enum al_err frame_loss(int natoms, const struct frame_label *label, const struct loss_weights *p, double scale,
                       double energy, double (*force)[3], double virial[3][3], struct frame_loss *ret, double *ret_c);

#endif
