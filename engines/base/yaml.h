// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// YAML by libyaml into a tree that remembers where each node stands, and a small writer. Anchors and
// aliases, tags, duplicate keys and several documents are refused; depth <= 64, file <= 16 MiB.
#ifndef AL_BASE_YAML_H
#define AL_BASE_YAML_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

enum al_node_kind { AL_NODE_SCALAR, AL_NODE_LIST, AL_NODE_MAP };

struct al_node {
    enum al_node_kind kind;
    const char *file;          // of the tree, for messages
    int line, col;             // from 1
    int key_line, key_col;     // of the key, for children of a map
    char *key;                 // children of a map, else NULL
    char *text;                // scalars
    bool quoted;               // scalar written in quotes
    int nchild;
    struct al_node *child, *next; // first child, next sibling
};

enum al_err al_yaml_read(const char *path, struct al_node **ret);
enum al_err al_yaml_parse(const char *name, const char *text, size_t n, struct al_node **ret);
void al_node_destroy(struct al_node **n);

// Look-ups: NULL when absent.
const struct al_node *al_node_get(const struct al_node *map, const char *key);
const struct al_node *al_node_at(const struct al_node *list, int i);
const char *al_node_str(const struct al_node *map, const char *key, const char *otherwise);
// Typed look-ups for files that we wrote ourselves (task.yaml, result.yaml): a missing key or wrong type is
// AL_ERR_CORRUPT with file, line and column.
enum al_err al_node_need_str(const struct al_node *map, const char *key, const char **ret);
enum al_err al_node_need_int(const struct al_node *map, const char *key, long *ret);
enum al_err al_node_need_double(const struct al_node *map, const char *key, double *ret);
double al_node_double(const struct al_node *map, const char *key, double otherwise);
long al_node_int(const struct al_node *map, const char *key, long otherwise);

// Error at a node: "loop.yaml:12:5: message" with AL_ERR_INPUT.
[[gnu::format(printf, 2, 3)]] enum al_err al_node_error(const struct al_node *at, const char *fmt, ...);

// Writer: block style, indentation by depth; strings quoted where YAML needs it. Doubles as %.17g.
void al_yaml_str(FILE *out, int depth, const char *key, const char *value);
void al_yaml_int(FILE *out, int depth, const char *key, long value);
void al_yaml_double(FILE *out, int depth, const char *key, double value); // NaN, inf: .nan, .inf
void al_yaml_open(FILE *out, int depth, const char *key);                 // "key:" of a nested map or list
void al_yaml_quote(FILE *out, const char *value);                         // a scalar alone

#endif
