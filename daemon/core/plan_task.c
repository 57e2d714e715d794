// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "core/plan_impl.h"

enum { ARENA_BLOCK = 65536, RECENT = 32 };

// Blocks that only grow and go all at once with the plan.
struct plan_arena {
    struct plan_arena *next;
    size_t used, size;
    _Alignas(16) char data[];
};

void plan_arena_destroy(struct plan_arena **a)
{
    while (*a) {
        struct plan_arena *next = (*a)->next;
        al_free(*a);
        *a = next;
    }
}

static enum al_err arena_take(struct plan *p, size_t n, void *ret_ptr)
{
    n = (n + 15) & ~(size_t)15;
    if (!p->arena || p->arena->size - p->arena->used < n) {
        size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;
        char *raw;
        AL_TRY(al_alloc(sizeof(struct plan_arena) + size, 1, &raw));
        struct plan_arena *a = (struct plan_arena *)raw;
        a->next = p->arena;
        a->size = size;
        p->arena = a;
    }
    void *at = p->arena->data + p->arena->used;
    p->arena->used += n;
    memcpy(ret_ptr, &at, sizeof at);
    return AL_ERR_OK;
}

enum al_err plan_text(struct plan *p, const char **ret, const char *fmt, ...)
{
    char buf[AL_PATH], *copy;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof buf)
        AL_FAIL(AL_ERR_INPUT, "a name in the plan is longer than %zu", sizeof buf);
    AL_TRY(arena_take(p, (size_t)n + 1, &copy));
    memcpy(copy, buf, (size_t)n + 1);
    *ret = copy;
    return AL_ERR_OK;
}

enum al_err plan_array(struct plan *p, int n, size_t size, void *array_ptr)
{
    AL_TRY(arena_take(p, (size_t)n * size, array_ptr));
    return AL_ERR_OK;
}

// Frees text and all that was taken since; nothing when it is not of the arena.
static void arena_back_to(struct plan *p, const char *text)
{
    struct plan_arena *a = p->arena;
    while (a && (text < a->data || text >= a->data + a->used))
        a = a->next;
    if (!a) return;
    while (p->arena != a) {
        struct plan_arena *newer = p->arena;
        p->arena = newer->next;
        al_free(newer);
    }
    a->used = (size_t)(text - a->data);
}

// An array in the arena doubles when its length is a power of two; the old copy stays until the plan goes.
static enum al_err arena_push(struct plan *p, int n, size_t size, void *array_ptr)
{
    void *old, *fresh;
    if (n & (n - 1)) return AL_ERR_OK;
    memcpy(&old, array_ptr, sizeof old);
    AL_TRY(arena_take(p, (n ? 2 * (size_t)n : 1) * size, &fresh));
    if (n) memcpy(fresh, old, (size_t)n * size);
    memcpy(array_ptr, &fresh, sizeof fresh);
    return AL_ERR_OK;
}

static const struct {
    const char *verb;
    const char *section[6];
} verb_sections[] = {
    {"init", {"seed", "systems", "initial"}},
    {"label", {"label"}},
    {"aimd", {"seed", "systems", "initial", "label", "select"}},
    {"import", {"systems"}}, // and what the data are
    {"gather", {"seed", "train"}},
    {"train", {"seed", "systems", "train"}},
    {"explore", {"seed", "systems", "explore", "select"}},
    {"select", {"seed", "select", "test"}},
    {"evaluate", {NULL}},
    {"publish", {NULL}},
    // thermostat_time and min_distance are those of exploration
    {"volume", {"seed", "systems", "explore", "select", "production"}},
    {"produce", {"seed", "systems", "explore", "select", "production"}},
    {"analyze", {"production"}},
    {"report", {NULL}},
};

const char *const *plan_verb_sections(const char *verb)
{
    static const char *const none[] = {NULL};
    for (unsigned i = 0; i < sizeof verb_sections / sizeof verb_sections[0]; i++)
        if (strcmp(verb_sections[i].verb, verb) == 0) return verb_sections[i].section;
    return none;
}

enum al_err walk_sections(struct walk *w)
{
    static const char *const all[] = {"seed",   "systems", "initial", "train",      "explore",
                                      "select", "label",   "test",    "production", NULL};
    for (w->nsections = 0; all[w->nsections]; w->nsections++) {
        w->section[w->nsections] = all[w->nsections];
        AL_TRY(loop_config_section_hash(w->c, all[w->nsections], w->section_hash[w->nsections]));
    }
    return AL_ERR_OK;
}

static enum al_err hash_sections(struct draft *d)
{
    const struct walk *w = d->w;
    for (const char *const *s = plan_verb_sections(d->t->verb); *s; s++) {
        int i = 0;
        while (i < w->nsections && strcmp(w->section[i], *s) != 0)
            i++;
        if (i == w->nsections) AL_FAIL(AL_ERR_BUG, "no hash of the section %s", *s);
        al_sha256_string(&d->sha, *s);
        al_sha256_string(&d->sha, w->section_hash[i]);
    }
    if (strcmp(d->t->verb, "label") == 0 || strcmp(d->t->verb, "aimd") == 0)
        al_sha256_string(&d->sha, w->env->pseudo_sha);
    return AL_ERR_OK;
}

enum { BREATH = 64 };

void walk_breathe(struct walk *w)
{
    if (w->env->breathe && ++w->breaths % BREATH == 0) w->env->breathe(w->env->ctx);
}

enum al_err draft_start(struct walk *w, const char *verb, const char *id, int iteration, struct draft *ret)
{
    struct plan *p = w->p;
    walk_breathe(w);
    if (strlen(id) >= TASK_ID) AL_FAIL(AL_ERR_INPUT, "the task name %.100s... is too long", id);
    if (p->ntasks == p->capacity) {
        int n = p->capacity ? 2 * p->capacity : 64;
        AL_GROW(p->task, p->ntasks, n);
        p->capacity = n;
    }
    ret->w = w;
    ret->id = id;
    ret->t = &p->task[p->ntasks];
    *ret->t = (struct plan_task){.verb = verb, .id = id, .iteration = iteration, .threads = 1};
    al_sha256_init(&ret->sha);
    al_sha256_string(&ret->sha, "alnd-task-1");
    al_sha256_string(&ret->sha, verb);
    AL_TRY(hash_sections(ret));
    p->ntasks++;
    return AL_ERR_OK;
}

static enum al_err add_input(struct draft *d, const char *key, bool list, struct plan_input **ret)
{
    struct plan_task *t = d->t;
    AL_TRY(arena_push(d->w->p, t->ninputs, sizeof *t->input, &t->input));
    *ret = &t->input[t->ninputs++];
    **ret = (struct plan_input){.key = key, .list = list};
    return AL_ERR_OK;
}

enum al_err draft_append(struct draft *d, struct plan_input *list, const char *value)
{
    AL_TRY(arena_push(d->w->p, list->n, sizeof *list->value, &list->value));
    list->value[list->n++] = value;
    return AL_ERR_OK;
}

enum al_err draft_plain(struct draft *d, const char *key, const char *value)
{
    struct plan_input *in;
    AL_TRY(add_input(d, key, false, &in));
    AL_TRY(draft_append(d, in, value));
    return AL_ERR_OK;
}

enum al_err draft_int(struct draft *d, const char *key, long value)
{
    const char *text;
    AL_TRY(plan_text(d->w->p, &text, "%ld", value));
    AL_TRY(draft_plain(d, key, text));
    al_sha256_string(&d->sha, key);
    al_sha256_int(&d->sha, value);
    return AL_ERR_OK;
}

// The list stays valid until the next input is added: fill it first.
enum al_err draft_list(struct draft *d, const char *key, struct plan_input **ret)
{
    AL_TRY(add_input(d, key, true, ret));
    return AL_ERR_OK;
}

static enum al_err add_dep(struct draft *d, const char *id)
{
    walk_breathe(d->w);
    // once is enough; of tens of thousands only the latest are looked at, and a name that comes again does no harm
    for (int i = d->t->ndeps > RECENT ? d->t->ndeps - RECENT : 0; i < d->t->ndeps; i++)
        if (strcmp(d->t->dep[i], id) == 0) return AL_ERR_OK;
    AL_TRY(arena_push(d->w->p, d->t->ndeps, sizeof *d->t->dep, &d->t->dep));
    // the view's memory moves when tasks are added, so the plan keeps a copy
    const char *copy;
    AL_TRY(plan_text(d->w->p, &copy, "%s", id));
    d->t->dep[d->t->ndeps++] = copy;
    return AL_ERR_OK;
}

enum al_err draft_dep_sha(struct draft *d, const struct view_task *t, const char *sha256)
{
    AL_TRY(add_dep(d, t->id));
    al_sha256_string(&d->sha, sha256);
    return AL_ERR_OK;
}

enum al_err draft_dep(struct draft *d, const struct view_task *t)
{
    if (!t) AL_FAIL(AL_ERR_BUG, "%s needs a task that is not done", d->t->id);
    AL_TRY(add_dep(d, t->id));
    al_sha256_string(&d->sha, t->identity);
    for (int i = 0; i < t->nartifacts; i++)
        al_sha256_string(&d->sha, t->artifact[i].sha256);
    return AL_ERR_OK;
}

enum al_err draft_artifact(struct draft *d, const char *key, const struct view_task *t, const char *name)
{
    const struct view_artifact *a = t ? view_artifact(t, name) : NULL;
    if (!t) AL_FAIL(AL_ERR_BUG, "%s needs a task that is not done", d->t->id);
    if (!a) AL_FAIL(AL_ERR_CORRUPT, "task %s is done but has no artefact %s", t->id, name);
    const char *path;
    AL_TRY(plan_text(d->w->p, &path, "%s", a->path));
    AL_TRY(draft_plain(d, key, path));
    AL_TRY(add_dep(d, t->id));
    al_sha256_string(&d->sha, key);
    al_sha256_string(&d->sha, a->sha256);
    return AL_ERR_OK;
}

// The place in the loop keys the random numbers of every verb but label, whose result depends on nothing
// else.
void draft_finish(struct draft *d)
{
    struct plan_task *t = d->t;
    if (strcmp(t->verb, "label") != 0) {
        al_sha256_int(&d->sha, t->iteration);
        al_sha256_int(&d->sha, t->index);
        al_sha256_string(&d->sha, t->system ? t->system : "");
        al_sha256_double(&d->sha, t->temperature);
        al_sha256_string(&d->sha, t->purpose ? t->purpose : "");
    }
    al_sha256_hex(&d->sha, t->identity);
}

void draft_drop(struct draft *d)
{
    d->w->p->ntasks--;
    arena_back_to(d->w->p, d->id); // the id is what was taken last before the draft
}

const struct view_task *walk_done(const struct walk *w, const char *id)
{
    const struct view_task *t = view_find(w->v, id);
    return t && t->state == TASK_DONE ? t : NULL;
}
