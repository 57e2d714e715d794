// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Fourier transforms by FFTW3 (fft.c and wfft.c are the only files that call it), plans by FFTW_ESTIMATE so that they never depend
// on timing. Grid point (i0, i1, i2) lies at i0 + n0 (i1 + n1 i2); f(r) = sum_G f(G) exp(iG.r), so the
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

// Orbitals: only the columns along axis 2 ("sticks") that meet the sphere are transformed, then plane by
// plane, where again only the occupied columns are; the plane stays in cache while the potential acts on it.
// Real orbitals (kbasis.gamma) go two at a time, as real and imaginary part of one complex function. single: the
// transforms in single precision, the interface stays double.
struct wfft {
    int n[3], npw, nstick;
    bool real, single;
    int *at;               // [npw] place of plane wave j in sticks
    int *at_minus;         // [npw] real: place of -G
    int *stick_at;         // [nstick] place of a stick in a plane
    void *sticks;          // [n2][nstick] complex numbers of the precision
    void *plane, *plane2;  // [n1][n0] real space (and sticks in), between the axes
    void *z_to_r, *z_to_g; // along axis 2
    void *y_to_r[2], *y_to_g[2]; // along axis 1, columns 0..hi and n0-lo..n0-1 (second may be NULL)
    int gap_at, gap;             // columns between the two sets: no stick there
    void *x_to_r, *x_to_g;       // along axis 0
};
// mill: [npw] reciprocal indices; real: of half the sphere, G = 0 first.
enum al_err wfft_create(const int n[3], int npw, const int (*mill)[3], bool real, bool single,
                        struct wfft **ret);
void wfft_destroy(struct wfft **w);
void wfft_clear(struct wfft *w);
// Coefficients of plane waves p0 .. p0 + np - 1 in and out. c2: the second orbital, real ones only, or NULL.
void wfft_put(struct wfft *w, const double complex *c1, const double complex *c2, int p0, int np);
void wfft_get(const struct wfft *w, double complex *c1, double complex *c2, int p0, int np);
// sticks := sphere part of v(r) psi(r); v [nr].
void wfft_apply(struct wfft *w, const double *v);
// rho[nr] += w1 |psi1(r)|^2 (real: + w2 |psi2(r)|^2); destroys sticks.
void wfft_density(struct wfft *w, double w1, double w2, double *rho);

#endif
