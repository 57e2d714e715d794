// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "base/mem.h"
#include "train/optimiser.h"

// deepmd-kit keeps these constants, and the powers of the first two, in float32, whatever the type of the weights;
// with the same roundings its steps are ours (tests/train/test_peer_steps.c).
static const float BETA1 = 0.9f, BETA2 = 0.999f, EPSILON = 1e-8f;

static void find_idle(struct adam *a);

enum al_err adam_create(size_t n, struct adam *ret)
{
    struct adam a = {.n = n};
    enum al_err e = al_alloc(n, sizeof *a.m, &a.m);
    if (e == AL_ERR_OK) e = al_alloc(n, sizeof *a.v, &a.v);
    if (e == AL_ERR_OK) e = al_alloc(n / ADAM_CHUNK + 1, sizeof *a.idle, &a.idle);
    if (e != AL_ERR_OK) {
        adam_free(&a);
        return e;
    }
    find_idle(&a);
    *ret = a;
    return AL_ERR_OK;
}

void adam_free(struct adam *a)
{
    al_free(a->m);
    al_free(a->v);
    al_free(a->idle);
    *a = (struct adam){0};
}

static bool all_zero(const double *x, size_t n)
{
    bool some = false;
    for (size_t i = 0; i < n; i++)
        some |= x[i] != 0;
    return !some;
}

static size_t chunk_size(const struct adam *a, size_t first)
{
    return a->n - first < ADAM_CHUNK ? a->n - first : ADAM_CHUNK;
}

static void find_idle(struct adam *a)
{
    for (size_t i = 0; i < a->n; i += ADAM_CHUNK)
        a->idle[i / ADAM_CHUNK] = all_zero(a->m + i, chunk_size(a, i)) && all_zero(a->v + i, chunk_size(a, i));
}

static void powers(struct adam *a, long t) // b1^t, b2^t by t - 1 products
{
    if (t < a->t || !a->t) {
        a->t = 1;
        a->power[0] = BETA1;
        a->power[1] = BETA2;
    }
    for (; a->t < t; a->t++) {
        a->power[0] *= BETA1;
        a->power[1] *= BETA2;
    }
}

void adam_update(struct adam *a, long t, double lr, const double *grad, double *theta)
{
    const double b1 = (double)BETA1, b2 = (double)BETA2, eps = (double)EPSILON;
    powers(a, t);
    double rate = lr * sqrt(1 - (double)a->power[1]) / (1 - (double)a->power[0]);
    for (size_t first = 0; first < a->n; first += ADAM_CHUNK) {
        size_t n = chunk_size(a, first);
        double *restrict m = a->m + first, *restrict v = a->v + first, *restrict x = theta + first;
        const double *restrict g = grad + first;
        bool *idle = &a->idle[first / ADAM_CHUNK];
        if (*idle && all_zero(g, n)) continue; // would subtract 0
        *idle = false;
        for (size_t i = 0; i < n; i++) {
            m[i] += (1 - b1) * (g[i] - m[i]);
            v[i] += (1 - b2) * (g[i] * g[i] - v[i]);
            x[i] -= rate * m[i] / (sqrt(v[i]) + eps);
        }
    }
}

void adam_save(const struct adam *a, FILE *out)
{
    fwrite(a->m, sizeof *a->m, a->n, out);
    fwrite(a->v, sizeof *a->v, a->n, out);
}

enum al_err adam_load(struct adam *a, const unsigned char **at, const unsigned char *end)
{
    AL_TRY(optimiser_take(at, end, a->m, a->n * sizeof *a->m));
    AL_TRY(optimiser_take(at, end, a->v, a->n * sizeof *a->v));
    find_idle(a);
    return AL_ERR_OK;
}

// ---- the seam --------------------------------------------------------------------------------------------

static void destroy(void *self)
{
    if (self) adam_free(self);
    al_free(self);
}

static enum al_err create(const struct dp_model *m, void **ret)
{
    struct adam *a = NULL;
    AL_ALLOC(a, 1);
    enum al_err e = adam_create(m->nparam, a);
    if (e != AL_ERR_OK) {
        destroy(a);
        return e;
    }
    *ret = a;
    return AL_ERR_OK;
}

static enum al_err update(void *self, long t, double lr, const double *grad, double *theta)
{
    adam_update(self, t, lr, grad, theta);
    return AL_ERR_OK;
}

static void save(const void *self, FILE *out)
{
    adam_save(self, out);
}

static enum al_err load(void *self, const unsigned char **at, const unsigned char *end)
{
    return adam_load(self, at, end);
}

static size_t bytes(const void *self)
{
    const struct adam *a = self;
    return 2 * a->n * sizeof(double);
}

const struct optimiser_class optimiser_adam = {"adam", create, destroy, update, save, load, bytes};
