// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "domain/domain_impl.h"

enum { SUMS = 10, HEAD = SUMS + 3 }; // energy, virial; shortest distance, its atoms
static const double default_skin = 1.0; // Ang
static const double margin = 1e-6;      // Ang: halos are chosen by fractions of the cell, which rounding may move

enum command { CMD_CLOSE, CMD_BUILD, CMD_EVAL };

struct order { // what rank 0 broadcasts before each collective work
    enum command command;
    int k; // local potential
    bool atomic_energy;
    double cell[3][3];
    struct dom_grid grid;
};

static struct domain *self(const struct potential *p)
{
    return (struct domain *)(uintptr_t)p;
}

// All ranks fail together, with the words of the first that failed.
static enum al_err agree(struct domain *d, enum al_err mine)
{
    struct comm *c = d->comm;
    char text[AL_ERR_TEXT] = "";
    int worst = comm_max_i(c, (int)mine);
    if (worst == (int)AL_ERR_OK) return AL_ERR_OK;
    int who = c->size - comm_max_i(c, (int)mine == worst ? c->size - c->rank : 0);
    if (who == c->rank) snprintf(text, sizeof text, "%s", al_err_message());
    comm_bcast(c, text, sizeof text, who);
    if (who == c->rank) return mine;
    AL_FAIL((enum al_err)worst, "%s", text);
}

static void send_order(struct domain *d, enum command c, int k, bool atomic_energy, const double cell[3][3])
{
    struct order o = {.command = c, .k = k, .atomic_energy = atomic_energy, .grid = d->grid};
    if (cell) memcpy(o.cell, cell, sizeof o.cell);
    memcpy(d->cell, o.cell, sizeof d->cell);
    comm_bcast(d->comm, &o, sizeof o, 0);
}

// --- collective works: the same on all ranks ------------------------------------------------------------

static enum al_err take_owned(struct domain *d, const struct dom_record *mine, int n)
{
    struct dom_atoms *a = &d->atoms;
    AL_TRY(dom_atoms_reserve(a, n));
    for (int i = 0; i < n; i++) {
        a->tag[i] = mine[i].tag;
        a->z[i] = mine[i].z;
        memcpy(a->image[i], mine[i].image, sizeof mine[i].image);
        memcpy(a->x[i], mine[i].x, sizeof mine[i].x);
    }
    a->n = a->nown = n;
    return AL_ERR_OK;
}

static double processor(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Owners, halos and wide lists for the positions of ref.
static enum al_err build(struct domain *d)
{
    struct dom_ref *r = &d->ref;
    const bool root = d->comm->rank == 0;
    AL_AUTOFREE struct dom_record *mine = NULL;
    int n = 0, size = d->comm->size;
    d->built = false;
    for (int k = 0; root && k < size; k++) {
        r->bytes[k] = sizeof n;
        r->at[k] = k * (int)sizeof n;
    }
    comm_scatter(d->comm, r->count, r->bytes, r->at, &n, sizeof n);
    AL_TRY(agree(d, al_alloc((size_t)n, sizeof *mine, &mine)));
    for (int i = 0; root && i < r->natoms; i++) {
        int from = r->order[i];
        r->record[i] = (struct dom_record){.tag = from, .z = r->z[from]};
        memcpy(r->record[i].image, r->image[from], sizeof r->image[from]);
        memcpy(r->record[i].x, r->x[from], sizeof r->x[from]);
    }
    if (root) dom_ref_message(r, size, sizeof *r->record);
    comm_scatter(d->comm, r->record, r->bytes, r->at, mine, n * (int)sizeof *mine);
    AL_TRY(agree(d, take_owned(d, mine, n)));
    AL_TRY(dom_halo_build(d));
    double cutoff = d->reach - d->skin - margin, from = processor();
    enum al_err e = dom_list_build(&d->list, &d->atoms, (const double(*)[3])d->cell, cutoff, d->reach);
    d->list_seconds += processor() - from;
    AL_TRY(agree(d, e));
    d->builds++;
    d->built = true;
    return AL_ERR_OK;
}

static enum al_err own_part(struct domain *d, int k, bool atomic_energy, struct pot_result *res)
{
    struct dom_atoms *a = &d->atoms;
    res->forces = a->force;
    if (!a->nown) {
        memset(a->force, 0, (size_t)a->n * sizeof *a->force);
        return AL_ERR_OK;
    }
    if (atomic_energy) res->atomic_energy = a->energy;
    double from = processor();
    AL_TRY(dom_list_update(&d->list, a, (const double(*)[3])d->cell));
    d->list_seconds += processor() - from;
    struct pot_part part = {.ncentre = a->nown, .natoms = a->n, .z = a->z, .tag = a->tag, .list = &d->list.near};
    AL_TRY(d->local[k]->ops->eval_local(d->local[k], &part, res));
    return AL_ERR_OK;
}

// f, res: rank 0's, NULL on the others.
static void collect(struct domain *d, int n, const double *v, struct pot_result *res)
{
    struct dom_ref *r = &d->ref;
    int size = d->comm->size;
    for (int k = 0; res && k < size; k++) {
        r->bytes[k] = n * (int)sizeof *v;
        r->at[k] = k * r->bytes[k];
    }
    comm_gather(d->comm, v, n * (int)sizeof *v, d->sums, r->bytes, r->at);
    if (!res) return;
    double sum[SUMS];
    for (int i = 0; i < SUMS; i++) {
        sum[i] = d->sums[i];
        for (int k = 1; k < size; k++)
            sum[i] += d->sums[k * n + i];
    }
    res->energy = sum[0];
    memcpy(res->virial, sum + 1, sizeof res->virial);
    d->shortest = (double)INFINITY;
    for (int k = 0; k < size; k++) {
        const double *w = d->sums + (size_t)k * (size_t)n + SUMS;
        if (w[0] >= d->shortest) continue;
        d->shortest = w[0];
        d->pair[0] = (int)fmin(w[1], w[2]);
        d->pair[1] = (int)fmax(w[1], w[2]);
    }
}

static void gather_atoms(struct domain *d, int width, const double *mine, double *ret)
{
    struct dom_ref *r = &d->ref;
    size_t unit = (size_t)width * sizeof *mine;
    if (ret) dom_ref_message(r, d->comm->size, unit);
    comm_gather(d->comm, mine, d->atoms.nown * (int)unit, r->pack, r->bytes, r->at);
    for (int i = 0; ret && i < r->natoms; i++)
        memcpy(ret + (size_t)width * (size_t)r->order[i], r->pack + (size_t)width * (size_t)i, unit);
}

static enum al_err evaluate(struct domain *d, const struct order *o, const struct al_frame *f, struct pot_result *res,
                            double *forces)
{
    struct dom_ref *r = &d->ref;
    struct dom_atoms *a = &d->atoms;
    struct pot_result part = {0};
    double v[HEAD + DOMAIN_MAX_TALLY] = {0};
    int n = HEAD + d->tally.n;
    for (int i = 0; f && i < r->natoms; i++)
        memcpy(r->pack + 3 * (size_t)i, f->pos[r->order[i]], sizeof f->pos[0]);
    if (f) dom_ref_message(r, d->comm->size, sizeof *a->x);
    comm_scatter(d->comm, r->pack, r->bytes, r->at, a->x, a->nown * (int)sizeof *a->x);
    dom_halo_forward(d);
    AL_TRY(agree(d, own_part(d, o->k, o->atomic_energy, &part)));
    dom_halo_reverse(d);
    v[0] = part.energy;
    memcpy(v + 1, part.virial, sizeof part.virial);
    v[SUMS] = a->nown ? d->list.shortest : (double)INFINITY;
    v[SUMS + 1] = d->list.pair[0];
    v[SUMS + 2] = d->list.pair[1];
    if (d->tally.n) d->tally.get(d->tally.ctx, o->k, d->local[o->k], v + HEAD);
    collect(d, n, v, res);
    gather_atoms(d, 3, &a->force[0][0], forces);
    if (o->atomic_energy) gather_atoms(d, 1, a->energy, res ? res->atomic_energy : NULL);
    return AL_ERR_OK;
}

// --- rank 0 ----------------------------------------------------------------------------------------------

static enum al_err check(const struct domain *d, int k, const struct al_frame *f)
{
    if (d->comm->rank != 0) AL_FAIL(AL_ERR_BUG, "rank %d evaluates; rank 0 drives", d->comm->rank);
    if (k < 0 || k >= d->nlocal) AL_FAIL(AL_ERR_INPUT, "potential %d of %d", k, d->nlocal);
    if (f->natoms < 1) AL_FAIL(AL_ERR_INPUT, "%d atoms", f->natoms);
    if (!f->pbc)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "one rank", "a system without periodic boundaries is not spread over ranks");
    for (int i = 0; i < f->natoms; i++)
        if (!isfinite(f->pos[i][0] + f->pos[i][1] + f->pos[i][2]))
            AL_FAIL(AL_ERR_UNPHYSICAL, "position of atom %d is not a number", i);
    return AL_ERR_OK;
}

static enum al_err prepare(struct domain *d, const struct al_frame *f)
{
    if (!dom_ref_holds(d, f)) {
        AL_TRY(dom_ref_set(d, f->natoms, f->z, (const double(*)[3])f->pos, f->cell));
        enum al_err e = dom_ref_assign(d);
        d->ref.valid = e == AL_ERR_OK;
        AL_TRY(e);
    }
    if (d->built) return AL_ERR_OK;
    send_order(d, CMD_BUILD, 0, false, (const double(*)[3])d->ref.cell);
    AL_TRY(build(d));
    return AL_ERR_OK;
}

static void tell_tally(struct domain *d, int k)
{
    int n = d->tally.n;
    for (int r = 0; r < d->comm->size; r++) // their numbers, without the sums between
        memmove(d->sums + (size_t)r * (size_t)n, d->sums + (size_t)r * (size_t)(HEAD + n) + HEAD, (size_t)n * sizeof *d->sums);
    if (n) d->tally.take(d->tally.ctx, k, d->comm->size, d->sums);
}

enum al_err domain_potential_eval(struct potential *p, int k, const struct al_frame *f, struct pot_result *res)
{
    struct domain *d = self(p);
    AL_TRY(check(d, k, f));
    AL_TRY(prepare(d, f));
    AL_AUTOFREE double *unwanted = NULL;
    if (!res->forces) AL_ALLOC(unwanted, 3 * (size_t)f->natoms);
    struct order o = {.k = k, .atomic_energy = res->atomic_energy != NULL};
    send_order(d, CMD_EVAL, k, o.atomic_energy, f->cell);
    AL_TRY(evaluate(d, &o, f, res, res->forces ? &res->forces[0][0] : unwanted));
    tell_tally(d, k);
    return AL_ERR_OK;
}

static enum al_err eval(struct potential *p, const struct al_frame *f, struct pot_result *res)
{
    AL_TRY(domain_potential_eval(p, 0, f, res));
    return AL_ERR_OK;
}

static enum al_err save(struct potential *p, const char *path)
{
    AL_TRY(dom_history_save(self(p), path));
    return AL_ERR_OK;
}

static enum al_err load(struct potential *p, const char *path)
{
    AL_TRY(dom_history_load(self(p), path));
    return AL_ERR_OK;
}

static enum al_err forget(struct potential *p)
{
    self(p)->ref.valid = self(p)->built = false;
    return AL_ERR_OK;
}

static enum al_err discard(struct potential *p, const char *path)
{
    (void)p;
    (void)unlink(path);
    return AL_ERR_OK;
}

static double cutoff_of(const struct potential *p)
{
    const struct potential *local = self(p)->local[0];
    return local->ops->cutoff(local);
}

static double closest(const struct potential *p, int *ret_i, int *ret_j)
{
    const struct domain *d = self(p);
    *ret_i = d->pair[0];
    *ret_j = d->pair[1];
    return d->shortest;
}

static void domain_destroy(struct domain **dp)
{
    struct domain *d = *dp;
    *dp = NULL;
    if (!d) return;
    if (d->tally.release) d->tally.release(d->tally.ctx);
    for (int k = 0; d->own && d->local && k < d->nlocal; k++)
        potential_destroy(&d->local[k]);
    al_free(d->local);
    dom_halo_free(&d->halo);
    dom_atoms_free(&d->atoms);
    dom_list_free(&d->list);
    dom_ref_free(&d->ref);
    al_free(d->sums);
    al_free(d);
}

static void close_domain(struct potential *p)
{
    struct domain *d = self(p);
    if (d->comm->rank == 0) send_order(d, CMD_CLOSE, 0, false, NULL);
    domain_destroy(&d);
}

static const struct potential_ops domain_ops = {
    .name = "domain",
    .caps = POT_VIRIAL | POT_ATOMIC_ENERGY | POT_HISTORY,
    .eval = eval,
    .cutoff = cutoff_of,
    .closest = closest,
    .close = close_domain,
    .save = save,
    .load = load,
    .forget = forget,
    .discard = discard,
};

static enum al_err fill(struct domain *d, const struct domain_options *o)
{
    double cutoff = 0;
    if (o->tally.n < 0 || o->tally.n > DOMAIN_MAX_TALLY) AL_FAIL(AL_ERR_BUG, "tally of %d numbers", o->tally.n);
    for (int k = 0; k < d->nlocal; k++) {
        const struct potential *p = d->local[k];
        if (!(p->ops->caps & POT_LOCAL)) AL_FAIL(AL_ERR_UNSUPPORTED, "%s cannot be spread over ranks", p->ops->name);
        cutoff = fmax(cutoff, p->ops->cutoff(p));
    }
    d->skin = o->skin > 0 ? o->skin : default_skin;
    d->reach = cutoff + d->skin + margin;
    AL_ALLOC(d->sums, (size_t)d->comm->size * (size_t)(HEAD + o->tally.n));
    return AL_ERR_OK;
}

static enum al_err create(const struct domain_options *o, struct comm *comm, struct domain **ret)
{
    struct domain *d = NULL;
    AL_ALLOC(d, 1);
    enum al_err e = al_alloc((size_t)o->nlocal, sizeof *d->local, &d->local);
    if (e) al_free(d);
    AL_TRY(e);
    d->base.ops = &domain_ops;
    d->comm = comm;
    d->own = o->own;
    d->tally = o->tally;
    d->nlocal = o->nlocal;
    for (int k = 0; k < o->nlocal; k++) {
        d->local[k] = o->local[k];
        if (o->own) o->local[k] = NULL;
    }
    *ret = d;
    return AL_ERR_OK;
}

enum al_err domain_potential_open(const struct domain_options *o, struct comm *comm, struct potential **ret)
{
    AL_OWN(domain) d = NULL;
    enum al_err e = create(o, comm, &d);
    if (e && o->tally.release) o->tally.release(o->tally.ctx);
    for (int k = 0; e && o->own && k < o->nlocal; k++)
        potential_destroy(&o->local[k]);
    if (!e) e = fill(d, o);
    AL_TRY_ALL(comm, e);
    *ret = &d->base;
    d = NULL;
    return AL_ERR_OK;
}

// What rank 0 fails with is its caller's to judge (all ranks fail together); the others go on listening.
enum al_err domain_potential_serve(struct potential *p)
{
    struct domain *d = self(p);
    if (d->comm->rank == 0) AL_FAIL(AL_ERR_BUG, "rank 0 drives, it does not serve");
    for (;;) {
        struct order o;
        comm_bcast(d->comm, &o, sizeof o, 0);
        if (o.command == CMD_CLOSE) return AL_ERR_OK;
        memcpy(d->cell, o.cell, sizeof d->cell);
        if (o.command == CMD_BUILD) d->grid = o.grid;
        enum al_err e = o.command == CMD_BUILD ? build(d) : evaluate(d, &o, NULL, NULL, NULL);
        if (e) al_err_clear();
    }
}

struct domain_facts domain_potential_facts(const struct potential *p)
{
    const struct domain *d = self(p);
    struct domain_facts f = {.builds = d->builds, .owned = d->atoms.nown, .ghosts = d->atoms.n - d->atoms.nown,
                             .nlocal = d->nlocal, .list_seconds = d->list_seconds};
    memcpy(f.grid, d->grid.n, sizeof f.grid);
    memcpy(f.hops, d->grid.hops, sizeof f.hops);
    return f;
}

void *domain_potential_tally(const struct potential *p)
{
    return self(p)->tally.ctx;
}

struct potential *domain_potential_local(const struct potential *p, int k)
{
    return self(p)->local[k];
}

bool domain_is(const struct potential *p)
{
    return p && p->ops == &domain_ops;
}
