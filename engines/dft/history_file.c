// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A history on disk, one file a rank: magic, sizes, the fields in the order of body(), SHA-256 of all before it.
// Native byte order.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/stream.h"
#include "dft/history.h"

struct head {
    char magic[8];
    int size, rank, n, natoms, nb, nocc, nk, ng, depth;
};

static void pass_k(struct al_stream *st, struct history_k *k)
{
    al_stream_pass(st, k->k, sizeof k->k);
    al_stream_pass(st, &k->npw, sizeof k->npw);
    al_stream_pass(st, &k->p0, sizeof k->p0);
    al_stream_pass(st, &k->nloc, sizeof k->nloc);
}

static void body(struct al_stream *st, struct history *h)
{
    al_stream_pass(st, &h->residual, sizeof h->residual);
    al_stream_pass(st, h->kind, (size_t)h->natoms * sizeof *h->kind);
    al_stream_pass(st, h->mill, (size_t)h->ng * sizeof *h->mill);
    for (int i = 0; i < h->nk; i++)
        al_stream_pass(st, h->k[i].mill, (size_t)h->k[i].npw * sizeof *h->k[i].mill);
    for (int j = 0; j < h->n; j++) {
        al_stream_pass(st, h->s[j].tau, (size_t)h->natoms * sizeof *h->s[j].tau);
        al_stream_pass(st, h->s[j].rho, (size_t)h->ng * sizeof *h->s[j].rho);
        for (int i = 0; i < h->nk; i++)
            al_stream_pass(st, h->s[j].psi[i], (size_t)h->nb * (size_t)h->k[i].nloc * sizeof **h->s[j].psi);
    }
}

static struct head make_head(const struct history *h)
{
    return (struct head){.magic = "ALNDHI2",
                         .size = h->comm->size,
                         .rank = h->comm->rank,
                         .n = h->n,
                         .natoms = h->natoms,
                         .nb = h->nb,
                         .nocc = h->nocc,
                         .nk = h->nk,
                         .ng = h->ng,
                         .depth = HISTORY_DEPTH};
}

static enum al_err file_of(const struct history *h, const char *path, char ret[AL_PATH])
{
    AL_TRY(al_path(ret, "%s.%d", path, h->comm->rank));
    return AL_ERR_OK;
}

static enum al_err save(struct history *h, const char *path)
{
    char file[AL_PATH];
    struct head head = make_head(h);
    struct al_stream st = {.mode = AL_COUNT};
    AL_AUTOFREE char *buf = NULL;
    AL_TRY(file_of(h, path, file));
    for (int i = 0; i < h->nk; i++)
        pass_k(&st, &h->k[i]);
    body(&st, h);
    size_t n = sizeof head + st.at + AL_SEAL;
    AL_ALLOC(buf, n + 1);
    st = (struct al_stream){.mode = AL_PUT, .buf = buf, .size = n};
    al_stream_pass(&st, &head, sizeof head);
    for (int i = 0; i < h->nk; i++)
        pass_k(&st, &h->k[i]);
    body(&st, h);
    al_stream_seal(buf, st.at);
    AL_TRY(al_file_write(file, buf, n));
    return AL_ERR_OK;
}

enum al_err history_save(const struct history *h, const char *path)
{
    struct history view = *h; // body() takes both directions; here it only reads
    AL_TRY_ALL(h->comm, save(&view, path));
    return AL_ERR_OK;
}

// Sizes that the rest of the file must have; k gets the plane waves of each k-point.
static enum al_err check_sizes(const struct head *d, const struct history *h, const char *file)
{
    if (d->n < 0 || d->n > HISTORY_DEPTH || d->natoms < 0 || d->nb < 0 || d->nocc < 0 || d->nocc > d->nb || d->nk < 0 || d->ng < 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s: impossible sizes", file);
    if (d->size != h->comm->size || d->rank != h->comm->rank || d->depth != HISTORY_DEPTH)
        AL_FAIL(AL_ERR_NOTFOUND, "%s is of a run on %d ranks", file, d->size);
    return AL_ERR_OK;
}

static enum al_err fill(struct history *h, const struct head *d, struct al_stream *st, const char *file)
{
    h->natoms = d->natoms;
    h->nb = d->nb;
    h->nocc = d->nocc;
    h->ng = d->ng;
    AL_ALLOC(h->kind, d->natoms);
    AL_ALLOC(h->mill, d->ng);
    AL_ALLOC(h->k, d->nk);
    h->nk = d->nk;
    for (int i = 0; i < h->nk; i++) {
        pass_k(st, &h->k[i]);
        if (h->k[i].npw < 0 || h->k[i].nloc < 0 || h->k[i].nloc > h->k[i].npw)
            AL_FAIL(AL_ERR_CORRUPT, "%s: impossible sizes", file);
        AL_ALLOC(h->k[i].mill, h->k[i].npw);
    }
    for (int j = 0; j < d->n; j++)
        AL_TRY(history_room(h, &h->s[j]));
    h->n = d->n;
    struct al_stream count = {.mode = AL_COUNT, .at = st->at};
    body(&count, h);
    if (count.at != st->size) AL_FAIL(AL_ERR_CORRUPT, "%s is shorter or longer than it says", file);
    body(st, h);
    return AL_ERR_OK;
}

static enum al_err load(struct history *h, const char *path)
{
    char file[AL_PATH];
    AL_AUTOFREE char *buf = NULL;
    size_t n;
    struct head d;
    AL_TRY(file_of(h, path, file));
    AL_TRY(al_file_read(file, 0, &buf, &n));
    if (n < sizeof d + AL_SEAL) AL_FAIL(AL_ERR_CORRUPT, "%s is no history of frames", file);
    memcpy(&d, buf, sizeof d);
    if (memcmp(d.magic, make_head(h).magic, sizeof d.magic) != 0 || !al_stream_sealed(buf, n))
        AL_FAIL(AL_ERR_CORRUPT, "%s is damaged or no history of frames", file);
    AL_TRY(check_sizes(&d, h, file));
    struct al_stream st = {.mode = AL_GET, .buf = buf, .size = n - AL_SEAL, .at = sizeof d};
    AL_TRY(fill(h, &d, &st, file));
    return AL_ERR_OK;
}

enum al_err history_load(struct history *h, const char *path)
{
    history_forget(h);
    enum al_err e = comm_agree(h->comm, load(h, path));
    if (e) history_forget(h);
    AL_TRY(e);
    return AL_ERR_OK;
}

void history_discard(const struct history *h, const char *path)
{
    char file[AL_PATH];
    if (snprintf(file, sizeof file, "%s.%d", path, h->comm->rank) < AL_PATH) unlink(file);
}
