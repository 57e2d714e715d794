// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/dataset.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "train/npy.h"

enum { MAX_DEPTH = 8, MAX_TYPES = 256 };

enum al_err dp_dataset_create(struct dp_dataset **ret)
{
    return al_alloc(1, sizeof **ret, ret);
}

static void free_system(struct dp_system *s)
{
    al_free(s->name);
    al_free(s->path);
    al_free(s->z);
    al_free(s->coord);
    al_free(s->box);
    al_free(s->energy);
    al_free(s->force);
    al_free(s->virial);
    al_free(s->weight);
    al_free(s->set_frames);
    *s = (struct dp_system){0};
}

static void dp_system_destroy(struct dp_system **s)
{
    if (!*s) return;
    free_system(*s);
    al_free(*s);
    *s = NULL;
}

void dp_dataset_destroy(struct dp_dataset **d)
{
    if (!*d) return;
    for (int i = 0; i < (*d)->nsys; i++)
        free_system(&(*d)->sys[i]);
    al_free((*d)->sys);
    al_free(*d);
    *d = NULL;
}

static enum al_err push_system(struct dp_dataset *d, struct dp_system **s) // takes *s over
{
    AL_GROW(d->sys, d->nsys, d->nsys + 1);
    d->sys[d->nsys++] = **s;
    al_free(*s);
    *s = NULL;
    return AL_ERR_OK;
}

int dp_dataset_nframes(const struct dp_dataset *d)
{
    int n = 0;
    for (int i = 0; i < d->nsys; i++)
        n += d->sys[i].nframes;
    return n;
}

// Room for `more` frames after those there are, and the three label arrays whatever `have` says.
static enum al_err grow_system(struct dp_system *s, int more)
{
    size_t a = (size_t)s->nframes, b = a + (size_t)more, n = 3 * (size_t)s->natoms;
    AL_GROW(s->coord, a * n, b * n);
    AL_GROW(s->force, a * n, b * n);
    AL_GROW(s->box, a * 9, b * 9);
    AL_GROW(s->virial, a * 9, b * 9);
    AL_GROW(s->energy, a, b);
    AL_GROW(s->weight, a, b);
    for (; a < b; a++)
        s->weight[a] = 1;
    return AL_ERR_OK;
}

// ---- deepmd/npy ------------------------------------------------------------------------------------------

static enum al_err read_type_map(const char *dir, int *ret_n, int z[MAX_TYPES])
{
    char path[AL_PATH];
    AL_AUTOFREE char *text = NULL;
    AL_TRY(al_path(path, "%s/type_map.raw", dir));
    if (!al_exists(path))
        AL_FAIL(AL_ERR_INPUT, "%s is missing: the elements of its atoms are not known", path);
    AL_TRY(al_file_read(path, 1 << 20, &text, NULL));
    char *save = NULL;
    int n = 0;
    for (char *w = strtok_r(text, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
        if (n == MAX_TYPES) AL_FAIL(AL_ERR_INPUT, "%s: more than %d types", path, MAX_TYPES);
        z[n] = al_element_z(w);
        if (!z[n]) AL_FAIL(AL_ERR_INPUT, "%s: '%s' is no element", path, w);
        n++;
    }
    *ret_n = n;
    return AL_ERR_OK;
}

static enum al_err read_types(const char *dir, struct dp_system *s)
{
    int ntypes, map[MAX_TYPES];
    AL_TRY(read_type_map(dir, &ntypes, map));
    char path[AL_PATH];
    AL_AUTOFREE char *text = NULL;
    AL_TRY(al_path(path, "%s/type.raw", dir));
    size_t len;
    AL_TRY(al_file_read(path, 1 << 28, &text, &len));
    AL_ALLOC(s->z, len / 2 + 1);
    char *p = text, *end;
    for (;; p = end) {
        long t = strtol(p, &end, 10);
        if (end == p) break;
        if (t < 0 || t >= ntypes)
            AL_FAIL(AL_ERR_INPUT, "%s: type %ld of atom %d is not in type_map.raw", path, t, s->natoms);
        s->z[s->natoms++] = map[t];
    }
    if (p[strspn(p, " \t\r\n")]) AL_FAIL(AL_ERR_INPUT, "%s: not a number: %.20s", path, p);
    if (!s->natoms) AL_FAIL(AL_ERR_INPUT, "%s is empty", path);
    return AL_ERR_OK;
}

// dir/name.npy as nf x per numbers into dst; *ret_have = whether the file is there.
static enum al_err read_array(const char *dir, const char *name, size_t nf, size_t per, double *dst,
                              bool *ret_have)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/%s.npy", dir, name));
    *ret_have = al_exists(path);
    if (!*ret_have) return AL_ERR_OK;
    AL_OWN(npy) a = NULL;
    AL_TRY(npy_read(path, &a));
    if (a->n != nf * per)
        AL_FAIL(AL_ERR_INPUT, "%s has %zu numbers; %zu frames of %zu need %zu", path, a->n, nf, per,
                nf * per);
    for (size_t i = 0; i < a->n; i++)
        if (!isfinite(a->data[i]))
            AL_FAIL(AL_ERR_INPUT, "%s: frame %zu holds a number that is not finite", path, i / per);
    memcpy(dst, a->data, a->n * sizeof *dst);
    return AL_ERR_OK;
}

static enum al_err read_set(const char *dir, struct dp_system *s)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/real_atom_types.npy", dir));
    if (al_exists(path)) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: data in mixed-type form", dir);
    AL_TRY(al_path(path, "%s/coord.npy", dir));
    AL_OWN(npy) a = NULL;
    AL_TRY(npy_read(path, &a));
    size_t per = 3 * (size_t)s->natoms, n0 = (size_t)s->nframes;
    if (a->n % per || !a->n)
        AL_FAIL(AL_ERR_INPUT, "%s has %zu numbers, no multiple of 3 x %d atoms", path, a->n, s->natoms);
    size_t nf = a->n / per;
    AL_TRY(grow_system(s, (int)nf));
    bool box, e, f, v, have;
    AL_TRY(read_array(dir, "coord", nf, per, s->coord + n0 * per, &have));
    AL_TRY(read_array(dir, "box", nf, 9, s->box + n0 * 9, &box));
    if (s->pbc && !box) AL_FAIL(AL_ERR_INPUT, "%s: box.npy is missing", dir);
    AL_TRY(read_array(dir, "energy", nf, 1, s->energy + n0, &e));
    AL_TRY(read_array(dir, "force", nf, per, s->force + n0 * per, &f));
    AL_TRY(read_array(dir, "virial", nf, 9, s->virial + n0 * 9, &v));
    s->have &= (e ? AL_HAVE_ENERGY : 0u) | (f ? AL_HAVE_FORCES : 0u) | (v ? AL_HAVE_VIRIAL : 0u);
    s->nframes += (int)nf;
    AL_GROW(s->set_frames, s->nsets, s->nsets + 1);
    s->set_frames[s->nsets++] = (int)nf;
    return AL_ERR_OK;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_set(const struct dirent *e)
{
    return strncmp(e->d_name, "set.", 4) == 0;
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void free_list(int n, struct dirent **list)
{
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static const char *last_component(const char *path, char buf[AL_PATH])
{
    snprintf(buf, AL_PATH, "%s", path);
    size_t n = strlen(buf);
    while (n > 1 && buf[n - 1] == '/')
        buf[--n] = '\0';
    char *slash = strrchr(buf, '/');
    return slash && slash[1] ? slash + 1 : buf;
}

static enum al_err read_sets(const char *dir, struct dp_system *s)
{
    struct dirent **list;
    int n = scandir(dir, &list, is_set, by_name);
    if (n < 0) AL_FAIL(AL_ERR_IO, "cannot read directory %s", dir);
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n && e == AL_ERR_OK; i++) {
        char path[AL_PATH];
        e = al_path(path, "%s/%s", dir, list[i]->d_name);
        if (e == AL_ERR_OK) e = read_set(path, s);
    }
    free_list(n, list);
    if (e == AL_ERR_OK && !n) AL_FAIL(AL_ERR_INPUT, "%s has no set.* directory", dir);
    return e;
}

static enum al_err read_system(const char *dir, struct dp_dataset *d)
{
    AL_OWN(dp_system) s = NULL;
    AL_ALLOC(s, 1);
    char buf[AL_PATH], path[AL_PATH];
    AL_TRY(al_strdup(dir, &s->path));
    AL_TRY(al_strdup(last_component(dir, buf), &s->name));
    AL_TRY(read_types(dir, s));
    AL_TRY(al_path(path, "%s/nopbc", dir));
    s->pbc = !al_exists(path);
    s->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
    AL_TRY(read_sets(dir, s));
    return push_system(d, &s);
}

static enum al_err search(const char *dir, int depth, struct dp_dataset *d)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/type.raw", dir));
    if (al_exists(path)) return read_system(dir, d);
    struct dirent **list;
    int n = scandir(dir, &list, is_visible, by_name);
    if (n < 0)
        AL_FAIL(al_exists(dir) ? AL_ERR_INPUT : AL_ERR_NOTFOUND, "%s is no directory with training data",
                dir);
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n && e == AL_ERR_OK && depth < MAX_DEPTH; i++) {
        struct stat st;
        e = al_path(path, "%s/%s", dir, list[i]->d_name);
        if (e == AL_ERR_OK && stat(path, &st) == 0 && S_ISDIR(st.st_mode) && !is_set(list[i]))
            e = search(path, depth + 1, d);
    }
    free_list(n, list);
    return e;
}

enum al_err dp_dataset_read(const char *const paths[], int npaths, struct dp_dataset **ret)
{
    AL_OWN(dp_dataset) d = NULL;
    AL_TRY(dp_dataset_create(&d));
    for (int i = 0; i < npaths; i++) {
        int before = d->nsys;
        AL_TRY_MSG(search(paths[i], 0, d), "reading training data");
        if (d->nsys == before) AL_FAIL(AL_ERR_INPUT, "no training data (type.raw) in %s", paths[i]);
    }
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

// ---- frames ----------------------------------------------------------------------------------------------

static enum al_err push_frame(struct dp_system *s, const struct al_frame *f)
{
    AL_TRY(grow_system(s, 1));
    size_t k = (size_t)s->nframes, n = 3 * (size_t)s->natoms;
    memcpy(s->coord + k * n, f->pos, n * sizeof(double));
    memcpy(s->box + k * 9, f->cell, 9 * sizeof(double));
    if (f->have & AL_HAVE_FORCES) memcpy(s->force + k * n, f->forces, n * sizeof(double));
    if (f->have & AL_HAVE_VIRIAL) memcpy(s->virial + k * 9, f->virial, 9 * sizeof(double));
    s->energy[k] = f->energy;
    s->have &= f->have;
    s->nframes++;
    s->set_frames[0]++;
    return AL_ERR_OK;
}

static bool same_atoms(const struct dp_system *s, const struct al_frame *f)
{
    return s->natoms == f->natoms && s->pbc == f->pbc &&
           memcmp(s->z, f->z, (size_t)f->natoms * sizeof *f->z) == 0;
}

enum al_err dp_dataset_add_frames(struct dp_dataset *d, const char *name, const struct al_frames *frames)
{
    int first = d->nsys;
    for (int i = 0; i < frames->n; i++) {
        const struct al_frame *f = frames->f[i];
        int k = first;
        while (k < d->nsys && !same_atoms(&d->sys[k], f))
            k++;
        if (k == d->nsys) {
            AL_OWN(dp_system) s = NULL;
            AL_ALLOC(s, 1);
            char buf[AL_PATH];
            AL_TRY(k == first ? al_path(buf, "%s", name) : al_path(buf, "%s-%d", name, k - first + 1));
            AL_TRY(al_strdup(buf, &s->name));
            AL_TRY(al_strdup(name, &s->path));
            s->natoms = f->natoms;
            s->pbc = f->pbc;
            s->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
            AL_ALLOC(s->z, f->natoms);
            memcpy(s->z, f->z, (size_t)f->natoms * sizeof *s->z);
            AL_ALLOC(s->set_frames, 1);
            s->nsets = 1;
            AL_TRY(push_system(d, &s));
        }
        AL_TRY(push_frame(&d->sys[k], f));
    }
    return AL_ERR_OK;
}

enum al_err dp_system_frame(const struct dp_system *s, int i, struct al_frame **ret)
{
    AL_OWN(al_frame) f = NULL;
    AL_TRY(al_frame_create(s->natoms, &f));
    size_t k = (size_t)i, n = 3 * (size_t)s->natoms;
    memcpy(f->z, s->z, (size_t)s->natoms * sizeof *f->z);
    memcpy(f->pos, s->coord + k * n, n * sizeof(double));
    memcpy(f->cell, s->box + k * 9, sizeof f->cell);
    memcpy(f->forces, s->force + k * n, n * sizeof(double));
    memcpy(f->virial, s->virial + k * 9, sizeof f->virial);
    f->energy = s->energy[k];
    f->have = s->have;
    f->pbc = s->pbc;
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

enum al_err dp_dataset_frames(const struct dp_dataset *d, struct al_frames **ret)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_frames_create(&fs));
    for (int s = 0; s < d->nsys; s++)
        for (int i = 0; i < d->sys[s].nframes; i++) {
            AL_OWN(al_frame) f = NULL;
            AL_TRY(dp_system_frame(&d->sys[s], i, &f));
            AL_TRY(al_frames_push(fs, &f));
        }
    *ret = fs;
    fs = NULL;
    return AL_ERR_OK;
}
