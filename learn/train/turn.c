// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Tiles of three vectors of columns, as in dp/gemm.c.
#include "train/turn.h"

#if defined __AVX512F__
enum { LANES = 16, ROWS = 8 };
#else
enum { LANES = 8, ROWS = 4 };
#endif
typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

#define INLINE static inline __attribute__((always_inline))

struct factors {
    const float *a, *b;
    float *c;
    size_t rs, cs, n, k;
};

INLINE void tile(const struct factors *o, size_t r, size_t j, const int R, const int V)
{
    vec acc[ROWS][3];
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            acc[i][v] = (vec){0};
    const float *a = o->a + r * o->rs, *b = o->b + j;
    for (size_t q = 0; q < o->k; q++, a += o->cs, b += o->n) {
        vec bv[3];
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            bv[v] = *(const vec *)(b + LANES * v);
#pragma GCC unroll 8
        for (int i = 0; i < R; i++) {
            vec x = a[(size_t)i * o->rs] - (vec){0};
#pragma GCC unroll 3
            for (int v = 0; v < V; v++)
                acc[i][v] += x * bv[v];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            *(vec *)(o->c + (r + (size_t)i) * o->n + j + LANES * v) = acc[i][v];
}

INLINE void column(const struct factors *o, size_t m, size_t j, const int V)
{
    size_t r = 0;
    for (; r + ROWS <= m; r += ROWS)
        tile(o, r, j, ROWS, V);
    if (ROWS > 4 && m - r >= 4) {
        tile(o, r, j, 4, V);
        r += 4;
    }
    for (; r < m; r++)
        tile(o, r, j, 1, V);
}

static void narrow(const struct factors *o, size_t m, size_t j)
{
    for (size_t r = 0; r < m; r++)
        for (size_t i = j; i < o->n; i++) {
            float s = 0;
            for (size_t q = 0; q < o->k; q++)
                s += o->a[r * o->rs + q * o->cs] * o->b[q * o->n + i];
            o->c[r * o->n + i] = s;
        }
}

void turn_product(size_t m, size_t n, size_t k, const float *a, size_t rs, size_t cs, const float *b, float *c)
{
    struct factors o = {a, b, c, rs, cs, n, k};
    size_t j = 0;
    for (; j + 3 * LANES <= n; j += 3 * LANES)
        column(&o, m, j, 3);
    if (n - j >= 2 * LANES) {
        column(&o, m, j, 2);
        j += 2 * LANES;
    }
    if (n - j >= LANES) {
        column(&o, m, j, 1);
        j += LANES;
    }
    if (j == n) return;
    if (n >= LANES) column(&o, m, n - LANES, 1); // a window that ends at the last column; some are computed twice
    else narrow(&o, m, 0);
}
