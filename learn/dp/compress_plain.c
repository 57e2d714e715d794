// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kernels of dp/compress.h for any machine.

enum { VEC_BYTES = 32, TILE_ROWS = 4, PART = 2 };
#define OPS dp_compress_plain
#include "dp/compress_kernels.h"
