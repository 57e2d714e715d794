// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/fast.h"

#include "base/mem.h"
#include "dp/eval.h"
#include "dp/panel.h"
#include "train/nodes.h"

#if defined __AVX512F__
enum { VEC_BYTES = 64 };
#else
enum { VEC_BYTES = 32 };
#endif

static const int IOTA_S[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const long IOTA_D[] = {0, 1, 2, 3, 4, 5, 6, 7};

bool fast_fits(const struct dp_model *m)
{
    for (int t = 0; t < m->c.ntypes; t++)
        if (m->fit[t].nlayers < 2 || !dp_layer_plain(&m->fit[t].layer[0])) return false;
    return m->c.axis_neuron <= m->c.neuron[m->c.nneuron - 1];
}

// A net without its first layer.
static struct dp_net tail_of(const struct dp_net *net)
{
    struct dp_net t = {.nlayers = net->nlayers - 1};
    memcpy(t.layer, net->layer + 1, (size_t)t.nlayers * sizeof *t.layer);
    return t;
}

// Room for n elements of an array without its contents; *cap counts in elements.
static enum al_err room(size_t n, size_t size, size_t *cap, void *ptr)
{
    if (n <= *cap) return AL_ERR_OK;
    void **p = ptr;
    al_free(*p);
    *p = NULL;
    *cap = 0;
    n += n / 4;
    AL_TRY(al_alloc(n, size, p));
    *cap = n;
    return AL_ERR_OK;
}

#define REAL     double
#define IOTA     IOTA_D
#define INDEX    long
#define FN(name) name##_d
#include "train/fast_rows_impl.h"
#include "train/fast_impl.h"
#undef REAL
#undef IOTA
#undef INDEX
#undef FN

#define REAL     float
#define IOTA     IOTA_S
#define INDEX    int
#define FN(name) name##_s
#include "train/fast_rows_impl.h"
#include "train/fast_impl.h"
