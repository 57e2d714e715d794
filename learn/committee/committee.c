// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "committee/committee.h"

#include <math.h>

#include "base/mem.h"
#include "dp/potential.h"

// Deep Potential members with the same types, cut-off and sel: one environment for all, that of member 0, whose neighbour
// list MD keeps up to date anyway.
struct shared {
    const struct dp_config *c;
    struct dp_env env; // for all where `same_cut`
    bool same_cut;
};

struct committee {
    int n;
    struct potential **member; // [n]
    struct pot_result *res;    // [n], forces [cap][3]
    size_t cap;                // atoms that there is room for
    int threads;
    struct shared *shared;     // NULL: members are evaluated one by one
};

static void shared_destroy(struct shared **sp)
{
    if (!*sp) return;
    dp_env_free(&(*sp)->env);
    al_free(*sp);
    *sp = NULL;
}

void committee_destroy(struct committee **cp)
{
    struct committee *c = *cp;
    if (!c) return;
    shared_destroy(&c->shared);
    for (int k = 0; c->member && k < c->n; k++)
        potential_destroy(&c->member[k]);
    for (int k = 0; c->res && k < c->n; k++)
        al_free(c->res[k].forces);
    al_free(c->member);
    al_free(c->res);
    al_free(c);
    *cp = NULL;
}

static bool same_environment(const struct dp_config *a, const struct dp_config *b)
{
    if (a->ntypes != b->ntypes || a->rcut != b->rcut) return false;
    for (int t = 0; t < a->ntypes; t++)
        if (strcmp(a->type_map[t], b->type_map[t]) || a->sel[t] != b->sel[t]) return false;
    return true;
}

static bool same_cut(const struct dp_config *a, const struct dp_config *b) // geometry of rows, too
{
    return a->rcut_smth == b->rcut_smth && a->rcut_angular == b->rcut_angular;
}

// Members must all be Deep Potentials.
static enum al_err share(struct committee *c)
{
    const struct dp_config *first = &dp_potential_model(c->member[0])->c;
    for (int k = 1; k < c->n; k++)
        if (!same_environment(first, &dp_potential_model(c->member[k])->c)) return AL_ERR_OK;
    AL_ALLOC(c->shared, 1);
    struct shared *s = c->shared;
    s->c = first;
    s->same_cut = true;
    for (int k = 1; k < c->n; k++)
        s->same_cut &= same_cut(first, &dp_potential_model(c->member[k])->c);
    return AL_ERR_OK;
}

static enum al_err create(int n, struct committee **ret)
{
    if (n < 1) AL_FAIL(AL_ERR_INPUT, "committee of %d members", n);
    AL_OWN(committee) c = NULL;
    AL_ALLOC(c, 1);
    AL_ALLOC(c->member, n);
    AL_ALLOC(c->res, n);
    c->n = n;
    c->threads = 1;
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

enum al_err committee_open(const char *const paths[], int n, enum dp_way way, struct committee **ret)
{
    AL_OWN(committee) c = NULL;
    AL_TRY(create(n, &c));
    for (int k = 0; k < n; k++)
        AL_TRY_MSG(dp_potential_open(paths[k], way, &c->member[k]), "member %d of the committee", k);
    AL_TRY(share(c));
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

enum al_err committee_from_potentials(struct potential *p[], int n, struct committee **ret)
{
    AL_OWN(committee) c = NULL;
    enum al_err e = create(n, &c);
    for (int k = 0; k < n; k++) {
        if (e == AL_ERR_OK)
            c->member[k] = p[k];
        else
            potential_destroy(&p[k]);
        p[k] = NULL;
    }
    AL_TRY(e);
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

int committee_size(const struct committee *c)
{
    return c->n;
}

double committee_cutoff(const struct committee *c)
{
    double rc = 0;
    for (int k = 0; k < c->n; k++)
        rc = fmax(rc, c->member[k]->ops->cutoff(c->member[k]));
    return rc;
}

const struct pot_result *committee_member(const struct committee *c, int member)
{
    return &c->res[member];
}

struct potential *committee_potential(struct committee *c, int member)
{
    return c->member[member];
}

struct potential *committee_leader(struct committee *c)
{
    return c->member[0];
}

static enum al_err reserve(struct committee *c, int natoms)
{
    if ((size_t)natoms <= c->cap) return AL_ERR_OK;
    c->cap = 0;
    for (int k = 0; k < c->n; k++) {
        al_free(c->res[k].forces);
        c->res[k].forces = NULL;
        AL_ALLOC(c->res[k].forces, natoms);
    }
    c->cap = (size_t)natoms;
    return AL_ERR_OK;
}

static void average(const struct committee *c, int natoms, struct pot_result *mean)
{
    double w = 1.0 / c->n;
    mean->energy = 0;
    memset(mean->virial, 0, sizeof mean->virial);
    if (mean->forces) memset(mean->forces, 0, (size_t)natoms * sizeof *mean->forces);
    for (int k = 0; k < c->n; k++) {
        const struct pot_result *r = &c->res[k];
        mean->energy += w * r->energy;
        for (int a = 0; a < 9; a++)
            mean->virial[a / 3][a % 3] += w * r->virial[a / 3][a % 3];
        for (int i = 0; mean->forces && i < natoms; i++)
            for (int a = 0; a < 3; a++)
                mean->forces[i][a] += w * r->forces[i][a];
    }
}

enum al_err committee_eval(struct committee *c, const struct al_frame *f, struct deviation *ret_d,
                           struct pot_result *mean)
{
    AL_TRY(reserve(c, f->natoms));
    struct shared *s = c->shared;
    const struct dp_layout *l = NULL;
    // MD has just evaluated member 0 at this very frame as a rule.
    bool known = s && dp_potential_recall(c->member[0], f, &c->res[0], &l);
    if (s && !known) AL_TRY(dp_potential_layout(c->member[0], f, &l));
    if (s && s->same_cut) AL_TRY(dp_env_compute(&s->env, s->c, l, c->threads));
    for (int k = known ? 1 : 0; k < c->n; k++) {
        struct potential *m = c->member[k];
        if (s)
            AL_TRY_MSG(dp_engine_run(dp_potential_engine(m), l, s->same_cut ? &s->env : NULL, &c->res[k]), "member %d", k);
        else
            AL_TRY_MSG(m->ops->eval(m, f, &c->res[k]), "member %d", k);
    }
    deviation_of(c->n, c->res, f->natoms, ret_d);
    if (mean) average(c, f->natoms, mean);
    return AL_ERR_OK;
}

void committee_threads(struct committee *c, int threads)
{
    c->threads = threads > 1 ? threads : 1;
    for (int k = 0; k < c->n; k++)
        if (strcmp(c->member[k]->ops->name, "dp") == 0) dp_potential_threads(c->member[k], threads);
}

long committee_outside(const struct committee *c)
{
    long n = 0;
    for (int k = 0; k < c->n; k++)
        n += strcmp(c->member[k]->ops->name, "dp") == 0 ? dp_potential_outside(c->member[k]) : 0;
    return n;
}
