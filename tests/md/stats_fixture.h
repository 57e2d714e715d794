// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Statistics of the ensemble tests: correlation time, Kolmogorov-Smirnov against the Gamma distribution, and the ratio test of
// M. R. Shirts, J. Chem. Theory Comput. 9, 909 (2013).
#ifndef AL_TEST_STATS_FIXTURE_H
#define AL_TEST_STATS_FIXTURE_H

#include <stdlib.h>

#include "md_fixture.h"

// Statistical inefficiency 1 + 2 sum of the autocorrelation, up to its first value below zero.
static inline double inefficiency(const double *x, int n)
{
    double mean = 0, var = 0, g = 1;
    for (int i = 0; i < n; i++)
        mean += x[i] / n;
    for (int i = 0; i < n; i++)
        var += (x[i] - mean) * (x[i] - mean) / n;
    for (int lag = 1; lag < n / 3; lag++) {
        double c = 0;
        for (int i = 0; i + lag < n; i++)
            c += (x[i] - mean) * (x[i + lag] - mean);
        c /= var * (n - lag);
        if (c < 0) break;
        g += 2 * c * (1.0 - (double)lag / n);
    }
    return g;
}

// Keeps every g-th element; returns the number left.
static inline int decorrelate(double *x, int n, double *ret_g)
{
    *ret_g = inefficiency(x, n);
    int every = (int)ceil(*ret_g), m = 0;
    for (int i = 0; i < n; i += every)
        x[m++] = x[i];
    return m;
}

// Regularised lower incomplete gamma function (series, or Lentz' continued fraction), as any textbook has it.
static inline double gamma_cdf(double a, double x)
{
    if (x <= 0) return 0;
    double front = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (int n = 1; n < 2000 && term > 1e-16 * sum; n++) {
            term *= x / (a + n);
            sum += term;
        }
        return front * sum;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int i = 1; i < 2000; i++) {
        double an = -i * (i - a);
        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15) break;
    }
    return 1 - front * h;
}

static inline int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// p-value of Kolmogorov and Smirnov for n independent kinetic energies of dof degrees of freedom at kT (asymptotic series
// with Stephens' correction of the argument). Sorts x.
static inline double ks_kinetic(double *x, int n, int dof, double kt)
{
    double worst = 0, p = 0, root = sqrt(n);
    qsort(x, (size_t)n, sizeof *x, by_size);
    for (int i = 0; i < n; i++) {
        double f = gamma_cdf(0.5 * dof, x[i] / kt);
        worst = fmax(worst, fmax(f - (double)i / n, (double)(i + 1) / n - f));
    }
    double l = (root + 0.12 + 0.11 / root) * worst;
    for (int k = 1; k <= 100; k++)
        p += (k % 2 ? 2 : -2) * exp(-2.0 * k * k * l * l);
    return l < 0.2 ? 1 : fmin(fmax(p, 0), 1);
}

struct ratio {
    double slope, error; // of ln(p2(x)/p1(x)) = const + slope x
};

// Maximum likelihood (Shirts 2013, eq. 9-11; Newton's method): the chance that a sample x came from run 2 is
// 1/(1 + exp(-(a + slope x))). The error is that of the Fisher information of independent samples.
static inline struct ratio shirts(const double *x1, int n1, const double *x2, int n2)
{
    double mean = 0, a = log((double)n2 / n1), s = 0, h[3];
    for (int i = 0; i < n1 + n2; i++)
        mean += (i < n1 ? x1[i] : x2[i - n1]) / (n1 + n2);
    for (int it = 0; it < 100; it++) {
        double g[2] = {0};
        h[0] = h[1] = h[2] = 0;
        for (int i = 0; i < n1 + n2; i++) {
            double x = (i < n1 ? x1[i] : x2[i - n1]) - mean, f = 1 / (1 + exp(-(a + s * x)));
            g[0] += (i >= n1) - f;
            g[1] += ((i >= n1) - f) * x;
            h[0] += f * (1 - f);
            h[1] += f * (1 - f) * x;
            h[2] += f * (1 - f) * x * x;
        }
        double det = h[0] * h[2] - h[1] * h[1];
        a += (h[2] * g[0] - h[1] * g[1]) / det;
        double ds = (h[0] * g[1] - h[1] * g[0]) / det;
        s += ds;
        if (fabs(ds) < 1e-12 * fabs(s)) break;
    }
    return (struct ratio){s, sqrt(h[0] / (h[0] * h[2] - h[1] * h[1]))};
}

#endif
