// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// sum_t (x(t+L) - x(t))^2 = sum_t x(t+L)^2 + sum_t x(t)^2 - 2 sum_t x(t) x(t+L); the last sum for all L at once is the inverse
// transform of |X|^2 of the series padded with zeros (V. Calandrini et al., Collection SFN 12, 201 (2011)).
#include <complex.h>
#include <fftw3.h>

#include "base/mem.h"
#include "transport/tr_impl.h"

struct tr_fft {
    long n;
    int padded;
    double *x, *square; // [padded], [n + 1] sums of squares from the start
    fftw_complex *k;    // [padded/2 + 1]
    fftw_plan forward, backward;
};

static int good_length(long n)
{
    static const int prime[] = {2, 3, 5, 7};
    for (;; n++) {
        long m = n;
        for (int i = 0; i < 4; i++)
            while (m % prime[i] == 0)
                m /= prime[i];
        if (m == 1 && n % 2 == 0) return (int)n;
    }
}

void tr_fft_destroy(struct tr_fft **fp)
{
    struct tr_fft *f = *fp;
    if (!f) return;
    if (f->forward) fftw_destroy_plan(f->forward);
    if (f->backward) fftw_destroy_plan(f->backward);
    al_free(f->x);
    al_free(f->square);
    al_free(f->k);
    al_free(f);
    *fp = NULL;
}

enum al_err tr_fft_create(long n, struct tr_fft **ret)
{
    enum { LONGEST = 500000000 };
    AL_OWN(tr_fft) f = NULL;
    if (n < 1 || n > LONGEST) AL_FAIL(AL_ERR_UNSUPPORTED, "a series of %ld values", n);
    AL_ALLOC(f, 1);
    f->n = n;
    f->padded = good_length(2 * n);
    AL_ALLOC(f->x, f->padded);
    AL_ALLOC(f->square, n + 1);
    AL_ALLOC(f->k, f->padded / 2 + 1);
    f->forward = fftw_plan_dft_r2c_1d(f->padded, f->x, f->k, FFTW_ESTIMATE);
    f->backward = fftw_plan_dft_c2r_1d(f->padded, f->k, f->x, FFTW_ESTIMATE);
    if (!f->forward || !f->backward) AL_FAIL(AL_ERR_BUG, "no FFTW plan for %d", f->padded);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

void tr_fft_add_squares(struct tr_fft *f, const double *x, double *sum)
{
    double mean = 0;
    for (long t = 0; t < f->n; t++)
        mean += x[t];
    mean /= (double)f->n;
    f->square[0] = 0;
    for (long t = 0; t < f->n; t++) { // around the mean: less cancellation
        f->x[t] = x[t] - mean;
        f->square[t + 1] = f->square[t] + f->x[t] * f->x[t];
    }
    for (long t = f->n; t < f->padded; t++)
        f->x[t] = 0;
    fftw_execute(f->forward);
    for (int i = 0; i <= f->padded / 2; i++)
        f->k[i] *= conj(f->k[i]);
    fftw_execute(f->backward);
    for (long l = 1; l < f->n; l++)
        sum[l] += (f->square[f->n] - f->square[l]) + f->square[f->n - l] - 2.0 / f->padded * f->x[l];
}
