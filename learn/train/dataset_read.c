// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// deepmd/npy, deepmd/hdf5 and mixed type.
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "train/dataset_impl.h"
#include "train/store.h"

enum { MAX_DEPTH = 8, MAX_TYPES = 256, SHOWN_FRAMES = 8 };

struct types { // of a system's directory
    int n, *of_atom; // [n] index into z; of mixed type not used
    int nmap, z[MAX_TYPES];
    bool pbc;
};

struct set { // one set.*, as it lies there
    int nframes;
    unsigned have;
    struct npy *coord, *box, *energy, *force, *virial, *weight, *mixed; // NULL where absent
};

static void set_free(struct set *t)
{
    npy_destroy(&t->coord);
    npy_destroy(&t->box);
    npy_destroy(&t->energy);
    npy_destroy(&t->force);
    npy_destroy(&t->virial);
    npy_destroy(&t->weight);
    npy_destroy(&t->mixed);
}

static enum al_err read_type_map(const struct store *st, struct types *t)
{
    char **word;
    int n;
    if (!store_exists(st, "type_map.raw"))
        AL_FAIL(AL_ERR_INPUT, "%s/type_map.raw is missing: the elements of its atoms are not known", st->place);
    AL_TRY(store_words(st, "type_map.raw", &word, &n));
    t->nmap = n < MAX_TYPES ? n : MAX_TYPES;
    char bad[32] = "";
    for (int i = 0; i < t->nmap; i++) {
        t->z[i] = al_element_z(word[i]);
        if (!t->z[i] && !bad[0]) snprintf(bad, sizeof bad, "%s", word[i]);
    }
    store_words_free(word, n);
    if (n > MAX_TYPES) AL_FAIL(AL_ERR_INPUT, "%s/type_map.raw: more than %d types", st->place, MAX_TYPES);
    if (bad[0]) AL_FAIL(AL_ERR_INPUT, "%s/type_map.raw: '%s' is no element", st->place, bad);
    return AL_ERR_OK;
}

static enum al_err read_types(const struct store *st, struct types *t)
{
    AL_TRY(read_type_map(st, t));
    AL_TRY(store_ints(st, "type.raw", &t->of_atom, &t->n));
    for (int i = 0; i < t->n; i++)
        if (t->of_atom[i] < 0 || t->of_atom[i] >= t->nmap)
            AL_FAIL(AL_ERR_INPUT, "%s/type.raw: type %d of atom %d is not in type_map.raw", st->place, t->of_atom[i], i);
    if (!t->n) AL_FAIL(AL_ERR_INPUT, "%s/type.raw is empty", st->place);
    t->pbc = !store_exists(st, "nopbc");
    return AL_ERR_OK;
}

// "3, 7, 9, ... (12 in all)" of the marked frames; first is added to each.
static void list_frames(const bool *mark, int n, int first, char *ret, size_t size)
{
    int found = 0;
    size_t at = 0;
    ret[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (!mark[i]) continue;
        if (found++ < SHOWN_FRAMES && at < size)
            at += (size_t)snprintf(ret + at, size - at, "%s%d", at ? ", " : "", first + i);
    }
    if (found > SHOWN_FRAMES && at < size) snprintf(ret + at, size - at, ", ... (%d in all)", found);
}

static enum al_err check_finite(const struct store *st, const char *file, const struct npy *a, size_t nf, size_t per, int first)
{
    AL_AUTOFREE bool *bad = NULL;
    bool any = false;
    char text[256];
    AL_ALLOC(bad, nf);
    for (size_t i = 0; i < a->n; i++)
        if (!isfinite(a->data[i])) any = bad[i / per] = true;
    if (!any) return AL_ERR_OK;
    list_frames(bad, (int)nf, first, text, sizeof text);
    AL_FAIL(AL_ERR_INPUT, "%s/%s: numbers that are not finite in frame %s", st->place, file, text);
}

// Set's file NAME.npy as nf rows of `per` numbers: (nf, per), (nf, per/3, 3) or flat.
static enum al_err read_array(const struct store *st, const char *set, const char *name, size_t nf, size_t per, int first,
                              struct npy **ret)
{
    char file[AL_PATH];
    AL_TRY(al_path(file, "%s/%s.npy", set, name));
    *ret = NULL;
    if (!store_exists(st, file)) return AL_ERR_OK;
    AL_OWN(npy) a = NULL;
    AL_TRY(store_array(st, file, &a));
    bool rows = a->ndim < 2 || a->shape[0] == nf;
    if (a->n != nf * per || !rows) {
        char shape[64] = "";
        for (int i = 0, at = 0; i < a->ndim && at < 50; i++)
            at += snprintf(shape + at, sizeof shape - (size_t)at, "%s%zu", i ? ", " : "", a->shape[i]);
        AL_FAIL(AL_ERR_INPUT, "%s/%s has the shape (%s); coord.npy and type.raw say (%zu, %zu)", st->place, file, shape, nf, per);
    }
    AL_TRY(check_finite(st, file, a, nf, per, first));
    *ret = a;
    a = NULL;
    return AL_ERR_OK;
}

static enum al_err count_frames(const struct store *st, const char *set, size_t per, size_t *ret)
{
    char file[AL_PATH];
    AL_OWN(npy) a = NULL;
    AL_TRY(al_path(file, "%s/coord.npy", set));
    if (!store_exists(st, file)) AL_FAIL(AL_ERR_INPUT, "%s/%s is missing", st->place, file);
    AL_TRY(store_array(st, file, &a));
    if (!a->n || a->n % per || (a->ndim == 2 && a->shape[1] != per))
        AL_FAIL(AL_ERR_INPUT, "%s/%s has %zu numbers in rows of %zu; %zu atoms of type.raw need rows of %zu", st->place, file, a->n,
                a->ndim > 1 ? a->n / a->shape[0] : a->n, per / 3, per);
    *ret = a->n / per;
    if (*ret > 1 << 28) AL_FAIL(AL_ERR_INPUT, "%s/%s: too many frames", st->place, file);
    return AL_ERR_OK;
}

static enum al_err read_set(const struct store *st, const char *name, const struct types *t, int first, struct set *s)
{
    size_t per = 3 * (size_t)t->n, nf;
    AL_TRY(count_frames(st, name, per, &nf));
    AL_TRY(read_array(st, name, "coord", nf, per, first, &s->coord));
    AL_TRY(read_array(st, name, "box", nf, 9, first, &s->box));
    if (t->pbc && !s->box) AL_FAIL(AL_ERR_INPUT, "%s/%s: box.npy is missing (and there is no file nopbc)", st->place, name);
    AL_TRY(read_array(st, name, "energy", nf, 1, first, &s->energy));
    AL_TRY(read_array(st, name, "force", nf, per, first, &s->force));
    AL_TRY(read_array(st, name, "virial", nf, 9, first, &s->virial));
    AL_TRY(read_array(st, name, "weight", nf, 1, first, &s->weight));
    AL_TRY(read_array(st, name, "real_atom_types", nf, per / 3, first, &s->mixed));
    for (size_t i = 0; s->weight && i < nf; i++)
        if (s->weight->data[i] < 0) AL_FAIL(AL_ERR_INPUT, "%s/%s/weight.npy: frame %zu has a negative weight", st->place, name, first + i);
    s->nframes = (int)nf;
    s->have = (s->energy ? AL_HAVE_ENERGY : 0u) | (s->force ? AL_HAVE_FORCES : 0u) | (s->virial ? AL_HAVE_VIRIAL : 0u);
    return AL_ERR_OK;
}

// ---- sets of one kind of frames become systems -----------------------------------------------------------

static const char *last_component(const char *path, char buf[AL_PATH])
{
    snprintf(buf, AL_PATH, "%s", path);
    size_t n = strlen(buf);
    while (n > 1 && buf[n - 1] == '/')
        buf[--n] = '\0';
    char *slash = strrchr(buf, '/');
    return slash && slash[1] ? slash + 1 : buf;
}

static void copy(double *dst, const struct npy *a)
{
    if (a) memcpy(dst, a->data, a->n * sizeof *dst);
}

static enum al_err append(struct dp_system *s, const struct set *t)
{
    size_t n0 = (size_t)s->nframes, per = 3 * (size_t)s->natoms;
    AL_TRY(dp_system_grow(s, t->nframes));
    copy(s->coord + n0 * per, t->coord);
    copy(s->box + n0 * 9, t->box);
    copy(s->energy + n0, t->energy);
    copy(s->force + n0 * per, t->force);
    copy(s->virial + n0 * 9, t->virial);
    copy(s->weight + n0, t->weight);
    s->nframes += t->nframes;
    AL_GROW(s->set_frames, s->nsets, s->nsets + 1);
    s->set_frames[s->nsets++] = t->nframes;
    return AL_ERR_OK;
}

static enum al_err new_system(struct dp_dataset *d, const struct store *st, const struct types *t, unsigned have, int nth)
{
    AL_OWN(dp_system) s = NULL;
    char buf[AL_PATH], name[AL_PATH];
    const char *last = last_component(st->place, buf);
    AL_ALLOC(s, 1);
    AL_TRY(nth ? al_path(name, "%s-%d", last, nth + 1) : al_path(name, "%s", last));
    AL_TRY(al_strdup(st->place, &s->path));
    AL_TRY(al_strdup(name, &s->name));
    s->natoms = t->n;
    s->pbc = t->pbc;
    s->have = have;
    AL_ALLOC(s->z, t->n);
    for (int i = 0; i < t->n; i++)
        s->z[i] = t->z[t->of_atom[i]];
    return dp_dataset_push(d, &s);
}

// Frame k of a mixed-type set, padding atoms left out, sorted by type as deepmd-kit does inside.
static enum al_err mixed_frame(const struct store *st, const struct types *t, const struct set *s, int k, struct al_frame **ret)
{
    size_t n = (size_t)t->n, at = (size_t)k;
    const double *type = s->mixed->data + at * n;
    int real = 0, m = 0;
    AL_OWN(al_frame) f = NULL;
    for (size_t i = 0; i < n; i++) {
        if (type[i] != floor(type[i]) || type[i] < -1 || type[i] >= t->nmap)
            AL_FAIL(AL_ERR_INPUT, "%s: real_atom_types.npy: type %g of atom %zu in frame %d is not in type_map.raw", st->place, type[i], i, k);
        real += type[i] >= 0;
    }
    if (!real) AL_FAIL(AL_ERR_INPUT, "%s: frame %d has no atom that is not padding", st->place, k);
    AL_TRY(al_frame_create(real, &f));
    for (int want = 0; want < t->nmap; want++)
        for (size_t i = 0; i < n; i++) {
            if ((int)type[i] != want) continue;
            f->z[m] = t->z[want];
            memcpy(f->pos[m], s->coord->data + 3 * (at * n + i), sizeof f->pos[m]);
            if (s->force) memcpy(f->forces[m], s->force->data + 3 * (at * n + i), sizeof f->forces[m]);
            m++;
        }
    if (s->box) memcpy(f->cell, s->box->data + 9 * at, sizeof f->cell);
    if (s->virial) memcpy(f->virial, s->virial->data + 9 * at, sizeof f->virial);
    if (s->energy) f->energy = s->energy->data[at];
    if (s->weight) {
        char text[40];
        snprintf(text, sizeof text, "%.17g", s->weight->data[at]);
        AL_TRY(al_frame_info_set(f, "weight", text));
    }
    f->pbc = t->pbc;
    f->have = s->have;
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

struct loading {
    struct dp_dataset *d;
    const struct store *st;
    struct types *t;
    struct al_frames *mixed;
    int first_system, frames;
};

static enum al_err take_set(struct loading *x, const char *name, struct set *s)
{
    struct dp_dataset *d = x->d;
    AL_TRY(read_set(x->st, name, x->t, x->frames, s));
    x->frames += s->nframes;
    for (int k = 0; s->mixed && k < s->nframes; k++) {
        AL_OWN(al_frame) f = NULL;
        AL_TRY_MSG(mixed_frame(x->st, x->t, s, k, &f), "%s", name);
        AL_TRY(al_frames_push(x->mixed, &f));
    }
    if (s->mixed) return AL_ERR_OK;
    int k = x->first_system;
    while (k < d->nsys && d->sys[k].have != s->have)
        k++;
    if (k == d->nsys) AL_TRY(new_system(d, x->st, x->t, s->have, k - x->first_system));
    return append(&d->sys[k], s);
}

static enum al_err read_sets(struct loading *x)
{
    char **name, buf[AL_PATH];
    int n;
    AL_TRY(read_types(x->st, x->t));
    AL_TRY(store_sets(x->st, &name, &n));
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n && !e; i++) {
        struct set s = {0};
        e = take_set(x, name[i], &s);
        set_free(&s);
    }
    store_words_free(name, n);
    AL_TRY(e);
    if (!n) AL_FAIL(AL_ERR_INPUT, "%s has no set.* directory", x->st->place);
    if (x->mixed->n) AL_TRY(dp_dataset_add_frames(x->d, last_component(x->st->place, buf), x->mixed));
    return AL_ERR_OK;
}

static enum al_err read_system(const struct store *st, struct dp_dataset *d)
{
    struct types t = {0};
    AL_OWN(al_frames) mixed = NULL;
    AL_TRY(al_frames_create(&mixed));
    struct loading x = {.d = d, .st = st, .t = &t, .mixed = mixed, .first_system = d->nsys};
    enum al_err e = read_sets(&x);
    al_free(t.of_atom);
    return e;
}

// ---- finding systems -------------------------------------------------------------------------------------

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static enum al_err search(const char *dir, int depth, struct dp_dataset *d)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s", dir));
    struct store st = {.place = path, .prefix = path};
    if (store_exists(&st, "type.raw")) return read_system(&st, d);
    struct dirent **list;
    int n = scandir(dir, &list, is_visible, by_name);
    if (n < 0)
        AL_FAIL(al_exists(dir) ? AL_ERR_INPUT : AL_ERR_NOTFOUND, "%s is no directory with training data", dir);
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n; i++) {
        struct stat s;
        if (!e && depth < MAX_DEPTH) {
            e = al_path(path, "%s/%s", dir, list[i]->d_name);
            if (!e && stat(path, &s) == 0 && S_ISDIR(s.st_mode) && strncmp(list[i]->d_name, "set.", 4) != 0)
                e = search(path, depth + 1, d);
        }
        free(list[i]);
    }
    free(list);
    return e;
}

static enum al_err search_h5(struct h5 *h, const char *file, const char *group, int depth, struct dp_dataset *d)
{
    char place[AL_PATH], **name;
    int n;
    AL_TRY(al_path(place, "%s#%s", file, group[0] ? group : "/"));
    struct store st = {.place = place, .prefix = group, .h5 = h};
    if (store_exists(&st, "type.raw")) return read_system(&st, d);
    AL_TRY(h5_list(h, group[0] ? group : "/", &name, &n));
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n && !e && depth < MAX_DEPTH; i++) {
        char below[AL_PATH];
        e = al_path(below, "%s/%s", group, name[i]);
        if (!e && strncmp(name[i], "set.", 4) != 0 && h5_is_group(h, below)) e = search_h5(h, file, below, depth + 1, d);
    }
    store_words_free(name, n);
    return e;
}

// FILE.h5, FILE.h5#/group, FILE.h5#group/
static enum al_err read_h5(const char *path, struct dp_dataset *d)
{
    char file[AL_PATH], group[AL_PATH] = "";
    AL_OWN(h5) h = NULL;
    AL_TRY(al_path(file, "%s", path));
    char *hash = strrchr(file, '#');
    if (hash) {
        *hash++ = '\0';
        hash += strspn(hash, "/");
        size_t n = strlen(hash);
        while (n && hash[n - 1] == '/')
            hash[--n] = '\0';
        if (n) AL_TRY(al_path(group, "/%s", hash));
    }
    AL_TRY(h5_open(file, &h));
    if (group[0] && !h5_is_group(h, group)) AL_FAIL(AL_ERR_NOTFOUND, "%s has no group %s", file, group);
    return search_h5(h, file, group, 0, d);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum al_err read_any(const char *path, struct dp_dataset *d)
{
    char file[AL_PATH];
    AL_TRY(al_path(file, "%.*s", (int)strcspn(path, "#"), path));
    if (ends_with(file, ".h5") || ends_with(file, ".hdf5")) return read_h5(path, d);
    if (ends_with(path, ".extxyz") || ends_with(path, ".xyz")) return dp_read_xyz(d, path);
    return search(path, 0, d);
}

enum al_err dp_dataset_read(const char *const paths[], int npaths, struct dp_dataset **ret)
{
    AL_OWN(dp_dataset) d = NULL;
    AL_TRY(dp_dataset_create(&d));
    for (int i = 0; i < npaths; i++) {
        int before = d->nsys;
        enum al_err e = read_any(paths[i], d);
        if (e == AL_ERR_CORRUPT) { // a damaged file of the user's, no fault of ours
            char why[AL_ERR_TEXT];
            snprintf(why, sizeof why, "%s", al_err_message());
            AL_FAIL(AL_ERR_INPUT, "reading training data: %s", why);
        }
        AL_TRY_MSG(e, "reading training data");
        if (d->nsys == before) AL_FAIL(AL_ERR_INPUT, "no training data (type.raw) in %s", paths[i]);
    }
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}
