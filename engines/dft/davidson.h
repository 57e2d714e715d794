// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Block Davidson: the lowest bands of the Hamiltonian of one k-point by Rayleigh-Ritz in a growing
// orthonormal subspace of orbitals and preconditioned residuals (E. R. Davidson, J. Comput. Phys. 17, 87,
// 1975).
#ifndef AL_DFT_DAVIDSON_H
#define AL_DFT_DAVIDSON_H

#include "dft/ham.h"
#include "dft/subspace.h"

enum { DAVIDSON_GROWTH = 4 }; // the subspace holds up to this many times the bands

struct davidson_work {
    int nb, nloc;           // largest
    bool single;            // precision of the vectors, chosen from the wanted residual
    void *v, *hv;           // [DAVIDSON_GROWTH nb][nloc] double complex, or half of that float complex
    void *hx;               // [nb][nloc]
    double *res;            // [nb]
    struct subspace *sub;
    const double complex *known; // bands whose product with H for the potential v_last is in hx; NULL: none
    double *v_last;              // [nr], once needed
    double error;                // of that product, about
};
enum al_err davidson_work_create(struct comm *c, int nb, int nloc, bool real, enum dft_dense dense, int rows,
                                 struct davidson_work **ret);
void davidson_work_destroy(struct davidson_work **w);

// x [nb][nloc]: in any start (need not be orthonormal), out Ritz vectors; e[nb] ascending. Stops when the
// residual norms of the lowest nocc bands are below tol (the others: 30 tol), or after maxit expansions;
// *ret_res = largest residual norm of the occupied bands. Not converging is not an error here. Works in single
// precision (w->single then tells) while tol is above davidson_single_from, Ha. x must be left alone from one call to the next, or
// lie elsewhere: H x is known then but for the change of the potential.
extern const double davidson_single_from;
enum al_err davidson(struct ham *h, struct davidson_work *w, int nb, int nocc, double tol, int maxit,
                     double complex *x, double *e, double *ret_res);

#endif
