// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "dft/fft.h"
#include "dft/vfft.h"

typedef int64_t ints_d __attribute__((vector_size(64)));
typedef int32_t ints_s __attribute__((vector_size(64)));
#define shuffle_low_d  ((ints_d){0, 8, 1, 9, 2, 10, 3, 11})
#define shuffle_high_d ((ints_d){4, 12, 5, 13, 6, 14, 7, 15})
#define shuffle_low_s  ((ints_s){0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23})
#define shuffle_high_s ((ints_s){8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31})

#define REAL     double
#define FN(name) name##_d
#define LANES    VFFT_LANES_D
#include "dft/wfft_impl.h"
#undef REAL
#undef FN
#undef LANES
#define REAL     float
#define FN(name) name##_s
#define LANES    VFFT_LANES_S
#include "dft/wfft_impl.h"

static int wrap(int m, int n)
{
    return m < 0 ? m + n : m;
}

static int in_plane(const struct wfft *w, const int m[3], int sign)
{
    return wrap(sign * m[0], w->n[0]) + w->n[0] * wrap(sign * m[1], w->n[1]);
}

static int blocks(int n, int lanes)
{
    return (n + lanes - 1) / lanes;
}

// Occupied rows (values of index 1), in order; the last repeated up to a whole block.
static enum al_err number_rows(struct wfft *w, const int *occupied, int lanes)
{
    const int *n = w->n;
    AL_ALLOC(w->y_row, n[1] + lanes);
    for (int i1 = 0; i1 < n[1]; i1++)
        for (int i0 = 0; i0 < n[0]; i0++)
            if (occupied[i0 + n[0] * i1]) {
                w->y_row[w->nrow++] = i1;
                break;
            }
    w->yblocks = blocks(w->nrow, lanes);
    for (int i = w->nrow; i < w->yblocks * lanes; i++)
        w->y_row[i] = w->y_row[w->nrow - 1];
    return AL_ERR_OK;
}

// Number the sticks in order of their place in x_in; places of the plane waves from the sticks' numbers.
static enum al_err number_sticks(struct wfft *w, const int (*mill)[3])
{
    const int *n = w->n, np = n[0] * n[1], lanes = w->single ? VFFT_LANES_S : VFFT_LANES_D;
    AL_AUTOFREE int *number = NULL;
    AL_ALLOC(number, np);
    for (int j = 0; j < w->npw; j++) {
        number[in_plane(w, mill[j], 1)] = 1;
        if (w->real) number[in_plane(w, mill[j], -1)] = 1;
    }
    for (int i = 0; i < np; i++)
        w->nstick += number[i];
    AL_TRY(number_rows(w, number, lanes));
    w->xblocks = blocks(n[0], lanes);
    w->zblocks = blocks(w->nstick, lanes);
    AL_ALLOC(w->stick_at, w->nstick);
    for (int i0 = 0, s = 0; i0 < n[0]; i0++)
        for (int y = 0; y < w->nrow; y++) {
            int *at = &number[i0 + n[0] * w->y_row[y]];
            if (!*at) continue;
            w->stick_at[s] = (i0 * w->yblocks + y / lanes) * 2 * lanes + y % lanes;
            *at = s++;
        }
    int **place[2] = {&w->at, &w->minus};
    for (int k = 0; k < (w->real ? 2 : 1); k++) {
        const int sign = k == 0 ? 1 : -1;
        AL_ALLOC(*place[k], w->npw);
        for (int j = 0; j < w->npw; j++) {
            int z = wrap(sign * mill[j][2], n[2]), s = number[in_plane(w, mill[j], sign)];
            (*place[k])[j] = (z * w->zblocks + s / lanes) * 2 * lanes + s % lanes;
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
    for (int j = 0; j < npw; j++)
        for (int d = 0; d < 3; d++)
            if (2 * mill[j][d] >= n[d] || 2 * mill[j][d] <= -n[d])
                AL_FAIL(AL_ERR_INPUT, "FFT grid %d x %d x %d does not hold the orbitals' sphere", n[0], n[1],
                        n[2]);
    for (int d = 0; d < 3; d++)
        AL_TRY(vfft_create(n[d], single, &w->fft[d]));
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
    for (int d = 0; d < 3; d++)
        vfft_destroy(&w->fft[d]);
    void *all[] = {w->at,   w->minus, w->y_row, w->stick_at, w->in,  w->rows,
                   w->out, w->x_in,  w->x_out, w->y_in,     w->line};
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
