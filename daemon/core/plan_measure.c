// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What measures the potential, in the walk through the loop (plan.c): calibration for the windows of select.trust: auto, test
// trajectories of larger cells, and for the noise of the labels converge.label_noise test frames of the last iteration
// labelled once more, at tighter settings.
#include "core/plan_impl.h"

enum al_err draft_calibration(struct draft *d, int iteration)
{
    char id[TASK_ID];
    if (!d->w->c->select.trust_auto || iteration < 1) return AL_ERR_OK;
    snprintf(id, sizeof id, "iterations/%03d/evaluate", iteration - 1);
    AL_TRY(draft_artifact(d, "calibration", walk_done(d->w, id), "calibration.csv"));
    return AL_ERR_OK;
}

enum al_err draft_production_window(struct draft *d, int last)
{
    char id[TASK_ID];
    const char *path;
    if (!d->w->c->select.trust_auto) return AL_ERR_OK;
    snprintf(id, sizeof id, "iterations/%03d/evaluate", last);
    const struct view_task *t = walk_done(d->w, id);
    const struct view_artifact *a = t ? view_artifact(t, "calibration.csv") : NULL;
    if (!a) return AL_ERR_OK; // a run of before it was measured
    AL_TRY(plan_text(d->w->p, &path, "%s", a->path));
    AL_TRY(draft_plain(d, "calibration", path));
    return AL_ERR_OK;
}

enum al_err draft_test_cell(struct draft *d, int temperature)
{
    const int *n = d->w->c->test.supercell;
    const char *text;
    if (n[0] * n[1] * n[2] == 1 || (d->w->c->explore.temperatures.n - 1 - temperature) % 2) return AL_ERR_OK;
    AL_TRY(plan_text(d->w->p, &text, "%dx%dx%d", n[0], n[1], n[2]));
    AL_TRY(draft_plain(d, "supercell", text));
    al_sha256_string(&d->sha, text);
    return AL_ERR_OK;
}

static const struct view_task *gathered(const struct walk *w, int last)
{
    char id[TASK_ID];
    snprintf(id, sizeof id, "iterations/%03d/gather", last);
    return walk_done(w, id);
}

static enum al_err noise_id(struct walk *w, int k, const char **ret)
{
    AL_TRY(plan_text(w->p, ret, "noise/%03d", k));
    return AL_ERR_OK;
}

// How many; once the report is planned their number stays what it was, whatever loop.yaml says later.
static enum al_err noise_count(struct walk *w, int last, int *ret)
{
    int n = 0, have = (int)view_fact_int(gathered(w, last), "ntest", 0);
    *ret = w->c->converge.label_noise < have ? w->c->converge.label_noise : have;
    if (!view_find(w->v, "report")) return AL_ERR_OK;
    for (const char *id;; n++) {
        AL_TRY(noise_id(w, n, &id));
        if (!view_find(w->v, id)) break;
    }
    *ret = n;
    return AL_ERR_OK;
}

static bool coprime(int a, int b)
{
    while (b) {
        int r = a % b;
        a = b;
        b = r;
    }
    return a == 1;
}

// The k-th frame of n: all over the list, in which systems follow one another, and the same whatever number is wanted.
static int spread_out(int k, int n)
{
    int step = n * 5 / 8;
    while (!coprime(step, n))
        step++;
    return (int)((long)k * step % n);
}

enum al_err walk_emit_noise(struct walk *w, int last)
{
    const struct view_task *from = gathered(w, last);
    int n;
    AL_TRY(noise_count(w, last, &n));
    for (int k = 0; k < n; k++) {
        const char *id;
        struct draft d;
        AL_TRY(noise_id(w, k, &id));
        AL_TRY(draft_start(w, "label", id, -1, &d));
        d.t->index = k;
        d.t->ranks = w->c->resources.label.ranks;
        d.t->threads = w->c->resources.label.threads;
        d.t->alone = loop_config_label_external(w->c);
        AL_TRY(draft_artifact(&d, "frames", from, "test.extxyz"));
        AL_TRY(draft_int(&d, "from", spread_out(k, (int)view_fact_int(from, "ntest", 1))));
        AL_TRY(draft_int(&d, "count", 1));
        AL_TRY(draft_int(&d, "tight", 1));
        draft_finish(&d);
        w->p->stage_total++;
        w->p->stage_done += walk_done(w, id) != NULL;
    }
    return AL_ERR_OK;
}

enum al_err draft_append_noise(struct draft *d, int last)
{
    struct plan_input *list;
    int n;
    AL_TRY(noise_count(d->w, last, &n));
    if (!n) return AL_ERR_OK;
    AL_TRY(draft_list(d, "noise", &list));
    for (int k = 0; k < n; k++) {
        const char *id;
        AL_TRY(noise_id(d->w, k, &id));
        AL_TRY(draft_append(d, list, id));
        AL_TRY(draft_dep(d, walk_done(d->w, id)));
    }
    return AL_ERR_OK;
}
