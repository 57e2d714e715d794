// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/fft.h"

#include <fftw3.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

int fft_length(int n)
{
    static const int prime[] = {2, 3, 5, 7};
    for (n = n < 1 ? 1 : n;; n++) {
        int m = n;
        for (int i = 0; i < 4; i++)
            while (m % prime[i] == 0)
                m /= prime[i];
        if (m == 1) return n;
    }
}

enum al_err fft3_create(const int n[3], struct fft3 **ret)
{
    AL_OWN(fft3) f = NULL;
    AL_ALLOC(f, 1);
    memcpy(f->n, n, sizeof f->n);
    f->nr = n[0] * n[1] * n[2];
    AL_ALLOC(f->work, f->nr);
    f->to_r = fftw_plan_dft_3d(n[2], n[1], n[0], f->work, f->work, FFTW_BACKWARD, FFTW_ESTIMATE);
    f->to_g = fftw_plan_dft_3d(n[2], n[1], n[0], f->work, f->work, FFTW_FORWARD, FFTW_ESTIMATE);
    if (!f->to_r || !f->to_g) AL_FAIL(AL_ERR_BUG, "no FFTW plan for %d x %d x %d", n[0], n[1], n[2]);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

static void drop(void *plan)
{
    if (plan) fftw_destroy_plan(plan);
}

void fft3_destroy(struct fft3 **f)
{
    if (!*f) return;
    drop((*f)->to_r);
    drop((*f)->to_g);
    al_free((*f)->work);
    al_free(*f);
    *f = NULL;
}

void fft3_to_r(struct fft3 *f)
{
    fftw_execute(f->to_r);
}

void fft3_to_g(struct fft3 *f)
{
    fftw_execute(f->to_g);
}

static int wrap(int m, int n)
{
    return m < 0 ? m + n : m;
}

// n transforms of length len: element stride, distance between transforms.
static void *plan_many(int len, int howmany, double complex *in, double complex *out, int stride, int dist,
                       int sign)
{
    return fftw_plan_many_dft(1, &len, howmany, in, NULL, stride, dist, out, NULL, stride, dist, sign,
                              FFTW_ESTIMATE);
}

// Out of place between the two planes, which is faster than in place.
static enum al_err make_plans(struct wfft *w, int lo, int hi)
{
    const int *n = w->n;
    double complex *a = w->plane, *b = w->plane2;
    w->z_to_r = plan_many(n[2], w->nstick, w->sticks, w->sticks, w->nstick, 1, FFTW_BACKWARD);
    w->z_to_g = plan_many(n[2], w->nstick, w->sticks, w->sticks, w->nstick, 1, FFTW_FORWARD);
    bool all = lo + hi + 1 >= n[0];
    w->gap_at = all ? n[0] : hi + 1;
    w->gap = all ? 0 : n[0] - lo - hi - 1;
    w->y_to_r[0] = plan_many(n[1], w->gap_at, a, b, n[0], 1, FFTW_BACKWARD);
    w->y_to_g[0] = plan_many(n[1], w->gap_at, b, a, n[0], 1, FFTW_FORWARD);
    if (!all && lo > 0) {
        int at = n[0] - lo;
        w->y_to_r[1] = plan_many(n[1], lo, a + at, b + at, n[0], 1, FFTW_BACKWARD);
        w->y_to_g[1] = plan_many(n[1], lo, b + at, a + at, n[0], 1, FFTW_FORWARD);
        if (!w->y_to_r[1] || !w->y_to_g[1]) AL_FAIL(AL_ERR_BUG, "no FFTW plan");
    }
    w->x_to_r = plan_many(n[0], n[1], b, a, 1, n[0], FFTW_BACKWARD);
    w->x_to_g = plan_many(n[0], n[1], a, b, 1, n[0], FFTW_FORWARD);
    if (!w->z_to_r || !w->z_to_g || !w->y_to_r[0] || !w->y_to_g[0] || !w->x_to_r || !w->x_to_g)
        AL_FAIL(AL_ERR_BUG, "no FFTW plan");
    return AL_ERR_OK;
}

// Number the sticks in order of their place in the plane; at[j] from the sticks' numbers.
static enum al_err number_sticks(struct wfft *w, const int (*mill)[3])
{
    const int *n = w->n, np = n[0] * n[1];
    AL_AUTOFREE int *number = NULL;
    AL_ALLOC(number, np);
    for (int j = 0; j < w->npw; j++)
        number[wrap(mill[j][0], n[0]) + n[0] * wrap(mill[j][1], n[1])] = 1;
    for (int i = 0; i < np; i++)
        w->nstick += number[i];
    AL_ALLOC(w->stick_at, w->nstick);
    for (int i = 0, s = 0; i < np; i++)
        if (number[i]) {
            w->stick_at[s] = i;
            number[i] = s++;
        }
    AL_ALLOC(w->at, w->npw);
    for (int j = 0; j < w->npw; j++)
        w->at[j] = wrap(mill[j][2], n[2]) * w->nstick +
                   number[wrap(mill[j][0], n[0]) + n[0] * wrap(mill[j][1], n[1])];
    return AL_ERR_OK;
}

enum al_err wfft_create(const int n[3], int npw, const int (*mill)[3], struct wfft **ret)
{
    AL_OWN(wfft) w = NULL;
    AL_ALLOC(w, 1);
    memcpy(w->n, n, sizeof w->n);
    w->npw = npw;
    int lo = 0, hi = 0;
    for (int j = 0; j < npw; j++) {
        for (int d = 0; d < 3; d++)
            if (2 * mill[j][d] >= n[d] || 2 * mill[j][d] <= -n[d])
                AL_FAIL(AL_ERR_INPUT, "FFT grid %d x %d x %d does not hold the orbitals' sphere", n[0], n[1],
                        n[2]);
        if (mill[j][0] > hi) hi = mill[j][0];
        if (-mill[j][0] > lo) lo = -mill[j][0];
    }
    AL_TRY(number_sticks(w, mill));
    AL_ALLOC(w->sticks, (size_t)w->nstick * (size_t)n[2]);
    AL_ALLOC(w->plane, (size_t)n[0] * (size_t)n[1]);
    AL_ALLOC(w->plane2, (size_t)n[0] * (size_t)n[1]);
    AL_TRY(make_plans(w, lo, hi));
    *ret = w;
    w = NULL;
    return AL_ERR_OK;
}

void wfft_destroy(struct wfft **p)
{
    struct wfft *w = *p;
    if (!w) return;
    void *plans[] = {w->z_to_r,    w->z_to_g,    w->y_to_r[0], w->y_to_r[1],
                     w->y_to_g[0], w->y_to_g[1], w->x_to_r,    w->x_to_g};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        drop(plans[i]);
    al_free(w->at);
    al_free(w->stick_at);
    al_free(w->sticks);
    al_free(w->plane);
    al_free(w->plane2);
    al_free(w);
    *p = NULL;
}

void wfft_clear(struct wfft *w)
{
    memset(w->sticks, 0, (size_t)w->nstick * (size_t)w->n[2] * sizeof *w->sticks);
}

void wfft_put(struct wfft *w, const double complex *c, int p0, int np)
{
    const int *at = w->at + p0;
    for (int j = 0; j < np; j++)
        w->sticks[at[j]] = c[j];
}

void wfft_get(const struct wfft *w, double complex *c, int p0, int np)
{
    const int *at = w->at + p0;
    for (int j = 0; j < np; j++)
        c[j] = w->sticks[at[j]];
}

static void plane_to_r(struct wfft *w, const double complex *row)
{
    const size_t n0 = (size_t)w->n[0], n1 = (size_t)w->n[1];
    memset(w->plane, 0, n0 * n1 * sizeof *w->plane);
    for (size_t i1 = 0; w->gap > 0 && i1 < n1; i1++) // columns that no stick meets
        memset(w->plane2 + i1 * n0 + w->gap_at, 0, (size_t)w->gap * sizeof *w->plane2);
    for (int s = 0; s < w->nstick; s++)
        w->plane[w->stick_at[s]] = row[s];
    fftw_execute(w->y_to_r[0]);
    if (w->y_to_r[1]) fftw_execute(w->y_to_r[1]);
    fftw_execute(w->x_to_r);
}

void wfft_apply(struct wfft *w, const double *v)
{
    const int np = w->n[0] * w->n[1];
    const double scale = 1.0 / ((double)np * w->n[2]);
    fftw_execute(w->z_to_r);
    for (int i2 = 0; i2 < w->n[2]; i2++) {
        double complex *row = w->sticks + (size_t)i2 * (size_t)w->nstick;
        const double *vp = v + (size_t)i2 * (size_t)np;
        plane_to_r(w, row);
        for (int i = 0; i < np; i++)
            w->plane[i] *= vp[i];
        fftw_execute(w->x_to_g);
        fftw_execute(w->y_to_g[0]);
        if (w->y_to_g[1]) fftw_execute(w->y_to_g[1]);
        for (int s = 0; s < w->nstick; s++)
            row[s] = scale * w->plane[w->stick_at[s]];
    }
    fftw_execute(w->z_to_g);
}

void wfft_density(struct wfft *w, double weight, double *rho)
{
    const int np = w->n[0] * w->n[1];
    fftw_execute(w->z_to_r);
    for (int i2 = 0; i2 < w->n[2]; i2++) {
        double *out = rho + (size_t)i2 * (size_t)np;
        plane_to_r(w, w->sticks + (size_t)i2 * (size_t)w->nstick);
        for (int i = 0; i < np; i++) {
            double re = creal(w->plane[i]), im = cimag(w->plane[i]);
            out[i] += weight * (re * re + im * im);
        }
    }
}
