// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Product of small float matrices for the turns of soap.c: nothing is packed, single-threaded, sums over k in order.
#ifndef AL_TRAIN_TURN_H
#define AL_TRAIN_TURN_H

#include <stddef.h>

// c [m][n] = a b, b [k][n], a[r][q] at a[r*rs + q*cs].
void turn_product(size_t m, size_t n, size_t k, const float *a, size_t rs, size_t cs, const float *b, float *c);

#endif
