// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/scan.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct pass {
    scan_each *each;
    void *ctx;
    bool over;
};

static void one_file(const char *path, struct pass *p)
{
    FILE *in = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    for (long k = 0; in && !p->over && getline(&line, &cap, in) > 0; k++) {
        long natoms = strtol(line, NULL, 10);
        if (natoms <= 0 || getline(&line, &cap, in) <= 0) break;
        p->over = !p->each(p->ctx, path, k, line);
        for (long i = 0; i < natoms && !p->over && getline(&line, &cap, in) > 0; i++) {
        }
    }
    free(line);
    if (in) fclose(in);
}

enum al_err scan_frames(const char *path, scan_each *each, void *ctx)
{
    struct pass p = {each, ctx, false};
    one_file(path, &p);
    return AL_ERR_OK;
}

enum al_err scan_files(const char *pattern, scan_each *each, void *ctx)
{
    struct pass p = {each, ctx, false};
    glob_t g;
    int rc = glob(pattern, 0, NULL, &g);
    if (rc == GLOB_NOMATCH) return AL_ERR_OK;
    if (rc) AL_FAIL(rc == GLOB_NOSPACE ? AL_ERR_NOMEM : AL_ERR_IO, "cannot look for %s", pattern);
    for (size_t i = 0; i < g.gl_pathc && !p.over; i++)
        one_file(g.gl_pathv[i], &p);
    globfree(&g);
    return AL_ERR_OK;
}

static void take(const char *p, char *ret, size_t n)
{
    char quote = *p == '"' || *p == '\'' ? *p++ : '\0';
    size_t k = 0;
    for (; *p && *p != '\n' && *p != '\r' && (quote ? *p != quote : *p != ' ' && *p != '\t'); p++) {
        if (quote && *p == '\\' && p[1]) p++;
        if (k + 1 < n) ret[k++] = *p;
    }
    ret[k] = '\0';
}

// Quoted values are stepped over whole: what stands in a message is no key.
bool scan_value(const char *comment, const char *key, char *ret, size_t n)
{
    size_t len = strlen(key);
    ret[0] = '\0';
    for (const char *p = comment; *p;) {
        while (*p == ' ' || *p == '\t')
            p++;
        const char *word = p;
        while (*p && !strchr("= \t\r\n", *p))
            p++;
        if (*p != '=') {
            if (*p) p++;
            continue;
        }
        p++;
        if ((size_t)(p - 1 - word) == len && strncmp(word, key, len) == 0) {
            take(p, ret, n);
            return true;
        }
        char quote = *p == '"' || *p == '\'' ? *p++ : '\0';
        while (*p && (quote ? *p != quote : !strchr(" \t\r\n", *p)))
            p += quote && *p == '\\' && p[1] ? 2 : 1;
        if (quote && *p) p++;
    }
    return false;
}
