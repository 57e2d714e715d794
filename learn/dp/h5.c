// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/h5.h"

#include <hdf5.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fsio.h"
#include "base/mem.h"

// While a file is open HDF5 prints no error stack (our messages say it) and loads no plugins, whatever filter a file asks for; then
// the program's own choices hold again.
struct voice {
    H5E_auto2_t report;
    void *data;
    unsigned plugins;
};

static struct voice silence(void)
{
    struct voice v = {0};
    H5Eget_auto2(H5E_DEFAULT, &v.report, &v.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (H5PLget_loading_state(&v.plugins) < 0) v.plugins = H5PL_ALL_PLUGIN;
    H5PLset_loading_state(0);
    return v;
}

static void restore(const struct voice *v)
{
    H5Eset_auto2(H5E_DEFAULT, v->report, v->data);
    H5PLset_loading_state(v->plugins);
}

struct h5 {
    hid_t file;
    size_t bytes; // of the file
    char *path;
    struct voice voice;
};

// HDF5 ids of all kinds that live for one function.
static void close_id(hid_t *id)
{
    if (*id >= 0 && H5Iis_valid(*id) > 0) H5Idec_ref(*id);
    *id = -1;
}
#define H5_OWN __attribute__((cleanup(close_id))) hid_t

// Data of a file lie in that file: no link and no storage leads into another one.
static herr_t no_other_file(const char *from, const char *group, const char *file, const char *object, unsigned *flags, hid_t fapl, void *ctx)
{
    (void)from, (void)group, (void)file, (void)object, (void)flags, (void)fapl, (void)ctx;
    return -1;
}

static hid_t open_group(const struct h5 *h, const char *path)
{
    H5_OWN gapl = H5Pcreate(H5P_GROUP_ACCESS);
    return H5Pset_elink_cb(gapl, no_other_file, NULL) < 0 ? -1 : H5Gopen2(h->file, path, gapl);
}

static hid_t open_set(const struct h5 *h, const char *path)
{
    H5_OWN dapl = H5Pcreate(H5P_DATASET_ACCESS);
    H5_OWN set = H5Pset_elink_cb(dapl, no_other_file, NULL) < 0 ? -1 : H5Dopen2(h->file, path, dapl);
    H5_OWN dcpl = set < 0 ? -1 : H5Dget_create_plist(set);
    if (dcpl < 0 || H5Pget_external_count(dcpl) != 0 || H5Pget_layout(dcpl) == H5D_VIRTUAL) return -1;
    hid_t own = set;
    set = -1;
    return own;
}

// Whether the file can hold n numbers: gzip makes at most 1032 bytes of one.
static bool holds(const struct h5 *h, hssize_t n)
{
    return n >= 0 && (size_t)n <= 1100 * h->bytes;
}

static enum al_err wrap(hid_t file, size_t bytes, const char *path, const struct voice *v, struct h5 **ret)
{
    struct h5 *h;
    enum al_err e = al_alloc(1, sizeof *h, &h);
    if (e == AL_ERR_OK) {
        h->file = file;
        h->bytes = bytes;
        h->voice = *v;
        e = al_strdup(path, &h->path);
        if (e != AL_ERR_OK) al_free(h);
    }
    if (e != AL_ERR_OK) {
        H5Fclose(file);
        restore(v);
        return e;
    }
    *ret = h;
    return AL_ERR_OK;
}

// A regular file with HDF5's signature: nothing else gets as far as the library.
static enum al_err probe(const char *path, size_t *ret_bytes)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[sizeof signature];
    struct stat st;
    FILE *in;
    enum al_err e = al_file_stream(path, &in);
    if (e == AL_ERR_INPUT) AL_FAIL(AL_ERR_CORRUPT, "%s is not an HDF5 file, nor a regular file at all", path);
    AL_TRY(e);
    bool bad = fstat(fileno(in), &st) != 0, found = false;
    for (long at = 0; !bad && !found && at < st.st_size; at = at ? 2 * at : 512) // behind a user block of 512, 1024, ... bytes
        found = fseek(in, at, SEEK_SET) == 0 && fread(head, 1, sizeof head, in) == sizeof head && !memcmp(head, signature, sizeof head);
    fclose(in);
    if (!found) AL_FAIL(AL_ERR_CORRUPT, "%s is not an HDF5 file", path);
    *ret_bytes = (size_t)st.st_size;
    return AL_ERR_OK;
}

enum al_err h5_open(const char *path, struct h5 **ret)
{
    size_t bytes;
    AL_TRY(probe(path, &bytes));
    struct voice v = silence();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        restore(&v);
        AL_FAIL(AL_ERR_CORRUPT, "%s is not an HDF5 file", path);
    }
    return wrap(file, bytes, path, &v, ret);
}

enum al_err h5_open_bytes(const char *name, const void *bytes, size_t n, struct h5 **ret)
{
    static const char nowhere[] = "/dev/null/model"; // HDF5 refuses an image with the name of a file that exists
    static const size_t increment = 1 << 16;         // of HDF5's own copy; never grows, the file is read only
    struct voice v = silence();
    H5_OWN fapl = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(fapl, increment, false);
    hid_t file = -1;
    // HDF5 takes the pointer to mutable memory, and copies.
    if (n && H5Pset_file_image(fapl, (void *)bytes, n) >= 0) file = H5Fopen(nowhere, H5F_ACC_RDONLY, fapl);
    if (file < 0) {
        restore(&v);
        AL_FAIL(AL_ERR_CORRUPT, "%s is not an HDF5 file", name);
    }
    return wrap(file, n, name, &v, ret);
}

enum al_err h5_create(const char *path, struct h5 **ret)
{
    struct voice v = silence();
    H5_OWN fcpl = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(fcpl, false);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, fcpl, H5P_DEFAULT);
    if (file < 0) {
        restore(&v);
        AL_FAIL(AL_ERR_IO, "cannot create %s", path);
    }
    return wrap(file, 0, path, &v, ret);
}

enum al_err h5_finish(struct h5 **h)
{
    herr_t flush = H5Fflush((*h)->file, H5F_SCOPE_LOCAL);
    herr_t done = H5Fclose((*h)->file);
    (*h)->file = -1;
    if (flush < 0 || done < 0) AL_FAIL(AL_ERR_IO, "cannot write %s", (*h)->path);
    h5_destroy(h);
    return AL_ERR_OK;
}

void h5_destroy(struct h5 **h)
{
    if (!*h) return;
    if ((*h)->file >= 0) H5Fclose((*h)->file);
    restore(&(*h)->voice);
    al_free((*h)->path);
    al_free(*h);
    *h = NULL;
}

enum al_err h5_read_text(struct h5 *h, const char *name, char **ret)
{
    H5_OWN attr = H5Aopen(h->file, name, H5P_DEFAULT);
    if (attr < 0) AL_FAIL(AL_ERR_CORRUPT, "%s has no attribute '%s'", h->path, name);
    H5_OWN type = H5Aget_type(attr);
    H5_OWN space = H5Aget_space(attr);
    if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        AL_FAIL(AL_ERR_CORRUPT, "%s: attribute '%s' is not a string", h->path, name);
    if (H5Tis_variable_str(type) > 0) {
        H5_OWN mem = H5Tcopy(H5T_C_S1);
        H5Tset_size(mem, H5T_VARIABLE);
        H5Tset_cset(mem, H5Tget_cset(type));
        char *text = NULL;
        if (H5Aread(attr, mem, &text) < 0 || !text)
            AL_FAIL(AL_ERR_CORRUPT, "%s: attribute '%s' cannot be read", h->path, name);
        enum al_err e = al_strdup(text, ret);
        H5free_memory(text);
        return e;
    }
    AL_AUTOFREE char *text = NULL;
    AL_ALLOC(text, H5Tget_size(type) + 1);
    if (H5Aread(attr, type, text) < 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s: attribute '%s' cannot be read", h->path, name);
    *ret = text;
    text = NULL;
    return AL_ERR_OK;
}

enum al_err h5_write_text(struct h5 *h, const char *name, const char *text)
{
    H5_OWN type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5_OWN space = H5Screate(H5S_SCALAR);
    H5_OWN attr = H5Acreate2(h->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attr < 0 || H5Awrite(attr, type, &text) < 0)
        AL_FAIL(AL_ERR_IO, "%s: cannot write attribute '%s'", h->path, name);
    return AL_ERR_OK;
}

enum al_err h5_read_double(struct h5 *h, const char *name, int *ret_rank, size_t ret_shape[H5_MAX_RANK],
                           double **ret)
{
    H5_OWN set = open_set(h, name);
    if (set < 0) AL_FAIL(AL_ERR_CORRUPT, "%s has no dataset %s", h->path, name);
    H5_OWN space = H5Dget_space(set);
    H5_OWN type = H5Dget_type(set);
    H5T_class_t cls = H5Tget_class(type);
    int rank = H5Sget_simple_extent_ndims(space);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    if ((cls != H5T_FLOAT && cls != H5T_INTEGER) || rank < 0 || rank > H5_MAX_RANK || n > 1 << 28 || !holds(h, n))
        AL_FAIL(AL_ERR_CORRUPT, "%s: dataset %s is not an array of numbers of at most %d dimensions", h->path,
                name, H5_MAX_RANK);
    hsize_t dims[H5_MAX_RANK] = {0};
    H5Sget_simple_extent_dims(space, dims, NULL);
    AL_AUTOFREE double *data = NULL;
    AL_ALLOC(data, n);
    if (H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s: dataset %s cannot be read", h->path, name);
    *ret_rank = rank;
    for (int i = 0; i < rank; i++)
        ret_shape[i] = (size_t)dims[i];
    *ret = data;
    data = NULL;
    return AL_ERR_OK;
}

bool h5_exists(struct h5 *h, const char *path)
{
    char part[1024];
    size_t n = strlen(path);
    H5_OWN lapl = H5Pcreate(H5P_LINK_ACCESS);
    if (n >= sizeof part || H5Pset_elink_cb(lapl, no_other_file, NULL) < 0) return false;
    for (size_t i = 1; i <= n; i++) { // H5Lexists fails where a group in between is missing
        if (path[i] != '/' && path[i]) continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (strcmp(part, "/") != 0 && H5Lexists(h->file, part, lapl) <= 0) return false;
    }
    return true;
}

bool h5_is_group(struct h5 *h, const char *path)
{
    H5_OWN g = h5_exists(h, path) ? open_group(h, path) : -1;
    return g >= 0;
}

static void free_words(char **w, int n)
{
    for (int i = 0; w && i < n; i++)
        al_free(w[i]);
    al_free(w);
}

static enum al_err list_links(hid_t group, hsize_t n, char **w, int *ret_n)
{
    for (hsize_t i = 0; i < n; i++) {
        char name[256];
        ssize_t len = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
        if (len < 0 || len >= (ssize_t)sizeof name) AL_FAIL(AL_ERR_CORRUPT, "a name in an HDF5 group cannot be read");
        AL_TRY(al_strdup(name, &w[(*ret_n)++]));
    }
    return AL_ERR_OK;
}

enum al_err h5_list(struct h5 *h, const char *group, char ***ret, int *ret_n)
{
    H5G_info_t info;
    char **w = NULL;
    int n = 0;
    H5_OWN g = open_group(h, group);
    if (g < 0 || H5Gget_info(g, &info) < 0 || info.nlinks > 1 << 20)
        AL_FAIL(AL_ERR_CORRUPT, "%s has no group %s", h->path, group);
    AL_ALLOC(w, info.nlinks + 1);
    enum al_err e = list_links(g, info.nlinks, w, &n);
    if (e) free_words(w, n);
    AL_TRY(e);
    *ret = w;
    *ret_n = n;
    return AL_ERR_OK;
}

static enum al_err copy_words(hid_t set, hid_t type, hid_t space, size_t n, char **w, int *ret_n)
{
    bool variable = H5Tis_variable_str(type) > 0;
    size_t width = variable ? sizeof(char *) : H5Tget_size(type);
    AL_AUTOFREE char *raw = NULL, *word = NULL;
    AL_ALLOC(raw, n * width + 1);
    AL_ALLOC(word, width + 1);
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) < 0) AL_FAIL(AL_ERR_CORRUPT, "strings in HDF5 cannot be read");
    enum al_err e = AL_ERR_OK;
    for (size_t i = 0; i < n && !e; i++) {
        char *text = NULL;
        memcpy(variable ? (void *)&text : (void *)word, raw + i * width, width);
        e = al_strdup(variable ? (text ? text : "") : word, &w[*ret_n]);
        if (!e) ++*ret_n;
    }
    if (variable) H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
    return e;
}

enum al_err h5_read_strings(struct h5 *h, const char *name, char ***ret, int *ret_n)
{
    char **w = NULL;
    int n = 0;
    H5_OWN set = open_set(h, name);
    if (set < 0) AL_FAIL(AL_ERR_CORRUPT, "%s has no dataset %s", h->path, name);
    H5_OWN space = H5Dget_space(set);
    H5_OWN type = H5Dget_type(set);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    if (H5Tget_class(type) != H5T_STRING || count > 1 << 16 || !holds(h, count))
        AL_FAIL(AL_ERR_CORRUPT, "%s: dataset %s is no list of words", h->path, name);
    AL_ALLOC(w, count + 1);
    enum al_err e = copy_words(set, type, space, (size_t)count, w, &n);
    if (e) free_words(w, n);
    AL_TRY_MSG(e, "%s: %s", h->path, name);
    *ret = w;
    *ret_n = n;
    return AL_ERR_OK;
}

enum al_err h5_write_double(struct h5 *h, const char *name, int rank, const size_t shape[],
                            const double *data)
{
    hsize_t dims[H5_MAX_RANK] = {0};
    for (int i = 0; i < rank; i++)
        dims[i] = shape[i];
    H5_OWN space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    H5_OWN dcpl = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(dcpl, false);
    H5_OWN set = H5Dcreate2(h->file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    if (set < 0 || H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        AL_FAIL(AL_ERR_IO, "%s: cannot write dataset %s", h->path, name);
    return AL_ERR_OK;
}
