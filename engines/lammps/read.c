// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "lammps/lammps.h"

enum { LINE = 512, COLUMNS = 8, HEADER = 9 };

struct lmp_reader {
    char dir[AL_PATH];
    struct lmp_cell cell;
    int natoms;
    FILE *log, *dump; // NULL: not there yet
    bool table;       // within the rows of the log
};

enum al_err lmp_reader_open(const char *dir, const struct lmp_cell *cell, int natoms, struct lmp_reader **ret)
{
    AL_OWN(lmp_reader) r = NULL;
    AL_ALLOC(r, 1);
    AL_TRY(al_path(r->dir, "%s", dir));
    r->cell = *cell;
    r->natoms = natoms;
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

void lmp_reader_destroy(struct lmp_reader **rp)
{
    struct lmp_reader *r = *rp;
    *rp = NULL;
    if (!r) return;
    if (r->log) fclose(r->log);
    if (r->dump) fclose(r->dump);
    al_free(r);
}

static enum al_err open_late(const struct lmp_reader *r, const char *name, FILE **f)
{
    char path[AL_PATH];
    if (*f) return AL_ERR_OK;
    AL_TRY(al_path(path, "%s/%s", r->dir, name));
    *f = fopen(path, "re");
    if (!*f && errno != ENOENT) AL_FAIL(al_err_from_errno(errno), "cannot read %s: %s", path, strerror(errno));
    return AL_ERR_OK;
}

// A whole line without its end. False: none yet; the file stays where it was. Longer lines (echoed commands) come in parts.
static bool whole_line(FILE *f, char line[LINE])
{
    long at = ftell(f);
    if (fgets(line, LINE, f)) {
        size_t n = strlen(line);
        if (n && line[n - 1] == '\n') {
            line[n - 1] = '\0';
            return true;
        }
        if (n == LINE - 1) return true;
    }
    clearerr(f);
    fseek(f, at, SEEK_SET);
    return false;
}

// n numbers and nothing else.
static bool numbers(const char *line, int n, double *v)
{
    char *end;
    for (int i = 0; i < n; i++) {
        v[i] = strtod(line, &end);
        if (end == line) return false;
        line = end;
    }
    return line[strspn(line, " \t\r")] == '\0';
}

static bool is_row(const char *line, bool *table, struct lmp_row *row)
{
    double v[7];
    const char *p = line + strspn(line, " ");
    if (strncmp(p, "Step ", 5) == 0) *table = true;
    if (strncmp(p, "Loop time", 9) == 0) *table = false;
    if (!*table || !isdigit((unsigned char)*p) || !numbers(p, 7, v)) return false;
    *row = (struct lmp_row){(long)v[0], v[1], v[2], v[3], v[4], 1e-4 * v[5], v[6]};
    return true;
}

enum al_err lmp_next_row(struct lmp_reader *r, struct lmp_row *ret, bool *ret_any)
{
    char line[LINE];
    *ret_any = false;
    AL_TRY(open_late(r, "log.lammps", &r->log));
    while (r->log && !*ret_any && whole_line(r->log, line))
        *ret_any = is_row(line, &r->table, ret);
    return AL_ERR_OK;
}

// --- dump ----------------------------------------------------------------------------------------------

// ITEM: BOX BOUNDS xy xz yz (https://docs.lammps.org/Howto_triclinic.html): the bounds are those of the box around the cell.
static bool read_box(FILE *f, struct lmp_cell *c, double lo[3])
{
    char line[LINE];
    double b[3][3];
    for (int i = 0; i < 3; i++)
        if (!whole_line(f, line) || !numbers(line, 3, b[i])) return false;
    double xy = b[0][2], xz = b[1][2], yz = b[2][2];
    lo[0] = b[0][0] - fmin(fmin(0, xy), fmin(xz, xy + xz));
    lo[1] = b[1][0] - fmin(0, yz);
    lo[2] = b[2][0];
    double hi[3] = {b[0][1] - fmax(fmax(0, xy), fmax(xz, xy + xz)), b[1][1] - fmax(0, yz), b[2][1]};
    const double h[6] = {hi[0] - lo[0], xy, hi[1] - lo[1], xz, yz, hi[2] - lo[2]};
    memcpy(c->h, h, sizeof h);
    return true;
}

static bool read_atom(FILE *f, const struct lmp_cell *c, const double lo[3], struct al_frame *to, int i)
{
    char line[LINE];
    double v[COLUMNS];
    if (!whole_line(f, line) || !numbers(line, COLUMNS, v) || (int)v[0] != i + 1) return false;
    for (int k = 0; k < 3; k++) {
        to->pos[i][k] = to->vel[i][k] = 0;
        for (int a = 0; a < 3; a++) {
            to->pos[i][k] += c->q[a][k] * (v[2 + a] - lo[a]);
            to->vel[i][k] += 1e-3 * c->q[a][k] * v[5 + a]; // Ang/ps to Ang/fs
        }
    }
    return true;
}

static bool read_frame(FILE *f, const struct lmp_cell *turned, int natoms, long *step, struct al_frame *to)
{
    struct lmp_cell c = *turned;
    char line[LINE];
    double v, lo[3];
    if (!whole_line(f, line) || strcmp(line, "ITEM: TIMESTEP") != 0) return false;
    if (!whole_line(f, line) || !numbers(line, 1, &v)) return false;
    *step = (long)v;
    if (!whole_line(f, line) || strcmp(line, "ITEM: NUMBER OF ATOMS") != 0) return false;
    if (!whole_line(f, line) || !numbers(line, 1, &v) || (int)v != natoms) return false;
    if (!whole_line(f, line) || strncmp(line, "ITEM: BOX BOUNDS xy xz yz", 25) != 0 || !read_box(f, &c, lo)) return false;
    if (!whole_line(f, line) || strncmp(line, "ITEM: ATOMS id type xu yu zu vx vy vz", 37) != 0) return false;
    for (int i = 0; i < natoms; i++)
        if (!read_atom(f, &c, lo, to, i)) return false;
    lmp_cell_back(&c, to->cell);
    to->have |= AL_HAVE_VELOCITIES;
    return true;
}

static bool is_whole(FILE *f, int natoms)
{
    char line[LINE];
    int n = 0;
    while (n < natoms + HEADER && whole_line(f, line))
        n++;
    return n == natoms + HEADER;
}

// A frame that is not whole may be one that is being written. Whether all its lines are there is asked first: it grows while we read.
static enum al_err next_frame(const char *name, FILE *f, const struct lmp_cell *c, int natoms, long *ret_step, struct al_frame *to,
                              bool *ret_any)
{
    long at = ftell(f), step;
    *ret_any = is_whole(f, natoms);
    fseek(f, at, SEEK_SET);
    if (!*ret_any) return AL_ERR_OK;
    if (!read_frame(f, c, natoms, &step, to)) AL_FAIL(AL_ERR_CORRUPT, "%s, byte %ld: not a frame of %d atoms", name, at, natoms);
    *ret_step = step;
    return AL_ERR_OK;
}

enum al_err lmp_next_frame(struct lmp_reader *r, long *ret_step, struct al_frame *f, bool *ret_any)
{
    *ret_any = false;
    AL_TRY(open_late(r, "dump.lammpstrj", &r->dump));
    if (r->dump) AL_TRY(next_frame("dump.lammpstrj", r->dump, &r->cell, r->natoms, ret_step, f, ret_any));
    return AL_ERR_OK;
}

bool lmp_is_final(const char *dir)
{
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/final.lammpstrj", dir) < AL_PATH && al_exists(path);
}

enum al_err lmp_read_final(const char *dir, const struct lmp_cell *cell, long *ret_step, struct al_frame *f)
{
    char path[AL_PATH];
    bool any;
    AL_TRY(al_path(path, "%s/final.lammpstrj", dir));
    FILE *in = fopen(path, "re");
    if (!in) AL_FAIL(al_err_from_errno(errno), "cannot read %s: %s", path, strerror(errno));
    enum al_err e = next_frame(path, in, cell, f->natoms, ret_step, f, &any);
    fclose(in);
    AL_TRY(e);
    if (!any) AL_FAIL(AL_ERR_CORRUPT, "%s is not whole", path);
    return AL_ERR_OK;
}

// --- going on after a kill -----------------------------------------------------------------------------

// Where the log ends that holds rows up to `step`; the last row of the whole log; the step of "alnd: restart STEP", -1.
struct log_view {
    long cut, last, said;
};

static void view_log(FILE *f, long step, struct log_view *v)
{
    char line[LINE];
    bool table = false;
    struct lmp_row row;
    *v = (struct log_view){.last = -1, .said = -1};
    bool open = true;
    while (whole_line(f, line)) {
        if (is_row(line, &table, &row)) {
            v->last = row.step;
            if (row.step > step) open = false;
        }
        if (strncmp(line, "alnd: restart ", 14) == 0) v->said = strtol(line + 14, NULL, 10);
        if (open) v->cut = ftell(f);
    }
}

static long dump_end(FILE *f, long step)
{
    char line[LINE];
    long at = 0, frame = 0;
    while (whole_line(f, line)) {
        if (strcmp(line, "ITEM: TIMESTEP") == 0) {
            if (!whole_line(f, line) || strtol(line, NULL, 10) > step) return frame;
        }
        at = ftell(f);
        frame = at;
    }
    return at;
}

static enum al_err cut(const char *path, long size)
{
    if (truncate(path, size) != 0 && errno != ENOENT) AL_FAIL(al_err_from_errno(errno), "cannot cut %s: %s", path, strerror(errno));
    return AL_ERR_OK;
}

// Calls for each STEP.restart of the directory.
static enum al_err restarts(const char *dir, void (*each)(void *ctx, const char *path, long step), void *ctx)
{
    DIR *d = opendir(dir);
    if (!d) return AL_ERR_OK;
    for (struct dirent *e; (e = readdir(d));) {
        char *end, path[AL_PATH];
        long step = strtol(e->d_name, &end, 10);
        if (end == e->d_name || strcmp(end, ".restart") != 0) continue;
        if (snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < AL_PATH) each(ctx, path, step);
    }
    closedir(d);
    return AL_ERR_OK;
}

struct best {
    struct log_view log;
    long step;
};

static void better(void *ctx, const char *path, long step)
{
    struct best *b = ctx;
    (void)path;
    // written while the run went on: whole once a later row is there
    if ((step < b->log.last || step == b->log.said) && step > b->step) b->step = step;
}

static void drop(void *ctx, const char *path, long step)
{
    if (step != *(const long *)ctx) unlink(path);
}

enum al_err lmp_remove_restarts(const char *dir, long but)
{
    AL_TRY(restarts(dir, drop, &but));
    return AL_ERR_OK;
}

enum al_err lmp_resume(const char *dir, long *ret_step)
{
    char log[AL_PATH], dump[AL_PATH];
    struct best b = {.step = -1};
    AL_TRY(al_path(log, "%s/log.lammps", dir));
    AL_TRY(al_path(dump, "%s/dump.lammpstrj", dir));
    FILE *f = fopen(log, "re");
    if (f) {
        view_log(f, 0, &b.log);
        AL_TRY(restarts(dir, better, &b));
        rewind(f);
        view_log(f, b.step, &b.log);
        fclose(f);
    }
    AL_TRY(cut(log, b.step < 0 ? 0 : b.log.cut));
    f = fopen(dump, "re");
    long size = f && b.step >= 0 ? dump_end(f, b.step) : 0;
    if (f) fclose(f);
    AL_TRY(cut(dump, size));
    AL_TRY(lmp_remove_restarts(dir, b.step));
    *ret_step = b.step;
    return AL_ERR_OK;
}

bool lmp_error(const char *dir, char *ret, size_t n)
{
    static const char *const dynamics[] = {"Non-numeric", "Lost atoms", "Out of range atoms", "simulation unstable", "box dimensions"};
    char path[AL_PATH], line[LINE];
    ret[0] = '\0';
    if (snprintf(path, sizeof path, "%s/screen.out", dir) >= AL_PATH) return false;
    FILE *f = fopen(path, "re");
    if (!f) return false;
    while (!ret[0] && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, "ERROR") || strncmp(line, "alnd-lmp:", 9) == 0) snprintf(ret, n, "%s", line);
    }
    fclose(f);
    for (size_t i = 0; i < sizeof dynamics / sizeof dynamics[0]; i++)
        if (strstr(ret, dynamics[i])) return true;
    return false;
}
