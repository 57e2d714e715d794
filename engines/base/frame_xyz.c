// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Extended XYZ, as ASE reads and writes it: comment line of key=value pairs with Lattice (rows a, b, c), Properties
// (name:type:columns), pbc, energy, stress or virial. stress = -virial/volume. Velocities ("vel") are in Ang/fs here;
// ASE's own "momenta" and "velo" columns are kept out because their unit differs.
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/frame.h"
#include "base/fsio.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/traj.h"

enum { MAX_COLUMNS = 32, MAX_INFO = 1000 /* of one frame: each is compared with all */ };

enum column { COL_SKIP, COL_SPECIES, COL_X, COL_Y, COL_Z, COL_FX, COL_FY, COL_FZ, COL_VX, COL_VY, COL_VZ, COL_NUMBER };

static enum al_err parse_numbers(const struct al_lines *r, const char *what, const char *text, int n, double *v)
{
    const char *p = text;
    for (int i = 0; i < n; i++) {
        char *end;
        v[i] = strtod(p, &end);
        if (end == p || !isfinite(v[i]))
            AL_FAIL(AL_ERR_INPUT, "%s:%ld: %s needs %d numbers", r->path, r->lineno, what, n);
        p = end;
    }
    p += strspn(p, " \t");
    if (*p) AL_FAIL(AL_ERR_INPUT, "%s:%ld: %s has more than %d numbers", r->path, r->lineno, what, n);
    return AL_ERR_OK;
}

static enum al_err parse_properties(const struct al_lines *r, char *text, enum column col[MAX_COLUMNS], int *ret_n)
{
    int n = 0;
    bool species = false, pos = false;
    for (char *save = NULL, *name = strtok_r(text, ":", &save); name; name = strtok_r(NULL, ":", &save)) {
        char *type = strtok_r(NULL, ":", &save), *count = type ? strtok_r(NULL, ":", &save) : NULL;
        long k = count ? strtol(count, NULL, 10) : 0;
        if (k < 1 || k > MAX_COLUMNS - n)
            AL_FAIL(AL_ERR_INPUT, "%s:%ld: Properties is not a list of name:type:columns", r->path, r->lineno);
        enum column first = COL_SKIP;
        if (strcmp(name, "species") == 0 && k == 1) first = COL_SPECIES;
        else if (strcmp(name, "Z") == 0 && k == 1) first = COL_NUMBER;
        else if (strcmp(name, "pos") == 0 && k == 3) first = COL_X;
        else if ((strcmp(name, "forces") == 0 || strcmp(name, "force") == 0) && k == 3) first = COL_FX;
        else if (strcmp(name, "vel") == 0 && k == 3) first = COL_VX;
        species |= first == COL_SPECIES || first == COL_NUMBER;
        pos |= first == COL_X;
        for (int i = 0; i < k; i++)
            col[n++] = first == COL_SKIP ? COL_SKIP : (enum column)((int)first + i);
    }
    if (!species || !pos)
        AL_FAIL(AL_ERR_INPUT, "%s:%ld: Properties lacks species or pos", r->path, r->lineno);
    *ret_n = n;
    return AL_ERR_OK;
}

// Nine numbers, or six in ASE's (Voigt's) order xx yy zz yz xz xy.
static enum al_err parse_tensor(const struct al_lines *r, const char *what, const char *text, double v[9])
{
    static const int voigt[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    double six[6];
    int n = 0;
    for (const char *p = text + strspn(text, " \t"); *p; p += strspn(p, " \t"), n++)
        p += strcspn(p, " \t");
    if (n != 6) {
        AL_TRY(parse_numbers(r, what, text, 9, v));
        return AL_ERR_OK;
    }
    AL_TRY(parse_numbers(r, what, text, 6, six));
    for (int k = 0; k < 9; k++)
        v[k] = six[voigt[k]];
    return AL_ERR_OK;
}

struct comment {
    bool lattice, energy, stress, virial, pbc;
    double stress_value[9];
    enum column col[MAX_COLUMNS];
    int ncol;
};

static enum al_err apply_key(const struct al_lines *r, struct al_frame *f, struct comment *c, const char *key,
                             char *value)
{
    if (strcmp(key, "Lattice") == 0) {
        AL_TRY(parse_numbers(r, "Lattice", value, 9, &f->cell[0][0]));
        c->lattice = true;
    } else if (strcmp(key, "Properties") == 0) {
        AL_TRY(parse_properties(r, value, c->col, &c->ncol));
    } else if (strcmp(key, "pbc") == 0) {
        f->pbc = strchr(value, 'T') || strchr(value, 't') || strchr(value, '1');
        c->pbc = true;
    } else if (strcmp(key, "energy") == 0) {
        AL_TRY(parse_numbers(r, "energy", value, 1, &f->energy));
        c->energy = true;
    } else if (strcmp(key, "virial") == 0) {
        double v[9];
        AL_TRY(parse_tensor(r, "virial", value, v));
        memcpy(f->virial, v, sizeof v);
        c->virial = true;
    } else if (strcmp(key, "stress") == 0) {
        AL_TRY(parse_tensor(r, "stress", value, c->stress_value));
        c->stress = true;
    } else {
        if (f->ninfo == MAX_INFO) AL_FAIL(AL_ERR_INPUT, "%s:%ld: more than %d keys", r->path, r->lineno, MAX_INFO);
        AL_TRY(al_frame_info_set(f, key, value));
    }
    return AL_ERR_OK;
}

// The value that begins at *p is cut out and returned, *p moved behind it: a word, a quoted text (with \" in it), or an array
// [1, 2, 3] or {1 2 3}, of which the numbers stay.
static enum al_err take_value(const struct al_lines *r, const char *key, char **p, char **ret)
{
    char *q = *p, *w;
    if (*q == '"' || *q == '\'') {
        char quote = *q++;
        *ret = w = q;
        for (; *q && *q != quote; q++) {
            if (*q == '\\' && q[1]) q++;
            *w++ = *q;
        }
        if (!*q) AL_FAIL(AL_ERR_INPUT, "%s:%ld: value of %s has no closing quote", r->path, r->lineno, key);
        q++;
        *w = '\0';
    } else if (*q == '[' || *q == '{') {
        int depth = 0;
        *ret = q;
        for (; *q; q++) {
            depth += (*q == '[' || *q == '{') - (*q == ']' || *q == '}');
            if (strchr("[]{},", *q)) *q = ' ';
            if (!depth) break;
        }
        if (!*q) AL_FAIL(AL_ERR_INPUT, "%s:%ld: value of %s has no closing bracket", r->path, r->lineno, key);
        *q++ = '\0';
    } else {
        *ret = q;
        q += strcspn(q, " \t");
        if (*q) *q++ = '\0';
    }
    *p = q;
    return AL_ERR_OK;
}

// key=value, key="value with spaces", or a bare key (= T)
static enum al_err parse_comment(const struct al_lines *r, struct al_frame *f, struct comment *c)
{
    AL_AUTOFREE char *text = NULL;
    AL_TRY(al_strdup(r->line, &text));
    char *p = text;
    for (;;) {
        p += strspn(p, " \t");
        if (!*p) break;
        char *key = p, *value;
        p += strcspn(p, "= \t");
        if (*p != '=') {
            if (*p) *p++ = '\0';
            value = (char[]){'T', '\0'};
            AL_TRY(apply_key(r, f, c, key, value));
            continue;
        }
        *p++ = '\0';
        AL_TRY(take_value(r, key, &p, &value));
        AL_TRY(apply_key(r, f, c, key, value));
    }
    return AL_ERR_OK;
}

static enum al_err parse_atom(const struct al_lines *r, struct al_frame *f, const struct comment *c, int i)
{
    char *p = r->line;
    for (int k = 0; k < c->ncol; k++) {
        p += strspn(p, " \t");
        size_t len = strcspn(p, " \t");
        if (!len) AL_FAIL(AL_ERR_INPUT, "%s:%ld: atom %d has %d columns, not %d", r->path, r->lineno, i + 1, k, c->ncol);
        if (c->col[k] == COL_SPECIES || c->col[k] == COL_NUMBER) {
            char symbol[8] = "";
            if (len < sizeof symbol) memcpy(symbol, p, len);
            f->z[i] = c->col[k] == COL_SPECIES ? al_element_z(symbol) : (int)strtol(symbol, NULL, 10);
            if (f->z[i] < 1 || f->z[i] > AL_ZMAX)
                AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%.*s' is not an element", r->path, r->lineno, (int)(len < 40 ? len : 40), p);
        } else if (c->col[k] != COL_SKIP) {
            char *end;
            double v = strtod(p, &end);
            if (end != p + len || !isfinite(v))
                AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%.*s' is not a number", r->path, r->lineno, (int)(len < 40 ? len : 40), p);
            if (c->col[k] <= COL_Z) f->pos[i][c->col[k] - COL_X] = v;
            else if (c->col[k] <= COL_FZ) f->forces[i][c->col[k] - COL_FX] = v;
            else f->vel[i][c->col[k] - COL_VX] = v;
        }
        p += len;
    }
    p += strspn(p, " \t");
    if (*p) AL_FAIL(AL_ERR_INPUT, "%s:%ld: atom %d has more than %d columns", r->path, r->lineno, i + 1, c->ncol);
    return AL_ERR_OK;
}

static void settle(struct al_frame *f, const struct comment *c)
{
    if (!c->lattice) f->pbc = false;
    else if (!c->pbc) f->pbc = true;
    if (c->energy) f->have |= AL_HAVE_ENERGY;
    if (c->virial) {
        f->have |= AL_HAVE_VIRIAL;
    } else if (c->stress && c->lattice) {
        double vol = al_frame_volume(f);
        for (int k = 0; k < 9; k++)
            f->virial[k / 3][k % 3] = -c->stress_value[k] * vol;
        f->have |= AL_HAVE_VIRIAL;
    }
    for (int k = 0; k < c->ncol; k++) {
        if (c->col[k] == COL_FX) f->have |= AL_HAVE_FORCES;
        if (c->col[k] == COL_VX) f->have |= AL_HAVE_VELOCITIES;
    }
}

static enum al_err read_frame(struct al_lines *r, struct al_frame **ret, bool *ret_end)
{
    do { // blank lines at the end of a file are no frames
        AL_TRY(al_lines_next(r, ret_end));
        if (*ret_end) return AL_ERR_OK;
    } while (r->line[strspn(r->line, " \t")] == '\0');
    char *end;
    long n = strtol(r->line, &end, 10);
    end += strspn(end, " \t");
    if (end == r->line || *end || n < 1 || n > 100000000)
        AL_FAIL(AL_ERR_INPUT, "%s:%ld: number of atoms expected", r->path, r->lineno);
    bool eof;
    AL_TRY(al_lines_next(r, &eof));
    if (eof) AL_FAIL(AL_ERR_INPUT, "%s:%ld: the comment line is missing", r->path, r->lineno);
    struct comment c = {.ncol = 4, .col = {COL_SPECIES, COL_X, COL_Y, COL_Z}};
    AL_OWN(al_frame) f = NULL;
    AL_TRY(al_frame_create(0, &f)); // comment first: a wrong header must not cost memory for n atoms
    AL_TRY(parse_comment(r, f, &c));
    long have = 0, cap = n < 1024 ? n : 1024;
    AL_GROW(f->z, 0, cap);
    AL_GROW(f->pos, 0, cap);
    AL_GROW(f->vel, 0, cap);
    AL_GROW(f->forces, 0, cap);
    for (; have < n; have++) {
        AL_TRY(al_lines_next(r, &eof));
        if (eof) AL_FAIL(AL_ERR_INPUT, "%s:%ld: file ends after %ld of %ld atoms", r->path, r->lineno, have, n);
        if (have == cap) {
            long bigger = 2 * cap < n ? 2 * cap : n;
            AL_GROW(f->z, cap, bigger);
            AL_GROW(f->pos, cap, bigger);
            AL_GROW(f->vel, cap, bigger);
            AL_GROW(f->forces, cap, bigger);
            cap = bigger;
        }
        AL_TRY(parse_atom(r, f, &c, (int)have));
    }
    f->natoms = (int)n;
    settle(f, &c);
    AL_TRY(al_frame_finite(f, r->path));
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

enum al_err al_xyz_read(const char *path, struct al_frames **ret)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_frames_create(&fs));
    struct al_lines r;
    AL_TRY(al_lines_open(path, &r));
    enum al_err e = AL_ERR_OK;
    bool end = false;
    while (!e) {
        struct al_frame *f = NULL;
        e = read_frame(&r, &f, &end);
        if (e) al_err_pass(e, __FILE__, __LINE__, __func__, "frame %d", fs->n);
        if (e || end) break;
        e = al_frames_push(fs, &f);
    }
    al_lines_close(&r);
    AL_TRY(e);
    *ret = fs;
    fs = NULL;
    return AL_ERR_OK;
}

// ---- frame by frame ----------------------------------------------------------------------------------------

static bool xyz_is(const char *path, const char *head, size_t n)
{
    char *end;
    (void)path;
    (void)n;
    long atoms = strtol(head, &end, 10);
    end += strspn(end, " \t\r");
    return atoms > 0 && *end == '\n';
}

static enum al_err xyz_open(const char *path, const struct al_traj_options *o, void **ret)
{
    AL_AUTOFREE struct al_lines *r = NULL;
    (void)o;
    AL_ALLOC(r, 1);
    AL_TRY(al_lines_open(path, r));
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

// The time: "time" in the comment, fs (alnd md); ASE's own keys differ from program to program and are left alone.
static enum al_err xyz_next(void *reader, struct al_frame **ret, struct al_traj_step *ret_step)
{
    struct al_lines *r = reader;
    bool end;
    struct al_frame *f = NULL;
    AL_TRY(read_frame(r, &f, &end));
    *ret_step = (struct al_traj_step){.time = NAN};
    if (f) {
        const char *time = al_frame_info(f, "time");
        char *stop = NULL;
        double v = time ? strtod(time, &stop) : (double)NAN;
        if (time && stop != time && *stop == '\0') ret_step->time = v;
    }
    *ret = f;
    return AL_ERR_OK;
}

static long xyz_tell(void *reader)
{
    return ftell(((struct al_lines *)reader)->in);
}

static void xyz_close(void *reader)
{
    al_lines_close(reader);
    al_free(reader);
}

const struct al_traj_format al_traj_xyz = {"extended XYZ", xyz_is, xyz_open, xyz_next, xyz_tell, xyz_close};

static void write_row9(FILE *out, const char *key, const double *v, double factor)
{
    fprintf(out, "%s=\"", key);
    for (int k = 0; k < 9; k++)
        fprintf(out, "%s%.17g", k ? " " : "", v[k] * factor);
    fputs("\" ", out);
}

static void write_info(FILE *out, const struct al_frame *f)
{
    for (int i = 0; i < f->ninfo; i++) {
        const char *v = f->info[i].value;
        bool quote = v[0] == '\0' || strpbrk(v, " \t=,'\"[]{}") != NULL;
        fprintf(out, " %s=%s", f->info[i].key, quote ? "\"" : "");
        for (; *v; v++)
            fputc(*v == '"' ? '\'' : *v == '\n' ? ' ' : *v, out);
        if (quote) fputc('"', out);
    }
}

enum al_err al_xyz_write_frame(FILE *out, const struct al_frame *f)
{
    fprintf(out, "%d\n", f->natoms);
    if (f->pbc) write_row9(out, "Lattice", &f->cell[0][0], 1.0);
    fprintf(out, "Properties=species:S:1:pos:R:3%s%s pbc=\"%s\"", f->have & AL_HAVE_FORCES ? ":forces:R:3" : "",
            f->have & AL_HAVE_VELOCITIES ? ":vel:R:3" : "", f->pbc ? "T T T" : "F F F");
    if (f->have & AL_HAVE_ENERGY) fprintf(out, " energy=%.17g", f->energy);
    if (f->have & AL_HAVE_VIRIAL) {
        fputc(' ', out);
        write_row9(out, "virial", &f->virial[0][0], 1.0);
        if (f->pbc) write_row9(out, "stress", &f->virial[0][0], -1.0 / al_frame_volume(f));
    }
    write_info(out, f);
    fputc('\n', out);
    for (int i = 0; i < f->natoms; i++) {
        fprintf(out, "%-2s %.17g %.17g %.17g", al_element_symbol(f->z[i]), f->pos[i][0], f->pos[i][1], f->pos[i][2]);
        if (f->have & AL_HAVE_FORCES)
            fprintf(out, " %.17g %.17g %.17g", f->forces[i][0], f->forces[i][1], f->forces[i][2]);
        if (f->have & AL_HAVE_VELOCITIES)
            fprintf(out, " %.17g %.17g %.17g", f->vel[i][0], f->vel[i][1], f->vel[i][2]);
        fputc('\n', out);
    }
    if (ferror(out)) AL_FAIL(al_err_from_errno(errno), "cannot write frame: %s", strerror(errno));
    return AL_ERR_OK;
}

enum al_err al_xyz_write(const char *path, const struct al_frames *fs)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    for (int i = 0; i < fs->n; i++) {
        enum al_err e = al_xyz_write_frame(o.out, fs->f[i]);
        if (e) al_outfile_drop(&o);
        AL_TRY(e);
    }
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}
