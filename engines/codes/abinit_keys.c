// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The user's part of an ABINIT input: a list of names with values, free in form ("ecut 20 nband 8" is two statements). A word is a name when
// it starts with a letter and is not one of ABINIT's units and operators.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "codes/abinit.h"

struct word {
    const char *at;
    size_t n;
    int line;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '=' || c == ',';
}

// The next word; n = 0: the end. Strings keep their quotes. *bad: a string that does not end.
static struct word next_word(const char **p, int *line, bool *bad)
{
    for (;; (*p)++) {
        if (**p == '#' || **p == '!') *p += strcspn(*p, "\n");
        if (**p == '\0') return (struct word){*p, 0, *line};
        if (**p == '\n') (*line)++;
        if (!is_blank(**p)) break;
    }
    struct word w = {*p, 0, *line};
    if (**p == '"' || **p == '\'') {
        const char *end = strchr(*p + 1, **p);
        *bad = !end;
        w.n = end ? (size_t)(end - *p) + 1 : strlen(*p);
        for (size_t i = 0; i < w.n; i++)
            *line += w.at[i] == '\n';
    } else {
        while (w.at[w.n] && !is_blank(w.at[w.n]) && !strchr("#!\"'", w.at[w.n]))
            w.n++;
    }
    *p += w.n;
    return w;
}

static bool is_name(const struct word *w)
{
    static const char *const units[] = {"ha",  "hartree", "hartrees", "ry",  "rydberg", "rydbergs", "ev",   "mev", "k",       "kelvin",
                                        "bohr", "au",     "angstr",   "angstrom", "angstroms", "nm", "nanometer", "t", "te", "tesla",
                                        "s",   "sec",     "second",   "seconds"};
    if (!isalpha((unsigned char)w->at[0])) return false;
    if (w->n > 5 && strncasecmp(w->at, "sqrt(", 5) == 0) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i]) == w->n && strncasecmp(w->at, units[i], w->n) == 0) return false;
    return true;
}

static enum al_err add_name(struct abinit_keys *k, const struct word *w)
{
    if (k->n == k->cap) {
        int more = k->cap ? 2 * k->cap : 16;
        AL_GROW(k->key, k->cap, more);
        k->cap = more;
    }
    struct abinit_key *key = &k->key[k->n++];
    key->line = w->line;
    AL_ALLOC(key->name, w->n + 1);
    for (size_t i = 0; i < w->n; i++)
        key->name[i] = (char)tolower((unsigned char)w->at[i]);
    return al_strdup("", &key->values);
}

static enum al_err add_value(struct abinit_key *key, const struct word *w)
{
    size_t n = strlen(key->values);
    AL_GROW(key->values, n + 1, n + w->n + 2);
    if (n) key->values[n++] = ' ';
    memcpy(key->values + n, w->at, w->n);
    key->values[n + w->n] = '\0';
    return AL_ERR_OK;
}

enum al_err abinit_keys_parse(const char *text, const char *path, struct abinit_keys **ret)
{
    AL_OWN(abinit_keys) k = NULL;
    int line = 1;
    bool bad = false;
    AL_ALLOC(k, 1);
    for (;;) {
        struct word w = next_word(&text, &line, &bad);
        if (!w.n) break;
        if (bad) AL_FAIL(AL_ERR_INPUT, "%s:%d: a string without an end", path, w.line);
        if (is_name(&w)) {
            if (w.n == 7 && strncasecmp(w.at, "include", 7) == 0)
                AL_FAIL_HINT(AL_ERR_INPUT, "write the file's text here", "%s:%d: an include, which would not be found where ABINIT runs", path, w.line);
            AL_TRY(add_name(k, &w));
        } else if (k->n) {
            AL_TRY(add_value(&k->key[k->n - 1], &w));
        } else {
            AL_FAIL(AL_ERR_INPUT, "%s:%d: '%.*s' is the value of nothing", path, w.line, (int)(w.n < 40 ? w.n : 40), w.at);
        }
    }
    *ret = k;
    k = NULL;
    return AL_ERR_OK;
}

void abinit_keys_destroy(struct abinit_keys **kp)
{
    struct abinit_keys *k = *kp;
    *kp = NULL;
    if (!k) return;
    for (int i = 0; i < k->n; i++) {
        al_free(k->key[i].name);
        al_free(k->key[i].values);
    }
    al_free(k->key);
    al_free(k);
}

const struct abinit_key *abinit_keys_find(const struct abinit_keys *k, const char *name)
{
    for (int i = 0; k && i < k->n; i++) {
        const char *have = k->key[i].name;
        size_t n = strlen(name);
        // "ecut1", "ecut:", "ecut+" are the same for other data sets
        if (strncmp(have, name, n) == 0 && have[n + strspn(have + n, "0123456789?:+*")] == '\0') return &k->key[i];
    }
    return NULL;
}
