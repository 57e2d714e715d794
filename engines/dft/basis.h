// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Cell, plane waves of the density (|G|^2/2 <= 4 ecut) and of the orbitals at one k-point (|k+G|^2/2 <=
// ecut). Densities and potentials are replicated (inside xc.c fields are split into slabs of the grid); orbitals are split over the ranks by plane waves: rank r
// holds rows p0 .. p0 + nloc - 1 of every band. Atomic units.
#ifndef AL_DFT_BASIS_H
#define AL_DFT_BASIS_H

#include <stdbool.h>

#include "comm/comm.h"
#include "dft/fft.h"

struct basis {
    struct comm *comm; // borrowed
    double ecut;
    double a[3][3], b[3][3]; // rows; a_i . b_j = 2 pi delta_ij
    double volume;
    double sphere_b[3][3]; // reciprocal vectors by which plane waves are chosen (= b but for tests)
    int n[3], nr;          // FFT grid
    int ng;                // plane waves of the density, ordered by m0, m1, m2: -G is at ng - 1 - i, 0 at ng/2
    int (*mill)[3];        // [ng] G = mill . b
    double (*g)[3];        // [ng]
    double *g2;            // [ng] |G|^2; exactly 0 at G = 0
    int *at;               // [ng] place on the FFT grid
    struct fft3 *fft;
};

// fft_grid entries 0: smallest lengths that hold the sphere. sphere_cell NULL: the cell itself.
enum al_err basis_create(struct comm *c, double ecut, const double cell[3][3], const double (*sphere_cell)[3],
                         const int fft_grid[3], struct basis **ret);
void basis_destroy(struct basis **b);
// Sizes alone: the FFT grid and the number of plane waves of the density; plane waves of the orbitals at k.
enum al_err basis_count(double ecut, const double cell[3][3], const int fft_grid[3], int ret_n[3], double *ret_ng);
double kbasis_count(double ecut, const double cell[3][3], const double k[3]);
void basis_to_r(struct basis *b, const double complex *fg, double *fr); // real part
void basis_to_g(struct basis *b, const double *fr, double complex *fg); // on the sphere
// Two real fields in one transform. The pair: the same, the fields as real and imaginary part of the FFT's work
// array b->fft->work.
void basis_to_pair(struct basis *b, const double complex *fg1, const double complex *fg2);
void basis_from_pair(struct basis *b, double complex *fg1, double complex *fg2);
void basis_to_r2(struct basis *b, const double complex *fg1, const double complex *fg2, double *fr1, double *fr2);
void basis_to_g2(struct basis *b, const double *fr1, const double *fr2, double complex *fg1, double complex *fg2);

// Orbitals at k = 0 are real functions (gamma = true): mill is half of the sphere, one of G and -G, G = 0
// first. An orbital is then held as its coefficients in the orthonormal real functions
// sqrt(2/volume) cos(G.r), -sqrt(2/volume) sin(G.r), that is real and imaginary part of sqrt(2) c(G), and c(0)
// with imaginary part exactly 0. So a dot product of two orbitals is the plain real one over 2 nloc numbers, and
// sums over |c|^2 (norms, kinetic energy) read the same for both kinds.
struct kbasis {
    struct comm *comm;   // borrowed: the ranks that share the plane waves; all sums over them go through this one
    double k[3], weight; // fractions of b; weights sum to 1
    bool gamma;          // real orbitals
    int npw;
    int (*mill)[3]; // [npw], every rank has all
    int p0, nloc;   // this rank's rows
    double (*q)[3]; // [nloc] k + G
    double *q2;     // [nloc]
    struct wfft *fft;
};
// real: real orbitals when k is exactly 0 (false: complex ones everywhere, the twin for tests).
enum al_err kbasis_create(struct basis *b, struct comm *c, const double k[3], double weight, bool real,
                          struct kbasis **ret);
void kbasis_destroy(struct kbasis **k);

#endif
