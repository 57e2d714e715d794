// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Where the key label.pseudopotentials leads to (loop_config_pseudo in loop_config.h), for daemon/config only.
#ifndef AL_CONFIG_PSEUDO_H
#define AL_CONFIG_PSEUDO_H

#include "config/loop_config.h"

// Copy the file of an element into a directory as "Li.NAME"; what another setting has left there goes. Built-in ones have
// no file.
enum al_err config_pseudo_copy(const struct loop_config *c, const char *dir, int z);

#endif
