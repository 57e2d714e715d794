// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Body of wfft.c for one precision; included there twice, with REAL (double or float), FN(name) (name with the
// precision's suffix) and FFTW(name) (FFTW's name in that precision) defined. No include guard on purpose.

typedef REAL complex FN(cplx);

// n transforms of length len: element stride, distance between transforms, in and out.
static void *FN(plan)(int len, int howmany, FN(cplx) *in, int si, int di, FN(cplx) *out, int so, int dout, int sign)
{
    return FFTW(plan_many_dft)(1, &len, howmany, in, NULL, si, di, out, NULL, so, dout, sign, FFTW_ESTIMATE);
}

static enum al_err FN(plans)(struct wfft *w)
{
    const int *n = w->n, s = w->nstick, nc = w->ncol, lo = nc - w->nhi, gap = n[0] - lo;
    FN(cplx) *pi = w->pack_in, *po = w->pack_out, *a = w->plane_in, *b = w->plane_out;
    w->z_to_r = FN(plan)(n[2], s, w->in, 1, n[2], w->rows, s, 1, FFTW_BACKWARD);
    w->z_to_g = FN(plan)(n[2], s, w->rows, s, 1, w->out, s, 1, FFTW_FORWARD);
    w->y_to_r[0] = FN(plan)(n[1], w->nhi, pi, nc, 1, a, n[0], 1, FFTW_BACKWARD);
    w->y_to_g[0] = FN(plan)(n[1], w->nhi, b, n[0], 1, po, nc, 1, FFTW_FORWARD);
    if (lo > 0) {
        w->y_to_r[1] = FN(plan)(n[1], lo, pi + w->nhi, nc, 1, a + gap, n[0], 1, FFTW_BACKWARD);
        w->y_to_g[1] = FN(plan)(n[1], lo, b + gap, n[0], 1, po + w->nhi, nc, 1, FFTW_FORWARD);
        if (!w->y_to_r[1] || !w->y_to_g[1]) AL_FAIL(AL_ERR_BUG, "no FFTW plan");
    }
    w->x_to_r = FN(plan)(n[0], n[1], a, 1, n[0], w->plane, 1, n[0], FFTW_BACKWARD);
    w->x_to_g = FN(plan)(n[0], n[1], w->plane, 1, n[0], b, 1, n[0], FFTW_FORWARD);
    if (!w->z_to_r || !w->z_to_g || !w->y_to_r[0] || !w->y_to_g[0] || !w->x_to_r || !w->x_to_g)
        AL_FAIL(AL_ERR_BUG, "no FFTW plan");
    return AL_ERR_OK;
}

static enum al_err FN(make)(struct wfft *w)
{
    const size_t n0 = (size_t)w->n[0], n1 = (size_t)w->n[1], sticks = (size_t)w->nstick * (size_t)w->n[2];
    void **whole[] = {&w->in, &w->rows, &w->out}, **planes[] = {&w->plane_in, &w->plane, &w->plane_out};
    for (int i = 0; i < 3; i++) {
        AL_TRY(al_alloc(sticks, sizeof(FN(cplx)), whole[i]));
        AL_TRY(al_alloc(n0 * n1, sizeof(FN(cplx)), planes[i]));
    }
    AL_TRY(al_alloc(n1 * (size_t)w->ncol, sizeof(FN(cplx)), &w->pack_in));
    AL_TRY(al_alloc(n1 * (size_t)w->ncol, sizeof(FN(cplx)), &w->pack_out));
    return FN(plans)(w);
}

static void FN(drop)(struct wfft *w)
{
    void *plans[] = {w->z_to_r,    w->z_to_g,    w->y_to_r[0], w->y_to_r[1],
                     w->y_to_g[0], w->y_to_g[1], w->x_to_r,    w->x_to_g};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        if (plans[i]) FFTW(destroy_plan)(plans[i]);
}

static void FN(put)(struct wfft *w, const double complex *c, int p0, int np)
{
    FN(cplx) *s = w->in;
    const int *at = w->at_in + p0;
    for (int j = 0; j < np; j++)
        s[at[j]] = (FN(cplx))c[j];
}

static void FN(get)(const struct wfft *w, double complex *c, int p0, int np)
{
    const FN(cplx) *s = w->out;
    const int *at = w->at_out + p0;
    for (int j = 0; j < np; j++)
        c[j] = s[at[j]];
}

// psi1 + i psi2 has the coefficients c1 + i c2 at G and conj(c1) + i conj(c2) at -G (basis.h: factor sqrt 2).
static void FN(put_real)(struct wfft *w, const double complex *c1, const double complex *c2, int p0, int np)
{
    FN(cplx) *s = w->in;
    const int *at = w->at_in + p0, *am = w->minus_in + p0;
    const REAL f = (REAL)sqrt(0.5);
    for (int j = 0; j < np; j++) {
        REAL a = (REAL)creal(c1[j]), b = (REAL)cimag(c1[j]), c = 0, d = 0;
        if (c2) {
            c = (REAL)creal(c2[j]);
            d = (REAL)cimag(c2[j]);
        }
        s[am[j]] = f * (a + d) + f * (c - b) * (FN(cplx))I;
        s[at[j]] = f * (a - d) + f * (b + c) * (FN(cplx))I;
    }
    if (p0 == 0 && np > 0) s[at[0]] = (REAL)creal(c1[0]) + (c2 ? (REAL)creal(c2[0]) : 0) * (FN(cplx))I;
}

static void FN(get_real)(const struct wfft *w, double complex *c1, double complex *c2, int p0, int np)
{
    const FN(cplx) *s = w->out;
    const int *at = w->at_out + p0, *am = w->minus_out + p0;
    const double f = sqrt(0.5);
    for (int j = 0; j < np; j++) {
        double complex u = s[at[j]], v = s[am[j]];
        c1[j] = CMPLX(f * (creal(u) + creal(v)), f * (cimag(u) - cimag(v)));
        if (c2) c2[j] = CMPLX(f * (cimag(u) + cimag(v)), f * (creal(v) - creal(u)));
    }
    if (p0 == 0 && np > 0) {
        c1[0] = CMPLX((double)creal((double complex)s[at[0]]), 0);
        if (c2) c2[0] = CMPLX((double)cimag((double complex)s[at[0]]), 0);
    }
}

static void FN(plane_to_r)(struct wfft *w, const FN(cplx) *row)
{
    FN(cplx) *pack = w->pack_in;
    for (int s = 0; s < w->nstick; s++)
        pack[w->stick_at[s]] = row[s];
    FFTW(execute)(w->y_to_r[0]);
    if (w->y_to_r[1]) FFTW(execute)(w->y_to_r[1]);
    FFTW(execute)(w->x_to_r);
}

static void FN(plane_to_g)(struct wfft *w, REAL scale, FN(cplx) *row)
{
    const FN(cplx) *pack = w->pack_out;
    FFTW(execute)(w->x_to_g);
    FFTW(execute)(w->y_to_g[0]);
    if (w->y_to_g[1]) FFTW(execute)(w->y_to_g[1]);
    for (int s = 0; s < w->nstick; s++)
        row[s] = scale * pack[w->stick_at[s]];
}

static void FN(apply)(struct wfft *w, const double *v)
{
    const int np = w->n[0] * w->n[1];
    const REAL scale = (REAL)(1.0 / ((double)np * w->n[2]));
    FN(cplx) *plane = w->plane;
    FFTW(execute)(w->z_to_r);
    for (int i2 = 0; i2 < w->n[2]; i2++) {
        FN(cplx) *row = (FN(cplx) *)w->rows + (size_t)i2 * (size_t)w->nstick;
        const double *vp = v + (size_t)i2 * (size_t)np;
        FN(plane_to_r)(w, row);
        for (int i = 0; i < np; i++)
            plane[i] *= (REAL)vp[i];
        FN(plane_to_g)(w, scale, row);
    }
    FFTW(execute)(w->z_to_g);
}

static void FN(density)(struct wfft *w, double w1, double w2, double *rho)
{
    const int np = w->n[0] * w->n[1];
    const FN(cplx) *plane = w->plane;
    FFTW(execute)(w->z_to_r);
    for (int i2 = 0; i2 < w->n[2]; i2++) {
        double *out = rho + (size_t)i2 * (size_t)np;
        FN(plane_to_r)(w, (FN(cplx) *)w->rows + (size_t)i2 * (size_t)w->nstick);
        for (int i = 0; i < np; i++) {
            double re = creal((double complex)plane[i]), im = cimag((double complex)plane[i]);
            out[i] += w1 * (re * re) + w2 * (im * im);
        }
    }
}
