// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Values of resources.slurm that end up in command lines of Slurm or in the batch script: what they may hold is listed, not
// what they may not. For daemon/config only.
#ifndef AL_CONFIG_SLURM_KEYS_H
#define AL_CONFIG_SLURM_KEYS_H

#include <stdbool.h>

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

struct cfg_words;
// One word or a list of words, of letters, digits and these characters (NULL: any). dash: a word may begin with one.
enum al_err config_words(const struct al_node *n, const char *what, const char *punctuation, bool dash, struct cfg_words *ret);

#endif
