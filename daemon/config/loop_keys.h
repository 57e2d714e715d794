// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The table of all keys of loop.yaml (loop_keys.c), for daemon/config only.
#ifndef AL_CONFIG_LOOP_KEYS_H
#define AL_CONFIG_LOOP_KEYS_H

#include "base/schema.h"

extern const struct schema_key loop_keys[];   // offsets into struct loop_config
extern const int loop_nkeys;
extern const struct schema_key system_keys[]; // offsets into struct cfg_system, one map of `systems` each
extern const int system_nkeys;

#endif
