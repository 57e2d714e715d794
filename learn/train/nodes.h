// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// An embedding net as what it is, a function of one number: evaluated with its derivative on nodes of a grid and
// interpolated between them by the cubic that takes values and slopes at both ends (Hermite). With t = (x - x0)/h in
// the interval of width h, G = c0 + c1 t + c2 t^2 + c3 t^3, and G' is the derivative of this very polynomial: energy
// and forces stay consistent. The reverse pass carries the adjoints of c to the nodes and from there through the net
// by dp_net_reverse2: the exact gradient of the interpolated model.
// Error: |G| h^4/384 max|G''''|, G' h^3 sqrt(3)/216 max|G''''| (measured figures: docs/benchmarks.md).
#ifndef AL_TRAIN_NODES_H
#define AL_TRAIN_NODES_H

#include "dp/net.h"

static const double NODES_PER_UNIT = 16; // 1/h, of the normalised s

struct nodes {          // of one net
    int n, nint;        // nodes; intervals that hold a row
    double *x;          // [n]
    int *left;          // [nint] node at the left end; the right one is the next
    struct dp_tape tape; // [n] rows: last y and yt are G and G'
    double *mem;
    double *gy, *gyt, *work; // [n][width], the last [2]: adjoints of G and G' of the nodes
    size_t cap, net_cap, mark_cap, left_cap;
    int *mark;
};

void nodes_free(struct nodes *a);
// Intervals of n numbers x, numbered by what occurs; ret_interval[k]. *ret_ok false: too wide a range (overlapping
// atoms), nothing is chosen.
enum al_err nodes_choose(struct nodes *a, int n, const double *x, int *ret_interval, bool *ret_ok);
// Position in the interval, 0 <= t < 1.
static inline double nodes_fraction(double x)
{
    double u = x * NODES_PER_UNIT;
    return u - __builtin_floor(u);
}
// Net and derivative on the nodes; adjoints to zero.
enum al_err nodes_evaluate(struct nodes *a, const struct dp_net *net);
// Adjoints gy, gyt of the nodes (destroyed) through the net; adds to grad.
void nodes_reverse(struct nodes *a, const struct dp_net *net, const double *base, double *grad);

#endif
