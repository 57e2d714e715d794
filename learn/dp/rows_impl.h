// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kernels of compress_impl.h over the rows of one centre; included with REAL, FN(name), the vectors of dp/desc_impl.h and
// DEGREE of the table's polynomials defined. No include guard on purpose. An interval's coefficients stand as
// [DEGREE + 1][mp] at `at` in the table.

// Value of the polynomial at t, channels from j.
INLINE VEC FN(value)(const REAL *c, size_t mp, REAL t)
{
    VEC y = LOAD(c + DEGREE * mp);
#pragma GCC unroll 5
    for (size_t q = DEGREE; q-- > 0;)
        y = LOAD(c + q * mp) + t * y;
    return y;
}

// Value, and derivative in t.
INLINE VEC FN(value_slope)(const REAL *c, size_t mp, REAL t, VEC *ret_slope)
{
    VEC y = LOAD(c + DEGREE * mp), s = y;
    y = LOAD(c + (DEGREE - 1) * mp) + t * y;
#pragma GCC unroll 5
    for (size_t q = DEGREE - 1; q-- > 0;) {
        s = y + t * s;
        y = LOAD(c + q * mp) + t * y;
    }
    *ret_slope = s;
    return y;
}

// A[c] += sum_k R[c] G over V vectors of channels. The interval of the row ROWS_AHEAD further on is on its way meanwhile: r must have as many more, of
// any content.
INLINE void FN(gather_part)(int n, const struct FN(row) *r, size_t mp, const REAL *table, REAL *A, const int V)
{
    VEC acc[4][PART];
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            acc[c][v] = LOAD(A + (size_t)c * mp + (size_t)v * LANES);
    for (int k = 0; k < n; k++) {
        const REAL *c = table + r[k].at, t = r[k].t, *R = r[k].R;
        const REAL *next = table + r[k + ROWS_AHEAD].at;
#pragma GCC unroll 6
        for (size_t q = 0; q <= DEGREE; q++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
                __builtin_prefetch(next + q * mp + (size_t)v * LANES, 0, 3);
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            VEC G = FN(value)(c + (size_t)v * LANES, mp, t);
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++)
                acc[q][v] += R[q] * G;
        }
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            STORE(A + (size_t)c * mp + (size_t)v * LANES) = acc[c][v];
}

static void FN(gather)(int n, const struct FN(row) *r, size_t mp, const REAL *table, REAL *A)
{
    size_t j = 0;
    for (; j + PART * LANES <= mp; j += PART * LANES)
        FN(gather_part)(n, r, mp, table + j, A + j, PART);
    if (PART > 3 && j + 3 * LANES == mp)
        FN(gather_part)(n, r, mp, table + j, A + j, 3 < PART ? 3 : PART);
    else
        for (; j < mp; j += LANES)
            FN(gather_part)(n, r, mp, table + j, A + j, 1);
}

// P[k] = sum_a G gA, with per_unit sum_a dG/dt (R . gA) added to component 0.
static void FN(spread)(int n, const struct FN(row) *r, size_t mp, const REAL *table, REAL per_unit, const REAL *gA,
                       REAL (*P)[4])
{
    for (int k = 0; k < n; k++) {
        const REAL *c = table + r[k].at, t = r[k].t, *R = r[k].R;
        VEC p[4] = {{0}}, s[4] = {{0}};
        for (size_t j = 0; j < mp; j += LANES) {
            VEC Gt, G = FN(value_slope)(c + j, mp, t, &Gt);
#pragma GCC unroll 4
            for (size_t q = 0; q < 4; q++) {
                VEC g = LOAD(gA + q * mp + j);
                p[q] += G * g;
                s[q] += Gt * g;
            }
        }
        p[0] += per_unit * ((R[0] * s[0] + R[1] * s[1]) + (R[2] * s[2] + R[3] * s[3]));
#pragma GCC unroll 4
        for (int q = 0; q < 4; q++)
            P[k][q] = FN(sum)(p[q]);
    }
}
