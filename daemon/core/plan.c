// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The walk through the loop. Each stage function emits its tasks and tells whether all of them are DONE; the
// walk goes on only then. Iteration -1 stands for the initial data.
#include "core/plan.h"

#include <string.h>

#include "base/mem.h"
#include "core/plan_impl.h"

void plan_destroy(struct plan **pp)
{
    struct plan *p = *pp;
    *pp = NULL;
    if (!p) return;
    plan_arena_destroy(&p->arena);
    al_free(p->task);
    al_free(p);
}

const struct plan_task *plan_find(const struct plan *p, const char *id)
{
    for (int i = 0; i < p->ntasks; i++)
        if (strcmp(p->task[i].id, id) == 0) return &p->task[i];
    return NULL;
}

static void enter(struct walk *w, int iteration, const char *stage)
{
    struct plan *p = w->p;
    p->iteration = iteration;
    p->stage_done = p->stage_total = 0;
    if (iteration >= 0)
        snprintf(p->stage, sizeof p->stage, "iteration %d: %s", iteration, stage);
    else
        snprintf(p->stage, sizeof p->stage, "%s", stage);
}

static bool stage_complete(const struct walk *w)
{
    return w->p->stage_done == w->p->stage_total;
}

void walk_finish(struct draft *d, const struct view_task **ret)
{
    draft_finish(d);
    const struct view_task *t = walk_done(d->w, d->t->id);
    d->w->p->stage_total++;
    d->w->p->stage_done += t != NULL;
    if (ret) *ret = t;
    if (t && d->w->env->open_only && strcmp(t->identity, d->t->identity) == 0) draft_drop(d);
}

static enum al_err emit_init(struct walk *w)
{
    for (int s = 0; s < w->c->nsystems; s++) {
        const char *name = w->c->system[s].name, *id, *path;
        char input[AL_PATH];
        struct draft d;
        AL_TRY(plan_text(w->p, &id, "initial/%s", name));
        AL_TRY(loop_config_input_name(&w->c->system[s], input));
        AL_TRY(plan_text(w->p, &path, "%s", input));
        AL_TRY(draft_start(w, "init", id, -1, &d));
        d.t->system = name;
        AL_TRY(draft_plain(&d, "structure", path));
        al_sha256_string(&d.sha, w->env->structure_sha[s]);
        walk_finish(&d, NULL);
    }
    return AL_ERR_OK;
}

static const struct view_task *train_task(const struct walk *w, int iteration, int member)
{
    char id[TASK_ID];
    snprintf(id, sizeof id, "iterations/%03d/train/%d", iteration, member);
    return walk_done(w, id);
}

// The data sets 0 .. n-1 as dependencies.
static enum al_err depend_on_sets(struct draft *d, int n)
{
    for (int i = 0; i < n; i++) {
        char id[TASK_ID] = "initial/gather";
        if (i) snprintf(id, sizeof id, "iterations/%03d/gather", i - 1);
        const struct view_task *t = walk_done(d->w, id);
        if (!t) AL_FAIL(AL_ERR_BUG, "%s is not done", id);
        AL_TRY(draft_dep(d, t));
    }
    AL_TRY(draft_int(d, "sets", n));
    return AL_ERR_OK;
}

static enum al_err depend_on_models(struct draft *d, int iteration)
{
    struct plan_input *list;
    AL_TRY(draft_list(d, "models", &list));
    for (int k = 0; k < d->w->c->train.committee; k++) {
        const struct view_task *t = train_task(d->w, iteration, k);
        const struct view_artifact *a = t ? view_artifact(t, "model.dp") : NULL;
        const char *path;
        if (!a) AL_FAIL(AL_ERR_CORRUPT, "committee member %d of iteration %d has no model.dp", k, iteration);
        AL_TRY(plan_text(d->w->p, &path, "%s", a->path));
        AL_TRY(draft_append(d, list, path));
        AL_TRY(draft_dep_sha(d, t, a->sha256));
    }
    return AL_ERR_OK;
}

static enum al_err emit_train(struct walk *w, int iteration)
{
    for (int k = 0; k < w->c->train.committee; k++) {
        const char *id;
        struct draft d;
        AL_TRY(plan_text(w->p, &id, "iterations/%03d/train/%d", iteration, k));
        AL_TRY(draft_start(w, "train", id, iteration, &d));
        d.t->index = k;
        d.t->threads = w->c->resources.train.threads;
        AL_TRY(depend_on_sets(&d, iteration + 1));
        if (iteration > 0 && w->c->train.warm_start)
            AL_TRY(draft_artifact(&d, "init", train_task(w, iteration - 1, k), "model.dp"));
        walk_finish(&d, NULL);
    }
    return AL_ERR_OK;
}

// Exploration: system x point x {train, test}, a point being temperature x pressure (npt; one at 0 GPa when none is given). The
// pressure is in the name only when the configuration gives some, so that runs from before there were pressures go on.
static int explore_points(const struct loop_config *c)
{
    return c->explore.temperatures.n * (c->explore.pressures.n ? c->explore.pressures.n : 1);
}

static double explore_temperature(const struct loop_config *c, int k)
{
    return c->explore.temperatures.v[c->explore.pressures.n ? k / c->explore.pressures.n : k];
}

static enum al_err explore_id(struct walk *w, int iteration, int s, int k, int test, const char **ret)
{
    const struct cfg_list *p = &w->c->explore.pressures;
    char pressure[32] = "";
    if (p->n) snprintf(pressure, sizeof pressure, "-%gGPa", p->v[k % p->n]);
    AL_TRY(plan_text(w->p, ret, "iterations/%03d/explore/%s-%gK%s%s", iteration, w->c->system[s].name,
                     explore_temperature(w->c, k), pressure, test ? "-test" : ""));
    return AL_ERR_OK;
}

static const struct view_task *init_task(const struct walk *w, int s)
{
    char id[TASK_ID];
    snprintf(id, sizeof id, "initial/%s", w->c->system[s].name);
    return walk_done(w, id);
}

static enum al_err emit_explore_task(struct walk *w, int iteration, int s, int k, int test)
{
    const struct cfg_list *p = &w->c->explore.pressures;
    const int np = p->n ? p->n : 1;
    const char *id, *pressure;
    struct draft d;
    AL_TRY(explore_id(w, iteration, s, k, test, &id));
    AL_TRY(draft_start(w, "explore", id, iteration, &d));
    d.t->system = w->c->system[s].name;
    // Of the system's arrangements, by which a trajectory starts. Of three drawn at random, some are not met at some temperature for many
    // iterations; so every temperature and every pressure of one iteration meets all, and a held-out trajectory starts from another one
    // than that for training.
    d.t->index = iteration + k / np + k % np + test;
    d.t->temperature = explore_temperature(w->c, k);
    d.t->purpose = test ? "test" : "train";
    d.t->threads = w->c->resources.explore.threads;
    AL_TRY(depend_on_models(&d, iteration));
    AL_TRY(draft_artifact(&d, "start", init_task(w, s), "base.extxyz"));
    if (p->n) {
        AL_TRY(plan_text(w->p, &pressure, "%.17g", p->v[k % p->n]));
        AL_TRY(draft_plain(&d, "pressure", pressure));
        al_sha256_double(&d.sha, p->v[k % p->n]);
    }
    AL_TRY(draft_calibration(&d, iteration));
    if (test) AL_TRY(draft_test_cell(&d, k / np));
    walk_finish(&d, NULL);
    return AL_ERR_OK;
}

static enum al_err emit_explore(struct walk *w, int iteration)
{
    for (int s = 0; s < w->c->nsystems; s++)
        for (int k = 0; k < explore_points(w->c); k++)
            for (int test = 0; test < 2; test++)
                AL_TRY(emit_explore_task(w, iteration, s, k, test));
    return AL_ERR_OK;
}

static enum al_err emit_select(struct walk *w, int iteration)
{
    const char *id;
    struct draft d;
    struct plan_input *list;
    AL_TRY(plan_text(w->p, &id, "iterations/%03d/select", iteration));
    AL_TRY(draft_start(w, "select", id, iteration, &d));
    AL_TRY(draft_list(&d, "explored", &list));
    for (int s = 0; s < w->c->nsystems; s++)
        for (int k = 0; k < explore_points(w->c); k++)
            for (int test = 0; test < 2; test++) {
                const char *from;
                AL_TRY(explore_id(w, iteration, s, k, test, &from));
                AL_TRY(draft_append(&d, list, from));
                AL_TRY(draft_dep(&d, walk_done(w, from)));
            }
    AL_TRY(draft_list(&d, "earlier", &list));
    for (int i = 0; i < iteration; i++) {
        const char *from;
        AL_TRY(plan_text(w->p, &from, "iterations/%03d/select", i));
        AL_TRY(draft_append(&d, list, from));
        AL_TRY(draft_dep(&d, walk_done(w, from)));
    }
    AL_TRY(depend_on_models(&d, iteration)); // their descriptors tell new frames from known ones
    AL_TRY(depend_on_sets(&d, iteration + 1));
    AL_TRY(draft_calibration(&d, iteration));
    walk_finish(&d, NULL);
    return AL_ERR_OK;
}

static enum al_err emit_evaluate(struct walk *w, int iteration, const struct view_task **ret)
{
    const char *id, *select;
    struct draft d;
    AL_TRY(plan_text(w->p, &id, "iterations/%03d/evaluate", iteration));
    AL_TRY(plan_text(w->p, &select, "iterations/%03d/select", iteration));
    AL_TRY(draft_start(w, "evaluate", id, iteration, &d));
    AL_TRY(depend_on_models(&d, iteration));
    AL_TRY(depend_on_sets(&d, iteration + 2));
    AL_TRY(draft_append_labelled(&d, iteration));
    AL_TRY(draft_plain(&d, "select", select));
    AL_TRY(draft_dep(&d, walk_done(w, select)));
    walk_finish(&d, ret);
    return AL_ERR_OK;
}

// Trains, explores, selects, labels, gathers, evaluates. *ret: the finished evaluation, or NULL when not there yet. all: waits for
// every label, those that are late from before as well.
static enum al_err walk_iteration(struct walk *w, int i, bool all, const struct view_task **ret)
{
    static const struct {
        const char *name;
        enum al_err (*emit)(struct walk *w, int iteration);
    } stages[] = {{"train", emit_train}, {"explore", emit_explore}, {"select", emit_select}};
    *ret = NULL;
    for (unsigned k = 0; k < sizeof stages / sizeof stages[0]; k++) {
        enter(w, i, stages[k].name);
        AL_TRY(stages[k].emit(w, i));
        if (!stage_complete(w)) return AL_ERR_OK;
    }
    const struct view_task *gathered;
    bool enough;
    enter(w, i, "label");
    AL_TRY(walk_emit_labels(w, i, all, &enough));
    if (!enough) return AL_ERR_OK;
    enter(w, i, "gather");
    AL_TRY(walk_emit_gather(w, i, &gathered));
    if (!gathered) return AL_ERR_OK;
    enter(w, i, "evaluate");
    AL_TRY(emit_evaluate(w, i, ret));
    return AL_ERR_OK;
}

// The initial data: structures, their labels and first-principles trajectories side by side, then the first data set.
static enum al_err walk_initial(struct walk *w, bool *ret_done)
{
    const struct view_task *gathered;
    bool enough;
    *ret_done = false;
    enter(w, -1, "initial structures and labels");
    AL_TRY(emit_init(w));
    AL_TRY(walk_emit_labels(w, -1, true, &enough));
    AL_TRY(walk_emit_aimd(w));
    AL_TRY(walk_emit_data(w));
    if (!stage_complete(w)) return AL_ERR_OK;
    enter(w, -1, "initial data");
    AL_TRY(walk_emit_gather(w, -1, &gathered));
    if (!gathered) return AL_ERR_OK;
    *ret_done = view_fact_int(gathered, "ntrain", 0) > 0;
    if (!*ret_done)
        snprintf(w->p->error, sizeof w->p->error,
                 "no initial frame could be labelled, so there is nothing to train on;"
                 " alnd errors shows the reasons");
    return AL_ERR_OK;
}

// Whether the loop may end with iteration i, before anything of it is known: then its verdict is to be one on all labels.
static bool may_be_last(const struct loop_config *c, int i, int streak)
{
    const struct cfg_converge *cv = &c->converge;
    return i + 1 >= cv->max_iterations || (streak + 1 >= cv->patience && i + 1 >= cv->min_iterations);
}

// The iterations. *ret_last: the last iteration once the loop is closed, else -1. Closed is closed: when
// `models` has been planned, limits of `converge` that were changed later do not open the loop again. It does not end while labels
// are late (limits that were changed in between): another iteration takes them.
static enum al_err walk_iterations(struct walk *w, int *ret_last)
{
    const struct cfg_converge *cv = &w->c->converge;
    bool closed = view_find(w->v, "models") != NULL;
    int streak = w->env->settled.streak;
    *ret_last = -1;
    w->p->niterations = w->env->settled.n;
    w->p->settled = w->env->settled;
    AL_TRY(walk_emit_late(w, w->env->settled.n - 1));
    for (int i = w->env->settled.n;; i++) {
        const struct view_task *e;
        AL_TRY(walk_iteration(w, i, may_be_last(w->c, i, streak), &e));
        if (!e) return AL_ERR_OK;
        w->p->settled = (struct plan_settled){i, streak}; // the latest evaluation is looked at again: the loop may end with it
        w->p->niterations = i + 1;
        streak = view_fact_int(e, "below", 0) == 1 ? streak + 1 : 0;
        bool late = walk_has_late(w, i);
        w->p->converged = streak >= cv->patience && i + 1 >= cv->min_iterations && !late;
        char next[TASK_ID];
        snprintf(next, sizeof next, "iterations/%03d/train/0", i + 1);
        bool stop = closed ? !view_find(w->v, next) : !late && (w->p->converged || i + 1 >= cv->max_iterations);
        if (stop) {
            *ret_last = i;
            return AL_ERR_OK;
        }
    }
}

static enum al_err emit_publish(struct walk *w, int last, const struct view_task **ret)
{
    const char *evaluate;
    struct draft d;
    AL_TRY(plan_text(w->p, &evaluate, "iterations/%03d/evaluate", last));
    AL_TRY(draft_start(w, "publish", "models", -1, &d));
    AL_TRY(depend_on_models(&d, last));
    AL_TRY(draft_plain(&d, "evaluate", evaluate));
    AL_TRY(draft_dep(&d, walk_done(w, evaluate)));
    AL_TRY(draft_plain(&d, "converged", w->p->converged ? "1" : "0"));
    walk_finish(&d, ret);
    return AL_ERR_OK;
}

static enum al_err produce_id(struct walk *w, int s, int t, int r, const char **ret)
{
    AL_TRY(plan_text(w->p, ret, "production/%s-%gK-%d", w->c->system[s].name,
                     w->c->production.temperatures.v[t], r));
    return AL_ERR_OK;
}

// LAMMPS is one process.
static void set_cores(struct draft *d)
{
    const struct loop_config *c = d->w->c;
    d->t->threads = c->resources.produce.threads;
    if (c->resources.produce.ranks > 1 && strcmp(c->production.engine, "lammps") != 0) d->t->ranks = c->resources.produce.ranks;
}

// The NPT run whose mean volume is that of all replicas; *ret: the finished task, or NULL.
static enum al_err emit_volume(struct walk *w, int s, int t, int last, const struct view_task **ret)
{
    const char *id;
    struct draft d;
    AL_TRY(plan_text(w->p, &id, "production/%s-%gK-volume", w->c->system[s].name, w->c->production.temperatures.v[t]));
    AL_TRY(draft_start(w, "volume", id, -1, &d));
    d.t->system = w->c->system[s].name;
    d.t->temperature = w->c->production.temperatures.v[t];
    set_cores(&d);
    AL_TRY(depend_on_models(&d, last));
    AL_TRY(draft_artifact(&d, "start", init_task(w, s), "base.extxyz"));
    walk_finish(&d, ret);
    return AL_ERR_OK;
}

// A production run in the cell of `volume` (NULL: that of the structure).
static enum al_err emit_replica(struct walk *w, int s, int t, int r, int last, const struct view_task *volume,
                                const struct view_task **ret)
{
    const char *id;
    struct draft d;
    AL_TRY(produce_id(w, s, t, r, &id));
    AL_TRY(draft_start(w, "produce", id, -1, &d));
    d.t->system = w->c->system[s].name;
    d.t->temperature = w->c->production.temperatures.v[t];
    d.t->index = r;
    set_cores(&d);
    AL_TRY(depend_on_models(&d, last));
    AL_TRY(draft_artifact(&d, "start", init_task(w, s), "base.extxyz"));
    if (volume) AL_TRY(draft_artifact(&d, "volume", volume, "volume.yaml"));
    AL_TRY(draft_production_window(&d, last));
    walk_finish(&d, ret);
    return AL_ERR_OK;
}

// The production runs of a system; *ret_done: all of them are there.
static enum al_err emit_produce(struct walk *w, int s, int last, bool *ret_done)
{
    const bool npt = strcmp(w->c->production.volume, "npt") == 0;
    *ret_done = true;
    for (int t = 0; t < w->c->production.temperatures.n; t++) {
        const struct view_task *volume = NULL, *done;
        if (npt) AL_TRY(emit_volume(w, s, t, last, &volume));
        if (npt && !volume) {
            w->p->stage_total += w->c->production.replicas;
            *ret_done = false;
            continue;
        }
        for (int r = 0; r < w->c->production.replicas; r++) {
            AL_TRY(emit_replica(w, s, t, r, last, volume, &done));
            *ret_done = *ret_done && done;
        }
    }
    return AL_ERR_OK;
}

static enum al_err emit_analyze(struct walk *w, int s)
{
    const char *id, *from;
    struct draft d;
    struct plan_input *list;
    AL_TRY(plan_text(w->p, &id, "transport/%s", w->c->system[s].name));
    AL_TRY(draft_start(w, "analyze", id, -1, &d));
    d.t->system = w->c->system[s].name;
    AL_TRY(draft_list(&d, "produced", &list));
    for (int t = 0; t < w->c->production.temperatures.n; t++)
        for (int r = 0; r < w->c->production.replicas; r++) {
            AL_TRY(produce_id(w, s, t, r, &from));
            AL_TRY(draft_append(&d, list, from));
            AL_TRY(draft_dep(&d, walk_done(w, from)));
        }
    walk_finish(&d, NULL);
    return AL_ERR_OK;
}

static enum al_err emit_report(struct walk *w, int last, const struct view_task **ret)
{
    struct draft d;
    struct plan_input *list;
    AL_TRY(draft_start(w, "report", "report", -1, &d));
    AL_TRY(draft_list(&d, "errors", &list));
    for (int i = 0; i <= last; i++) {
        const char *id, *path;
        AL_TRY(plan_text(w->p, &id, "iterations/%03d/evaluate", i));
        AL_TRY(plan_text(w->p, &path, "iterations/%03d/errors.yaml", i));
        AL_TRY(draft_append(&d, list, path));
        AL_TRY(draft_dep(&d, walk_done(w, id)));
    }
    AL_TRY(draft_dep(&d, walk_done(w, "models"))); // whether the limits were met
    AL_TRY(draft_list(&d, "transport", &list));
    for (int s = 0; s < w->c->nsystems; s++) {
        const char *id;
        AL_TRY(plan_text(w->p, &id, "transport/%s", w->c->system[s].name));
        AL_TRY(draft_append(&d, list, id));
        AL_TRY(draft_dep(&d, walk_done(w, id)));
    }
    AL_TRY(draft_append_noise(&d, last));
    walk_finish(&d, ret);
    return AL_ERR_OK;
}

static enum al_err walk_production(struct walk *w, int last)
{
    const struct view_task *done;
    enter(w, -1, "publish the models");
    AL_TRY(emit_publish(w, last, &done));
    if (!done) return AL_ERR_OK;
    enter(w, -1, "production and transport");
    for (int s = 0; s < w->c->nsystems; s++) {
        bool produced;
        AL_TRY(emit_produce(w, s, last, &produced));
        if (produced)
            AL_TRY(emit_analyze(w, s));
        else
            w->p->stage_total++; // the analysis that follows
    }
    AL_TRY(walk_emit_noise(w, last));
    if (!stage_complete(w)) return AL_ERR_OK;
    enter(w, -1, "report");
    AL_TRY(emit_report(w, last, &done));
    if (!done) return AL_ERR_OK;
    enter(w, -1, "finished");
    w->p->finished = true;
    return AL_ERR_OK;
}

static enum al_err walk_all(struct walk *w)
{
    bool initial = w->env->settled.n > 0;
    int last;
    if (!initial) AL_TRY(walk_initial(w, &initial));
    if (!initial) return AL_ERR_OK;
    AL_TRY(walk_iterations(w, &last));
    AL_TRY(walk_list_late(w));
    if (last >= 0) AL_TRY(walk_production(w, last));
    return AL_ERR_OK;
}

enum al_err plan_build(const struct loop_config *c, const struct plan_env *env, const struct view *v,
                       struct plan **ret)
{
    AL_OWN(plan) p = NULL;
    AL_ALLOC(p, 1);
    struct walk w = {.c = c, .env = env, .v = v, .p = p};
    if (env->label_batch < 1) AL_FAIL(AL_ERR_BUG, "label batch of %d frames", env->label_batch);
    AL_TRY(walk_sections(&w));
    AL_TRY(walk_all(&w));
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}
