// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/vec.h"

#if defined __AVX512F__
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
#include "dp/vec_impl.h"

void dp_tanh(double *x, size_t n)
{
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        vec a = *(const vec *)(x + i), b = *(const vec *)(x + i + LANES);
        *(vec *)(x + i) = tanh_vec(a);
        *(vec *)(x + i + LANES) = tanh_vec(b);
    }
    for (; i < n; i += LANES) {
        double buf[LANES] = {0};
        size_t m = n - i < LANES ? n - i : LANES;
        memcpy(buf, x + i, m * sizeof *x);
        *(vec *)buf = tanh_vec(*(const vec *)buf);
        memcpy(x + i, buf, m * sizeof *x);
    }
}
