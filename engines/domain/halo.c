// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Axis after axis: along each, what a rank holds by then (ghosts of the axes before included, so corners come by themselves)
// goes to the lower neighbour where it is within the halo of that one's upper face, and the same the other way. Where parts
// are thinner than the halo, what came with a hop goes on with the next. A part that is its own neighbour gets its own
// images so.
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "domain/domain_impl.h"

enum al_err dom_atoms_reserve(struct dom_atoms *a, int n)
{
    if (a->cap && (size_t)n <= a->cap) return AL_ERR_OK;
    size_t old = a->cap, want = (size_t)n + (size_t)n / 8 + 8;
    AL_GROW(a->tag, old, want);
    AL_GROW(a->z, old, want);
    AL_GROW(a->image, old, want);
    AL_GROW(a->x, old, want);
    AL_GROW(a->force, old, want);
    AL_GROW(a->energy, old, want);
    a->cap = want;
    return AL_ERR_OK;
}

void dom_atoms_free(struct dom_atoms *a)
{
    al_free(a->tag);
    al_free(a->z);
    al_free(a->image);
    al_free(a->x);
    al_free(a->force);
    al_free(a->energy);
    *a = (struct dom_atoms){0};
}

void dom_halo_free(struct dom_halo *h)
{
    for (int s = 0; s < h->cap; s++)
        al_free(h->stage[s].send);
    al_free(h->stage);
    al_free(h->out);
    al_free(h->in);
    *h = (struct dom_halo){0};
}

static enum al_err reserve_bytes(void **p, size_t *cap, size_t n)
{
    if (n <= *cap) return AL_ERR_OK;
    char *q = NULL;
    AL_ALLOC(q, n + n / 8);
    al_free(*p);
    *p = q;
    *cap = n + n / 8;
    return AL_ERR_OK;
}

static enum al_err new_stage(struct dom_halo *h, struct dom_stage **ret)
{
    if (h->nstage == h->cap) {
        AL_GROW(h->stage, h->cap, h->cap + 8);
        h->cap += 8;
    }
    struct dom_stage *s = &h->stage[h->nstage++];
    s->nsend = s->nrecv = s->first = 0;
    *ret = s;
    return AL_ERR_OK;
}

static enum al_err choose(struct dom_stage *s, int i)
{
    if ((size_t)s->nsend == s->cap) {
        AL_GROW(s->send, s->cap, 2 * s->cap + 64);
        s->cap = 2 * s->cap + 64;
    }
    s->send[s->nsend++] = i;
    return AL_ERR_OK;
}

struct walk { // one hop along an axis
    int axis, side; // side: -1 to lower coordinates, +1 to higher
    int from, to;   // candidates: atoms from .. to - 1
    double face;    // of this rank's part, on that side; fraction of the cell
    int shift;      // that the image changes by on the way
};

static enum al_err pack(struct domain *d, const struct walk *w, const double inv[3][3], struct dom_stage *s)
{
    const struct dom_atoms *a = &d->atoms;
    double width = d->grid.width[w->axis];
    for (int i = w->from; i < w->to; i++) {
        double at = a->image[i][w->axis];
        for (int c = 0; c < 3; c++)
            at += a->x[i][c] * inv[c][w->axis];
        if (w->side < 0 ? at < w->face + width : at >= w->face - width) AL_TRY(choose(s, i));
    }
    AL_TRY(reserve_bytes(&d->halo.out, &d->halo.cap_out, (size_t)s->nsend * sizeof(struct dom_record)));
    struct dom_record *r = d->halo.out;
    for (int k = 0; k < s->nsend; k++) {
        int i = s->send[k];
        r[k] = (struct dom_record){.tag = a->tag[i], .z = a->z[i]};
        memcpy(r[k].image, a->image[i], sizeof r[k].image);
        memcpy(r[k].x, a->x[i], sizeof r[k].x);
        r[k].image[w->axis] += w->shift;
    }
    return AL_ERR_OK;
}

static enum al_err make_room(struct domain *d, int n)
{
    AL_TRY(reserve_bytes(&d->halo.in, &d->halo.cap_in, (size_t)n * sizeof(struct dom_record)));
    AL_TRY(dom_atoms_reserve(&d->atoms, d->atoms.n + n));
    return AL_ERR_OK;
}

static enum al_err hop(struct domain *d, struct walk *w, const double inv[3][3])
{
    struct dom_atoms *a = &d->atoms;
    struct dom_stage *s = NULL;
    int c[3], other[3];
    dom_grid_coords(&d->grid, d->comm->rank, c);
    memcpy(other, c, sizeof c);
    enum al_err e = new_stage(&d->halo, &s);
    AL_TRY_ALL(d->comm, e);
    other[w->axis] = c[w->axis] + w->side;
    s->to = dom_grid_rank(&d->grid, other);
    w->shift = other[w->axis] < 0 ? 1 : other[w->axis] == d->grid.n[w->axis] ? -1 : 0;
    other[w->axis] = c[w->axis] - w->side;
    s->from = dom_grid_rank(&d->grid, other);
    w->face = (double)(w->side < 0 ? c[w->axis] : c[w->axis] + 1) / d->grid.n[w->axis];
    AL_TRY_ALL(d->comm, pack(d, w, inv, s));
    comm_sendrecv(d->comm, &s->nsend, sizeof s->nsend, s->to, &s->nrecv, sizeof s->nrecv, s->from);
    AL_TRY_ALL(d->comm, make_room(d, s->nrecv));
    struct dom_record *r = d->halo.in;
    comm_sendrecv(d->comm, d->halo.out, (size_t)s->nsend * sizeof *r, s->to, r, (size_t)s->nrecv * sizeof *r, s->from);
    s->first = w->from = a->n;
    for (int k = 0; k < s->nrecv; k++, a->n++) {
        a->tag[a->n] = r[k].tag;
        a->z[a->n] = r[k].z;
        memcpy(a->image[a->n], r[k].image, sizeof r[k].image);
        memcpy(a->x[a->n], r[k].x, sizeof r[k].x);
    }
    w->to = a->n;
    return AL_ERR_OK;
}

enum al_err dom_halo_build(struct domain *d)
{
    double inv[3][3];
    al_inv3(d->cell, inv);
    d->atoms.n = d->atoms.nown;
    d->halo.nstage = 0;
    for (int k = 0; k < 3; k++) {
        const int before = d->atoms.n;
        for (int side = -1; side <= 1; side += 2) {
            struct walk w = {.axis = k, .side = side, .from = 0, .to = before};
            for (int h = 0; h < d->grid.hops[k]; h++)
                AL_TRY(hop(d, &w, inv));
        }
    }
    return AL_ERR_OK;
}

void dom_halo_forward(struct domain *d)
{
    struct dom_atoms *a = &d->atoms;
    double(*out)[3] = d->halo.out;
    for (int k = 0; k < d->halo.nstage; k++) {
        const struct dom_stage *s = &d->halo.stage[k];
        for (int i = 0; i < s->nsend; i++)
            memcpy(out[i], a->x[s->send[i]], sizeof out[i]);
        comm_sendrecv(d->comm, out, (size_t)s->nsend * sizeof *out, s->to, a->x + s->first, (size_t)s->nrecv * sizeof *out,
                      s->from);
    }
}

void dom_halo_reverse(struct domain *d)
{
    struct dom_atoms *a = &d->atoms;
    double(*in)[3] = d->halo.out; // room for what was sent
    for (int k = d->halo.nstage - 1; k >= 0; k--) {
        const struct dom_stage *s = &d->halo.stage[k];
        comm_sendrecv(d->comm, a->force + s->first, (size_t)s->nrecv * sizeof *in, s->from, in, (size_t)s->nsend * sizeof *in,
                      s->to);
        for (int i = 0; i < s->nsend; i++)
            for (int c = 0; c < 3; c++)
                a->force[s->send[i]][c] += in[i][c];
    }
}
