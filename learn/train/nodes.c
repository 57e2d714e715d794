// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/nodes.h"

#include <math.h>

#include "base/mem.h"

static const int MOST_INTERVALS = 1 << 16; // 2,048 units of the normalised s: pairs far below 0.1 Ang
enum { ROWS = 96 };                        // of a net at a time: in the second-level cache

void nodes_free(struct nodes *a)
{
    void *p[] = {a->x, a->left, a->mem, a->gy, a->gyt, a->work, a->mark};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        al_free(p[i]);
    *a = (struct nodes){0};
}

static enum al_err reserve_choice(struct nodes *a, size_t range)
{
    if (range <= a->mark_cap) return AL_ERR_OK;
    al_free(a->mark);
    al_free(a->left);
    al_free(a->x);
    a->mark = a->left = NULL;
    a->x = NULL;
    a->mark_cap = 0;
    range += range / 4;
    AL_ALLOC(a->mark, range);
    AL_ALLOC(a->left, range);
    AL_ALLOC(a->x, range + 1);
    a->mark_cap = range;
    return AL_ERR_OK;
}

enum al_err nodes_choose(struct nodes *a, int n, const double *x, int *ret_interval, bool *ret_ok)
{
    int lo = 0, hi = -1;
    a->n = a->nint = 0;
    *ret_ok = false;
    for (int k = 0; k < n; k++) {
        if (!(fabs(x[k]) < MOST_INTERVALS)) return AL_ERR_OK;
        int q = (int)floor(x[k] * NODES_PER_UNIT);
        ret_interval[k] = q;
        if (!k || q < lo) lo = q;
        if (!k || q > hi) hi = q;
    }
    if (hi - lo >= MOST_INTERVALS) return AL_ERR_OK;
    *ret_ok = true;
    if (!n) return AL_ERR_OK;
    AL_TRY(reserve_choice(a, (size_t)(hi - lo + 1)));
    memset(a->mark, 0, (size_t)(hi - lo + 1) * sizeof *a->mark);
    for (int k = 0; k < n; k++)
        a->mark[ret_interval[k] - lo] = 1;
    int end = lo - 1; // interval whose left end is the last node
    for (int q = lo; q <= hi; q++) {
        if (!a->mark[q - lo]) continue;
        a->mark[q - lo] = a->nint;
        if (!a->n || end != q) a->x[a->n++] = q / NODES_PER_UNIT;
        a->left[a->nint++] = a->n - 1;
        a->x[a->n++] = (q + 1) / NODES_PER_UNIT;
        end = q + 1;
    }
    for (int k = 0; k < n; k++)
        ret_interval[k] = a->mark[ret_interval[k] - lo];
    return AL_ERR_OK;
}

enum al_err nodes_evaluate(struct nodes *a, const struct dp_net *net)
{
    size_t width = (size_t)dp_net_width(net), n = (size_t)a->n, last = (size_t)net->layer[net->nlayers - 1].nout;
    if (n > a->cap) {
        size_t want = n + n / 4;
        al_free(a->gy);
        al_free(a->gyt);
        al_free(a->work);
        a->gy = a->gyt = a->work = NULL;
        a->cap = 0;
        AL_ALLOC(a->gy, want * width);
        AL_ALLOC(a->gyt, want * width);
        AL_ALLOC(a->work, 2 * ROWS * width);
        AL_TRY(dp_tape_alloc(net, want, &a->tape, &a->mem));
        a->cap = want;
    }
    for (int k = 0; k < a->n; k += ROWS) {
        struct dp_tape t = dp_tape_from(net, &a->tape, k);
        int m = a->n - k < ROWS ? a->n - k : ROWS;
        dp_net_forward(net, m, a->x + k, &t);
        dp_net_tangent(net, m, NULL, &t);
    }
    memset(a->gy, 0, n * last * sizeof *a->gy);
    memset(a->gyt, 0, n * last * sizeof *a->gyt);
    return AL_ERR_OK;
}

void nodes_reverse(struct nodes *a, const struct dp_net *net, const double *base, double *grad)
{
    // Downwards: the rooms of a stretch ([ROWS][width], wider than its [ROWS][last]) reach over rows done before.
    size_t last = (size_t)net->layer[net->nlayers - 1].nout;
    for (int k = (a->n - 1) / ROWS * ROWS; k >= 0 && a->n; k -= ROWS) {
        struct dp_tape t = dp_tape_from(net, &a->tape, k);
        int m = a->n - k < ROWS ? a->n - k : ROWS;
        dp_net_reverse2(net, m, a->x + k, NULL, &t, a->gy + (size_t)k * last, a->gyt + (size_t)k * last, a->work, base,
                        grad, NULL);
    }
}
