// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/fsio.h"
#include "base/mem.h"

enum { MAX_DEPTH = 64, MAX_NODES = 2000000, MAX_KEYS = 10000 /* of one map: each is compared with all */ };

struct builder {
    yaml_parser_t parser;
    const char *name, *text;
    size_t n;
    long nnodes;
};

// The tree's nodes point to one copy of the file's name, owned by the root.
struct root {
    struct al_node node; // first member
    char *name;
};

static void free_children(struct al_node *n)
{
    struct al_node *c = n->child;
    while (c) {
        struct al_node *next = c->next;
        free_children(c);
        al_free(c->key);
        al_free(c->text);
        al_free(c);
        c = next;
    }
}

void al_node_destroy(struct al_node **np)
{
    struct al_node *n = *np;
    *np = NULL;
    if (!n) return;
    free_children(n);
    al_free(n->key);
    al_free(n->text);
    al_free(((struct root *)n)->name);
    al_free(n);
}

static enum al_err syntax_error(const struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_READER_ERROR) { // no text at all: it knows the byte, not the line
        size_t line = 1, col = 1;
        for (size_t i = 0; i < p->problem_offset && i < b->n; i++) {
            col = b->text[i] == '\n' ? 1 : col + 1;
            line += b->text[i] == '\n';
        }
        AL_FAIL(AL_ERR_INPUT, "%s:%zu:%zu: not text in UTF-8: %s", b->name, line, col, p->problem ? p->problem : "");
    }
    AL_FAIL(AL_ERR_INPUT, "%s:%zu:%zu: %s%s%s", b->name, p->problem_mark.line + 1, p->problem_mark.column + 1,
            p->problem ? p->problem : "not YAML", p->context ? " " : "", p->context ? p->context : "");
}

static enum al_err next_event(struct builder *b, yaml_event_t *ret)
{
    if (!yaml_parser_parse(&b->parser, ret)) AL_TRY(syntax_error(b));
    const yaml_mark_t *m = &ret->start_mark;
    const char *refused = NULL;
    bool anchor = (ret->type == YAML_SCALAR_EVENT && ret->data.scalar.anchor) ||
                  (ret->type == YAML_SEQUENCE_START_EVENT && ret->data.sequence_start.anchor) ||
                  (ret->type == YAML_MAPPING_START_EVENT && ret->data.mapping_start.anchor);
    if (ret->type == YAML_ALIAS_EVENT) refused = "aliases (*name) are";
    else if (anchor) refused = "anchors (&name) are";
    else if (ret->type == YAML_SCALAR_EVENT && ret->data.scalar.tag) refused = "tags (!name) are";
    if (!refused) return AL_ERR_OK;
    size_t line = m->line + 1, col = m->column + 1;
    yaml_event_delete(ret);
    AL_FAIL(AL_ERR_INPUT, "%s:%zu:%zu: %s not used here", b->name, line, col, refused);
}

static enum al_err fill(struct builder *b, yaml_event_t *ev, struct al_node *n, int depth);

static enum al_err append_child(struct builder *b, struct al_node *parent, struct al_node **last,
                                struct al_node **ret)
{
    struct al_node *c;
    if (++b->nnodes > MAX_NODES) AL_FAIL(AL_ERR_INPUT, "%s: more than %d values", b->name, MAX_NODES);
    AL_ALLOC(c, 1);
    c->file = parent->file;
    if (*last) (*last)->next = c;
    else parent->child = c;
    *last = c;
    parent->nchild++;
    *ret = c;
    return AL_ERR_OK;
}

static enum al_err read_key(struct builder *b, const struct al_node *map, const yaml_event_t *ev, struct al_node *c)
{
    c->key_line = (int)ev->start_mark.line + 1;
    c->key_col = (int)ev->start_mark.column + 1;
    if (ev->type != YAML_SCALAR_EVENT)
        AL_FAIL(AL_ERR_INPUT, "%s:%d:%d: a key must be a word", b->name, c->key_line, c->key_col);
    if (map->nchild > MAX_KEYS)
        AL_FAIL(AL_ERR_INPUT, "%s:%d:%d: more than %d keys in one map", b->name, c->key_line, c->key_col, MAX_KEYS);
    AL_TRY(al_strdup((const char *)ev->data.scalar.value, &c->key));
    for (const struct al_node *o = map->child; o != c; o = o->next)
        if (strcmp(o->key, c->key) == 0)
            AL_FAIL(AL_ERR_INPUT, "%s:%d:%d: key '%.60s' is already set in line %d", b->name, c->key_line, c->key_col,
                    c->key, o->key_line);
    return AL_ERR_OK;
}

static enum al_err fill_children(struct builder *b, struct al_node *n, int depth)
{
    struct al_node *last = NULL, *c;
    bool map = n->kind == AL_NODE_MAP;
    if (depth > MAX_DEPTH)
        AL_FAIL(AL_ERR_INPUT, "%s:%d:%d: nested deeper than %d levels", b->name, n->line, n->col, MAX_DEPTH);
    for (;;) {
        yaml_event_t ev;
        AL_TRY(next_event(b, &ev));
        if (ev.type == YAML_SEQUENCE_END_EVENT || ev.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&ev);
            return AL_ERR_OK;
        }
        enum al_err e = append_child(b, n, &last, &c);
        if (!e && map) {
            e = read_key(b, n, &ev, c);
            yaml_event_delete(&ev);
            AL_TRY(e);
            AL_TRY(next_event(b, &ev));
        }
        if (!e) e = fill(b, &ev, c, depth + 1);
        yaml_event_delete(&ev);
        AL_TRY(e);
    }
}

static enum al_err fill(struct builder *b, yaml_event_t *ev, struct al_node *n, int depth)
{
    n->line = (int)ev->start_mark.line + 1;
    n->col = (int)ev->start_mark.column + 1;
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        n->kind = AL_NODE_SCALAR;
        n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        if (strlen((const char *)ev->data.scalar.value) != ev->data.scalar.length)
            AL_FAIL(AL_ERR_INPUT, "%s:%d:%d: a NUL character is not text", b->name, n->line, n->col);
        AL_TRY(al_strdup((const char *)ev->data.scalar.value, &n->text));
        return AL_ERR_OK;
    case YAML_SEQUENCE_START_EVENT: n->kind = AL_NODE_LIST; break;
    case YAML_MAPPING_START_EVENT: n->kind = AL_NODE_MAP; break;
    default: AL_FAIL(AL_ERR_INPUT, "%s:%d:%d: a value is missing", b->name, n->line, n->col);
    }
    AL_TRY(fill_children(b, n, depth));
    return AL_ERR_OK;
}

// stream start, document start, value, document end, stream end
static enum al_err parse_document(struct builder *b, struct al_node *root)
{
    yaml_event_t ev;
    for (int i = 0; i < 2; i++) {
        AL_TRY(next_event(b, &ev));
        yaml_event_type_t type = ev.type;
        yaml_event_delete(&ev);
        if (type == YAML_STREAM_END_EVENT) AL_FAIL(AL_ERR_INPUT, "%s:1:1: the file is empty", b->name);
    }
    AL_TRY(next_event(b, &ev));
    enum al_err e = fill(b, &ev, root, 0);
    yaml_event_delete(&ev);
    AL_TRY(e);
    AL_TRY(next_event(b, &ev)); // document end
    yaml_event_delete(&ev);
    AL_TRY(next_event(b, &ev));
    yaml_event_type_t type = ev.type;
    size_t line = ev.start_mark.line + 1;
    yaml_event_delete(&ev);
    if (type != YAML_STREAM_END_EVENT) AL_FAIL(AL_ERR_INPUT, "%s:%zu:1: only one document is wanted", b->name, line);
    return AL_ERR_OK;
}

enum al_err al_yaml_parse(const char *name, const char *text, size_t n, struct al_node **ret)
{
    struct root *root;
    AL_ALLOC(root, 1);
    AL_OWN(al_node) node = &root->node;
    AL_TRY(al_strdup(name, &root->name));
    node->file = root->name;
    struct builder b = {.name = root->name, .text = text, .n = n};
    if (!yaml_parser_initialize(&b.parser)) AL_FAIL(AL_ERR_NOMEM, "no memory for the YAML parser");
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, n);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    enum al_err e = parse_document(&b, node);
    yaml_parser_delete(&b.parser);
    AL_TRY(e);
    *ret = node;
    node = NULL;
    return AL_ERR_OK;
}

enum al_err al_yaml_read(const char *path, struct al_node **ret)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    AL_TRY(al_file_read(path, (size_t)16 << 20, &text, &n));
    AL_TRY(al_yaml_parse(path, text, n, ret));
    return AL_ERR_OK;
}

const struct al_node *al_node_get(const struct al_node *map, const char *key)
{
    if (!map || map->kind != AL_NODE_MAP) return NULL;
    for (const struct al_node *c = map->child; c; c = c->next)
        if (strcmp(c->key, key) == 0) return c;
    return NULL;
}

const struct al_node *al_node_at(const struct al_node *list, int i)
{
    const struct al_node *c = list ? list->child : NULL;
    while (c && i-- > 0)
        c = c->next;
    return c;
}

const char *al_node_str(const struct al_node *map, const char *key, const char *otherwise)
{
    const struct al_node *n = al_node_get(map, key);
    return n && n->kind == AL_NODE_SCALAR ? n->text : otherwise;
}

enum al_err al_node_need_str(const struct al_node *map, const char *key, const char **ret)
{
    const struct al_node *n = al_node_get(map, key);
    if (!n || n->kind != AL_NODE_SCALAR)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d:%d: '%s' is missing or not a single value", map->file, map->line, map->col, key);
    *ret = n->text;
    return AL_ERR_OK;
}

// YAML's own spellings of the non-finite numbers; empty text or trailing characters are no number
static bool to_double(const char *text, double *v)
{
    if (strcmp(text, ".nan") == 0) *v = (double)NAN;
    else if (strcmp(text, ".inf") == 0) *v = HUGE_VAL;
    else if (strcmp(text, "-.inf") == 0) *v = -HUGE_VAL;
    else {
        char *end;
        *v = strtod(text, &end);
        return end != text && *end == '\0';
    }
    return true;
}

enum al_err al_node_need_double(const struct al_node *map, const char *key, double *ret)
{
    const char *text;
    AL_TRY(al_node_need_str(map, key, &text));
    if (!to_double(text, ret))
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: '%s' is '%.40s', not a number", map->file, al_node_get(map, key)->line, key, text);
    return AL_ERR_OK;
}

enum al_err al_node_need_int(const struct al_node *map, const char *key, long *ret)
{
    const char *text;
    char *end;
    AL_TRY(al_node_need_str(map, key, &text));
    errno = 0;
    long v = strtol(text, &end, 10);
    if (end == text || *end || errno)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: '%s' is '%.40s', not a whole number", map->file, al_node_get(map, key)->line, key,
                text);
    *ret = v;
    return AL_ERR_OK;
}

double al_node_double(const struct al_node *map, const char *key, double otherwise)
{
    const char *text = al_node_str(map, key, NULL);
    double v;
    return text && to_double(text, &v) ? v : otherwise;
}

long al_node_int(const struct al_node *map, const char *key, long otherwise)
{
    const char *text = al_node_str(map, key, NULL);
    char *end;
    long v = text ? strtol(text, &end, 10) : 0;
    return text && end != text && !*end ? v : otherwise;
}

enum al_err al_node_error(const struct al_node *at, const char *fmt, ...)
{
    char text[AL_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    AL_FAIL(AL_ERR_INPUT, "%s:%d:%d: %s", at->file, at->line, at->col, text);
}

static void indent(FILE *out, int depth)
{
    fprintf(out, "%*s", 2 * depth, "");
}

void al_yaml_quote(FILE *out, const char *value)
{
    bool plain = value[0] != '\0' && !isspace((unsigned char)value[strlen(value) - 1]) &&
                 (isalnum((unsigned char)value[0]) || value[0] == '/' || value[0] == '_');
    for (const char *c = value; *c && plain; c++)
        plain = isalnum((unsigned char)*c) || strchr("._/-+ ", *c);
    if (plain) {
        fputs(value, out);
        return;
    }
    fputc('"', out);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\') fprintf(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20) fprintf(out, "\\x%02x", (unsigned char)*c);
        else fputc(*c, out);
    }
    fputc('"', out);
}

void al_yaml_str(FILE *out, int depth, const char *key, const char *value)
{
    indent(out, depth);
    fprintf(out, "%s: ", key);
    al_yaml_quote(out, value);
    fputc('\n', out);
}

void al_yaml_int(FILE *out, int depth, const char *key, long value)
{
    indent(out, depth);
    fprintf(out, "%s: %ld\n", key, value);
}

void al_yaml_double(FILE *out, int depth, const char *key, double value)
{
    indent(out, depth);
    if (isnan(value)) fprintf(out, "%s: .nan\n", key);
    else if (isinf(value)) fprintf(out, "%s: %s.inf\n", key, value < 0 ? "-" : "");
    else fprintf(out, "%s: %.17g\n", key, value);
}

void al_yaml_open(FILE *out, int depth, const char *key)
{
    indent(out, depth);
    fprintf(out, "%s:\n", key);
}
