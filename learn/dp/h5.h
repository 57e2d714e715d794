// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Thin wrapper of libhdf5 (h5.c is the only file that includes hdf5.h). Used by model files (file.c) and by
// data sets (train/store.c).
#ifndef AL_DP_H5_H
#define AL_DP_H5_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { H5_MAX_RANK = 4 };

struct h5;
enum al_err h5_open(const char *path, struct h5 **ret);   // reading
// A file that is in memory (its bytes are copied); name: for messages.
enum al_err h5_open_bytes(const char *name, const void *bytes, size_t n, struct h5 **ret);
enum al_err h5_create(const char *path, struct h5 **ret); // truncates; no times in the file
enum al_err h5_finish(struct h5 **h);                     // flush and close, with the errors of that
void h5_destroy(struct h5 **h);                           // close whatever
// Scalar string attribute of the root group, variable or fixed length.
enum al_err h5_read_text(struct h5 *h, const char *name, char **ret);
enum al_err h5_write_text(struct h5 *h, const char *name, const char *text);
// Any numeric dataset as double; rank 0 for a scalar.
enum al_err h5_read_double(struct h5 *h, const char *name, int *ret_rank, size_t ret_shape[H5_MAX_RANK],
                           double **ret);
// A dataset of strings of fixed or variable length. *ret and each word: al_free.
enum al_err h5_read_strings(struct h5 *h, const char *name, char ***ret, int *ret_n);
bool h5_exists(struct h5 *h, const char *path);                              // every link on the way
enum al_err h5_list(struct h5 *h, const char *group, char ***ret, int *ret_n); // names of its links
bool h5_is_group(struct h5 *h, const char *path);
enum al_err h5_write_double(struct h5 *h, const char *name, int rank, const size_t shape[],
                            const double *data);

#endif
