// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The Hamiltonian of one k-point on blocks of bands, and the density of bands. Blocks are [nb][nloc]: this
// rank's rows of each band. For the FFTs a block is transposed so that each rank has whole bands.
#ifndef AL_DFT_HAM_H
#define AL_DFT_HAM_H

#include "dft/terms.h"

struct ham {
    const struct dft_system *s; // borrowed
    struct kbasis *k;           // borrowed
    const double *v;            // [nr] local potential, borrowed
    struct nonlocal *nl;        // owned
    double vmean;               // mean of v, set by the owner with v (preconditioner)
    double *diag;               // [nloc] diagonal of the nonlocal part
    // For ham_apply_single, made by its first call and kept (and half of nl->b again).
    struct wfft *fft_single;
    double complex *wide; // [2][npw] a pair of bands
    int nbmax;                  // largest block
    double *p;                  // [nbmax][nproj] (terms.h)
    double complex *bands;      // [npw * bands of this rank] transposed block (more than one rank)
    int *counts;                // [4 * size] of alltoallv
    long applies, ffts;         // so far, of all ranks: H|psi> products, transforms (two real bands share one)
};
enum al_err ham_create(const struct dft_system *s, struct kbasis *k, const double *v, int nbmax,
                       struct ham **ret);
void ham_destroy(struct ham **h);
enum al_err ham_apply(struct ham *h, int nb, const double complex *c, double complex *hc);
// The same in single precision (H psi to about 1e-6 of its size; sums over the ranks stay double): for residuals far
// above that.
enum al_err ham_apply_single(struct ham *h, int nb, const float complex *c, float complex *hc);
// dhc := dv c in single precision: what a change of the potential by dv adds. Counted as a product.
enum al_err ham_change_single(struct ham *h, const double *dv, int nb, const float complex *c, float complex *dhc);
// rho[nr] += sum_j weight[j] |psi_j(r)|^2 over the bands that this rank transforms.
void ham_density(struct ham *h, int nb, const double *weight, const double complex *c, double *rho);

#endif
