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
// The descriptors alone: ret [natoms][M1*M2], in the order of the atoms.
enum al_err dp_eval_descriptors(struct dp_eval *ev, const struct dp_layout *l, double *ret);

// Chain rule of one row: dE/dd from dE/dR (not normalised).
static inline void dp_row_force(const struct dp_geo *g, v4d gR, double ret[3])
{
    double radial = gR[1] * g->h[0] + gR[2] * g->h[1] + gR[3] * g->h[2];
    double c = gR[0] * g->ds + radial * (g->ds - g->sr);
    for (int a = 0; a < 3; a++)
        ret[a] = c * g->h[a] + g->sr * gR[a + 1];
}
// Tangent of R (not normalised) when d moves by v.
static inline v4d dp_row_tangent(const struct dp_geo *g, const double v[3])
{
    double vr = v[0] * g->h[0] + v[1] * g->h[1] + v[2] * g->h[2]; // dr
    double c = vr * (g->ds - g->sr);
    return (v4d){g->ds * vr, g->sr * v[0] + c * g->h[0], g->sr * v[1] + c * g->h[1],
                 g->sr * v[2] + c * g->h[2]};
}

#endif
