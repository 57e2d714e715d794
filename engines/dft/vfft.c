// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/vfft.h"

#include <math.h>

#include "base/mem.h"
#include "base/units.h"

#define REAL     double
#define FN(name) name##_d
#define LANES    VFFT_LANES_D
#include "dft/vfft_impl.h"
#undef REAL
#undef FN
#undef LANES
#define REAL     float
#define FN(name) name##_s
#define LANES    VFFT_LANES_S
#include "dft/vfft_impl.h"

// Radices with code of their own, and about what a point costs in them: arithmetic, and loads, stores and twiddle
// factors of one more pass.
static const struct {
    int radix;
    double cost;
} radices[] = {{12, 21}, {10, 22}, {9, 24}, {8, 17}, {7, 23}, {6, 16}, {5, 18}, {4, 13}, {3, 14}, {2, 11}};

// Cheapest product of radices for n.
static double factorize(int n, int *passes, int *radix)
{
    double best = HUGE_VAL;
    *passes = 0;
    if (n == 1) return 0;
    for (size_t i = 0; i < sizeof radices / sizeof *radices; i++) {
        if (n % radices[i].radix != 0) continue;
        int m = 0, rest[VFFT_PASSES];
        double cost = radices[i].cost + factorize(n / radices[i].radix, &m, rest);
        if (cost >= best || m + 1 > VFFT_PASSES) continue;
        best = cost;
        *passes = m + 1;
        radix[0] = radices[i].radix;
        for (int k = 0; k < m; k++)
            radix[k + 1] = rest[k];
    }
    if (*passes > 0) return best;
    int p = 11;
    while (n % p != 0)
        p += 2;
    radix[0] = p;
    best = 4.0 * p + factorize(n / p, passes, radix + 1);
    ++*passes;
    return best;
}

// exp(-2 pi i k / n) as pairs
static void store_root(void *to, bool single, size_t at, long k, long n)
{
    double arg = 2 * AL_PI * (double)(k % n) / (double)n, c = cos(arg), s = -sin(arg);
    if (single) {
        ((float *)to)[2 * at] = (float)c;
        ((float *)to)[2 * at + 1] = (float)s;
    } else {
        ((double *)to)[2 * at] = c;
        ((double *)to)[2 * at + 1] = s;
    }
}

enum al_err vfft_create(int n, bool single, struct vfft **ret)
{
    AL_OWN(vfft) v = NULL;
    AL_ALLOC(v, 1);
    if (n < 1) AL_FAIL(AL_ERR_BUG, "FFT of length %d", n);
    v->n = n;
    factorize(n, &v->passes, v->radix);
    const size_t size = single ? sizeof(float) : sizeof(double);
    for (int i = 0, m = n; i < v->passes; i++) {
        const int r = v->radix[i], len = m;
        m /= r;
        AL_TRY(al_alloc((size_t)m * (size_t)(r - 1) * 2, size, &v->twiddle[i]));
        AL_TRY(al_alloc((size_t)r * 2, size, &v->root[i]));
        for (int p = 0; p < m; p++)
            for (int k = 1; k < r; k++)
                store_root(v->twiddle[i], single, (size_t)(p * (r - 1) + k - 1), (long)p * k, len);
        for (int k = 0; k < r; k++)
            store_root(v->root[i], single, (size_t)k, k, r);
    }
    for (int i = 0; i < 2; i++)
        AL_TRY(al_alloc((size_t)n * 2, 64, &v->scratch[i]));
    *ret = v;
    v = NULL;
    return AL_ERR_OK;
}

void vfft_destroy(struct vfft **p)
{
    struct vfft *v = *p;
    if (!v) return;
    for (int i = 0; i < VFFT_PASSES; i++) {
        al_free(v->twiddle[i]);
        al_free(v->root[i]);
    }
    al_free(v->scratch[0]);
    al_free(v->scratch[1]);
    al_free(v);
    *p = NULL;
}
