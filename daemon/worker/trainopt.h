// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_WORKER_TRAINOPT_H
#define AL_WORKER_TRAINOPT_H

#include "train/train.h"
#include "worker/task.h"

// What the section `train` says; warm: training that starts from a model. Without systems in the configuration the type map is left to the
// data.
enum al_err train_options_of(const struct loop_config *cfg, bool warm, struct train_options *ret);

#endif
