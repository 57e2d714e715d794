// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Fourier transforms: of whole grids by FFTW3 (fft.c is the only file that calls it), plans by FFTW_ESTIMATE so that they
// never depend on timing; of orbitals by our own vectors of transforms (vfft.h), 1.3 to 3.3 times as fast (bench_fft). Grid point (i0, i1, i2) lies at i0 + n0 (i1 + n1 i2); f(r) = sum_G f(G) exp(iG.r), so the
// transform to r has factor 1, that to G has 1/(n0 n1 n2).
#ifndef AL_DFT_FFT_H
#define AL_DFT_FFT_H

#include <complex.h>
#include <stdbool.h>

#include "base/err.h"

// Smallest length >= n with factors 2, 3, 5, 7 only.
int fft_length(int n);

struct fft3 { // whole grids: densities and potentials
    int n[3], nr;
    void *to_r, *to_g;    // plans, in place
    double complex *work; // [nr] the array that is transformed
};
enum al_err fft3_create(const int n[3], struct fft3 **ret);
void fft3_destroy(struct fft3 **f);
void fft3_to_r(struct fft3 *f); // work in place
void fft3_to_g(struct fft3 *f); // without the factor 1/nr

// Orbitals: only the columns along axis 2 ("sticks") that meet the sphere are transformed, then plane by plane along
// axis 0 the occupied rows and along axis 1 all columns, where the potential acts on one block of columns at a time in
// the first cache. Zeros in the inputs are written once and for all. Real orbitals (kbasis.gamma) go two at a time, as
// real and imaginary part of one complex function. single: the transforms in single precision, the interface stays
// double. Arrays are points of vfft.h: the lanes are sticks (in, rows, out), rows (x_*) or columns (y_in).
// Replicated on each rank: 3 nstick n2 + about 2 n0 n1 complex numbers.
struct vfft;
struct wfft {
    int n[3], npw, nstick;
    bool real, single;
    int *at, *minus;               // [npw] place of plane wave j, and real: of -G, in in and out
    int *stick_at;                 // [nstick] place of a stick in x_in and x_out
    int nrow, *y_row;              // occupied values of index 1
    int zblocks, yblocks, xblocks; // vectors of sticks, of occupied rows, of columns
    struct vfft *fft[3];
    void *in, *rows, *out; // [n2][zblocks]
    void *x_in, *x_out;    // [n0][yblocks] before axis 0 and on the way back
    void *y_in;            // [n1][xblocks] before axis 1 (0 between the occupied rows)
    void *line;            // [max(n0, n1) + LANES] one block
};
// mill: [npw] reciprocal indices; real: of half the sphere, G = 0 first.
enum al_err wfft_create(const int n[3], int npw, const int (*mill)[3], bool real, bool single,
                        struct wfft **ret);
void wfft_destroy(struct wfft **p);
// Coefficients of plane waves p0 .. p0 + np - 1 in (all of them before a transform) and out. c2: the second
// orbital, real ones only, or NULL.
void wfft_put(struct wfft *w, const double complex *c1, const double complex *c2, int p0, int np);
void wfft_get(const struct wfft *w, double complex *c1, double complex *c2, int p0, int np);
// out := sphere part of v(r) psi(r); v [nr].
void wfft_apply(struct wfft *w, const double *v);
// rho[nr] += w1 |psi1(r)|^2 (real: + w2 |psi2(r)|^2).
void wfft_density(struct wfft *w, double w1, double w2, double *rho);

#endif
