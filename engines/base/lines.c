// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"

enum { MAX_LINE = 1 << 20 };

enum al_err al_lines_open(const char *path, struct al_lines *ret)
{
    struct al_lines r = {.path = path};
    AL_TRY(al_file_stream(path, &r.in));
    *ret = r;
    return AL_ERR_OK;
}

void al_lines_close(struct al_lines *r)
{
    free(r->line);
    if (r->in) fclose(r->in);
    *r = (struct al_lines){0};
}

// As getline, but of a line that is too long no more than that is read: a file without an end of line must not fill the memory.
static ssize_t read_line(struct al_lines *r)
{
    size_t n = 0;
    flockfile(r->in);
    for (int c = 0; c != '\n' && n <= MAX_LINE && (c = getc_unlocked(r->in)) != EOF;) {
        if (n + 2 > r->size) {
            size_t bigger = r->size ? 2 * r->size : 256;
            char *line = realloc(r->line, bigger);
            if (!line) break;
            r->line = line;
            r->size = bigger;
        }
        r->line[n++] = (char)c;
    }
    funlockfile(r->in);
    if (!n) return -1;
    r->line[n] = '\0';
    return (ssize_t)n;
}

enum al_err al_lines_next(struct al_lines *r, bool *ret_end)
{
    *ret_end = false;
    if (r->again) {
        r->again = false;
        return AL_ERR_OK;
    }
    ssize_t n = read_line(r);
    if (n < 0) {
        if (ferror(r->in)) AL_FAIL(AL_ERR_IO, "cannot read %s", r->path);
        *ret_end = true;
        return AL_ERR_OK;
    }
    r->lineno++;
    if (n > MAX_LINE || (size_t)n != strlen(r->line))
        AL_FAIL(AL_ERR_INPUT, "%s:%ld: not a line of text", r->path, r->lineno);
    while (n > 0 && (r->line[n - 1] == '\n' || r->line[n - 1] == '\r'))
        r->line[--n] = '\0';
    return AL_ERR_OK;
}

enum al_err al_lines_need(struct al_lines *r, const char *what)
{
    bool end;
    AL_TRY(al_lines_next(r, &end));
    if (end) AL_FAIL_HINT(AL_ERR_INPUT, "was the run cut off? drop the incomplete frame", "%s:%ld: the file ends before %s", r->path, r->lineno, what);
    return AL_ERR_OK;
}

enum al_err al_lines_numbers(const struct al_lines *r, const char *what, const char **p, int n, double *ret)
{
    for (int i = 0; i < n; i++) {
        char *end;
        double v = strtod(*p, &end);
        if (end == *p || !isfinite(v) || (*end && *end != ' ' && *end != '\t'))
            AL_FAIL(AL_ERR_INPUT, "%s:%ld: %s: %d number%s expected", r->path, r->lineno, what, n, n == 1 ? "" : "s");
        ret[i] = v;
        *p = end;
    }
    return AL_ERR_OK;
}
