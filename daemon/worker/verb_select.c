// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb select: of everything explored in this iteration, which frames are labelled. Per system: frames of the training
// trajectories inside the trust window, a seeded random choice of at most max_frames, duplicates of earlier frames left
// out; and an unbiased random sample of the test trajectories. classes.csv says of every frame what became of it and why.
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "committee/select.h"
#include "worker/task.h"

struct pool {
    struct al_frames *fs;
    double *dev;             // [fs->n]
    enum trust_class *cls;   // [fs->n]
};

static enum al_err read_explored(const char *const *ids, int n, struct al_frames **ret)
{
    AL_OWN(al_frames) all = NULL;
    AL_TRY(al_frames_create(&all));
    for (int i = 0; i < n; i++) {
        char path[AL_PATH];
        AL_OWN(al_frames) fs = NULL;
        AL_TRY(al_path(path, "%s/frames.extxyz", ids[i]));
        AL_TRY(al_xyz_read(path, &fs));
        for (int k = 0; k < fs->n; k++)
            AL_TRY(al_frames_push(all, &fs->f[k]));
    }
    *ret = all;
    all = NULL;
    return AL_ERR_OK;
}

// Hashes of the frames that earlier iterations selected.
static enum al_err read_earlier(const struct task *t, char (**ret)[65], int *ret_n)
{
    AL_AUTOFREE const char **ids = NULL;
    AL_AUTOFREE char(*hash)[65] = NULL;
    int n, have = 0;
    AL_TRY(task_input_list(t, "earlier", &ids, &n));
    for (int i = 0; i < n; i++)
        for (int s = 0; s < t->cfg->nsystems; s++) {
            char path[AL_PATH];
            AL_OWN(al_frames) fs = NULL;
            AL_TRY(al_path(path, "%s/%s.extxyz", ids[i], t->cfg->system[s].name));
            if (!al_exists(path)) continue;
            AL_TRY(al_xyz_read(path, &fs));
            AL_GROW(hash, have, have + fs->n);
            for (int k = 0; k < fs->n; k++)
                al_frame_hash(fs->f[k], hash[have++]);
        }
    *ret = hash;
    hash = NULL;
    *ret_n = have;
    return AL_ERR_OK;
}

static bool known(const struct al_frame *f, const char (*hash)[65], int n)
{
    char hex[65];
    al_frame_hash(f, hex);
    for (int i = 0; i < n; i++)
        if (strcmp(hash[i], hex) == 0) return true;
    return false;
}

static bool is_purpose(const struct al_frame *f, const char *purpose)
{
    const char *p = al_frame_info(f, "purpose");
    return p && strcmp(p, purpose) == 0;
}

static bool of_system(const struct al_frame *f, const char *system)
{
    const char *s = al_frame_info(f, "system");
    return s && strcmp(s, system) == 0;
}

static enum al_err push_copy(struct al_frames *out, const struct al_frame *f)
{
    AL_OWN(al_frame) c = NULL;
    AL_TRY(al_frame_copy(f, &c));
    AL_TRY(al_frames_push(out, &c));
    return AL_ERR_OK;
}

// Training frames: the trust window's candidates, thinned out at random.
static enum al_err choose_train(const struct task *t, int isys, const struct pool *p, const char (*earlier)[65],
                                int nearlier, bool *chosen, struct al_frames *out)
{
    AL_AUTOFREE int *index = NULL;
    AL_AUTOFREE enum trust_class *cls = NULL;
    AL_AUTOFREE int *pick = NULL;
    AL_ALLOC(index, p->fs->n);
    AL_ALLOC(cls, p->fs->n);
    AL_ALLOC(pick, p->fs->n);
    int n = 0, npick;
    for (int i = 0; i < p->fs->n; i++) {
        const struct al_frame *f = p->fs->f[i];
        if (!of_system(f, t->cfg->system[isys].name) || !is_purpose(f, "train") || known(f, earlier, nearlier)) continue;
        cls[n] = p->cls[i];
        index[n++] = i;
    }
    AL_TRY(trust_choose(n, cls, t->cfg->select.max_frames, t->cfg->seed, (uint64_t)t->iteration, (uint64_t)isys, 0, pick,
                        &npick));
    for (int k = 0; k < npick; k++) {
        chosen[index[pick[k]]] = true;
        AL_TRY(push_copy(out, p->fs->f[index[pick[k]]]));
    }
    return AL_ERR_OK;
}

// Test frames: any frame of the test trajectories that is not broken, each equally likely.
static enum al_err choose_test(const struct task *t, int isys, const struct pool *p, bool *chosen, struct al_frames *out)
{
    AL_AUTOFREE int *index = NULL;
    AL_ALLOC(index, p->fs->n);
    struct al_rng rng;
    int n = 0, want = t->cfg->test.frames;
    for (int i = 0; i < p->fs->n; i++)
        if (of_system(p->fs->f[i], t->cfg->system[isys].name) && is_purpose(p->fs->f[i], "test") && p->cls[i] != TRUST_FAILED)
            index[n++] = i;
    al_rng_stream(&rng, t->cfg->seed, "select-test", (uint64_t)t->iteration, (uint64_t)isys, 0);
    al_rng_shuffle(&rng, index, n);
    for (int k = 0; k < want && k < n; k++)
        chosen[index[k]] = true;
    for (int i = 0; i < p->fs->n; i++) // in the order of the trajectories
        for (int k = 0; k < want && k < n; k++)
            if (index[k] == i) AL_TRY(push_copy(out, p->fs->f[i]));
    return AL_ERR_OK;
}

static enum al_err write_classes(struct task *t, const struct pool *p, const bool *chosen)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(task_path(t, path, "classes.csv"));
    AL_TRY(al_outfile_open(path, &o));
    fputs("frame_id,system,purpose,temperature_K,deviation_eV_per_Ang,class,selected\n", o.out);
    for (int i = 0; i < p->fs->n; i++) {
        const struct al_frame *f = p->fs->f[i];
        const char *id = al_frame_info(f, "frame_id"), *sys = al_frame_info(f, "system");
        const char *purpose = al_frame_info(f, "purpose"), *temp = al_frame_info(f, "temperature");
        fprintf(o.out, "%s,%s,%s,%s,%.6f,%s,%s\n", id ? id : "", sys ? sys : "", purpose ? purpose : "", temp ? temp : "",
                p->dev[i], trust_name(p->cls[i]), chosen[i] ? "yes" : "no");
    }
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

// The accurate / candidate / failed counts over the training trajectories.
static enum al_err count_facts(struct task *t, const struct pool *p)
{
    int count[3] = {0}, all = 0;
    for (int i = 0; i < p->fs->n; i++)
        if (is_purpose(p->fs->f[i], "train")) {
            count[p->cls[i]]++;
            all++;
        }
    AL_TRY(task_fact_int(t, "accurate", count[TRUST_ACCURATE]));
    AL_TRY(task_fact_int(t, "candidate", count[TRUST_CANDIDATE]));
    AL_TRY(task_fact_int(t, "failed", count[TRUST_FAILED]));
    // frames above the window end their trajectory: they count as not yet known, too
    double open = count[TRUST_CANDIDATE] + count[TRUST_FAILED];
    AL_TRY(task_fact_real(t, "candidate_fraction", all ? open / all : 1.0));
    return AL_ERR_OK;
}

static enum al_err select_systems(struct task *t, const struct pool *p, const char (*earlier)[65], int nearlier,
                                  bool *chosen)
{
    for (int s = 0; s < t->cfg->nsystems; s++) {
        char path[AL_PATH], name[96], key[96];
        AL_OWN(al_frames) out = NULL;
        AL_TRY(al_frames_create(&out));
        AL_TRY(choose_train(t, s, p, earlier, nearlier, chosen, out));
        AL_TRY(choose_test(t, s, p, chosen, out));
        snprintf(name, sizeof name, "%s.extxyz", t->cfg->system[s].name);
        AL_TRY(task_path(t, path, name));
        AL_TRY(al_xyz_write(path, out));
        AL_TRY(task_artifact(t, path));
        snprintf(key, sizeof key, "frames.%s", t->cfg->system[s].name);
        AL_TRY(task_fact_int(t, key, out->n));
    }
    return AL_ERR_OK;
}

enum al_err verb_select(struct task *t)
{
    AL_AUTOFREE const char **ids = NULL;
    AL_AUTOFREE char(*earlier)[65] = NULL;
    AL_OWN(al_frames) fs = NULL;
    AL_AUTOFREE double *dev = NULL;
    AL_AUTOFREE enum trust_class *cls = NULL;
    AL_AUTOFREE bool *chosen = NULL;
    int n, nearlier;
    const struct trust_window w = {t->cfg->select.trust_low, t->cfg->select.trust_high};
    AL_TRY(task_input_list(t, "explored", &ids, &n));
    AL_TRY(read_explored(ids, n, &fs));
    AL_TRY(read_earlier(t, &earlier, &nearlier));
    AL_ALLOC(dev, fs->n);
    AL_ALLOC(cls, fs->n);
    AL_ALLOC(chosen, fs->n);
    for (int i = 0; i < fs->n; i++) {
        const char *d = al_frame_info(fs->f[i], "deviation");
        dev[i] = d ? strtod(d, NULL) : (double)NAN;
        cls[i] = trust_classify(&w, dev[i]);
    }
    struct pool p = {fs, dev, cls};
    AL_TRY(select_systems(t, &p, (const char(*)[65])earlier, nearlier, chosen));
    AL_TRY(write_classes(t, &p, chosen));
    AL_TRY(count_facts(t, &p));
    return AL_ERR_OK;
}
