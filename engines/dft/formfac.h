// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Form factors of one pseudopotential on a fine grid in q: closed forms for Gaussians (GTH), radial integrals on
// the file's own mesh for tables.
//
//   projector c of angular momentum l:  g_c(q) = 4 pi int r beta(r) r^(l+1) J_l(qr) dr,  J_l(x) = j_l(x)/x^l,
//       so that <q|beta Y_lm> sqrt(volume) = g_c(q) S_lm(q) with the solid harmonic S_lm = q^l Y_lm (analytic
//       in q);
//   local:   F(q) = 4 pi int (r V(r) + Z) r J_0(qr) dr,  v(q) = F(q) - 4 pi Z / q^2;
//   core, valence: 4 pi int r^2 rho(r) J_0(qr) dr.
//
// Derivatives from J_l'(x) = -x J_(l+1)(x); values between the points by quintic Hermite interpolation, so that
// value and derivative of a table belong to one smooth function, to 1e-10 of a function that ends at 6 bohr.
#ifndef AL_DFT_FORMFAC_H
#define AL_DFT_FORMFAC_H

#include "dft/pseudo.h"

struct qtable {
    double (*f)[3]; // [n] value, first and second derivative at q = i dq
    double dq;
    int n;
};

struct formfac {
    const struct pseudo *psp; // borrowed
    struct qtable beta[PSP_CHANNELS];
    struct qtable local, core, valence; // core.n = 0: no core correction
};

// Tables up to qmax (1/bohr).
enum al_err formfac_create(const struct pseudo *p, double qmax, struct formfac **ret);
void formfac_destroy(struct formfac **f);
// Value and derivative at q; 0 beyond the table.
void qtable_eval(const struct qtable *t, double q, double *ret_f, double *ret_df);

#endif
