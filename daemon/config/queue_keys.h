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

// The rows of a batch system in the table of keys (loop_keys.c, with its AT and RANGE): name in the file and of its functions, place in
// resources.queue, what it calls a queue, its title.
#define QUEUE_KEYS(name, NAME, queue_word, title, unit, launch, launch_doc, account_word, extra_doc)                                      \
    {"resources." #name "." queue_word, KEY_CUSTOM, 0, .otherwise = "\"\"", .parse = name##_parse_queue, .hash = name##_hash_queue,        \
     .doc = title ": " queue_word " of the jobs; none: its default."},                                                                    \
    {"resources." #name ".account", KEY_CUSTOM, 0, .otherwise = "\"\"", .parse = name##_parse_account, .hash = name##_hash_account,       \
     .doc = title ": " account_word " that the jobs are charged to; none: its default."},                                                 \
    {"resources." #name ".time", KEY_REAL, AL_DIM_TIME, AT(resources.queue[CFG_##NAME].time), RANGE(0, 1e22), .otherwise = "0 s",         \
     .doc = title ": time limit of a job without one of its own (resources.label.time, ..), " unit "; 0 = that of the " queue_word "."},  \
    {"resources." #name ".grace", KEY_REAL, AL_DIM_TIME, AT(resources.queue[CFG_##NAME].grace), RANGE(1e15, 6e19), .otherwise = "2 min",  \
     .doc = title ": so long before its time limit a worker is told to save its state; it goes on in a new job."},                        \
    {"resources." #name ".jobs", KEY_INT, 0, AT(resources.queue[CFG_##NAME].jobs), RANGE(1, 100000), .otherwise = "1000",                 \
     .doc = title ": tasks in the queue at a time."},                                                                                     \
    {"resources." #name ".poll", KEY_REAL, AL_DIM_TIME, AT(resources.queue[CFG_##NAME].poll), RANGE(1e14, 6e17), .otherwise = "30 s",     \
     .doc = title ": longest time between two looks at the queue, one for all jobs; right after news it is shorter."},                    \
    {"resources." #name ".modules", KEY_CUSTOM, 0, .otherwise = "[]", .parse = name##_parse_modules, .hash = name##_hash_modules,         \
     .doc = title ": environment modules that a job loads: [openmpi/4.1, openblas]."},                                                    \
    {"resources." #name ".launcher", KEY_CUSTOM, 0, .otherwise = launch, .parse = name##_parse_launcher, .hash = name##_hash_launcher,    \
     .doc = title ": starts the ranks of a parallel task: a list of arguments, to which -n RANKS is added" launch_doc "."},               \
    {"resources." #name ".extra", KEY_CUSTOM, 0, .otherwise = "[]", .parse = name##_parse_extra, .hash = name##_hash_extra,               \
     .doc = title ": " extra_doc},

#endif
