// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Body of panel.c for one precision; included there twice, with REAL, INDEX and FN(name) defined. No include guard on purpose.

typedef REAL FN(vec) __attribute__((vector_size(VEC_BYTES), aligned(sizeof(REAL)), may_alias));

#define LANES  (VEC_BYTES / sizeof(REAL))
#define WIDE   (PANEL_VECS * LANES)
#define INLINE static inline __attribute__((always_inline)) void

PANEL_API size_t FN(dp_panel_width)(size_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

// Width of the panel that begins at column j of n.
static size_t FN(panel_at)(size_t n, size_t j)
{
    size_t rest = FN(dp_panel_width)(n - j);
    return rest < WIDE ? rest : WIDE;
}

PANEL_API void FN(dp_panel_pack)(int k, int n, const double *b, size_t ld, const int *place, REAL *out)
{
    for (size_t j = 0; j < (size_t)n; j += WIDE) {
        size_t w = FN(panel_at)((size_t)n, j), m = (size_t)n - j < w ? (size_t)n - j : w;
        for (size_t r = 0; r < (size_t)k; r++, out += w) {
            const double *restrict src = b + (place ? (size_t)place[r] : r) * ld + j;
            for (size_t c = 0; c < m; c++)
                out[c] = (REAL)src[c];
            for (size_t c = m; c < w; c++)
                out[c] = 0;
        }
    }
}

typedef REAL FN(v8) __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
typedef INDEX FN(i8) __attribute__((vector_size(8 * sizeof(REAL))));

// out[r*w + c] = in[c][r] for 8 rows c and r0 .. r0 + 7: three rounds of exchanges between vectors.
INLINE FN(transpose8)(const double *const in[8], size_t r0, REAL *out, size_t w)
{
    FN(v8) a[8], b[8];
#pragma GCC unroll 8
    for (int c = 0; c < 8; c++)
        a[c] = __builtin_convertvector(*(const eight *)(in[c] + r0), FN(v8));
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        b[c] = __builtin_shuffle(a[c], a[c + 4], (FN(i8)){0, 1, 2, 3, 8, 9, 10, 11});
        b[c + 4] = __builtin_shuffle(a[c], a[c + 4], (FN(i8)){4, 5, 6, 7, 12, 13, 14, 15});
    }
#pragma GCC unroll 2
    for (int h = 0; h < 8; h += 4)
#pragma GCC unroll 2
        for (int c = h; c < h + 2; c++) {
            a[c] = __builtin_shuffle(b[c], b[c + 2], (FN(i8)){0, 1, 8, 9, 4, 5, 12, 13});
            a[c + 2] = __builtin_shuffle(b[c], b[c + 2], (FN(i8)){2, 3, 10, 11, 6, 7, 14, 15});
        }
#pragma GCC unroll 4
    for (int c = 0; c < 8; c += 2) {
        b[c] = __builtin_shuffle(a[c], a[c + 1], (FN(i8)){0, 8, 2, 10, 4, 12, 6, 14});
        b[c + 1] = __builtin_shuffle(a[c], a[c + 1], (FN(i8)){1, 9, 3, 11, 5, 13, 7, 15});
    }
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++)
        *(FN(v8) *)(out + (size_t)r * w) = b[r];
}

PANEL_API void FN(dp_panel_pack_t)(int k, int n, const double *b, size_t ld, const int *place, REAL *out)
{
    for (size_t j = 0; j < (size_t)n; j += WIDE) {
        size_t w = FN(panel_at)((size_t)n, j), c = 0;
        for (; c + 8 <= w && j + c + 8 <= (size_t)n; c += 8) {
            const double *in[8];
            size_t r = 0;
            for (size_t i = 0; i < 8; i++)
                in[i] = b + (place ? (size_t)place[j + c + i] : j + c + i) * ld;
            for (; r + 8 <= (size_t)k; r += 8)
                FN(transpose8)(in, r, out + r * w + c, w);
            for (; r < (size_t)k; r++)
                for (size_t i = 0; i < 8; i++)
                    out[r * w + c + i] = (REAL)in[i][r];
        }
        for (; c < w; c++)
            for (size_t r = 0; r < (size_t)k; r++)
                out[r * w + c] = j + c < (size_t)n ? (REAL)b[(place ? (size_t)place[j + c] : j + c) * ld + r] : 0;
        out += (size_t)k * w;
    }
}

// R rows times V vectors: a[r*rs + k*cs], b [k][V vectors]. ahead: the first of the tiles that read b, which asks for what lies two
// pages further on; the processor's own prefetch ends with a page, and weights of a committee come from memory.
INLINE FN(tile)(size_t k, const REAL *a, size_t rs, size_t cs, const REAL *b, const int R, const int V, const bool ahead,
                FN(vec) acc[TILE_ROWS][PANEL_VECS])
{
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            acc[i][v] = (FN(vec)){0};
    for (size_t q = 0; q < k; q++, a += cs, b += (size_t)V * LANES) {
        FN(vec) bv[PANEL_VECS];
        if (ahead)
#pragma GCC unroll 3
            for (int v = 0; v < V; v++)
                __builtin_prefetch((const char *)(b + (size_t)v * LANES) + BYTES_AHEAD, 0, 3);
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            bv[v] = *(const FN(vec) *)(b + (size_t)v * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < R; i++) {
            FN(vec) x = a[(size_t)i * rs] - (FN(vec)){0};
#pragma GCC unroll 3
            for (int v = 0; v < V; v++)
                acc[i][v] += x * bv[v];
        }
    }
}

INLINE FN(mul_tile)(size_t k, const REAL *a, size_t lda, const REAL *b, const int R, const int V, const bool ahead, REAL *c, size_t ldc)
{
    FN(vec) acc[TILE_ROWS][PANEL_VECS];
    FN(tile)(k, a, lda, 1, b, R, V, ahead, acc);
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            *(FN(vec) *)(c + (size_t)i * ldc + (size_t)v * LANES) = acc[i][v];
}

INLINE FN(mul_panel)(size_t m, size_t k, const REAL *a, size_t lda, const REAL *b, const int V, REAL *c, size_t ldc)
{
    size_t r = 0;
    if (m >= TILE_ROWS) {
        FN(mul_tile)(k, a + r * lda, lda, b, TILE_ROWS, V, true, c + r * ldc, ldc);
        r += TILE_ROWS;
    }
    for (; r + TILE_ROWS <= m; r += TILE_ROWS)
        FN(mul_tile)(k, a + r * lda, lda, b, TILE_ROWS, V, false, c + r * ldc, ldc);
    if (TILE_ROWS > 4 && m - r >= 4) {
        FN(mul_tile)(k, a + r * lda, lda, b, 4, V, false, c + r * ldc, ldc);
        r += 4;
    }
    if (m - r >= 2) {
        FN(mul_tile)(k, a + r * lda, lda, b, 2, V, false, c + r * ldc, ldc);
        r += 2;
    }
    if (r < m) FN(mul_tile)(k, a + r * lda, lda, b, 1, V, false, c + r * ldc, ldc);
}

PANEL_API void FN(dp_panel_mul)(int m, int n, int k, const REAL *a, size_t lda, const REAL *bp, REAL *c, size_t ldc)
{
    for (size_t j = 0; j < (size_t)n; j += WIDE) {
        size_t w = FN(panel_at)((size_t)n, j);
        if (w == WIDE)
            FN(mul_panel)((size_t)m, (size_t)k, a, lda, bp, 3, c + j, ldc);
        else if (w == 2 * LANES)
            FN(mul_panel)((size_t)m, (size_t)k, a, lda, bp, 2, c + j, ldc);
        else
            FN(mul_panel)((size_t)m, (size_t)k, a, lda, bp, 1, c + j, ldc);
        bp += (size_t)k * w;
    }
}

// c[row[i]][j] += tile; n columns count.
INLINE FN(add_tile)(size_t k, const REAL *a, const REAL *b, const int V, double *const row[], size_t rows, size_t n)
{
    FN(vec) acc[TILE_ROWS][PANEL_VECS];
    if (n > (size_t)V * LANES) __builtin_unreachable();
    FN(tile)(k, a, 1, TILE_ROWS, b, TILE_ROWS, V, false, acc);
    REAL out[TILE_ROWS][WIDE];
#pragma GCC unroll 8
    for (int i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 3
        for (int v = 0; v < V; v++)
            *(FN(vec) *)(out[i] + (size_t)v * LANES) = acc[i][v];
    for (size_t i = 0; i < rows; i++) {
        double *restrict c = row[i];
        for (size_t j = 0; j < n; j++)
            c[j] += (double)out[i][j];
    }
}

// Rows q0 .. q0 + k - 1 of the k_all of B.
static void FN(add_depth)(size_t m, size_t n, size_t q0, size_t k, size_t k_all, const REAL *a, size_t lda,
                          const REAL *bp, const int *place, double *c, size_t ldc)
{
    REAL slab[DEPTH * TILE_ROWS]; // the rows of a tile, side by side
    for (size_t r = 0; r < m; r += TILE_ROWS) {
        size_t rows = m - r < TILE_ROWS ? m - r : TILE_ROWS;
        double *row[TILE_ROWS];
        for (size_t i = 0; i < rows; i++)
            row[i] = c + (size_t)place[r + i] * ldc;
        for (size_t q = 0; q < k; q++)
            for (size_t i = 0; i < TILE_ROWS; i++)
                slab[q * TILE_ROWS + i] = i < rows ? a[(q0 + q) * lda + r + i] : 0;
        const REAL *b = bp;
        for (size_t j = 0; j < n; j += WIDE) {
            size_t w = FN(panel_at)(n, j), cols = n - j < w ? n - j : w;
            if (w == WIDE)
                FN(add_tile)(k, slab, b + q0 * w, 3, row, rows, cols);
            else if (w == 2 * LANES)
                FN(add_tile)(k, slab, b + q0 * w, 2, row, rows, cols);
            else
                FN(add_tile)(k, slab, b + q0 * w, 1, row, rows, cols);
            for (size_t i = 0; i < rows; i++)
                row[i] += w;
            b += k_all * w;
        }
    }
}

PANEL_API void FN(dp_panel_add)(int m, int n, int k, const REAL *a, size_t lda, const REAL *bp, const int *place, double *c,
                      size_t ldc)
{
    for (size_t q = 0; q < (size_t)k; q += DEPTH) {
        size_t depth = (size_t)k - q < DEPTH ? (size_t)k - q : DEPTH;
        FN(add_depth)((size_t)m, (size_t)n, q, depth, (size_t)k, a, lda, bp, place, c, ldc);
    }
}

#undef LANES
#undef WIDE
#undef INLINE
