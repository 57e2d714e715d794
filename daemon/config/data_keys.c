// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/data_keys.h"

#include <string.h>

#include "base/hash.h"

// initial.data: PATH or [PATH, ...]
enum al_err data_parse(const struct al_node *n, void *base)
{
    struct cfg_initial *c = &((struct loop_config *)base)->initial;
    const char *slash = n->file ? strrchr(n->file, '/') : NULL;
    struct al_sha256 sha;
    char hex[65];
    c->ndata = 0;
    c->data_node = n;
    if (n->kind == AL_NODE_MAP) AL_TRY(al_node_error(n, "data: a path or a list of paths is wanted"));
    al_sha256_init(&sha);
    for (const struct al_node *p = n->kind == AL_NODE_LIST ? n->child : n; p; p = n->kind == AL_NODE_LIST ? p->next : NULL) {
        if (p->kind != AL_NODE_SCALAR || !p->text[0]) AL_TRY(al_node_error(p, "data: a path is wanted"));
        if (c->ndata == CFG_MAX_DATA) AL_TRY(al_node_error(p, "data: more than %d paths; a directory or a pattern holds any number", CFG_MAX_DATA));
        bool relative = p->text[0] != '/' && slash;
        AL_TRY(al_path(c->data[c->ndata++], "%.*s%s%s", relative ? (int)(slash - n->file) : 0, relative ? n->file : "", relative ? "/" : "",
                       p->text));
        al_sha256_string(&sha, p->text);
    }
    al_sha256_hex(&sha, hex);
    snprintf(c->data_name, sizeof c->data_name, "imported/%.12s", hex);
    return AL_ERR_OK;
}

void data_hash(const void *base, struct al_sha256 *s)
{
    al_sha256_string(s, ((const struct loop_config *)base)->initial.data_name);
}

// A pattern and FILE.h5#/group are looked at when they are read.
static enum al_err check_path(const struct loop_config *c, const char *path)
{
    char file[AL_PATH];
    AL_TRY(al_path(file, "%.*s", (int)strcspn(path, "#"), path));
    if (al_exists(path) || al_exists(file) || strpbrk(path, "*?[")) return AL_ERR_OK;
    return al_node_error(c->initial.data_node, "data: %s: no such file or directory", path);
}

enum al_err data_check(const struct loop_config *c)
{
    for (int i = 0; i < c->initial.ndata && !c->inputs[0]; i++) // else there is a copy
        AL_TRY(check_path(c, c->initial.data[i]));
    return AL_ERR_OK;
}
