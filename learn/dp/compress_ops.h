// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Between compress.c and the kernels that are compiled for several machines.
#ifndef AL_DP_COMPRESS_OPS_H
#define AL_DP_COMPRESS_OPS_H

#include "dp/compress.h"
#include "dp/table.h"

struct dp_compress_ops { // of one precision
    enum al_err (*create)(const struct dp_model *m, const struct dp_table *table, void **ret); // borrows both
    // Adds to *outside the rows outside the tables.
    enum al_err (*run)(void *state, const struct dp_layout *l, const struct dp_geo *geo, int threads, struct pot_result *res,
                       long *outside);
    void (*destroy)(void *state);
    enum al_err (*twin)(const void *of, void **ret); // see dp_compressed_twin
};
extern const struct dp_compress_ops dp_compress_avx512[2], dp_compress_avx2[2], dp_compress_plain[2]; // by dp_precision

#endif
