// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Tiles of three vectors of columns: 8 rows with AVX-512 (24 accumulators of 32 registers), else 4 rows. Columns that
// do not fill a vector are computed in a window that ends at the last column; only the missing ones are stored.
#include "dp/gemm.h"

#include "dp/vec.h"

#if defined __AVX512F__
enum { BYTES = 64, ROWS = 8 }; // of a vector; of a tile
#else
enum { BYTES = 32, ROWS = 4 };
#endif

#define INLINE static inline __attribute__((always_inline))

#define REAL     double
#define LANES    (BYTES / 8)
#define FN(name) name##_d
#include "dp/gemm_impl.h"
#undef REAL
#undef LANES
#undef FN
#define REAL     float
#define LANES    (BYTES / 4)
#define FN(name) name##_s
#include "dp/gemm_impl.h"

void dp_gemm_nn(int m, int n, int k, const double *a, const double *b, bool add, double *c)
{
    struct operands_d o = {a, (size_t)k, 1, b, c, (size_t)n, (size_t)k, add};
    multiply_d(&o, (size_t)m);
}

void dp_gemm_tn(int m, int n, int k, const double *a, const double *b, bool add, double *c)
{
    struct operands_d o = {a, 1, (size_t)m, b, c, (size_t)n, (size_t)k, add};
    multiply_d(&o, (size_t)m);
}

void dp_gemm_single(size_t m, size_t n, size_t k, const float *a, size_t rs, size_t cs, const float *b, float *c)
{
    struct operands_s o = {a, rs, cs, b, c, n, k, false};
    multiply_s(&o, m);
}

// R rows of a from r times I rows of b from i, by dot products along k.
INLINE void dots(const struct operands_d *o, size_t r, size_t i, const int R, const int I)
{
    v4d acc[4][3];
#pragma GCC unroll 4
    for (int p = 0; p < R; p++)
#pragma GCC unroll 3
        for (int q = 0; q < I; q++)
            acc[p][q] = v4_set(0);
    const double *a = o->a + r * o->k, *b = o->b + i * o->k;
    size_t k = 0;
    for (; k + 4 <= o->k; k += 4) {
        v4d bv[3];
#pragma GCC unroll 3
        for (int q = 0; q < I; q++)
            bv[q] = v4_load(b + (size_t)q * o->k + k);
#pragma GCC unroll 4
        for (int p = 0; p < R; p++) {
            v4d x = v4_load(a + (size_t)p * o->k + k);
#pragma GCC unroll 3
            for (int q = 0; q < I; q++)
                acc[p][q] += x * bv[q];
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < R; p++)
#pragma GCC unroll 3
        for (int q = 0; q < I; q++) {
            v4d v = acc[p][q];
            double s = (v[0] + v[1]) + (v[2] + v[3]);
            for (size_t t = k; t < o->k; t++)
                s += a[(size_t)p * o->k + t] * b[(size_t)q * o->k + t];
            double *c = o->c + (r + (size_t)p) * o->n + i + (size_t)q;
            *c = o->add ? *c + s : s;
        }
}

INLINE void dot_panel(const struct operands_d *o, size_t m, size_t i, const int I)
{
    size_t r = 0;
    for (; r + 4 <= m; r += 4)
        dots(o, r, i, 4, I);
    for (; r < m; r++)
        dots(o, r, i, 1, I);
}

typedef double v8d __attribute__((vector_size(64), aligned(sizeof(double)), may_alias));
typedef long v8i __attribute__((vector_size(64)));

// bt[r][c] = b[c][r], 8 by 8: three rounds of exchanges between vectors.
INLINE void transpose8(const double *b, size_t ldb, double *bt, size_t ldbt)
{
    v8d x[8], y[8];
#pragma GCC unroll 8
    for (size_t c = 0; c < 8; c++)
        x[c] = *(const v8d *)(b + c * ldb);
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        y[c] = __builtin_shuffle(x[c], x[c + 4], (v8i){0, 1, 2, 3, 8, 9, 10, 11});
        y[c + 4] = __builtin_shuffle(x[c], x[c + 4], (v8i){4, 5, 6, 7, 12, 13, 14, 15});
    }
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++) {
        int c = q / 2 * 4 + q % 2;
        x[c] = __builtin_shuffle(y[c], y[c + 2], (v8i){0, 1, 8, 9, 4, 5, 12, 13});
        x[c + 2] = __builtin_shuffle(y[c], y[c + 2], (v8i){2, 3, 10, 11, 6, 7, 14, 15});
    }
#pragma GCC unroll 4
    for (int c = 0; c < 8; c += 2) {
        y[c] = __builtin_shuffle(x[c], x[c + 1], (v8i){0, 8, 2, 10, 4, 12, 6, 14});
        y[c + 1] = __builtin_shuffle(x[c], x[c + 1], (v8i){1, 9, 3, 11, 5, 13, 7, 15});
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < 8; r++)
        *(v8d *)(bt + r * ldbt) = y[r];
}

// bt [k][n] = transpose of b [n][k].
static void transpose(size_t n, size_t k, const double *b, double *bt)
{
    size_t n8 = n / 8 * 8, k8 = k / 8 * 8;
    for (size_t j = 0; j < n8; j += 8)
        for (size_t q = 0; q < k8; q += 8)
            transpose8(b + j * k + q, k, bt + q * n + j, n);
    for (size_t j = 0; j < n; j++)
        for (size_t q = j < n8 ? k8 : 0; q < k; q++)
            bt[q * n + j] = b[j * k + q];
}

void dp_gemm_nt(int m, int n, int k, const double *a, const double *b, bool add, double *c)
{
    enum { ROOM = 16384 }; // transposed b on the stack, where that is cheaper than sums across vectors
    struct operands_d o = {a, (size_t)k, 1, b, c, (size_t)n, (size_t)k, add};
    if (m >= 8 && n * k <= ROOM) {
        double bt[ROOM];
        transpose((size_t)n, (size_t)k, b, bt);
        o.b = bt;
        multiply_d(&o, (size_t)m);
        return;
    }
    size_t i = 0;
    for (; i + 3 <= o.n; i += 3)
        dot_panel(&o, (size_t)m, i, 3);
    for (; i < o.n; i++)
        dot_panel(&o, (size_t)m, i, 1);
}
