// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb gather: labelled frames become data sets, data/{train,valid,test}/SYSTEM/set.NNN in deepmd/npy, and extxyz files
// with the frames' history in the task's directory. Frames of purpose test go to data/test only. Running it twice changes
// nothing: each set carries the name of the task that made it.
#include <math.h>

#include "base/mem.h"
#include "train/dataset.h"
#include "worker/import.h"
#include "worker/quarantine.h"

enum part { PART_TRAIN, PART_VALID, PART_TEST, PART_COUNT };
static const char *const part_name[PART_COUNT] = {"train", "valid", "test"};

static enum al_err read_labelled(const struct task *t, struct al_frames **ret)
{
    AL_AUTOFREE const char **ids = NULL;
    int n;
    AL_OWN(al_frames) all = NULL;
    AL_TRY(al_frames_create(&all));
    AL_TRY(task_input_list(t, "labelled", &ids, &n));
    for (int i = 0; i < n; i++) {
        char path[AL_PATH];
        AL_OWN(al_frames) fs = NULL;
        AL_TRY(al_path(path, "%s/labelled.extxyz", ids[i]));
        AL_TRY(al_xyz_read(path, &fs));
        for (int k = 0; k < fs->n; k++)
            AL_TRY(al_frames_push(all, &fs->f[k]));
    }
    *ret = all;
    all = NULL;
    return AL_ERR_OK;
}

// A bad frame never stops the loop; so many of them that something else must be wrong do.
static enum al_err check_failures(struct task *t)
{
    AL_AUTOFREE const char **ids = NULL;
    struct quarantine q;
    int n;
    AL_TRY(task_input_list(t, "labelled", &ids, &n));
    AL_TRY(quarantine_count(ids, n, &q));
    AL_TRY(quarantine_judge(&q, t->cfg->label.max_failed));
    AL_TRY(task_fact_int(t, "nfailed", q.nfailed));
    return AL_ERR_OK;
}

// Labels of different settings are never mixed in one training set, except those of initial.data: whoever names that has been told.
static enum al_err check_fingerprints(const struct task *t, const struct al_frames *fs)
{
    char path[AL_PATH], want[65] = "";
    AL_TRY(al_path(path, "data/fingerprint"));
    if (al_exists(path)) {
        AL_AUTOFREE char *text = NULL;
        AL_TRY(al_file_read(path, 1024, &text, NULL));
        snprintf(want, sizeof want, "%.64s", text);
    }
    for (int i = 0; i < fs->n; i++) {
        const char *fp = al_frame_info(fs->f[i], "fingerprint");
        if (fp && strncmp(fp, IMPORT_FINGERPRINT, strlen(IMPORT_FINGERPRINT)) == 0) continue;
        if (!fp || strlen(fp) != 64) AL_FAIL(AL_ERR_CORRUPT, "%s: labelled frame %d has no fingerprint", t->id, i);
        if (!want[0]) {
            snprintf(want, sizeof want, "%s", fp);
            AL_TRY(al_mkdirs("data"));
            AL_TRY(al_file_write(path, want, strlen(want)));
        }
        if (strcmp(want, fp) != 0)
            AL_FAIL_HINT(AL_ERR_INPUT, "labels of different settings cannot be trained on together: start a new workdir",
                         "frame %s was labelled with settings %.12s..., the data set with %.12s...",
                         al_frame_info(fs->f[i], "frame_id"), fp, want);
    }
    return AL_ERR_OK;
}

// Of the p-th training frame of a system (from 0): whether validation gets it, evenly spread.
static bool goes_to_validation(double fraction, long p)
{
    return floor((double)(p + 1) * fraction + 1e-9) > floor((double)p * fraction + 1e-9);
}

struct sorted {
    const struct al_frame **f[PART_COUNT];
    int n[PART_COUNT];
};

// How many frames of earlier tasks (set numbers below `set`) a system has for training and validation.
static enum al_err earlier_frames(const struct task *t, const char *system, long *ret)
{
    *ret = 0;
    for (int it = -1; it < t->iteration; it++) {
        char path[AL_PATH];
        if (it < 0) AL_TRY(al_path(path, "initial/gather/counts.yaml"));
        else AL_TRY(al_path(path, "iterations/%03d/gather/counts.yaml", it));
        AL_OWN(al_node) counts = NULL;
        AL_TRY(al_yaml_read(path, &counts));
        *ret += al_node_int(counts, system, 0);
    }
    return AL_ERR_OK;
}

static enum al_err sort_system(const struct task *t, const struct al_frames *fs, const char *system, struct sorted *s,
                               long *ret_ntrain)
{
    long p;
    AL_TRY(earlier_frames(t, system, &p));
    long first = p;
    for (int i = 0; i < fs->n; i++) {
        const char *of = al_frame_info(fs->f[i], "system"), *purpose = al_frame_info(fs->f[i], "purpose");
        if (!of || strcmp(of, system) != 0) continue;
        enum part part = PART_TRAIN;
        if (purpose && strcmp(purpose, "test") == 0) part = PART_TEST;
        else if (goes_to_validation(t->cfg->train.validation, p++)) part = PART_VALID;
        s->f[part][s->n[part]++] = fs->f[i];
    }
    *ret_ntrain = p - first;
    return AL_ERR_OK;
}

// A system of several arrangements has several orders of species, larger cells have more atoms, imported frames any; deepmd/npy wants one
// per directory.
static enum al_err append(const struct task *t, const char *system, enum part part, const struct al_frame **f, int n)
{
    int nz, z[CFG_MAX_LIST];
    const char *map[CFG_MAX_LIST];
    AL_TRY(loop_config_elements(t->cfg, &nz, z));
    for (int i = 0; i < nz; i++)
        map[i] = al_element_symbol(z[i]);
    AL_AUTOFREE bool *used = NULL;
    AL_AUTOFREE const struct al_frame **same = NULL;
    AL_ALLOC(used, n);
    AL_ALLOC(same, n);
    for (int i = 0; i < n; i++) {
        if (used[i]) continue;
        const char *arrangement = al_frame_info(f[i], "arrangement"), *copies = al_frame_info(f[i], "supercell");
        const char *imported = al_frame_info(f[i], "imported");
        char dir[AL_PATH];
        int k = 0;
        for (int j = i; j < n; j++) {
            const char *other = al_frame_info(f[j], "imported");
            bool equal = f[j]->natoms == f[i]->natoms && !imported == !other && (!imported || strcmp(imported, other) == 0) &&
                         memcmp(f[j]->z, f[i]->z, (size_t)f[i]->natoms * sizeof *f[i]->z) == 0;
            if (used[j] || !equal) continue;
            used[j] = true;
            same[k++] = f[j];
        }
        if (imported) copies = imported;
        bool several = arrangement && strcmp(arrangement, "0") != 0;
        AL_TRY(al_path(dir, "data/%s/%s%s%s%s%s", part_name[part], system, several ? "-a" : "", several ? arrangement : "",
                       copies ? "-" : "", copies ? copies : ""));
        AL_TRY(al_mkdirs(dir));
        AL_TRY(dp_dataset_append_set(dir, (const struct al_frame *const *)same, k, map, nz, t->id, NULL));
    }
    return AL_ERR_OK;
}

static enum al_err write_part(struct task *t, const struct al_frames *fs, const bool *in_part, enum part part)
{
    char name[32], path[AL_PATH];
    snprintf(name, sizeof name, "%s.extxyz", part_name[part]);
    AL_TRY(task_path(t, path, name));
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    for (int i = 0; i < fs->n; i++) {
        if (!in_part[i * PART_COUNT + (int)part]) continue;
        enum al_err e = al_xyz_write_frame(o.out, fs->f[i]);
        if (e) al_outfile_drop(&o);
        AL_TRY(e);
    }
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

static enum al_err write_counts(struct task *t, const long *ntrain)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(task_path(t, path, "counts.yaml"));
    AL_TRY(al_outfile_open(path, &o));
    for (int s = 0; s < t->cfg->nsystems; s++)
        al_yaml_int(o.out, 0, t->cfg->system[s].name, ntrain[s]);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

enum al_err verb_gather(struct task *t)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(check_failures(t));
    AL_TRY(read_labelled(t, &fs));
    AL_TRY(check_fingerprints(t, fs));
    AL_AUTOFREE bool *in_part = NULL;
    AL_AUTOFREE const struct al_frame **room = NULL;
    AL_ALLOC(in_part, fs->n * PART_COUNT);
    AL_ALLOC(room, fs->n * PART_COUNT);
    long ntrain[CFG_MAX_SYSTEMS] = {0};
    int total[PART_COUNT] = {0};
    for (int i = 0; i < t->cfg->nsystems; i++) {
        struct sorted s = {.f = {room, room + fs->n, room + 2 * fs->n}};
        const char *name = t->cfg->system[i].name;
        AL_TRY(sort_system(t, fs, name, &s, &ntrain[i]));
        for (int part = 0; part < PART_COUNT; part++) {
            if (s.n[part]) AL_TRY(append(t, name, (enum part)part, s.f[part], s.n[part]));
            total[part] += s.n[part];
            for (int k = 0; k < s.n[part]; k++)
                for (int m = 0; m < fs->n; m++)
                    in_part[m * PART_COUNT + part] |= fs->f[m] == s.f[part][k];
        }
    }
    for (int part = 0; part < PART_COUNT; part++)
        AL_TRY(write_part(t, fs, in_part, (enum part)part));
    AL_TRY(write_counts(t, ntrain));
    AL_TRY(task_fact_int(t, "ntrain", total[PART_TRAIN]));
    AL_TRY(task_fact_int(t, "nvalid", total[PART_VALID]));
    AL_TRY(task_fact_int(t, "ntest", total[PART_TEST]));
    if (t->iteration < 0 && !total[PART_TRAIN])
        AL_FAIL_HINT(AL_ERR_NOTCONV, "alnd errors shows the reasons", "no initial frame could be labelled");
    return AL_ERR_OK;
}
