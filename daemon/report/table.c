// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "report/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"

enum { MAX_COLUMNS = 64, MAX_BYTES = 64 << 20 };

// Cuts a line into its cells; returns how many.
static int cut(char *line, bool comma, char **cell)
{
    int n = 0;
    char *rest = line;
    while (n < MAX_COLUMNS && rest) {
        char *word = strsep(&rest, comma ? "," : " \t");
        if (comma || *word) cell[n++] = word;
    }
    return n;
}

static enum al_err head_of(struct table *t, int n, char **cell)
{
    AL_ALLOC(t->head, n);
    memcpy(t->head, cell, (size_t)n * sizeof *cell);
    t->ncols = n;
    return AL_ERR_OK;
}

static enum al_err fill(struct table *t, bool comma)
{
    char *rest = t->text, *cell[MAX_COLUMNS];
    int capacity = 0;
    while (rest && *rest) {
        char *end = strchr(rest, '\n');
        if (!end) break; // not whole yet
        *end = '\0';
        char *line = rest;
        rest = end + 1;
        bool comment = line[0] == '#';
        if (comment && (comma || t->ncols)) continue;
        int n = cut(comment ? line + 1 : line, comma, cell);
        if (!t->ncols) {
            AL_TRY(head_of(t, n, cell));
            continue;
        }
        if (n != t->ncols) continue;
        if (t->nrows == capacity) {
            int more = capacity ? 2 * capacity : 256;
            AL_GROW(t->cell, capacity * t->ncols, more * t->ncols);
            capacity = more;
        }
        memcpy(t->cell + (size_t)t->nrows++ * (size_t)n, cell, (size_t)n * sizeof *cell);
    }
    return AL_ERR_OK;
}

enum al_err table_read(const char *path, bool comma, struct table **ret)
{
    *ret = NULL;
    if (!al_exists(path)) return AL_ERR_OK;
    AL_OWN(table) t = NULL;
    AL_ALLOC(t, 1);
    AL_TRY(al_file_read(path, MAX_BYTES, &t->text, NULL));
    AL_TRY(fill(t, comma));
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}

void table_destroy(struct table **tp)
{
    struct table *t = *tp;
    *tp = NULL;
    if (!t) return;
    al_free(t->head);
    al_free(t->cell);
    al_free(t->text);
    al_free(t);
}

int table_column(const struct table *t, const char *name)
{
    for (int i = 0; i < t->ncols; i++)
        if (strcmp(t->head[i], name) == 0) return i;
    return -1;
}

double table_number(const struct table *t, int row, int column)
{
    if (column < 0) return NAN;
    const char *text = t->cell[(size_t)row * (size_t)t->ncols + (size_t)column];
    char *end;
    double v = strtod(text, &end);
    return end != text && !*end ? v : (double)NAN;
}

const char *table_text(const struct table *t, int row, int column)
{
    return column < 0 ? "" : t->cell[(size_t)row * (size_t)t->ncols + (size_t)column];
}
