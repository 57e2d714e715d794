// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/dataset.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "train/dataset_impl.h"

enum al_err dp_dataset_create(struct dp_dataset **ret)
{
    return al_alloc(1, sizeof **ret, ret);
}

void dp_system_clear(struct dp_system *s)
{
    al_free(s->name);
    al_free(s->path);
    al_free(s->z);
    al_free(s->coord);
    al_free(s->box);
    al_free(s->energy);
    al_free(s->force);
    al_free(s->virial);
    al_free(s->weight);
    al_free(s->set_frames);
    *s = (struct dp_system){0};
}

void dp_system_destroy(struct dp_system **s)
{
    if (!*s) return;
    dp_system_clear(*s);
    al_free(*s);
    *s = NULL;
}

void dp_dataset_destroy(struct dp_dataset **d)
{
    if (!*d) return;
    for (int i = 0; i < (*d)->nsys; i++)
        dp_system_clear(&(*d)->sys[i]);
    for (int i = 0; i < (*d)->nnotes; i++)
        al_free((*d)->note[i]);
    al_free((*d)->note);
    al_free((*d)->sys);
    al_free(*d);
    *d = NULL;
}

enum al_err dp_dataset_push(struct dp_dataset *d, struct dp_system **s)
{
    AL_GROW(d->sys, d->nsys, d->nsys + 1);
    d->sys[d->nsys++] = **s;
    al_free(*s);
    *s = NULL;
    return AL_ERR_OK;
}

enum al_err dp_dataset_note(struct dp_dataset *d, const char *fmt, ...)
{
    char text[AL_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    AL_GROW(d->note, d->nnotes, d->nnotes + 1);
    AL_TRY(al_strdup(text, &d->note[d->nnotes]));
    d->nnotes++;
    return AL_ERR_OK;
}

int dp_dataset_nframes(const struct dp_dataset *d)
{
    int n = 0;
    for (int i = 0; i < d->nsys; i++)
        n += d->sys[i].nframes;
    return n;
}

// Room for `more` frames after those there are, and the three label arrays whatever `have` says.
enum al_err dp_system_grow(struct dp_system *s, int more)
{
    size_t a = (size_t)s->nframes, b = a + (size_t)more, n = 3 * (size_t)s->natoms;
    if (b > (size_t)s->room) { // one by one 10^5 frames would be copied 10^5 times
        size_t room = a && b < 2 * a ? 2 * a : b;
        AL_GROW(s->coord, a * n, room * n);
        AL_GROW(s->force, a * n, room * n);
        AL_GROW(s->box, a * 9, room * 9);
        AL_GROW(s->virial, a * 9, room * 9);
        AL_GROW(s->energy, a, room);
        AL_GROW(s->weight, a, room);
        s->room = (int)room;
    }
    for (; a < b; a++)
        s->weight[a] = 1;
    return AL_ERR_OK;
}

// ---- frames ----------------------------------------------------------------------------------------------

// The frame's key `weight`; 1 without.
static enum al_err weight_of(const struct al_frame *f, double *ret)
{
    const char *text = al_frame_info(f, "weight");
    char *end;
    *ret = 1;
    if (!text) return AL_ERR_OK;
    *ret = strtod(text, &end);
    if (end == text || *end || !(*ret >= 0) || !isfinite(*ret)) AL_FAIL(AL_ERR_INPUT, "weight=%.40s is no number >= 0", text);
    return AL_ERR_OK;
}

static enum al_err push_frame(struct dp_system *s, const struct al_frame *f)
{
    double weight;
    AL_TRY(weight_of(f, &weight));
    AL_TRY(dp_system_grow(s, 1));
    size_t k = (size_t)s->nframes, n = 3 * (size_t)s->natoms;
    memcpy(s->coord + k * n, f->pos, n * sizeof(double));
    memcpy(s->box + k * 9, f->cell, 9 * sizeof(double));
    if (f->have & AL_HAVE_FORCES) memcpy(s->force + k * n, f->forces, n * sizeof(double));
    if (f->have & AL_HAVE_VIRIAL) memcpy(s->virial + k * 9, f->virial, 9 * sizeof(double));
    s->energy[k] = f->energy;
    s->weight[k] = weight;
    s->nframes++;
    s->set_frames[0]++;
    return AL_ERR_OK;
}

static bool same_atoms(const struct dp_system *s, const struct al_frame *f)
{
    return s->have == (f->have & DP_LABELS) && s->natoms == f->natoms && s->pbc == f->pbc &&
           memcmp(s->z, f->z, (size_t)f->natoms * sizeof *f->z) == 0;
}

enum al_err dp_dataset_add_frames(struct dp_dataset *d, const char *name, const struct al_frames *frames)
{
    int first = d->nsys;
    for (int i = 0; i < frames->n; i++) {
        const struct al_frame *f = frames->f[i];
        int k = first;
        while (k < d->nsys && !same_atoms(&d->sys[k], f))
            k++;
        if (k == d->nsys) {
            AL_OWN(dp_system) s = NULL;
            AL_ALLOC(s, 1);
            char buf[AL_PATH];
            AL_TRY(k == first ? al_path(buf, "%s", name) : al_path(buf, "%s-%d", name, k - first + 1));
            AL_TRY(al_strdup(buf, &s->name));
            AL_TRY(al_strdup(name, &s->path));
            s->natoms = f->natoms;
            s->pbc = f->pbc;
            s->have = f->have & DP_LABELS;
            AL_ALLOC(s->z, f->natoms);
            memcpy(s->z, f->z, (size_t)f->natoms * sizeof *s->z);
            AL_ALLOC(s->set_frames, 1);
            s->nsets = 1;
            AL_TRY(dp_dataset_push(d, &s));
        }
        AL_TRY_MSG(push_frame(&d->sys[k], f), "frame %d of %s", i, name);
    }
    return AL_ERR_OK;
}

enum al_err dp_system_frame(const struct dp_system *s, int i, struct al_frame **ret)
{
    AL_OWN(al_frame) f = NULL;
    AL_TRY(al_frame_create(s->natoms, &f));
    size_t k = (size_t)i, n = 3 * (size_t)s->natoms;
    memcpy(f->z, s->z, (size_t)s->natoms * sizeof *f->z);
    memcpy(f->pos, s->coord + k * n, n * sizeof(double));
    memcpy(f->cell, s->box + k * 9, sizeof f->cell);
    memcpy(f->forces, s->force + k * n, n * sizeof(double));
    memcpy(f->virial, s->virial + k * 9, sizeof f->virial);
    f->energy = s->energy[k];
    f->have = s->have;
    f->pbc = s->pbc;
    if (s->weight[i] != 1) {
        char text[40];
        snprintf(text, sizeof text, "%.17g", s->weight[i]);
        AL_TRY(al_frame_info_set(f, "weight", text));
    }
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

enum al_err dp_dataset_frames(const struct dp_dataset *d, struct al_frames **ret)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_frames_create(&fs));
    for (int s = 0; s < d->nsys; s++)
        for (int i = 0; i < d->sys[s].nframes; i++) {
            AL_OWN(al_frame) f = NULL;
            AL_TRY(dp_system_frame(&d->sys[s], i, &f));
            AL_TRY(al_frames_push(fs, &f));
        }
    *ret = fs;
    fs = NULL;
    return AL_ERR_OK;
}
