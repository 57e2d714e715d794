// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Real solid harmonics q^l Y_lm(q/|q|), l <= 3, normalised on the unit sphere, with gradients.
#include <math.h>

#include "base/units.h"
#include "dft/terms.h"

static void put(double *s, double (*ds)[3], int m, double c, double v, double gx, double gy, double gz)
{
    s[m] = c * v;
    ds[m][0] = c * gx;
    ds[m][1] = c * gy;
    ds[m][2] = c * gz;
}

static void solid_d(double x, double y, double z, double *s, double (*ds)[3])
{
    const double c = sqrt(15 / (4 * AL_PI)), c0 = sqrt(5 / (16 * AL_PI));
    put(s, ds, 0, c, x * y, y, x, 0);
    put(s, ds, 1, c, y * z, 0, z, y);
    put(s, ds, 2, c, z * x, z, 0, x);
    put(s, ds, 3, c0, 2 * z * z - x * x - y * y, -2 * x, -2 * y, 4 * z);
    put(s, ds, 4, 0.5 * c, x * x - y * y, 2 * x, -2 * y, 0);
}

static void solid_f(double x, double y, double z, double *s, double (*ds)[3])
{
    const double x2 = x * x, y2 = y * y, z2 = z * z;
    const double c0 = sqrt(7 / (16 * AL_PI)), c1 = sqrt(21 / (32 * AL_PI)), c2 = sqrt(105 / (16 * AL_PI)),
                 c3 = sqrt(35 / (32 * AL_PI));
    put(s, ds, 0, c0, z * (2 * z2 - 3 * x2 - 3 * y2), -6 * x * z, -6 * y * z, 6 * z2 - 3 * x2 - 3 * y2);
    put(s, ds, 1, c1, x * (4 * z2 - x2 - y2), 4 * z2 - 3 * x2 - y2, -2 * x * y, 8 * x * z);
    put(s, ds, 2, c1, y * (4 * z2 - x2 - y2), -2 * x * y, 4 * z2 - x2 - 3 * y2, 8 * y * z);
    put(s, ds, 3, c2, z * (x2 - y2), 2 * x * z, -2 * y * z, x2 - y2);
    put(s, ds, 4, 2 * c2, x * y * z, y * z, x * z, x * y);
    put(s, ds, 5, c3, x * (x2 - 3 * y2), 3 * x2 - 3 * y2, -6 * x * y, 0);
    put(s, ds, 6, c3, y * (3 * x2 - y2), 6 * x * y, 3 * x2 - 3 * y2, 0);
}

void solid_harmonics(int l, const double q[3], double *ret_s, double (*ret_ds)[3])
{
    const double c1 = sqrt(3 / (4 * AL_PI));
    switch (l) {
    case 0:
        put(ret_s, ret_ds, 0, sqrt(1 / (4 * AL_PI)), 1, 0, 0, 0);
        break;
    case 1:
        put(ret_s, ret_ds, 0, c1, q[0], 1, 0, 0);
        put(ret_s, ret_ds, 1, c1, q[1], 0, 1, 0);
        put(ret_s, ret_ds, 2, c1, q[2], 0, 0, 1);
        break;
    case 2:
        solid_d(q[0], q[1], q[2], ret_s, ret_ds);
        break;
    default:
        solid_f(q[0], q[1], q[2], ret_s, ret_ds);
        break;
    }
}
