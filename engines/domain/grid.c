// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <limits.h>
#include <math.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/stream.h"
#include "domain/domain_impl.h"

static const double max_wraps = 1e6; // an atom that far away has left the simulation
enum { MOST_ATOMS = INT_MAX / (int)sizeof(struct dom_record) }; // of a message

// Cell volumes that all ranks hold together, owned and ghosts.
static double held(const int n[3], const double width[3])
{
    double v = 1;
    for (int k = 0; k < 3; k++)
        v *= 1 + 2 * width[k] * n[k];
    return v;
}

enum al_err dom_grid_choose(int nranks, const double cell[3][3], double reach, struct dom_grid *ret)
{
    struct dom_grid g = {0};
    double volume = fabs(al_det3(cell)), best = INFINITY;
    if (!(volume > 1e-9)) AL_FAIL(AL_ERR_INPUT, "the periodic cell has no volume (%g Ang^3)", volume);
    for (int k = 0; k < 3; k++) {
        double a[3];
        al_cross3(cell[(k + 1) % 3], cell[(k + 2) % 3], a);
        g.width[k] = reach * sqrt(al_dot3(a, a)) / volume;
        if (g.width[k] > 100)
            AL_FAIL(AL_ERR_INPUT, "cell of %g Ang^3: too small for a cut-off and skin of %g Ang", volume, reach);
    }
    for (int a = 1; a <= nranks; a++)
        for (int b = 1; nranks % a == 0 && b <= nranks / a; b++) {
            int n[3] = {a, b, nranks / a / b};
            if (nranks / a % b) continue;
            double v = held(n, g.width);
            if (v > best * (1 - 1e-9)) continue; // of equal ones the first, whatever the rounding
            best = v;
            memcpy(g.n, n, sizeof n);
        }
    for (int k = 0; k < 3; k++)
        g.hops[k] = (int)ceil(g.width[k] * g.n[k]);
    *ret = g;
    return AL_ERR_OK;
}

void dom_grid_coords(const struct dom_grid *g, int rank, int ret[3])
{
    ret[2] = rank % g->n[2];
    ret[1] = rank / g->n[2] % g->n[1];
    ret[0] = rank / g->n[2] / g->n[1];
}

int dom_grid_rank(const struct dom_grid *g, const int c[3])
{
    int w[3];
    for (int k = 0; k < 3; k++)
        w[k] = ((c[k] % g->n[k]) + g->n[k]) % g->n[k];
    return (w[0] * g->n[1] + w[1]) * g->n[2] + w[2];
}

void dom_ref_free(struct dom_ref *r)
{
    al_free(r->x);
    al_free(r->z);
    al_free(r->image);
    al_free(r->order);
    al_free(r->pack);
    al_free(r->record);
    al_free(r->count);
    al_free(r->bytes);
    al_free(r->at);
    *r = (struct dom_ref){0};
}

static enum al_err reserve(struct domain *d, int natoms)
{
    struct dom_ref *r = &d->ref;
    if (natoms > MOST_ATOMS) AL_FAIL(AL_ERR_UNSUPPORTED, "%d atoms; a domain decomposition takes %d", natoms, MOST_ATOMS);
    if (r->count && (size_t)natoms <= r->cap) return AL_ERR_OK;
    dom_ref_free(r);
    AL_ALLOC(r->x, natoms);
    AL_ALLOC(r->z, natoms);
    AL_ALLOC(r->image, natoms);
    AL_ALLOC(r->order, natoms);
    AL_ALLOC(r->pack, 3 * (size_t)natoms);
    AL_ALLOC(r->record, natoms);
    AL_ALLOC(r->bytes, d->comm->size);
    AL_ALLOC(r->at, d->comm->size);
    AL_ALLOC(r->count, d->comm->size);
    r->cap = (size_t)natoms;
    return AL_ERR_OK;
}

enum al_err dom_ref_set(struct domain *d, int natoms, const int *z, const double (*x)[3], const double cell[3][3])
{
    struct dom_ref *r = &d->ref;
    r->valid = d->built = false;
    AL_TRY(reserve(d, natoms));
    r->natoms = natoms;
    memcpy(r->x, x, (size_t)natoms * sizeof *x);
    memcpy(r->z, z, (size_t)natoms * sizeof *z);
    memcpy(r->cell, cell, sizeof r->cell);
    r->valid = true;
    return AL_ERR_OK;
}

// Image that brings atom i into the cell; returns the rank that owns it.
static enum al_err place(struct domain *d, int i, const double inv[3][3], int *ret_rank)
{
    double s[3];
    int c[3];
    al_vecmat3(d->ref.x[i], inv, s);
    for (int k = 0; k < 3; k++) {
        double w = floor(s[k]);
        if (!(fabs(w) < max_wraps)) AL_FAIL(AL_ERR_UNPHYSICAL, "atom %d is %g cells away or not a number", i, s[k]);
        d->ref.image[i][k] = -(int)w;
        c[k] = (int)((s[k] - w) * d->grid.n[k]);
        if (c[k] >= d->grid.n[k]) c[k] = d->grid.n[k] - 1;
    }
    *ret_rank = dom_grid_rank(&d->grid, c);
    return AL_ERR_OK;
}

enum al_err dom_ref_assign(struct domain *d)
{
    struct dom_ref *r = &d->ref;
    double inv[3][3];
    AL_AUTOFREE int *owner = NULL;
    AL_AUTOFREE int *next = NULL;
    AL_ALLOC(owner, r->natoms);
    AL_ALLOC(next, d->comm->size + 1);
    AL_TRY(dom_grid_choose(d->comm->size, r->cell, d->reach, &d->grid));
    al_inv3(r->cell, inv);
    memset(r->count, 0, (size_t)d->comm->size * sizeof *r->count);
    for (int i = 0; i < r->natoms; i++) {
        AL_TRY(place(d, i, inv, &owner[i]));
        r->count[owner[i]]++;
    }
    for (int k = 0; k < d->comm->size; k++)
        next[k + 1] = next[k] + r->count[k];
    for (int i = 0; i < r->natoms; i++)
        r->order[next[owner[i]]++] = i;
    return AL_ERR_OK;
}

// The distance of a pair, ghosts included, changes by at most what its atoms have moved, where they stand in the cell, and what
// the ghost's image has moved with the cell.
bool dom_ref_holds(const struct domain *d, const struct al_frame *f)
{
    const struct dom_ref *r = &d->ref;
    double by[3][3], images = 0;
    if (!r->valid || f->natoms != r->natoms || memcmp(f->z, r->z, (size_t)r->natoms * sizeof *r->z) != 0) return false;
    for (int k = 0; k < 3; k++) {
        for (int c = 0; c < 3; c++)
            by[k][c] = f->cell[k][c] - r->cell[k][c];
        images += (ceil(d->grid.width[k]) + 1) * sqrt(al_dot3(by[k], by[k]));
    }
    double limit = 0.5 * (d->skin - images) * (1 - 1e-9);
    if (!(limit > 0)) return false;
    for (int i = 0; i < r->natoms; i++) {
        double m[3], moved[3] = {r->image[i][0], r->image[i][1], r->image[i][2]};
        al_vecmat3(moved, by, m);
        for (int c = 0; c < 3; c++)
            m[c] += f->pos[i][c] - r->x[i][c];
        if (!(al_dot3(m, m) <= limit * limit)) return false;
    }
    return true;
}

void dom_ref_message(struct dom_ref *r, int nranks, size_t unit)
{
    int at = 0;
    for (int k = 0; k < nranks; k++) {
        r->bytes[k] = (int)((size_t)r->count[k] * unit);
        r->at[k] = at;
        at += r->bytes[k];
    }
}

// --- on disk: which frame the decomposition was made for ------------------------------------------------

struct head {
    char magic[8];
    int nranks, natoms;
    double skin;
};

static void body(struct al_stream *st, struct dom_ref *r)
{
    al_stream_pass(st, r->cell, sizeof r->cell);
    al_stream_pass(st, r->z, (size_t)r->natoms * sizeof *r->z);
    al_stream_pass(st, r->x, (size_t)r->natoms * sizeof *r->x);
}

enum al_err dom_history_save(const struct domain *d, const char *path)
{
    struct dom_ref r = d->ref;
    if (!r.valid) r.natoms = 0;
    struct head h = {.magic = "ALNDDO1", .nranks = d->comm->size, .natoms = r.natoms, .skin = d->skin};
    struct al_stream st = {.mode = AL_COUNT};
    AL_AUTOFREE char *buf = NULL;
    body(&st, &r);
    size_t n = sizeof h + st.at;
    AL_ALLOC(buf, n + AL_SEAL);
    st = (struct al_stream){.mode = AL_PUT, .buf = buf, .size = n};
    al_stream_pass(&st, &h, sizeof h);
    body(&st, &r);
    al_stream_seal(buf, n);
    AL_TRY_MSG(al_file_write(path, buf, n + AL_SEAL), "writing the decomposition");
    return AL_ERR_OK;
}

enum al_err dom_history_load(struct domain *d, const char *path)
{
    AL_AUTOFREE char *buf = NULL;
    struct head h = {0};
    size_t n;
    d->ref.valid = d->built = false;
    if (!al_exists(path)) AL_FAIL(AL_ERR_NOTFOUND, "%s is not there", path);
    AL_TRY(al_file_read(path, (size_t)1 << 32, &buf, &n));
    if (n < sizeof h + AL_SEAL || !al_stream_sealed(buf, n)) AL_FAIL(AL_ERR_CORRUPT, "%s is damaged", path);
    struct al_stream st = {.mode = AL_GET, .buf = buf, .size = n - AL_SEAL};
    al_stream_pass(&st, &h, sizeof h);
    if (memcmp(h.magic, "ALNDDO1", sizeof h.magic) != 0) AL_FAIL(AL_ERR_CORRUPT, "%s is no decomposition", path);
    if (h.nranks != d->comm->size || h.skin != d->skin)
        AL_FAIL(AL_ERR_NOTFOUND, "%s is of %d ranks, these are %d", path, h.nranks, d->comm->size);
    if (h.natoms < 0) AL_FAIL(AL_ERR_CORRUPT, "%s: %d atoms", path, h.natoms);
    AL_TRY(reserve(d, h.natoms));
    d->ref.natoms = h.natoms;
    body(&st, &d->ref);
    if (st.at != st.size) AL_FAIL(AL_ERR_CORRUPT, "%s has another length than its atoms", path);
    if (!h.natoms) return AL_ERR_OK; // of an instance that had not evaluated yet
    AL_TRY(dom_ref_assign(d));
    d->ref.valid = true;
    return AL_ERR_OK;
}
