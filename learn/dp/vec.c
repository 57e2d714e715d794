// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// tanh(x) = e/(e + 2) with e = expm1(2x) = 2^n p + (2^n - 1), 2x = n ln 2 + r, |r| <= ln 2 / 2, p = expm1(r)
// by its Taylor series (the first omitted term is below 1e-17 of the sum).
#include "dp/vec.h"

static inline v4d choose(v4i mask, v4d a, v4d b)
{
    return (v4d)((mask & (v4i)a) | (~mask & (v4i)b));
}

static inline v4d tanh4(v4d x)
{
    const v4d magic = v4_set(0x1.8p52); // adding it rounds to an integer held in the low bits
    v4d y = x + x;
    y = choose(y > v4_set(40), v4_set(40), y); // tanh(20) = 1 in double precision; NaN goes through
    y = choose(y < v4_set(-40), v4_set(-40), y);
    v4d t = y * v4_set(0x1.71547652b82fep0) + magic;
    v4i n = (v4i)t - (v4i)magic;
    v4d nd = t - magic;
    v4d r = y - nd * v4_set(0x1.62e42fefa3800p-1); // ln 2 in two parts; the first product is exact
    r = r - nd * v4_set(0x1.ef35793c76730p-45);
    static const double c[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                               1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                               1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
    v4d r2 = r * r, r4 = r2 * r2;
    v4d q0 = (v4_set(c[0]) + v4_set(c[1]) * r) + r2 * (v4_set(c[2]) + v4_set(c[3]) * r);
    v4d q1 = (v4_set(c[4]) + v4_set(c[5]) * r) + r2 * (v4_set(c[6]) + v4_set(c[7]) * r);
    v4d q2 = (v4_set(c[8]) + v4_set(c[9]) * r) + r2 * (v4_set(c[10]) + v4_set(c[11]) * r);
    v4d p = r + r2 * (q0 + r4 * (q1 + r4 * q2));
    v4d scale = (v4d)((n + 1023) << 52);
    v4d e = scale * p + (scale - v4_set(1));
    return e / (e + v4_set(2));
}

void dp_tanh(double *x, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        v4d a = v4_load(x + i), b = v4_load(x + i + 4);
        v4_store(x + i, tanh4(a));
        v4_store(x + i + 4, tanh4(b));
    }
    for (; i < n; i += 4) {
        double buf[4] = {0};
        size_t m = n - i < 4 ? n - i : 4;
        memcpy(buf, x + i, m * sizeof *x);
        v4_store(buf, tanh4(v4_load(buf)));
        memcpy(x + i, buf, m * sizeof *x);
    }
}
