// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The 3x3 matrices of linalg.h. Apart from the BLAS names, so that a program that needs only these (alnd) is not linked
// with OpenBLAS and its threads.
#include "base/linalg.h"

double al_det3(const double a[3][3])
{
    return a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
           a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
}

void al_cross3(const double a[3], const double b[3], double ret[3])
{
    double x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2], z = a[0] * b[1] - a[1] * b[0];
    ret[0] = x;
    ret[1] = y;
    ret[2] = z;
}

void al_inv3(const double a[3][3], double ret[3][3])
{
    double c[3][3], det;
    al_cross3(a[1], a[2], c[0]); // rows of the cofactor matrix
    al_cross3(a[2], a[0], c[1]);
    al_cross3(a[0], a[1], c[2]);
    det = al_dot3(a[0], c[0]);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            ret[i][j] = c[j][i] / det;
}
