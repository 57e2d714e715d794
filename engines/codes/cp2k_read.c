// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// CP2K's standard output (Quickstep), versions 7 to 2025: energy, forces, stress, SCF of each evaluation. Coordinates stand there once, so
// runs that move atoms need PROJECT-pos-1.xyz beside the output: an evaluation and its frame have the same energy (evaluations of line searches have
// none there and are left out); forces that are not in the output come from PROJECT-frc-1.xyz likewise. The cell has three decimals in the output; where
// the input file stands beside it, its vectors are taken, and else lengths and angles, which have six.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "codes/cp2k_out.h"

static const double to_force = AL_HARTREE_EV / AL_BOHR_ANG;

static bool cp2k_is(const char *path, const char *head, size_t n)
{
    (void)path, (void)n;
    return strstr(head, "CP2K| version string") || (strstr(head, "PROGRAM STARTED AT") && strstr(head, "DBCSR|"));
}

static enum al_err cp2k_open(const char *path, void **ret)
{
    AL_AUTOFREE struct cp2k *d = NULL;
    AL_ALLOC(d, 1);
    AL_TRY(al_path(d->path, "%s", path));
    AL_TRY(al_lines_open(d->path, &d->r));
    d->electrons = NAN;
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

static void cp2k_close(void *reader)
{
    struct cp2k *d = reader;
    al_lines_close(&d->r);
    cp2k_xyz_close(&d->pos);
    cp2k_xyz_close(&d->frc);
    al_free(d->z);
    al_free(d->start);
    al_free(d->force);
    al_free(d);
}

static bool cp2k_complete(void *reader)
{
    return ((struct cp2k *)reader)->complete;
}

static enum al_err numbers_after(const struct cp2k *d, const char *line, const char *what, int n, double *v)
{
    AL_TRY(al_lines_numbers(&d->r, what, &line, n, v));
    return AL_ERR_OK;
}

static const char *last_word(const char *line)
{
    size_t n = strlen(line);
    while (n > 0 && isspace((unsigned char)line[n - 1]))
        n--;
    while (n > 0 && !isspace((unsigned char)line[n - 1]))
        n--;
    return line + n;
}

// ---- tables ---------------------------------------------------------------------------------------------------

// "1  1 Li  3  0.0 0.0 0.0  3.0000  6.9410"; *ret_row: whether it is such a row.
static enum al_err coordinate_row(struct cp2k *d, bool *ret_row)
{
    char symbol[8], *end;
    const char *p = d->r.line;
    double v[4];
    *ret_row = false;
    if (strtol(p, &end, 10) != d->n + 1 || end == p) return AL_ERR_OK;
    p = end;
    strtol(p, &end, 10);
    p = end + strspn(end, " ");
    size_t k = strcspn(p, " ");
    snprintf(symbol, sizeof symbol, "%.*s", (int)(k < 7 ? k : 7), p);
    p += k;
    AL_TRY(al_lines_numbers(&d->r, "coordinates", &p, 4, v));
    if (d->n == d->cap) {
        int more = d->cap ? 2 * d->cap : 64;
        AL_GROW(d->z, d->cap, more);
        AL_GROW(d->start, d->cap, more);
        AL_GROW(d->force, d->cap, more);
        d->cap = more;
    }
    int z = al_element_z(symbol);
    d->z[d->n] = z ? z : (v[0] >= 1 && v[0] <= AL_ZMAX ? (int)v[0] : 0); // a kind's own name: its atomic number
    if (!d->z[d->n]) AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%s' is not an element", d->path, d->r.lineno, symbol);
    memcpy(d->start[d->n++], v + 1, sizeof d->start[0]);
    *ret_row = true;
    return AL_ERR_OK;
}

static enum al_err read_coordinates(struct cp2k *d)
{
    bool end, row = false, any = false;
    d->n = 0;
    for (int before = 0; before < 8; before += !any) {
        AL_TRY(al_lines_next(&d->r, &end));
        if (end) return AL_ERR_OK;
        AL_TRY(coordinate_row(d, &row));
        any |= row;
        if (any && !row) break;
    }
    d->places = any;
    return AL_ERR_OK;
}

// "ATOMIC FORCES in [a.u.]" with rows "1 1 Li x y z", or, from 2024 on, "FORCES| 1 x y z |f|". Not whole: the run has ended within.
static enum al_err read_forces(struct cp2k *d, bool tagged)
{
    bool end;
    for (int i = 0, before = 0; i < d->n && before < 6;) {
        AL_TRY(al_lines_next(&d->r, &end));
        if (end) return AL_ERR_OK;
        const char *p = d->r.line + strspn(d->r.line, " ");
        char *to;
        if (tagged && strncmp(p, "FORCES|", 7) == 0) p += 7;
        if (strtol(p, &to, 10) != i + 1 || to == p) {
            before++;
            continue;
        }
        p = to;
        if (!tagged) {
            strtol(p, &to, 10);
            p = to + strspn(to, " ");
            p += strcspn(p, " ");
        }
        AL_TRY(al_lines_numbers(&d->r, "forces", &p, 3, d->force[i]));
        d->forces = ++i == d->n;
    }
    return AL_ERR_OK;
}

static enum al_err stress_unit(const struct cp2k *d, double *ret)
{
    static const struct {
        const char *name;
        double gpa;
    } units[] = {{"GPa", 1}, {"bar", 1e-4}, {"kbar", 0.1}, {"Mbar", 100}, {"MPa", 1e-3}, {"kPa", 1e-6}, {"Pa", 1e-9}, {"atm", 1.01325e-4}};
    const char *at = strchr(d->r.line, '[');
    size_t n = at ? strcspn(++at, "]") : 0;
    for (size_t i = 0; n && i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == n && strncasecmp(units[i].name, at, n) == 0 && (units[i].name[0] == at[0] || n > 3)) {
            *ret = units[i].gpa;
            return AL_ERR_OK;
        }
    AL_FAIL(AL_ERR_INPUT, "%s:%ld: a stress in a unit that is not known", d->path, d->r.lineno);
}

static enum al_err read_stress(struct cp2k *d)
{
    double unit;
    bool end;
    AL_TRY(stress_unit(d, &unit));
    for (int i = 0, before = 0; i < 3 && before < 4;) {
        AL_TRY(al_lines_next(&d->r, &end));
        if (end) return AL_ERR_OK;
        const char *p = d->r.line + strspn(d->r.line, " ");
        if (strncmp(p, "STRESS|", 7) == 0) p += 7 + strspn(p + 7, " ");
        size_t blank = strspn(p + (*p != '\0'), " ");
        if (tolower((unsigned char)*p) != 'x' + i || !blank || isalpha((unsigned char)p[1 + blank])) { // the heading "x y z"
            before++;
            continue;
        }
        p++;
        AL_TRY(al_lines_numbers(&d->r, "stress", &p, 3, d->sigma[i]));
        for (int k = 0; k < 3; k++)
            d->sigma[i][k] *= unit / AL_EV_A3_GPA;
        d->stress = ++i == 3;
    }
    return AL_ERR_OK;
}

// ---- single lines ---------------------------------------------------------------------------------------------

static void add_warning(struct cp2k *d, const char *line)
{
    const char *at = strstr(line, " :: ");
    size_t n = at ? strlen(at += 4) : 0;
    while (n > 0 && strchr(" *", at[n - 1]))
        n--;
    if (d->scf.note[0] || !n) return;
    snprintf(d->scf.note, sizeof d->scf.note, "%.*s", (int)(n < 150 ? n : 150), at);
}

static void look_at_scf(struct cp2k *d, const char *line)
{
    const char *at;
    double v;
    if ((at = strstr(line, "SCF run converged in"))) {
        d->scf.converged = true;
        v = strtod(at + 20, NULL);
        d->scf.steps += v > 0 && v < 1e6 ? (int)v : 0;
    } else if (strstr(line, "SCF run NOT converged") || strstr(line, "outer SCF loop FAILED to converge")) {
        d->scf.converged = false;
    } else if (strstr(line, "outer SCF loop converged")) {
        d->scf.converged = true;
    } else if (strncmp(line, "Electronic entropic energy:", 27) == 0) {
        v = strtod(line + 27, NULL);
        d->scf.entropic = isfinite(v) ? v : 0;
    } else if (strncmp(line, "Number of electrons:", 20) == 0) {
        v = strtod(line + 20, NULL);
        d->scf.electrons += isfinite(v) ? v : 0;
    }
    if (strncmp(line, "*** WARNING in", 14) == 0) add_warning(d, line);
}

static void copy_word(const char *from, char *to, size_t size)
{
    size_t n = strcspn(from, " \t");
    if (n < size) snprintf(to, size, "%.*s", (int)n, from);
}

static enum al_err look_at_header(struct cp2k *d, const char *line)
{
    if (strncmp(line, "CP2K| Input file name", 21) == 0) copy_word(last_word(line), d->input, sizeof d->input);
    if (strncmp(line, "GLOBAL| Project name", 20) == 0) copy_word(last_word(line), d->project, sizeof d->project);
    if (strncmp(line, "GLOBAL| Run type", 16) == 0) {
        const char *type = last_word(line);
        d->moves = strncmp(type, "ENERGY", 6) != 0;
        d->cell_moves = strncmp(type, "CELL_OPT", 8) == 0;
    }
    if (strncmp(line, "CELL| Vector ", 13) == 0 && line[13] >= 'a' && line[13] <= 'c') {
        int k = line[13] - 'a';
        const char *at = strchr(line, ']'), *length = strrchr(line, '=');
        if (!at || !length || d->cells >= 3) return AL_ERR_OK; // printed again: CELL_OPT
        at += 1 + (at[1] == ':');
        AL_TRY(numbers_after(d, at, "cell vector", 3, d->vectors[k]));
        AL_TRY(numbers_after(d, length + 1, "its length", 1, &d->length[k]));
        d->cells++;
    }
    if (strncmp(line, "CELL| Angle (", 13) == 0 && strchr(line, ':')) {
        int k = strncmp(line + 13, "b,c", 3) == 0 ? 0 : strncmp(line + 13, "a,c", 3) == 0 ? 1 : 2;
        AL_TRY(numbers_after(d, strchr(line, ':') + 1, "cell angle", 1, &d->angle[k]));
    }
    return AL_ERR_OK;
}

// Of runs with a variable cell, behind each step.
static enum al_err look_at_md(struct cp2k *d, const char *line)
{
    if (strncmp(line, "MD| ", 4) != 0 && strncmp(line, "MD_INI| ", 8) != 0) return AL_ERR_OK;
    d->closed = d->energies > 0;
    if (strstr(line, "Cell lengths [ang]")) AL_TRY(numbers_after(d, strchr(line, ']') + 1, "cell lengths", 3, d->md_length));
    if (strstr(line, "Cell angles [deg]")) AL_TRY(numbers_after(d, strchr(line, ']') + 1, "cell angles", 3, d->md_angle));
    return AL_ERR_OK;
}

// *ret_begin: a line that begins another evaluation, with the one before still here.
static enum al_err look_at(struct cp2k *d, bool *ret_begin)
{
    const char *line = d->r.line + strspn(d->r.line, " ");
    if (strncmp(line, "ENERGY| Total FORCE_EVAL", 24) == 0) {
        *ret_begin = d->energies > 0;
        if (*ret_begin) return AL_ERR_OK;
        AL_TRY(numbers_after(d, last_word(line), "energy", 1, &d->energy));
        d->energies = 1;
        d->now = d->scf;
        if (d->scf.electrons > 0) d->electrons = d->scf.electrons;
        memset(&d->scf, 0, sizeof d->scf);
        memset(d->md_length, 0, sizeof d->md_length);
        d->forces = d->stress = d->closed = false;
        return AL_ERR_OK;
    }
    look_at_scf(d, line);
    AL_TRY(look_at_header(d, line));
    AL_TRY(look_at_md(d, line));
    if (strstr(line, "ATOMIC COORDINATES IN") && !d->places) AL_TRY(read_coordinates(d));
    else if (strncmp(line, "ATOMIC FORCES in", 16) == 0) AL_TRY(read_forces(d, false));
    else if (strncmp(line, "FORCES| Atomic forces", 21) == 0) AL_TRY(read_forces(d, true));
    else if (strstr(line, "stress tensor [") && strncmp(line, "STRESS| Eigen", 13) != 0) AL_TRY(read_stress(d));
    else if (strncmp(line, "STRESS TENSOR [", 15) == 0) AL_TRY(read_stress(d));
    else if (strstr(line, "PROGRAM ENDED")) d->complete = d->closed = true;
    return AL_ERR_OK;
}

// ---- a step ---------------------------------------------------------------------------------------------------

static enum al_err fill(struct cp2k *d, struct al_frame *f)
{
    AL_TRY(cp2k_cell(d, f->cell));
    double volume = fabs(al_det3((const double(*)[3])f->cell));
    f->pbc = true;
    f->energy = AL_HARTREE_EV * d->energy;
    f->have = AL_HAVE_ENERGY | (d->forces ? AL_HAVE_FORCES : 0) | (d->stress ? AL_HAVE_VIRIAL : 0);
    for (int i = 0; i < d->n; i++) {
        f->z[i] = d->z[i];
        for (int k = 0; k < 3; k++) {
            f->pos[i][k] = d->pos.used ? d->pos.v[i][k] : d->start[i][k];
            f->forces[i][k] = d->forces ? to_force * d->force[i][k] : 0;
            if (!isfinite(f->forces[i][k])) AL_FAIL(AL_ERR_INPUT, "%s: the force on atom %d is no finite number", d->path, i + 1);
        }
    }
    for (int i = 0; i < 9; i++) // printed with the sign of a pressure
        f->virial[i / 3][i % 3] = d->stress ? 0.5 * volume * (d->sigma[i / 3][i % 3] + d->sigma[i % 3][i / 3]) : 0;
    if (!isfinite(f->energy) || !(volume > 0)) AL_FAIL(AL_ERR_INPUT, "%s: a cell without volume or an energy that is no finite number", d->path);
    return al_frame_finite(f, d->path);
}

// The evaluation at hand, if its coordinates are known. *ret has no frame else.
static enum al_err emit(struct cp2k *d, struct code_step *ret)
{
    bool known = d->places && d->cells == 3, first = !d->emitted;
    if (known && d->moves) AL_TRY(cp2k_places(d, &known));
    d->energies = 0;
    if (!known || (d->cell_moves && d->emitted)) return AL_ERR_OK;
    AL_OWN(al_frame) f = NULL;
    if (d->n < 1) AL_FAIL(AL_ERR_INPUT, "%s:%ld: results without atoms", d->path, d->r.lineno);
    AL_TRY(al_frame_create(d->n, &f));
    AL_TRY(fill(d, f));
    struct code_step s = {.converged = d->now.converged, .scf = d->now.steps, .electrons = d->electrons, .energy_zero = NAN};
    if (d->now.entropic != 0) s.energy_zero = f->energy - 0.5 * AL_HARTREE_EV * d->now.entropic; // Fermi-Dirac: (E + F)/2
    const char *left_out = "";
    if (first && d->cell_moves) left_out = "the cell moves: only the first evaluation is taken";
    else if (first && d->moves && d->pos.state == CP2K_XYZ_NONE) left_out = "no -pos-1.xyz beside: only the first evaluation has coordinates";
    snprintf(s.note, sizeof s.note, "%.120s%s%s", d->now.note, d->now.note[0] && *left_out ? "; " : "", left_out);
    s.frame = f;
    f = NULL;
    *ret = s;
    d->emitted = true;
    return AL_ERR_OK;
}

static enum al_err cp2k_next(void *reader, struct code_step *ret)
{
    struct cp2k *d = reader;
    struct code_step s = {.energy_zero = NAN, .electrons = NAN};
    while (!s.frame) {
        bool end, begin = false;
        AL_TRY(al_lines_next(&d->r, &end));
        if (end) break;
        AL_TRY(look_at(d, &begin));
        if (begin) AL_TRY(emit(d, &s));
        d->r.again = begin;
    }
    if (!s.frame && d->energies && d->closed) AL_TRY(emit(d, &s));
    *ret = s;
    return AL_ERR_OK;
}

const struct code_format code_cp2k = {"cp2k", cp2k_is, cp2k_open, cp2k_next, cp2k_complete, cp2k_close};
