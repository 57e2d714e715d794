// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/xc_pbe.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/units.h"

// exp and log without branches and tables, for the vectoriser: relative error a few 1e-16 for arguments that occur
// here (finite; exp: |x| < 700; log: normal numbers > 0).
static inline int64_t bits(double x)
{
    int64_t i;
    memcpy(&i, &x, sizeof i);
    return i;
}

static inline double from_bits(int64_t i)
{
    double x;
    memcpy(&x, &i, sizeof x);
    return x;
}

// x = k ln 2 + r, Taylor series of exp(r), |r| <= ln(2) / 2.
static inline double fast_exp(double x)
{
    const double shifter = 0x1.8p52, kd = x * 0x1.71547652b82fep0 + shifter, k = kd - shifter;
    const double r = (x - k * 0x1.62e42fefa0000p-1) - k * 0x1.cf79abc9e3b39p-40;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    return p * from_bits((int64_t)((uint64_t)(bits(kd) + 1023) << 52));
}

// x = 2^k m, 1/sqrt 2 <= m < sqrt 2; log m = 2 artanh((m - 1) / (m + 1)) by its series.
static inline double fast_log(double x)
{
    const uint64_t up = (uint64_t)bits(x) - 0x3fe6a09e667f3bcdULL + (1024ULL << 52);
    const uint64_t k = up >> 52; // exponent + 1024
    const double m = from_bits(bits(x) - (int64_t)((k - 1024) << 52));
    const double kd = from_bits((int64_t)(0x4330000000000000ULL | k)) - (0x1p52 + 1024);
    const double f = m - 1, s = f / (m + 1), z = s * s;
    double p = 2.0 / 21;
    p = p * z + 2.0 / 19;
    p = p * z + 2.0 / 17;
    p = p * z + 2.0 / 15;
    p = p * z + 2.0 / 13;
    p = p * z + 2.0 / 11;
    p = p * z + 2.0 / 9;
    p = p * z + 2.0 / 7;
    p = p * z + 2.0 / 5;
    p = p * z + 2.0 / 3;
    return kd * 0x1.62e42fefa0000p-1 + (2 * s + (s * z * p + kd * 0x1.cf79abc9e3b39p-40));
}

struct constants { // of the units: s^2, t^2, rs from the density
    double ex, s2, t2, rs;
};

struct point {
    double e, vrho, vsigma;
};

// r13 = rho^(1/3); s^2 = sigma / (4 (3 pi^2)^(2/3) rho^(8/3)).
static inline struct point exchange(const struct xc_pbe *p, const struct constants *c, double rho, double r13,
                                    double sigma)
{
    const double r43 = rho * r13, ds = c->s2 / (r43 * r43), s2 = sigma * ds;
    const double d = 1 / (p->kappa + p->mu * s2), f = 1 + p->kappa * p->mu * s2 * d;
    const double df = p->kappa * p->kappa * p->mu * d * d, ex = c->ex * r13;
    return (struct point){ex * rho * f, ex * (4.0 / 3 * f - 8.0 / 3 * s2 * df), ex * rho * df * ds};
}

// Perdew and Wang 1992, unpolarised; A with the digits that libxc has inside of its PBE (0.031091 is printed).
static inline double pw92(double rs, double *ret_drs)
{
    const double a = 0.0310907, a1 = 0.21370, b1 = 7.5957, b2 = 3.5876, b3 = 1.6382, b4 = 0.49294;
    const double x = sqrt(rs), q = 2 * a * (b1 * x + rs * (b2 + b3 * x + b4 * rs));
    const double dq = a * (b1 / x + 2 * b2 + 3 * b3 * x + 4 * b4 * rs);
    const double l = fast_log(1 + 1 / q), g = -2 * a * (1 + a1 * rs);
    *ret_drs = -2 * a * a1 * l - g * dq / (q * (q + 1));
    return g * l;
}

// t^2 = pi sigma / (16 (3 pi^2)^(1/3) rho^(7/3)); H = gamma log(1 + beta/gamma f / (1 + A f)), f = t^2 + A t^4.
static inline struct point correlation(const struct xc_pbe *p, const struct constants *c, double rho, double r13,
                                       double sigma)
{
    double rs = c->rs / r13, decdrs, ec = pw92(rs, &decdrs), decdrho = -decdrs * rs / (3 * rho);
    const double em = fast_exp(-ec / p->gamma), a = p->beta / (p->gamma * (em - 1));
    const double dadrho = a * a * em / p->beta * decdrho;
    const double dt = c->t2 / (r13 * rho * rho), t2 = sigma * dt, at = a * t2;
    const double f = t2 * (1 + at), d = 1 / (1 + a * f), f2 = p->beta / p->gamma * f * d;
    const double h = p->gamma * fast_log(1 + f2), w = p->beta * d * d / (1 + f2);
    const double ht = w * (1 + 2 * at), ha = -w * at * t2 * t2 * (2 + at);
    return (struct point){rho * (ec + h), ec + h + rho * (decdrho + ha * dadrho) - 7.0 / 3 * t2 * ht, rho * ht * dt};
}

void xc_pbe_eval(const struct xc_pbe *p, int n, const double *restrict rho, const double *restrict sigma,
                 double *restrict e, double *restrict vrho, double *restrict vsigma)
{
    const double kf = cbrt(3 * AL_PI * AL_PI); // Fermi wave vector / rho^(1/3)
    const struct constants c = {-0.75 * cbrt(3 / AL_PI), 1 / (4 * kf * kf), AL_PI / (16 * kf), cbrt(3 / (4 * AL_PI))};
    const struct xc_pbe par = *p;
    const double least = par.x_min < par.c_min ? par.x_min : par.c_min;
    for (int i = 0; i < n; i++) {
        const double r = rho[i] > least ? rho[i] : least, g = sigma[i], r13 = fast_exp(fast_log(r) * (1.0 / 3));
        const double gx = g > par.x_sigma_min ? g : par.x_sigma_min, gc = g > par.c_sigma_min ? g : par.c_sigma_min;
        const struct point x = exchange(&par, &c, r, r13, gx), y = correlation(&par, &c, r, r13, gc);
        const double ux = rho[i] > 2 * par.x_min ? 1 : 0, uc = rho[i] >= par.c_min ? 1 : 0;
        e[i] = ux * x.e + uc * y.e;
        vrho[i] = ux * x.vrho + uc * y.vrho;
        vsigma[i] = ux * x.vsigma + uc * y.vsigma;
    }
}
