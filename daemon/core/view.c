// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/view.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const state_names[TASK_NSTATES] = {
#define TASK_STATE_NAME(name) #name,
    TASK_STATES(TASK_STATE_NAME)
#undef TASK_STATE_NAME
};

const char *task_state_name(enum task_state s)
{
    return s < TASK_NSTATES ? state_names[s] : "?";
}

enum al_err task_state_parse(const char *name, enum task_state *ret)
{
    for (unsigned i = 0; i < TASK_NSTATES; i++)
        if (strcmp(name, state_names[i]) == 0) {
            *ret = (enum task_state)i;
            return AL_ERR_OK;
        }
    AL_FAIL(AL_ERR_CORRUPT, "the journal has a task in the state '%.20s'", name);
}

enum { BLOCK = 32 << 10 };

// Memory that only grows and goes with the view.
struct view_block {
    struct view_block *next;
    size_t used, size;
    _Alignas(16) char data[];
};

static enum al_err block_take(struct view_block **list, size_t n, size_t align, void *ret_ptr)
{
    struct view_block *b = *list;
    size_t at = b ? (b->used + align - 1) / align * align : 0;
    if (!b || at + n > b->size) {
        size_t size = n > BLOCK / 2 ? 2 * n : BLOCK; // room for a long array to grow in place: not a copy for each element
        char *raw;
        AL_TRY(al_alloc(sizeof *b + size, 1, &raw));
        b = (struct view_block *)raw;
        b->next = *list;
        b->size = size;
        *list = b;
        at = 0;
    }
    void *p = b->data + at;
    b->used = at + n;
    memcpy(ret_ptr, &p, sizeof p);
    return AL_ERR_OK;
}

static void blocks_free(struct view_block **list)
{
    while (*list) {
        struct view_block *next = (*list)->next;
        al_free(*list);
        *list = next;
    }
}

static enum al_err keep_text(struct view *v, const char *text, const char **ret)
{
    char *copy;
    size_t n = strlen(text) + 1;
    AL_TRY(block_take(&v->texts, n, 1, &copy));
    memcpy(copy, text, n);
    *ret = copy;
    return AL_ERR_OK;
}

// A text that many tasks have: kept once.
static enum al_err keep_name(struct view *v, const char *text, const char **ret)
{
    for (int i = 0; i < v->nnames; i++)
        if (strcmp(v->name[i], text) == 0) {
            *ret = v->name[i];
            return AL_ERR_OK;
        }
    AL_TRY(keep_text(v, text, ret));
    if (v->nnames < VIEW_NAMES) v->name[v->nnames++] = *ret;
    return AL_ERR_OK;
}

// Room for one more element at the end of an array; in place while it is the last thing of its block, else copied.
static enum al_err grow_array(struct view *v, int n, size_t size, void *array_ptr)
{
    char *old, *fresh;
    struct view_block *b = v->arrays;
    memcpy(&old, array_ptr, sizeof old);
    if (n && b && old + (size_t)n * size == b->data + b->used && b->used + size <= b->size) {
        b->used += size;
        return AL_ERR_OK;
    }
    AL_TRY(block_take(&v->arrays, ((size_t)n + 1) * size, 16, &fresh));
    if (n) memcpy(fresh, old, (size_t)n * size);
    memcpy(array_ptr, &fresh, sizeof fresh);
    return AL_ERR_OK;
}

enum al_err view_create(struct view **ret)
{
    struct view *v;
    AL_ALLOC(v, 1);
    *ret = v;
    return AL_ERR_OK;
}

void view_destroy(struct view **vp)
{
    struct view *v = *vp;
    *vp = NULL;
    if (!v) return;
    blocks_free(&v->texts);
    blocks_free(&v->arrays);
    al_free(v->task);
    al_free(v->slot);
    al_free(v);
}

// FNV-1a
static uint32_t hash_id(const char *id)
{
    uint32_t h = 2166136261u;
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 16777619u;
    return h;
}

static int slot_of(const struct view *v, const char *id)
{
    uint32_t mask = (uint32_t)v->nslots - 1, i = hash_id(id) & mask;
    while (v->slot[i] && strcmp(v->task[v->slot[i] - 1].id, id) != 0)
        i = (i + 1) & mask;
    return (int)i;
}

struct view_task *view_find(const struct view *v, const char *id)
{
    if (!v->nslots) return NULL;
    int k = v->slot[slot_of(v, id)];
    return k ? &v->task[k - 1] : NULL;
}

static enum al_err reserve(struct view *v)
{
    if (!v->task || v->ntasks == v->capacity) {
        int n = v->capacity ? v->capacity + v->capacity / 8 + 64 : 64;
        AL_GROW(v->task, v->ntasks, n);
        v->capacity = n;
    }
    if (2 * (v->ntasks + 1) <= v->nslots) return AL_ERR_OK;
    int nslots = v->nslots ? 2 * v->nslots : 128, *slot;
    AL_ALLOC(slot, nslots);
    al_free(v->slot);
    v->slot = slot;
    v->nslots = nslots;
    for (int i = 0; i < v->ntasks; i++)
        v->slot[slot_of(v, v->task[i].id)] = i + 1;
    return AL_ERR_OK;
}

enum al_err view_add(struct view *v, const char *id, const char *verb, const char *identity,
                     struct view_task **ret)
{
    if (strlen(id) >= TASK_ID || strlen(verb) >= 16 || strlen(identity) > 64)
        AL_FAIL(AL_ERR_BUG, "task '%.80s' has too long a name", id);
    if (view_find(v, id)) AL_FAIL(AL_ERR_BUG, "task %s exists already", id);
    AL_TRY(reserve(v));
    struct view_task *t = &v->task[v->ntasks];
    *t = (struct view_task){.token = "", .cause = ""};
    AL_TRY(keep_text(v, id, &t->id));
    AL_TRY(keep_name(v, verb, &t->verb));
    snprintf(t->identity, sizeof t->identity, "%s", identity);
    v->slot[slot_of(v, id)] = ++v->ntasks;
    v->count[t->state]++;
    *ret = t;
    return AL_ERR_OK;
}

void view_set_state(struct view *v, struct view_task *t, enum task_state s)
{
    v->count[t->state]--;
    v->count[s]++;
    t->state = s;
}

enum al_err view_set_message(struct view *v, struct view_task *t, const char *cause, const char *message)
{
    t->message = "";
    if (message[0]) AL_TRY(keep_text(v, message, &t->message));
    AL_TRY(keep_name(v, cause, &t->cause));
    return AL_ERR_OK;
}

enum al_err view_set_token(struct view *v, struct view_task *t, const char *token)
{
    AL_TRY(keep_text(v, token, &t->token));
    return AL_ERR_OK;
}

// Verbs whose facts the planner asks for (plan.c).
static bool planner_asks(const char *verb)
{
    static const char *const verbs[] = {"init", "gather", "select", "evaluate", NULL};
    for (int i = 0; verbs[i]; i++)
        if (strcmp(verbs[i], verb) == 0) return true;
    return false;
}

enum al_err view_add_fact(struct view *v, struct view_task *t, const char *key, const char *value)
{
    if (v->lean && !planner_asks(t->verb)) return AL_ERR_OK;
    AL_TRY(grow_array(v, t->nfacts, sizeof *t->fact, &t->fact));
    struct view_fact *f = &t->fact[t->nfacts];
    AL_TRY(keep_name(v, key, &f->key));
    AL_TRY(keep_text(v, value, &f->value));
    t->nfacts++;
    return AL_ERR_OK;
}

enum al_err view_add_artifact(struct view *v, struct view_task *t, const char *path, const char *sha256)
{
    AL_TRY(grow_array(v, t->nartifacts, sizeof *t->artifact, &t->artifact));
    struct view_artifact *a = &t->artifact[t->nartifacts];
    AL_TRY(keep_text(v, path, &a->path));
    snprintf(a->sha256, sizeof a->sha256, "%s", sha256);
    t->nartifacts++;
    return AL_ERR_OK;
}

// A selection has a fact and an artefact of each system, thousands at times, and is asked for them one after the other: the search
// goes on behind the latest answer. Only where to begin, so that whose answer that was does not matter.
enum { MANY = 64 };
static _Thread_local int after_fact, after_artifact;

const char *view_fact(const struct view_task *t, const char *key)
{
    int first = t->nfacts > MANY ? after_fact % t->nfacts : 0;
    for (int k = 0; k < t->nfacts; k++) {
        int i = first + k < t->nfacts ? first + k : first + k - t->nfacts;
        if (strcmp(t->fact[i].key, key) != 0) continue;
        if (t->nfacts > MANY) after_fact = i + 1;
        return t->fact[i].value;
    }
    return NULL;
}

bool view_has_fact(const struct view_task *t, const char *key, const char *value)
{
    for (int i = 0; i < t->nfacts; i++)
        if (strcmp(t->fact[i].key, key) == 0 && strcmp(t->fact[i].value, value) == 0) return true;
    return false;
}

long view_fact_int(const struct view_task *t, const char *key, long otherwise)
{
    const char *text = view_fact(t, key);
    char *end;
    long v = text ? strtol(text, &end, 10) : 0;
    return text && end != text && !*end ? v : otherwise;
}

const struct view_artifact *view_artifact(const struct view_task *t, const char *name)
{
    size_t len = strlen(name);
    int first = t->nartifacts > MANY ? after_artifact % t->nartifacts : 0;
    for (int k = 0; k < t->nartifacts; k++) {
        int i = first + k < t->nartifacts ? first + k : first + k - t->nartifacts;
        const char *p = t->artifact[i].path;
        size_t n = strlen(p);
        if (n < len || strcmp(p + n - len, name) != 0) continue;
        if (n != len && p[n - len - 1] != '/') continue;
        if (t->nartifacts > MANY) after_artifact = i + 1;
        return &t->artifact[i];
    }
    return NULL;
}
