// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Body of wfft.c for one precision; included there twice, with REAL (double or float), LANES (numbers in a vector) and
// FN(name) (name with the precision's suffix) defined. No include guard on purpose.
// Arrays are rows of points as in vfft.h: blocks of LANES real and LANES imaginary parts.

enum { FN(POINT) = 2 * LANES };
typedef REAL FN(vec) __attribute__((vector_size(64), may_alias));

static enum al_err FN(make)(struct wfft *w)
{
    const size_t n0 = (size_t)w->n[0], n1 = (size_t)w->n[1], n2 = (size_t)w->n[2];
    const size_t sticks = (size_t)w->zblocks * n2, longest = (n0 > n1 ? n0 : n1) + LANES;
    void **to[] = {&w->in, &w->rows, &w->out, &w->x_in, &w->x_out, &w->y_in, &w->line};
    const size_t xs = (size_t)w->yblocks * n0, ys = (size_t)w->xblocks * n1;
    const size_t points[] = {sticks, sticks, sticks, xs, xs, ys, longest};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        AL_TRY(al_alloc(points[i] * FN(POINT), sizeof(REAL), to[i]));
    return AL_ERR_OK;
}

static void FN(put)(struct wfft *w, const double complex *c, int p0, int np)
{
    REAL *s = w->in;
    const int *at = w->at + p0;
    for (int j = 0; j < np; j++) {
        s[at[j]] = (REAL)creal(c[j]);
        s[at[j] + LANES] = (REAL)cimag(c[j]);
    }
}

static void FN(get)(const struct wfft *w, double complex *c, int p0, int np)
{
    const REAL *s = w->out;
    const int *at = w->at + p0;
    for (int j = 0; j < np; j++)
        c[j] = CMPLX((double)s[at[j]], (double)s[at[j] + LANES]);
}

// psi1 + i psi2 has the coefficients c1 + i c2 at G and conj(c1) + i conj(c2) at -G (basis.h: factor sqrt 2).
static void FN(put_real)(struct wfft *w, const double complex *c1, const double complex *c2, int p0, int np)
{
    REAL *s = w->in;
    const int *at = w->at + p0, *am = w->minus + p0;
    const REAL f = (REAL)sqrt(0.5);
    for (int j = 0; j < np; j++) {
        REAL a = (REAL)creal(c1[j]), b = (REAL)cimag(c1[j]), c = 0, d = 0;
        if (c2) {
            c = (REAL)creal(c2[j]);
            d = (REAL)cimag(c2[j]);
        }
        s[am[j]] = f * (a + d);
        s[am[j] + LANES] = f * (c - b);
        s[at[j]] = f * (a - d);
        s[at[j] + LANES] = f * (b + c);
    }
    if (p0 == 0 && np > 0) {
        s[at[0]] = (REAL)creal(c1[0]);
        s[at[0] + LANES] = c2 ? (REAL)creal(c2[0]) : 0;
    }
}

static void FN(get_real)(const struct wfft *w, double complex *c1, double complex *c2, int p0, int np)
{
    const REAL *s = w->out;
    const int *at = w->at + p0, *am = w->minus + p0;
    const double f = sqrt(0.5);
    for (int j = 0; j < np; j++) {
        const double a = (double)s[at[j]], b = (double)s[at[j] + LANES];
        const double c = (double)s[am[j]], d = (double)s[am[j] + LANES];
        c1[j] = CMPLX(f * (a + c), f * (b - d));
        if (c2) c2[j] = CMPLX(f * (b + d), f * (c - a));
    }
    if (p0 == 0 && np > 0) {
        c1[0] = CMPLX((double)s[at[0]], 0);
        if (c2) c2[0] = CMPLX((double)s[at[0] + LANES], 0);
    }
}

// LANES vectors as the rows of a square: transposed, by log2(LANES) perfect shuffles of rows j and j + LANES/2.
static inline __attribute__((always_inline)) void FN(transpose)(FN(vec) *a)
{
    FN(vec) b[LANES];
    const FN(ints) low = FN(shuffle_low), high = FN(shuffle_high);
#pragma GCC unroll 4
    for (int step = 1; step < LANES; step *= 2) {
#pragma GCC unroll 8
        for (int j = 0; j < LANES / 2; j++) {
            b[2 * j] = __builtin_shuffle(a[j], a[j + LANES / 2], low);
            b[2 * j + 1] = __builtin_shuffle(a[j], a[j + LANES / 2], high);
        }
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++)
            a[j] = b[j];
    }
}

static void FN(z_transform)(struct wfft *w, bool to_r, const REAL *in, REAL *out)
{
    const size_t row = (size_t)w->zblocks * FN(POINT);
    for (size_t i = 0; i < row; i += FN(POINT))
        FN(vfft_run)(w->fft[2], to_r, in + i, row, out + i, row);
}

// One block of rows along axis 0 (line) into the occupied rows of y_in.
static void FN(x_to_y)(struct wfft *w, int yb)
{
    const REAL *line = w->line;
    const int *y = w->y_row + yb * LANES, ny = w->nrow - yb * LANES < LANES ? w->nrow - yb * LANES : LANES;
    for (int xb = 0; xb < w->xblocks; xb++)
        for (int part = 0; part < 2; part++) {
            FN(vec) a[LANES];
#pragma GCC unroll 16
            for (int l = 0; l < LANES; l++)
                a[l] = *(const FN(vec) *)(line + (size_t)(xb * LANES + l) * FN(POINT) + part * LANES);
            FN(transpose)(a);
            REAL *to = (REAL *)w->y_in + (size_t)xb * FN(POINT) + part * LANES;
            for (int l = 0; l < ny; l++)
                *(FN(vec) *)(to + (size_t)(y[l] * w->xblocks) * FN(POINT)) = a[l];
        }
}

// One block of columns along axis 1 (line) back: its occupied rows into x_out.
static void FN(y_to_x)(struct wfft *w, int xb)
{
    const REAL *line = w->line;
    const int nx = w->n[0] - xb * LANES < LANES ? w->n[0] - xb * LANES : LANES;
    for (int yb = 0; yb < w->yblocks; yb++)
        for (int part = 0; part < 2; part++) {
            FN(vec) a[LANES];
            const int *y = w->y_row + yb * LANES; // padded with a valid row
#pragma GCC unroll 16
            for (int l = 0; l < LANES; l++)
                a[l] = *(const FN(vec) *)(line + (size_t)y[l] * FN(POINT) + part * LANES);
            FN(transpose)(a);
            REAL *to = (REAL *)w->x_out + (size_t)(xb * LANES * w->yblocks + yb) * FN(POINT) + part * LANES;
            for (int l = 0; l < nx; l++)
                *(FN(vec) *)(to + (size_t)(l * w->yblocks) * FN(POINT)) = a[l];
        }
}

static void FN(scatter)(struct wfft *w, const REAL *row)
{
    REAL *x = w->x_in;
    for (int s = 0; s < w->nstick; s++) {
        const REAL *from = row + (s / LANES * FN(POINT) + s % LANES);
        x[w->stick_at[s]] = from[0];
        x[w->stick_at[s] + LANES] = from[LANES];
    }
}

static void FN(gather)(const struct wfft *w, REAL scale, REAL *row)
{
    const REAL *x = w->x_out;
    for (int s = 0; s < w->nstick; s++) {
        REAL *to = row + (s / LANES * FN(POINT) + s % LANES);
        to[0] = scale * x[w->stick_at[s]];
        to[LANES] = scale * x[w->stick_at[s] + LANES];
    }
}

// A plane's sticks into y_in, transformed along axis 0.
static void FN(plane_x)(struct wfft *w, const REAL *row)
{
    const size_t yrow = (size_t)w->yblocks * FN(POINT);
    FN(scatter)(w, row);
    for (int yb = 0; yb < w->yblocks; yb++) {
        memset((REAL *)w->line + (size_t)w->n[0] * FN(POINT), 0, LANES * FN(POINT) * sizeof(REAL));
        FN(vfft_run)(w->fft[0], true, (REAL *)w->x_in + yb * FN(POINT), yrow, w->line, FN(POINT));
        FN(x_to_y)(w, yb);
    }
}

static void FN(times)(const struct wfft *w, const double *v, int nx)
{
    REAL *line = w->line;
    for (int y = 0; y < w->n[1]; y++, v += w->n[0], line += FN(POINT)) {
        REAL f[LANES] = {0};
        if (nx == LANES)
            for (int l = 0; l < LANES; l++)
                f[l] = (REAL)v[l];
        else
            for (int l = 0; l < nx; l++)
                f[l] = (REAL)v[l];
        for (int l = 0; l < LANES; l++)
            line[l] *= f[l];
        for (int l = 0; l < LANES; l++)
            line[l + LANES] *= f[l];
    }
}

static void FN(apply)(struct wfft *w, const double *v)
{
    const int n0 = w->n[0], np = n0 * w->n[1];
    const size_t xrow = (size_t)w->xblocks * FN(POINT), yrow = (size_t)w->yblocks * FN(POINT);
    REAL *rows = w->rows, *x_out = w->x_out;
    FN(z_transform)(w, true, w->in, rows);
    for (int i2 = 0; i2 < w->n[2]; i2++, v += np) {
        REAL *row = rows + (size_t)i2 * (size_t)w->zblocks * FN(POINT);
        FN(plane_x)(w, row);
        for (int xb = 0; xb < w->xblocks; xb++) {
            FN(vfft_run)(w->fft[1], true, (REAL *)w->y_in + xb * FN(POINT), xrow, w->line, FN(POINT));
            FN(times)(w, v + xb * LANES, n0 - xb * LANES < LANES ? n0 - xb * LANES : LANES);
            FN(vfft_run)(w->fft[1], false, w->line, FN(POINT), w->line, FN(POINT));
            FN(y_to_x)(w, xb);
        }
        for (size_t i = 0; i < yrow; i += FN(POINT))
            FN(vfft_run)(w->fft[0], false, x_out + i, yrow, x_out + i, yrow);
        FN(gather)(w, (REAL)(1.0 / ((double)np * w->n[2])), row);
    }
    FN(z_transform)(w, false, rows, w->out);
}

static void FN(add_squares)(const struct wfft *w, double w1, double w2, int nx, double *rho)
{
    const REAL *line = w->line;
    for (int y = 0; y < w->n[1]; y++, rho += w->n[0], line += FN(POINT)) {
        double f[LANES];
        for (int l = 0; l < LANES; l++) {
            const double re = (double)line[l], im = (double)line[l + LANES];
            f[l] = w1 * (re * re) + w2 * (im * im);
        }
        if (nx == LANES)
            for (int l = 0; l < LANES; l++)
                rho[l] += f[l];
        else
            for (int l = 0; l < nx; l++)
                rho[l] += f[l];
    }
}

static void FN(density)(struct wfft *w, double w1, double w2, double *rho)
{
    const int n0 = w->n[0], np = n0 * w->n[1];
    const size_t xrow = (size_t)w->xblocks * FN(POINT);
    FN(z_transform)(w, true, w->in, w->rows);
    for (int i2 = 0; i2 < w->n[2]; i2++, rho += np) {
        FN(plane_x)(w, (REAL *)w->rows + (size_t)i2 * (size_t)w->zblocks * FN(POINT));
        for (int xb = 0; xb < w->xblocks; xb++) {
            FN(vfft_run)(w->fft[1], true, (REAL *)w->y_in + xb * FN(POINT), xrow, w->line, FN(POINT));
            FN(add_squares)(w, w1, w2, n0 - xb * LANES < LANES ? n0 - xb * LANES : LANES, rho + xb * LANES);
        }
    }
}
