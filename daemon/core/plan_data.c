// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Labelled frames from elsewhere for the initial data in the walk through the loop (plan.c).
#include "core/plan_impl.h"

static const char id[] = "initial/data";

static const struct view_task *init_of(const struct walk *w, int s)
{
    char name[TASK_ID];
    snprintf(name, sizeof name, "initial/%s", w->c->system[s].name);
    return walk_done(w, name);
}

enum al_err walk_emit_data(struct walk *w)
{
    const char *path;
    struct draft d;
    struct plan_input *list;
    if (!w->c->initial.ndata) return AL_ERR_OK;
    w->p->stage_total++;
    for (int s = 0; s < w->c->nsystems; s++)
        if (!init_of(w, s)) return AL_ERR_OK;
    AL_TRY(draft_start(w, "import", id, -1, &d));
    AL_TRY(plan_text(w->p, &path, "%s/labelled.extxyz", w->c->initial.data_name));
    AL_TRY(draft_plain(&d, "frames", path));
    al_sha256_string(&d.sha, w->env->data_sha);
    AL_TRY(draft_list(&d, "base", &list));
    for (int s = 0; s < w->c->nsystems; s++) {
        const struct view_task *t = init_of(w, s);
        const struct view_artifact *a = view_artifact(t, "base.extxyz");
        if (!a) AL_FAIL(AL_ERR_CORRUPT, "task %s is done but has no artefact base.extxyz", t->id);
        AL_TRY(plan_text(w->p, &path, "%s", a->path));
        AL_TRY(draft_append(&d, list, path));
        AL_TRY(draft_dep_sha(&d, t, a->sha256));
    }
    draft_finish(&d);
    w->p->stage_done += walk_done(w, id) != NULL;
    return AL_ERR_OK;
}

enum al_err draft_append_data(struct draft *d, struct plan_input *list)
{
    if (!d->w->c->initial.ndata) return AL_ERR_OK;
    AL_TRY(draft_append(d, list, id));
    AL_TRY(draft_dep(d, walk_done(d->w, id)));
    return AL_ERR_OK;
}
