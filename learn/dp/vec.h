// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Four doubles at a time by GCC vector extensions (any target; AVX2 where the machine has it), and tanh over
// an array.
#ifndef AL_DP_VEC_H
#define AL_DP_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef double v4d __attribute__((vector_size(32)));
typedef int64_t v4i __attribute__((vector_size(32)));

static inline v4d v4_load(const double *p)
{
    v4d v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void v4_store(double *p, v4d v)
{
    memcpy(p, &v, sizeof v);
}

static inline v4d v4_set(double x)
{
    return (v4d){x, x, x, x};
}

// x[i] = tanh(x[i]), within 2 ulp; an element's result does not depend on its place in the array.
void dp_tanh(double *x, size_t n);

#endif
