// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The key initial.data, for daemon/config only.
#ifndef AL_CONFIG_DATA_KEYS_H
#define AL_CONFIG_DATA_KEYS_H

#include "config/loop_config.h"

struct al_sha256;
enum al_err data_parse(const struct al_node *n, void *base); // base: struct loop_config
void data_hash(const void *base, struct al_sha256 *s);
enum al_err data_check(const struct loop_config *c); // the paths lead somewhere

#endif
