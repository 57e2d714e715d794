// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// VASP's XDATCAR: comment, scale, three lattice vectors, symbols, counts; then "Direct configuration= N" and fractional positions. With a
// variable cell the header is repeated before each configuration. Times are not in the file.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/lines.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/traj.h"

enum { MAX_KINDS = 64, MAX_ATOMS = 100000000 };

struct xdatcar {
    struct al_lines r;
    struct al_traj_options o;
    double cell[3][3];
    int n, nkinds, z[MAX_KINDS], count[MAX_KINDS];
    bool started;
};

static bool is_configuration(const char *line)
{
    line += strspn(line, " \t");
    return strncasecmp(line, "Direct", 6) == 0 || strncasecmp(line, "Konfig", 6) == 0;
}

static bool xdatcar_is(const char *path, const char *head, size_t n)
{
    const char *name = strrchr(path, '/');
    (void)n;
    name = name ? name + 1 : path;
    if (strncasecmp(name, "XDATCAR", 7) == 0) return true;
    for (const char *p = head; p; p = strchr(p, '\n'))
        if (is_configuration(p += *p == '\n')) return true;
    return false;
}

static enum al_err xdatcar_open(const char *path, const struct al_traj_options *o, void **ret)
{
    AL_AUTOFREE struct xdatcar *d = NULL;
    AL_ALLOC(d, 1);
    d->o = *o;
    AL_TRY(al_lines_open(path, &d->r));
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

static void xdatcar_close(void *reader)
{
    struct xdatcar *d = reader;
    al_lines_close(&d->r);
    al_free(d);
}

static long xdatcar_tell(void *reader)
{
    return ftell(((struct xdatcar *)reader)->r.in);
}

static enum al_err read_lattice(struct xdatcar *d)
{
    double scale;
    AL_TRY(al_lines_need(&d->r, "the scale"));
    const char *p = d->r.line;
    AL_TRY(al_lines_numbers(&d->r, "scale", &p, 1, &scale));
    for (int k = 0; k < 3; k++) {
        AL_TRY(al_lines_need(&d->r, "the lattice"));
        p = d->r.line;
        AL_TRY(al_lines_numbers(&d->r, "lattice vector", &p, 3, d->cell[k]));
    }
    double volume = fabs(al_det3(d->cell));
    if (!(volume > 0) || scale == 0) AL_FAIL(AL_ERR_INPUT, "%s:%ld: the cell has no volume", d->r.path, d->r.lineno);
    if (scale < 0) scale = cbrt(-scale / volume); // a volume
    for (int k = 0; k < 9; k++)
        d->cell[k / 3][k % 3] *= scale;
    return AL_ERR_OK;
}

// Symbols ("Li_sv", "Li/hash" are Li); a file of VASP 4 has none and goes on with the counts.
static enum al_err read_symbols(struct xdatcar *d)
{
    char *save = NULL;
    d->nkinds = 0;
    AL_TRY(al_lines_need(&d->r, "the symbols"));
    const char *first = d->r.line + strspn(d->r.line, " \t");
    if (isdigit((unsigned char)*first)) {
        if (!d->o.ntypes)
            AL_FAIL_HINT(AL_ERR_INPUT, "--types Li,P,S names them in their order", "%s:%ld: the line of element symbols is missing", d->r.path, d->r.lineno);
        d->nkinds = d->o.ntypes;
        memcpy(d->z, d->o.type_z, sizeof *d->z * (size_t)d->nkinds);
        d->r.again = true;
        return AL_ERR_OK;
    }
    for (char *w = strtok_r(d->r.line, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
        w[strcspn(w, "_/")] = '\0';
        if (d->nkinds == MAX_KINDS) AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%ld: more than %d kinds of atoms", d->r.path, d->r.lineno, MAX_KINDS);
        if (!(d->z[d->nkinds++] = al_element_z(w))) AL_FAIL(AL_ERR_INPUT, "%s:%ld: '%.20s' is not an element", d->r.path, d->r.lineno, w);
    }
    return AL_ERR_OK;
}

static enum al_err read_counts(struct xdatcar *d)
{
    AL_TRY(al_lines_need(&d->r, "the numbers of atoms"));
    char *p = d->r.line, *end;
    long n = 0;
    for (int k = 0; k < d->nkinds; k++, p = end) {
        long c = strtol(p, &end, 10);
        if (end == p || c < 0 || c > MAX_ATOMS || (n += c) > MAX_ATOMS)
            AL_FAIL(AL_ERR_INPUT, "%s:%ld: %d numbers of atoms are expected", d->r.path, d->r.lineno, d->nkinds);
        d->count[k] = (int)c;
    }
    if (p[strspn(p, " \t")] || !n) AL_FAIL(AL_ERR_INPUT, "%s:%ld: %d numbers of atoms are expected", d->r.path, d->r.lineno, d->nkinds);
    d->n = (int)n;
    return AL_ERR_OK;
}

// Up to and with the line "Direct configuration"; *ret_end: there is none.
static enum al_err read_header(struct xdatcar *d, bool *ret_end)
{
    do {
        AL_TRY(al_lines_next(&d->r, ret_end));
        if (*ret_end) return AL_ERR_OK;
    } while (d->started && d->r.line[strspn(d->r.line, " \t")] == '\0');
    if (d->started && is_configuration(d->r.line)) return AL_ERR_OK;
    d->started = true; // this line was the comment
    AL_TRY(read_lattice(d));
    AL_TRY(read_symbols(d));
    AL_TRY(read_counts(d));
    AL_TRY(al_lines_need(&d->r, "a configuration"));
    if (!is_configuration(d->r.line))
        AL_FAIL(AL_ERR_INPUT, "%s:%ld: 'Direct configuration' is expected, not '%.30s'", d->r.path, d->r.lineno, d->r.line);
    return AL_ERR_OK;
}

static enum al_err xdatcar_next(void *reader, struct al_frame **ret, struct al_traj_step *ret_step)
{
    struct xdatcar *d = reader;
    AL_OWN(al_frame) f = NULL;
    AL_AUTOFREE double(*x)[3] = NULL;
    bool end;
    long cap = 1024;
    AL_TRY(read_header(d, &end));
    *ret_step = (struct al_traj_step){.time = NAN};
    if (end) {
        *ret = NULL;
        return AL_ERR_OK;
    }
    AL_ALLOC(x, cap);
    for (int i = 0; i < d->n; i++) {
        if (i == cap) {
            AL_GROW(x, cap, 2 * cap);
            cap *= 2;
        }
        AL_TRY(al_lines_need(&d->r, "the last atom of a configuration"));
        const char *p = d->r.line;
        AL_TRY(al_lines_numbers(&d->r, "position", &p, 3, x[i]));
    }
    AL_TRY(al_frame_create(d->n, &f));
    memcpy(f->cell, d->cell, sizeof d->cell);
    f->pbc = true;
    for (int k = 0, i = 0; k < d->nkinds; k++)
        for (int c = 0; c < d->count[k]; c++, i++) {
            f->z[i] = d->z[k];
            al_vecmat3(x[i], f->cell, f->pos[i]);
        }
    AL_TRY(al_frame_finite(f, d->r.path));
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

const struct al_traj_format al_traj_xdatcar = {"XDATCAR", xdatcar_is, xdatcar_open, xdatcar_next, xdatcar_tell, xdatcar_close};
