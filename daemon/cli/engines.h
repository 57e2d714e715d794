// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_CLI_ENGINES_H
#define AL_CLI_ENGINES_H

#include "config/loop_config.h"

// With train.engine deepmd: whether the deepmd-kit of resources.deepmd can be started, which takes seconds. Nothing is created.
enum al_err engines_check_deepmd(const struct loop_config *c, const char *worker);

#endif
