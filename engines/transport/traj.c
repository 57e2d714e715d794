// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/traj.h"

#include <math.h>
#include <stdlib.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

struct builder {
    struct tr_traj *t;
    const struct tr_load *o;
    const char *name; // of the file, for messages
    long cap, seen;   // frames of the file
    int natoms_file;
    int *z_file;      // [natoms_file]
    int *kept;        // [natoms_file] number among those kept, -1
    double first_time, last_time;
    double temperature;
    long ntemperature;
};

void tr_traj_destroy(struct tr_traj **tp)
{
    struct tr_traj *t = *tp;
    if (!t) return;
    for (long i = 0; t->x && i < t->n; i++)
        al_free(t->x[i]);
    al_free(t->x);
    al_free(t->z);
    al_free(t->cells);
    al_free(t);
    *tp = NULL;
}

double tr_traj_bytes(const struct tr_traj *t)
{
    return 24.0 * t->natoms * (double)t->n;
}

static void builder_clear(struct builder *b)
{
    tr_traj_destroy(&b->t);
    al_free(b->z_file);
    al_free(b->kept);
}

static enum al_err start(struct builder *b, const struct al_frame *f)
{
    bool all = true;
    struct tr_traj *t = b->t;
    for (int z = 0; z <= AL_ZMAX; z++)
        all = all && !b->o->keep[z];
    b->natoms_file = f->natoms;
    AL_ALLOC(b->z_file, f->natoms);
    AL_ALLOC(b->kept, f->natoms);
    AL_ALLOC(t->z, f->natoms);
    for (int i = 0; i < f->natoms; i++) {
        b->z_file[i] = f->z[i];
        b->kept[i] = all || b->o->keep[f->z[i]] ? t->natoms : -1;
        if (b->kept[i] >= 0) t->z[t->natoms++] = f->z[i];
        t->all[f->z[i]]++;
    }
    if (!t->natoms) AL_FAIL(AL_ERR_INPUT, "%s holds none of the elements asked for", b->name);
    t->pbc = f->pbc;
    return AL_ERR_OK;
}

static enum al_err same_atoms(const struct builder *b, const struct al_frame *f)
{
    if (f->natoms != b->natoms_file || memcmp(f->z, b->z_file, sizeof *f->z * (size_t)f->natoms) != 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "atoms must keep their order and number", "%s: frame %ld has other atoms than frame 0", b->name, b->seen);
    if (f->pbc != b->t->pbc) AL_FAIL(AL_ERR_INPUT, "%s: frame %ld is %speriodic, frame 0 is not so", b->name, b->seen, f->pbc ? "" : "not ");
    return AL_ERR_OK;
}

static void add_temperature(struct builder *b, const struct al_frame *f)
{
    double k = 0, value = NAN;
    if (f->have & AL_HAVE_VELOCITIES) {
        for (int i = 0; i < f->natoms; i++)
            k += al_element_mass(f->z[i]) * (f->vel[i][0] * f->vel[i][0] + f->vel[i][1] * f->vel[i][1] + f->vel[i][2] * f->vel[i][2]);
        value = f->natoms > 1 ? AL_AMU_A2_FS2_EV * k / (3.0 * (f->natoms - 1) * AL_KB_EV) : (double)NAN; // the centre of mass is at rest
    } else {
        const char *text = al_frame_info(f, "temperature");
        char *end = NULL;
        if (text) value = strtod(text, &end);
        if (end == text) value = NAN;
    }
    if (!(value > 0)) return;
    b->temperature += value;
    b->ntemperature++;
}

// Fractional positions, continuous with those of the frame before; without a cell the positions themselves.
static enum al_err place(struct builder *b, const struct al_frame *f, bool unwrapped)
{
    struct tr_traj *t = b->t;
    double inv[3][3], (*x)[3] = t->x[t->n];
    const double(*before)[3] = t->n ? t->x[t->n - 1] : NULL;
    if (f->pbc) {
        if (!(fabs(al_det3(f->cell)) > 0)) AL_FAIL(AL_ERR_INPUT, "%s: the cell of frame %ld has no volume", b->name, b->seen);
        al_inv3(f->cell, inv);
    }
    for (int i = 0; i < f->natoms; i++) {
        int a = b->kept[i];
        if (a < 0) continue;
        if (!isfinite(f->pos[i][0] + f->pos[i][1] + f->pos[i][2]))
            AL_FAIL(AL_ERR_CORRUPT, "%s: position of atom %d in frame %ld is not a number", b->name, i, b->seen);
        if (f->pbc) al_vecmat3(f->pos[i], inv, x[a]);
        else memcpy(x[a], f->pos[i], sizeof x[a]);
        if (!f->pbc || !before) continue;
        for (int k = 0; k < 3; k++) {
            if (!unwrapped) x[a][k] -= round(x[a][k] - before[a][k]);
            t->largest = fmax(t->largest, unwrapped ? 0 : fabs(x[a][k] - before[a][k]));
        }
    }
    return AL_ERR_OK;
}

static enum al_err check_time(struct builder *b, double time)
{
    struct tr_traj *t = b->t;
    if (!(b->o->dt > 0) && !isfinite(time))
        AL_FAIL_HINT(AL_ERR_INPUT, "--dt \"50 fs\" (LAMMPS: --timestep \"1 fs\" for its step counts)", "%s does not say the time between its frames", b->name);
    if (b->o->dt > 0 || b->seen == 0) return AL_ERR_OK;
    double dt = time - b->last_time;
    if (!(dt > 0))
        AL_FAIL_HINT(AL_ERR_INPUT, "a run that went on writes the frame of the restart twice: drop one of them, or --dt when the times are wrong",
                     "%s: frame %ld is %g fs after the one before", b->name, b->seen, dt);
    if (b->seen == 1) t->dt = dt;
    if (fabs(dt - t->dt) > 1e-4 * t->dt)
        AL_FAIL_HINT(AL_ERR_INPUT, "frames at equal intervals are needed; --dt when the times in the file are wrong",
                     "%s: frame %ld is %g fs after the one before, frame 1 was %g fs", b->name, b->seen, dt, t->dt);
    return AL_ERR_OK;
}

static enum al_err add(struct builder *b, const struct al_frame *f, const struct al_traj_step *s)
{
    struct tr_traj *t = b->t;
    if (b->seen == 0) AL_TRY(start(b, f));
    AL_TRY(same_atoms(b, f));
    AL_TRY(check_time(b, s->time));
    if (b->seen == 0) b->first_time = s->time;
    double since = b->o->dt > 0 ? b->o->dt * (double)b->seen : s->time - b->first_time;
    b->last_time = s->time;
    b->seen++;
    if (since < b->o->skip * (1 - 1e-12)) {
        t->skipped++;
        return AL_ERR_OK;
    }
    if (t->n == b->cap) {
        long more = b->cap ? 2 * b->cap : 256;
        AL_GROW(t->x, b->cap, more);
        AL_GROW(t->cells, b->cap, more);
        b->cap = more;
    }
    AL_ALLOC(t->x[t->n], t->natoms);
    enum al_err e = place(b, f, s->unwrapped);
    memcpy(t->cells[t->n], f->cell, sizeof f->cell);
    add_temperature(b, f);
    t->n++;
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err finish(struct builder *b, struct tr_traj **ret)
{
    struct tr_traj *t = b->t;
    double share = t->n ? 1.0 / (double)t->n : 0;
    if (t->n < 2)
        AL_FAIL(AL_ERR_INPUT, "%s: %ld frame%s (%ld left out at the start) are no trajectory", b->name, t->n, t->n == 1 ? "" : "s", t->skipped);
    if (b->o->dt > 0) t->dt = b->o->dt;
    for (long i = 0; t->pbc && i < t->n; i++)
        for (int k = 0; k < 9; k++) {
            t->cell[k / 3][k % 3] += share * t->cells[i][k / 3][k % 3];
            t->variable = t->variable || fabs(t->cells[i][k / 3][k % 3] - t->cells[0][k / 3][k % 3]) > 1e-12;
        }
    if (!t->variable) memcpy(t->cell, t->cells[0], sizeof t->cell);
    for (long i = 0; t->pbc && i < t->n; i++)
        for (int a = 0; a < t->natoms; a++) {
            double u[3] = {t->x[i][a][0], t->x[i][a][1], t->x[i][a][2]};
            al_vecmat3(u, t->cell, t->x[i][a]);
        }
    for (long i = 0; t->pbc && i < t->n; i++)
        t->volume += share * fabs(al_det3(t->cells[i]));
    t->temperature = b->ntemperature ? b->temperature / (double)b->ntemperature : (double)NAN;
    *ret = t;
    b->t = NULL;
    return AL_ERR_OK;
}

static enum al_err read_all(struct builder *b, struct al_traj *file)
{
    enum { TELL_EVERY = 32 };
    for (;;) {
        AL_OWN(al_frame) f = NULL;
        struct al_traj_step s;
        AL_TRY(al_traj_next(file, &f, &s));
        if (!f) return AL_ERR_OK;
        AL_TRY(add(b, f, &s));
        if (b->o->progress && b->seen % TELL_EVERY == 0 && b->o->progress(b->o->ctx, al_traj_progress(file), b->seen))
            AL_FAIL(AL_ERR_STOPPED, "stopped while reading %s", b->name);
    }
}

enum al_err tr_traj_read(const struct tr_load *o, struct tr_traj **ret)
{
    struct builder b = {.o = o, .name = o->path};
    AL_OWN(al_traj) file = NULL;
    AL_TRY(al_traj_open(o->path, &o->file, &file));
    AL_ALLOC(b.t, 1);
    snprintf(b.t->format, sizeof b.t->format, "%s", al_traj_format_name(file));
    enum al_err e = read_all(&b, file);
    if (!e) e = finish(&b, ret);
    builder_clear(&b);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err take_frames(struct builder *b, const struct al_frames *fs)
{
    for (int i = 0; i < fs->n; i++)
        AL_TRY(add(b, fs->f[i], &(struct al_traj_step){.time = NAN}));
    return AL_ERR_OK;
}

enum al_err tr_traj_of_frames(const struct al_frames *fs, double dt, struct tr_traj **ret)
{
    struct tr_load o = {.dt = dt};
    struct builder b = {.o = &o, .name = "trajectory"};
    if (!(dt > 0)) AL_FAIL(AL_ERR_INPUT, "%g fs between frames", dt);
    AL_ALLOC(b.t, 1);
    enum al_err e = take_frames(&b, fs);
    if (!e) e = finish(&b, ret);
    builder_clear(&b);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err tr_elements(const char *text, bool ret_keep[AL_ZMAX + 1])
{
    bool keep[AL_ZMAX + 1] = {false};
    const char *p = text + strspn(text, ", ");
    if (!*p) AL_FAIL(AL_ERR_INPUT, "no element in '%s'", text);
    while (*p) {
        char symbol[4] = "";
        size_t n = strcspn(p, ", ");
        if (n < sizeof symbol) memcpy(symbol, p, n);
        int z = al_element_z(symbol);
        if (!z) AL_FAIL(AL_ERR_INPUT, "'%.*s' is not an element", n < 20 ? (int)n : 20, p);
        keep[z] = true;
        p += n;
        p += strspn(p, ", ");
    }
    memcpy(ret_keep, keep, sizeof keep);
    return AL_ERR_OK;
}

void tr_traj_centre(const struct tr_traj *t, const bool framework[AL_ZMAX + 1], double (*ret_centre)[3])
{
    double total = 0;
    for (int a = 0; a < t->natoms; a++)
        if (framework[t->z[a]]) total += al_element_mass(t->z[a]);
    for (long i = 0; i < t->n; i++) {
        double c[3] = {0};
        for (int a = 0; total > 0 && a < t->natoms; a++) {
            if (!framework[t->z[a]]) continue;
            for (int k = 0; k < 3; k++)
                c[k] += al_element_mass(t->z[a]) / total * (t->x[i][a][k] - t->x[0][a][k]);
        }
        memcpy(ret_centre[i], c, sizeof c);
    }
}
