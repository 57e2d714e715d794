// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "codes/template.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_LINE = 4096 };

void template_destroy(struct template **tp)
{
    struct template *t = *tp;
    *tp = NULL;
    if (!t) return;
    al_free(t->entry);
    al_free(t->cards);
    al_free(t);
}

const struct template_entry *template_get(const struct template *t, const char *section, const char *key)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->entry[i].section, section) == 0 && strcmp(t->entry[i].key, key) == 0) return &t->entry[i];
    return NULL;
}

// Cuts a comment (! or #, not in quotes) and blanks at the end.
static void strip(char *line)
{
    char quote = 0;
    size_t n = 0;
    for (; line[n]; n++) {
        if (quote) quote = line[n] == quote ? 0 : quote;
        else if (line[n] == '\'' || line[n] == '"') quote = line[n];
        else if (line[n] == '!' || line[n] == '#') break;
    }
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    line[n] = '\0';
}

static bool take(const char *from, size_t n, char *ret, size_t size, bool small)
{
    while (n && isspace((unsigned char)*from)) {
        from++;
        n--;
    }
    while (n && isspace((unsigned char)from[n - 1]))
        n--;
    if (!n || n >= size) return false;
    for (size_t i = 0; i < n; i++)
        ret[i] = small ? (char)tolower((unsigned char)from[i]) : from[i];
    ret[n] = '\0';
    return true;
}

// One "key = value"; p to the comma or the end of the line.
static enum al_err add_entry(struct template *t, const char *section, const char *p, size_t n, const char *name, int line)
{
    const char *equals = memchr(p, '=', n);
    struct template_entry e = {.line = line};
    snprintf(e.section, sizeof e.section, "%s", section);
    if (!equals || !take(p, (size_t)(equals - p), e.key, sizeof e.key, true) ||
        !take(equals + 1, n - (size_t)(equals + 1 - p), e.value, sizeof e.value, false))
        AL_FAIL(AL_ERR_INPUT, "%s:%d: '%.*s' is not KEY = VALUE with one value", name, line, (int)(n < 60 ? n : 60), p);
    char *to = e.key; // hubbard_u( fe )
    for (const char *from = e.key; *from; from++)
        if (!isspace((unsigned char)*from)) *to++ = *from;
    *to = '\0';
    if (template_get(t, e.section, e.key)) AL_FAIL(AL_ERR_INPUT, "%s:%d: %s is there twice", name, line, e.key);
    AL_GROW(t->entry, t->n, t->n + 1);
    t->entry[t->n++] = e;
    return AL_ERR_OK;
}

// The line's parts between commas that are in no quotes.
static enum al_err add_line(struct template *t, const char *section, const char *line, const char *name, int number)
{
    char quote = 0;
    const char *from = line;
    for (const char *p = line;; p++) {
        if (*p && quote) {
            quote = *p == quote ? 0 : quote;
            continue;
        }
        if (*p == '\'' || *p == '"') quote = *p;
        if (*p && *p != ',') continue;
        size_t n = (size_t)(p - from);
        if (strspn(from, " \t") < n) AL_TRY(add_entry(t, section, from, n, name, number));
        if (!*p) return AL_ERR_OK;
        from = p + 1;
    }
}

static enum al_err add_card(struct template *t, const char *line, int number)
{
    size_t have = t->cards ? strlen(t->cards) : 0, n = strlen(line);
    if (!have) t->card_line = number;
    AL_GROW(t->cards, have + (t->cards != NULL), have + n + 2);
    snprintf(t->cards + have, n + 2, "%s\n", line);
    return AL_ERR_OK;
}

static enum al_err read_line(struct template *t, char *line, char section[16], const char *name, int number)
{
    strip(line);
    const char *p = line + strspn(line, " \t");
    if (!*p) return AL_ERR_OK;
    if (!section[0] && *p == '&') {
        if (!take(p + 1, strlen(p + 1), section, 16, true)) AL_FAIL(AL_ERR_INPUT, "%s:%d: '%.40s' is no namelist", name, number, p);
    } else if (section[0] && strcmp(p, "/") == 0) {
        section[0] = '\0';
    } else if (section[0]) {
        AL_TRY(add_line(t, section, p, name, number));
    } else {
        AL_TRY(add_card(t, p, number));
    }
    return AL_ERR_OK;
}

enum al_err template_read(const char *text, const char *name, struct template **ret)
{
    AL_OWN(template) t = NULL;
    char line[MAX_LINE], section[16] = "";
    AL_ALLOC(t, 1);
    int number = 0;
    for (const char *p = text ? text : ""; *p;) {
        size_t n = strcspn(p, "\n");
        number++;
        if (n >= sizeof line) AL_FAIL(AL_ERR_INPUT, "%s:%d: a line of more than %d characters", name, number, MAX_LINE - 1);
        memcpy(line, p, n);
        line[n] = '\0';
        AL_TRY(read_line(t, line, section, name, number));
        p += n + (p[n] == '\n');
    }
    if (section[0]) AL_FAIL(AL_ERR_INPUT, "%s:%d: the namelist &%s has no '/' at its end", name, number, section);
    if (!t->cards) AL_TRY(al_strdup("", &t->cards));
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}
