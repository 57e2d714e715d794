// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/batch.h"

#include <stdint.h>

#include "base/mem.h"

struct source { // one system
    const struct dp_system *s;
    int frames;       // per batch
    bool pooled;      // one set of all frames
    double weight;    // number of batches
    int32_t set, pos; // present set (-1: none yet), next frame in perm
    int first, size;  // of the present set
    int *perm;        // [nframes of the largest set]
    int room;
};

struct batcher {
    struct al_rng rng;
    struct source *src; // [n]
    int n;
    double total;
};

static int nsets(const struct source *q)
{
    return q->pooled ? 1 : q->s->nsets;
}

static int set_frames(const struct source *q, int set)
{
    return q->pooled ? q->s->nframes : q->s->set_frames[set];
}

enum al_err batcher_create(const struct dp_dataset *d, int frames, bool pooled, const struct al_rng *rng,
                           struct batcher **ret)
{
    AL_OWN(batcher) b = NULL;
    AL_ALLOC(b, 1);
    AL_ALLOC(b->src, d->nsys);
    b->n = d->nsys;
    b->rng = *rng;
    for (int i = 0; i < d->nsys; i++) {
        struct source *q = &b->src[i];
        q->s = &d->sys[i];
        q->frames = frames > 0 ? frames : (32 + q->s->natoms - 1) / q->s->natoms;
        q->set = -1;
        q->pooled = pooled;
        for (int k = 0; k < nsets(q); k++) {
            q->weight += set_frames(q, k) / q->frames;
            if (set_frames(q, k) > q->room) q->room = set_frames(q, k);
        }
        if (q->weight < 1) q->weight = 1;
        b->total += q->weight;
        AL_ALLOC(q->perm, q->room);
    }
    *ret = b;
    b = NULL;
    return AL_ERR_OK;
}

void batcher_destroy(struct batcher **b)
{
    if (!*b) return;
    for (int i = 0; (*b)->src && i < (*b)->n; i++)
        al_free((*b)->src[i].perm);
    al_free((*b)->src);
    al_free(*b);
    *b = NULL;
}

static void enter_set(struct source *q, int set)
{
    q->set = set;
    q->first = 0;
    for (int k = 0; k < set; k++)
        q->first += set_frames(q, k);
    q->size = set_frames(q, set);
}

void batcher_next(struct batcher *b, int *ret_system, int *ret_n, const int **ret_frames)
{
    double u = al_rng_uniform(&b->rng) * b->total;
    int i = 0;
    while (i < b->n - 1 && u >= b->src[i].weight)
        u -= b->src[i++].weight;
    struct source *q = &b->src[i];
    if (q->set < 0 || q->pos + q->frames > q->size) {
        enter_set(q, (q->set + 1) % nsets(q));
        q->pos = 0;
        for (int k = 0; k < q->size; k++)
            q->perm[k] = q->first + k;
        al_rng_shuffle(&b->rng, q->perm, q->size);
    }
    int n = q->frames < q->size ? q->frames : q->size; // a set smaller than a batch is a batch
    *ret_system = i;
    *ret_n = n;
    *ret_frames = q->perm + q->pos;
    q->pos += n;
}

void batcher_save(const struct batcher *b, FILE *out)
{
    fwrite(&b->rng, sizeof b->rng, 1, out);
    for (int i = 0; i < b->n; i++) {
        const struct source *q = &b->src[i];
        fwrite(&q->set, sizeof q->set, 1, out);
        fwrite(&q->pos, sizeof q->pos, 1, out);
        if (q->set >= 0) fwrite(q->perm, sizeof *q->perm, (size_t)q->size, out);
    }
}

static enum al_err take(const unsigned char **at, const unsigned char *end, void *dst, size_t n)
{
    if ((size_t)(end - *at) < n) AL_FAIL(AL_ERR_CORRUPT, "checkpoint is too short");
    memcpy(dst, *at, n);
    *at += n;
    return AL_ERR_OK;
}

enum al_err batcher_load(struct batcher *b, const unsigned char **at, const unsigned char *end)
{
    AL_TRY(take(at, end, &b->rng, sizeof b->rng));
    for (int i = 0; i < b->n; i++) {
        struct source *q = &b->src[i];
        int32_t set, pos;
        AL_TRY(take(at, end, &set, sizeof set));
        AL_TRY(take(at, end, &pos, sizeof pos));
        if (set < -1 || set >= nsets(q)) AL_FAIL(AL_ERR_CORRUPT, "checkpoint: set %d", set);
        q->set = set;
        q->pos = pos;
        if (set < 0) continue;
        enter_set(q, set);
        if (pos < 0 || pos > q->size) AL_FAIL(AL_ERR_CORRUPT, "checkpoint: position %d in a set", pos);
        AL_TRY(take(at, end, q->perm, (size_t)q->size * sizeof *q->perm));
        for (int k = 0; k < q->size; k++)
            if (q->perm[k] < q->first || q->perm[k] >= q->first + q->size)
                AL_FAIL(AL_ERR_CORRUPT, "checkpoint: frame %d in set %d", q->perm[k], set);
    }
    return AL_ERR_OK;
}
