// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Body of vfft.c for one precision; included there twice, with REAL, LANES and FN(name) defined. No include guard on
// purpose. All transforms are those with exp(-i ...); the others swap real and imaginary parts at both ends.

typedef REAL FN(vec) __attribute__((vector_size(64), may_alias));
typedef struct {
    FN(vec) r, i;
} FN(cv);

#define CV     FN(cv)
#define INLINE static inline __attribute__((always_inline)) void

INLINE FN(dft2)(CV *a, CV *b)
{
    CV t = {a->r - b->r, a->i - b->i};
    *a = (CV){a->r + b->r, a->i + b->i};
    *b = t;
}

INLINE FN(dft3)(CV *a, CV *b, CV *c)
{
    const REAL s60 = (REAL)0.86602540378443864676, half = (REAL)0.5;
    CV s = {b->r + c->r, b->i + c->i}, d = {(b->r - c->r) * s60, (b->i - c->i) * s60};
    CV m = {a->r - s.r * half, a->i - s.i * half};
    *a = (CV){a->r + s.r, a->i + s.i};
    *b = (CV){m.r + d.i, m.i - d.r};
    *c = (CV){m.r - d.i, m.i + d.r};
}

INLINE FN(dft4)(CV *a, CV *b, CV *c, CV *d)
{
    CV t0 = {a->r + c->r, a->i + c->i}, t1 = {a->r - c->r, a->i - c->i};
    CV t2 = {b->r + d->r, b->i + d->i}, t3 = {b->r - d->r, b->i - d->i};
    *a = (CV){t0.r + t2.r, t0.i + t2.i};
    *b = (CV){t1.r + t3.i, t1.i - t3.r};
    *c = (CV){t0.r - t2.r, t0.i - t2.i};
    *d = (CV){t1.r - t3.i, t1.i + t3.r};
}

// Odd primes: with s_j = x_j + x_(r-j), d_j = x_j - x_(r-j): X_k = x_0 + sum_j cos(jk) s_j - i sum_j sin(jk) d_j.
INLINE FN(dft5)(CV *a, CV *b, CV *c, CV *d, CV *e)
{
    const REAL c1 = (REAL)0.30901699437494742410, c2 = (REAL)-0.80901699437494742410;
    const REAL s1 = (REAL)0.95105651629515357212, s2 = (REAL)0.58778525229247312917;
    CV p = {b->r + e->r, b->i + e->i}, m = {b->r - e->r, b->i - e->i};
    CV q = {c->r + d->r, c->i + d->i}, n = {c->r - d->r, c->i - d->i};
    CV x1 = {a->r + p.r * c1 + q.r * c2, a->i + p.i * c1 + q.i * c2};
    CV x2 = {a->r + p.r * c2 + q.r * c1, a->i + p.i * c2 + q.i * c1};
    CV y1 = {m.r * s1 + n.r * s2, m.i * s1 + n.i * s2}, y2 = {m.r * s2 - n.r * s1, m.i * s2 - n.i * s1};
    *a = (CV){a->r + p.r + q.r, a->i + p.i + q.i};
    *b = (CV){x1.r + y1.i, x1.i - y1.r};
    *c = (CV){x2.r + y2.i, x2.i - y2.r};
    *d = (CV){x2.r - y2.i, x2.i + y2.r};
    *e = (CV){x1.r - y1.i, x1.i + y1.r};
}

INLINE FN(dft7)(CV *x)
{
    const REAL c[4] = {1, (REAL)0.62348980185873353053, (REAL)-0.22252093395631440429, (REAL)-0.90096886790241912624};
    const REAL s[4] = {0, (REAL)0.78183148246802980871, (REAL)0.97492791218182360702, (REAL)0.43388373911755812048};
    const CV a = x[0], p1 = {x[1].r + x[6].r, x[1].i + x[6].i}, m1 = {x[1].r - x[6].r, x[1].i - x[6].i};
    const CV p2 = {x[2].r + x[5].r, x[2].i + x[5].i}, m2 = {x[2].r - x[5].r, x[2].i - x[5].i};
    const CV p3 = {x[3].r + x[4].r, x[3].i + x[4].i}, m3 = {x[3].r - x[4].r, x[3].i - x[4].i};
    x[0] = (CV){a.r + p1.r + p2.r + p3.r, a.i + p1.i + p2.i + p3.i};
#pragma GCC unroll 3
    for (int k = 1; k < 4; k++) { // angles k, 2k, 3k mod 7, folded to 1 .. 3
        const int j2 = k == 1 ? 2 : k == 2 ? 3 : 1, j3 = k == 1 ? 3 : k == 2 ? 1 : 2;
        const REAL s1 = s[k], s2 = k == 1 ? s[2] : k == 2 ? -s[3] : -s[1], s3 = k == 1 ? s[3] : k == 2 ? -s[1] : s[2];
        CV u = {a.r + p1.r * c[k] + p2.r * c[j2] + p3.r * c[j3], a.i + p1.i * c[k] + p2.i * c[j2] + p3.i * c[j3]};
        CV w = {m1.r * s1 + m2.r * s2 + m3.r * s3, m1.i * s1 + m2.i * s2 + m3.i * s3};
        x[k] = (CV){u.r + w.i, u.i - w.r};
        x[7 - k] = (CV){u.r - w.i, u.i + w.r};
    }
}

INLINE FN(turn)(CV *x, double c, double s) // times c - i s
{
    const REAL a = (REAL)c, b = (REAL)s;
    *x = (CV){x->r * a + x->i * b, x->i * a - x->r * b};
}

INLINE FN(dft8)(CV *x)
{
    const double h = 0.70710678118654752440;
    FN(dft4)(&x[0], &x[2], &x[4], &x[6]);
    FN(dft4)(&x[1], &x[3], &x[5], &x[7]);
    FN(turn)(&x[3], h, h);
    x[5] = (CV){x[5].i, -x[5].r};
    FN(turn)(&x[7], -h, h);
    FN(dft2)(&x[0], &x[1]);
    FN(dft2)(&x[2], &x[3]);
    FN(dft2)(&x[4], &x[5]);
    FN(dft2)(&x[6], &x[7]);
    const CV y[8] = {x[0], x[2], x[4], x[6], x[1], x[3], x[5], x[7]};
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
        x[k] = y[k];
}

INLINE FN(dft9)(CV *x)
{
    FN(dft3)(&x[0], &x[3], &x[6]);
    FN(dft3)(&x[1], &x[4], &x[7]);
    FN(dft3)(&x[2], &x[5], &x[8]);
    FN(turn)(&x[4], 0.76604444311897803520, 0.64278760968653932632);
    FN(turn)(&x[7], 0.17364817766693034885, 0.98480775301220805937);
    FN(turn)(&x[5], 0.17364817766693034885, 0.98480775301220805937);
    FN(turn)(&x[8], -0.93969262078590838405, 0.34202014332566873304);
    FN(dft3)(&x[0], &x[1], &x[2]);
    FN(dft3)(&x[3], &x[4], &x[5]);
    FN(dft3)(&x[6], &x[7], &x[8]);
    const CV y[9] = {x[0], x[3], x[6], x[1], x[4], x[7], x[2], x[5], x[8]};
#pragma GCC unroll 9
    for (int k = 0; k < 9; k++)
        x[k] = y[k];
}

// Coprime factors without twiddle factors (I. J. Good, J. R. Stat. Soc. B 20, 361, 1958): input (b j + a l) mod ab,
// output by the Chinese remainder theorem.
INLINE FN(dft6)(CV *x)
{
    FN(dft2)(&x[0], &x[3]);
    FN(dft2)(&x[2], &x[5]);
    FN(dft2)(&x[4], &x[1]);
    FN(dft3)(&x[0], &x[2], &x[4]);
    FN(dft3)(&x[3], &x[5], &x[1]);
    const CV y[6] = {x[0], x[5], x[4], x[3], x[2], x[1]}; // 3 k1 + 4 k2
#pragma GCC unroll 6
    for (int k = 0; k < 6; k++)
        x[k] = y[k];
}

INLINE FN(dft10)(CV *x)
{
    FN(dft2)(&x[0], &x[5]);
    FN(dft2)(&x[2], &x[7]);
    FN(dft2)(&x[4], &x[9]);
    FN(dft2)(&x[6], &x[1]);
    FN(dft2)(&x[8], &x[3]);
    FN(dft5)(&x[0], &x[2], &x[4], &x[6], &x[8]);
    FN(dft5)(&x[5], &x[7], &x[9], &x[1], &x[3]);
    const CV y[10] = {x[0], x[7], x[4], x[1], x[8], x[5], x[2], x[9], x[6], x[3]}; // 5 k1 + 6 k2
#pragma GCC unroll 10
    for (int k = 0; k < 10; k++)
        x[k] = y[k];
}

INLINE FN(dft12)(CV *x)
{
    FN(dft3)(&x[0], &x[4], &x[8]);
    FN(dft3)(&x[3], &x[7], &x[11]);
    FN(dft3)(&x[6], &x[10], &x[2]);
    FN(dft3)(&x[9], &x[1], &x[5]);
    FN(dft4)(&x[0], &x[3], &x[6], &x[9]);
    FN(dft4)(&x[4], &x[7], &x[10], &x[1]);
    FN(dft4)(&x[8], &x[11], &x[2], &x[5]);
    // k = 4 k1 + 9 k2 mod 12 from k1 (0: 0 3 6 9, 1: 4 7 10 1, 2: 8 11 2 5) and k2
    const CV y[12] = {x[0], x[7], x[2], x[9], x[4], x[11], x[6], x[1], x[8], x[3], x[10], x[5]};
#pragma GCC unroll 12
    for (int k = 0; k < 12; k++)
        x[k] = y[k];
}

INLINE FN(butterfly)(const int r, CV *x)
{
    if (r == 2) FN(dft2)(&x[0], &x[1]);
    if (r == 3) FN(dft3)(&x[0], &x[1], &x[2]);
    if (r == 4) FN(dft4)(&x[0], &x[1], &x[2], &x[3]);
    if (r == 5) FN(dft5)(&x[0], &x[1], &x[2], &x[3], &x[4]);
    if (r == 6) FN(dft6)(x);
    if (r == 7) FN(dft7)(x);
    if (r == 8) FN(dft8)(x);
    if (r == 9) FN(dft9)(x);
    if (r == 10) FN(dft10)(x);
    if (r == 12) FN(dft12)(x);
}

struct FN(pass) { // x[q + s (p + m j)] -> y[q + s (r p + k)], j, k < r, times exp(-2 pi i p k / (r m))
    int r, m, s;
    const REAL *tw, *root;
    const REAL *in;
    REAL *out;
    size_t is, os; // strides of points
    size_t ir, ii, our, oi; // places of real and imaginary parts in a point
};

INLINE FN(radix)(const int r, const struct FN(pass) *a)
{
    const size_t ji = (size_t)a->s * (size_t)a->m * a->is, ko = (size_t)a->s * a->os;
    for (int p = 0; p < a->m; p++) {
        const REAL *tw = a->tw + (size_t)(2 * (r - 1) * p);
        for (int q = 0; q < a->s; q++) {
            const REAL *in = a->in + (size_t)(q + a->s * p) * a->is;
            REAL *out = a->out + (size_t)(q + a->s * r * p) * a->os;
            CV x[12];
#pragma GCC unroll 12
            for (int j = 0; j < r; j++)
                x[j] = (CV){*(const FN(vec) *)(in + (size_t)j * ji + a->ir),
                            *(const FN(vec) *)(in + (size_t)j * ji + a->ii)};
            FN(butterfly)(r, x);
            if (p > 0) {
#pragma GCC unroll 12
                for (int k = 1; k < r; k++) {
                    const REAL c = tw[2 * k - 2], s = tw[2 * k - 1];
                    x[k] = (CV){x[k].r * c - x[k].i * s, x[k].i * c + x[k].r * s};
                }
            }
#pragma GCC unroll 12
            for (int k = 0; k < r; k++) {
                *(FN(vec) *)(out + (size_t)k * ko + a->our) = x[k].r;
                *(FN(vec) *)(out + (size_t)k * ko + a->oi) = x[k].i;
            }
        }
    }
}

// Other radices, by the definition; in and out differ.
static void FN(any)(const struct FN(pass) *a)
{
    const int r = a->r;
    for (int i = 0; i < a->m * a->s * r; i++) {
        const int q = i % a->s, k = i / a->s % r, p = i / (a->s * r);
        FN(cv) sum = {0};
        for (int j = 0; j < r; j++) {
            const REAL *in = a->in + (size_t)(q + a->s * (p + a->m * j)) * a->is;
            const REAL *w = a->root + (size_t)(j * k % r * 2);
            const FN(vec) re = *(const FN(vec) *)(in + a->ir), im = *(const FN(vec) *)(in + a->ii);
            sum.r += re * w[0] - im * w[1];
            sum.i += im * w[0] + re * w[1];
        }
        const REAL *t = k > 0 ? a->tw + (size_t)(2 * ((r - 1) * p + k - 1)) : a->root;
        REAL *out = a->out + (size_t)i * a->os;
        *(FN(vec) *)(out + a->our) = sum.r * t[0] - sum.i * t[1];
        *(FN(vec) *)(out + a->oi) = sum.i * t[0] + sum.r * t[1];
    }
}

#define RADIX(r)                                                 \
    static __attribute__((noinline)) void FN(radix_##r)(const struct FN(pass) *a) \
    {                                                            \
        FN(radix)(r, a);                                         \
    }
RADIX(2)
RADIX(3)
RADIX(4)
RADIX(5)
RADIX(6)
RADIX(7)
RADIX(8)
RADIX(9)
RADIX(10)
RADIX(12)
#undef RADIX

void FN(vfft_run)(const struct vfft *v, bool to_r, const REAL *in, size_t in_stride, REAL *out, size_t out_stride)
{
    static void (*const code[13])(const struct FN(pass) *) = {
        NULL,         NULL,         FN(radix_2), FN(radix_3),  FN(radix_4), FN(radix_5),  FN(radix_6),
        FN(radix_7), FN(radix_8), FN(radix_9),  FN(radix_10), NULL,         FN(radix_12)};
    struct FN(pass) a = {.m = v->n, .s = 1, .in = in, .is = in_stride};
    a.ir = a.our = to_r ? LANES : 0;
    a.ii = a.oi = LANES - a.ir;
    if (v->passes == 0) { // length 1
        memmove(out, in, 2 * LANES * sizeof *out);
        return;
    }
    const bool copy = v->passes == 1 && v->radix[0] > 10 && v->radix[0] != 12; // any() is not in place
    for (int i = 0; i < v->passes; i++) {
        const bool last = i == v->passes - 1 && !copy;
        a.r = v->radix[i];
        a.m /= a.r;
        a.tw = v->twiddle[i];
        a.root = v->root[i];
        a.out = last ? out : v->scratch[i % 2];
        a.os = last ? out_stride : 2 * LANES;
        if (a.r <= 12 && code[a.r])
            code[a.r](&a);
        else
            FN(any)(&a);
        a.s *= a.r;
        a.in = a.out;
        a.is = a.os;
    }
    if (copy)
        for (int k = 0; k < v->n; k++)
            memcpy(out + (size_t)k * out_stride, a.in + (size_t)k * a.is, 2 * LANES * sizeof *out);
}

#undef CV
#undef INLINE
