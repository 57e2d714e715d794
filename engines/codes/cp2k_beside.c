// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What stands beside an output of CP2K: its input file (the cell with all digits) and the trajectories.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/units.h"
#include "codes/cp2k.h"
#include "codes/cp2k_out.h"

static enum al_err beside(const struct cp2k *d, const char *name, const char *end, char ret[AL_PATH])
{
    const char *slash = strrchr(d->path, '/');
    if (name[0] == '/' || !al_path_inside(name)) { // a path as it was on the machine that it ran on
        const char *base = strrchr(name, '/');
        name = base ? base + 1 : name;
    }
    return al_path(ret, "%.*s%s%s", slash ? (int)(slash - d->path) + 1 : 0, d->path, name, end);
}

// ---- the cell -------------------------------------------------------------------------------------------------

static bool vector_of(const struct cp2k_node *cell, const char *name, double v[3])
{
    const struct cp2k_node *n = cp2k_find(cell, name, NULL);
    const char *at = n ? n->value : "";
    if (strncasecmp(at, "[angstrom]", 10) == 0) at += 10;
    for (int k = 0; k < 3; k++) {
        char *end;
        v[k] = strtod(at, &end);
        if (end == at || !isfinite(v[k])) return false;
        at = end;
    }
    return *at == '\0';
}

static bool near(const double a[3][3], const double b[3][3], double within)
{
    for (int i = 0; i < 9; i++)
        if (!(fabs(a[i / 3][i % 3] - b[i / 3][i % 3]) < within)) return false;
    return true;
}

static bool of_input(struct cp2k *d, double ret[3][3])
{
    AL_OWN(cp2k_node) root = NULL;
    AL_AUTOFREE char *text = NULL;
    char path[AL_PATH];
    if (!d->input[0] || beside(d, d->input, "", path) || !al_exists(path) || al_file_read(path, 1 << 26, &text, NULL) ||
        cp2k_tree_parse(text, path, &root)) {
        al_err_clear(); // of any form that CP2K takes; then the output's own digits do
        return false;
    }
    const struct cp2k_node *cell = cp2k_section(root, "FORCE_EVAL/SUBSYS/CELL");
    double v[3][3];
    if (!cell || !vector_of(cell, "A", v[0]) || !vector_of(cell, "B", v[1]) || !vector_of(cell, "C", v[2])) return false;
    if (!near((const double(*)[3])v, (const double(*)[3])d->vectors, 6e-4)) return false; // another run's
    memcpy(ret, v, sizeof v);
    return true;
}

// a along x, b in the plane xy, as CP2K makes a cell of ABC.
static void of_lengths(const double length[3], const double angle[3], double ret[3][3])
{
    double c[3], s = sin(angle[2] * AL_PI / 180);
    for (int k = 0; k < 3; k++)
        c[k] = fabs(angle[k] - 90) < 1e-9 ? 0 : cos(angle[k] * AL_PI / 180);
    double x = c[1], y = (c[0] - c[1] * c[2]) / s;
    const double v[3][3] = {{length[0], 0, 0},
                            {length[1] * c[2], length[1] * s, 0},
                            {length[2] * x, length[2] * y, length[2] * sqrt(fmax(0, 1 - x * x - y * y))}};
    memcpy(ret, v, sizeof v);
}

// The vectors of the output, to the lengths that it has with more digits.
static void of_vectors(const struct cp2k *d, double ret[3][3])
{
    for (int i = 0; i < 3; i++) {
        const double *v = d->vectors[i];
        double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), scale = r > 0 && fabs(r - d->length[i]) < 1e-3 ? d->length[i] / r : 1;
        for (int k = 0; k < 3; k++)
            ret[i][k] = scale * v[k];
    }
}

static bool changed(const struct cp2k *d)
{
    for (int k = 0; k < 3; k++)
        if (d->md_length[k] > 0 && (fabs(d->md_length[k] - d->length[k]) > 2e-6 || fabs(d->md_angle[k] - d->angle[k]) > 2e-6)) return true;
    return false;
}

enum al_err cp2k_cell(struct cp2k *d, double ret[3][3])
{
    double v[3][3];
    if (!d->exact) {
        d->exact = true;
        of_lengths(d->length, d->angle, v);
        if (of_input(d, d->cell)) {
        } else if (near((const double(*)[3])v, (const double(*)[3])d->vectors, 6e-4)) {
            memcpy(d->cell, v, sizeof v);
        } else {
            of_vectors(d, d->cell);
        }
    }
    memcpy(ret, d->cell, sizeof d->cell);
    if (!changed(d)) return AL_ERR_OK;
    of_lengths(d->length, d->angle, v); // a variable cell: lengths and angles are all that there is of it
    if (!near((const double(*)[3])v, (const double(*)[3])d->vectors, 6e-4))
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: the cell moves and a is not along x: its direction is not in the output", d->path);
    of_lengths(d->md_length, d->md_angle, ret);
    return AL_ERR_OK;
}

// ---- trajectories ---------------------------------------------------------------------------------------------

void cp2k_xyz_close(struct cp2k_xyz *x)
{
    if (x->state == CP2K_XYZ_OPEN) al_lines_close(&x->r);
    al_free(x->v);
    *x = (struct cp2k_xyz){0};
}

static enum al_err open_xyz(const struct cp2k *d, const char *end, struct cp2k_xyz *x)
{
    if (x->state != CP2K_XYZ_CLOSED) return AL_ERR_OK;
    x->state = CP2K_XYZ_NONE;
    if (!d->project[0]) return AL_ERR_OK;
    AL_TRY(beside(d, d->project, end, x->path));
    if (!al_exists(x->path)) return AL_ERR_OK;
    AL_ALLOC(x->v, d->n);
    AL_TRY(al_lines_open(x->path, &x->r));
    x->state = CP2K_XYZ_OPEN;
    return AL_ERR_OK;
}

// The next block; have stays false at the end, or where the file is cut off.
static enum al_err next_block(const struct cp2k *d, struct cp2k_xyz *x)
{
    bool end;
    char *to;
    AL_TRY(al_lines_next(&x->r, &end));
    if (end) return AL_ERR_OK;
    if (strtol(x->r.line, &to, 10) != d->n) AL_FAIL(AL_ERR_INPUT, "%s:%ld: %d atoms are expected", x->path, x->r.lineno, d->n);
    AL_TRY(al_lines_next(&x->r, &end));
    if (end) return AL_ERR_OK;
    const char *at = strstr(x->r.line, "E =");
    if (!at) AL_FAIL(AL_ERR_INPUT, "%s:%ld: no energy", x->path, x->r.lineno);
    at += 3;
    char *comma = strchr(at, ',');
    if (comma) *comma = '\0';
    AL_TRY(al_lines_numbers(&x->r, "energy", &at, 1, &x->energy));
    for (int i = 0; i < d->n; i++) {
        AL_TRY(al_lines_next(&x->r, &end));
        if (end) return AL_ERR_OK;
        const char *p = x->r.line + strspn(x->r.line, " ");
        p += strcspn(p, " ");
        AL_TRY(al_lines_numbers(&x->r, "a row of an atom", &p, 3, x->v[i]));
    }
    x->have = true;
    return AL_ERR_OK;
}

// Ten decimals there; the file may begin before this run (appended to), and leave out evaluations.
static enum al_err match(const struct cp2k *d, struct cp2k_xyz *x)
{
    x->used = false;
    if (x->state != CP2K_XYZ_OPEN) return AL_ERR_OK;
    do {
        if (!x->have) AL_TRY(next_block(d, x));
        if (!x->have) return AL_ERR_OK;
        x->used = fabs(x->energy - d->energy) < 2e-9;
        if (x->used || !x->matched) x->have = false;
    } while (!x->used && !x->matched);
    x->matched |= x->used;
    return AL_ERR_OK;
}

enum al_err cp2k_places(struct cp2k *d, bool *ret_known)
{
    AL_TRY(open_xyz(d, "-pos-1.xyz", &d->pos));
    AL_TRY(open_xyz(d, "-frc-1.xyz", &d->frc));
    AL_TRY(match(d, &d->pos));
    AL_TRY(match(d, &d->frc));
    *ret_known = d->pos.used || (d->pos.state != CP2K_XYZ_OPEN && !d->emitted);
    if (d->forces || !d->frc.used) return AL_ERR_OK;
    memcpy(d->force, d->frc.v, (size_t)d->n * sizeof *d->force); // Ha/bohr unless the user's &FORCES has another UNIT
    d->forces = true;
    return AL_ERR_OK;
}
