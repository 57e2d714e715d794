// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kernels of dp/compress.h for machines with AVX2 and FMA.
#if defined __x86_64__
#pragma GCC target("avx2,fma")
#endif
enum { VEC_BYTES = 32, TILE_ROWS = 4, PART = 2 };
#define OPS dp_compress_avx2
#include "dp/compress_kernels.h"
