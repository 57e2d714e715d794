// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Loss of one frame and its exact gradient with respect to all parameters.
//
//   L = p_e/N dE^2 + p_f <dF^2>_3N + p_v/N <dV^2>_9
//
// With c = dL/dE, lambda_i = dL/dF_i, W = dL/dV, the gradient is that of the number
//   S = sum_i (c E_i + Et_i),  Et = tangent of E when each d = r_j - r_i moves by lambda_i - lambda_j - W d,
// c, lambda and W held fixed: so a forward tangent of the energy (whose embedding part is dG/dx, needed for
// the forces anyway) and one reverse pass over both. Nothing is approximated.
#ifndef AL_TRAIN_GRADIENT_H
#define AL_TRAIN_GRADIENT_H

#include "dp/layout.h"

struct frame_label { // absent ones are NULL; energy by have
    bool has_energy;
    double energy;
    const double *force;  // [natoms][3]
    const double *virial; // [3][3]
};
struct loss_weights {
    double e, f, v; // prefactors of the present step
};
struct frame_loss {
    double loss;
    double de2;      // dE^2; 0 without label
    double df2, dv2; // means over components of dF^2 and dV^2; 0 without label
};

struct gradient_frame { // one frame of a batch
    const struct dp_layout *layout;
    struct frame_label label;
    double weight; // factor on the gradient of this frame's loss
};

// How: PLAIN evaluates the embedding nets for every row, in double; the others on nodes, with interpolation (the loss
// then differs by the error of interpolation, its gradient is exact): DOUBLE throughout, MIXED with rows, descriptors
// and the first fitting layer in float (train/fast.h).
enum gradient_path { GRADIENT_MIXED, GRADIENT_DOUBLE, GRADIENT_PLAIN };

struct gradient;
enum al_err gradient_create(const struct dp_model *m, enum gradient_path path, struct gradient **ret); // borrows m
void gradient_destroy(struct gradient **g);
// grad [nparam] += scale * dL/dparam; grad NULL: loss alone. AL_ERR_UNPHYSICAL when the loss is not finite.
enum al_err gradient_frame(struct gradient *g, const struct dp_layout *l, const struct frame_label *label,
                           const struct loss_weights *p, double scale, double *grad, struct frame_loss *ret);

// The same for n frames at once: ret [n], grad += scale * sum over the frames. A batch costs less than its frames.
enum al_err gradient_batch(struct gradient *g, int n, const struct gradient_frame *in, const struct loss_weights *p,
                           double scale, double *grad, struct frame_loss *ret);

#endif
