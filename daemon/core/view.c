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
    for (int i = 0; i < v->ntasks; i++) {
        struct view_task *t = &v->task[i];
        for (int k = 0; k < t->nfacts; k++) {
            al_free(t->fact[k].key);
            al_free(t->fact[k].value);
        }
        for (int k = 0; k < t->nartifacts; k++)
            al_free(t->artifact[k].path);
        al_free(t->fact);
        al_free(t->artifact);
        al_free(t->message);
    }
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
        int n = v->capacity ? 2 * v->capacity : 64;
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
    if (strlen(id) >= TASK_ID || strlen(verb) >= sizeof v->task->verb || strlen(identity) > 64)
        AL_FAIL(AL_ERR_BUG, "task '%.80s' has too long a name", id);
    if (view_find(v, id)) AL_FAIL(AL_ERR_BUG, "task %s exists already", id);
    AL_TRY(reserve(v));
    struct view_task *t = &v->task[v->ntasks];
    snprintf(t->id, sizeof t->id, "%s", id);
    snprintf(t->verb, sizeof t->verb, "%s", verb);
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

enum al_err view_set_message(struct view_task *t, const char *cause, const char *message)
{
    char *copy;
    AL_TRY(al_strdup(message, &copy));
    al_free(t->message);
    t->message = copy;
    snprintf(t->cause, sizeof t->cause, "%s", cause);
    return AL_ERR_OK;
}

enum al_err view_add_fact(struct view_task *t, const char *key, const char *value)
{
    AL_GROW(t->fact, t->nfacts, t->nfacts + 1);
    struct view_fact *f = &t->fact[t->nfacts++];
    AL_TRY(al_strdup(key, &f->key));
    AL_TRY(al_strdup(value, &f->value));
    return AL_ERR_OK;
}

enum al_err view_add_artifact(struct view_task *t, const char *path, const char *sha256)
{
    AL_GROW(t->artifact, t->nartifacts, t->nartifacts + 1);
    struct view_artifact *a = &t->artifact[t->nartifacts++];
    AL_TRY(al_strdup(path, &a->path));
    snprintf(a->sha256, sizeof a->sha256, "%s", sha256);
    return AL_ERR_OK;
}

const char *view_fact(const struct view_task *t, const char *key)
{
    for (int i = 0; i < t->nfacts; i++)
        if (strcmp(t->fact[i].key, key) == 0) return t->fact[i].value;
    return NULL;
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
    for (int i = 0; i < t->nartifacts; i++) {
        const char *p = t->artifact[i].path;
        size_t n = strlen(p);
        if (n < len || strcmp(p + n - len, name) != 0) continue;
        if (n == len || p[n - len - 1] == '/') return &t->artifact[i];
    }
    return NULL;
}
