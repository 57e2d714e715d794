// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Output of pw.x: scf, relax, vc-relax, md; every step with energy and forces. Written from what pw.x 6.7 prints.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/mem.h"
#include "base/units.h"
#include "codes/codes.h"

#define RY (AL_HARTREE_EV / 2)

struct qe_reader {
    char path[AL_PATH];
    struct al_lines in;
    bool open, done;    // done: JOB DONE
    bool ended;
    double alat;        // Ang; 0: not read yet
    int natoms;
    double electrons;
    bool half;          // the energy without smearing is F + TS/2
    struct al_frame *geometry; // of the step that is read; energy, forces, virial by have
    struct code_step now;      // frame NULL here
    bool energy, stress;       // of the step that is read
};

static bool starts(const char *line, const char *head)
{
    line += strspn(line, " ");
    return strncmp(line, head, strlen(head)) == 0;
}

// The number behind `mark` in the line; NaN: not there.
static double number_after(const char *line, const char *mark)
{
    const char *at = strstr(line, mark);
    char *end;
    if (!at) return NAN;
    at += strlen(mark);
    double v = strtod(at, &end);
    return end == at ? (double)NAN : v;
}

static int count_after(const char *line, const char *mark)
{
    double v = number_after(line, mark);
    return v >= 0 && v <= 1e6 ? (int)v : 0;
}

static enum al_err bad(const struct qe_reader *r, const char *what)
{
    AL_FAIL(AL_ERR_INPUT, "%s:%ld: %s: '%.80s'", r->in.path, r->in.lineno, what, r->in.line);
}

// "Li", "Li1", "S_a", "Fe2": the element that the label begins with; 0: none.
static int element_of(const char *label)
{
    char symbol[3] = {0};
    if (!isalpha((unsigned char)label[0])) return 0;
    symbol[0] = (char)toupper((unsigned char)label[0]);
    if (isalpha((unsigned char)label[1])) symbol[1] = (char)tolower((unsigned char)label[1]);
    int z = al_element_z(symbol);
    if (!z) {
        symbol[1] = '\0';
        z = al_element_z(symbol);
    }
    return z;
}

// --- geometry ------------------------------------------------------------------------------------------

static enum al_err make_geometry(struct qe_reader *r)
{
    if (r->geometry && r->geometry->natoms == r->natoms) return AL_ERR_OK;
    if (r->natoms < 1 || r->natoms > 1000000) AL_TRY(bad(r, "a number of atoms is wanted before"));
    al_frame_destroy(&r->geometry);
    AL_TRY(al_frame_create(r->natoms, &r->geometry));
    r->geometry->pbc = true;
    return AL_ERR_OK;
}

static enum al_err three(const struct qe_reader *r, const char *p, double scale, double ret[3])
{
    char *end;
    for (int d = 0; d < 3; d++) {
        ret[d] = scale * strtod(p, &end);
        if (end == p || !isfinite(ret[d])) AL_TRY(bad(r, "three numbers are wanted"));
        p = end;
    }
    return AL_ERR_OK;
}

// a(1) = (   0.000000   0.707107   0.707107 )
static enum al_err read_axes(struct qe_reader *r)
{
    AL_TRY(make_geometry(r));
    if (!(r->alat > 0)) AL_TRY(bad(r, "crystal axes before the lattice parameter"));
    for (int i = 0; i < 3; i++) {
        AL_TRY(al_lines_need(&r->in, "the crystal axes"));
        const char *p = strstr(r->in.line, "= (");
        if (!p) AL_TRY(bad(r, "a crystal axis is wanted"));
        AL_TRY(three(r, p + 3, r->alat, r->geometry->cell[i]));
    }
    return AL_ERR_OK;
}

//         1           Li  tau(   1) = (   0.3535534   0.3535534   0.3535534  )
static enum al_err read_sites(struct qe_reader *r)
{
    char label[16];
    AL_TRY(make_geometry(r));
    for (int i = 0; i < r->natoms; i++) {
        AL_TRY(al_lines_need(&r->in, "the positions"));
        const char *p = strstr(r->in.line, "= (");
        if (!p || sscanf(r->in.line, "%*d %15s", label) != 1) AL_TRY(bad(r, "an atom is wanted"));
        r->geometry->z[i] = element_of(label);
        if (!r->geometry->z[i]) AL_TRY(bad(r, "not an element"));
        AL_TRY(three(r, p + 3, r->alat, r->geometry->pos[i]));
    }
    return AL_ERR_OK;
}

// CELL_PARAMETERS (angstrom) | (bohr) | (alat=  7.48293400)
static enum al_err read_cell(struct qe_reader *r)
{
    AL_TRY(make_geometry(r));
    double alat = number_after(r->in.line, "alat=");
    double unit = strstr(r->in.line, "bohr") ? AL_BOHR_ANG : isfinite(alat) ? alat * AL_BOHR_ANG : 1;
    if (isfinite(alat)) r->alat = unit;
    for (int i = 0; i < 3; i++) {
        AL_TRY(al_lines_need(&r->in, "the cell"));
        AL_TRY(three(r, r->in.line, unit, r->geometry->cell[i]));
    }
    return AL_ERR_OK;
}

// ATOMIC_POSITIONS (angstrom) | (bohr) | (alat) | (crystal)
static enum al_err read_positions(struct qe_reader *r)
{
    AL_TRY(make_geometry(r));
    bool crystal = strstr(r->in.line, "crystal");
    double unit = strstr(r->in.line, "bohr") ? AL_BOHR_ANG : strstr(r->in.line, "alat") ? r->alat : 1, v[3];
    for (int i = 0; i < r->natoms; i++) {
        AL_TRY(al_lines_need(&r->in, "the positions"));
        const char *p = r->in.line + strspn(r->in.line, " ");
        int z = element_of(p);
        if (!z) AL_TRY(bad(r, "an atom is wanted"));
        AL_TRY(three(r, p + strcspn(p, " "), unit, v));
        r->geometry->z[i] = z;
        for (int k = 0; k < 3; k++)
            r->geometry->pos[i][k] = crystal ? v[0] * r->geometry->cell[0][k] + v[1] * r->geometry->cell[1][k] + v[2] * r->geometry->cell[2][k] : v[k];
    }
    return AL_ERR_OK;
}

// --- results -------------------------------------------------------------------------------------------

//     atom    1 type  1   force =     0.00472599    0.00133610    0.00440172
static enum al_err read_forces(struct qe_reader *r)
{
    AL_TRY(make_geometry(r));
    for (int i = 0; i < r->natoms;) {
        AL_TRY(al_lines_need(&r->in, "the forces"));
        const char *p = strstr(r->in.line, "force =");
        if (!p) {
            if (r->in.line[strspn(r->in.line, " ")]) AL_TRY(bad(r, "a force is wanted"));
            continue; // a blank line
        }
        if (count_after(r->in.line, "atom") != i + 1) AL_TRY(bad(r, "forces out of order"));
        AL_TRY(three(r, p + 7, RY / AL_BOHR_ANG, r->geometry->forces[i++]));
    }
    r->geometry->have |= AL_HAVE_FORCES;
    return AL_ERR_OK;
}

// pw.x: pressure positive; columns in Ry/bohr^3, which have more digits than those in kbar.
static enum al_err read_stress(struct qe_reader *r)
{
    double row[3];
    AL_TRY(make_geometry(r));
    double volume = al_frame_volume(r->geometry) / (AL_BOHR_ANG * AL_BOHR_ANG * AL_BOHR_ANG);
    for (int i = 0; i < 3; i++) {
        AL_TRY(al_lines_need(&r->in, "the stress"));
        AL_TRY(three(r, r->in.line, RY, row));
        for (int k = 0; k < 3; k++)
            r->geometry->virial[i][k] = volume * row[k];
    }
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < i; k++)
            r->geometry->virial[i][k] = r->geometry->virial[k][i] = 0.5 * (r->geometry->virial[i][k] + r->geometry->virial[k][i]);
    r->geometry->have |= AL_HAVE_VIRIAL;
    return AL_ERR_OK;
}

static void note(struct qe_reader *r, const char *text)
{
    size_t n = strlen(r->now.note);
    if (!strstr(r->now.note, text)) snprintf(r->now.note + n, sizeof r->now.note - n, "%s%s", n ? "; " : "", text);
}

static void read_energy(struct qe_reader *r)
{
    double v = number_after(r->in.line, "=");
    if (!isfinite(v) || !r->geometry) return;
    r->geometry->energy = r->now.energy_zero = v * RY;
    r->geometry->have |= AL_HAVE_ENERGY;
}

// The line is one that belongs to no block.
static void read_plain(struct qe_reader *r)
{
    const char *line = r->in.line;
    double v;
    if (line[0] == '!') read_energy(r);
    else if (isfinite(v = number_after(line, "smearing contrib. (-TS)   =")) && r->geometry && (r->geometry->have & AL_HAVE_ENERGY))
        r->now.energy_zero = r->geometry->energy - (r->half ? 0.5 * v * RY : 0);
    else if (isfinite(v = number_after(line, "convergence has been achieved in"))) {
        r->now.converged = true;
        r->now.scf += count_after(line, "achieved in");
    } else if (isfinite(v = number_after(line, "convergence NOT achieved after"))) {
        r->now.converged = false;
        r->now.scf += count_after(line, "achieved after");
        note(r, "SCF not converged");
    } else if (starts(line, "SCF correction compared to forces is large")) note(r, "SCF correction compared to forces is large");
    else if (starts(line, "Message from routine")) note(r, line + strspn(line, " "));
    else if (starts(line, "JOB DONE")) r->done = true;
    else if (starts(line, "celldm(1)=")) r->alat = number_after(line, "celldm(1)=") * AL_BOHR_ANG;
    else if (starts(line, "lattice parameter (alat)  =")) r->alat = number_after(line, "=") * AL_BOHR_ANG;
    else if (starts(line, "number of atoms/cell      =")) r->natoms = count_after(line, "=");
    else if (starts(line, "number of electrons       =")) r->electrons = number_after(line, "=");
    else if (starts(line, "number of k points=")) r->half = strstr(line, "Gaussian") || strstr(line, "gaussian") || strstr(line, "Fermi-Dirac");
}

// A line after which the geometry or the SCF is another step's.
static bool begins_step(const char *line)
{
    return starts(line, "Self-consistent Calculation") || starts(line, "crystal axes:") || strncmp(line, "CELL_PARAMETERS", 15) == 0 ||
           strncmp(line, "ATOMIC_POSITIONS", 16) == 0 || starts(line, "Program PWSCF");
}

static bool has_step(const struct qe_reader *r)
{
    return r->geometry && (r->geometry->have & AL_HAVE_ENERGY) && (r->geometry->have & AL_HAVE_FORCES);
}

static void forget_results(struct qe_reader *r)
{
    if (r->geometry) r->geometry->have = 0;
    r->now = (struct code_step){.energy_zero = NAN};
}

static enum al_err give(struct qe_reader *r, struct code_step *ret)
{
    struct code_step s = r->now;
    for (int i = 0; i < r->geometry->natoms; i++)
        if (!r->geometry->z[i]) AL_FAIL(AL_ERR_INPUT, "%s: forces without the atoms that they are on", r->in.path);
    if (!(al_frame_volume(r->geometry) > 0)) AL_FAIL(AL_ERR_INPUT, "%s: results without a cell", r->in.path);
    s.electrons = r->electrons;
    AL_TRY(al_frame_copy(r->geometry, &s.frame));
    forget_results(r);
    *ret = s;
    return AL_ERR_OK;
}

static enum al_err read_block(struct qe_reader *r)
{
    const char *line = r->in.line;
    if (starts(line, "crystal axes:")) AL_TRY(read_axes(r));
    else if (starts(line, "site n.     atom") && strstr(line, "alat units")) AL_TRY(read_sites(r));
    else if (strncmp(line, "CELL_PARAMETERS", 15) == 0) AL_TRY(read_cell(r));
    else if (strncmp(line, "ATOMIC_POSITIONS", 16) == 0) AL_TRY(read_positions(r));
    else if (starts(line, "Forces acting on atoms")) AL_TRY(read_forces(r));
    else if (starts(line, "total   stress  (Ry/bohr**3)")) AL_TRY(read_stress(r));
    else read_plain(r);
    return AL_ERR_OK;
}

// --- the format ----------------------------------------------------------------------------------------

static bool is_qe(const char *path, const char *head, size_t n)
{
    (void)path;
    (void)n;
    return strstr(head, "Program PWSCF v.") != NULL;
}

static void close_qe(void *reader)
{
    struct qe_reader *r = reader;
    if (r->open) al_lines_close(&r->in);
    al_frame_destroy(&r->geometry);
    al_free(r);
}

static enum al_err open_qe(const char *path, void **ret)
{
    struct qe_reader *r;
    AL_ALLOC(r, 1);
    r->electrons = NAN;
    forget_results(r);
    enum al_err e = al_path(r->path, "%s", path);
    if (!e) e = al_lines_open(r->path, &r->in);
    r->open = !e;
    if (e) close_qe(r);
    AL_TRY(e);
    *ret = r;
    return AL_ERR_OK;
}

// A file that ends within a block: what came before it has been given.
static bool ends_within(const struct qe_reader *r)
{
    return feof(r->in.in) != 0;
}

static enum al_err next_qe(void *reader, struct code_step *ret)
{
    struct qe_reader *r = reader;
    ret->frame = NULL;
    while (!r->ended) {
        bool end;
        AL_TRY(al_lines_next(&r->in, &end));
        if (end) {
            r->ended = true;
            break;
        }
        if (has_step(r) && begins_step(r->in.line)) {
            r->in.again = true;
            AL_TRY(give(r, ret));
            return AL_ERR_OK;
        }
        if (starts(r->in.line, "Self-consistent Calculation") || starts(r->in.line, "Program PWSCF")) forget_results(r);
        enum al_err e = read_block(r);
        if (e == AL_ERR_INPUT && ends_within(r)) {
            r->ended = true;
            forget_results(r);
        } else {
            AL_TRY(e);
        }
    }
    if (has_step(r) && r->done) AL_TRY(give(r, ret));
    return AL_ERR_OK;
}

static bool complete_qe(void *reader)
{
    return ((const struct qe_reader *)reader)->done;
}

const struct code_format code_qe = {"qe", is_qe, open_qe, next_qe, complete_qe, close_qe};
