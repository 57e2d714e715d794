// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Square matrices, real or complex, 2-D block-cyclic over the ranks of a communicator, and the ScaLAPACK routines that
// the subspace problems need. The only place that calls BLACS and ScaLAPACK. Layout: global element (i, j),
// from 0, lives on process row (i / block) % nprow, process column (j / block) % npcol. All functions but
// dmat_put are collective. Panels and matrices hold double (real) or double complex. Only for communicators of more than one rank (one rank: base/linalg.h).
#ifndef AL_COMM_DMAT_H
#define AL_COMM_DMAT_H

#include "comm/comm.h"

struct dgrid {
    struct comm *comm; // borrowed
    struct comm *own;  // BLACS works on it
    int handle, ctx;   // BLACS system handle and context
    int nprow, npcol, myrow, mycol;
    int block;
    double *work, *rwork; // LAPACK workspaces, grow
    int *iwork;
    size_t nwork, nrwork, niwork;
};

// nprow: process rows, a divisor of the ranks; 0: as square as it can be.
enum al_err dgrid_create(struct comm *c, int block, int nprow, struct dgrid **ret);
void dgrid_destroy(struct dgrid **g);

struct dmat {
    struct dgrid *grid; // borrowed
    int nmax;           // the matrix is nmax x nmax; routines work on its leading n x n part
    bool real;          // may be set on a complex matrix, which then holds a real one
    int lrows, lcols;   // local shape, lrows is the leading dimension
    void *a;            // [lcols][lrows]
    int desc[9];
};

enum al_err dmat_create(struct dgrid *g, int nmax, bool real, struct dmat **ret);
void dmat_destroy(struct dmat **m);
// Columns j0 .. j0 + nj - 1, rows 0 .. n - 1, from a panel [nj][ld] that every rank has whole.
void dmat_put(struct dmat *m, int n, int j0, int nj, const void *panel, int ld);
// The inverse: the panel to every rank (ld = n). Collective.
enum al_err dmat_get(const struct dmat *m, int n, int j0, int nj, void *panel);
// Hermitian (symmetric) eigenproblem of the leading n x n part (upper triangle; a is destroyed), eigenvectors into z.
enum al_err dmat_heevd(struct dmat *a, int n, double *w, struct dmat *z);
// Cholesky a = U^H U in place (upper), then U := U^-1; strictly lower triangle set to zero.
// AL_ERR_UNPHYSICAL when a is not positive definite. *ret_pivot = smallest diagonal element of U.
enum al_err dmat_inverse_cholesky(struct dmat *a, int n, double *ret_pivot);

#endif
