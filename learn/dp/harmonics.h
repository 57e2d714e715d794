// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Real spherical harmonics of degree 2 and 3 of a unit vector, in Racah's normalisation: the sum of Y_lm(a) Y_lm(b) over m is the
// Legendre polynomial P_l(a . b). Degree 2: numbers 0 to 4, degree 3: 5 to 11. As polynomials of x, y, z (Condon and Shortley, The Theory of
// Atomic Spectra, 1935, table of the solid harmonics at r = 1).
#ifndef AL_DP_HARMONICS_H
#define AL_DP_HARMONICS_H

enum { DP_HARMONICS = 12, DP_HARMONICS_2 = 5, DP_HARMONICS_3 = 7 };

// Factors: sqrt(3), sqrt(6)/4, sqrt(15), sqrt(10)/4.
#define DP_Y2  1.7320508075688772
#define DP_Y31 0.6123724356957945
#define DP_Y32 3.8729833462074170
#define DP_Y33 0.7905694150420949

static inline void dp_harmonics(const double h[3], double ret[DP_HARMONICS])
{
    double x = h[0], y = h[1], z = h[2], x2 = x * x, y2 = y * y, z2 = z * z;
    ret[0] = DP_Y2 * x * y;
    ret[1] = DP_Y2 * y * z;
    ret[2] = DP_Y2 * z * x;
    ret[3] = 0.5 * DP_Y2 * (x2 - y2);
    ret[4] = 1.5 * z2 - 0.5;
    ret[5] = z * (2.5 * z2 - 1.5);
    ret[6] = DP_Y31 * x * (5 * z2 - 1);
    ret[7] = DP_Y31 * y * (5 * z2 - 1);
    ret[8] = 0.5 * DP_Y32 * z * (x2 - y2);
    ret[9] = DP_Y32 * x * y * z;
    ret[10] = DP_Y33 * x * (x2 - 3 * y2);
    ret[11] = DP_Y33 * y * (3 * x2 - y2);
}

static inline double dp_harmonics_sum(const double a[DP_HARMONICS], const double y[DP_HARMONICS])
{
    return (a[0] * y[0] + a[1] * y[1] + a[2] * y[2]) + (a[3] * y[3] + a[4] * y[4] + a[5] * y[5]) + (a[6] * y[6] + a[7] * y[7] + a[8] * y[8]) +
           (a[9] * y[9] + a[10] * y[10] + a[11] * y[11]);
}

// Gradient of sum_m a_m Y_m as these polynomials have it: its part across h is the one that counts.
static inline void dp_harmonics_gradient(const double h[3], const double a[DP_HARMONICS], double ret[3])
{
    double x = h[0], y = h[1], z = h[2], d = x * x - y * y, e = 5 * z * z - 1;
    double u = DP_Y2 * a[0] + DP_Y32 * a[9] * z; // with x y
    ret[0] = u * y + DP_Y2 * (a[2] * z + a[3] * x) + DP_Y31 * a[6] * e + DP_Y32 * a[8] * x * z + DP_Y33 * (3 * a[10] * d + 6 * a[11] * x * y);
    ret[1] = u * x + DP_Y2 * (a[1] * z - a[3] * y) + DP_Y31 * a[7] * e - DP_Y32 * a[8] * y * z + DP_Y33 * (3 * a[11] * d - 6 * a[10] * x * y);
    ret[2] = DP_Y2 * (a[1] * y + a[2] * x) + 3 * a[4] * z + 1.5 * a[5] * e + 10 * DP_Y31 * z * (a[6] * x + a[7] * y) +
             DP_Y32 * (0.5 * a[8] * d + a[9] * x * y);
}

// Change of each when h changes by t, across h.
static inline void dp_harmonics_tangent(const double h[3], const double t[3], double ret[DP_HARMONICS])
{
    double x = h[0], y = h[1], z = h[2], d = x * x - y * y, e = 5 * z * z - 1, xy = x * y;
    ret[0] = DP_Y2 * (y * t[0] + x * t[1]);
    ret[1] = DP_Y2 * (z * t[1] + y * t[2]);
    ret[2] = DP_Y2 * (z * t[0] + x * t[2]);
    ret[3] = DP_Y2 * (x * t[0] - y * t[1]);
    ret[4] = 3 * z * t[2];
    ret[5] = 1.5 * e * t[2];
    ret[6] = DP_Y31 * (e * t[0] + 10 * x * z * t[2]);
    ret[7] = DP_Y31 * (e * t[1] + 10 * y * z * t[2]);
    ret[8] = DP_Y32 * (x * z * t[0] - y * z * t[1] + 0.5 * d * t[2]);
    ret[9] = DP_Y32 * (y * z * t[0] + x * z * t[1] + xy * t[2]);
    ret[10] = DP_Y33 * (3 * d * t[0] - 6 * xy * t[1]);
    ret[11] = DP_Y33 * (6 * xy * t[0] + 3 * d * t[1]);
}

#endif
