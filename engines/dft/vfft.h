// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Many one-dimensional transforms at once, lane by lane in vectors of 64 bytes: 8 in double, 16 in single precision.
// Self-sorting mixed radix passes (Stockham; C. Van Loan, Computational Frameworks for the FFT, SIAM 1992, 1.7)
// between two scratch arrays that stay in the first cache. A point is a block of VFFT_LANES real parts and then as
// many imaginary parts, aligned to 64 bytes.
#ifndef AL_DFT_VFFT_H
#define AL_DFT_VFFT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { VFFT_PASSES = 16, VFFT_LANES_D = 8, VFFT_LANES_S = 16 };

struct vfft {
    int n, passes, radix[VFFT_PASSES];
    void *twiddle[VFFT_PASSES]; // [n / (product of the radices so far)][radix - 1] complex, of the precision
    void *root[VFFT_PASSES];    // [radix] roots of unity, for radices without code of their own
    void *scratch[2];           // [n] points
};
// Any n >= 1; lengths with prime factors above 7 are slow.
enum al_err vfft_create(int n, bool single, struct vfft **ret);
void vfft_destroy(struct vfft **p);
// to_r: sum_k in[k] exp(+2 pi i k j / n), else with the minus sign; no factor. Strides between points in real numbers.
// in == out with equal strides is allowed.
void vfft_run_d(const struct vfft *v, bool to_r, const double *in, size_t in_stride, double *out, size_t out_stride);
void vfft_run_s(const struct vfft *v, bool to_r, const float *in, size_t in_stride, float *out, size_t out_stride);

#endif
