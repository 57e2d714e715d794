// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kernels of fast.c over the rows of one centre; included there twice, with REAL and FN(name)
// defined. No include guard on purpose. Channels run in vectors; the arrays of a centre are [4][mp] (component,
// channel), mp the width M1 in whole vectors with zeros (or finite numbers that meet zeros) beyond M1. Descriptors are
// kept as D[b][a], a < M1 fastest: stores of a row run over into the next row, which is written later.

#include "dp/desc_impl.h"

struct FN(rows) { // of a centre and net
    int n;
    const REAL (*R)[4], (*Rt)[4]; // R~ and its tangent
    const REAL *t;                // position in the interval
    const unsigned *at;           // interval's coefficients c0 .. c3 [4][mp], offset in the table
};

// A[c] += sum_k R[c] G over V vectors of channels.
INLINE void FN(accumulate_part)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *A, const int V)
{
    VEC acc[4][2];
    for (int c = 0; c < 4; c++)
        for (int v = 0; v < V; v++)
            acc[c][v] = LOAD(A + (size_t)c * mp + (size_t)v * LANES);
    for (int k = 0; k < r->n; k++) {
        const REAL *c = table + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t, *R = r->R[k];
#pragma GCC unroll 2
        for (int v = 0; v < V; v++, c += LANES) {
            VEC G = LOAD(c) + t * LOAD(c + mp) + (t2 * LOAD(c + 2 * mp) + t3 * LOAD(c + 3 * mp));
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++)
                acc[q][v] += R[q] * G;
        }
    }
    for (int c = 0; c < 4; c++)
        for (int v = 0; v < V; v++)
            STORE(A + (size_t)c * mp + (size_t)v * LANES) = acc[c][v];
}

static void FN(accumulate)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *A)
{
    size_t j = 0;
    for (; j + 2 * LANES <= mp; j += 2 * LANES)
        FN(accumulate_part)(r, mp, table + j, A + j, 2);
    if (j < mp) FN(accumulate_part)(r, mp, table + j, A + j, 1);
}

// P[k] = sum_a G gA, with (sum_a G' (R . gA)) added to component 0.
static void FN(project)(const struct FN(rows) *r, size_t mp, const REAL *table, const REAL *gA, REAL (*P)[4])
{
    for (int k = 0; k < r->n; k++) {
        const REAL *c = table + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t, *R = r->R[k];
        const REAL h = (REAL)NODES_PER_UNIT, u1 = h, u2 = 2 * h * t, u3 = 3 * h * t2;
        VEC p[4] = {{0}}, q = {0};
        for (size_t j = 0; j < mp; j += LANES) {
            VEC c1 = LOAD(c + j + mp), c2 = LOAD(c + j + 2 * mp), c3 = LOAD(c + j + 3 * mp);
            VEC G = LOAD(c + j) + t * c1 + (t2 * c2 + t3 * c3), Gt = u1 * c1 + u2 * c2 + u3 * c3;
            VEC g0 = LOAD(gA + j), g1 = LOAD(gA + j + mp), g2 = LOAD(gA + j + 2 * mp), g3 = LOAD(gA + j + 3 * mp);
            p[0] += G * g0;
            p[1] += G * g1;
            p[2] += G * g2;
            p[3] += G * g3;
            q += Gt * ((R[0] * g0 + R[1] * g1) + (R[2] * g2 + R[3] * g3));
        }
        P[k][0] = FN(sum)(p[0] + q);
        for (int i = 1; i < 4; i++)
            P[k][i] = FN(sum)(p[i]);
    }
}

// At[c] += sum_k Rt[c] G + Rt[0] R[c] G'.
INLINE void FN(tangent_part)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *At, const int V)
{
    VEC acc[4][2];
    for (int c = 0; c < 4; c++)
        for (int v = 0; v < V; v++)
            acc[c][v] = LOAD(At + (size_t)c * mp + (size_t)v * LANES);
    for (int k = 0; k < r->n; k++) {
        const REAL *c = table + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t, *R = r->R[k], *Rt = r->Rt[k];
        const REAL h = (REAL)NODES_PER_UNIT * Rt[0], u1 = h, u2 = 2 * h * t, u3 = 3 * h * t2;
#pragma GCC unroll 2
        for (int v = 0; v < V; v++, c += LANES) {
            VEC c1 = LOAD(c + mp), c2 = LOAD(c + 2 * mp), c3 = LOAD(c + 3 * mp);
            VEC G = LOAD(c) + t * c1 + (t2 * c2 + t3 * c3), Gt = u1 * c1 + u2 * c2 + u3 * c3;
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++)
                acc[q][v] += Rt[q] * G + R[q] * Gt;
        }
    }
    for (int c = 0; c < 4; c++)
        for (int v = 0; v < V; v++)
            STORE(At + (size_t)c * mp + (size_t)v * LANES) = acc[c][v];
}

static void FN(tangent)(const struct FN(rows) *r, size_t mp, const REAL *table, REAL *At)
{
    size_t j = 0;
    for (; j + 2 * LANES <= mp; j += 2 * LANES)
        FN(tangent_part)(r, mp, table + j, At + j, 2);
    if (j < mp) FN(tangent_part)(r, mp, table + j, At + j, 1);
}

// Adjoints of G and G' of every row, given those of A and At, added to the adjoints of its interval's coefficients.
INLINE void FN(scatter_part)(const struct FN(rows) *r, size_t mp, const REAL *Abar, const REAL *gA, REAL *bar,
                             const int V)
{
    VEC a[4][2], b[4][2];
    for (int c = 0; c < 4; c++)
        for (int v = 0; v < V; v++) {
            a[c][v] = LOAD(Abar + (size_t)c * mp + (size_t)v * LANES);
            b[c][v] = LOAD(gA + (size_t)c * mp + (size_t)v * LANES);
        }
    for (int k = 0; k < r->n; k++) {
        REAL *c = bar + r->at[k], t = r->t[k], t2 = t * t, t3 = t2 * t;
        const REAL *R = r->R[k], *Rt = r->Rt[k], h = (REAL)NODES_PER_UNIT * Rt[0];
#pragma GCC unroll 2
        for (int v = 0; v < V; v++, c += LANES) {
            VEC x = (Rt[0] * b[0][v] + Rt[1] * b[1][v]) + (Rt[2] * b[2][v] + Rt[3] * b[3][v]);
            VEC g = x + (R[0] * a[0][v] + R[1] * a[1][v]) + (R[2] * a[2][v] + R[3] * a[3][v]);
            VEC gt = h * ((R[0] * b[0][v] + R[1] * b[1][v]) + (R[2] * b[2][v] + R[3] * b[3][v]));
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
        FN(scatter_part)(r, mp, Abar + j, gA + j, bar + j, 2);
    if (j < mp) FN(scatter_part)(r, mp, Abar + j, gA + j, bar + j, 1);
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
