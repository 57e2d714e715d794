// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_CLI_ENGINES_H
#define AL_CLI_ENGINES_H

#include "config/loop_config.h"

// Whether the programs of others that the settings ask for are on this machine and start (seconds, of deepmd-kit); nothing is created.
enum al_err engines_check(const struct loop_config *c, const char *worker);
// That of train.engine alone.
enum al_err engines_check_deepmd(const struct loop_config *c, const char *worker);

#endif
