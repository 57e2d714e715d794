// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/extrapolate.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/blocks.h"
#include "dft/history.h"
#include "dft/sphere.h"

static const double farthest = 0.6 / AL_BOHR_ANG; // bohr; an atom that moved further starts a new history

enum al_err history_create(struct comm *c, struct history **ret)
{
    AL_OWN(history) h = NULL;
    AL_ALLOC(h, 1);
    h->comm = c;
    *ret = h;
    h = NULL;
    return AL_ERR_OK;
}

static void snapshot_drop(struct snapshot *s, int nk)
{
    for (int i = 0; s->psi && i < nk; i++)
        al_free(s->psi[i]);
    al_free(s->psi);
    al_free(s->tau);
    al_free(s->rho);
    *s = (struct snapshot){0};
}

void history_forget(struct history *h)
{
    for (int i = 0; i < HISTORY_DEPTH; i++)
        snapshot_drop(&h->s[i], h->nk);
    for (int i = 0; h->k && i < h->nk; i++)
        al_free(h->k[i].mill);
    al_free(h->k);
    al_free(h->kind);
    al_free(h->mill);
    h->n = h->nk = h->natoms = h->ng = 0;
    h->residual = 0;
    h->k = NULL;
    h->kind = NULL;
    h->mill = NULL;
}

int history_frames(const struct history *h)
{
    return h->n;
}

void history_destroy(struct history **p)
{
    struct history *h = *p;
    *p = NULL;
    if (!h) return;
    history_forget(h);
    al_free(h->atomic);
    al_free(h);
}

int history_bands(const struct history *h)
{
    return h->nb;
}

enum al_err history_room(const struct history *h, struct snapshot *s)
{
    AL_ALLOC(s->tau, h->natoms);
    AL_ALLOC(s->rho, h->ng);
    AL_ALLOC(s->psi, h->nk);
    for (int i = 0; i < h->nk; i++)
        AL_ALLOC(s->psi[i], (size_t)h->nb * (size_t)h->k[i].nloc);
    return AL_ERR_OK;
}

// --- does it fit ---------------------------------------------------------------------------------------

static double nearest_image(double x)
{
    return x - rint(x);
}

// Largest move of an atom from the last frame, bohr.
static double largest_move(const struct history *h, const struct dft_system *s)
{
    double most = 0;
    for (int i = 0; i < s->natoms; i++) {
        double d[3], r[3];
        for (int a = 0; a < 3; a++)
            d[a] = nearest_image(s->tau[i][a] - h->s[0].tau[i][a]);
        al_vecmat3(d, s->b->a, r);
        most = fmax(most, sqrt(al_dot3(r, r)));
    }
    return most;
}

static bool fits(const struct history *h, const struct scf *p)
{
    const struct dft_system *s = p->s;
    if (h->n == 0 || h->natoms != s->natoms || h->nb != p->nb || h->nk != p->nk) return false;
    if (memcmp(h->kind, s->kind, (size_t)s->natoms * sizeof *s->kind) != 0) return false;
    for (int i = 0; i < p->nk; i++)
        if (memcmp(h->k[i].k, p->k[i]->k, sizeof h->k[i].k) != 0) return false;
    return largest_move(h, s) < farthest;
}

// --- change of the plane waves -------------------------------------------------------------------------

static enum al_err remap_density(struct history *h, const struct basis *b)
{
    if (h->ng == b->ng && memcmp(h->mill, b->mill, (size_t)b->ng * sizeof *b->mill) == 0) return AL_ERR_OK;
    AL_AUTOFREE int *from = NULL;
    AL_ALLOC(from, b->ng);
    sphere_match(h->ng, (const int(*)[3])h->mill, b->ng, (const int(*)[3])b->mill, from);
    for (int j = 0; j < h->n; j++) {
        double complex *x;
        AL_ALLOC(x, b->ng);
        for (int i = 0; i < b->ng; i++)
            if (from[i] >= 0) x[i] = h->s[j].rho[from[i]];
        al_free(h->s[j].rho);
        h->s[j].rho = x;
    }
    al_free(h->mill);
    h->mill = NULL;
    AL_ALLOC(h->mill, b->ng);
    memcpy(h->mill, b->mill, (size_t)b->ng * sizeof *b->mill);
    h->ng = b->ng;
    return AL_ERR_OK;
}

static enum al_err remap_block(const struct history *h, const struct history_k *old, const struct kbasis *k, const int *from,
                               double complex **block)
{
    AL_AUTOFREE double complex *x = NULL;
    AL_ALLOC(x, (size_t)h->nb * (size_t)k->nloc);
    AL_TRY(sphere_move_bands((struct sphere_rows){old->npw, old->p0, old->nloc}, k, from, h->nb, *block, x));
    al_free(*block);
    *block = x;
    x = NULL;
    return AL_ERR_OK;
}

static enum al_err remap_orbitals(struct history *h, int ik, const struct kbasis *k)
{
    struct history_k *old = &h->k[ik];
    if (old->npw == k->npw && memcmp(old->mill, k->mill, (size_t)k->npw * sizeof *k->mill) == 0) return AL_ERR_OK;
    AL_AUTOFREE int *from = NULL;
    AL_ALLOC(from, k->npw);
    sphere_match(old->npw, (const int(*)[3])old->mill, k->npw, (const int(*)[3])k->mill, from);
    for (int j = 0; j < h->n; j++)
        AL_TRY(remap_block(h, old, k, from, &h->s[j].psi[ik]));
    al_free(old->mill);
    old->mill = NULL;
    AL_TRY(history_describe_k(old, k));
    return AL_ERR_OK;
}

enum al_err history_describe_k(struct history_k *d, const struct kbasis *k)
{
    memcpy(d->k, k->k, sizeof d->k);
    d->npw = k->npw;
    d->p0 = k->p0;
    d->nloc = k->nloc;
    AL_ALLOC(d->mill, k->npw);
    memcpy(d->mill, k->mill, (size_t)k->npw * sizeof *k->mill);
    return AL_ERR_OK;
}

// --- extrapolation -------------------------------------------------------------------------------------

// x - sum_j c_j x_j in least squares by d: x - x_0 = sum_j d_j (x_j - x_{j+1}). Fractions of the cell, so that
// a change of the cell alone asks for nothing; scaled by the present cell to lengths.
static enum al_err coefficients(const struct history *h, const struct dft_system *s, double c[HISTORY_DEPTH])
{
    const int m = h->n - 1, rows = 3 * s->natoms;
    c[0] = 1;
    for (int j = 1; j < HISTORY_DEPTH; j++)
        c[j] = 0;
    if (m == 0) return AL_ERR_OK;
    double a[HISTORY_DEPTH * HISTORY_DEPTH] = {0}, rhs[HISTORY_DEPTH] = {0};
    AL_AUTOFREE double *step = NULL; // [m + 1][rows]: to the present frame, then between earlier ones
    AL_ALLOC(step, (size_t)(m + 1) * (size_t)rows);
    for (int j = 0; j <= m; j++)
        for (int i = 0; i < s->natoms; i++) {
            const double *to = j == 0 ? s->tau[i] : h->s[j - 1].tau[i], *from = h->s[j].tau[i];
            double d[3];
            for (int x = 0; x < 3; x++)
                d[x] = nearest_image(to[x] - from[x]);
            al_vecmat3(d, s->b->a, step + (size_t)j * (size_t)rows + 3 * i);
        }
    for (int i = 0; i < m; i++) {
        const double *si = step + (size_t)(i + 1) * (size_t)rows;
        rhs[i] = al_ddot(rows, si, step);
        for (int j = 0; j < m; j++)
            a[i * m + j] = al_ddot(rows, si, step + (size_t)(j + 1) * (size_t)rows);
    }
    // directions that the moves do not tell apart are left out rather than amplified
    AL_TRY(al_dgelsd(m, m, 1, a, m, rhs, m, 1e-8));
    for (int j = 0; j < m; j++) {
        c[j] += rhs[j];
        c[j + 1] -= rhs[j];
    }
    return AL_ERR_OK;
}

static void start_density(const struct history *h, const double c[HISTORY_DEPTH], struct scf *p)
{
    const struct basis *b = p->s->b;
    for (int i = 0; i < b->ng; i++) {
        if (b->g2[i] == 0) continue; // the number of electrons
        double complex x = 0;
        for (int j = 0; j < h->n; j++)
            x += c[j] * h->s[j].rho[i];
        p->rho_in[i] += x / b->volume;
    }
}

// psi := sum_j c_j P_j psi_0 for the occupied bands, psi_0 for the others.
static enum al_err start_orbitals(const struct history *h, const double c[HISTORY_DEPTH], struct scf *p, int ik)
{
    const struct kbasis *k = p->k[ik];
    const int n = h->nocc, nl = k->nloc;
    double complex *x = p->psi[ik];
    const double complex *last = h->s[0].psi[ik];
    AL_AUTOFREE double *o = NULL;
    AL_ALLOC(o, (size_t)n * (size_t)n * block_width(k->gamma));
    memcpy(x, last, (size_t)p->nb * (size_t)nl * sizeof *x);
    for (size_t i = 0; i < (size_t)n * (size_t)nl; i++)
        x[i] *= c[0];
    for (int j = 1; j < h->n; j++) {
        if (c[j] == 0) continue;
        block_dot(k->gamma, nl, n, n, h->s[j].psi[ik], last, o, n);
        AL_TRY(block_sum(k->comm, k->gamma, o, (size_t)n * (size_t)n));
        block_combine(k->gamma, nl, n, n, c[j], h->s[j].psi[ik], o, n, 1, x);
    }
    return AL_ERR_OK;
}

static enum al_err keep_atomic(struct history *h, const struct scf *p)
{
    const struct basis *b = p->s->b;
    al_free(h->atomic);
    h->atomic = NULL;
    AL_ALLOC(h->atomic, b->ng);
    for (int i = 0; i < b->ng; i++)
        h->atomic[i] = p->rho_in[i] * b->volume;
    return AL_ERR_OK;
}

enum al_err history_start(struct history *h, struct scf *p)
{
    double c[HISTORY_DEPTH];
    AL_TRY(keep_atomic(h, p));
    if (!fits(h, p)) {
        history_forget(h);
        return AL_ERR_OK;
    }
    AL_TRY(remap_density(h, p->s->b));
    for (int i = 0; i < p->nk; i++)
        AL_TRY(remap_orbitals(h, i, p->k[i]));
    AL_TRY(coefficients(h, p->s, c));
    start_density(h, c, p);
    for (int i = 0; i < p->nk; i++)
        AL_TRY(start_orbitals(h, c, p, i));
    p->warm = true;
    p->first_residual = h->residual;
    return AL_ERR_OK;
}

// --- memory --------------------------------------------------------------------------------------------

static enum al_err begin(struct history *h, const struct scf *p)
{
    const struct dft_system *s = p->s;
    h->natoms = s->natoms;
    h->nb = p->nb;
    AL_ALLOC(h->kind, s->natoms);
    memcpy(h->kind, s->kind, (size_t)s->natoms * sizeof *s->kind);
    h->ng = s->b->ng;
    AL_ALLOC(h->mill, h->ng);
    memcpy(h->mill, s->b->mill, (size_t)h->ng * sizeof *h->mill);
    AL_ALLOC(h->k, p->nk);
    h->nk = p->nk;
    for (int i = 0; i < p->nk; i++)
        AL_TRY(history_describe_k(&h->k[i], p->k[i]));
    return AL_ERR_OK;
}

enum al_err history_push(struct history *h, const struct scf *p)
{
    const struct basis *b = p->s->b;
    if (h->n == 0 || h->nb != p->nb) { // a rescue may have taken more bands
        history_forget(h);
        AL_TRY(begin(h, p));
    }
    snapshot_drop(&h->s[HISTORY_DEPTH - 1], h->nk);
    memmove(&h->s[1], &h->s[0], (HISTORY_DEPTH - 1) * sizeof h->s[0]);
    h->s[0] = (struct snapshot){0};
    AL_TRY(history_room(h, &h->s[0]));
    struct snapshot *s = &h->s[0];
    h->nocc = p->nocc;
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): history_room has made it, which clang-tidy 14 passes by
    memcpy(s->tau, p->s->tau, (size_t)h->natoms * sizeof *s->tau);
    for (int i = 0; i < b->ng; i++)
        s->rho[i] = p->rho_out[i] * b->volume - h->atomic[i];
    for (int i = 0; i < h->nk; i++)
        memcpy(s->psi[i], p->psi[i], (size_t)h->nb * (size_t)h->k[i].nloc * sizeof **s->psi);
    if (h->n < HISTORY_DEPTH) h->n++;
    h->residual = p->warm ? p->first_residual : 0;
    return AL_ERR_OK;
}
