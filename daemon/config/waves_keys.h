// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Cut-off and k-points, of label and of initial.aimd. For daemon/config only.
#ifndef AL_CONFIG_WAVES_KEYS_H
#define AL_CONFIG_WAVES_KEYS_H

#include "base/hash.h"
#include "base/yaml.h"

// base: struct loop_config
enum al_err waves_parse_cutoff(const struct al_node *n, void *base);
void waves_hash_cutoff(const void *base, struct al_sha256 *s);
enum al_err waves_parse_kpoints(const struct al_node *n, void *base);
void waves_hash_kpoints(const void *base, struct al_sha256 *s);
enum al_err waves_parse_aimd_cutoff(const struct al_node *n, void *base); // "label": label.cutoff
void waves_hash_aimd_cutoff(const void *base, struct al_sha256 *s);
enum al_err waves_parse_aimd_kpoints(const struct al_node *n, void *base); // "label": label.kpoints
void waves_hash_aimd_kpoints(const void *base, struct al_sha256 *s);

#endif
