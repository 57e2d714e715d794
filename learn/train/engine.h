// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The trainer seam: who trains a network on labelled frames. `builtin` is learn/train (builtin.c), `deepmd` is the real deepmd-kit as a child
// process (learn/deepmd); the one list of them is in worker/registry.c. What the loop relies on, of every engine alike, and what
// tests/deepmd/test_conformance.c asks of each:
//   - all that it writes lies in options.dir; at its end model.dp and lcurve.out (deepmd-kit's columns, steps in ascending order) are there;
//   - options.observe is called for each row of the learning curve, options.check_stop at least every few seconds: then AL_ERR_STOPPED;
//   - stopped or killed anywhere and called again with the same arguments it goes on (options.resumed tells from which step; builtin: to the
//     bits of an undisturbed run) and ends with the same files; called once more after its end it gives the same model;
//   - options.init: the networks, statistics and sizes of that model are what it starts from;
//   - a loss that is not finite is never a model: AL_ERR_UNPHYSICAL when the engine knows no way out.
#ifndef AL_TRAIN_ENGINE_H
#define AL_TRAIN_ENGINE_H

#include "train/train.h"

struct train_outcome {
    long steps;     // done, all starts together
    int recoveries; // times that the learning rate was halved because the loss was not finite
};

struct trainer_ops {
    const char *name; // train.engine
    // AL_ERR_UNSUPPORTED (with a hint) or AL_ERR_INPUT: settings that it cannot have. Cheap; run asks it, too.
    enum al_err (*check)(const struct train_options *o);
    // valid may be NULL. options.dir must be given.
    enum al_err (*run)(const struct train_options *o, const struct dp_dataset *train, const struct dp_dataset *valid, struct train_outcome *ret);
};
extern const struct trainer_ops trainer_builtin;

// What options.model leaves to the data: elements in the data's order when there are no types, automatic sel; widths that all programs agree
// on are checked. ret_dmin: the shortest distance in the data.
enum al_err train_settle_model(const struct train_options *o, const struct dp_dataset *train, struct dp_config *ret, double *ret_dmin);
// The same on every engine.
enum al_err train_options_check(const struct train_options *o);

#endif
