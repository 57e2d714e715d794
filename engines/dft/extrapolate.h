// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Start of the SCF from earlier frames of the same atoms (molecular dynamics, batches of frames that follow one
// another). With earlier frames j (0 = the last), their positions x_j and coefficients c_j, sum c_j = 1:
//   density   rho = rho_atoms(x) + sum_j c_j (rho_j - rho_atoms(x_j))
//   orbitals  psi = sum_j c_j P_j psi_0,  P_j = projector on the occupied space of frame j (the same gauge for
//             all: J. Kolafa, J. Comput. Chem. 25, 335 (2004); J. VandeVondele et al., CPC 167, 103 (2005)),
//             orthonormalised by the eigensolver
// c_j: least squares of |x - sum_j c_j x_j| (T. A. Arias, M. C. Payne, J. D. Joannopoulos, PRB 45, 1538 (1992);
// D. Alfe, CPC 118, 31 (1999)), so that steps need not be equal.
// Cells may change: plane waves are matched by their indices, i.e. fields follow the cell.
#ifndef AL_DFT_EXTRAPOLATE_H
#define AL_DFT_EXTRAPOLATE_H

#include "dft/scf.h"

enum { HISTORY_DEPTH = 6 }; // earlier frames kept

struct history;

enum al_err history_create(struct comm *c, struct history **ret); // c is borrowed
void history_destroy(struct history **p);
void history_forget(struct history *h);
int history_frames(const struct history *h);
int history_bands(const struct history *h);  // of each of them // kept

// All collective. Between scf_create and scf_run: overwrites p->rho_in and p->psi and sets p->warm. Where no earlier
// frame fits (other atoms, bands, k-points; atoms that moved further than 0.6 Ang) the history is forgotten
// and p stays as it is.
enum al_err history_start(struct history *h, struct scf *p);
// After scf_run of the same p: remember its result.
enum al_err history_push(struct history *h, const struct scf *p);

// Each rank its own file path.RANK; the exact state. load: as seam/potential.h says.
enum al_err history_save(const struct history *h, const char *path);
enum al_err history_load(struct history *h, const char *path);
void history_discard(const struct history *h, const char *path);

#endif
