// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/panel.h"

#include <string.h>

#if defined __AVX512F__
enum { VEC_BYTES = 64, TILE_ROWS = 8 }; // 24 accumulators of 32 registers
#else
enum { VEC_BYTES = 32, TILE_ROWS = 4 }; // 12 of 16
#endif
enum { PANEL_VECS = 3, DEPTH = 256, BYTES_AHEAD = 8192 };
typedef double eight __attribute__((vector_size(64), aligned(8), may_alias));

#define PANEL_API

#define REAL     double
#define INDEX    long
#define FN(name) name##_d
#include "dp/panel_impl.h"
#undef REAL
#undef INDEX
#undef FN

#define REAL     float
#define INDEX    int
#define FN(name) name##_s
#include "dp/panel_impl.h"
