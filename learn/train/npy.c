// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/npy.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"

struct header {
    char kind; // f, i, u
    int size;  // bytes
    bool big;  // big endian
    int ndim;
    size_t shape[NPY_MAX_DIMS], n;
};

// Text of the dictionary: {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }
static enum al_err parse_header(const char *path, const char *text, struct header *h)
{
    const char *p = strstr(text, "'descr'");
    p = p ? strchr(p + 7, '\'') : NULL;
    if (!p || !p[1] || !strchr("<>|=", p[1]) || !p[2] || !strchr("fiu", p[2]))
        AL_FAIL(AL_ERR_CORRUPT, "%s: npy header without a numeric type", path);
    h->big = p[1] == '>';
    h->kind = p[2];
    h->size = atoi(p + 3);
    bool known = h->kind == 'f' ? h->size == 4 || h->size == 8
                                : h->size == 1 || h->size == 2 || h->size == 4 || h->size == 8;
    if (!known) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: npy type %c%d", path, h->kind, h->size);
    p = strstr(text, "'fortran_order'");
    p = p ? strchr(p, ':') : NULL;
    if (!p) AL_FAIL(AL_ERR_CORRUPT, "%s: npy header without fortran_order", path);
    p++;
    bool fortran = strncmp(p + strspn(p, " "), "True", 4) == 0;
    p = strstr(text, "'shape'");
    p = p ? strchr(p, '(') : NULL;
    if (!p) AL_FAIL(AL_ERR_CORRUPT, "%s: npy header without a shape", path);
    h->n = 1;
    h->ndim = 0;
    for (p++; *p && *p != ')';) {
        char *end;
        unsigned long long v = strtoull(p, &end, 10);
        if (end == p || *p == '-' || h->ndim == NPY_MAX_DIMS || v > 1ull << 40)
            AL_FAIL(AL_ERR_CORRUPT, "%s: npy shape cannot be read", path);
        h->shape[h->ndim++] = (size_t)v;
        if (__builtin_mul_overflow(h->n, (size_t)v, &h->n) || h->n > (size_t)1 << 40) AL_FAIL(AL_ERR_CORRUPT, "%s: npy shape is too large", path);
        p = end + strspn(end, " ,");
    }
    if (fortran && h->ndim > 1) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: npy file in Fortran order", path);
    return AL_ERR_OK;
}

static double element(const struct header *h, const unsigned char *p)
{
    unsigned char b[8];
    for (int i = 0; i < h->size; i++) // to little endian, which is what this machine has
        b[i] = h->big ? p[h->size - 1 - i] : p[i];
    float f;
    double d;
    int16_t s;
    int32_t w;
    int64_t q;
    uint64_t u = 0;
    if (h->kind == 'f' && h->size == 4) return (double)*(float *)memcpy(&f, b, 4);
    if (h->kind == 'f') return *(double *)memcpy(&d, b, 8);
    if (h->kind == 'u') return (double)*(uint64_t *)memcpy(&u, b, (size_t)h->size);
    if (h->size == 1) return (signed char)b[0];
    if (h->size == 2) return *(int16_t *)memcpy(&s, b, 2);
    if (h->size == 4) return *(int32_t *)memcpy(&w, b, 4);
    return (double)*(int64_t *)memcpy(&q, b, 8);
}

enum al_err npy_read(const char *path, struct npy **ret)
{
    AL_OWN(npy) a = NULL;
    AL_ALLOC(a, 1);
    AL_TRY(al_file_map(path, &a->map));
    const unsigned char *b = a->map.data;
    const size_t n = a->map.n;
    if (n < 12 || memcmp(b, "\x93NUMPY", 6)) AL_FAIL(AL_ERR_CORRUPT, "%s is not a npy file", path);
    size_t lead = b[6] == 1 ? 10 : 12;
    size_t len = b[8] + 256u * b[9];
    if (b[6] > 1) len += 65536u * b[10] + 16777216u * (size_t)b[11];
    if (b[6] < 1 || b[6] > 3 || len > n - lead) AL_FAIL(AL_ERR_CORRUPT, "%s: npy header is damaged", path);
    AL_AUTOFREE char *text = NULL;
    AL_TRY(al_alloc(len + 1, 1, &text));
    memcpy(text, b + lead, len);
    struct header h = {0};
    AL_TRY(parse_header(path, text, &h));
    const unsigned char *data = b + lead + len;
    if ((n - lead - len) / (size_t)h.size < h.n)
        AL_FAIL(AL_ERR_CORRUPT, "%s is truncated: %zu numbers, %zu expected", path,
                (n - lead - len) / (size_t)h.size, h.n);
    a->ndim = h.ndim;
    a->n = h.n;
    memcpy(a->shape, h.shape, sizeof a->shape);
    if (h.kind == 'f' && h.size == 8 && !h.big && (uintptr_t)data % sizeof(double) == 0) {
        a->data = (const double *)(const void *)data;
    } else {
        AL_ALLOC(a->owned, h.n);
        for (size_t i = 0; i < h.n; i++)
            a->owned[i] = element(&h, data + i * (size_t)h.size);
        a->data = a->owned;
        al_file_unmap(&a->map);
    }
    *ret = a;
    a = NULL;
    return AL_ERR_OK;
}

void npy_destroy(struct npy **a)
{
    if (!*a) return;
    al_free((*a)->owned);
    al_file_unmap(&(*a)->map);
    al_free(*a);
    *a = NULL;
}

enum al_err npy_write(const char *path, int ndim, const size_t shape[], const double *data)
{
    char text[256];
    int len = snprintf(text, sizeof text, "{'descr': '<f8', 'fortran_order': False, 'shape': (");
    size_t n = 1;
    for (int i = 0; i < ndim; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len,
                        ndim == 1 ? "%zu,"
                        : i       ? ", %zu"
                                  : "%zu",
                        shape[i]);
        n *= shape[i];
    }
    len += snprintf(text + len, sizeof text - (size_t)len, "), }");
    while ((10 + len + 1) % 64) // data starts at a multiple of 64
        text[len++] = ' ';
    text[len++] = '\n';
    unsigned char lead[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(len % 256), (unsigned char)(len / 256)};
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fwrite(lead, 1, sizeof lead, f.out);
    fwrite(text, 1, (size_t)len, f.out);
    fwrite(data, sizeof *data, n, f.out);
    return al_outfile_publish(&f);
}
