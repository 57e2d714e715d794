// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// OUTCAR of VASP 5 and 6, all ionic steps. A step is what stands between two values of N in "Iteration N(M)": "in kB", the cell, positions and
// forces, and at its end FREE ENERGIE. Steps of a machine-learned force field ("ML FREE ENERGIE", "(ML)") are no labels and are left out.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/linalg.h"
#include "base/lines.h"
#include "base/mem.h"
#include "codes/vasp.h"

enum { MAX_ATOMS = 10000000, MAX_TITLES = 2 * VASP_KINDS };
enum stage { NOTHING, WANT_TOTEN, WANT_ZERO, WHOLE }; // of the block FREE ENERGIE

struct outcar {
    struct al_lines r;
    char *path;
    // header
    int nions, ntypes, count[VASP_KINDS], ntitles, title_z[MAX_TITLES];
    int icharg;
    double nelect, pstress;
    double cell[3][3];
    bool has_cell;
    // the step at hand
    long ionic;
    int scf;
    bool converged, ml_block, has_kbar, has_pos, has_forces;
    double kbar[6], external, energy, zero, counted;
    double (*pos)[3], (*force)[3];
    int cap;
    enum stage stage;
    char note[200];
    bool boxed; // inside of a box of |, its first words are known
    bool complete;
};

static void note(struct outcar *d, const char *text)
{
    size_t n = strlen(d->note);
    if (strstr(d->note, text) || n + strlen(text) + 3 > sizeof d->note) return;
    snprintf(d->note + n, sizeof d->note - n, "%s%s", n ? "; " : "", text);
}

// n numbers in columns of a fixed number of decimals that may touch ("0.0000-17.93435", "0.000000000100.123456789"). False: they are not
// there; *ret_stars: they were too large for their columns.
static bool fixed_numbers(const char *p, int n, int decimals, double *ret, const char **ret_end, bool *ret_stars)
{
    for (int i = 0; i < n; i++) {
        char word[64];
        size_t k = 0;
        p += strspn(p, " \t");
        if (*p == '*') {
            *ret_stars = true;
            return false;
        }
        const char *q = p + (*p == '-' || *p == '+');
        q += strspn(q, "0123456789");
        if (*q == '.') {
            size_t m = strspn(q + 1, "0123456789");
            if (q[1 + m] == '.' && m > (size_t)decimals) m = (size_t)decimals; // the next number's digits
            q += 1 + m;
        }
        if ((*q == 'E' || *q == 'e') && (isdigit((unsigned char)q[1]) || ((q[1] == '-' || q[1] == '+') && isdigit((unsigned char)q[2]))))
            q += 2 + strspn(q + 2, "0123456789");
        k = (size_t)(q - p);
        if (k == 0 || k >= sizeof word || !(isdigit((unsigned char)q[-1]) || q[-1] == '.')) return false;
        memcpy(word, p, k);
        word[k] = '\0';
        ret[i] = strtod(word, NULL);
        if (!isfinite(ret[i])) return false;
        p = q;
    }
    if (ret_end) *ret_end = p;
    return true;
}

// The number behind the first '=' that follows text.
static bool number_behind(const char *line, const char *text, double *ret)
{
    const char *p = strstr(line, text);
    char *end;
    if (!p || !(p = strchr(p + strlen(text), '='))) return false;
    double v = strtod(p + 1, &end);
    if (end == p + 1 || !isfinite(v)) return false;
    *ret = v;
    return true;
}

// --- header --------------------------------------------------------------------------------------------

static long sum_of(const int *count, int n)
{
    long sum = 0;
    for (int i = 0; i < n; i++)
        sum += count[i];
    return sum;
}

static enum al_err add_count(struct outcar *d, long c)
{
    if (d->ntypes == VASP_KINDS) AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%ld: more than %d species", d->path, d->r.lineno, VASP_KINDS);
    if (c < 0 || c > MAX_ATOMS || sum_of(d->count, d->ntypes) + c > MAX_ATOMS)
        AL_FAIL(AL_ERR_INPUT, "%s:%ld: a number of ions is expected", d->path, d->r.lineno);
    d->count[d->ntypes++] = (int)c;
    return AL_ERR_OK;
}

// width > 0: columns of so many characters, as thousands of atoms make them touch.
static enum al_err add_counts(struct outcar *d, const char *p, int width)
{
    while (p[strspn(p, " \t")]) {
        char word[16], *end;
        if (!width) p += strspn(p, " \t");
        size_t k = width ? strnlen(p, (size_t)width) : strcspn(p, " \t");
        if (k >= sizeof word) AL_FAIL(AL_ERR_INPUT, "%s:%ld: a number of ions is expected", d->path, d->r.lineno);
        memcpy(word, p, k);
        word[k] = '\0';
        long c = strtol(word, &end, 10);
        if (end == word || *end) AL_FAIL(AL_ERR_INPUT, "%s:%ld: a number of ions is expected, not '%.20s'", d->path, d->r.lineno, word);
        AL_TRY(add_count(d, c));
        p += k;
    }
    return AL_ERR_OK;
}

static double sum_of_words(const char *p)
{
    double sum = 0;
    for (char *end; p[strspn(p, " \t")]; p = end) {
        sum += (double)strtol(p, &end, 10);
        if (end == p) return NAN;
    }
    return sum;
}

static enum al_err read_types(struct outcar *d)
{
    const char *p = strchr(d->r.line, '=');
    int width = 0;
    if (!p) AL_FAIL(AL_ERR_INPUT, "%s:%ld: 'ions per type =' is expected", d->path, d->r.lineno);
    p++;
    if (d->nions && sum_of_words(p) != d->nions) { // columns that touch: FORMAT I4 behind blanks
        size_t blanks = strspn(p, " "), rest = (4 - strlen(p + blanks) % 4) % 4;
        p += blanks - (blanks < rest ? blanks : rest);
        width = 4;
    }
    d->ntypes = 0;
    d->has_pos = d->has_forces = false; // rows read so far are of another number of atoms
    AL_TRY(add_counts(d, p, width));
    if (d->nions && sum_of(d->count, d->ntypes) != d->nions)
        AL_FAIL_HINT(AL_ERR_INPUT, "vasprun.xml of the same run has them", "%s:%ld: the numbers of ions do not make NIONS = %d", d->path, d->r.lineno,
                     d->nions);
    return AL_ERR_OK;
}

static void read_title(struct outcar *d, const char *text)
{
    if (d->ntitles < MAX_TITLES) d->title_z[d->ntitles++] = vasp_title_z(text);
}

static enum al_err read_header(struct outcar *d, const char *line)
{
    const char *p;
    double v;
    if ((p = strstr(line, "POTCAR:"))) read_title(d, p + 7);
    else if (strstr(line, "ions per type")) AL_TRY(read_types(d));
    else if (number_behind(line, "NIONS", &v)) d->nions = v > 0 && v <= MAX_ATOMS ? (int)v : 0;
    else if (strstr(line, "total number of electrons")) number_behind(line, "NELECT", &d->nelect);
    else if (strstr(line, "charge: 1-file")) {
        if (number_behind(line, "ICHARG", &v)) d->icharg = (int)fmin(fmax(v, -1000), 1000);
    } else if (strstr(line, "pullay stress")) number_behind(line, "PSTRESS", &d->pstress);
    else if (strncmp(line, " vasp.", 6) == 0 && d->ntypes) { // several runs in one file
        d->ntypes = d->ntitles = d->nions = d->scf = 0;
        d->has_cell = d->has_pos = d->has_forces = d->has_kbar = d->converged = d->complete = false;
        d->ionic = 0;
        d->stage = NOTHING;
    }
    return AL_ERR_OK;
}

// --- a step --------------------------------------------------------------------------------------------

static void begin_step(struct outcar *d, long ionic)
{
    d->ionic = ionic;
    d->scf = 0;
    d->converged = d->has_kbar = d->has_pos = d->has_forces = d->ml_block = false;
    d->counted = d->external = NAN;
    d->stage = NOTHING;
}

static void read_iteration(struct outcar *d, const char *p)
{
    char *end;
    p += strlen("Iteration "); // Iteration     12(   3)
    long ionic = strtol(p, &end, 10);
    if (end == p || *end != '(') return;
    p = end + 1;
    long scf = strtol(p, &end, 10);
    if (end == p) return;
    if (ionic != d->ionic) begin_step(d, ionic);
    if (scf >= 0 && scf < 1000000 && d->stage == NOTHING) d->scf = (int)scf;
}

// Lines of numbers; false with *ret_end: the file ended among them.
static enum al_err next_row(struct outcar *d, const char *what, bool *ret_end)
{
    AL_TRY_MSG(al_lines_next(&d->r, ret_end), "%s", what);
    return AL_ERR_OK;
}

static enum al_err read_cell(struct outcar *d, bool *ret_end)
{
    double cell[3][3];
    for (int i = 0; i < 3; i++) {
        bool stars = false;
        AL_TRY(next_row(d, "lattice vectors", ret_end));
        if (*ret_end) return AL_ERR_OK;
        if (!fixed_numbers(d->r.line, 3, 9, cell[i], NULL, &stars)) AL_FAIL(AL_ERR_INPUT, "%s:%ld: a lattice vector is expected", d->path, d->r.lineno);
    }
    if (!(fabs(al_det3((const double(*)[3])cell)) > 0)) AL_FAIL(AL_ERR_INPUT, "%s:%ld: the cell has no volume", d->path, d->r.lineno);
    memcpy(d->cell, cell, sizeof cell);
    d->has_cell = true;
    return AL_ERR_OK;
}

static enum al_err read_rows(struct outcar *d, bool *ret_end)
{
    long natoms = sum_of(d->count, d->ntypes);
    bool good = true, places = true;
    if (!natoms) AL_FAIL(AL_ERR_INPUT, "%s:%ld: forces before 'ions per type'", d->path, d->r.lineno);
    AL_TRY(next_row(d, "forces", ret_end)); // ------
    for (long i = 0; i < natoms && !*ret_end; i++) {
        bool stars = false;
        const char *p = NULL;
        if (i == d->cap) {
            int bigger = d->cap ? 2 * d->cap : 256;
            AL_GROW(d->pos, d->cap, bigger);
            AL_GROW(d->force, d->cap, bigger);
            d->cap = bigger;
        }
        AL_TRY(next_row(d, "forces", ret_end));
        if (*ret_end) break;
        bool place = fixed_numbers(d->r.line, 3, 5, d->pos[i], &p, &stars), force = place && fixed_numbers(p, 3, 6, d->force[i], NULL, &stars);
        if (!force && !stars) AL_FAIL(AL_ERR_INPUT, "%s:%ld: position and force of atom %ld are expected", d->path, d->r.lineno, i + 1);
        places = places && place;
        good = good && force;
    }
    if (*ret_end) return AL_ERR_OK;
    d->has_pos = places;
    d->has_forces = good && places;
    if (!good) note(d, "forces too large for VASP's columns");
    return AL_ERR_OK;
}

static void read_kbar(struct outcar *d, const char *p)
{
    bool stars = false;
    if (d->ml_block) return;
    d->has_kbar = fixed_numbers(p, 6, 5, d->kbar, NULL, &stars);
    if (!d->has_kbar) note(d, "stress cannot be read");
}

static void read_energy(struct outcar *d, const char *line)
{
    if (d->stage == WANT_ZERO && strstr(line, "energy(sigma->0)")) {
        if (number_behind(line, "energy(sigma->0)", &d->zero)) d->stage = WHOLE;
    } else if (d->stage == WANT_TOTEN && strstr(line, "TOTEN") && strstr(line, "eV")) {
        if (number_behind(line, "TOTEN", &d->energy)) d->stage = WANT_ZERO;
    }
}

// The first words of a box, which may be a warning.
static void read_box(struct outcar *d, const char *line)
{
    static const char *const advice[] = {"performance", "supercell", "NCORE", "recommend", "ADVICE"};
    const char *p = line + strspn(line, " |");
    int lower = 0;
    if (d->boxed) return;
    for (const char *q = p; *q; q++)
        lower += islower((unsigned char)*q) != 0;
    if (lower < 8) return; // letters made of letters
    d->boxed = true;
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
        if (strstr(p, advice[i])) return;
    char text[100];
    snprintf(text, sizeof text, "%.90s", p);
    size_t n = strlen(text);
    while (n && (text[n - 1] == ' ' || text[n - 1] == '|'))
        text[--n] = '\0';
    note(d, text);
}

static enum al_err read_line(struct outcar *d, bool *ret_end)
{
    const char *line = d->r.line, *p = line + strspn(line, " \t");
    if (d->stage == WANT_TOTEN || d->stage == WANT_ZERO) read_energy(d, line);
    if (isdigit((unsigned char)*p) || *p == '.' || (*p == '-' && p[1] != '-') || !*p) return AL_ERR_OK;
    if (*p == '|') read_box(d, line);
    else if (*p != '-') d->boxed = false;
    if (*p == '-') {
        const char *q;
        if ((q = strstr(p, "Iteration "))) read_iteration(d, q);
        else if (strstr(p, "aborting loop because EDIFF is reached")) d->converged = true;
        else if (strstr(p, "aborting loop")) d->converged = false;
    }
    const struct vasp_sign *s = vasp_sign_of(line);
    if (s) note(d, s->why);
    if (strncmp(p, "direct lattice vectors", 22) == 0) AL_TRY(read_cell(d, ret_end));
    else if (strncmp(p, "POSITION  ", 10) == 0 && strstr(p, "TOTAL-FORCE")) {
        if (!strstr(p, "(ML)")) AL_TRY(read_rows(d, ret_end));
    } else if (strstr(p, "FORCE on cell")) d->ml_block = strncmp(p, "ML ", 3) == 0;
    else if (strncmp(p, "in kB", 5) == 0) read_kbar(d, p + 5);
    else if (strncmp(p, "external pressure", 17) == 0 && !d->ml_block) number_behind(p, "external pressure", &d->external);
    else if (strncmp(p, "FREE ENERGIE OF THE ION-ELECTRON SYSTEM", 39) == 0) d->stage = WANT_TOTEN;
    else if (strncmp(p, "number of electron ", 19) == 0) fixed_numbers(p + 19, 1, 7, &d->counted, NULL, &(bool){false});
    else if (strncmp(p, "General timing and accounting", 29) == 0) d->complete = true;
    else AL_TRY(read_header(d, line));
    return AL_ERR_OK;
}

// --- what becomes of it -----------------------------------------------------------------------------------

static enum al_err put_species(const struct outcar *d, struct al_frame *f)
{
    if (d->ntitles < d->ntypes)
        AL_FAIL(AL_ERR_INPUT, "%s: %d species, but only %d lines 'POTCAR:' before the first step", d->path, d->ntypes, d->ntitles);
    for (int t = 0, i = 0; t < d->ntypes; t++) {
        if (!d->title_z[t]) AL_FAIL(AL_ERR_INPUT, "%s: the element of line 'POTCAR:' number %d is not known", d->path, t + 1);
        for (int c = 0; c < d->count[t]; c++)
            f->z[i++] = d->title_z[t];
    }
    return AL_ERR_OK;
}

// 'in kB' is minus the stress, so that its mean is the pressure; virial = V times it. With PSTRESS: only where the line is known to be without it.
static void put_virial(struct outcar *d, struct al_frame *f)
{
    static const int at[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {1, 2}, {2, 0}};
    double mean = (d->kbar[0] + d->kbar[1] + d->kbar[2]) / 3;
    if (!d->has_kbar) return;
    if (d->pstress != 0 && !(fabs(mean - d->external - d->pstress) < 0.02 + 1e-6 * fabs(mean))) {
        note(d, "PSTRESS: the stress is left out");
        return;
    }
    for (int k = 0; k < 6; k++)
        f->virial[at[k][0]][at[k][1]] = f->virial[at[k][1]][at[k][0]] = d->kbar[k] * VASP_KBAR_EV_A3 * al_frame_volume(f);
    f->have |= AL_HAVE_VIRIAL;
}

static enum al_err make_step(struct outcar *d, struct code_step *ret)
{
    AL_OWN(al_frame) f = NULL;
    if (!d->has_cell) AL_FAIL(AL_ERR_INPUT, "%s:%ld: no lattice vectors before this step", d->path, d->r.lineno);
    AL_TRY(al_frame_create((int)sum_of(d->count, d->ntypes), &f));
    AL_TRY(put_species(d, f));
    f->pbc = true;
    memcpy(f->cell, d->cell, sizeof f->cell);
    memcpy(f->pos, d->pos, (size_t)f->natoms * sizeof *f->pos);
    if (d->has_forces) memcpy(f->forces, d->force, (size_t)f->natoms * sizeof *f->forces);
    f->energy = d->energy;
    f->have = AL_HAVE_ENERGY | (d->has_forces ? AL_HAVE_FORCES : 0);
    put_virial(d, f);
    AL_TRY(al_frame_finite(f, d->path));
    bool fixed_density = d->icharg >= 10;
    if (fixed_density) note(d, "the density was not iterated (ICHARG)");
    if (!d->converged) note(d, "EDIFF was not reached");
    if (isfinite(d->counted) && isfinite(d->nelect) && fabs(d->counted - d->nelect) > 0.01) note(d, "the density has lost electrons");
    *ret = (struct code_step){.frame = f, .converged = d->converged && !fixed_density && d->has_forces, .scf = d->scf, .energy_zero = d->zero,
                              .electrons = isfinite(d->counted) ? d->counted : d->nelect};
    snprintf(ret->note, sizeof ret->note, "%s", d->note);
    f = NULL;
    d->note[0] = '\0';
    d->stage = NOTHING;
    d->has_pos = d->has_forces = d->has_kbar = false;
    return AL_ERR_OK;
}

// A line that cannot be read is where the file was cut off, when it is the last.
static enum al_err read_line_or_end(struct outcar *d, bool *ret_end)
{
    enum al_err e = read_line(d, ret_end);
    if (e == AL_ERR_INPUT) {
        int c = getc(d->r.in);
        if (c == EOF) {
            al_err_clear();
            *ret_end = true;
            return AL_ERR_OK;
        }
        ungetc(c, d->r.in);
    }
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err outcar_next(void *reader, struct code_step *ret)
{
    struct outcar *d = reader;
    for (;;) {
        bool end, whole = d->stage == WHOLE; // and a line follows, so that its last number is whole, too
        AL_TRY(al_lines_next(&d->r, &end));
        if (!end && whole) {
            d->r.again = true;
            if (d->has_pos) {
                AL_TRY(make_step(d, ret));
                return AL_ERR_OK;
            }
            d->stage = NOTHING;
            continue;
        }
        if (!end) AL_TRY(read_line_or_end(d, &end));
        if (end) break;
    }
    *ret = (struct code_step){.frame = NULL, .energy_zero = NAN, .electrons = NAN};
    return AL_ERR_OK;
}

static bool outcar_is(const char *path, const char *head, size_t n)
{
    const char *name = strrchr(path, '/');
    (void)n;
    name = name ? name + 1 : path;
    head += strspn(head, " \n");
    return strncmp(head, "vasp.", 5) == 0 || (strncmp(name, "OUTCAR", 6) == 0 && *head != '<');
}

static void outcar_close(void *reader)
{
    struct outcar *d = reader;
    al_lines_close(&d->r);
    al_free(d->pos);
    al_free(d->force);
    al_free(d->path);
    al_free(d);
}

static enum al_err outcar_open(const char *path, void **ret)
{
    AL_AUTOFREE struct outcar *d = NULL;
    AL_AUTOFREE char *copy = NULL;
    AL_ALLOC(d, 1);
    AL_TRY(al_strdup(path, &copy));
    AL_TRY(al_lines_open(copy, &d->r));
    d->path = copy;
    d->nelect = d->zero = NAN;
    begin_step(d, 0);
    *ret = d;
    d = NULL;
    copy = NULL;
    return AL_ERR_OK;
}

static bool outcar_complete(void *reader)
{
    return ((struct outcar *)reader)->complete;
}

const struct code_format code_vasp_outcar = {"vasp-outcar", outcar_is, outcar_open, outcar_next, outcar_complete, outcar_close};
