// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Values of resources.slurm that end up in command lines of Slurm or in the batch script: what they may hold is listed, not
// what they may not. For daemon/config only.
#ifndef AL_CONFIG_SLURM_KEYS_H
#define AL_CONFIG_SLURM_KEYS_H

#include "base/hash.h"
#include "base/yaml.h"

enum al_err slurm_parse_partition(const struct al_node *n, void *base);
enum al_err slurm_parse_account(const struct al_node *n, void *base);
enum al_err slurm_parse_modules(const struct al_node *n, void *base);
enum al_err slurm_parse_launcher(const struct al_node *n, void *base);
enum al_err slurm_parse_extra(const struct al_node *n, void *base);
void slurm_hash_partition(const void *base, struct al_sha256 *s);
void slurm_hash_account(const void *base, struct al_sha256 *s);
void slurm_hash_modules(const void *base, struct al_sha256 *s);
void slurm_hash_launcher(const void *base, struct al_sha256 *s);
void slurm_hash_extra(const void *base, struct al_sha256 *s);

#endif
