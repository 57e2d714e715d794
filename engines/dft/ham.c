// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/ham.h"

#include "base/mem.h"
#include "dft/blocks.h"

static enum al_err nonlocal_diagonal(struct ham *h)
{
    const size_t nl = (size_t)h->k->nloc;
    AL_ALLOC(h->diag, nl);
    for (int p = 0; p < h->nl->nproj; p++) {
        const double complex *b = h->nl->b + (size_t)p * nl;
        for (size_t i = 0; i < nl; i++)
            h->diag[i] += h->nl->d[p] * (creal(b[i]) * creal(b[i]) + cimag(b[i]) * cimag(b[i]));
    }
    return AL_ERR_OK;
}

enum al_err ham_create(const struct dft_system *s, struct kbasis *k, const double *v, int nbmax,
                       struct ham **ret)
{
    AL_OWN(ham) h = NULL;
    const struct comm *c = k->comm;
    AL_ALLOC(h, 1);
    h->s = s;
    h->k = k;
    h->v = v;
    h->nbmax = nbmax;
    AL_TRY(nonlocal_create(s, k, &h->nl));
    AL_TRY(nonlocal_diagonal(h));
    AL_ALLOC(h->p, block_width(k->gamma) * (size_t)nbmax * (size_t)h->nl->nproj);
    if (c->size > 1) AL_ALLOC(h->bands, (size_t)k->npw * (size_t)(nbmax / c->size + 1));
    AL_ALLOC(h->counts, 4 * c->size);
    *ret = h;
    h = NULL;
    return AL_ERR_OK;
}

void ham_destroy(struct ham **h)
{
    if (!*h) return;
    nonlocal_destroy(&(*h)->nl);
    wfft_destroy(&(*h)->fft_single);
    al_free((*h)->wide);
    al_free((*h)->diag);
    al_free((*h)->p);
    al_free((*h)->bands);
    al_free((*h)->counts);
    al_free(*h);
    *h = NULL;
}

// Counts of the transposition: rows of mine of rank r's bands against rows of r of my bands. Both blocks are
// contiguous in the order of the bands.
static int plan(struct ham *h, int nb, int **row, int **at_row, int **band, int **at_band)
{
    const struct comm *c = h->k->comm;
    const int np = c->size, mine = comm_first(nb, np, c->rank + 1) - comm_first(nb, np, c->rank);
    *row = h->counts;
    *at_row = *row + np;
    *band = *at_row + np;
    *at_band = *band + np;
    for (int r = 0; r < np; r++) {
        (*at_row)[r] = comm_first(nb, np, r) * h->k->nloc;
        (*row)[r] = comm_first(nb, np, r + 1) * h->k->nloc - (*at_row)[r];
        (*at_band)[r] = comm_first(h->k->npw, np, r) * mine;
        (*band)[r] = comm_first(h->k->npw, np, r + 1) * mine - (*at_band)[r];
    }
    return mine;
}

// Transforms of nb bands, times of them for each.
static void count(struct ham *h, int nb, int times)
{
    const int np = h->k->comm->size;
    for (int r = 0; r < np; r++) {
        int n = comm_first(nb, np, r + 1) - comm_first(nb, np, r);
        h->ffts += times * (h->k->gamma ? (n + 1) / 2 : n);
    }
}

// Band j of this rank's transposed block, and band j + 1 when pair, into the sticks.
static void load(struct ham *h, struct wfft *w, const double complex *block, int mine, int j, bool pair)
{
    const int np = h->k->comm->size;
    for (int r = 0; r < np; r++) {
        int p0 = comm_first(h->k->npw, np, r), n = comm_first(h->k->npw, np, r + 1) - p0;
        const double complex *c = block + (size_t)p0 * (size_t)mine + (size_t)j * (size_t)n;
        wfft_put(w, c, pair ? c + n : NULL, p0, n);
    }
}

static void store(struct ham *h, const struct wfft *w, double complex *block, int mine, int j, bool pair)
{
    const int np = h->k->comm->size;
    for (int r = 0; r < np; r++) {
        int p0 = comm_first(h->k->npw, np, r), n = comm_first(h->k->npw, np, r + 1) - p0;
        double complex *c = block + (size_t)p0 * (size_t)mine + (size_t)j * (size_t)n;
        wfft_get(w, c, pair ? c + n : NULL, p0, n);
    }
}

// out := v c for whole bands; out may be the same block.
static void local_part(struct ham *h, int mine, const double complex *in, double complex *out)
{
    struct wfft *w = h->k->fft;
    for (int j = 0; j < mine; j++) {
        bool pair = h->k->gamma && j + 1 < mine;
        load(h, w, in, mine, j, pair);
        wfft_apply(w, h->v);
        store(h, w, out, mine, j, pair);
        j += pair;
    }
}

// The same in single precision. One or two bands at a time are widened for the FFT's loops: they stay in the cache.
static void local_part_single(struct ham *h, const double *v, int mine, const float complex *in, float complex *out)
{
    const int np = h->k->comm->size;
    struct wfft *w = h->fft_single;
    for (int j = 0; j < mine; j++) {
        bool pair = h->k->gamma && j + 1 < mine;
        double complex *second = pair ? h->wide + h->k->npw : NULL;
        for (int r = 0; r < np; r++) {
            int p0 = comm_first(h->k->npw, np, r), n = comm_first(h->k->npw, np, r + 1) - p0;
            const float complex *c = in + (size_t)p0 * (size_t)mine + (size_t)j * (size_t)n;
            block_widen((size_t)n, c, h->wide);
            if (pair) block_widen((size_t)n, c + n, second);
            wfft_put(w, h->wide, second, p0, n);
        }
        wfft_apply(w, v);
        for (int r = 0; r < np; r++) {
            int p0 = comm_first(h->k->npw, np, r), n = comm_first(h->k->npw, np, r + 1) - p0;
            float complex *c = out + (size_t)p0 * (size_t)mine + (size_t)j * (size_t)n;
            wfft_get(w, h->wide, second, p0, n);
            block_narrow((size_t)n, h->wide, c);
            if (pair) block_narrow((size_t)n, second, c + n);
        }
        j += pair;
    }
}

enum al_err ham_apply(struct ham *h, int nb, const double complex *c, double complex *hc)
{
    struct comm *comm = h->k->comm;
    const int nl = h->k->nloc;
    if (comm->size == 1) {
        local_part(h, nb, c, hc);
    } else {
        int *row, *at_row, *band, *at_band, mine = plan(h, nb, &row, &at_row, &band, &at_band);
        comm_alltoallv_z(comm, c, row, at_row, h->bands, band, at_band);
        local_part(h, mine, h->bands, h->bands);
        comm_alltoallv_z(comm, h->bands, band, at_band, hc, row, at_row);
    }
    for (int j = 0; j < nb; j++)
        for (int g = 0; g < nl; g++)
            hc[(size_t)j * (size_t)nl + (size_t)g] +=
                0.5 * h->k->q2[g] * c[(size_t)j * (size_t)nl + (size_t)g];
    count(h, nb, 2);
    h->applies += nb;
    return nonlocal_apply(h->nl, nb, c, h->p, hc);
}

// hc := v c, the local part alone.
static enum al_err local_single(struct ham *h, const double *v, int nb, const float complex *c, float complex *hc)
{
    struct comm *comm = h->k->comm;
    if (!h->fft_single)
        AL_TRY(wfft_create(h->s->b->n, h->k->npw, h->k->mill, h->k->gamma, true, &h->fft_single));
    if (!h->wide) AL_ALLOC(h->wide, 2 * (size_t)h->k->npw);
    if (comm->size == 1) {
        local_part_single(h, v, nb, c, hc);
    } else {
        int *row, *at_row, *band, *at_band, mine = plan(h, nb, &row, &at_row, &band, &at_band);
        float complex *bands = (float complex *)h->bands;
        comm_alltoallv_c(comm, c, row, at_row, bands, band, at_band);
        local_part_single(h, v, mine, bands, bands);
        comm_alltoallv_c(comm, bands, band, at_band, hc, row, at_row);
    }
    count(h, nb, 2);
    h->applies += nb;
    return AL_ERR_OK;
}

enum al_err ham_change_single(struct ham *h, const double *dv, int nb, const float complex *c, float complex *dhc)
{
    return local_single(h, dv, nb, c, dhc);
}

enum al_err ham_apply_single(struct ham *h, int nb, const float complex *c, float complex *hc)
{
    const int nl = h->k->nloc;
    AL_TRY(local_single(h, h->v, nb, c, hc));
    for (int j = 0; j < nb; j++)
        for (int g = 0; g < nl; g++)
            hc[(size_t)j * (size_t)nl + (size_t)g] +=
                (float)(0.5 * h->k->q2[g]) * c[(size_t)j * (size_t)nl + (size_t)g];
    return nonlocal_apply_single(h->nl, nb, c, h->p, hc);
}

void ham_density(struct ham *h, int nb, const double *weight, const double complex *c, double *rho)
{
    struct comm *comm = h->k->comm;
    int mine = nb, first = 0;
    if (comm->size > 1) {
        int *row, *at_row, *band, *at_band;
        mine = plan(h, nb, &row, &at_row, &band, &at_band);
        comm_alltoallv_z(comm, c, row, at_row, h->bands, band, at_band);
        c = h->bands;
        first = comm_first(nb, comm->size, comm->rank);
    }
    for (int j = 0; j < mine; j++) {
        bool pair = h->k->gamma && j + 1 < mine;
        load(h, h->k->fft, c, mine, j, pair);
        wfft_density(h->k->fft, weight[first + j], pair ? weight[first + j + 1] : 0, rho);
        j += pair;
    }
    count(h, nb, 1);
}
