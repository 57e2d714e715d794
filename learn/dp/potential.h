// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Deep Potential behind the potential seam, evaluated in the way that is asked for (dp/engine.h). Elements are matched to the model's type map by name; a species the model does not know is
// AL_ERR_INPUT. Verlet skin 1 Ang inside; the result does not depend on earlier calls, bit for bit.
#ifndef AL_DP_POTENTIAL_H
#define AL_DP_POTENTIAL_H

#include "dp/engine.h"
#include "seam/potential.h"

enum al_err dp_potential_open(const char *path, enum dp_way way, struct potential **ret);
// Copies the model.
enum al_err dp_potential_from_model(const struct dp_model *m, enum dp_way way, struct potential **ret);
// Threads of an evaluation of an instance opened by one of these two, 1 at first (dp_engine_threads).
void dp_potential_threads(struct potential *p, int threads);
// Another instance of the same model (of: one of the two above), with one copy of the weights: tables, neighbour list and work
// are its own, so both may evaluate at the same time in two threads. It must be closed first.
enum al_err dp_potential_twin(struct potential *of, struct potential **ret);
// How the model's sel was exceeded in the evaluations of an instance so far: the nearest sel[t] neighbours of type t were kept, the
// others do not act, so forces jump when neighbours change places. Training data with such environments, or a larger sel, are wanted.
struct dp_overflow {
    long evaluations; // with any such atom
    int atoms;        // most of them in one evaluation
    int now;          // in the last evaluation
    int z, most, sel; // of the neighbours' element with most of them: neighbours met, slots
};
// Borrowed; NULL when p is no Deep Potential.
const struct dp_overflow *dp_potential_overflow(const struct potential *p);
// The model of an instance opened by one of these two (borrowed).
const struct dp_model *dp_potential_model(const struct potential *p);
// The environment of a frame as this instance has it, until its next evaluation (borrowed): for other models with the same
// types, cut-off and sel. Failures as of an evaluation.
enum al_err dp_potential_layout(struct potential *p, const struct al_frame *f, const struct dp_layout **ret);
// When f is, bit for bit, the frame of the last evaluation: its energy, virial and forces (not NULL) again without computing,
// and its environment as above. False: nothing was done.
bool dp_potential_recall(struct potential *p, const struct al_frame *f, struct pot_result *res, const struct dp_layout **ret);
// What evaluates it (borrowed): for other layouts of the same model.
struct dp_engine *dp_potential_engine(struct potential *p);
// Inputs of such an instance that its tables did not cover, so far.
long dp_potential_outside(const struct potential *p);

#endif
