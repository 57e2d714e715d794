// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Labels and gatherings in the walk through the loop (plan.c). With resources.straggler an iteration goes on before its last labels
// are in. Which ones its gathering went on without is a choice of the moment, so the journal has it: facts PLAN_LATE of the gathering,
// written in the transaction that plans it. They go on and are offered to the next gathering, before its own.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan_impl.h"

// Where the frames to label come from: init's perturbed frames or the selection of an iteration. task NULL:
// not there.
struct source {
    const struct view_task *task;
    const char *artifact;
    int nframes, nchunks;
};

static enum al_err find_source(struct walk *w, int iteration, int s, struct source *ret)
{
    const char *name = w->c->system[s].name, *id, *key;
    struct source src = {0};
    if (iteration < 0) {
        AL_TRY(plan_text(w->p, &id, "initial/%s", name));
        key = "nframes";
        src.artifact = "frames.extxyz";
    } else {
        AL_TRY(plan_text(w->p, &id, "iterations/%03d/select", iteration));
        AL_TRY(plan_text(w->p, &key, "frames.%s", name));
        AL_TRY(plan_text(w->p, &src.artifact, "%s.extxyz", name));
    }
    src.task = walk_done(w, id);
    if (src.task) {
        long n = view_fact_int(src.task, key, -1);
        if (n < 0 || n > 100000000)
            AL_FAIL(AL_ERR_CORRUPT, "task %s is done but its fact %s is missing or no count", id, key);
        src.nframes = (int)n;
        src.nchunks = (src.nframes + w->env->label_batch - 1) / w->env->label_batch;
    }
    *ret = src;
    return AL_ERR_OK;
}

static enum al_err label_id(struct walk *w, int iteration, int s, int chunk, const char **ret)
{
    const char *name = w->c->system[s].name;
    if (iteration < 0)
        AL_TRY(plan_text(w->p, ret, "initial/%s/label/%03d", name, chunk));
    else
        AL_TRY(plan_text(w->p, ret, "iterations/%03d/label/%s-%03d", iteration, name, chunk));
    return AL_ERR_OK;
}

static int frames_of(const struct walk *w, const struct source *src, int chunk)
{
    int batch = w->env->label_batch, left = src->nframes - chunk * batch;
    return left < batch ? left : batch;
}

static enum al_err emit_label(struct walk *w, int iteration, int s, const struct source *src, int chunk, const struct view_task **ret)
{
    const char *id;
    struct draft d;
    AL_TRY(label_id(w, iteration, s, chunk, &id));
    AL_TRY(draft_start(w, "label", id, iteration, &d));
    d.t->system = w->c->system[s].name;
    d.t->index = chunk;
    d.t->ranks = w->c->resources.label.ranks;
    d.t->threads = w->c->resources.label.threads;
    d.t->alone = loop_config_label_external(w->c);
    AL_TRY(draft_artifact(&d, "frames", src->task, src->artifact));
    AL_TRY(draft_int(&d, "from", chunk * w->env->label_batch));
    AL_TRY(draft_int(&d, "count", frames_of(w, src, chunk)));
    walk_finish(&d, ret);
    return AL_ERR_OK;
}

static const struct view_task *gather_task(const struct walk *w, int iteration) // in any state; NULL: not planned
{
    char id[TASK_ID] = "initial/gather";
    if (iteration >= 0) snprintf(id, sizeof id, "iterations/%03d/gather", iteration);
    return view_find(w->v, id);
}

static bool is_late_fact(const struct view_fact *f)
{
    return strcmp(f->key, PLAN_LATE) == 0;
}

// The late ones of a gathering stand in the order in which it was offered them: asked in that order, each question takes a look at one.
struct left_out {
    const struct view_task *gather; // NULL: not planned
    int at;
};

static bool went_without(struct left_out *l, const char *label)
{
    const struct view_task *g = l->gather;
    while (g && l->at < g->nfacts && !is_late_fact(&g->fact[l->at]))
        l->at++;
    if (!g || l->at == g->nfacts || strcmp(g->fact[l->at].value, label) != 0) return false;
    l->at++;
    return true;
}

bool walk_has_late(const struct walk *w, int iteration)
{
    const struct view_task *g = gather_task(w, iteration);
    for (int i = 0; g && i < g->nfacts; i++)
        if (is_late_fact(&g->fact[i])) return true;
    return false;
}

// The place of a label task of an iteration from its name.
static bool parse_label(const struct walk *w, const char *id, int *ret_iteration, int *ret_s, int *ret_chunk)
{
    const char *at = id + strlen("iterations/"), *dash = strrchr(id, '-');
    char *end;
    if (strncmp(id, "iterations/", strlen("iterations/")) != 0 || !dash) return false;
    *ret_iteration = (int)strtol(at, &end, 10);
    if (strncmp(end, "/label/", strlen("/label/")) != 0) return false;
    at = end + strlen("/label/");
    *ret_chunk = (int)strtol(dash + 1, &end, 10);
    if (dash <= at || *end) return false;
    for (*ret_s = 0; *ret_s < w->c->nsystems; ++*ret_s) {
        const char *name = w->c->system[*ret_s].name;
        if (strlen(name) == (size_t)(dash - at) && strncmp(name, at, (size_t)(dash - at)) == 0) return true;
    }
    return false;
}

static enum al_err late_source(struct walk *w, const char *id, struct source *ret, int *ret_iteration, int *ret_s, int *ret_chunk)
{
    if (!parse_label(w, id, ret_iteration, ret_s, ret_chunk)) AL_FAIL(AL_ERR_CORRUPT, "the journal calls %.200s late, which is no label task", id);
    AL_TRY(find_source(w, *ret_iteration, *ret_s, ret));
    if (!ret->task || *ret_chunk < 0 || *ret_chunk >= ret->nchunks) AL_FAIL(AL_ERR_CORRUPT, "the journal calls %.200s late, which has no frames", id);
    return AL_ERR_OK;
}

enum al_err walk_emit_late(struct walk *w, int iteration)
{
    const struct view_task *g = iteration < 0 ? NULL : gather_task(w, iteration);
    w->gathered = iteration;
    for (int i = 0; g && i < g->nfacts; i++) {
        struct source src;
        int it, s, chunk;
        if (!is_late_fact(&g->fact[i])) continue;
        AL_TRY(late_source(w, g->fact[i].value, &src, &it, &s, &chunk));
        AL_TRY(emit_label(w, it, s, &src, chunk, NULL));
    }
    return AL_ERR_OK;
}

static enum al_err list_one(struct walk *w, const char *id)
{
    struct source src;
    int it, s, chunk;
    struct plan_late *l = &w->p->late[w->p->nlate];
    AL_TRY(late_source(w, id, &src, &it, &s, &chunk));
    AL_TRY(plan_text(w->p, &l->task, "%s", id));
    l->frames = frames_of(w, &src, chunk);
    w->p->nlate++;
    return AL_ERR_OK;
}

enum al_err walk_list_late(struct walk *w)
{
    const struct view_task *g = w->gathered < 0 ? NULL : gather_task(w, w->gathered);
    int n = w->left ? w->left->n : 0;
    for (int i = 0; g && i < g->nfacts; i++)
        n += is_late_fact(&g->fact[i]);
    if (!n) return AL_ERR_OK;
    AL_TRY(plan_array(w->p, n, sizeof *w->p->late, &w->p->late));
    for (int i = 0; g && i < g->nfacts; i++)
        if (is_late_fact(&g->fact[i])) AL_TRY(list_one(w, g->fact[i].value));
    for (int i = 0; w->left && i < w->left->n; i++)
        AL_TRY(list_one(w, w->left->value[i]));
    return AL_ERR_OK;
}

// Frames of label tasks: in = in a label task that is done.
struct tally {
    int total, in;
};

static void add(struct tally *t, int frames, bool in)
{
    t->total += frames;
    t->in += in ? frames : 0;
}

struct count {
    struct tally own, carried; // of the iteration; of those that the last gathering went on without
    struct tally wanted;       // of both, what a planned gathering takes
    struct left_out left;
};

static enum al_err count_carried(struct walk *w, int iteration, struct count *c)
{
    const struct view_task *before = iteration > 0 ? gather_task(w, iteration - 1) : NULL;
    for (int i = 0; before && i < before->nfacts; i++) {
        struct source src;
        int it, s, chunk;
        if (!is_late_fact(&before->fact[i])) continue;
        const char *id = before->fact[i].value;
        AL_TRY(late_source(w, id, &src, &it, &s, &chunk));
        add(&c->carried, frames_of(w, &src, chunk), walk_done(w, id));
        if (!went_without(&c->left, id)) add(&c->wanted, frames_of(w, &src, chunk), walk_done(w, id));
    }
    return AL_ERR_OK;
}

// What the gathering has to wait for. Once it is planned: for nothing but what it takes, all of which was there.
static void decide(struct walk *w, bool all, const struct count *c, bool *ret_enough)
{
    double fraction = w->c->resources.straggler;
    struct plan *p = w->p;
    if (c->left.gather) {
        p->wait_frames = c->wanted.total - c->wanted.in;
    } else if (all || fraction >= 1) {
        p->wait_all = true;
        p->wait_frames = c->own.total - c->own.in + c->carried.total - c->carried.in;
    } else {
        p->wait_frames = (int)ceil(fraction * c->own.total - 1e-9) - c->own.in;
    }
    *ret_enough = p->wait_frames <= 0;
    if (*ret_enough) p->wait_frames = 0;
}

// The labels of initial frames are looked at with all that is made beside them (plan.c).
static enum al_err count_own(struct walk *w, int iteration, struct count *c)
{
    for (int s = 0; s < w->c->nsystems; s++) {
        struct source src;
        AL_TRY(find_source(w, iteration, s, &src));
        if (!src.task) w->p->stage_total++; // its labels are not known yet: the stage is not complete
        for (int k = 0; src.task && k < src.nchunks; k++) {
            const struct view_task *done;
            const char *id;
            AL_TRY(emit_label(w, iteration, s, &src, k, &done));
            AL_TRY(label_id(w, iteration, s, k, &id));
            add(&c->own, frames_of(w, &src, k), done);
            if (!went_without(&c->left, id)) add(&c->wanted, frames_of(w, &src, k), done);
        }
    }
    return AL_ERR_OK;
}

enum al_err walk_emit_labels(struct walk *w, int iteration, bool all, bool *ret_enough)
{
    struct count c = {.left.gather = gather_task(w, iteration)};
    AL_TRY(count_carried(w, iteration, &c));
    AL_TRY(count_own(w, iteration, &c));
    if (iteration < 0)
        *ret_enough = w->p->stage_done == w->p->stage_total;
    else
        decide(w, all, &c, ret_enough);
    return AL_ERR_OK;
}

// Called with each label task that the gathering takes, and with each that it leaves (done NULL): those that were late before, then the
// iteration's own.
static enum al_err each_offered(struct walk *w, int iteration, enum al_err (*each)(void *ctx, const char *id, const struct view_task *done),
                                void *ctx)
{
    const struct view_task *before = iteration > 0 ? gather_task(w, iteration - 1) : NULL;
    struct left_out left = {.gather = gather_task(w, iteration)};
    for (int i = 0; before && i < before->nfacts; i++) {
        const char *id = before->fact[i].value;
        if (is_late_fact(&before->fact[i])) AL_TRY(each(ctx, id, went_without(&left, id) ? NULL : walk_done(w, id)));
    }
    for (int s = 0; s < w->c->nsystems; s++) {
        struct source src;
        AL_TRY(find_source(w, iteration, s, &src));
        for (int k = 0; k < src.nchunks; k++) {
            const char *id;
            AL_TRY(label_id(w, iteration, s, k, &id));
            AL_TRY(each(ctx, id, went_without(&left, id) ? NULL : walk_done(w, id)));
        }
    }
    return AL_ERR_OK;
}

struct gathering {
    struct draft *d;
    struct plan_input *list;
};

static enum al_err take(void *ctx, const char *id, const struct view_task *done)
{
    struct gathering *g = ctx;
    const char *copy;
    if (!done) return AL_ERR_OK;
    AL_TRY(plan_text(g->d->w->p, &copy, "%s", id));
    AL_TRY(draft_append(g->d, g->list, copy));
    AL_TRY(draft_dep(g->d, done));
    return AL_ERR_OK;
}

static enum al_err leave(void *ctx, const char *id, const struct view_task *done)
{
    struct gathering *g = ctx;
    const char *copy;
    if (done) return AL_ERR_OK;
    if (!g->list) AL_TRY(draft_list(g->d, PLAN_LATE, &g->list));
    AL_TRY(plan_text(g->d->w->p, &copy, "%s", id));
    AL_TRY(draft_append(g->d, g->list, copy));
    return AL_ERR_OK;
}

enum al_err walk_emit_gather(struct walk *w, int iteration, const struct view_task **ret)
{
    const char *id = "initial/gather";
    struct draft d;
    struct gathering taken = {.d = &d}, left = {.d = &d};
    if (iteration >= 0) AL_TRY(plan_text(w->p, &id, "iterations/%03d/gather", iteration));
    AL_TRY(draft_start(w, "gather", id, iteration, &d));
    AL_TRY(draft_list(&d, "labelled", &taken.list));
    AL_TRY(each_offered(w, iteration, take, &taken));
    if (iteration < 0) AL_TRY(draft_append_aimd(&d, taken.list));
    if (iteration < 0) AL_TRY(draft_append_data(&d, taken.list));
    AL_TRY(draft_int(&d, "set", iteration + 1));
    AL_TRY(each_offered(w, iteration, leave, &left)); // no part of the identity: what is taken says it all
    w->gathered = iteration;
    w->left = gather_task(w, iteration) ? NULL : left.list;
    walk_finish(&d, ret);
    return AL_ERR_OK;
}

const struct plan_input *plan_task_late(const struct plan_task *t)
{
    for (int i = 0; i < t->ninputs; i++)
        if (strcmp(t->verb, "gather") == 0 && strcmp(t->input[i].key, PLAN_LATE) == 0) return &t->input[i];
    return NULL;
}

const struct view_task *plan_gather_of(const struct view *v, int iteration, const char *label, int *ret_iteration)
{
    char id[TASK_ID] = "initial/gather";
    const struct view_task *g;
    for (int i = iteration;; i++) {
        if (i >= 0) snprintf(id, sizeof id, "iterations/%03d/gather", i);
        g = view_find(v, id);
        *ret_iteration = i;
        if (!g || !view_has_fact(g, PLAN_LATE, label)) return g;
    }
}

static enum al_err append_new(void *ctx, const char *id, const struct view_task *done)
{
    struct gathering *g = ctx;
    const struct view_artifact *a = done ? view_artifact(done, "labelled.extxyz") : NULL;
    const char *path;
    (void)id;
    if (!a) return AL_ERR_OK; // late, or every frame of the chunk failed
    AL_TRY(plan_text(g->d->w->p, &path, "%s", a->path));
    AL_TRY(draft_append(g->d, g->list, path));
    AL_TRY(draft_dep_sha(g->d, done, a->sha256));
    return AL_ERR_OK;
}

enum al_err draft_append_labelled(struct draft *d, int iteration)
{
    struct gathering g = {.d = d};
    AL_TRY(draft_list(d, "new", &g.list));
    AL_TRY(each_offered(d->w, iteration, append_new, &g));
    return AL_ERR_OK;
}
