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

struct FN(rows) { // of one centre and net
    int n;
    const REAL *R;      // [n][4] R~, or NULL
    const REAL *H;      // [n][DP_HARMONICS] their harmonics, or NULL
    const REAL *t;      // position in the interval
    const unsigned *at; // interval's coefficients, offset in the table
};

// Below: nr and nh say which components take part, 4 or 0 and DP_HARMONICS or 0, those of R first. Columns of A and gA stand ap apart.

// A[c] += sum_k R[c] G over V vectors of channels. The interval of the row ROWS_AHEAD further on is on its way meanwhile: at must have as many more, of
// any content.
INLINE void FN(gather_part)(const struct FN(rows) *r, size_t mp, size_t ap, const REAL *table, REAL *A, const int nr, const int nh, const int V)
{
    VEC acc[4 + DP_HARMONICS][PART];
    const REAL *R = r->R, *H = r->H;
#pragma GCC unroll 16
    for (int c = 0; c < nr + nh; c++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            acc[c][v] = LOAD(A + (size_t)c * ap + (size_t)v * LANES);
    for (int k = 0; k < r->n; k++, R += nr, H += nh) {
        const REAL *c = table + r->at[k], t = r->t[k];
        const REAL *next = table + r->at[k + ROWS_AHEAD];
#pragma GCC unroll 6
        for (size_t q = 0; q <= DEGREE; q++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
                __builtin_prefetch(next + q * mp + (size_t)v * LANES, 0, 3);
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            VEC G = FN(value)(c + (size_t)v * LANES, mp, t);
#pragma GCC unroll 4
            for (int q = 0; q < nr; q++)
                acc[q][v] += R[q] * G;
#pragma GCC unroll 12
            for (int q = 0; q < nh; q++)
                acc[nr + q][v] += H[q] * G;
        }
    }
#pragma GCC unroll 16
    for (int c = 0; c < nr + nh; c++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            STORE(A + (size_t)c * ap + (size_t)v * LANES) = acc[c][v];
}

static void FN(gather)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *A)
{
    size_t j = 0;
    for (; j + PART * LANES <= mp; j += PART * LANES)
        FN(gather_part)(r, mp, mp, table + j, A + j, 4, 0, PART);
    if (PART > 3 && j + 3 * LANES == mp)
        FN(gather_part)(r, mp, mp, table + j, A + j, 4, 0, 3 < PART ? 3 : PART);
    else
        for (; j < mp; j += LANES)
            FN(gather_part)(r, mp, mp, table + j, A + j, 4, 0, 1);
}

static void FN(gather_harmonics)(const struct FN(rows) *r, size_t mp, size_t hp, const REAL *table, REAL *A)
{
    enum { WIDE = PART > 2 ? 2 : 1 }; // 12 sums of each
    size_t j = 0;
    for (; j + WIDE * LANES <= hp; j += WIDE * LANES)
        FN(gather_part)(r, mp, hp, table + j, A + j, 0, DP_HARMONICS, WIDE);
    if (j < hp) FN(gather_part)(r, mp, hp, table + j, A + j, 0, DP_HARMONICS, 1);
}

// Both at once, where all columns have harmonics.
static void FN(gather_all)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *A)
{
    for (size_t j = 0; j < mp; j += LANES)
        FN(gather_part)(r, mp, mp, table + j, A + j, 4, DP_HARMONICS, 1);
}

// Of up to CHUNK rows k and each component q: T[q*CHUNK + k] = sum_a G gA[q], and behind the last one per_unit sum_a dG/dt (R . gA).
INLINE void FN(spread_part)(const struct FN(rows) *r, size_t mp, size_t ap, const REAL *table, REAL per_unit, const REAL *gA, REAL *T,
                            const int nr, const int nh)
{
    const int n = nr + nh;
    VEC sum[4 + DP_HARMONICS + 1][LANES]; // of LANES rows, summed up together
    for (int k0 = 0; k0 < r->n; k0 += (int)LANES) {
        int m = r->n - k0 < (int)LANES ? r->n - k0 : (int)LANES;
        for (int k = 0; k < m; k++) {
            const REAL *c = table + r->at[k0 + k], t = r->t[k0 + k], *R = r->R + (k0 + k) * nr, *H = r->H + (k0 + k) * nh;
            VEC p[4 + DP_HARMONICS], s = {0};
#pragma GCC unroll 16
            for (int q = 0; q < n; q++)
                p[q] = (VEC){0};
            for (size_t j = 0; j < ap; j += LANES) {
                VEC Gt, G = FN(value_slope)(c + j, mp, t, &Gt), along = {0};
#pragma GCC unroll 16
                for (int q = 0; q < n; q++) {
                    VEC g = LOAD(gA + (size_t)q * ap + j);
                    p[q] += G * g;
                    along += (q < nr ? R[q] : H[q - nr]) * g;
                }
                s += Gt * along;
            }
#pragma GCC unroll 16
            for (int q = 0; q < n; q++)
                sum[q][k] = p[q];
            sum[n][k] = per_unit * s;
        }
        for (int q = 0; q <= n; q++) {
            for (int k = m; k < (int)LANES; k++)
                sum[q][k] = (VEC){0};
            STORE(T + (size_t)(q * CHUNK + k0)) = FN(sums)(sum[q]);
        }
    }
}

static void FN(spread)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL per_unit, const REAL *gA, REAL *T)
{
    FN(spread_part)(r, mp, mp, table, per_unit, gA, T, 4, 0);
}

static void FN(spread_harmonics)(const struct FN(rows) *r, size_t mp, size_t hp, const REAL *table, REAL per_unit, const REAL *gA, REAL *T)
{
    FN(spread_part)(r, mp, hp, table, per_unit, gA, T, 0, DP_HARMONICS);
}

static void FN(spread_all)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL per_unit, const REAL *gA, REAL *T)
{
    FN(spread_part)(r, mp, mp, table, per_unit, gA, T, 4, DP_HARMONICS);
}
