// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Tiles of gemm.c for one precision; included there twice, with REAL, LANES (of a vector) and FN(name) defined. No
// include guard on purpose.
typedef REAL FN(vec) __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#define VEC FN(vec)

struct FN(operands) {
    const REAL *a;
    size_t rs, cs;   // a[r][k] stands at a[r*rs + k*cs]
    const REAL *b; // [k][n]
    REAL *c;       // [m][n]
    size_t n, k;
    bool add;
};

// R rows from r, V vectors of columns from j; of the last vector only the lanes from `from` on are stored.
INLINE void FN(tile)(const struct FN(operands) *o, size_t r, size_t j, const int R, const int V, int from)
{
    VEC acc[ROWS][3];
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            acc[i][v] = (VEC){0};
    const REAL *a = o->a + r * o->rs, *b = o->b + j;
    for (size_t k = 0; k < o->k; k++, a += o->cs, b += o->n) {
        VEC bv[3];
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            bv[v] = *(const VEC *)(b + LANES * v);
#pragma GCC unroll 8
        for (int i = 0; i < R; i++) {
            VEC x = a[(size_t)i * o->rs] - (VEC){0};
#pragma GCC unroll 3
            for (int v = 0; v < V; v++)
                acc[i][v] += x * bv[v];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; i++) {
        REAL *c = o->c + (r + (size_t)i) * o->n + j;
#pragma GCC unroll 3
        for (int v = 0; v < V; v++) {
            VEC s = acc[i][v];
            if (o->add) s += *(const VEC *)(c + LANES * v);
            if (!from)
                *(VEC *)(c + LANES * v) = s;
            else
                for (int q = from; q < LANES; q++)
                    c[LANES * v + q] = s[q];
        }
    }
}

INLINE void FN(panel)(const struct FN(operands) *o, size_t m, size_t j, const int V, int from)
{
    size_t r = 0;
    for (; r + ROWS <= m; r += ROWS)
        FN(tile)(o, r, j, ROWS, V, from);
    if (ROWS > 4 && m - r >= 4) {
        FN(tile)(o, r, j, 4, V, from);
        r += 4;
    }
    if (m - r >= 2) {
        FN(tile)(o, r, j, 2, V, from);
        r += 2;
    }
    if (r < m) FN(tile)(o, r, j, 1, V, from);
}

static void FN(narrow)(const struct FN(operands) *o, size_t m) // fewer columns than a vector has lanes
{
    for (size_t r = 0; r < m; r++)
        for (size_t j = 0; j < o->n; j++) {
            REAL s = 0;
            for (size_t k = 0; k < o->k; k++)
                s += o->a[r * o->rs + k * o->cs] * o->b[k * o->n + j];
            o->c[r * o->n + j] = o->add ? o->c[r * o->n + j] + s : s;
        }
}

static void FN(multiply)(const struct FN(operands) *o, size_t m)
{
    size_t j = 0;
    if (o->n < LANES) {
        FN(narrow)(o, m);
        return;
    }
    for (; j + 3 * LANES <= o->n; j += 3 * LANES)
        FN(panel)(o, m, j, 3, 0);
    if (o->n - j >= 2 * LANES) {
        FN(panel)(o, m, j, 2, 0);
        j += 2 * LANES;
    } else if (o->n - j >= LANES) {
        FN(panel)(o, m, j, 1, 0);
        j += LANES;
    }
    if (j < o->n) FN(panel)(o, m, o->n - LANES, 1, (int)(LANES - (o->n - j)));
}

#undef VEC
