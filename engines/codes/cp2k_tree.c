// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// CP2K's input as a tree, so that what alnd has to say can be put into the user's own file: sections "&NAME PARAMETER ... &END NAME",
// keywords with their values, one a line; '!' and '#' start comments, a backslash at the end joins lines.
#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "codes/cp2k.h"

enum { MAX_DEPTH = 32 };

void cp2k_node_destroy(struct cp2k_node **np)
{
    struct cp2k_node *n = *np;
    *np = NULL;
    while (n) {
        struct cp2k_node *next = n->next;
        al_free(n->name);
        al_free(n->value);
        cp2k_node_destroy(&n->child);
        al_free(n);
        n = next;
    }
}

static void append(struct cp2k_node *in, struct cp2k_node *n)
{
    struct cp2k_node **at = &in->child;
    while (*at)
        at = &(*at)->next;
    *at = n;
}

// text: "NAME value", n characters.
static enum al_err make(const char *text, size_t n, bool section, int line, struct cp2k_node **ret)
{
    AL_OWN(cp2k_node) node = NULL;
    size_t k = 0, v;
    while (k < n && !isspace((unsigned char)text[k]))
        k++;
    for (v = k; v < n && isspace((unsigned char)text[v]);)
        v++;
    AL_ALLOC(node, 1);
    AL_ALLOC(node->name, k + 1);
    AL_ALLOC(node->value, n - v + 1);
    for (size_t i = 0; i < k; i++)
        node->name[i] = (char)toupper((unsigned char)text[i]);
    memcpy(node->value, text + v, n - v);
    node->section = section;
    node->line = line;
    *ret = node;
    node = NULL;
    return AL_ERR_OK;
}

// ---- parsing --------------------------------------------------------------------------------------------------

struct parser {
    const char *text, *path;
    int line;      // of the last one read
    char *buf;     // a line without comment, joined
    size_t size;
    struct cp2k_node *open[MAX_DEPTH]; // [0]: the root
    int depth;
};

// *ret_n: length of the line in buf; false: the text is at its end.
static bool next_line(struct parser *p, size_t *ret_n, int *ret_line)
{
    size_t n = 0;
    if (!*p->text) return false;
    *ret_line = p->line + 1;
    for (bool more = true; more && *p->text;) {
        size_t all = strcspn(p->text, "\n"), k = strcspn(p->text, "!#\n");
        const char *at = p->text;
        p->text += all + (p->text[all] == '\n');
        p->line++;
        while (k > 0 && isspace((unsigned char)at[k - 1]))
            k--;
        more = k > 0 && at[k - 1] == '\\';
        if (more) k--;
        memcpy(p->buf + n, at, k);
        n += k;
        if (more) p->buf[n++] = ' ';
    }
    while (n > 0 && isspace((unsigned char)p->buf[n - 1]))
        n--;
    size_t skip = 0;
    while (skip < n && isspace((unsigned char)p->buf[skip]))
        skip++;
    memmove(p->buf, p->buf + skip, n - skip);
    p->buf[n - skip] = '\0';
    *ret_n = n - skip;
    return true;
}

static enum al_err end_section(struct parser *p, int line)
{
    char name[80];
    const char *at = p->buf + 4;
    at += strspn(at, " \t");
    size_t n = strcspn(at, " \t");
    snprintf(name, sizeof name, "%.*s", (int)(n < 79 ? n : 79), at);
    for (char *c = name; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    if (p->depth == 0) AL_FAIL(AL_ERR_INPUT, "%s:%d: &END without a section", p->path, line);
    const struct cp2k_node *open = p->open[p->depth];
    if (name[0] && strcmp(name, "SECTION") != 0 && strcmp(name, open->name) != 0)
        AL_FAIL(AL_ERR_INPUT, "%s:%d: &END %s, but the section is &%s of line %d", p->path, line, name, open->name, open->line);
    p->depth--;
    return AL_ERR_OK;
}

static enum al_err take_line(struct parser *p, size_t n, int line)
{
    struct cp2k_node *node;
    if (p->buf[0] == '@' && strncasecmp(p->buf, "@SET", 4) != 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "write the text itself into the template; @SET can be used", "%s:%d: '%.40s': directives are not followed", p->path,
                     line, p->buf);
    if (strncasecmp(p->buf, "&END", 4) == 0 && (n == 4 || isspace((unsigned char)p->buf[4]))) return end_section(p, line);
    bool section = p->buf[0] == '&';
    if (section && n == 1) AL_FAIL(AL_ERR_INPUT, "%s:%d: a section without a name", p->path, line);
    if (section && p->depth + 1 == MAX_DEPTH) AL_FAIL(AL_ERR_INPUT, "%s:%d: sections too deep", p->path, line);
    AL_TRY(make(p->buf + section, n - section, section, line, &node));
    append(p->open[p->depth], node);
    if (section) p->open[++p->depth] = node;
    return AL_ERR_OK;
}

enum al_err cp2k_tree_parse(const char *text, const char *path, struct cp2k_node **ret)
{
    AL_OWN(cp2k_node) root = NULL;
    AL_AUTOFREE char *buf = NULL;
    size_t n;
    int line;
    AL_ALLOC(buf, strlen(text) + 2);
    AL_ALLOC(root, 1);
    root->section = true;
    struct parser p = {.text = text, .path = path, .buf = buf, .open = {root}};
    while (next_line(&p, &n, &line))
        if (n) AL_TRY(take_line(&p, n, line));
    if (p.depth > 0) AL_FAIL(AL_ERR_INPUT, "%s:%d: section &%s has no &END", path, p.open[p.depth]->line, p.open[p.depth]->name);
    *ret = root;
    root = NULL;
    return AL_ERR_OK;
}

// ---- finding, adding, printing --------------------------------------------------------------------------------

static bool first_word_is(const char *value, const char *word)
{
    size_t n = strcspn(value, " \t");
    return n == strlen(word) && strncasecmp(value, word, n) == 0;
}

struct cp2k_node *cp2k_find(const struct cp2k_node *in, const char *name, const char *value)
{
    for (struct cp2k_node *n = in ? in->child : NULL; n; n = n->next)
        if (strcmp(n->name, name) == 0 && (!value || first_word_is(n->value, value))) return n;
    return NULL;
}

// One step of a path: the child, and the path behind it.
static struct cp2k_node *step(const struct cp2k_node *in, const char **path, char name[64])
{
    size_t n = strcspn(*path, "/");
    snprintf(name, 64, "%.*s", (int)n, *path);
    *path += n + ((*path)[n] == '/');
    struct cp2k_node *at = cp2k_find(in, name, NULL);
    return at && at->section ? at : NULL;
}

struct cp2k_node *cp2k_section(struct cp2k_node *root, const char *path)
{
    char name[64];
    while (root && *path)
        root = step(root, &path, name);
    return root;
}

enum al_err cp2k_need(struct cp2k_node *root, const char *path, struct cp2k_node **ret)
{
    char name[64];
    while (*path) {
        struct cp2k_node *at = step(root, &path, name);
        if (!at) {
            AL_TRY(make(name, strlen(name), true, 0, &at));
            append(root, at);
        }
        root = at;
    }
    *ret = root;
    return AL_ERR_OK;
}

enum al_err cp2k_add(struct cp2k_node *in, bool section, const char *name, const char *fmt, ...)
{
    struct cp2k_node *n;
    char text[AL_PATH + 100];
    va_list ap;
    int k = snprintf(text, sizeof text, "%s ", name);
    va_start(ap, fmt);
    int m = vsnprintf(text + k, sizeof text - (size_t)k, fmt, ap);
    va_end(ap);
    const size_t length = (size_t)k + (size_t)m;
    if (k < 0 || m < 0 || length >= sizeof text) AL_FAIL(AL_ERR_INPUT, "a line of CP2K's input is too long: %.60s ...", text);
    AL_TRY(make(text, length, section, 0, &n));
    append(in, n);
    return AL_ERR_OK;
}

void cp2k_remove(struct cp2k_node *in, const char *name)
{
    for (struct cp2k_node **at = &in->child; *at;) {
        struct cp2k_node *n = *at;
        if (strcmp(n->name, name) != 0) {
            at = &n->next;
            continue;
        }
        *at = n->next;
        n->next = NULL;
        cp2k_node_destroy(&n);
    }
}

void cp2k_print(FILE *out, const struct cp2k_node *in, int depth)
{
    for (const struct cp2k_node *n = in->child; n; n = n->next) {
        fprintf(out, "%*s%s%s%s%s\n", 2 * depth, "", n->section ? "&" : "", n->name, n->value[0] ? " " : "", n->value);
        if (!n->section) continue;
        cp2k_print(out, n, depth + 1);
        fprintf(out, "%*s&END %s\n", 2 * depth, "", n->name);
    }
}
