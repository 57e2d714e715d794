// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Body of compress_avx512.c, compress_avx2.c and compress_plain.c: VEC_BYTES, TILE_ROWS, PART (vectors of channels that
// the sums over rows keep in registers) and OPS (name of the table of functions) are defined there. No include guard.
#include <math.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "dp/compress_ops.h"
#include "dp/eval.h"

enum { PANEL_VECS = 3, DEPTH = 256, BYTES_AHEAD = 8192, LANES = VEC_BYTES / 8 };
enum { SLOTS = 64 }; // centres at a time
enum { LINE = 64, ROWS_AHEAD = 8, CHUNK = 64 }; // bytes of a cache line; see rows_impl.h (CHUNK: whole vectors)
#define PANEL_API static __attribute__((unused))
typedef double eight __attribute__((vector_size(64), aligned(8), may_alias));
static const int IOTA_S[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const long IOTA_D[] = {0, 1, 2, 3, 4, 5, 6, 7};
#include "dp/vec_impl.h"

#define REAL     double
#define IOTA     IOTA_D
#define INDEX    long
#define DEGREE   5
#define FN(name) name##_d
#include "dp/panel_impl.h"
#include "dp/compress_impl.h"
#undef REAL
#undef IOTA
#undef INDEX
#undef DEGREE
#undef FN

#define REAL     float
#define IOTA     IOTA_S
#define INDEX    int
#define DEGREE   3
#define FN(name) name##_s
#include "dp/panel_impl.h"
#include "dp/compress_impl.h"

const struct dp_compress_ops OPS[2] = {[DP_DOUBLE] = {create_d, run_d, destroy_d, twin_d},
                                       [DP_MIXED] = {create_s, run_s, destroy_s, twin_s}};
