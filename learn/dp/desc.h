// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The descriptor of one centre and its adjoints. A [m1] holds four components (s, x, y, z) in each v4d.
#ifndef AL_DP_DESC_H
#define AL_DP_DESC_H

#include "dp/vec.h"

// A[a] += sum_k R[k] G[k][a]
void dp_accumulate(int n, int m1, const v4d *R, const double *G, v4d *A);
// out[k] = sum_a G[k][a] gA[a]
void dp_project(int n, int m1, const double *G, const v4d *gA, v4d *out);
// gG[k][a] = R[k] . gA[a] + Rt[k] . gAt[a],  gGt[k][a] = xt[k] (R[k] . gAt[a]) with xt[k] = Rt[k][0]
void dp_spread(int n, int m1, const v4d *R, const v4d *Rt, const v4d *gA, const v4d *gAt, double *gG,
               double *gGt);
// D[a*m2 + b] = A[a] . A[b]
void dp_descriptor(int m1, int m2, const v4d *A, double *D);
// Dt[a*m2 + b] = At[a] . A[b] + A[a] . At[b]
void dp_descriptor_tangent(int m1, int m2, const v4d *A, const v4d *At, double *Dt);
// gA[a] += sum_b gD[a][b] A[b];  gA[b] += sum_a gD[a][b] A[a]
void dp_descriptor_back(int m1, int m2, const v4d *A, const double *gD, v4d *gA);

#endif
