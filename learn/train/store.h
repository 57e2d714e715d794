// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Where a deepmd system lies: a directory of npy files, or a group of an HDF5 file (INTEROP 4.1, 4.2). Names are relative:
// "type.raw", "set.000/coord.npy".
#ifndef AL_TRAIN_STORE_H
#define AL_TRAIN_STORE_H

#include <stdbool.h>

#include "dp/h5.h"
#include "train/npy.h"

struct store {
    char *place;        // directory, or FILE.h5#/group: for messages
    const char *prefix; // of the directory; inside an HDF5 file of the group ("" or "/group")
    struct h5 *h5;      // borrowed; NULL: a directory
};

bool store_exists(const struct store *s, const char *name);
// AL_ERR_CORRUPT: truncated, damaged.
enum al_err store_array(const struct store *s, const char *name, struct npy **ret);
// Words of type_map.raw, integers of type.raw. *ret: al_free; of the words also each, by store_words_free.
enum al_err store_words(const struct store *s, const char *name, char ***ret, int *ret_n);
void store_words_free(char **words, int n);
enum al_err store_ints(const struct store *s, const char *name, int **ret, int *ret_n);
// set.*, sorted by name; freed like words.
enum al_err store_sets(const struct store *s, char ***ret, int *ret_n);

#endif
