// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/dataset_impl.h"

static void copy_frame(const struct dp_system *from, int i, struct dp_system *to, int k)
{
    size_t a = (size_t)i, b = (size_t)k, n = 3 * (size_t)from->natoms;
    memmove(to->coord + b * n, from->coord + a * n, n * sizeof(double));
    memmove(to->force + b * n, from->force + a * n, n * sizeof(double));
    memmove(to->box + b * 9, from->box + a * 9, 9 * sizeof(double));
    memmove(to->virial + b * 9, from->virial + a * 9, 9 * sizeof(double));
    to->energy[b] = from->energy[a];
    to->weight[b] = from->weight[a];
}

static enum al_err empty_like(const struct dp_system *from, int frames, struct dp_system **ret)
{
    AL_OWN(dp_system) s = NULL;
    AL_ALLOC(s, 1);
    AL_TRY(al_strdup(from->name, &s->name));
    AL_TRY(al_strdup(from->path, &s->path));
    s->natoms = from->natoms;
    s->pbc = from->pbc;
    s->have = from->have;
    AL_ALLOC(s->z, from->natoms);
    memcpy(s->z, from->z, (size_t)from->natoms * sizeof *s->z);
    AL_ALLOC(s->set_frames, 1);
    s->nsets = 1;
    AL_TRY(dp_system_grow(s, frames));
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

// The frames that stay move up in s; sets keep their order.
static void close_gaps(struct dp_system *s, const bool *out)
{
    int k = 0, i = 0, sets = 0;
    for (int q = 0; q < s->nsets; q++) {
        int end = i + s->set_frames[q], kept = 0;
        for (; i < end; i++) {
            if (out[i]) continue;
            copy_frame(s, i, s, k++);
            kept++;
        }
        if (kept) s->set_frames[sets++] = kept;
    }
    s->nsets = sets;
    s->nframes = k;
}

static enum al_err split_system(struct dp_system *s, double fraction, struct al_rng *rng, struct dp_dataset *to)
{
    int n = (int)(fraction * s->nframes + 0.5);
    if (!n && fraction > 0 && s->nframes >= 10) n = 1;
    if (n >= s->nframes) n = s->nframes - 1;
    AL_AUTOFREE int *perm = NULL;
    AL_AUTOFREE bool *out = NULL;
    AL_OWN(dp_system) v = NULL;
    AL_ALLOC(perm, s->nframes);
    AL_ALLOC(out, s->nframes);
    for (int i = 0; i < s->nframes; i++)
        perm[i] = i;
    al_rng_shuffle(rng, perm, s->nframes);
    if (n <= 0) return AL_ERR_OK;
    for (int i = 0; i < n; i++)
        out[perm[i]] = true;
    AL_TRY(empty_like(s, n, &v));
    for (int i = 0; i < s->nframes; i++)
        if (out[i]) copy_frame(s, i, v, v->nframes++);
    v->set_frames[0] = n;
    close_gaps(s, out);
    return dp_dataset_push(to, &v);
}

enum al_err dp_dataset_split(struct dp_dataset *d, double fraction, uint64_t seed, struct dp_dataset **ret)
{
    AL_OWN(dp_dataset) to = NULL;
    AL_TRY(dp_dataset_create(&to));
    for (int i = 0; i < d->nsys; i++) {
        struct al_rng rng;
        al_rng_stream(&rng, seed, "train-split", (uint64_t)i, 0, 0);
        AL_TRY(split_system(&d->sys[i], fraction, &rng, to));
    }
    *ret = to;
    to = NULL;
    return AL_ERR_OK;
}

static bool harder_than(const struct dp_system *s, int frame, double max_force)
{
    const double *f = s->force + 3 * (size_t)s->natoms * (size_t)frame;
    for (int i = 0; i < s->natoms; i++, f += 3)
        if (al_dot3(f, f) > max_force * max_force) return true;
    return false;
}

enum al_err dp_dataset_leave_out(struct dp_dataset *d, double max_force, int *ret_out)
{
    int n = 0, kept = 0;
    *ret_out = 0;
    if (max_force <= 0) return AL_ERR_OK;
    for (int k = 0; k < d->nsys; k++) {
        struct dp_system *s = &d->sys[k];
        AL_AUTOFREE bool *out = NULL;
        AL_ALLOC(out, s->nframes);
        int before = s->nframes;
        for (int i = 0; (s->have & AL_HAVE_FORCES) && i < before; i++)
            out[i] = harder_than(s, i, max_force);
        close_gaps(s, out);
        n += before - s->nframes;
    }
    for (int k = 0; k < d->nsys; k++) {
        if (!d->sys[k].nframes) dp_system_clear(&d->sys[k]);
        else if (k != kept++) d->sys[kept - 1] = d->sys[k];
    }
    d->nsys = kept;
    *ret_out = n;
    return AL_ERR_OK;
}
