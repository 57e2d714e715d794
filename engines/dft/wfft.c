// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <complex.h> // before fftw3.h: its numbers are then double complex
#include <fftw3.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "dft/fft.h"

#define REAL       double
#define FN(name)   name##_d
#define FFTW(name) fftw_##name
#include "dft/wfft_impl.h"
#undef REAL
#undef FN
#undef FFTW
#define REAL       float
#define FN(name)   name##_s
#define FFTW(name) fftwf_##name
#include "dft/wfft_impl.h"

static int wrap(int m, int n)
{
    return m < 0 ? m + n : m;
}

static int in_plane(const struct wfft *w, const int m[3], int sign)
{
    return wrap(sign * m[0], w->n[0]) + w->n[0] * wrap(sign * m[1], w->n[1]);
}

// Number the sticks in order of their place in the plane; places of the plane waves from the sticks' numbers.
static enum al_err number_sticks(struct wfft *w, const int (*mill)[3])
{
    const int *n = w->n, np = n[0] * n[1];
    AL_AUTOFREE int *number = NULL;
    AL_ALLOC(number, np);
    for (int j = 0; j < w->npw; j++) {
        number[in_plane(w, mill[j], 1)] = 1;
        if (w->real) number[in_plane(w, mill[j], -1)] = 1;
    }
    for (int i = 0; i < np; i++)
        w->nstick += number[i];
    AL_ALLOC(w->stick_at, w->nstick);
    for (int i = 0, s = 0; i < np; i++)
        if (number[i]) {
            int i0 = i % n[0];
            w->stick_at[s] = i / n[0] * w->ncol + (i0 < w->nhi ? i0 : i0 - n[0] + w->ncol);
            number[i] = s++;
        }
    int **in[2] = {&w->at_in, &w->minus_in}, **out[2] = {&w->at_out, &w->minus_out};
    for (int k = 0; k < (w->real ? 2 : 1); k++) {
        const int sign = k == 0 ? 1 : -1;
        AL_ALLOC(*in[k], w->npw);
        AL_ALLOC(*out[k], w->npw);
        for (int j = 0; j < w->npw; j++) {
            int z = wrap(sign * mill[j][2], n[2]), s = number[in_plane(w, mill[j], sign)];
            (*in[k])[j] = s * n[2] + z;
            (*out[k])[j] = z * w->nstick + s;
        }
    }
    return AL_ERR_OK;
}

enum al_err wfft_create(const int n[3], int npw, const int (*mill)[3], bool real, bool single,
                        struct wfft **ret)
{
    AL_OWN(wfft) w = NULL;
    AL_ALLOC(w, 1);
    memcpy(w->n, n, sizeof w->n);
    w->npw = npw;
    w->real = real;
    w->single = single;
    if (real && (npw < 1 || mill[0][0] != 0 || mill[0][1] != 0 || mill[0][2] != 0))
        AL_FAIL(AL_ERR_BUG, "half a sphere has to begin with G = 0");
    int lo = 0, hi = 0;
    for (int j = 0; j < npw; j++) {
        for (int d = 0; d < 3; d++)
            if (2 * mill[j][d] >= n[d] || 2 * mill[j][d] <= -n[d])
                AL_FAIL(AL_ERR_INPUT, "FFT grid %d x %d x %d does not hold the orbitals' sphere", n[0], n[1],
                        n[2]);
        if (mill[j][0] > hi) hi = mill[j][0];
        if (-mill[j][0] > lo) lo = -mill[j][0];
    }
    if (real) lo = hi = lo > hi ? lo : hi;
    bool all = lo + hi + 1 >= n[0];
    w->nhi = all ? n[0] : hi + 1;
    w->ncol = all ? n[0] : hi + 1 + lo;
    AL_TRY(number_sticks(w, mill));
    AL_TRY(single ? make_s(w) : make_d(w));
    *ret = w;
    w = NULL;
    return AL_ERR_OK;
}

void wfft_destroy(struct wfft **p)
{
    struct wfft *w = *p;
    if (!w) return;
    if (w->single)
        drop_s(w);
    else
        drop_d(w);
    void *all[] = {w->at_in,   w->at_out,   w->minus_in, w->minus_out, w->stick_at,  w->in,       w->rows, w->out,
                   w->pack_in, w->plane_in, w->plane,    w->plane_out, w->pack_out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        al_free(all[i]);
    al_free(w);
    *p = NULL;
}

void wfft_put(struct wfft *w, const double complex *c1, const double complex *c2, int p0, int np)
{
    if (w->real)
        (w->single ? put_real_s : put_real_d)(w, c1, c2, p0, np);
    else
        (w->single ? put_s : put_d)(w, c1, p0, np);
}

void wfft_get(const struct wfft *w, double complex *c1, double complex *c2, int p0, int np)
{
    if (w->real)
        (w->single ? get_real_s : get_real_d)(w, c1, c2, p0, np);
    else
        (w->single ? get_s : get_d)(w, c1, p0, np);
}

void wfft_apply(struct wfft *w, const double *v)
{
    (w->single ? apply_s : apply_d)(w, v);
}

void wfft_density(struct wfft *w, double w1, double w2, double *rho)
{
    (w->single ? density_s : density_d)(w, w1, w->real ? w2 : w1, rho);
}
