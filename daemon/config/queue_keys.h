// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Values of resources.slurm, .pbs, .lsf and .flux that end up in command lines of the batch system or in the batch script: what they
// may hold is listed, not what they may not. For daemon/config only.
#ifndef AL_CONFIG_QUEUE_KEYS_H
#define AL_CONFIG_QUEUE_KEYS_H

#include "base/hash.h"
#include "base/yaml.h"
#include "config/loop_config.h"

#define QUEUE_KEY(name, key)                                                    \
    enum al_err name##_parse_##key(const struct al_node *n, void *base);        \
    void name##_hash_##key(const void *base, struct al_sha256 *s);
#define QUEUE_KEY_FUNCTIONS(NAME, name) \
    QUEUE_KEY(name, queue) QUEUE_KEY(name, account) QUEUE_KEY(name, modules) QUEUE_KEY(name, launcher) QUEUE_KEY(name, extra)
CFG_QUEUES(QUEUE_KEY_FUNCTIONS)
// One word or a list of words, of letters, digits and these characters (NULL: any). dash: a word may begin with one.
enum al_err config_words(const struct al_node *n, const char *what, const char *punctuation, bool dash, struct cfg_words *ret);
#undef QUEUE_KEY
#undef QUEUE_KEY_FUNCTIONS

#endif
