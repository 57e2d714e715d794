// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// tanh of LANES doubles; included where LANES is defined. No include guard on purpose.
// tanh(x) = e/(e + 2) with e = expm1(2x) = 2^n p + (2^n - 1), 2x = n ln 2 + r, |r| <= ln 2 / 2, p = expm1(r)
// by its Taylor series (the first omitted term is below 1e-17 of the sum).

typedef double vec __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)), may_alias));
typedef int64_t ivec __attribute__((vector_size(LANES * sizeof(double))));

static inline vec choose(ivec mask, vec a, vec b)
{
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

static inline vec set(double x)
{
    return x - (vec){0};
}

static inline vec tanh_vec(vec x)
{
    const vec magic = set(0x1.8p52); // adding it rounds to an integer held in the low bits
    vec y = x + x;
    y = choose(y > set(40), set(40), y); // tanh(20) = 1 in double precision; NaN goes through
    y = choose(y < set(-40), set(-40), y);
    vec t = y * set(0x1.71547652b82fep0) + magic;
    ivec n = (ivec)t - (ivec)magic;
    vec nd = t - magic;
    vec r = y - nd * set(0x1.62e42fefa3800p-1); // ln 2 in two parts; the first product is exact
    r = r - nd * set(0x1.ef35793c76730p-45);
    static const double c[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                               1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                               1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
    vec r2 = r * r, r4 = r2 * r2;
    vec q0 = (set(c[0]) + set(c[1]) * r) + r2 * (set(c[2]) + set(c[3]) * r);
    vec q1 = (set(c[4]) + set(c[5]) * r) + r2 * (set(c[6]) + set(c[7]) * r);
    vec q2 = (set(c[8]) + set(c[9]) * r) + r2 * (set(c[10]) + set(c[11]) * r);
    vec p = r + r2 * (q0 + r4 * (q1 + r4 * q2));
    vec scale = (vec)((n + 1023) << 52);
    vec e = scale * p + (scale - set(1));
    return e / (e + set(2));
}
