// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Energy, forces and virial of a laid-out frame, block by block (a block's networks fit the cache). Used by
// the potential, the committee (one layout, several models) and the trainer's validation.
#ifndef AL_DP_EVAL_H
#define AL_DP_EVAL_H

#include "dp/layout.h"
#include "seam/potential.h"

struct dp_eval;
enum al_err dp_eval_create(const struct dp_model *m, struct dp_eval **ret); // borrows the model
void dp_eval_destroy(struct dp_eval **ev);
// res->forces and res->atomic_energy may be NULL. AL_ERR_UNPHYSICAL when the result is not finite.
enum al_err dp_eval_run(struct dp_eval *ev, const struct dp_layout *l, struct pot_result *res);
// The descriptors alone: ret [natoms][dp_config_width], in the order of the atoms.
enum al_err dp_eval_descriptors(struct dp_eval *ev, const struct dp_layout *l, double *ret);

// Chain rule of one row: dE/dd from dE/dR (not normalised).
static inline void dp_row_force(const struct dp_geo *g, v4d gR, double ret[3])
{
    double radial = gR[1] * g->h[0] + gR[2] * g->h[1] + gR[3] * g->h[2];
    double c = gR[0] * g->ds + radial * (g->ds - g->sr);
    for (int a = 0; a < 3; a++)
        ret[a] = c * g->h[a] + g->sr * gR[a + 1];
}
// The same from dE/dR of the harmonics, added to ret.
static inline void dp_row_force_harmonics(const struct dp_geo *g, const double gR[DP_HARMONICS], double ret[3])
{
    double y[DP_HARMONICS], grad[3];
    dp_harmonics(g->h, y);
    dp_harmonics_gradient(g->h, gR, grad);
    double c = g->dq * dp_harmonics_sum(gR, y) - g->qr * (g->h[0] * grad[0] + g->h[1] * grad[1] + g->h[2] * grad[2]);
    for (int a = 0; a < 3; a++)
        ret[a] += c * g->h[a] + g->qr * grad[a];
}
// From the groups 1 .. DP_GROUPS - 1 of dE/dR~, stride apart, times scale.
static inline void dp_row_force_groups(const struct dp_geo *g, const v4d *p, int stride, double scale, double ret[3])
{
    v4d four[DP_GROUPS - 1];
    double gR[DP_HARMONICS];
    for (int k = 0; k < DP_GROUPS - 1; k++)
        four[k] = p[k * stride] * v4_set(scale);
    dp_groups_back(four, gR);
    dp_row_force_harmonics(g, gR, ret);
}
// Tangent of R (not normalised) when d moves by v.
static inline v4d dp_row_tangent(const struct dp_geo *g, const double v[3])
{
    double vr = v[0] * g->h[0] + v[1] * g->h[1] + v[2] * g->h[2]; // dr
    double c = vr * (g->ds - g->sr);
    return (v4d){g->ds * vr, g->sr * v[0] + c * g->h[0], g->sr * v[1] + c * g->h[1],
                 g->sr * v[2] + c * g->h[2]};
}
static inline void dp_row_tangent_harmonics(const struct dp_geo *g, const double v[3], double ret[DP_HARMONICS])
{
    double vr = v[0] * g->h[0] + v[1] * g->h[1] + v[2] * g->h[2], y[DP_HARMONICS], across[3];
    for (int a = 0; a < 3; a++)
        across[a] = v[a] - vr * g->h[a];
    dp_harmonics(g->h, y);
    dp_harmonics_tangent(g->h, across, ret);
    for (int m = 0; m < DP_HARMONICS; m++)
        ret[m] = g->dq * vr * y[m] + g->qr * ret[m];
}

#endif
