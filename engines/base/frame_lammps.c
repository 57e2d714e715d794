// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// LAMMPS text dumps (dump atom, dump custom), https://docs.lammps.org/dump.html: BOX BOUNDS orthogonal, restricted triclinic (xy xz yz) and
// general (abc origin); positions as x, xs, xu or xsu, with image counts ix iy iz where they are there; atoms in any order, sorted by
// id. Positions are counted from the box's origin, so that fractional coordinates mean the same in every frame. Lengths are
// taken as Angstrom (units real, metal).
#include <math.h>
#include <stdlib.h>

#include "base/lines.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/traj.h"

enum { MAX_COLUMNS = 64, MAX_ATOMS = 100000000 };
enum column { ID, TYPE, ELEMENT, X, XS = X + 3, XU = XS + 3, XSU = XU + 3, IX = XSU + 3, NCOLUMNS = IX + 3 };
static const char *const column_name[NCOLUMNS] = {"id",  "type", "element", "x",   "y",   "z",  "xs", "ys", "zs",
                                                  "xu",  "yu",   "zu",      "xsu", "ysu", "zsu", "ix", "iy", "iz"};

struct lammps {
    struct al_lines r;
    struct al_traj_options o;
    double unit_time; // fs in a unit of ITEM: TIME; 0: not said
    // of the current frame
    double step, time; // NaN: no ITEM: TIME
    long n;
    double cell[3][3], origin[3];
    bool periodic[3];
    int at[NCOLUMNS], ncolumns; // column of each quantity, -1
};

static bool lammps_is(const char *path, const char *head, size_t n)
{
    (void)path;
    (void)n;
    return strncmp(head, "ITEM:", 5) == 0;
}

static enum al_err lammps_open(const char *path, const struct al_traj_options *o, void **ret)
{
    AL_AUTOFREE struct lammps *d = NULL;
    AL_ALLOC(d, 1);
    d->o = *o;
    AL_TRY(al_lines_open(path, &d->r));
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

static void lammps_close(void *reader)
{
    struct lammps *d = reader;
    al_lines_close(&d->r);
    al_free(d);
}

static long lammps_tell(void *reader)
{
    return ftell(((struct lammps *)reader)->r.in);
}

static enum al_err read_units(struct lammps *d)
{
    AL_TRY(al_lines_need(&d->r, "the units"));
    if (strncmp(d->r.line, "metal", 5) == 0) d->unit_time = 1000;
    else if (strncmp(d->r.line, "real", 4) == 0) d->unit_time = 1;
    else
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "units real or metal", "%s:%ld: units %.20s: lengths are not Angstrom", d->r.path, d->r.lineno, d->r.line);
    return AL_ERR_OK;
}

static enum al_err read_number(struct lammps *d, const char *what, double *ret)
{
    AL_TRY(al_lines_need(&d->r, what));
    const char *p = d->r.line;
    AL_TRY(al_lines_numbers(&d->r, what, &p, 1, ret));
    return AL_ERR_OK;
}

static enum al_err read_count(struct lammps *d)
{
    double n;
    AL_TRY(read_number(d, "NUMBER OF ATOMS", &n));
    if (!(n >= 1) || n > MAX_ATOMS || n != floor(n)) AL_FAIL(AL_ERR_INPUT, "%s:%ld: %.20s is not a number of atoms", d->r.path, d->r.lineno, d->r.line);
    d->n = (long)n;
    return AL_ERR_OK;
}

// The words behind "ITEM: BOX BOUNDS": [xy xz yz | abc origin] and three of pp, ff, ...
static enum al_err read_box(struct lammps *d, char *words)
{
    bool tilted = strstr(words, "xy xz yz") != NULL, general = strstr(words, "abc origin") != NULL;
    double v[3][4] = {0};
    char *save = NULL;
    int k3 = 0;
    d->periodic[0] = d->periodic[1] = d->periodic[2] = true; // old files do not say it
    for (char *w = strtok_r(words, " \t", &save); w; w = strtok_r(NULL, " \t", &save))
        if (strlen(w) == 2 && strchr("pfsm", w[0]) && k3 < 3) d->periodic[k3++] = w[0] == 'p';
    for (int k = 0; k < 3; k++) {
        AL_TRY(al_lines_need(&d->r, "the box"));
        const char *p = d->r.line;
        AL_TRY(al_lines_numbers(&d->r, "BOX BOUNDS", &p, general ? 4 : tilted ? 3 : 2, v[k]));
    }
    memset(d->cell, 0, sizeof d->cell);
    if (general) {
        for (int k = 0; k < 3; k++) {
            memcpy(d->cell[k], v[k], sizeof d->cell[k]);
            d->origin[k] = v[k][3];
        }
    } else {
        double xy = v[0][2], xz = v[1][2], yz = v[2][2];
        double xlo = v[0][0] - fmin(fmin(0, xy), fmin(xz, xy + xz)), xhi = v[0][1] - fmax(fmax(0, xy), fmax(xz, xy + xz));
        double ylo = v[1][0] - fmin(0, yz), yhi = v[1][1] - fmax(0, yz);
        const double cell[3][3] = {{xhi - xlo, 0, 0}, {xy, yhi - ylo, 0}, {xz, yz, v[2][1] - v[2][0]}};
        memcpy(d->cell, cell, sizeof cell);
        d->origin[0] = xlo;
        d->origin[1] = ylo;
        d->origin[2] = v[2][0];
    }
    if (!(fabs(al_det3(d->cell)) > 0)) AL_FAIL(AL_ERR_INPUT, "%s:%ld: the box has no volume", d->r.path, d->r.lineno);
    return AL_ERR_OK;
}

static bool have3(const struct lammps *d, enum column c)
{
    return d->at[c] >= 0 && d->at[c + 1] >= 0 && d->at[c + 2] >= 0;
}

static enum al_err read_columns(struct lammps *d, char *words)
{
    char *save = NULL;
    d->ncolumns = 0;
    for (int c = 0; c < NCOLUMNS; c++)
        d->at[c] = -1;
    for (char *w = strtok_r(words, " \t", &save); w; w = strtok_r(NULL, " \t", &save), d->ncolumns++)
        for (int c = 0; c < NCOLUMNS; c++)
            if (strcmp(w, column_name[c]) == 0) d->at[c] = d->ncolumns;
    if (d->ncolumns > MAX_COLUMNS) AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%ld: more than %d columns", d->r.path, d->r.lineno, MAX_COLUMNS);
    if (d->at[ID] < 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "dump ... custom N FILE id element xu yu zu", "%s:%ld: without a column id atoms cannot be followed", d->r.path,
                     d->r.lineno);
    if (!have3(d, X) && !have3(d, XS) && !have3(d, XU) && !have3(d, XSU))
        AL_FAIL_HINT(AL_ERR_INPUT, "dump ... custom N FILE id element xu yu zu", "%s:%ld: no positions (x y z, xs ys zs, xu yu zu or xsu ysu zsu)",
                     d->r.path, d->r.lineno);
    if (d->at[ELEMENT] < 0 && d->at[TYPE] < 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "dump_modify ID element Li P S, or a column type and --types Li,P,S",
                     "%s:%ld: neither a column element nor a column type", d->r.path, d->r.lineno);
    return AL_ERR_OK;
}

struct atom {
    long id;
    int z;
    double x[3];
};

static int by_id(const void *a, const void *b)
{
    long p = ((const struct atom *)a)->id, q = ((const struct atom *)b)->id;
    return (p > q) - (p < q);
}

static enum al_err element_of(const struct lammps *d, char *const *word, int *ret)
{
    const struct al_lines *r = &d->r;
    if (d->at[ELEMENT] >= 0 && !d->o.ntypes) {
        *ret = al_element_z(word[d->at[ELEMENT]]);
        if (!*ret)
            AL_FAIL_HINT(AL_ERR_INPUT, "--types Li,P,S names the types", "%s:%ld: '%.20s' is not an element", r->path, r->lineno, word[d->at[ELEMENT]]);
        return AL_ERR_OK;
    }
    if (d->at[TYPE] < 0) AL_FAIL(AL_ERR_INPUT, "%s:%ld: --types needs a column type", r->path, r->lineno);
    char *end;
    long type = strtol(word[d->at[TYPE]], &end, 10);
    if (*end || type < 1) AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%.20s' is not a type", r->path, r->lineno, word[d->at[TYPE]]);
    if (type > d->o.ntypes)
        AL_FAIL_HINT(AL_ERR_INPUT, "--types Li,P,S: the elements of types 1, 2, 3", "%s:%ld: which element type %ld is is not said", r->path, r->lineno, type);
    *ret = d->o.type_z[type - 1];
    return AL_ERR_OK;
}

static enum al_err number_at(const struct al_lines *r, char *const *word, int at, double *ret)
{
    char *end;
    double v = strtod(word[at], &end);
    if (*end || !isfinite(v)) AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%.20s' is not a number", r->path, r->lineno, word[at]);
    *ret = v;
    return AL_ERR_OK;
}

static enum al_err position(const struct lammps *d, char *const *word, double ret[3])
{
    bool scaled = !have3(d, XU) && !(have3(d, X) && have3(d, IX)) && (have3(d, XSU) || !have3(d, X));
    enum column c = have3(d, XU) ? XU : !scaled ? X : have3(d, XSU) ? XSU : XS;
    bool images = have3(d, IX) && (c == X || c == XS);
    double v[3], image[3] = {0}, shift[3];
    for (int k = 0; k < 3; k++) {
        AL_TRY(number_at(&d->r, word, d->at[(int)c + k], &v[k]));
        if (images) AL_TRY(number_at(&d->r, word, d->at[IX + k], &image[k]));
        if (!scaled) v[k] -= d->origin[k];
    }
    if (scaled) {
        for (int k = 0; k < 3; k++)
            image[k] += v[k];
        al_vecmat3(image, d->cell, ret);
        return AL_ERR_OK;
    }
    al_vecmat3(image, d->cell, shift);
    for (int k = 0; k < 3; k++)
        ret[k] = v[k] + shift[k];
    return AL_ERR_OK;
}

static enum al_err read_atoms(struct lammps *d, struct al_frame **ret)
{
    AL_AUTOFREE struct atom *a = NULL;
    AL_OWN(al_frame) f = NULL;
    long cap = d->n < 1024 ? d->n : 1024;
    bool sorted = true;
    AL_ALLOC(a, cap);
    for (long i = 0; i < d->n; i++) {
        char *word[MAX_COLUMNS], *save = NULL, *end;
        int n = 0;
        if (i == cap) {
            long more = 2 * cap < d->n ? 2 * cap : d->n;
            AL_GROW(a, cap, more);
            cap = more;
        }
        AL_TRY(al_lines_need(&d->r, "its last atom"));
        for (char *w = strtok_r(d->r.line, " \t", &save); w && n < MAX_COLUMNS; w = strtok_r(NULL, " \t", &save))
            word[n++] = w;
        if (n != d->ncolumns) AL_FAIL(AL_ERR_INPUT, "%s:%ld: %d columns, not %d", d->r.path, d->r.lineno, n, d->ncolumns);
        a[i].id = strtol(word[d->at[ID]], &end, 10);
        if (*end) AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%.20s' is not an id", d->r.path, d->r.lineno, word[d->at[ID]]);
        AL_TRY(element_of(d, word, &a[i].z));
        AL_TRY(position(d, word, a[i].x));
        sorted = sorted && (i == 0 || a[i - 1].id < a[i].id);
    }
    if (!sorted) qsort(a, (size_t)d->n, sizeof *a, by_id);
    AL_TRY(al_frame_create((int)d->n, &f));
    for (long i = 0; i < d->n; i++) {
        if (i && a[i].id == a[i - 1].id) AL_FAIL(AL_ERR_INPUT, "%s:%ld: two atoms have the id %ld", d->r.path, d->r.lineno, a[i].id);
        f->z[i] = a[i].z;
        memcpy(f->pos[i], a[i].x, sizeof a[i].x);
    }
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

static enum al_err finish(const struct lammps *d, struct al_frame *f, struct al_traj_step *ret_step)
{
    bool unwrapped = have3(d, XU) || have3(d, XSU) || have3(d, IX);
    memcpy(f->cell, d->cell, sizeof d->cell);
    f->pbc = d->periodic[0] && d->periodic[1] && d->periodic[2];
    if (!f->pbc && !unwrapped && (d->periodic[0] || d->periodic[1] || d->periodic[2]))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "dump xu yu zu, or ix iy iz as well", "%s:%ld: periodic in some directions only, and positions are wrapped",
                     d->r.path, d->r.lineno);
    *ret_step = (struct al_traj_step){.time = NAN, .unwrapped = unwrapped};
    if (d->unit_time > 0 && isfinite(d->time)) ret_step->time = d->time * d->unit_time;
    else if (d->o.timestep > 0 && isfinite(d->step)) ret_step->time = d->step * d->o.timestep;
    return AL_ERR_OK;
}

static enum al_err lammps_next(void *reader, struct al_frame **ret, struct al_traj_step *ret_step)
{
    struct lammps *d = reader;
    struct al_lines *r = &d->r;
    AL_OWN(al_frame) f = NULL;
    bool end, box = false;
    d->step = d->time = NAN;
    d->n = 0;
    for (bool first = true; !f; first = false) {
        AL_TRY(al_lines_next(r, &end));
        if (end && first) {
            *ret = NULL;
            return AL_ERR_OK;
        }
        if (end) AL_FAIL(AL_ERR_INPUT, "%s:%ld: the file ends within a frame", r->path, r->lineno);
        if (strncmp(r->line, "ITEM: UNITS", 11) == 0) AL_TRY(read_units(d));
        else if (strncmp(r->line, "ITEM: TIMESTEP", 14) == 0) AL_TRY(read_number(d, "TIMESTEP", &d->step));
        else if (strncmp(r->line, "ITEM: TIME", 10) == 0) AL_TRY(read_number(d, "TIME", &d->time));
        else if (strncmp(r->line, "ITEM: NUMBER OF ATOMS", 21) == 0) AL_TRY(read_count(d));
        else if (strncmp(r->line, "ITEM: BOX BOUNDS", 16) == 0) {
            AL_AUTOFREE char *words = NULL;
            AL_TRY(al_strdup(r->line + 16, &words));
            AL_TRY(read_box(d, words));
            box = true;
        } else if (strncmp(r->line, "ITEM: ATOMS", 11) == 0) {
            if (!d->n || !box) AL_FAIL(AL_ERR_INPUT, "%s:%ld: atoms before their number and their box", r->path, r->lineno);
            AL_TRY(read_columns(d, r->line + 11));
            AL_TRY(read_atoms(d, &f));
        } else {
            AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%.30s': an ITEM of a LAMMPS dump is expected", r->path, r->lineno, r->line);
        }
    }
    AL_TRY(finish(d, f, ret_step));
    AL_TRY(al_frame_finite(f, r->path));
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

const struct al_traj_format al_traj_lammps = {"LAMMPS dump", lammps_is, lammps_open, lammps_next, lammps_tell, lammps_close};
