// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/lines.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 1 << 20 };

enum al_err al_lines_open(const char *path, struct al_lines *ret)
{
    struct al_lines r = {.path = path, .in = fopen(path, "rbe")};
    if (!r.in) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    *ret = r;
    return AL_ERR_OK;
}

void al_lines_close(struct al_lines *r)
{
    free(r->line);
    if (r->in) fclose(r->in);
    *r = (struct al_lines){0};
}

enum al_err al_lines_next(struct al_lines *r, bool *ret_end)
{
    *ret_end = false;
    if (r->again) {
        r->again = false;
        return AL_ERR_OK;
    }
    ssize_t n = getline(&r->line, &r->size, r->in);
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
