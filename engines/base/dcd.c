// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/dcd.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"

static const double AKMA_FS = 48.88821290839617; // one unit of time, sqrt(amu Ang^2 mol/kcal), as other programs have it

// Every record stands between two counts of its bytes.
enum { CONTROLS = 20, TITLE = 80 };
enum { NSET, ISTART, NSAVC, NSTEP, NFIXED = 8, DELTA, HAS_CELL, HAS_4D, VERSION = 19 };

struct control {
    char magic[4];
    int32_t c[CONTROLS];
};

struct head { // as it lies in our files; others may have more title lines
    int32_t n0;
    struct control control;
    int32_t n1, n2, ntitle;
    char title[TITLE];
    int32_t n3, n4, natoms, n5;
};
_Static_assert(sizeof(struct head) == 196, "no padding");

long al_dcd_head_size(void)
{
    return (long)sizeof(struct head);
}

static long frame_size(int natoms, bool cell)
{
    return (cell ? 56 : 0) + 3 * (8 + 4 * (long)natoms);
}

static enum al_err put(FILE *out, const void *data, size_t n)
{
    if (fwrite(data, 1, n, out) != n) AL_FAIL(al_err_from_errno(errno), "cannot write: %s", strerror(errno));
    return AL_ERR_OK;
}

enum al_err al_dcd_write_head(FILE *out, const struct al_dcd_spec *s)
{
    if (s->first > INT32_MAX || s->stride > INT32_MAX) AL_FAIL(AL_ERR_UNSUPPORTED, "DCD counts no more than %d steps", INT32_MAX);
    struct head h = {.n0 = sizeof h.control, .n1 = sizeof h.control, .n2 = 4 + TITLE, .ntitle = 1, .n3 = 4 + TITLE, .n4 = 4,
                     .natoms = s->natoms, .n5 = 4};
    float delta = (float)(s->timestep / AKMA_FS);
    memcpy(h.control.magic, "CORD", 4);
    h.control.c[ISTART] = (int32_t)s->first;
    h.control.c[NSAVC] = (int32_t)s->stride;
    memcpy(&h.control.c[DELTA], &delta, sizeof delta);
    h.control.c[HAS_CELL] = s->pbc;
    h.control.c[VERSION] = 24;
    static const char title[] = "REMARKS alnd: Ang, elements and orientation in " AL_DCD_TOPOLOGY;
    _Static_assert(sizeof title <= TITLE, "one line");
    memset(h.title, ' ', TITLE);
    memcpy(h.title, title, sizeof title - 1);
    AL_TRY(put(out, &h, sizeof h));
    return AL_ERR_OK;
}

enum al_err al_dcd_seal(FILE *out, const struct al_dcd_spec *s, long size)
{
    long n = (size - al_dcd_head_size()) / frame_size(s->natoms, s->pbc);
    int32_t set = (int32_t)n, step = (int32_t)fmin((double)n * (double)s->stride, INT32_MAX);
    const long at = (long)offsetof(struct head, control) + (long)offsetof(struct control, c);
    if (fseek(out, at + 4L * NSET, SEEK_SET) != 0) AL_FAIL(al_err_from_errno(errno), "cannot seek: %s", strerror(errno));
    AL_TRY(put(out, &set, sizeof set));
    if (fseek(out, at + 4L * NSTEP, SEEK_SET) != 0) AL_FAIL(al_err_from_errno(errno), "cannot seek: %s", strerror(errno));
    AL_TRY(put(out, &step, sizeof step));
    if (fseek(out, size, SEEK_SET) != 0) AL_FAIL(al_err_from_errno(errno), "cannot seek: %s", strerror(errno));
    return AL_ERR_OK;
}

// The cell of the same lengths and angles with a along x and b in the plane xy.
static void lay_down(const double len[3], const double cosine[3], double ret[3][3]) // cosines of alpha, beta, gamma
{
    double sg = sqrt(1 - cosine[2] * cosine[2]), cy = (cosine[0] - cosine[1] * cosine[2]) / sg;
    const double cell[3][3] = {{len[0], 0, 0},
                               {len[1] * cosine[2], len[1] * sg, 0},
                               {len[2] * cosine[1], len[2] * cy, len[2] * sqrt(fmax(1 - cosine[1] * cosine[1] - cy * cy, 0))}};
    memcpy(ret, cell, sizeof cell);
}

static void measure(const double cell[3][3], double len[3], double cosine[3])
{
    for (int k = 0; k < 3; k++)
        len[k] = sqrt(al_dot3(cell[k], cell[k]));
    for (int k = 0; k < 3; k++)
        cosine[k] = al_dot3(cell[(k + 1) % 3], cell[(k + 2) % 3]) / (len[(k + 1) % 3] * len[(k + 2) % 3]);
}

// Positions x of a frame with this cell are x.turn in the file. A cell that lies right is not touched, not even by rounding.
static void turn_of(const double cell[3][3], double turn[3][3])
{
    double len[3], cosine[3], flat[3][3], inv[3][3];
    memset(turn, 0, 9 * sizeof(double));
    for (int k = 0; k < 3; k++)
        turn[k][k] = 1;
    if (cell[0][1] == 0 && cell[0][2] == 0 && cell[1][2] == 0 && cell[0][0] > 0 && cell[1][1] > 0 && cell[2][2] > 0) return;
    measure(cell, len, cosine);
    lay_down(len, cosine, flat);
    al_inv3(cell, inv);
    for (int a = 0; a < 3; a++)
        al_vecmat3(inv[a], flat, turn[a]);
}

enum al_err al_dcd_write_frame(FILE *out, const struct al_frame *f)
{
    AL_AUTOFREE float *x = NULL;
    double turn[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    const size_t n = (size_t)f->natoms;
    const int32_t bytes = (int32_t)(4 * n), cell_bytes = 48;
    AL_ALLOC(x, 3 * n);
    if (f->pbc) {
        double len[3], cosine[3];
        measure(f->cell, len, cosine);
        turn_of(f->cell, turn);
        const double box[6] = {len[0], cosine[2], len[1], cosine[1], cosine[0], len[2]};
        AL_TRY(put(out, &cell_bytes, 4));
        AL_TRY(put(out, box, sizeof box));
        AL_TRY(put(out, &cell_bytes, 4));
    }
    for (size_t i = 0; i < n; i++) {
        double r[3];
        al_vecmat3(f->pos[i], turn, r);
        for (size_t k = 0; k < 3; k++)
            x[k * n + i] = (float)r[k];
    }
    for (size_t k = 0; k < 3; k++) {
        AL_TRY(put(out, &bytes, 4));
        AL_TRY(put(out, x + k * n, 4 * n));
        AL_TRY(put(out, &bytes, 4));
    }
    return AL_ERR_OK;
}

// ---- reading ------------------------------------------------------------------------------------------------

struct al_dcd {
    char path[AL_PATH];
    FILE *in;
    struct al_frame *topology;
    double turn[3][3]; // from the file to the run
    bool cell;
    int32_t c[CONTROLS];
    double timestep; // fs
    long nframes, at;
    float *x; // [natoms]
};

void al_dcd_destroy(struct al_dcd **dp)
{
    struct al_dcd *d = *dp;
    *dp = NULL;
    if (!d) return;
    if (d->in) fclose(d->in);
    al_frame_destroy(&d->topology);
    al_free(d->x);
    al_free(d);
}

long al_dcd_frames(const struct al_dcd *d)
{
    return d->nframes;
}

bool al_dcd_is(const char *head, size_t n)
{
    return n >= 8 && memcmp(head + 4, "CORD", 4) == 0;
}

static enum al_err take(struct al_dcd *d, void *data, int32_t n)
{
    int32_t before, after;
    if (fread(&before, 4, 1, d->in) != 1 || before != n || fread(data, 1, (size_t)n, d->in) != (size_t)n ||
        fread(&after, 4, 1, d->in) != 1 || after != n)
        AL_FAIL(AL_ERR_CORRUPT, "%s: frame %ld: a record of %d bytes is wanted", d->path, d->at, n);
    return AL_ERR_OK;
}

static enum al_err read_head(struct al_dcd *d, int *ret_natoms)
{
    struct control c;
    int32_t n, natoms;
    if (fread(&n, 4, 1, d->in) != 1 || fread(&c, sizeof c, 1, d->in) != 1 || memcmp(c.magic, "CORD", 4) != 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s is not a DCD file", d->path);
    if (n != sizeof c) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: a DCD file of the other byte order or with long records", d->path);
    memcpy(d->c, c.c, sizeof d->c);
    if (d->c[NFIXED] || d->c[HAS_4D] || !d->c[VERSION] || d->c[NSAVC] < 0)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: DCD with fixed atoms, a fourth dimension or of X-PLOR's kind", d->path);
    float delta;
    memcpy(&delta, &d->c[DELTA], sizeof delta);
    char text[32]; // single precision: seven digits
    snprintf(text, sizeof text, "%.7g", (double)delta * AKMA_FS);
    d->timestep = strtod(text, NULL);
    if (fread(&n, 4, 1, d->in) != 1 || fread(&n, 4, 1, d->in) != 1 || n < 4 || fseek(d->in, n + 4L, SEEK_CUR) != 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s: the title is damaged", d->path);
    AL_TRY(take(d, &natoms, 4));
    *ret_natoms = natoms;
    d->cell = d->c[HAS_CELL] != 0;
    return AL_ERR_OK;
}

static enum al_err read_topology(struct al_dcd *d, const char *topology, int natoms)
{
    char path[AL_PATH];
    AL_OWN(al_frames) fs = NULL;
    const char *slash = strrchr(d->path, '/');
    if (topology) AL_TRY(al_path(path, "%s", topology));
    else AL_TRY(al_path(path, "%.*s" AL_DCD_TOPOLOGY, slash ? (int)(slash + 1 - d->path) : 0, d->path));
    if (!al_exists(path))
        AL_FAIL_HINT(AL_ERR_NOTFOUND, "a DCD file does not say which elements its atoms are; one frame of the run as extended XYZ does",
                     "%s: its topology %s is missing", d->path, path);
    AL_TRY(al_xyz_read(path, &fs));
    if (!fs->n || fs->f[0]->natoms != natoms)
        AL_FAIL(AL_ERR_INPUT, "%s has %d atoms, %s %d", d->path, natoms, path, fs->n ? fs->f[0]->natoms : 0);
    AL_TRY(al_frame_copy(fs->f[0], &d->topology));
    d->topology->have = 0;
    double turn[3][3];
    memset(turn, 0, sizeof turn);
    for (int k = 0; k < 3; k++)
        turn[k][k] = 1;
    if (d->topology->pbc) turn_of(d->topology->cell, turn);
    for (int a = 0; a < 3; a++) // orthogonal: the inverse is the transpose
        for (int b = 0; b < 3; b++)
            d->turn[a][b] = turn[b][a];
    return AL_ERR_OK;
}

enum al_err al_dcd_open(const char *path, const char *topology, struct al_dcd **ret)
{
    AL_OWN(al_dcd) d = NULL;
    struct stat st;
    int natoms;
    AL_ALLOC(d, 1);
    AL_TRY(al_path(d->path, "%s", path));
    AL_TRY(al_file_stream(path, &d->in));
    if (fstat(fileno(d->in), &st) != 0) AL_FAIL(al_err_from_errno(errno), "cannot read %s: %s", path, strerror(errno));
    AL_TRY(read_head(d, &natoms));
    AL_TRY(read_topology(d, topology, natoms));
    d->nframes = ((long)st.st_size - ftell(d->in)) / frame_size(natoms, d->cell);
    if (d->nframes < 0 || d->nframes < d->c[NSET])
        AL_FAIL(AL_ERR_CORRUPT, "%s holds %ld frames of the %d that it says", path, d->nframes, d->c[NSET]);
    AL_ALLOC(d->x, natoms);
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

// Cosines (NAMD, LAMMPS, ours), degrees, or the symmetric matrix of newer CHARMM.
static enum al_err read_cell(struct al_dcd *d, struct al_frame *f)
{
    double b[6], cell[3][3];
    AL_TRY(take(d, b, sizeof b));
    double len[3] = {b[0], b[2], b[5]}, cosine[3] = {b[4], b[3], b[1]};
    f->pbc = len[0] > 0 && len[1] > 0 && len[2] > 0;
    if (!f->pbc) return AL_ERR_OK;
    bool degrees = false, matrix = false;
    for (int k = 0; k < 3; k++) {
        degrees |= !(fabs(cosine[k]) <= 1);
        matrix |= !(cosine[k] >= 0 && cosine[k] <= 180);
    }
    if (degrees && matrix) {
        const double m[3][3] = {{b[0], b[1], b[3]}, {b[1], b[2], b[4]}, {b[3], b[4], b[5]}};
        memcpy(cell, m, sizeof m);
    } else {
        for (int k = 0; k < 3 && degrees; k++)
            cosine[k] = sin((90 - cosine[k]) * (M_PI / 180)); // right angles come out exactly
        lay_down(len, cosine, cell);
    }
    if (!isfinite(al_det3(cell)) || !(fabs(al_det3(cell)) > 0))
        AL_FAIL(AL_ERR_CORRUPT, "%s: frame %ld: its cell has no volume", d->path, d->at);
    for (int k = 0; k < 3; k++)
        al_vecmat3(cell[k], d->turn, f->cell[k]);
    return AL_ERR_OK;
}

enum al_err al_dcd_next(struct al_dcd *d, struct al_frame **ret, double *ret_time)
{
    AL_OWN(al_frame) f = NULL;
    char text[32];
    *ret = NULL;
    if (d->at == d->nframes) return AL_ERR_OK;
    AL_TRY(al_frame_copy(d->topology, &f));
    f->pbc = false;
    if (d->cell) AL_TRY(read_cell(d, f));
    for (int k = 0; k < 3; k++) {
        AL_TRY(take(d, d->x, (int32_t)(4 * f->natoms)));
        for (int i = 0; i < f->natoms; i++) {
            if (!isfinite(d->x[i])) AL_FAIL(AL_ERR_CORRUPT, "%s: frame %ld: atom %d is nowhere", d->path, d->at, i + 1);
            f->pos[i][k] = (double)d->x[i];
        }
    }
    for (int i = 0; i < f->natoms; i++) {
        double r[3];
        al_vecmat3(f->pos[i], d->turn, r);
        memcpy(f->pos[i], r, sizeof r);
    }
    AL_TRY(al_frame_finite(f, d->path));
    long step = d->c[ISTART] + d->at * d->c[NSAVC];
    snprintf(text, sizeof text, "%ld", step);
    AL_TRY(al_frame_info_set(f, "step", text));
    snprintf(text, sizeof text, "%.10g", (double)step * d->timestep);
    AL_TRY(al_frame_info_set(f, "time", text));
    if (ret_time) *ret_time = (double)step * d->timestep;
    d->at++;
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

enum al_err al_frames_read(const char *path, struct al_frames **ret)
{
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(al_dcd) d = NULL;
    const char *dot = strrchr(path, '.');
    if (!dot || strcmp(dot, ".dcd") != 0) {
        AL_TRY(al_xyz_read(path, ret));
        return AL_ERR_OK;
    }
    AL_TRY(al_frames_create(&fs));
    AL_TRY(al_dcd_open(path, NULL, &d));
    for (;;) {
        struct al_frame *f = NULL;
        AL_TRY(al_dcd_next(d, &f, NULL));
        if (!f) break;
        AL_TRY(al_frames_push(fs, &f));
    }
    *ret = fs;
    fs = NULL;
    return AL_ERR_OK;
}
