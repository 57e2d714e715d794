// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/frame.h"

#include <math.h>

#include "base/hash.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/neigh.h"

enum al_err al_frame_create(int natoms, struct al_frame **ret)
{
    if (natoms < 0) AL_FAIL(AL_ERR_BUG, "frame of %d atoms", natoms);
    AL_OWN(al_frame) f = NULL;
    AL_ALLOC(f, 1);
    f->natoms = natoms;
    f->pbc = true;
    AL_ALLOC(f->z, natoms);
    AL_ALLOC(f->pos, natoms);
    AL_ALLOC(f->vel, natoms);
    AL_ALLOC(f->forces, natoms);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

void al_frame_destroy(struct al_frame **fp)
{
    struct al_frame *f = *fp;
    *fp = NULL;
    if (!f) return;
    for (int i = 0; i < f->ninfo; i++) {
        al_free(f->info[i].key);
        al_free(f->info[i].value);
    }
    al_free(f->info);
    al_free(f->z);
    al_free(f->pos);
    al_free(f->vel);
    al_free(f->forces);
    al_free(f);
}

enum al_err al_frame_copy(const struct al_frame *f, struct al_frame **ret)
{
    AL_OWN(al_frame) c = NULL;
    AL_TRY(al_frame_create(f->natoms, &c));
    size_t n = (size_t)f->natoms;
    memcpy(c->z, f->z, n * sizeof *c->z);
    memcpy(c->pos, f->pos, n * sizeof *c->pos);
    memcpy(c->vel, f->vel, n * sizeof *c->vel);
    memcpy(c->forces, f->forces, n * sizeof *c->forces);
    memcpy(c->cell, f->cell, sizeof c->cell);
    memcpy(c->virial, f->virial, sizeof c->virial);
    c->pbc = f->pbc;
    c->energy = f->energy;
    c->have = f->have;
    for (int i = 0; i < f->ninfo; i++)
        AL_TRY(al_frame_info_set(c, f->info[i].key, f->info[i].value));
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

double al_frame_volume(const struct al_frame *f)
{
    return fabs(al_det3(f->cell));
}

enum al_err al_frame_finite(const struct al_frame *f, const char *path)
{
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 3; k++)
            if (!isfinite(f->pos[i][k])) AL_FAIL(AL_ERR_INPUT, "%s: the position of atom %d is no finite number", path, i + 1);
    for (int k = 0; k < 9; k++)
        if (!isfinite(f->cell[k / 3][k % 3]) || !isfinite(f->virial[k / 3][k % 3]))
            AL_FAIL(AL_ERR_INPUT, "%s: a cell or a virial that is no finite number", path);
    return AL_ERR_OK;
}

enum al_err al_frame_info_set(struct al_frame *f, const char *key, const char *value)
{
    int i = 0;
    while (i < f->ninfo && strcmp(f->info[i].key, key) != 0)
        i++;
    if (!value) {
        if (i == f->ninfo) return AL_ERR_OK;
        al_free(f->info[i].key);
        al_free(f->info[i].value);
        memmove(&f->info[i], &f->info[i + 1], (size_t)(f->ninfo - i - 1) * sizeof *f->info);
        f->ninfo--;
        return AL_ERR_OK;
    }
    char *copy;
    AL_TRY(al_strdup(value, &copy));
    if (i < f->ninfo) {
        al_free(f->info[i].value);
        f->info[i].value = copy;
        return AL_ERR_OK;
    }
    AL_AUTOFREE char *value_guard = copy; // freed when the next steps fail
    AL_GROW(f->info, f->ninfo, f->ninfo + 1);
    AL_TRY(al_strdup(key, &f->info[i].key));
    f->info[i].value = value_guard;
    value_guard = NULL;
    f->ninfo++;
    return AL_ERR_OK;
}

const char *al_frame_info(const struct al_frame *f, const char *key)
{
    for (int i = 0; i < f->ninfo; i++)
        if (strcmp(f->info[i].key, key) == 0) return f->info[i].value;
    return NULL;
}

double al_frame_largest_force(const struct al_frame *f)
{
    double square = 0;
    for (int i = 0; (f->have & AL_HAVE_FORCES) && i < f->natoms; i++)
        square = fmax(square, al_dot3(f->forces[i], f->forces[i]));
    return sqrt(square);
}

enum al_err al_frame_min_distance(const struct al_frame *f, double *ret_d, int *ret_i, int *ret_j)
{
    // Grow the radius until something is found: the list costs radius^3.
    double limit = f->pbc ? 2 * cbrt(al_frame_volume(f)) + 1 : 1e4;
    double radius = 1.0;
    for (;;) {
        radius *= 2;
        AL_OWN(al_neigh) list = NULL;
        AL_TRY(al_neigh_create(radius, 0.0, &list));
        AL_TRY(al_neigh_update(list, f->natoms, (const double (*)[3])f->pos, f->cell, f->pbc));
        double best = INFINITY;
        int bi = -1, bj = -1;
        for (int i = 0; i < f->natoms; i++)
            for (int k = list->first[i]; k < list->first[i + 1]; k++)
                if (list->pair[k].r < best) {
                    best = list->pair[k].r;
                    bi = i;
                    bj = list->pair[k].j;
                }
        if (bi >= 0 || radius > limit) {
            *ret_d = best;
            *ret_i = bi;
            *ret_j = bj;
            return AL_ERR_OK;
        }
    }
}

enum al_err al_frame_check(const struct al_frame *f, double dmin)
{
    if (f->natoms < 1) AL_FAIL(AL_ERR_INPUT, "frame has no atoms");
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            if (!isfinite(f->cell[a][b])) AL_FAIL(AL_ERR_INPUT, "cell of the frame is not finite");
    if (f->pbc && al_frame_volume(f) < 1e-3) AL_FAIL(AL_ERR_INPUT, "cell of the frame has no volume");
    for (int i = 0; i < f->natoms; i++) {
        if (f->z[i] < 1 || f->z[i] > AL_ZMAX) AL_FAIL(AL_ERR_INPUT, "atom %d has no known element", i + 1);
        for (int c = 0; c < 3; c++)
            if (!isfinite(f->pos[i][c])) AL_FAIL(AL_ERR_INPUT, "position of atom %d is not finite", i + 1);
    }
    double d;
    int i, j;
    enum al_err e = al_frame_min_distance(f, &d, &i, &j);
    if (e == AL_ERR_UNPHYSICAL) { // at the same place: for a caller's frame that is bad input
        char text[AL_ERR_TEXT];
        snprintf(text, sizeof text, "%s", al_err_message());
        AL_FAIL(AL_ERR_INPUT, "%s", text);
    }
    AL_TRY(e);
    if (d < dmin)
        AL_FAIL(AL_ERR_INPUT, "atoms %d (%s) and %d (%s) are %.3f Ang apart, less than %.3f", i + 1,
                al_element_symbol(f->z[i]), j + 1, al_element_symbol(f->z[j]), d, dmin);
    return AL_ERR_OK;
}

enum al_err al_frame_supercell(const struct al_frame *f, const int n[3], struct al_frame **ret)
{
    if (n[0] < 1 || n[1] < 1 || n[2] < 1) AL_FAIL(AL_ERR_INPUT, "supercell %dx%dx%d", n[0], n[1], n[2]);
    AL_OWN(al_frame) s = NULL;
    AL_TRY(al_frame_create(f->natoms * n[0] * n[1] * n[2], &s));
    s->pbc = f->pbc;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            s->cell[a][b] = n[a] * f->cell[a][b];
    int k = 0;
    // atom-major, so that the copies of an atom stay together and the species order is kept
    for (int i = 0; i < f->natoms; i++)
        for (int a = 0; a < n[0]; a++)
            for (int b = 0; b < n[1]; b++)
                for (int c = 0; c < n[2]; c++, k++) {
                    s->z[k] = f->z[i];
                    for (int x = 0; x < 3; x++) {
                        s->pos[k][x] =
                            f->pos[i][x] + a * f->cell[0][x] + b * f->cell[1][x] + c * f->cell[2][x];
                        s->vel[k][x] = f->vel[i][x];
                    }
                }
    s->have = f->have & AL_HAVE_VELOCITIES;
    for (int i = 0; i < f->ninfo; i++)
        AL_TRY(al_frame_info_set(s, f->info[i].key, f->info[i].value));
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void al_frame_hash(const struct al_frame *f, char ret_hex[65])
{
    struct al_sha256 s;
    al_sha256_init(&s);
    al_sha256_string(&s, "frame-1");
    al_sha256_int(&s, f->natoms);
    al_sha256_int(&s, f->pbc);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            al_sha256_double(&s, f->cell[a][b]);
    for (int i = 0; i < f->natoms; i++) {
        al_sha256_int(&s, f->z[i]);
        for (int c = 0; c < 3; c++)
            al_sha256_double(&s, f->pos[i][c]);
    }
    al_sha256_hex(&s, ret_hex);
}

void al_frame_formula(const struct al_frame *f, char *buf, size_t size)
{
    int seen[AL_ZMAX + 1] = {0};
    size_t at = 0;
    if (size) buf[0] = '\0';
    for (int i = 0; i < f->natoms; i++) {
        int z = f->z[i], count = 0;
        if (z < 1 || z > AL_ZMAX || seen[z]++) continue;
        for (int j = i; j < f->natoms; j++)
            count += f->z[j] == z;
        int w = count > 1 ? snprintf(buf + at, size - at, "%s%d", al_element_symbol(z), count)
                          : snprintf(buf + at, size - at, "%s", al_element_symbol(z));
        if (w < 0 || (size_t)w >= size - at) return;
        at += (size_t)w;
    }
}

enum al_err al_frames_create(struct al_frames **ret)
{
    struct al_frames *fs;
    AL_ALLOC(fs, 1);
    *ret = fs;
    return AL_ERR_OK;
}

void al_frames_destroy(struct al_frames **fsp)
{
    struct al_frames *fs = *fsp;
    *fsp = NULL;
    if (!fs) return;
    for (int i = 0; i < fs->n; i++)
        al_frame_destroy(&fs->f[i]);
    al_free(fs->f);
    al_free(fs);
}

enum al_err al_frames_push(struct al_frames *fs, struct al_frame **f)
{
    if (fs->n == fs->cap) {
        int cap = fs->cap ? 2 * fs->cap : 16;
        AL_GROW(fs->f, fs->n, cap);
        fs->cap = cap;
    }
    fs->f[fs->n++] = *f;
    *f = NULL;
    return AL_ERR_OK;
}
