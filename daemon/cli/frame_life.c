// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/frame_life.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/mem.h"
#include "cli/scan.h"

enum { FIELDS = 32 };

// Cuts a line of a CSV file without quotes at its commas.
static int split(char *line, char **field)
{
    int n = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *p = line; p && n < FIELDS;) {
        field[n++] = p;
        p = strchr(p, ',');
        if (p) *p++ = '\0';
    }
    return n;
}

static void column(char *const *head, int nhead, char *const *field, int n, const char *name, char *ret, size_t size)
{
    for (int i = 0; i < nhead && i < n; i++)
        if (strcmp(head[i], name) == 0) snprintf(ret, size, "%s", field[i]);
}

struct taken {
    int candidates, selected; // of the frame's system, for training
};

// The frame's row in classes.csv, by the names of its columns: later versions have more of them.
static void read_row(char *const *head, int nhead, char *const *field, int n, struct frame_life *l)
{
    char text[16] = "";
    column(head, nhead, field, n, "deviation_eV_per_Ang", l->deviation, sizeof l->deviation);
    column(head, nhead, field, n, "class", l->class_name, sizeof l->class_name);
    column(head, nhead, field, n, "selected", text, sizeof text);
    column(head, nhead, field, n, "trust_low", l->trust_low, sizeof l->trust_low);
    column(head, nhead, field, n, "trust_high", l->trust_high, sizeof l->trust_high);
    column(head, nhead, field, n, "distance", l->distance, sizeof l->distance);
    column(head, nhead, field, n, "reason", l->why_not, sizeof l->why_not);
    column(head, nhead, field, n, "nearest", l->duplicate_of, sizeof l->duplicate_of); // of near duplicates alone
    l->selected = strcmp(text, "yes") == 0;
}

static enum al_err read_classes(struct frame_life *l, struct taken *ret)
{
    char path[AL_PATH], *head[FIELDS], *field[FIELDS];
    char *first = NULL, *line = NULL;
    size_t ncap = 0, cap = 0;
    int nhead = 0;
    AL_TRY(al_path(path, "iterations/%03d/select/classes.csv", l->iteration));
    FILE *in = fopen(path, "re");
    if (in && getline(&first, &ncap, in) > 0) nhead = split(first, head);
    while (nhead && getline(&line, &cap, in) > 0) {
        char id[128] = "", system[64] = "", purpose[16] = "", cls[16] = "", yes[8] = "";
        int n = split(line, field);
        column(head, nhead, field, n, "frame_id", id, sizeof id);
        column(head, nhead, field, n, "system", system, sizeof system);
        column(head, nhead, field, n, "purpose", purpose, sizeof purpose);
        column(head, nhead, field, n, "class", cls, sizeof cls);
        column(head, nhead, field, n, "selected", yes, sizeof yes);
        if (strcmp(system, l->system) == 0 && strcmp(purpose, "train") == 0) {
            const bool candidate = strcmp(cls, "candidate") == 0;
            ret->candidates += candidate;
            ret->selected += candidate && strcmp(yes, "yes") == 0;
        }
        if (strcmp(id, l->id) == 0) read_row(head, nhead, field, n, l);
    }
    free(first);
    free(line);
    if (in) fclose(in);
    return AL_ERR_OK;
}

// The frame of this system with the same atoms that an earlier iteration selected, into duplicate_of.
static enum al_err find_equal(struct frame_life *l)
{
    AL_OWN(al_frames) own = NULL;
    char path[AL_PATH], hash[65] = "", other[65];
    AL_TRY(al_xyz_read(l->source_file, &own));
    for (int i = 0; i < own->n; i++) {
        const char *id = al_frame_info(own->f[i], "frame_id");
        if (id && strcmp(id, l->id) == 0) al_frame_hash(own->f[i], hash);
    }
    for (int it = 0; it < l->iteration && hash[0]; it++) {
        AL_OWN(al_frames) fs = NULL;
        AL_TRY(al_path(path, "iterations/%03d/select/%s.extxyz", it, l->system));
        if (!al_exists(path)) continue;
        AL_TRY(al_xyz_read(path, &fs));
        for (int i = 0; i < fs->n; i++) {
            const char *id = al_frame_info(fs->f[i], "frame_id");
            al_frame_hash(fs->f[i], other);
            if (id && strcmp(hash, other) == 0) snprintf(l->duplicate_of, sizeof l->duplicate_of, "%s", id);
        }
    }
    return AL_ERR_OK;
}

// classes.csv from before it had reasons: the same questions asked again.
static enum al_err explain(const struct loop_config *c, const struct taken *t, struct frame_life *l)
{
    bool given = l->why_not[0] != '\0';
    if (!l->trust_low[0]) snprintf(l->trust_low, sizeof l->trust_low, "%g", c->select.trust_low);
    if (!l->trust_high[0]) snprintf(l->trust_high, sizeof l->trust_high, "%g", c->select.trust_high);
    if (l->selected || (given && strncmp(l->why_not, "equal", 5) != 0)) return AL_ERR_OK;
    if (strcmp(l->class_name, "candidate") == 0 && strcmp(l->purpose, "train") == 0) AL_TRY(find_equal(l));
    if (given) return AL_ERR_OK;
    if (l->duplicate_of[0])
        snprintf(l->why_not, sizeof l->why_not, "equal to a frame selected before");
    else if (strcmp(l->deviation, "nan") == 0 || strcmp(l->deviation, "-nan") == 0)
        snprintf(l->why_not, sizeof l->why_not, "the deviation is no number");
    else if (strcmp(l->class_name, "failed") == 0)
        snprintf(l->why_not, sizeof l->why_not, "above trust.high");
    else if (strcmp(l->purpose, "test") == 0)
        snprintf(l->why_not, sizeof l->why_not, "not drawn for the test sample");
    else if (strcmp(l->class_name, "accurate") == 0)
        snprintf(l->why_not, sizeof l->why_not, "below trust.low");
    else
        snprintf(l->why_not, sizeof l->why_not, "max_frames reached: %d of %d candidates were taken", t->selected, t->candidates);
    return AL_ERR_OK;
}

static bool read_label(void *ctx, const char *path, long index, const char *comment)
{
    struct frame_life *l = ctx;
    char id[128];
    (void)index;
    if (!scan_value(comment, "frame_id", id, sizeof id) || strcmp(id, l->id) != 0) return true;
    snprintf(l->label_task, sizeof l->label_task, "%.*s", (int)(strrchr(path, '/') - path), path);
    scan_value(comment, "scf_iterations", l->scf, sizeof l->scf);
    scan_value(comment, "rescue", l->rescue, sizeof l->rescue);
    scan_value(comment, "gap", l->gap, sizeof l->gap);
    scan_value(comment, "residual_force", l->residual, sizeof l->residual);
    scan_value(comment, "energy", l->energy, sizeof l->energy);
    scan_value(comment, "fingerprint", l->fingerprint, sizeof l->fingerprint);
    scan_value(comment, "failed", l->code, sizeof l->code);
    scan_value(comment, "reason", l->reason, sizeof l->reason);
    snprintf(l->label_status, sizeof l->label_status, "%s", l->code[0] ? "failed" : "labelled");
    return false;
}

struct place {
    const char *id;
    long index; // in the file; -1: not there
};

static bool read_place(void *ctx, const char *path, long index, const char *comment)
{
    struct place *p = ctx;
    char id[128];
    (void)path;
    if (!scan_value(comment, "frame_id", id, sizeof id) || strcmp(id, p->id) != 0) return true;
    p->index = index;
    return false;
}

// The task that has it to label, by its place in the file of the frames to label.
static enum al_err find_label_task(const struct plan_env *env, struct frame_life *l)
{
    char path[AL_PATH];
    struct place p = {l->id, -1};
    bool initial = l->iteration < 0;
    if (initial) AL_TRY(al_path(path, "%s", l->source_file));
    else AL_TRY(al_path(path, "iterations/%03d/select/%s.extxyz", l->iteration, l->system));
    AL_TRY(scan_frames(path, read_place, &p));
    if (p.index < 0) return AL_ERR_OK;
    if (initial)
        snprintf(l->label_task, sizeof l->label_task, "initial/%s/label/%03ld", l->system, p.index / env->label_batch);
    else
        snprintf(l->label_task, sizeof l->label_task, "iterations/%03d/label/%s-%03ld", l->iteration, l->system, p.index / env->label_batch);
    snprintf(l->label_status, sizeof l->label_status, "waiting");
    return AL_ERR_OK;
}

static enum al_err tell_label(const struct plan_env *env, const struct view *v, struct frame_life *l)
{
    char pattern[AL_PATH];
    static const char *const files[] = {"labelled", "failed"};
    bool aimd = strcmp(l->origin_kind, "aimd") == 0 || strcmp(l->origin_kind, "import") == 0; // labelled as it came
    for (int i = 0; i < 2 && !l->label_task[0]; i++) {
        if (aimd) AL_TRY(al_path(pattern, "%s/%s.extxyz", l->origin, files[i]));
        else if (l->iteration < 0) AL_TRY(al_path(pattern, "initial/%s/label/*/%s.extxyz", l->system, files[i]));
        else AL_TRY(al_path(pattern, "iterations/%03d/label/%s-*/%s.extxyz", l->iteration, l->system, files[i]));
        AL_TRY(scan_files(pattern, read_label, l));
    }
    if (!l->label_task[0] && !aimd && (l->selected || l->iteration < 0)) AL_TRY(find_label_task(env, l));
    const struct view_task *t = l->label_task[0] ? view_find(v, l->label_task) : NULL;
    if (t) {
        snprintf(l->label_state, sizeof l->label_state, "%s", task_state_name(t->state));
        l->attempts = t->attempts;
    }
    if (t && !l->code[0] && t->message && strcmp(l->label_status, "waiting") == 0) snprintf(l->reason, sizeof l->reason, "%s", t->message);
    return AL_ERR_OK;
}

// The set that the gathering wrote: it carries the task's name (sets are numbered by directory, not by iteration).
static enum al_err find_set(struct frame_life *l)
{
    bool several = l->arrangement[0] && strcmp(l->arrangement, "0") != 0;
    char dir[AL_PATH], path[AL_PATH];
    AL_TRY(al_path(dir, "data/%s/%s%s%s%s%s", l->part, l->system, several ? "-a" : "", several ? l->arrangement : "",
                   l->supercell[0] ? "-" : "", l->supercell));
    for (int k = 0;; k++) {
        AL_AUTOFREE char *text = NULL;
        AL_TRY(al_path(path, "%s/set.%03d/origin", dir, k));
        if (!al_exists(path)) return AL_ERR_OK;
        AL_TRY(al_file_read(path, 4096, &text, NULL));
        text[strcspn(text, "\n")] = '\0';
        if (strcmp(text, l->gather_task) != 0) continue;
        snprintf(l->set, sizeof l->set, "%.250s/set.%03d", dir, k);
        return AL_ERR_OK;
    }
}

static const char *const part_names[] = {"train", "valid", "test"};

// Training leaves it out when the force on an atom is larger than train.max_force.
static enum al_err tell_left_out(const char *path, long index, double max_force, struct frame_life *l)
{
    AL_OWN(al_frames) fs = NULL;
    if (max_force <= 0 || strcmp(l->part, "train") != 0) return AL_ERR_OK;
    AL_TRY(al_xyz_read(path, &fs));
    double largest = index < fs->n ? al_frame_largest_force(fs->f[index]) : 0;
    if (largest > max_force) l->left_out = largest;
    return AL_ERR_OK;
}

static enum al_err tell_set(const struct loop_config *c, const struct view *v, struct frame_life *l)
{
    char path[AL_PATH];
    (void)plan_gather_of(v, l->iteration, l->label_task, &l->gathered);
    l->late = l->gathered - l->iteration;
    if (l->gathered < 0) snprintf(l->gather_task, sizeof l->gather_task, "initial/gather");
    else snprintf(l->gather_task, sizeof l->gather_task, "iterations/%03d/gather", l->gathered);
    for (int i = 0; i < 3; i++) {
        struct place p = {l->id, -1};
        AL_TRY(al_path(path, "%s/%s.extxyz", l->gather_task, part_names[i]));
        AL_TRY(scan_frames(path, read_place, &p));
        if (p.index < 0) continue;
        snprintf(l->part, sizeof l->part, "%s", part_names[i]);
        AL_TRY(find_set(l));
        AL_TRY(tell_left_out(path, p.index, c->train.max_force, l));
        return AL_ERR_OK;
    }
    l->gather_task[0] = '\0';
    return AL_ERR_OK;
}

// Each training of an iteration reads everything gathered before it.
static void tell_trainings(const struct view *v, struct frame_life *l)
{
    const struct view_task *models = view_find(v, "models");
    l->first_model = l->last_model = -1;
    l->closed = models && models->state == TASK_DONE;
    if (strcmp(l->part, "train") != 0 || l->left_out > 0) return;
    for (int i = 0; i < v->ntasks; i++) {
        const struct view_task *t = &v->task[i];
        if (strcmp(t->verb, "train") != 0 || t->state != TASK_DONE || strncmp(t->id, "iterations/", 11) != 0) continue;
        int it = (int)strtol(t->id + 11, NULL, 10);
        if (it <= l->gathered) continue;
        l->ntrained++;
        if (l->first_model < 0 || it < l->first_model) l->first_model = it;
        if (it > l->last_model) l->last_model = it;
    }
    l->published = l->closed && l->ntrained > 0; // the models are those of the last iteration
}

enum al_err frame_life_tell(const struct loop_config *c, const struct plan_env *env, const struct view *v, struct frame_life *l)
{
    struct taken t = {0};
    if (l->iteration >= 0) {
        AL_TRY(read_classes(l, &t));
        if (l->class_name[0]) AL_TRY(explain(c, &t, l));
    }
    AL_TRY(tell_label(env, v, l));
    AL_TRY(tell_set(c, v, l));
    tell_trainings(v, l);
    return AL_ERR_OK;
}
