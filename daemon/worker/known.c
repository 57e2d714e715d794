// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/known.h"

#include "base/mem.h"
#include "dp/descriptor.h"

typedef char frame_name[128];

struct known {
    int n, width;
    const struct al_frames *frames; // the pool
    frame_name *name; // [nname] of what is known, in the order in which it was learned
    int nname;
    struct env_frame *pool; // [n]; those not wanted have no atoms
    struct novelty *novelty;
};

static void free_envs(struct env_frame *f, int n)
{
    for (int i = 0; f && i < n; i++) {
        al_free(f[i].z);
        al_free(f[i].x);
    }
    al_free(f);
}

void known_destroy(struct known **kp)
{
    struct known *k = *kp;
    *kp = NULL;
    if (!k) return;
    novelty_destroy(&k->novelty);
    al_free(k->name);
    free_envs(k->pool, k->n);
    al_free(k);
}

static void copy_name(const struct al_frame *f, frame_name ret)
{
    const char *id = al_frame_info(f, "frame_id");
    snprintf(ret, sizeof(frame_name), "%s", id ? id : "");
}

struct env_list {
    struct env_frame *f;
    frame_name *name;
    int n, cap;
};

static void env_list_free(struct env_list *l)
{
    free_envs(l->f, l->cap);
    al_free(l->name);
    *l = (struct env_list){0};
}

static enum al_err describe(struct dp_describer *d, const struct al_frame *f, struct env_frame *ret)
{
    int wide = dp_describer_width(d), w = env_width(wide);
    AL_AUTOFREE double *raw = NULL;
    AL_ALLOC(raw, (size_t)f->natoms * (size_t)wide);
    AL_ALLOC(ret->z, f->natoms);
    AL_ALLOC(ret->x, (size_t)f->natoms * (size_t)w);
    memcpy(ret->z, f->z, (size_t)f->natoms * sizeof *f->z);
    ret->natoms = f->natoms;
    AL_TRY(dp_describer_run(d, f, raw));
    AL_TRY(env_project(wide, f->natoms, raw, ret->x));
    return AL_ERR_OK;
}

// The training frames of a file; test frames are not known to any network.
static enum al_err add_file(struct dp_describer *d, const char *path, struct env_list *l)
{
    AL_OWN(al_frames) fs = NULL;
    if (!al_exists(path)) return AL_ERR_OK;
    AL_TRY(al_xyz_read(path, &fs));
    if (l->n + fs->n > l->cap) {
        AL_GROW(l->f, l->cap, l->n + fs->n);
        AL_GROW(l->name, l->cap, l->n + fs->n);
        l->cap = l->n + fs->n;
    }
    for (int i = 0; i < fs->n; i++) {
        const char *purpose = al_frame_info(fs->f[i], "purpose");
        if (purpose && strcmp(purpose, "test") == 0) continue;
        AL_TRY_MSG(describe(d, fs->f[i], &l->f[l->n]), "frame %d of %s", i, path);
        copy_name(fs->f[i], l->name[l->n]);
        l->n++;
    }
    return AL_ERR_OK;
}

static enum al_err add_known(const struct task *t, struct dp_describer *d, const char *const earlier[], int n, struct env_list *l)
{
    char path[AL_PATH];
    AL_TRY(add_file(d, "initial/gather/train.extxyz", l));
    AL_TRY(add_file(d, "initial/gather/valid.extxyz", l));
    for (int i = 0; i < n; i++)
        for (int s = 0; s < t->cfg->nsystems; s++) {
            AL_TRY(al_path(path, "%s/%s.extxyz", earlier[i], t->cfg->system[s].name));
            AL_TRY(add_file(d, path, l));
        }
    return AL_ERR_OK;
}

static enum al_err settle(struct known *k, struct env_list *l)
{
    AL_TRY(env_scale(k->width, l->n, l->f, k->n, k->pool));
    AL_TRY(novelty_create(k->width, k->n, k->pool, &k->novelty));
    for (int i = 0; i < l->n; i++)
        novelty_learn(k->novelty, &l->f[i]);
    k->name = l->name;
    k->nname = l->n;
    l->name = NULL;
    return AL_ERR_OK;
}

enum al_err known_create(const struct task *t, const char *model, const struct al_frames *pool, const bool wanted[],
                         const char *const earlier[], int n, struct known **ret)
{
    AL_OWN(known) k = NULL;
    AL_OWN(dp_describer) d = NULL;
    AL_ALLOC(k, 1);
    AL_ALLOC(k->pool, pool->n);
    k->n = pool->n;
    k->frames = pool;
    AL_TRY(dp_describer_open(model, &d));
    k->width = env_width(dp_describer_width(d));
    for (int i = 0; i < pool->n; i++)
        if (wanted[i]) AL_TRY_MSG(describe(d, pool->f[i], &k->pool[i]), "explored frame %d", i);
    struct env_list l = {0};
    enum al_err e = add_known(t, d, earlier, n, &l);
    if (!e) e = settle(k, &l);
    env_list_free(&l);
    AL_TRY(e);
    *ret = k;
    k = NULL;
    return AL_ERR_OK;
}

enum al_err known_choose(struct known *k, const bool allowed[], const int order[], int want, double duplicate, int ret_index[],
                         int *ret_n, struct distance ret_at[])
{
    AL_TRY(novelty_choose(k->novelty, allowed, order, want, duplicate, ret_index, ret_n, ret_at));
    AL_GROW(k->name, k->nname, k->nname + *ret_n);
    for (int i = 0; i < *ret_n; i++)
        copy_name(k->frames->f[ret_index[i]], k->name[k->nname++]);
    return AL_ERR_OK;
}

enum al_err known_nearest(const struct known *k, int i, char ret[128])
{
    int which;
    AL_TRY(novelty_nearest(k->novelty, i, &which));
    snprintf(ret, sizeof(frame_name), "%s", which >= 0 && which < k->nname ? k->name[which] : "");
    return AL_ERR_OK;
}
