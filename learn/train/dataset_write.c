// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "train/dataset.h"
#include "train/npy.h"

static enum al_err publish_text(const char *dir, const char *name, const char *text)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/%s", dir, name));
    return al_file_write(path, text, strlen(text));
}

// type.raw and type_map.raw of a new directory. type.raw comes last: with it the directory is a system.
static enum al_err create_system(const char *dir, const struct al_frame *f, const char *const type_map[],
                                 int ntypes)
{
    int type_of[AL_ZMAX + 1], n = 0;
    AL_AUTOFREE char *map = NULL, *types = NULL;
    AL_TRY(al_alloc((size_t)(ntypes + AL_ZMAX) * AL_NAME, 1, &map));
    AL_TRY(al_alloc((size_t)f->natoms * 4 + 1, 1, &types));
    for (int z = 0; z <= AL_ZMAX; z++)
        type_of[z] = -1;
    char *m = map, *t = types;
    for (; type_map && n < ntypes; n++) {
        int z = al_element_z(type_map[n]);
        if (!z) AL_FAIL(AL_ERR_INPUT, "'%s' in the type map is no element", type_map[n]);
        type_of[z] = n;
        m += sprintf(m, "%s\n", al_element_symbol(z));
    }
    for (int i = 0; i < f->natoms; i++) {
        int z = f->z[i];
        if (z < 1 || z > AL_ZMAX) AL_FAIL(AL_ERR_INPUT, "atom %d has no known element", i);
        if (type_of[z] < 0 && type_map)
            AL_FAIL(AL_ERR_INPUT, "%s is not in the type map", al_element_symbol(z));
        if (type_of[z] < 0) {
            type_of[z] = n++;
            m += sprintf(m, "%s\n", al_element_symbol(z));
        }
        t += sprintf(t, "%d\n", type_of[z]);
    }
    AL_TRY(al_mkdirs(dir));
    AL_TRY(publish_text(dir, "type_map.raw", map));
    if (!f->pbc) AL_TRY(publish_text(dir, "nopbc", ""));
    return publish_text(dir, "type.raw", types);
}

// The atoms of an existing directory must be those of f.
static enum al_err check_system(const char *dir, const struct al_frame *f)
{
    char path[AL_PATH];
    AL_AUTOFREE char *map = NULL, *types = NULL;
    AL_TRY(al_path(path, "%s/type_map.raw", dir));
    AL_TRY(al_file_read(path, 1 << 20, &map, NULL));
    AL_TRY(al_path(path, "%s/type.raw", dir));
    AL_TRY(al_file_read(path, 1 << 28, &types, NULL));
    int z[AL_ZMAX], n = 0;
    char *save = NULL;
    for (char *w = strtok_r(map, " \t\r\n", &save); w && n < AL_ZMAX; w = strtok_r(NULL, " \t\r\n", &save))
        z[n++] = al_element_z(w);
    char *p = types, *end;
    int i = 0;
    for (;; p = end, i++) {
        long t = strtol(p, &end, 10);
        if (end == p) break;
        if (i >= f->natoms || t < 0 || t >= n || z[t] != f->z[i])
            AL_FAIL(AL_ERR_INPUT, "%s holds other atoms than the new frames (atom %d)", dir, i);
    }
    if (i != f->natoms) AL_FAIL(AL_ERR_INPUT, "%s holds %d atoms, the new frames %d", dir, i, f->natoms);
    AL_TRY(al_path(path, "%s/nopbc", dir));
    if (al_exists(path) == f->pbc) AL_FAIL(AL_ERR_INPUT, "%s and the new frames differ in periodicity", dir);
    return AL_ERR_OK;
}

static enum al_err next_set(const char *dir, int *ret)
{
    DIR *d = opendir(dir);
    if (!d) AL_FAIL(AL_ERR_IO, "cannot read directory %s", dir);
    int next = 0, k;
    for (struct dirent *e; (e = readdir(d));)
        if (sscanf(e->d_name, "set.%d", &k) == 1 && k >= next) next = k + 1;
    closedir(d);
    *ret = next;
    return AL_ERR_OK;
}

// One quantity of all frames as dir/name.npy; offset of its numbers in the frame given by get.
static enum al_err write_array(const char *dir, const char *name, const struct al_frame *const frames[],
                               int n, size_t per, const double *(*get)(const struct al_frame *f))
{
    AL_AUTOFREE double *a = NULL;
    AL_ALLOC(a, (size_t)n * per);
    for (int i = 0; i < n; i++)
        memcpy(a + (size_t)i * per, get(frames[i]), per * sizeof *a);
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/%s.npy", dir, name));
    size_t shape[2] = {(size_t)n, per};
    return npy_write(path, per == 1 ? 1 : 2, shape, a);
}

static const double *get_coord(const struct al_frame *f)
{
    return &f->pos[0][0];
}

static const double *get_box(const struct al_frame *f)
{
    return &f->cell[0][0];
}

static const double *get_energy(const struct al_frame *f)
{
    return &f->energy;
}

static const double *get_force(const struct al_frame *f)
{
    return &f->forces[0][0];
}

static const double *get_virial(const struct al_frame *f)
{
    return &f->virial[0][0];
}

static enum al_err write_weights(const char *dir, const struct al_frame *const frames[], int n)
{
    AL_AUTOFREE double *w = NULL;
    bool any = false;
    char path[AL_PATH];
    size_t shape = (size_t)n;
    AL_ALLOC(w, n);
    for (int i = 0; i < n; i++) {
        const char *text = al_frame_info(frames[i], "weight");
        w[i] = text ? strtod(text, NULL) : 1;
        any |= text != NULL;
    }
    if (!any) return AL_ERR_OK;
    AL_TRY(al_path(path, "%s/weight.npy", dir));
    return npy_write(path, 1, &shape, w);
}

static enum al_err write_set(const char *dir, const struct al_frame *const frames[], int n)
{
    unsigned have = ~0u;
    for (int i = 0; i < n; i++)
        have &= frames[i]->have;
    size_t per = 3 * (size_t)frames[0]->natoms;
    AL_TRY(write_array(dir, "coord", frames, n, per, get_coord));
    if (frames[0]->pbc) AL_TRY(write_array(dir, "box", frames, n, 9, get_box));
    if (have & AL_HAVE_ENERGY) AL_TRY(write_array(dir, "energy", frames, n, 1, get_energy));
    if (have & AL_HAVE_FORCES) AL_TRY(write_array(dir, "force", frames, n, per, get_force));
    if (have & AL_HAVE_VIRIAL) AL_TRY(write_array(dir, "virial", frames, n, 9, get_virial));
    return write_weights(dir, frames, n);
}

// The set that was written for this origin, -1 when there is none.
static enum al_err find_origin(const char *dir, const char *origin, int nsets, int *ret_set)
{
    for (int set = 0; set < nsets; set++) {
        char path[AL_PATH];
        AL_AUTOFREE char *text = NULL;
        AL_TRY(al_path(path, "%s/set.%03d/origin", dir, set));
        if (!al_exists(path)) continue;
        AL_TRY(al_file_read(path, 65536, &text, NULL));
        if (strcmp(text, origin) == 0) {
            *ret_set = set;
            return AL_ERR_OK;
        }
    }
    *ret_set = -1;
    return AL_ERR_OK;
}

static enum al_err check_same_atoms(const char *dir, const struct al_frame *const frames[], int n)
{
    if (n < 1) AL_FAIL(AL_ERR_INPUT, "no frames for %s", dir);
    for (int i = 1; i < n; i++)
        if (frames[i]->natoms != frames[0]->natoms || frames[i]->pbc != frames[0]->pbc ||
            memcmp(frames[i]->z, frames[0]->z, (size_t)frames[0]->natoms * sizeof(int)))
            AL_FAIL(AL_ERR_INPUT, "frame %d for %s has other atoms than the first", i, dir);
    return AL_ERR_OK;
}

enum al_err dp_dataset_append_set(const char *dir, const struct al_frame *const frames[], int n,
                                  const char *const type_map[], int ntypes, const char *origin, int *ret_set)
{
    AL_TRY(check_same_atoms(dir, frames, n));
    char path[AL_PATH], tmp[AL_PATH];
    AL_TRY(al_path(path, "%s/type.raw", dir));
    if (al_exists(path))
        AL_TRY(check_system(dir, frames[0]));
    else
        AL_TRY(create_system(dir, frames[0], type_map, ntypes));
    int set, have = -1;
    AL_TRY(next_set(dir, &set));
    if (origin) AL_TRY(find_origin(dir, origin, set, &have));
    if (have < 0) {
        AL_TRY(al_path(tmp, "%s/.new-set", dir)); // hidden: readers look for set.*
        AL_TRY(al_remove_tree(tmp));              // of a run that died here
        AL_TRY(al_mkdirs(tmp));
        AL_TRY(write_set(tmp, frames, n));
        AL_TRY(al_path(path, "%s/origin", tmp));
        if (origin) AL_TRY(al_file_write(path, origin, strlen(origin)));
        AL_TRY(al_fsync_dir(tmp));
        AL_TRY(al_path(path, "%s/set.%03d", dir, set));
        if (rename(tmp, path)) AL_FAIL(AL_ERR_IO, "cannot rename %s to %s", tmp, path);
        AL_TRY(al_fsync_dir(dir));
        have = set;
    }
    if (ret_set) *ret_set = have;
    return AL_ERR_OK;
}

// All frames of a system as al_frames, one type map for all systems: elements in order of appearance.
static enum al_err write_system(const struct dp_system *s, const char *dir, const char *const map[], int n)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_frames_create(&fs));
    for (int i = 0; i < s->nframes; i++) {
        AL_OWN(al_frame) f = NULL;
        AL_TRY(dp_system_frame(s, i, &f));
        AL_TRY(al_frames_push(fs, &f));
    }
    return dp_dataset_append_set(dir, (const struct al_frame *const *)fs->f, fs->n, map, n, NULL, NULL);
}

static int type_map_of(const struct dp_dataset *d, const char *map[AL_ZMAX + 1])
{
    bool seen[AL_ZMAX + 1] = {0};
    int n = 0;
    for (int s = 0; s < d->nsys; s++)
        for (int i = 0; i < d->sys[s].natoms; i++) {
            int z = d->sys[s].z[i];
            if (!seen[z]) map[n++] = al_element_symbol(z);
            seen[z] = true;
        }
    return n;
}

enum al_err dp_dataset_write_npy(const struct dp_dataset *d, const char *dir)
{
    const char *map[AL_ZMAX + 1];
    int n = type_map_of(d, map);
    for (int s = 0; s < d->nsys; s++) {
        char path[AL_PATH];
        int same = 0;
        for (int k = 0; k < s; k++)
            same += strcmp(d->sys[k].name, d->sys[s].name) == 0;
        AL_TRY(same ? al_path(path, "%s/%s.%d", dir, d->sys[s].name, same + 1) : al_path(path, "%s/%s", dir, d->sys[s].name));
        if (al_exists(path)) AL_FAIL(AL_ERR_INPUT, "%s is there already", path);
        AL_TRY(write_system(&d->sys[s], path, map, n));
    }
    return AL_ERR_OK;
}
