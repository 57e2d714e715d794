// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// VASP's POSCAR / CONTCAR, version 5 and later (with a line of element symbols): title, scale (negative = volume), three
// cell rows, symbols, counts, optional "Selective dynamics", Direct or Cartesian, positions.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/frame.h"
#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"

struct lines {
    const char *path;
    char *next;
    int lineno;
};

static enum al_err line(struct lines *l, const char *what, char **ret)
{
    if (!l->next) AL_FAIL(AL_ERR_INPUT, "%s:%d: file ends where %s should be", l->path, l->lineno, what);
    char *start = l->next, *nl = strchr(start, '\n');
    l->next = nl ? nl + 1 : NULL;
    if (nl) *nl = '\0';
    l->lineno++;
    size_t n = strlen(start);
    while (n && isspace((unsigned char)start[n - 1]))
        start[--n] = '\0';
    *ret = start + strspn(start, " \t");
    return AL_ERR_OK;
}

static enum al_err three(const struct lines *l, const char *text, double v[3])
{
    const char *p = text;
    for (int i = 0; i < 3; i++) {
        char *end;
        v[i] = strtod(p, &end);
        if (end == p || !isfinite(v[i])) AL_FAIL(AL_ERR_INPUT, "%s:%d: three numbers expected", l->path, l->lineno);
        p = end;
    }
    return AL_ERR_OK;
}

static enum al_err read_counts(struct lines *l, int z[64], long count[64], int *ret_n, long *ret_total)
{
    char *symbols, *counts;
    AL_TRY(line(l, "the line of element symbols", &symbols));
    int n = 0, m = 0;
    long total = 0;
    for (char *save = NULL, *w = strtok_r(symbols, " \t", &save); w; w = strtok_r(NULL, " \t", &save), n++) {
        char symbol[4] = "";
        snprintf(symbol, sizeof symbol, "%.*s", (int)(strcspn(w, "_/") < 3 ? strcspn(w, "_/") : 3), w);
        if (n == 64 || !(z[n] = al_element_z(symbol)))
            AL_FAIL_HINT(AL_ERR_INPUT, "POSCAR needs VASP 5's line of element symbols above the counts",
                         "%s:%d: '%s' is not an element", l->path, l->lineno, w);
    }
    AL_TRY(line(l, "the line of atom counts", &counts));
    for (char *save = NULL, *w = strtok_r(counts, " \t", &save); w; w = strtok_r(NULL, " \t", &save), m++) {
        char *end;
        if (m == n) AL_FAIL(AL_ERR_INPUT, "%s:%d: more counts than element symbols", l->path, l->lineno);
        count[m] = strtol(w, &end, 10);
        if (*end || count[m] < 1 || count[m] > 10000000)
            AL_FAIL(AL_ERR_INPUT, "%s:%d: '%s' is not a number of atoms", l->path, l->lineno, w);
        total += count[m];
    }
    if (m != n || n == 0) AL_FAIL(AL_ERR_INPUT, "%s:%d: %d element symbols, %d counts", l->path, l->lineno, n, m);
    *ret_n = n;
    *ret_total = total;
    return AL_ERR_OK;
}

static enum al_err read_cell(struct lines *l, double cell[3][3], double *ret_scale)
{
    char *text, *end;
    AL_TRY(line(l, "the scale", &text));
    double scale = strtod(text, &end);
    if (end == text || !isfinite(scale) || scale == 0)
        AL_FAIL(AL_ERR_INPUT, "%s:%d: scale expected", l->path, l->lineno);
    for (int a = 0; a < 3; a++) {
        AL_TRY(line(l, "a cell row", &text));
        AL_TRY(three(l, text, cell[a]));
    }
    double volume = fabs(al_det3(cell));
    if (!(volume > 0)) AL_FAIL(AL_ERR_INPUT, "%s:%d: the cell has no volume", l->path, l->lineno);
    if (scale < 0) scale = cbrt(-scale / volume);
    for (int k = 0; k < 9; k++)
        cell[k / 3][k % 3] *= scale;
    *ret_scale = scale;
    return AL_ERR_OK;
}

static enum al_err parse(struct lines *l, struct al_frame **ret)
{
    char *text;
    double cell[3][3], scale;
    int z[64], n;
    long count[64], total;
    AL_TRY(line(l, "the title", &text));
    AL_TRY(read_cell(l, cell, &scale));
    AL_TRY(read_counts(l, z, count, &n, &total));
    AL_TRY(line(l, "Direct or Cartesian", &text));
    if (toupper((unsigned char)text[0]) == 'S') AL_TRY(line(l, "Direct or Cartesian", &text));
    char mode = (char)toupper((unsigned char)text[0]);
    if (mode != 'D' && mode != 'C' && mode != 'K')
        AL_FAIL(AL_ERR_INPUT, "%s:%d: 'Direct' or 'Cartesian' expected, found '%.40s'", l->path, l->lineno, text);
    // a position takes five characters and its line's end: counts that the file cannot hold must cost no memory
    size_t left = l->next ? strlen(l->next) : 0;
    if ((size_t)total > (left + 1) / 6) AL_FAIL(AL_ERR_INPUT, "%s:%d: the file ends before %ld positions", l->path, l->lineno, total);
    AL_OWN(al_frame) f = NULL;
    AL_TRY(al_frame_create((int)total, &f));
    memcpy(f->cell, cell, sizeof cell);
    int i = 0;
    for (int s = 0; s < n; s++)
        for (long k = 0; k < count[s]; k++, i++) {
            double v[3];
            AL_TRY(line(l, "a position", &text));
            AL_TRY(three(l, text, v));
            f->z[i] = z[s];
            if (mode == 'D') al_vecmat3(v, cell, f->pos[i]);
            for (int c = 0; c < 3 && mode != 'D'; c++)
                f->pos[i][c] = scale * v[c];
        }
    AL_TRY(al_frame_finite(f, l->path));
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

enum al_err al_poscar_read(const char *path, struct al_frame **ret)
{
    AL_AUTOFREE char *data = NULL;
    AL_TRY(al_file_read(path, (size_t)64 << 20, &data, NULL));
    struct lines l = {.path = path, .next = data};
    AL_TRY(parse(&l, ret));
    return AL_ERR_OK;
}
