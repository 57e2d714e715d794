// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kernels of dp/compress.h for machines with AVX-512 (F, DQ, VL, BW).
#if defined __x86_64__
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#endif
enum { VEC_BYTES = 64, TILE_ROWS = 8, PART = 4 };
#define OPS dp_compress_avx512
#include "dp/compress_kernels.h"
