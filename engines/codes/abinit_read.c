// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// ABINIT's main output (.abo, .out) of version 9 and later: for each ionic step the table of ETOT and the document ResultsGS (cell, species,
// stress, forces with nine digits), then, with all digits, either the block OUTPUT (runs that move atoms) or the lists "at end" (one point).
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "codes/codes.h"

enum { MAX_ATOMS = 10000000 };
static const double to_force = AL_HARTREE_EV / AL_BOHR_ANG;

// The step that is being read, Hartree atomic units.
struct pending {
    bool results;               // its ResultsGS has been read
    bool forces, stress, places; // known with all digits, but for the stress
    int scf;
    bool converged;
    bool ending;                // one point: all is here but its energy terms, which come last
    double etot, minus_ts, cell[3][3], sigma[3][3]; // minus_ts: NaN: not said
    int n, cap;
    int *z;
    double (*pos)[3], (*force)[3];
    char note[200];
};

struct abinit {
    struct al_lines r;
    char path[AL_PATH];
    struct pending p;
    double electrons;
    int occopt;
    bool complete;
};

static bool abinit_is(const char *path, const char *head, size_t n)
{
    (void)path, (void)n;
    return strstr(head, "of ABINIT") && strstr(head, ".Version");
}

static void abinit_close(void *reader)
{
    struct abinit *d = reader;
    al_lines_close(&d->r);
    al_free(d->p.z);
    al_free(d->p.pos);
    al_free(d->p.force);
    al_free(d);
}

static enum al_err abinit_open(const char *path, void **ret)
{
    AL_AUTOFREE struct abinit *d = NULL;
    AL_ALLOC(d, 1);
    AL_TRY(al_path(d->path, "%s", path));
    AL_TRY(al_lines_open(d->path, &d->r));
    d->electrons = NAN;
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

static bool abinit_complete(void *reader)
{
    return ((struct abinit *)reader)->complete;
}

static void new_cycle(struct pending *p)
{
    p->results = p->forces = p->stress = p->places = p->converged = p->ending = false;
    p->scf = p->n = 0;
    p->minus_ts = NAN;
    p->note[0] = '\0';
}

static void add_note(struct pending *p, const char *text)
{
    size_t n = strlen(p->note);
    text += strspn(text, " ");
    snprintf(p->note + n, sizeof p->note - n, "%s%s", n ? "; " : "", text);
}

// "name  :  value" of a document of the output.
static bool value_of(const char *line, const char *name, double *ret)
{
    const char *at = strstr(line, name);
    char *end;
    if (!at) return false;
    at += strlen(name);
    at += strspn(at, " ");
    if (*at++ != ':') return false;
    double v = strtod(at, &end);
    if (end == at || !isfinite(v)) return false;
    *ret = v;
    return true;
}

// "- [ 1.0, 2.0, 3.0, Li]": three numbers, and what follows.
static enum al_err read_row(const struct abinit *d, const char *what, double v[3], char word[8])
{
    const char *p = d->r.line + strspn(d->r.line, " ");
    if (strncmp(p, "- [", 3) == 0) p += 3;
    for (int k = 0; k < 3; k++) {
        char *end;
        v[k] = strtod(p, &end);
        if (end == p || !isfinite(v[k])) AL_FAIL(AL_ERR_INPUT, "%s:%ld: %s: no row of three numbers", d->path, d->r.lineno, what);
        p = end + strspn(end, " ,");
    }
    if (word) snprintf(word, 8, "%.*s", (int)(strcspn(p, " ]") < 7 ? strcspn(p, " ]") : 7), p);
    return AL_ERR_OK;
}

// n rows of three numbers; whole: false where the file ends before.
static enum al_err read_rows(struct abinit *d, const char *what, int n, double (*v)[3], bool *whole)
{
    bool end;
    for (int i = 0; i < n; i++) {
        AL_TRY(al_lines_next(&d->r, &end));
        if (end) {
            *whole = false;
            return AL_ERR_OK;
        }
        AL_TRY(read_row(d, what, v[i], NULL));
    }
    *whole = true;
    return AL_ERR_OK;
}

// n rows of a number and three.
static enum al_err read_list(struct abinit *d, const char *what, double scale, double (*v)[3], bool *whole)
{
    bool end;
    double row[4];
    for (int i = 0; i < d->p.n; i++) {
        AL_TRY(al_lines_next(&d->r, &end));
        if (end) {
            *whole = false;
            return AL_ERR_OK;
        }
        const char *at = d->r.line;
        AL_TRY(al_lines_numbers(&d->r, what, &at, 4, row));
        if (row[0] != i + 1) AL_FAIL(AL_ERR_INPUT, "%s:%ld: %s: atom %d is expected", d->path, d->r.lineno, what, i + 1);
        for (int k = 0; k < 3; k++)
            v[i][k] = scale * row[1 + k];
    }
    *whole = true;
    return AL_ERR_OK;
}

static enum al_err add_atom(struct abinit *d)
{
    struct pending *p = &d->p;
    double xred[3];
    char symbol[8];
    AL_TRY(read_row(d, "xred", xred, symbol));
    if (p->n == MAX_ATOMS) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: more than %d atoms", d->path, MAX_ATOMS);
    if (p->n == p->cap) {
        int more = p->cap ? 2 * p->cap : 64;
        AL_GROW(p->z, p->cap, more);
        AL_GROW(p->pos, p->cap, more);
        AL_GROW(p->force, p->cap, more);
        p->cap = more;
    }
    p->z[p->n] = al_element_z(symbol);
    if (!p->z[p->n]) AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%s' is not an element", d->path, d->r.lineno, symbol);
    p->n++;
    return AL_ERR_OK;
}

// The document from "--- !ResultsGS" to "...". Not closed: the file is cut off, and there is no step.
static enum al_err read_results(struct abinit *d)
{
    struct pending *p = &d->p;
    const char *in = "";
    bool end, whole = true;
    p->n = 0;
    for (;;) {
        AL_TRY(al_lines_next(&d->r, &end));
        if (end || !whole) return AL_ERR_OK;
        const char *line = d->r.line;
        if (strncmp(line, "...", 3) == 0) break;
        if (strncmp(line, "- [", 3) == 0) {
            if (strcmp(in, "xred") == 0) AL_TRY(add_atom(d));
            continue;
        }
        in = strncmp(line, "xred", 4) == 0 ? "xred" : "";
        value_of(line, "etotal", &p->etot);
        if (strncmp(line, "lattice_vectors:", 16) == 0) { // from here on line is gone
            AL_TRY(read_rows(d, "lattice_vectors", 3, p->cell, &whole));
        } else if (strncmp(line, "cartesian_stress_tensor:", 24) == 0 && !strstr(line, "null")) {
            AL_TRY(read_rows(d, "cartesian_stress_tensor", 3, p->sigma, &whole));
            p->stress = true;
        }
    }
    p->results = p->n > 0;
    return AL_ERR_OK;
}

// ---- blocks with all digits -----------------------------------------------------------------------------------

// The block OUTPUT of runs that move atoms. *ret_done: its last line.
static enum al_err read_output(struct abinit *d, bool *ret_done)
{
    struct pending *p = &d->p;
    const char *line = d->r.line;
    bool whole = true;
    if (strstr(line, "Cartesian coordinates (xcart) [bohr]")) {
        AL_TRY(read_rows(d, "xcart", p->n, p->pos, &whole));
        p->places = whole;
    } else if (strstr(line, "Cartesian forces (fcart) [Ha/bohr]")) {
        AL_TRY(read_rows(d, "fcart", p->n, p->force, &whole));
        p->forces = whole;
    } else if (strstr(line, "Real space primitive translations (rprimd) [bohr]")) {
        AL_TRY(read_rows(d, "rprimd", 3, p->cell, &whole));
    } else if (strstr(line, "Stress tensor in cartesian coordinates (strten)")) {
        AL_TRY(read_rows(d, "strten", 3, p->sigma, &whole));
        p->stress = whole;
    } else if (strstr(line, "Total energy (etotal) [Ha]=")) {
        const char *at = strchr(line, '=') + 1;
        AL_TRY(al_lines_numbers(&d->r, "etotal", &at, 1, &p->etot));
        *ret_done = p->places;
    }
    return AL_ERR_OK;
}

// The lists "at end" of one point, and what follows them: the document EnergyTerms, of which the entropy is taken (that of ResultsGS is
// zero in ABINIT 9.6 whatever it is).
static enum al_err read_end(struct abinit *d, bool *ret_done)
{
    struct pending *p = &d->p;
    bool whole = true;
    if (strstr(d->r.line, "cartesian coordinates (angstrom) at end:")) {
        AL_TRY(read_list(d, "coordinates", 1 / AL_BOHR_ANG, p->pos, &whole));
        p->places = whole;
    } else if (strstr(d->r.line, "cartesian forces (hartree/bohr) at end:")) {
        AL_TRY(read_list(d, "forces", 1, p->force, &whole));
        p->forces = whole;
        p->ending = p->places && whole;
    } else if (p->ending) {
        bool said = value_of(d->r.line, "'-kT*entropy'", &p->minus_ts);
        *ret_done = said || strncmp(d->r.line, "== ", 3) == 0 || d->complete;
    }
    return AL_ERR_OK;
}

// ---- a step ---------------------------------------------------------------------------------------------------

static enum al_err to_frame(const struct abinit *d, struct al_frame *f)
{
    const struct pending *p = &d->p;
    f->pbc = true;
    f->energy = AL_HARTREE_EV * p->etot;
    f->have = AL_HAVE_ENERGY | (p->forces ? AL_HAVE_FORCES : 0) | (p->stress ? AL_HAVE_VIRIAL : 0);
    double volume = fabs(al_det3(p->cell));
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            f->cell[i][k] = AL_BOHR_ANG * p->cell[i][k];
            // sigma = (1/V) dE/d(strain)
            if (p->stress) f->virial[i][k] = -AL_HARTREE_EV * volume * 0.5 * (p->sigma[i][k] + p->sigma[k][i]);
        }
    for (int i = 0; i < p->n; i++) {
        f->z[i] = p->z[i];
        for (int k = 0; k < 3; k++) {
            f->pos[i][k] = AL_BOHR_ANG * p->pos[i][k];
            f->forces[i][k] = p->forces ? to_force * p->force[i][k] : 0;
            if (!isfinite(f->forces[i][k])) AL_FAIL(AL_ERR_INPUT, "%s: the force on atom %d is no finite number", d->path, i + 1);
        }
    }
    if (!(volume > 0) || !isfinite(f->energy))
        AL_FAIL(AL_ERR_INPUT, "%s:%ld: a cell without volume or an energy that is no finite number", d->path, d->r.lineno);
    AL_TRY(al_frame_finite(f, d->path));
    return AL_ERR_OK;
}

static enum al_err emit(struct abinit *d, struct code_step *ret)
{
    struct pending *p = &d->p;
    struct code_step s = {.converged = p->converged, .scf = p->scf, .energy_zero = NAN, .electrons = d->electrons};
    AL_OWN(al_frame) f = NULL;
    if (p->n < 1) AL_FAIL(AL_ERR_INPUT, "%s:%ld: results without atoms", d->path, d->r.lineno);
    AL_TRY(al_frame_create(p->n, &f));
    AL_TRY(to_frame(d, f));
    // (E + F)/2 with E = F + TS: Fermi-Dirac and Gaussian
    if (d->occopt == 3 || d->occopt == 7) s.energy_zero = f->energy - 0.5 * AL_HARTREE_EV * p->minus_ts;
    memcpy(s.note, p->note, sizeof s.note);
    s.frame = f;
    f = NULL;
    *ret = s;
    p->results = false;
    return AL_ERR_OK;
}

static enum al_err look_at(struct abinit *d)
{
    struct pending *p = &d->p;
    const char *line = d->r.line + strspn(d->r.line, " ");
    double v;
    if (strncmp(line, "electrons:", 10) == 0) {
        d->electrons = NAN;
        value_of(line, "nelect", &d->electrons);
        d->occopt = 0;
        if (value_of(line, "occopt", &v) && fabs(v) < 100) d->occopt = (int)v;
    } else if (strncmp(line, "ETOT", 4) == 0) {
        double row[2];
        const char *at = line + 4;
        AL_TRY(al_lines_numbers(&d->r, "ETOT", &at, 2, row));
        if (row[0] == 1) new_cycle(p);
        p->scf = row[0] > 0 && row[0] < 1e6 ? (int)row[0] : 0;
        p->etot = row[1];
    } else if (strncmp(line, "At SCF step", 11) == 0 && strstr(line, "converged")) {
        p->converged = true;
    } else if (strstr(line, "was not enough SCF cycles to converge")) {
        p->converged = false;
        add_note(p, line);
    } else if (strncmp(line, "--- !ResultsGS", 14) == 0) {
        double etot = p->etot; // it has twelve decimals
        AL_TRY(read_results(d));
        if (fabs(etot - p->etot) <= 1e-6 * fabs(etot)) p->etot = etot;
        else if (p->results) add_note(p, "the energies of ETOT and ResultsGS differ");
    } else if (strncmp(line, "Calculation completed", 21) == 0) {
        d->complete = true;
    }
    return AL_ERR_OK;
}

static enum al_err abinit_next(void *reader, struct code_step *ret)
{
    struct abinit *d = reader;
    bool end, done = false;
    for (;;) {
        AL_TRY(al_lines_next(&d->r, &end));
        if (end) break;
        AL_TRY(look_at(d));
        if (!d->p.results) continue;
        AL_TRY(read_output(d, &done));
        if (!done) AL_TRY(read_end(d, &done));
        if (done) return emit(d, ret);
    }
    if (d->p.results && d->p.ending) return emit(d, ret); // cut off behind it
    *ret = (struct code_step){.energy_zero = NAN, .electrons = NAN};
    return AL_ERR_OK;
}

const struct code_format code_abinit = {"abinit", abinit_is, abinit_open, abinit_next, abinit_complete, abinit_close};
