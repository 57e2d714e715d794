// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_WORKER_TRAINOPT_H
#define AL_WORKER_TRAINOPT_H

#include "train/engine.h"
#include "worker/task.h"

// What the section `train` says; warm: training that starts from a model. Without systems in the configuration the type map is left to the
// data.
enum al_err train_options_of(const struct loop_config *cfg, bool warm, struct train_options *ret);
// Without the frames that train.max_force leaves out of the training data; *ret_out (may be NULL), and the task's fact left_out: how many. An error if none is left.
enum al_err train_leave_out(struct task *t, struct dp_dataset *d, int *ret_out);
// Who trains a task's model, and what of the options is his alone (program, threads); its settings are checked.
enum al_err train_engine_of(const struct task *t, struct train_options *o, const struct trainer_ops **ret);
// alnd-worker deepmd NAME: whether deepmd-kit can be started, as YAML on out.
enum al_err deepmd_print(int argc, char **argv, FILE *out);

#endif
