// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// First-principles trajectories for the initial data in the walk through the loop (plan.c).
#include "core/plan_impl.h"

// First-principles trajectories of system s, whose frames are labels: temperature x pressure (one at constant cell when none is
// given: ip -1).
static enum al_err aimd_id(struct walk *w, int s, int it, int ip, const char **ret_id, const char **ret_place)
{
    const struct cfg_aimd *a = &w->c->initial.aimd;
    if (ip < 0)
        AL_TRY(plan_text(w->p, ret_place, "%gK", a->temperatures.v[it]));
    else
        AL_TRY(plan_text(w->p, ret_place, "%gK-%gGPa", a->temperatures.v[it], a->pressures.v[ip]));
    AL_TRY(plan_text(w->p, ret_id, "initial/%s/aimd/%s", w->c->system[s].name, *ret_place));
    return AL_ERR_OK;
}

// Number of trajectories of a system, and the temperature and pressure of the k-th.
static int aimd_count(const struct loop_config *c)
{
    const struct cfg_aimd *a = &c->initial.aimd;
    return a->temperatures.n * (a->pressures.n ? a->pressures.n : 1);
}

static void aimd_point(const struct loop_config *c, int k, int *ret_it, int *ret_ip)
{
    int np = c->initial.aimd.pressures.n;
    *ret_it = np ? k / np : k;
    *ret_ip = np ? k % np : -1;
}

static enum al_err emit_aimd_task(struct walk *w, int s, int k, const struct view_task *init)
{
    const struct cfg_aimd *a = &w->c->initial.aimd;
    const char *id, *place, *pressure;
    struct draft d;
    int it, ip;
    aimd_point(w->c, k, &it, &ip);
    AL_TRY(aimd_id(w, s, it, ip, &id, &place));
    AL_TRY(draft_start(w, "aimd", id, -1, &d));
    d.t->system = w->c->system[s].name;
    d.t->index = k;
    d.t->temperature = a->temperatures.v[it];
    d.t->ranks = w->c->resources.label.ranks;
    d.t->threads = w->c->resources.label.threads;
    AL_TRY(draft_artifact(&d, "start", init, "base.extxyz"));
    AL_TRY(draft_plain(&d, "place", place));
    if (ip >= 0) {
        AL_TRY(plan_text(w->p, &pressure, "%.17g", a->pressures.v[ip]));
        AL_TRY(draft_plain(&d, "pressure", pressure));
        al_sha256_double(&d.sha, a->pressures.v[ip]);
    }
    draft_finish(&d);
    w->p->stage_total++;
    w->p->stage_done += walk_done(w, id) != NULL;
    return AL_ERR_OK;
}

enum al_err walk_emit_aimd(struct walk *w)
{
    for (int s = 0; s < w->c->nsystems; s++) {
        char base[TASK_ID];
        snprintf(base, sizeof base, "initial/%s", w->c->system[s].name);
        const struct view_task *init = walk_done(w, base);
        if (!init) w->p->stage_total += aimd_count(w->c);
        for (int k = 0; init && k < aimd_count(w->c); k++)
            AL_TRY(emit_aimd_task(w, s, k, init));
    }
    return AL_ERR_OK;
}

// The trajectories' frames are gathered like those of label tasks.
enum al_err draft_append_aimd(struct draft *d, struct plan_input *list)
{
    struct walk *w = d->w;
    for (int s = 0; s < w->c->nsystems; s++)
        for (int k = 0; k < aimd_count(w->c); k++) {
            const char *id, *place;
            int it, ip;
            aimd_point(w->c, k, &it, &ip);
            AL_TRY(aimd_id(w, s, it, ip, &id, &place));
            AL_TRY(draft_append(d, list, id));
            AL_TRY(draft_dep(d, walk_done(w, id)));
        }
    return AL_ERR_OK;
}
