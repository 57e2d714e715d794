// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kernels of fast.c over the rows of one centre; included there twice, with REAL and FN(name)
// defined. No include guard on purpose. Channels run in vectors; the arrays of a centre are [4][mp] (component,
// channel), then [DP_HARMONICS][hp] where the model has harmonics; mp the width M1 in whole vectors with zeros (or finite numbers that meet zeros) beyond M1. Descriptors are
// kept as D[b][a], a < M1 fastest: stores of a row run over into the next row, which is written later.

#include "dp/desc_impl.h"

struct FN(rows) { // of a centre and net; nc components: 4, or DP_HARMONICS
    int n;
    const REAL *R, *Rt;   // [n][nc] R~ and its tangent
    const REAL (*x)[4];   // tangents of the first four components: [0] moves the position in the interval
    const REAL *t;        // position in the interval
    const unsigned *at;   // interval's coefficients c0 .. c3 [4][mp], offset in the table
};

// A[c] += sum_k R[c] G over V vectors of channels.
INLINE void FN(accumulate_part)(const struct FN(rows) *r, size_t mp, size_t ap, const REAL *table, REAL *A, const int nc, const int V)
{
    VEC acc[DP_HARMONICS][2];
    for (int c = 0; c < nc; c++)
        for (int v = 0; v < V; v++)
            acc[c][v] = LOAD(A + (size_t)c * ap + (size_t)v * LANES);
    const REAL *R = r->R;
    for (int k = 0; k < r->n; k++, R += nc) {
        const REAL *c = table + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t;
#pragma GCC unroll 2
        for (int v = 0; v < V; v++, c += LANES) {
            VEC G = LOAD(c) + t * LOAD(c + mp) + (t2 * LOAD(c + 2 * mp) + t3 * LOAD(c + 3 * mp));
#pragma GCC unroll 12
            for (int q = 0; q < nc; q++)
                acc[q][v] += R[q] * G;
        }
    }
    for (int c = 0; c < nc; c++)
        for (int v = 0; v < V; v++)
            STORE(A + (size_t)c * ap + (size_t)v * LANES) = acc[c][v];
}

static void FN(accumulate)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *A)
{
    size_t j = 0;
    for (; j + 2 * LANES <= mp; j += 2 * LANES)
        FN(accumulate_part)(r, mp, mp, table + j, A + j, 4, 2);
    if (j < mp) FN(accumulate_part)(r, mp, mp, table + j, A + j, 4, 1);
}

static void FN(accumulate_harmonics)(const struct FN(rows) *r, size_t mp, size_t hp, const REAL *table, REAL *A)
{
    for (size_t j = 0; j < hp; j += LANES)
        FN(accumulate_part)(r, mp, hp, table + j, A + j, DP_HARMONICS, 1);
}

// P[k] = sum_a G gA, slope[k] = sum_a G' (R . gA).
INLINE void FN(project_part)(const struct FN(rows) *r, size_t mp, size_t ap, const REAL *table, const REAL *gA, REAL *P, REAL *slope, const int nc)
{
    const REAL *R = r->R;
    for (int k = 0; k < r->n; k++, R += nc, P += nc) {
        const REAL *c = table + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t;
        const REAL h = (REAL)NODES_PER_UNIT, u1 = h, u2 = 2 * h * t, u3 = 3 * h * t2;
        VEC p[DP_HARMONICS], s = {0};
        for (int q = 0; q < nc; q++)
            p[q] = (VEC){0};
        for (size_t j = 0; j < ap; j += LANES) {
            VEC c1 = LOAD(c + j + mp), c2 = LOAD(c + j + 2 * mp), c3 = LOAD(c + j + 3 * mp), along = {0};
            VEC G = LOAD(c + j) + t * c1 + (t2 * c2 + t3 * c3), Gt = u1 * c1 + u2 * c2 + u3 * c3;
#pragma GCC unroll 12
            for (int q = 0; q < nc; q++) {
                VEC g = LOAD(gA + (size_t)q * ap + j);
                p[q] += G * g;
                along += R[q] * g;
            }
            s += Gt * along;
        }
        slope[k] = FN(sum)(s);
#pragma GCC unroll 12
        for (int q = 0; q < nc; q++)
            P[q] = FN(sum)(p[q]);
    }
}

static void FN(project)(const struct FN(rows) *r, size_t mp, const REAL *table, const REAL *gA, REAL *P, REAL *slope)
{
    FN(project_part)(r, mp, mp, table, gA, P, slope, 4);
}

static void FN(project_harmonics)(const struct FN(rows) *r, size_t mp, size_t hp, const REAL *table, const REAL *gA, REAL *P, REAL *slope)
{
    FN(project_part)(r, mp, hp, table, gA, P, slope, DP_HARMONICS);
}

// At[c] += sum_k Rt[c] G + x R[c] G'.
INLINE void FN(tangent_part)(const struct FN(rows) *r, size_t mp, size_t ap, const REAL *table, REAL *At, const int nc, const int V)
{
    VEC acc[DP_HARMONICS][2];
    for (int c = 0; c < nc; c++)
        for (int v = 0; v < V; v++)
            acc[c][v] = LOAD(At + (size_t)c * ap + (size_t)v * LANES);
    const REAL *R = r->R, *Rt = r->Rt;
    for (int k = 0; k < r->n; k++, R += nc, Rt += nc) {
        const REAL *c = table + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t;
        const REAL h = (REAL)NODES_PER_UNIT * r->x[k][0], u1 = h, u2 = 2 * h * t, u3 = 3 * h * t2;
#pragma GCC unroll 2
        for (int v = 0; v < V; v++, c += LANES) {
            VEC c1 = LOAD(c + mp), c2 = LOAD(c + 2 * mp), c3 = LOAD(c + 3 * mp);
            VEC G = LOAD(c) + t * c1 + (t2 * c2 + t3 * c3), Gt = u1 * c1 + u2 * c2 + u3 * c3;
#pragma GCC unroll 12
            for (int q = 0; q < nc; q++)
                acc[q][v] += Rt[q] * G + R[q] * Gt;
        }
    }
    for (int c = 0; c < nc; c++)
        for (int v = 0; v < V; v++)
            STORE(At + (size_t)c * ap + (size_t)v * LANES) = acc[c][v];
}

static void FN(tangent)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *At)
{
    size_t j = 0;
    for (; j + 2 * LANES <= mp; j += 2 * LANES)
        FN(tangent_part)(r, mp, mp, table + j, At + j, 4, 2);
    if (j < mp) FN(tangent_part)(r, mp, mp, table + j, At + j, 4, 1);
}

static void FN(tangent_harmonics)(const struct FN(rows) *r, size_t mp, size_t hp, const REAL *table, REAL *At)
{
    for (size_t j = 0; j < hp; j += LANES)
        FN(tangent_part)(r, mp, hp, table + j, At + j, DP_HARMONICS, 1);
}

// Adjoints of G and G' of every row, given those of A and At, added to the adjoints of its interval's coefficients.
INLINE void FN(scatter_part)(const struct FN(rows) *r, size_t mp, size_t ap, const REAL *Abar, const REAL *gA, REAL *bar, const int nc, const int V)
{
    VEC a[DP_HARMONICS][2], b[DP_HARMONICS][2];
    for (int c = 0; c < nc; c++)
        for (int v = 0; v < V; v++) {
            a[c][v] = LOAD(Abar + (size_t)c * ap + (size_t)v * LANES);
            b[c][v] = LOAD(gA + (size_t)c * ap + (size_t)v * LANES);
        }
    const REAL *R = r->R, *Rt = r->Rt;
    for (int k = 0; k < r->n; k++, R += nc, Rt += nc) {
        REAL *c = bar + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t;
        const REAL h = (REAL)NODES_PER_UNIT * r->x[k][0];
#pragma GCC unroll 2
        for (int v = 0; v < V; v++, c += LANES) {
            VEC g = {0}, gt = {0};
#pragma GCC unroll 12
            for (int q = 0; q < nc; q++) {
                g += Rt[q] * b[q][v] + R[q] * a[q][v];
                gt += R[q] * b[q][v];
            }
            gt *= h;
            STORE(c) += g;
            STORE(c + mp) += t * g + gt;
            STORE(c + 2 * mp) += t2 * g + 2 * t * gt;
            STORE(c + 3 * mp) += t3 * g + 3 * t2 * gt;
        }
    }
}

static void FN(scatter)(const struct FN(rows) *r, size_t mp, const REAL *Abar, const REAL *gA, REAL *bar)
{
    size_t j = 0;
    for (; j + 2 * LANES <= mp; j += 2 * LANES)
        FN(scatter_part)(r, mp, mp, Abar + j, gA + j, bar + j, 4, 2);
    if (j < mp) FN(scatter_part)(r, mp, mp, Abar + j, gA + j, bar + j, 4, 1);
}

static void FN(scatter_harmonics)(const struct FN(rows) *r, size_t mp, size_t hp, const REAL *Abar, const REAL *gA, REAL *bar)
{
    for (size_t j = 0; j < hp; j += LANES)
        FN(scatter_part)(r, mp, hp, Abar + j, gA + j, bar + j, DP_HARMONICS, 1);
}

// Coefficients of an interval from values and slopes (times h) at its ends.
static void FN(coefficients)(int m1, size_t mp, const double *y0, const double *y1, const double *s0, const double *s1,
                             REAL *c)
{
    const double h = 1 / NODES_PER_UNIT;
    for (size_t a = 0; a < (size_t)m1; a++) {
        double d = y1[a] - y0[a], u = h * s0[a], v = h * s1[a];
        c[a] = (REAL)y0[a];
        c[mp + a] = (REAL)u;
        c[2 * mp + a] = (REAL)(3 * d - 2 * u - v);
        c[3 * mp + a] = (REAL)(u + v - 2 * d);
    }
}

// The adjoint of that.
static void FN(coefficients_back)(int m1, size_t mp, const REAL *c, double *y0, double *y1, double *s0, double *s1)
{
    const double h = 1 / NODES_PER_UNIT;
    for (size_t a = 0; a < (size_t)m1; a++) {
        double c2 = (double)c[2 * mp + a], c3 = (double)c[3 * mp + a], d = 3 * c2 - 2 * c3;
        y0[a] += (double)c[a] - d;
        y1[a] += d;
        s0[a] += h * ((double)c[mp + a] - 2 * c2 + c3);
        s1[a] += h * (c3 - c2);
    }
}
