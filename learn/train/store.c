// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/store.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"

enum { TEXT_BYTES = 1 << 28 };

static enum al_err path_of(const struct store *s, const char *name, char ret[AL_PATH])
{
    return al_path(ret, "%s/%s", s->prefix, name);
}

bool store_exists(const struct store *s, const char *name)
{
    char path[AL_PATH];
    if (path_of(s, name, path)) return false;
    return s->h5 ? h5_exists(s->h5, path) : al_exists(path);
}

enum al_err store_array(const struct store *s, const char *name, struct npy **ret)
{
    char path[AL_PATH];
    AL_TRY(path_of(s, name, path));
    if (!s->h5) return npy_read(path, ret);
    AL_OWN(npy) a = NULL;
    AL_ALLOC(a, 1);
    AL_TRY(h5_read_double(s->h5, path, &a->ndim, a->shape, &a->owned));
    a->data = a->owned;
    a->n = 1;
    for (int i = 0; i < a->ndim; i++)
        a->n *= a->shape[i];
    *ret = a;
    a = NULL;
    return AL_ERR_OK;
}

void store_words_free(char **words, int n)
{
    for (int i = 0; words && i < n; i++)
        al_free(words[i]);
    al_free(words);
}

static enum al_err push(char ***list, int *n, const char *word)
{
    char *copy;
    AL_GROW(*list, *n, *n + 1);
    AL_TRY(al_strdup(word, &copy));
    (*list)[(*n)++] = copy;
    return AL_ERR_OK;
}

enum al_err store_words(const struct store *s, const char *name, char ***ret, int *ret_n)
{
    char path[AL_PATH], **list = NULL, *save = NULL;
    AL_AUTOFREE char *text = NULL;
    int n = 0;
    AL_TRY(path_of(s, name, path));
    if (s->h5) return h5_read_strings(s->h5, path, ret, ret_n);
    AL_TRY(al_file_read(path, 1 << 20, &text, NULL));
    for (char *w = strtok_r(text, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
        enum al_err e = push(&list, &n, w);
        if (e) store_words_free(list, n);
        AL_TRY(e);
    }
    *ret = list;
    *ret_n = n;
    return AL_ERR_OK;
}

static enum al_err ints_of_text(const char *path, int **ret, int *ret_n)
{
    AL_AUTOFREE char *text = NULL;
    AL_AUTOFREE int *v = NULL;
    size_t len;
    int n = 0;
    AL_TRY(al_file_read(path, TEXT_BYTES, &text, &len));
    AL_ALLOC(v, len / 2 + 1);
    char *p = text, *end;
    for (;; p = end) {
        long t = strtol(p, &end, 10);
        if (end == p) break;
        if (t < INT_MIN || t > INT_MAX) AL_FAIL(AL_ERR_INPUT, "%s: %ld is too large", path, t);
        v[n++] = (int)t;
    }
    if (p[strspn(p, " \t\r\n")]) AL_FAIL(AL_ERR_INPUT, "%s: not a number: %.20s", path, p);
    *ret = v;
    *ret_n = n;
    v = NULL;
    return AL_ERR_OK;
}

enum al_err store_ints(const struct store *s, const char *name, int **ret, int *ret_n)
{
    char path[AL_PATH];
    AL_TRY(path_of(s, name, path));
    if (!s->h5) return ints_of_text(path, ret, ret_n);
    AL_OWN(npy) a = NULL;
    AL_AUTOFREE int *v = NULL;
    AL_TRY(store_array(s, name, &a));
    if (a->n > INT_MAX) AL_FAIL(AL_ERR_INPUT, "%s: %s has %zu numbers", s->place, name, a->n);
    AL_ALLOC(v, a->n);
    for (size_t i = 0; i < a->n; i++) {
        if (a->data[i] != floor(a->data[i]) || fabs(a->data[i]) > INT_MAX)
            AL_FAIL(AL_ERR_INPUT, "%s: %s holds %g, no whole number", s->place, name, a->data[i]);
        v[i] = (int)a->data[i];
    }
    *ret = v;
    *ret_n = (int)a->n;
    v = NULL;
    return AL_ERR_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum al_err store_sets(const struct store *s, char ***ret, int *ret_n)
{
    char **list = NULL, **all = NULL;
    int n = 0, nall = 0;
    enum al_err e = AL_ERR_OK;
    if (s->h5) {
        AL_TRY(h5_list(s->h5, s->prefix[0] ? s->prefix : "/", &all, &nall));
        for (int i = 0; i < nall && !e; i++)
            if (strncmp(all[i], "set.", 4) == 0) e = push(&list, &n, all[i]);
        store_words_free(all, nall);
    } else {
        DIR *d = opendir(s->prefix);
        if (!d) AL_FAIL(AL_ERR_IO, "cannot read directory %s", s->prefix);
        for (struct dirent *x; !e && (x = readdir(d));)
            if (strncmp(x->d_name, "set.", 4) == 0) e = push(&list, &n, x->d_name);
        closedir(d);
    }
    if (e) store_words_free(list, n);
    AL_TRY(e);
    if (n) qsort(list, (size_t)n, sizeof *list, by_text);
    *ret = list;
    *ret_n = n;
    return AL_ERR_OK;
}
