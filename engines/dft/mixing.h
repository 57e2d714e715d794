// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Pulay mixing of the density in reciprocal space (P. Pulay, Chem. Phys. Lett. 73, 393, 1980; metric 4
// pi/G^2, the Coulomb energy of a residual), with an optional Kerker factor G^2/(G^2 + q^2).
#ifndef AL_DFT_MIXING_H
#define AL_DFT_MIXING_H

#include "dft/basis.h"

struct mixer {
    const struct basis *b; // borrowed
    int history, n;        // pairs kept, seen so far
    double beta, kerker;
    double complex **in, **res;         // [history][ng] differences to the step before
    double complex *last_in, *last_res; // [ng]
};
enum al_err mixer_create(const struct basis *b, int history, double beta, double kerker, struct mixer **ret);
void mixer_destroy(struct mixer **p);
// rho_in becomes the next input density. rho(G = 0) never changes.
enum al_err mixer_step(struct mixer *m, double complex *rho_in, const double complex *rho_out);
// Coulomb energy of a - b, Ha.
double mixer_distance(const struct basis *b, const double complex *x, const double complex *y);

#endif
