// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "base/mem.h"
#include "train/trainer_impl.h"

static const double BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8;

enum al_err adam_create(size_t n, struct adam *ret)
{
    struct adam a = {.n = n};
    AL_ALLOC(a.m, n);
    enum al_err e = al_alloc(n, sizeof *a.v, &a.v);
    if (e != AL_ERR_OK) {
        al_free(a.m);
        return e;
    }
    *ret = a;
    return AL_ERR_OK;
}

void adam_free(struct adam *a)
{
    al_free(a->m);
    al_free(a->v);
    *a = (struct adam){0};
}

void adam_update(struct adam *a, long t, double lr, const double *grad, double *theta)
{
    double rate = lr * sqrt(1 - pow(BETA2, (double)t)) / (1 - pow(BETA1, (double)t));
    double *restrict m = a->m, *restrict v = a->v, *restrict x = theta;
    const double *restrict g = grad;
    for (size_t i = 0; i < a->n; i++) {
        m[i] = BETA1 * m[i] + (1 - BETA1) * g[i];
        v[i] = BETA2 * v[i] + (1 - BETA2) * g[i] * g[i];
        x[i] -= rate * m[i] / (sqrt(v[i]) + EPSILON);
    }
}
