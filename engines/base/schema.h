// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Configuration tables. One row per key validates a YAML file, fills a struct, hashes what changes numbers and
// prints the documentation (after nginx's command tables and valkey's config table).
#ifndef AL_BASE_SCHEMA_H
#define AL_BASE_SCHEMA_H

#include <stddef.h>

#include "base/hash.h"
#include "base/units.h"
#include "base/yaml.h"

enum schema_type {
    KEY_STRING,    // char[size]
    KEY_NAME,      // char[size], [A-Za-z0-9._-]+ not starting with a dot or dash: safe in file names
    KEY_CHOICE,    // char[size], one of choices "a|b|c"
    KEY_PATH,      // char[size]; resolved against the directory of the file
    KEY_BOOL,      // bool
    KEY_INT,       // int
    KEY_LONG,      // long
    KEY_U64,       // uint64_t
    KEY_REAL,      // double with a unit (dim)
    KEY_REALS,     // double[size] with units, number into int at count_offset; a single value is a list of one
    KEY_INTS,      // int[size], number at count_offset
    KEY_INT3,      // int[3], exactly three
    KEY_REAL2,     // double[2], exactly two
    KEY_CUSTOM,    // parse() and hash()
};

enum schema_flag {
    KEY_REQUIRED = 1,
    KEY_PHYSICS = 2, // changes numbers: part of the section's hash
    KEY_LATER = 4,   // with PHYSICS: not part of it at its default (an empty list without one; CUSTOM: hash() adds nothing), as in runs from before the key
};

struct schema_key {
    const char *path;          // "train.descriptor.rcut"
    enum schema_type type;
    enum al_dim dim;
    size_t offset, size, count_offset; // size: bytes of strings, elements of lists
    double min, max;           // of each number, in base units (min == max: no limits)
    const char *otherwise;     // default as YAML text; NULL: none
    unsigned flags;
    const char *choices;
    const char *doc;           // one sentence
    enum al_err (*parse)(const struct al_node *n, void *base);
    void (*hash)(const void *base, struct al_sha256 *s);
};

// Defaults, then the map's values into the struct at base. Errors: AL_ERR_INPUT "file:line:column: ..."; unknown keys get the
// nearest valid one as a hint. Keys named in skip (NULL-terminated, top level) are left to the caller.
enum al_err schema_fill(const struct schema_key *keys, int nkeys, const char *const *skip, const struct al_node *map,
                        void *base);
// Hash path and value of every KEY_PHYSICS key whose path starts with prefix ("" = all).
void schema_hash(const struct schema_key *keys, int nkeys, const char *prefix, const void *base, struct al_sha256 *s);
// Calls each for every key whose value differs between two structs.
void schema_diff(const struct schema_key *keys, int nkeys, const void *a, const void *b,
                 void (*each)(void *ctx, const struct schema_key *k), void *ctx);
// The value of a key as the file has it, on one line ("[300 K, 500 K]"), or its default; cut to n. Returns its line, 0 for the
// default.
int schema_text(const struct schema_key *k, const struct al_node *map, char *ret, size_t n);
void schema_describe(FILE *out, const struct schema_key *keys, int nkeys, const char *prefix, const char *above,
                     bool markdown);
// Nearest of n words (edit distance); NULL when nothing is near.
const char *schema_nearest(const char *word, int n, const char *const *words);
// Number with unit / whole number out of a scalar node, with file:line:column on error.
enum al_err schema_real(const struct al_node *n, enum al_dim dim, double min, double max, double *ret);
enum al_err schema_int(const struct al_node *n, double min, double max, long *ret);

#endif
