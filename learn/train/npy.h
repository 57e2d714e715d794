// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// NumPy .npy files (format 1.0-3.0, little and big endian, C order; reading f2 f4 f8 i1 i2 i4 i8 u1 into
// double).
#ifndef AL_TRAIN_NPY_H
#define AL_TRAIN_NPY_H

#include <stddef.h>

#include "base/fsio.h"

enum { NPY_MAX_DIMS = 4 };
struct npy {
    int ndim;
    size_t shape[NPY_MAX_DIMS];
    size_t n;     // product of the shape
    const double *data; // [n] in the mapped file, or what follows
    double *owned;      // NULL, or numbers that were converted
    struct al_map map;
};

enum al_err npy_read(const char *path, struct npy **ret); // AL_ERR_CORRUPT: truncated, not npy
void npy_destroy(struct npy **a);
enum al_err npy_write(const char *path, int ndim, const size_t shape[], const double *data); // '<f8', durable

#endif
