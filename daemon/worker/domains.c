// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/domains.h"

#include "base/mem.h"
#include "domain/domain.h"

enum number { NOW, MOST, SEL, ELEMENT, OUTSIDE, NUMBERS };

struct counts {
    struct dp_overflow overflow;
    double outside[]; // of each model, all ranks
};

static void get(void *ctx, int k, const struct potential *local, double *v)
{
    const struct dp_overflow *o = dp_potential_overflow(local);
    (void)ctx;
    (void)k;
    v[NOW] = o->now;
    v[MOST] = o->most;
    v[SEL] = o->sel;
    v[ELEMENT] = o->z;
    v[OUTSIDE] = (double)dp_potential_outside(local);
}

static void take(void *ctx, int k, int nranks, const double *v)
{
    struct counts *c = ctx;
    struct dp_overflow *o = &c->overflow;
    c->outside[k] = 0;
    for (int r = 0; r < nranks; r++)
        c->outside[k] += v[r * NUMBERS + OUTSIDE];
    if (k) return;
    o->now = 0;
    for (int r = 0; r < nranks; r++) {
        const double *w = v + (ptrdiff_t)r * NUMBERS;
        o->now += (int)w[NOW];
        if ((int)w[MOST] - (int)w[SEL] <= o->most - o->sel) continue;
        o->most = (int)w[MOST];
        o->sel = (int)w[SEL];
        o->z = (int)w[ELEMENT];
    }
    o->evaluations += o->now > 0;
    if (o->now > o->atoms) o->atoms = o->now;
}

enum al_err domains_open(struct potential *local[], int n, bool own, struct comm *comm, struct potential **ret)
{
    struct counts *c = NULL;
    enum al_err e = al_alloc(1, sizeof *c + (size_t)n * sizeof c->outside[0], &c);
    for (int k = 0; e && own && k < n; k++)
        potential_destroy(&local[k]);
    e = comm_agree(comm, e);
    if (e) al_free(c);
    AL_TRY(e);
    struct domain_options o = {.local = local, .nlocal = n, .own = own,
                               .tally = {.n = NUMBERS, .get = get, .take = take, .release = al_free, .ctx = c}};
    AL_TRY(domain_potential_open(&o, comm, ret));
    return AL_ERR_OK;
}

const struct dp_overflow *domains_overflow(const struct potential *p)
{
    return &((const struct counts *)domain_potential_tally(p))->overflow;
}

long domains_outside(const struct potential *p)
{
    const struct counts *c = domain_potential_tally(p);
    double sum = 0;
    for (int k = 0; k < domain_potential_facts(p).nlocal; k++)
        sum += c->outside[k];
    return (long)sum;
}
