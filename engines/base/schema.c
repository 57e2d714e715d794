// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"

enum { MAX_WORD = 64 };

static enum al_err want_scalar(const struct al_node *n, const char *what)
{
    if (n->kind != AL_NODE_SCALAR || (n->text[0] == '\0' && !n->quoted) || strcmp(n->text, "~") == 0)
        AL_TRY(al_node_error(n, "%s: %s wanted", n->key ? n->key : "value", what));
    return AL_ERR_OK;
}

enum al_err schema_real(const struct al_node *n, enum al_dim dim, double min, double max, double *ret)
{
    double v;
    AL_TRY(want_scalar(n, dim == AL_DIM_NONE ? "a number" : "a number with a unit"));
    enum al_err e = al_quantity_parse(n->text, dim, &v);
    if (e) {
        char why[AL_ERR_TEXT];
        snprintf(why, sizeof why, "%s", al_err_message());
        AL_TRY(al_node_error(n, "%s%s%s", n->key ? n->key : "", n->key ? ": " : "", why));
    }
    if (min < max && (v < min || v > max))
        AL_TRY(al_node_error(n, "%s: %s is outside %g to %g %s", n->key ? n->key : "value", n->text, min, max,
                             al_dim_unit(dim)));
    *ret = v;
    return AL_ERR_OK;
}

enum al_err schema_int(const struct al_node *n, double min, double max, long *ret)
{
    AL_TRY(want_scalar(n, "a whole number"));
    char *end;
    errno = 0;
    long v = strtol(n->text, &end, 10);
    if (end == n->text || *end || errno)
        AL_TRY(al_node_error(n, "%s: '%.40s' is not a whole number", n->key ? n->key : "value", n->text));
    if (min < max && ((double)v < min || (double)v > max))
        AL_TRY(al_node_error(n, "%s: %ld is outside %.0f to %.0f", n->key ? n->key : "value", v, min, max));
    *ret = v;
    return AL_ERR_OK;
}

static enum al_err parse_string(const struct schema_key *k, const struct al_node *n, char *dst)
{
    AL_TRY(want_scalar(n, k->type == KEY_CHOICE ? k->choices : "text"));
    const char *t = n->text;
    if (k->type == KEY_NAME) {
        bool ok = t[0] && t[0] != '.' && t[0] != '-';
        for (const char *c = t; *c; c++)
            ok = ok && (isalnum((unsigned char)*c) || strchr("._-", *c)) && (unsigned char)*c < 128;
        if (!ok) AL_TRY(al_node_error(n, "%s: '%.60s' may have letters, digits, '.', '_', '-' only", n->key, t));
    }
    if (k->type == KEY_CHOICE) {
        size_t len = strlen(t);
        bool ok = false;
        for (const char *c = k->choices; !ok && c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
            ok = strncmp(c, t, len) == 0 && (c[len] == '|' || c[len] == '\0');
        if (!ok) AL_TRY(al_node_error(n, "%s: '%.60s' is not one of %s", n->key, t, k->choices));
    }
    char path[AL_PATH];
    if (k->type == KEY_PATH && t[0] != '/' && n->file && strrchr(n->file, '/')) {
        AL_TRY(al_path(path, "%.*s/%s", (int)(strrchr(n->file, '/') - n->file), n->file, t));
        t = path;
    }
    if (strlen(t) >= k->size) AL_TRY(al_node_error(n, "%s is longer than %zu characters", n->key, k->size - 1));
    memset(dst, 0, k->size);
    memcpy(dst, t, strlen(t) + 1);
    return AL_ERR_OK;
}

static enum al_err parse_bool(const struct al_node *n, bool *ret)
{
    AL_TRY(want_scalar(n, "true or false"));
    if (strcmp(n->text, "true") == 0) *ret = true;
    else if (strcmp(n->text, "false") == 0) *ret = false;
    else AL_TRY(al_node_error(n, "%s: '%.40s' is neither true nor false", n->key, n->text));
    return AL_ERR_OK;
}

// Lists of numbers: REALS INTS INT3 REAL2
static enum al_err parse_list(const struct schema_key *k, const struct al_node *n, char *base)
{
    bool real = k->type == KEY_REALS || k->type == KEY_REAL2;
    int exact = k->type == KEY_INT3 ? 3 : k->type == KEY_REAL2 ? 2 : 0;
    struct al_node single = *n;
    single.next = NULL;
    const struct al_node *item = n->kind == AL_NODE_LIST ? n->child : &single;
    if (n->kind == AL_NODE_MAP || (exact && n->kind != AL_NODE_LIST))
        AL_TRY(al_node_error(n, "%s: a list in [ ] is wanted", n->key));
    int count = 0;
    for (; item; item = item->next, count++) {
        size_t room = exact ? (size_t)exact : k->size;
        if ((size_t)count >= room) AL_TRY(al_node_error(item, "%s: more than %zu values", n->key, room));
        if (real) {
            double v;
            AL_TRY(schema_real(item, k->dim, k->min, k->max, &v));
            ((double *)(void *)(base + k->offset))[count] = v;
        } else {
            long v;
            AL_TRY(schema_int(item, k->min, k->max, &v));
            ((int *)(void *)(base + k->offset))[count] = (int)v;
        }
    }
    if (exact && count != exact) AL_TRY(al_node_error(n, "%s: exactly %d values are wanted", n->key, exact));
    if (!count) AL_TRY(al_node_error(n, "%s: the list is empty", n->key));
    if (!exact) *(int *)(void *)(base + k->count_offset) = count;
    return AL_ERR_OK;
}

static enum al_err parse_key(const struct schema_key *k, const struct al_node *n, void *base)
{
    char *at = (char *)base + k->offset;
    long i;
    switch (k->type) {
    case KEY_STRING:
    case KEY_NAME:
    case KEY_CHOICE:
    case KEY_PATH: AL_TRY(parse_string(k, n, at)); break;
    case KEY_BOOL: AL_TRY(parse_bool(n, (bool *)at)); break;
    case KEY_INT:
        AL_TRY(schema_int(n, k->min, k->max, &i));
        *(int *)(void *)at = (int)i;
        break;
    case KEY_LONG: AL_TRY(schema_int(n, k->min, k->max, (long *)(void *)at)); break;
    case KEY_U64:
        AL_TRY(schema_int(n, 0, 9.2e18, &i));
        *(uint64_t *)(void *)at = (uint64_t)i;
        break;
    case KEY_REAL: AL_TRY(schema_real(n, k->dim, k->min, k->max, (double *)(void *)at)); break;
    case KEY_REALS:
    case KEY_INTS:
    case KEY_INT3:
    case KEY_REAL2: AL_TRY(parse_list(k, n, base)); break;
    case KEY_CUSTOM: AL_TRY(k->parse(n, base)); break;
    }
    return AL_ERR_OK;
}

// Edit distance (Levenshtein), words cut at MAX_WORD.
static int distance(const char *a, const char *b)
{
    int row[MAX_WORD + 1], n = (int)strnlen(b, MAX_WORD), m = (int)strnlen(a, MAX_WORD);
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; i <= m; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

const char *schema_nearest(const char *word, int n, const char *const *words)
{
    const char *best = NULL;
    int limit = (int)strnlen(word, MAX_WORD) / 3 + 2;
    for (int i = 0; i < n; i++) {
        int d = distance(word, words[i]);
        if (d < limit) {
            limit = d;
            best = words[i];
        }
    }
    return best;
}

static enum al_err unknown_key(const struct schema_key *keys, int nkeys, const struct al_node *n, const char *prefix)
{
    // candidates: the next component of every path below this prefix
    AL_AUTOFREE char(*names)[MAX_WORD] = NULL;
    AL_ALLOC(names, nkeys);
    AL_AUTOFREE const char **words = NULL;
    AL_ALLOC(words, nkeys);
    int count = 0;
    size_t len = strlen(prefix);
    for (int i = 0; i < nkeys; i++) {
        if (strncmp(keys[i].path, prefix, len) != 0) continue;
        snprintf(names[count], MAX_WORD, "%.*s", (int)strcspn(keys[i].path + len, "."), keys[i].path + len);
        words[count] = names[count];
        count++;
    }
    const char *near = schema_nearest(n->key, count, words);
    al_err_raise(AL_ERR_INPUT, __FILE__, __LINE__, __func__, "%s:%d:%d: unknown key '%.60s'%s%.*s", n->file, n->key_line,
                 n->key_col, n->key, len ? " in " : "", len ? (int)len - 1 : 0, prefix);
    if (near) al_err_hint("did you mean '%s'? `alnd describe` lists the keys", near);
    else al_err_hint("`alnd describe` lists the keys");
    return AL_ERR_INPUT;
}

static enum al_err fill_map(const struct schema_key *keys, int nkeys, const char *const *skip, const struct al_node *map,
                            const char *prefix, void *base, bool *seen)
{
    for (const struct al_node *n = map->child; n; n = n->next) {
        char path[256];
        bool skipped = false, section = false;
        for (int i = 0; skip && skip[i] && !prefix[0]; i++)
            skipped |= strcmp(skip[i], n->key) == 0;
        if (skipped) continue;
        int w = snprintf(path, sizeof path, "%s%s", prefix, n->key), k = 0;
        // a dot in the key itself would name a key of a section below, past the check for keys set twice
        if (w < 0 || (size_t)w + 2 > sizeof path || strchr(n->key, '.')) AL_TRY(unknown_key(keys, nkeys, n, prefix));
        while (k < nkeys && strcmp(keys[k].path, path) != 0)
            k++;
        if (k < nkeys) {
            AL_TRY(parse_key(&keys[k], n, base));
            seen[k] = true;
            continue;
        }
        path[w] = '.';
        path[w + 1] = '\0';
        for (int i = 0; i < nkeys; i++)
            section |= strncmp(keys[i].path, path, (size_t)w + 1) == 0;
        if (!section) AL_TRY(unknown_key(keys, nkeys, n, prefix));
        if (n->kind != AL_NODE_MAP) AL_TRY(al_node_error(n, "%s: a map of keys is wanted here", n->key));
        AL_TRY(fill_map(keys, nkeys, NULL, n, path, base, seen));
    }
    return AL_ERR_OK;
}

enum al_err schema_fill(const struct schema_key *keys, int nkeys, const char *const *skip, const struct al_node *map,
                        void *base)
{
    if (map->kind != AL_NODE_MAP) AL_TRY(al_node_error(map, "a map of keys is wanted here"));
    for (int k = 0; k < nkeys; k++) {
        if (!keys[k].otherwise) continue;
        AL_OWN(al_node) n = NULL;
        AL_TRY(al_yaml_parse("default", keys[k].otherwise, strlen(keys[k].otherwise), &n));
        AL_TRY(al_strdup(keys[k].path, &n->key));
        AL_TRY_MSG(parse_key(&keys[k], n, base), "default of %s", keys[k].path);
    }
    AL_AUTOFREE bool *seen = NULL;
    AL_ALLOC(seen, nkeys);
    AL_TRY(fill_map(keys, nkeys, skip, map, "", base, seen));
    for (int k = 0; k < nkeys; k++)
        if ((keys[k].flags & KEY_REQUIRED) && !seen[k])
            AL_TRY(al_node_error(map, "key '%s' is missing: %s", keys[k].path, keys[k].doc));
    return AL_ERR_OK;
}

static void hash_value(const struct schema_key *k, const char *base, struct al_sha256 *s)
{
    const char *at = base + k->offset;
    int n = k->type == KEY_INT3 ? 3 : k->type == KEY_REAL2 ? 2 : 0;
    if (k->type == KEY_REALS || k->type == KEY_INTS) n = *(const int *)(const void *)(base + k->count_offset);
    switch (k->type) {
    case KEY_STRING:
    case KEY_NAME:
    case KEY_CHOICE:
    case KEY_PATH: al_sha256_string(s, at); break;
    case KEY_BOOL: al_sha256_int(s, *(const bool *)at); break;
    case KEY_INT: al_sha256_int(s, *(const int *)(const void *)at); break;
    case KEY_LONG: al_sha256_int(s, *(const long *)(const void *)at); break;
    case KEY_U64: al_sha256_int(s, (int64_t) * (const uint64_t *)(const void *)at); break;
    case KEY_REAL: al_sha256_double(s, *(const double *)(const void *)at); break;
    case KEY_REALS:
    case KEY_REAL2:
        al_sha256_int(s, n);
        for (int i = 0; i < n; i++)
            al_sha256_double(s, ((const double *)(const void *)at)[i]);
        break;
    case KEY_INTS:
    case KEY_INT3:
        al_sha256_int(s, n);
        for (int i = 0; i < n; i++)
            al_sha256_int(s, ((const int *)(const void *)at)[i]);
        break;
    case KEY_CUSTOM: k->hash(base, s); break;
    }
}

// A hash() that adds nothing says that its value is the default.
static bool adds_nothing(const struct schema_key *k, const char *base)
{
    struct al_sha256 with, without;
    char a[65], b[65];
    al_sha256_init(&with);
    al_sha256_init(&without);
    k->hash(base, &with);
    al_sha256_hex(&with, a);
    al_sha256_hex(&without, b);
    return strcmp(a, b) == 0;
}

// Of the types that KEY_LATER rows have so far.
static bool is_default(const struct schema_key *k, const char *base)
{
    const void *at = base + k->offset;
    double v;
    if (k->type == KEY_CUSTOM) return adds_nothing(k, base);
    if (k->type == KEY_REALS) return !k->otherwise && *(const int *)(const void *)(base + k->count_offset) == 0;
    if (k->type == KEY_CHOICE || k->type == KEY_NAME) return strcmp(at, k->otherwise) == 0;
    return k->type == KEY_REAL && al_quantity_parse(k->otherwise, k->dim, &v) == AL_ERR_OK && v == *(const double *)at;
}

void schema_hash(const struct schema_key *keys, int nkeys, const char *prefix, const void *base, struct al_sha256 *s)
{
    size_t len = strlen(prefix);
    for (int k = 0; k < nkeys; k++) {
        if (!(keys[k].flags & KEY_PHYSICS) || strncmp(keys[k].path, prefix, len) != 0) continue;
        if ((keys[k].flags & KEY_LATER) && is_default(&keys[k], base)) continue;
        al_sha256_string(s, keys[k].path);
        hash_value(&keys[k], base, s);
    }
}

void schema_diff(const struct schema_key *keys, int nkeys, const void *a, const void *b,
                 void (*each)(void *ctx, const struct schema_key *k), void *ctx)
{
    for (int k = 0; k < nkeys; k++) {
        struct al_sha256 s, t;
        char x[65], y[65];
        al_sha256_init(&s);
        al_sha256_init(&t);
        hash_value(&keys[k], a, &s);
        hash_value(&keys[k], b, &t);
        al_sha256_hex(&s, x);
        al_sha256_hex(&t, y);
        if (strcmp(x, y) != 0) each(ctx, &keys[k]);
    }
}

// Appends a node as flow YAML; what does not fit is cut.
static void put_node(const struct al_node *n, char *ret, size_t size, size_t *at)
{
    const char *open = n->kind == AL_NODE_LIST ? "[" : n->kind == AL_NODE_MAP ? "{" : n->text;
    if (*at < size) *at += (size_t)snprintf(ret + *at, size - *at, "%s", open);
    if (n->kind == AL_NODE_SCALAR) return;
    for (const struct al_node *c = n->child; c && *at < size; c = c->next) {
        *at += (size_t)snprintf(ret + *at, size - *at, "%s%s%s", c == n->child ? "" : ", ", c->key ? c->key : "",
                                c->key ? ": " : "");
        put_node(c, ret, size, at);
    }
    if (*at < size) *at += (size_t)snprintf(ret + *at, size - *at, "%s", n->kind == AL_NODE_LIST ? "]" : "}");
}

int schema_text(const struct schema_key *k, const struct al_node *map, char *ret, size_t n)
{
    char word[MAX_WORD];
    const char *p = k->path;
    while (map) {
        size_t len = strcspn(p, ".");
        snprintf(word, sizeof word, "%.*s", (int)len, p);
        map = al_node_get(map, word);
        p += len;
        if (!*p) break;
        p++;
    }
    size_t at = 0;
    ret[0] = '\0';
    if (map) put_node(map, ret, n, &at);
    else snprintf(ret, n, "%s", k->otherwise ? k->otherwise : "none");
    return map ? map->line : 0;
}

static const char *type_text(const struct schema_key *k)
{
    switch (k->type) {
    case KEY_STRING: return "text";
    case KEY_NAME: return "name";
    case KEY_CHOICE: return "choice";
    case KEY_PATH: return "path";
    case KEY_BOOL: return "true or false";
    case KEY_INT:
    case KEY_LONG:
    case KEY_U64: return "whole number";
    case KEY_REAL: return "number";
    case KEY_REALS: return "list of numbers";
    case KEY_INTS: return "list of whole numbers";
    case KEY_INT3: return "three whole numbers";
    case KEY_REAL2: return "two numbers";
    case KEY_CUSTOM: return "see text";
    }
    return "";
}

void schema_describe(FILE *out, const struct schema_key *keys, int nkeys, const char *prefix, const char *above,
                     bool markdown)
{
    size_t len = prefix ? strlen(prefix) : 0;
    for (int k = 0; k < nkeys; k++) {
        char path[256], range[64] = "";
        snprintf(path, sizeof path, "%s%s", above, keys[k].path);
        if (len && (strncmp(path, prefix, len) != 0 || (path[len] != '\0' && path[len] != '.'))) continue;
        const char *unit = al_dim_unit(keys[k].dim), *def = keys[k].otherwise;
        if (keys[k].min < keys[k].max) snprintf(range, sizeof range, "%g to %g", keys[k].min, keys[k].max);
        if (markdown) {
            fprintf(out, "| `%s` | ", path);
            for (const char *c = keys[k].choices ? keys[k].choices : type_text(&keys[k]); *c; c++)
                fputs(*c == '|' ? ", " : (char[]){*c, '\0'}, out); // a bar would start a new cell
            fprintf(out, " | %s | %s | %s%s%s | %s |\n", unit, range,
                    def ? "`" : keys[k].flags & KEY_REQUIRED ? "required" : "", def ? def : "", def ? "`" : "", keys[k].doc);
        }
        if (!markdown)
            fprintf(out, "%-38s %s%s%s%s%s; %s%s\n    %s\n", path, keys[k].choices ? keys[k].choices : type_text(&keys[k]),
                    unit[0] ? ", in " : "", unit, range[0] ? ", " : "", range, def ? "default " : "",
                    def ? def : keys[k].flags & KEY_REQUIRED ? "required" : "no default", keys[k].doc);
    }
}
