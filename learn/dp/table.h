// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// An embedding net as a table: a polynomial in each interval of a grid that takes, at both ends, the net's value and slope
// (degree 3) or value, slope and curvature (degree 5). The slope of the tabulated net is the derivative of that very
// polynomial: forces are the derivative of the energy. The grid is refined until values and slopes between the nodes
// agree with the net.
//
// Range of the input x = R~[0]: deepmd-kit's rule (from s = 0 to s at the shortest distance of the training set), with the
// distance taken 15 % shorter, 0.8 Ang where the model does not know it.
#ifndef AL_DP_TABLE_H
#define AL_DP_TABLE_H

#include "dp/net.h"

struct dp_table {
    double lo, up;      // lo <= x < up; lo = up: the net could not be tabulated
    int per_unit, nint; // intervals to a unit of x; in all
    int degree, m1;
    double *c; // [nint][degree + 1][m1], of t in 0 .. 1
    double error; // largest difference found between nodes, of the slope, relative to the largest slope
};

// tolerance: of values and slopes, relative to the largest of each; DP_TABLE_SLACK times that will do from the finest grid of
// DP_TABLE_MOST intervals on. A net for which DP_TABLE_STEEP intervals do not suffice either has an empty table.
enum { DP_TABLE_MOST = 8192, DP_TABLE_STEEP = 4 * DP_TABLE_MOST, DP_TABLE_SLACK = 10 };
enum al_err dp_table_build(const struct dp_net *net, double lo, double up, int degree, double tolerance,
                           struct dp_table *ret);
void dp_table_free(struct dp_table *t);
// Range for net number emb of a model.
void dp_table_range(const struct dp_model *m, int emb, double *lo, double *up);
// y, dy/dx, d2y/dx2 [width of the net, all layers] at x; the results stand in the first nout numbers.
void dp_net_curve(const struct dp_net *net, double x, double *y, double *y1, double *y2, double *work);

#endif
