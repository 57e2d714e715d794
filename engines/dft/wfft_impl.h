// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Body of wfft.c for one precision; included there twice, with REAL (double or float), FN(name) (name with the
// precision's suffix) and FFTW(name) (FFTW's name in that precision) defined. No include guard on purpose.

typedef REAL complex FN(cplx);

// n transforms of length len: element stride, distance between transforms.
static void *FN(plan)(int len, int howmany, FN(cplx) *in, FN(cplx) *out, int stride, int dist, int sign)
{
    return FFTW(plan_many_dft)(1, &len, howmany, in, NULL, stride, dist, out, NULL, stride, dist, sign,
                               FFTW_ESTIMATE);
}

// Out of place between the two planes, which is faster than in place. lo, hi: sticks reach from -lo to hi along
// axis 0.
static enum al_err FN(make)(struct wfft *w, int lo, int hi)
{
    const int *n = w->n;
    FN(cplx) *a = NULL, *b = NULL, *s = NULL;
    AL_ALLOC(s, (size_t)w->nstick * (size_t)n[2]);
    w->sticks = s;
    AL_ALLOC(a, (size_t)n[0] * (size_t)n[1]);
    w->plane = a;
    AL_ALLOC(b, (size_t)n[0] * (size_t)n[1]);
    w->plane2 = b;
    w->z_to_r = FN(plan)(n[2], w->nstick, s, s, w->nstick, 1, FFTW_BACKWARD);
    w->z_to_g = FN(plan)(n[2], w->nstick, s, s, w->nstick, 1, FFTW_FORWARD);
    bool all = lo + hi + 1 >= n[0];
    w->gap_at = all ? n[0] : hi + 1;
    w->gap = all ? 0 : n[0] - lo - hi - 1;
    w->y_to_r[0] = FN(plan)(n[1], w->gap_at, a, b, n[0], 1, FFTW_BACKWARD);
    w->y_to_g[0] = FN(plan)(n[1], w->gap_at, b, a, n[0], 1, FFTW_FORWARD);
    if (!all && lo > 0) {
        int at = n[0] - lo;
        w->y_to_r[1] = FN(plan)(n[1], lo, a + at, b + at, n[0], 1, FFTW_BACKWARD);
        w->y_to_g[1] = FN(plan)(n[1], lo, b + at, a + at, n[0], 1, FFTW_FORWARD);
        if (!w->y_to_r[1] || !w->y_to_g[1]) AL_FAIL(AL_ERR_BUG, "no FFTW plan");
    }
    w->x_to_r = FN(plan)(n[0], n[1], b, a, 1, n[0], FFTW_BACKWARD);
    w->x_to_g = FN(plan)(n[0], n[1], a, b, 1, n[0], FFTW_FORWARD);
    if (!w->z_to_r || !w->z_to_g || !w->y_to_r[0] || !w->y_to_g[0] || !w->x_to_r || !w->x_to_g)
        AL_FAIL(AL_ERR_BUG, "no FFTW plan");
    return AL_ERR_OK;
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
    FN(cplx) *s = w->sticks;
    const int *at = w->at + p0;
    for (int j = 0; j < np; j++)
        s[at[j]] = (FN(cplx))c[j];
}

static void FN(get)(const struct wfft *w, double complex *c, int p0, int np)
{
    const FN(cplx) *s = w->sticks;
    const int *at = w->at + p0;
    for (int j = 0; j < np; j++)
        c[j] = s[at[j]];
}

// psi1 + i psi2 has the coefficients c1 + i c2 at G and conj(c1) + i conj(c2) at -G (basis.h: factor sqrt 2).
static void FN(put_real)(struct wfft *w, const double complex *c1, const double complex *c2, int p0, int np)
{
    FN(cplx) *s = w->sticks;
    const int *at = w->at + p0, *am = w->at_minus + p0;
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
    const FN(cplx) *s = w->sticks;
    const int *at = w->at + p0, *am = w->at_minus + p0;
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
    const size_t n0 = (size_t)w->n[0], n1 = (size_t)w->n[1];
    FN(cplx) *a = w->plane, *b = w->plane2;
    memset(a, 0, n0 * n1 * sizeof *a);
    for (size_t i1 = 0; w->gap > 0 && i1 < n1; i1++) // columns that no stick meets
        memset(b + i1 * n0 + w->gap_at, 0, (size_t)w->gap * sizeof *b);
    for (int s = 0; s < w->nstick; s++)
        a[w->stick_at[s]] = row[s];
    FFTW(execute)(w->y_to_r[0]);
    if (w->y_to_r[1]) FFTW(execute)(w->y_to_r[1]);
    FFTW(execute)(w->x_to_r);
}

static void FN(apply)(struct wfft *w, const double *v)
{
    const int np = w->n[0] * w->n[1];
    const REAL scale = (REAL)(1.0 / ((double)np * w->n[2]));
    FN(cplx) *plane = w->plane;
    FFTW(execute)(w->z_to_r);
    for (int i2 = 0; i2 < w->n[2]; i2++) {
        FN(cplx) *row = (FN(cplx) *)w->sticks + (size_t)i2 * (size_t)w->nstick;
        const double *vp = v + (size_t)i2 * (size_t)np;
        FN(plane_to_r)(w, row);
        for (int i = 0; i < np; i++)
            plane[i] *= (REAL)vp[i];
        FFTW(execute)(w->x_to_g);
        FFTW(execute)(w->y_to_g[0]);
        if (w->y_to_g[1]) FFTW(execute)(w->y_to_g[1]);
        for (int s = 0; s < w->nstick; s++)
            row[s] = scale * plane[w->stick_at[s]];
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
        FN(plane_to_r)(w, (FN(cplx) *)w->sticks + (size_t)i2 * (size_t)w->nstick);
        for (int i = 0; i < np; i++) {
            double re = creal((double complex)plane[i]), im = cimag((double complex)plane[i]);
            out[i] += w1 * (re * re) + w2 * (im * im);
        }
    }
}
