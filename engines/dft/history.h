// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside of extrapolate.h: the memory of earlier frames, for extrapolate.c and its files (history_file.c). All frames
// are kept in the plane waves of the last one.
#ifndef AL_DFT_HISTORY_H
#define AL_DFT_HISTORY_H

#include "dft/extrapolate.h"

struct snapshot {
    double (*tau)[3];     // [natoms] fractions of the cell
    double complex *rho;  // [ng] electrons: volume times (density - superposed atoms)
    double complex **psi; // [nk][nb][nloc]
};

struct history_k { // plane waves of a k-point
    double k[3];
    int npw, p0, nloc;
    int (*mill)[3]; // [npw]
};

struct history {
    struct comm *comm; // borrowed
    int n;             // frames, newest first
    int natoms, nb, nk, ng;
    int nocc;               // lowest bands that are extrapolated: those that held electrons in the last frame
    double residual;        // of the last frame's first SCF step, Ha: what the next one may expect; 0: none yet
    int *kind;              // [natoms]
    int (*mill)[3];         // [ng]
    struct history_k *k;    // [nk]
    struct snapshot s[HISTORY_DEPTH];
    double complex *atomic; // [ng] superposed atoms of the frame between start and push, electrons
};

enum al_err history_room(const struct history *h, struct snapshot *s); // empty arrays
enum al_err history_describe_k(struct history_k *d, const struct kbasis *k);

#endif
