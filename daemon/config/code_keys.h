// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Rows of the key table with lists of words: label.launcher, label.command. For daemon/config only.
#ifndef AL_CONFIG_CODE_KEYS_H
#define AL_CONFIG_CODE_KEYS_H

#include "base/hash.h"
#include "base/yaml.h"

enum al_err code_parse_launcher(const struct al_node *n, void *base);
void code_hash_launcher(const void *base, struct al_sha256 *s);
enum al_err code_parse_command(const struct al_node *n, void *base);
void code_hash_command(const void *base, struct al_sha256 *s);

#endif
