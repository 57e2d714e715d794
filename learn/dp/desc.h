// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The descriptor of one centre and its adjoints. A [ngroup][m1] holds four components in each v4d: s, x, y, z, with ngroup =
// DP_GROUPS the harmonics, too (dp/model.h); D has one block of m1*m2 numbers of group 0, and with harmonics two of mh*m2: of groups 1 and 2, of 3
// and 4, whose columns from mh on count for nothing.
#ifndef AL_DP_DESC_H
#define AL_DP_DESC_H

#include "dp/model.h"
#include "dp/vec.h"

// A[a] += sum_k R[k] G[k][a], of one group, as the next two
void dp_accumulate(int n, int m1, const v4d *R, const double *G, v4d *A);
// out[k] = sum_a G[k][a] gA[a]
void dp_project(int n, int m1, const double *G, const v4d *gA, v4d *out);
// gG[k][a] += R[k] . gA[a] + Rt[k] . gAt[a],  gGt[k][a] += xt[k][0] (R[k] . gAt[a])
void dp_spread(int n, int m1, const v4d *R, const v4d *Rt, const v4d *xt, const v4d *gA, const v4d *gAt, double *gG, double *gGt);
// D[a*m2 + b] = A[a] . A[b] of each block
void dp_descriptor(struct dp_sizes n, const v4d *A, double *D);
// Dt[a*m2 + b] = At[a] . A[b] + A[a] . At[b]
void dp_descriptor_tangent(struct dp_sizes n, const v4d *A, const v4d *At, double *Dt);
// gA[a] += sum_b gD[a][b] A[b];  gA[b] += sum_a gD[a][b] A[a]
void dp_descriptor_back(struct dp_sizes n, const v4d *A, const double *gD, v4d *gA);

#endif
