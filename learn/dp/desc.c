// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/desc.h"

#include <stdbool.h>

enum { UNROLL = 8 };

static inline double sum4(v4d v)
{
    return (v[0] + v[1]) + (v[2] + v[3]);
}

void dp_accumulate(int n, int m1, const v4d *R, const double *G, v4d *A)
{
    int k = 0;
    for (; k + UNROLL <= n; k += UNROLL) {
        const double *g = G + (size_t)k * (size_t)m1;
        v4d r0 = R[k], r1 = R[k + 1], r2 = R[k + 2], r3 = R[k + 3];
        v4d r4 = R[k + 4], r5 = R[k + 5], r6 = R[k + 6], r7 = R[k + 7];
        for (int a = 0; a < m1; a++) {
            v4d s = A[a] + r0 * v4_set(g[a]) + r1 * v4_set(g[m1 + a]) + r2 * v4_set(g[2 * m1 + a]) +
                    r3 * v4_set(g[3 * m1 + a]);
            v4d t = r4 * v4_set(g[4 * m1 + a]) + r5 * v4_set(g[5 * m1 + a]) + r6 * v4_set(g[6 * m1 + a]) +
                    r7 * v4_set(g[7 * m1 + a]);
            A[a] = s + t;
        }
    }
    for (; k < n; k++)
        for (int a = 0; a < m1; a++)
            A[a] += R[k] * v4_set(G[(size_t)k * (size_t)m1 + (size_t)a]);
}

void dp_project(int n, int m1, const double *G, const v4d *gA, v4d *out)
{
    int k = 0;
    for (; k + UNROLL <= n; k += UNROLL) {
        const double *g = G + (size_t)k * (size_t)m1;
        v4d s[UNROLL];
        for (int u = 0; u < UNROLL; u++)
            s[u] = v4_set(0);
        for (int a = 0; a < m1; a++)
#pragma GCC unroll 8
            for (int u = 0; u < UNROLL; u++)
                s[u] += v4_set(g[u * m1 + a]) * gA[a];
        for (int u = 0; u < UNROLL; u++)
            out[k + u] = s[u];
    }
    for (; k < n; k++) {
        v4d s = v4_set(0);
        for (int a = 0; a < m1; a++)
            s += v4_set(G[(size_t)k * (size_t)m1 + (size_t)a]) * gA[a];
        out[k] = s;
    }
}

void dp_spread(int n, int m1, const v4d *R, const v4d *Rt, const v4d *xt, const v4d *gA, const v4d *gAt, double *gG, double *gGt)
{
    enum { WIDE = 64 }; // columns at a time, components first so that the loop over columns vectorises
    for (int a0 = 0; a0 < m1; a0 += WIDE) {
        int na = m1 - a0 < WIDE ? m1 - a0 : WIDE;
        double c[4][WIDE], t[4][WIDE];
        for (int a = 0; a < na; a++)
            for (int q = 0; q < 4; q++) {
                c[q][a] = gA[a0 + a][q];
                t[q][a] = gAt[a0 + a][q];
            }
        for (int k = 0; k < n; k++) {
            double *restrict g = gG + (size_t)k * (size_t)m1 + a0;
            double *restrict gt = gGt + (size_t)k * (size_t)m1 + a0;
            v4d r = R[k], rt = Rt[k], rx = R[k] * v4_set(xt[k][0]);
            for (int a = 0; a < na; a++) {
                double x = r[0] * c[0][a] + r[1] * c[1][a] + r[2] * c[2][a] + r[3] * c[3][a];
                g[a] += x + (rt[0] * t[0][a] + rt[1] * t[1][a] + rt[2] * t[2][a] + rt[3] * t[3][a]);
                gt[a] += rx[0] * t[0][a] + rx[1] * t[1][a] + rx[2] * t[2][a] + rx[3] * t[3][a];
            }
        }
    }
}

// A group of components and where its block of D begins.
struct group {
    size_t at;
    int m;      // columns
    bool first; // of its block: the others are added
};

static struct group group_of(struct dp_sizes n, int g)
{
    int block = (g + 1) / 2;
    return (struct group){(size_t)((block ? n.m1 + (block - 1) * n.mh : 0) * n.m2), block ? n.mh : n.m1, g == 0 || g % 2};
}

void dp_descriptor(struct dp_sizes n, const v4d *A, double *D)
{
    for (int g = 0; g < dp_groups(n); g++, A += n.m1) {
        struct group q = group_of(n, g);
        double *d = D + q.at;
        for (int a = 0; a < q.m; a++)
            for (int b = 0; b < n.m2; b++)
                d[a * n.m2 + b] = sum4(A[a] * A[b]) + (q.first ? 0 : d[a * n.m2 + b]);
    }
}

void dp_descriptor_tangent(struct dp_sizes n, const v4d *A, const v4d *At, double *Dt)
{
    for (int g = 0; g < dp_groups(n); g++, A += n.m1, At += n.m1) {
        struct group q = group_of(n, g);
        double *d = Dt + q.at;
        for (int a = 0; a < q.m; a++)
            for (int b = 0; b < n.m2; b++)
                d[a * n.m2 + b] = sum4(At[a] * A[b] + A[a] * At[b]) + (q.first ? 0 : d[a * n.m2 + b]);
    }
}

void dp_descriptor_back(struct dp_sizes n, const v4d *A, const double *gD, v4d *gA)
{
    for (int g = 0; g < dp_groups(n); g++, A += n.m1, gA += n.m1) {
        struct group q = group_of(n, g);
        const double *d = gD + q.at;
        for (int a = 0; a < q.m; a++) {
            v4d s = v4_set(0);
            for (int b = 0; b < n.m2; b++)
                s += v4_set(d[a * n.m2 + b]) * A[b];
            gA[a] += s;
        }
        for (int a = 0; a < q.m; a++)
            for (int b = 0; b < n.m2; b++)
                gA[b] += v4_set(d[a * n.m2 + b]) * A[a];
    }
}
