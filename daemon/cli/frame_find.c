// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A frame by its name or the beginning of it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/frame_life.h"
#include "cli/scan.h"

enum { NAME = 128 };

struct finder {
    struct frame_search s;
    struct frame_life found; // the exact one, or the first of those that begin so
};

// Levenshtein's distance, with one row of the table.
static int edit_distance(const char *a, const char *b)
{
    int row[NAME + 1], n = (int)strlen(b);
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

static void keep_near(struct frame_search *s, const char *id)
{
    int d = edit_distance(s->wanted, id) + 1;
    for (int k = 0; k < LIFE_NEAR; k++) {
        if (s->distance[k] && (s->distance[k] < d || (s->distance[k] == d && strcmp(s->near[k], id) <= 0))) continue;
        for (int m = LIFE_NEAR - 1; m > k; m--) {
            s->distance[m] = s->distance[m - 1];
            memcpy(s->near[m], s->near[m - 1], NAME);
        }
        s->distance[k] = d;
        snprintf(s->near[k], NAME, "%s", id);
        return;
    }
}

static void read_source(struct frame_life *l, const char *id, const char *path, const char *comment)
{
    char text[64];
    memset(l, 0, sizeof *l);
    snprintf(l->id, sizeof l->id, "%s", id);
    snprintf(l->source_file, sizeof l->source_file, "%.280s", path);
    snprintf(l->origin, sizeof l->origin, "%.*s", (int)(strrchr(path, '/') - path), path);
    scan_value(comment, "system", l->system, sizeof l->system);
    scan_value(comment, "arrangement", l->arrangement, sizeof l->arrangement);
    scan_value(comment, "supercell", l->supercell, sizeof l->supercell);
    scan_value(comment, "imported", l->supercell, sizeof l->supercell); // in the name of its set, as a larger cell is
    scan_value(comment, "purpose", l->purpose, sizeof l->purpose);
    scan_value(comment, "temperature", l->temperature, sizeof l->temperature);
    scan_value(comment, "pressure", l->pressure, sizeof l->pressure);
    scan_value(comment, "deviation", l->deviation, sizeof l->deviation);
    bool explore = strncmp(path, "iterations/", 11) == 0;
    l->iteration = explore ? (int)strtol(path + 11, NULL, 10) : -1;
    const char *kind = strstr(path, "/aimd/") ? "aimd" : strncmp(path, "initial/data/", 13) == 0 ? "import" : "perturb";
    snprintf(l->origin_kind, sizeof l->origin_kind, "%s", explore ? "explore" : kind);
    l->step = -1;
    if (scan_value(comment, "step", text, sizeof text)) l->step = strtol(text, NULL, 10);
    else if (explore && strrchr(id, '-')) l->step = strtol(strrchr(id, '-') + 1, NULL, 10); // its name ends with it
}

static bool look_at(void *ctx, const char *path, long index, const char *comment)
{
    struct finder *f = ctx;
    struct frame_search *s = &f->s;
    char id[NAME];
    (void)index;
    if (!scan_value(comment, "frame_id", id, sizeof id)) return true;
    s->nall++;
    bool exact = strcmp(id, s->wanted) == 0;
    if (exact || (!s->nprefix && strncmp(id, s->wanted, strlen(s->wanted)) == 0)) read_source(&f->found, id, path, comment);
    if (exact) {
        s->nexact = 1;
        return false;
    }
    if (strncmp(id, s->wanted, strlen(s->wanted)) == 0) {
        if (s->nprefix < LIFE_NEAR) snprintf(s->prefix[s->nprefix], NAME, "%s", id);
        s->nprefix++;
    } else {
        keep_near(s, id);
    }
    return true;
}

static void list_names(char *ret, size_t n, const char (*name)[NAME], int k)
{
    ret[0] = '\0';
    for (int i = 0; i < k && i < LIFE_NEAR; i++) {
        size_t len = strlen(ret);
        if (name[i][0]) snprintf(ret + len, n - len, "%s%s", i ? ", " : "", name[i]);
    }
}

enum al_err frame_life_find(const char *wanted, struct frame_life *ret)
{
    static const char *const sources[] = {"initial/*/frames.extxyz", "initial/*/aimd/*/labelled.extxyz", "initial/data/labelled.extxyz",
                                          "iterations/*/explore/*/frames.extxyz"};
    AL_AUTOFREE struct finder *f = NULL;
    char names[3 * NAME + 8];
    if (!wanted[0] || strlen(wanted) >= NAME) AL_FAIL(AL_ERR_INPUT, "a frame's name has 1 to %d characters", NAME - 1);
    AL_ALLOC(f, 1);
    f->s.wanted = wanted;
    for (size_t i = 0; i < sizeof sources / sizeof *sources && !f->s.nexact; i++)
        AL_TRY(scan_files(sources[i], look_at, f));
    if (!f->s.nexact && f->s.nprefix > 1) {
        list_names(names, sizeof names, f->s.prefix, f->s.nprefix);
        AL_FAIL(AL_ERR_INPUT, "%d frames begin with '%s': %s%s", f->s.nprefix, wanted, names, f->s.nprefix > LIFE_NEAR ? ", ..." : "");
    }
    if (!f->s.nexact && !f->s.nprefix && !f->s.nall) AL_FAIL(AL_ERR_NOTFOUND, "this run has no frames yet");
    if (!f->s.nexact && !f->s.nprefix) {
        list_names(names, sizeof names, f->s.near, LIFE_NEAR);
        al_err_raise(AL_ERR_NOTFOUND, __FILE__, __LINE__, __func__, "no frame is called '%s' (%d frames)", wanted, f->s.nall);
        al_err_hint("the nearest names: %s", names);
        return AL_ERR_NOTFOUND;
    }
    *ret = f->found;
    return AL_ERR_OK;
}
