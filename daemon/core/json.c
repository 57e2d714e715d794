// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/status.h"

static enum al_err dump(json_t *j, char **ret)
{
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(j);
    if (!text) AL_FAIL(AL_ERR_NOMEM, "no memory for JSON");
    enum al_err e = al_strdup(text, ret);
    free(text);
    AL_TRY(e);
    return AL_ERR_OK;
}

// Text that is not UTF-8 (a worker's log may hold anything) must not void the whole answer.
static json_t *text_of(const char *s)
{
    json_t *j = json_string(s);
    if (j) return j;
    char clean[STATUS_TEXT];
    snprintf(clean, sizeof clean, "%s", s);
    for (char *c = clean; *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    return json_string(clean);
}

static json_t *running_to_json(const struct status_task *t)
{
    json_t *j = json_object();
    json_object_set_new(j, "task", text_of(t->id));
    json_object_set_new(j, "verb", text_of(t->verb));
    json_object_set_new(j, "done", json_real(t->done));
    json_object_set_new(j, "total", json_real(t->total));
    json_object_set_new(j, "text", text_of(t->text));
    json_object_set_new(j, "seconds", json_real(t->seconds));
    json_object_set_new(j, "attempt", json_integer(t->attempt));
    return j;
}

static json_t *late_to_json(const struct status *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->nlate; i++) {
        json_t *j = json_object();
        json_object_set_new(j, "task", text_of(s->late[i].id));
        json_object_set_new(j, "state", text_of(s->late[i].state));
        json_object_set_new(j, "frames", json_integer(s->late[i].frames));
        json_array_append_new(list, j);
    }
    return list;
}

enum al_err status_to_json(const struct status *s, char **ret_text)
{
    json_t *j = json_object(), *counts = json_object(), *running = json_array();
    json_object_set_new(j, "ok", json_true());
    json_object_set_new(j, "run", text_of(s->run));
    json_object_set_new(j, "name", text_of(s->name));
    json_object_set_new(j, "state", text_of(s->state));
    json_object_set_new(j, "stage", text_of(s->stage));
    json_object_set_new(j, "iteration", json_integer(s->iteration));
    json_object_set_new(j, "iterations_evaluated", json_integer(s->niterations));
    json_object_set_new(j, "stage_done", json_integer(s->stage_done));
    json_object_set_new(j, "stage_total", json_integer(s->stage_total));
    json_object_set_new(j, "converged", json_boolean(s->converged));
    json_object_set_new(j, "demonstration", json_boolean(s->demonstration));
    json_object_set_new(j, "message", text_of(s->message));
    json_object_set_new(j, "hint", text_of(s->hint));
    json_object_set_new(j, "seconds", json_real(s->seconds));
    json_object_set_new(j, "tasks_per_hour", s->rate > 0 ? json_real(s->rate) : json_null());
    json_object_set_new(j, "stage_seconds_left", s->rate > 0 ? json_real(s->left) : json_null());
    json_object_set_new(j, "pid", json_integer(s->pid));
    json_object_set_new(j, "tasks", json_integer(s->ntasks));
    for (int i = 0; i < TASK_NSTATES; i++)
        json_object_set_new(counts, task_state_name((enum task_state)i), json_integer(s->count[i]));
    json_object_set_new(j, "count", counts);
    for (int i = 0; i < s->nrunning; i++)
        json_array_append_new(running, running_to_json(&s->running[i]));
    json_object_set_new(j, "running", running);
    json_object_set_new(j, "late_tasks", json_integer(s->late_tasks));
    json_object_set_new(j, "late_frames", json_integer(s->late_frames));
    json_object_set_new(j, "late", late_to_json(s));
    AL_TRY(dump(j, ret_text));
    return AL_ERR_OK;
}

static void get_text(const json_t *j, const char *key, char *ret, size_t n)
{
    const char *text = json_string_value(json_object_get(j, key));
    snprintf(ret, n, "%s", text ? text : "");
}

static int get_int(const json_t *j, const char *key)
{
    return (int)json_integer_value(json_object_get(j, key));
}

static void late_from_json(const json_t *j, struct status *s)
{
    const json_t *list = json_object_get(j, "late"), *r;
    size_t k;
    s->late_tasks = get_int(j, "late_tasks");
    s->late_frames = get_int(j, "late_frames");
    json_array_foreach(list, k, r)
    {
        if (s->nlate == STATUS_LATE) break;
        struct status_late *l = &s->late[s->nlate++];
        get_text(r, "task", l->id, sizeof l->id);
        get_text(r, "state", l->state, sizeof l->state);
        l->frames = get_int(r, "frames");
    }
}

enum al_err status_from_json(const char *text, struct status *ret)
{
    json_t *j = json_loads(text, 0, NULL);
    if (!j || !json_is_true(json_object_get(j, "ok"))) {
        json_decref(j);
        AL_FAIL(AL_ERR_CORRUPT, "the daemon's answer cannot be understood");
    }
    struct status s = {0};
    get_text(j, "run", s.run, sizeof s.run);
    get_text(j, "name", s.name, sizeof s.name);
    get_text(j, "state", s.state, sizeof s.state);
    get_text(j, "stage", s.stage, sizeof s.stage);
    get_text(j, "message", s.message, sizeof s.message);
    get_text(j, "hint", s.hint, sizeof s.hint);
    s.iteration = get_int(j, "iteration");
    s.niterations = get_int(j, "iterations_evaluated");
    s.stage_done = get_int(j, "stage_done");
    s.stage_total = get_int(j, "stage_total");
    s.converged = json_is_true(json_object_get(j, "converged"));
    s.demonstration = json_is_true(json_object_get(j, "demonstration"));
    s.seconds = json_number_value(json_object_get(j, "seconds"));
    s.rate = json_number_value(json_object_get(j, "tasks_per_hour"));
    s.left = json_number_value(json_object_get(j, "stage_seconds_left"));
    s.pid = json_integer_value(json_object_get(j, "pid"));
    s.ntasks = get_int(j, "tasks");
    for (int i = 0; i < TASK_NSTATES; i++)
        s.count[i] = get_int(json_object_get(j, "count"), task_state_name((enum task_state)i));
    json_t *running = json_object_get(j, "running"), *r;
    size_t k;
    json_array_foreach(running, k, r)
    {
        if (s.nrunning == STATUS_RUNNING) break;
        struct status_task *t = &s.running[s.nrunning++];
        get_text(r, "task", t->id, sizeof t->id);
        get_text(r, "verb", t->verb, sizeof t->verb);
        get_text(r, "text", t->text, sizeof t->text);
        t->done = json_number_value(json_object_get(r, "done"));
        t->total = json_number_value(json_object_get(r, "total"));
        t->seconds = json_number_value(json_object_get(r, "seconds"));
        t->attempt = get_int(r, "attempt");
    }
    late_from_json(j, &s);
    json_decref(j);
    *ret = s;
    return AL_ERR_OK;
}

enum al_err json_request(const char *cmd, const char *task, char **ret_text)
{
    json_t *j = json_object();
    json_object_set_new(j, "cmd", text_of(cmd));
    if (task) json_object_set_new(j, "task", text_of(task));
    AL_TRY(dump(j, ret_text));
    return AL_ERR_OK;
}

enum al_err json_read_request(const char *text, char ret_cmd[32])
{
    json_t *j = json_loads(text, 0, NULL);
    const char *cmd = json_string_value(json_object_get(j, "cmd"));
    bool good = cmd && strlen(cmd) < 32;
    if (good) snprintf(ret_cmd, 32, "%s", cmd);
    json_decref(j);
    if (!good) AL_FAIL(AL_ERR_INPUT, "a request is one line {\"cmd\": \"status\", \"stop\" or \"retry\"}");
    return AL_ERR_OK;
}

enum al_err json_read_task(const char *text, char ret_task[TASK_ID])
{
    json_t *j = json_loads(text, 0, NULL);
    const char *task = json_string_value(json_object_get(j, "task"));
    bool good = task && strlen(task) < TASK_ID;
    if (good) snprintf(ret_task, TASK_ID, "%s", task);
    json_decref(j);
    if (!good) AL_FAIL(AL_ERR_INPUT, "the request names no task");
    return AL_ERR_OK;
}

enum al_err json_read_reply(const char *text, bool *ret_ok, char ret_message[STATUS_TEXT])
{
    json_t *j = json_loads(text, 0, NULL);
    const json_t *ok = json_object_get(j, "ok");
    const char *message = json_string_value(json_object_get(j, "message"));
    bool good = json_is_boolean(ok) && message;
    if (good) {
        *ret_ok = json_is_true(ok);
        snprintf(ret_message, STATUS_TEXT, "%s", message);
    }
    json_decref(j);
    if (!good) AL_FAIL(AL_ERR_CORRUPT, "the daemon's answer cannot be understood");
    return AL_ERR_OK;
}

enum al_err json_reply(bool ok, const char *message, char **ret_text)
{
    json_t *j = json_object();
    json_object_set_new(j, "ok", json_boolean(ok));
    json_object_set_new(j, "message", text_of(message));
    AL_TRY(dump(j, ret_text));
    return AL_ERR_OK;
}

static json_t *scalar_to_json(const struct al_node *n)
{
    const char *t = n->text;
    char *end;
    if (n->quoted) return text_of(t);
    if (strcmp(t, "true") == 0 || strcmp(t, "false") == 0) return json_boolean(t[0] == 't');
    if (!t[0] || strcmp(t, "null") == 0 || strcmp(t, ".nan") == 0) return json_null();
    long long i = strtoll(t, &end, 10);
    if (!*end) return json_integer(i);
    double d = strtod(t, &end);
    json_t *j = *end ? NULL : json_real(d); // NULL for inf and nan, which JSON does not have
    return j ? j : text_of(t);
}

static json_t *node_to_json(const struct al_node *n)
{
    if (n->kind == AL_NODE_SCALAR) return scalar_to_json(n);
    json_t *j = n->kind == AL_NODE_MAP ? json_object() : json_array();
    for (const struct al_node *c = n->child; c; c = c->next) {
        if (n->kind == AL_NODE_MAP)
            json_object_set_new(j, c->key, node_to_json(c));
        else
            json_array_append_new(j, node_to_json(c));
    }
    return j;
}

enum al_err json_from_node(const struct al_node *n, char **ret_text)
{
    AL_TRY(dump(node_to_json(n), ret_text));
    return AL_ERR_OK;
}

enum { DOC_DEPTH = 8 };

struct json_doc {
    json_t *root;
    json_t *open[DOC_DEPTH]; // below root, outermost first; borrowed
    int depth;
    bool bad; // a value could not be kept
};

enum al_err json_doc_create(struct json_doc **ret)
{
    struct json_doc *d;
    AL_ALLOC(d, 1);
    d->root = json_object();
    *ret = d;
    return AL_ERR_OK;
}

void json_doc_destroy(struct json_doc **dp)
{
    struct json_doc *d = *dp;
    *dp = NULL;
    if (!d) return;
    json_decref(d->root);
    al_free(d);
}

static json_t *list_of(struct json_doc *d, const char *list)
{
    json_t *l = json_object_get(d->root, list);
    if (l) return l;
    json_object_set_new(d->root, list, json_array());
    return json_object_get(d->root, list);
}

enum al_err json_doc_node(struct json_doc *d, const char *list, const struct al_node *n)
{
    if (!n)
        (void)list_of(d, list); // an empty list
    else if (json_array_append_new(list_of(d, list), node_to_json(n)) != 0)
        AL_FAIL(AL_ERR_NOMEM, "no memory for JSON");
    return AL_ERR_OK;
}

enum al_err json_doc_row(struct json_doc *d, const char *list, int n, const char *const *key,
                         const char *const *value)
{
    json_t *row = json_object();
    for (int i = 0; i < n; i++)
        json_object_set_new(row, key[i], text_of(value[i]));
    if (json_array_append_new(list_of(d, list), row) != 0) AL_FAIL(AL_ERR_NOMEM, "no memory for JSON");
    return AL_ERR_OK;
}

static void put(struct json_doc *d, const char *key, json_t *value)
{
    json_t *in = d->depth ? d->open[d->depth - 1] : d->root;
    int rc = json_is_array(in) ? json_array_append_new(in, value) : json_object_set_new(in, key, value);
    d->bad = d->bad || rc != 0;
}

static void open_in(struct json_doc *d, const char *key, json_t *value)
{
    put(d, key, value);
    if (d->depth < DOC_DEPTH && value)
        d->open[d->depth++] = value;
    else
        d->bad = true;
}

void json_doc_open_map(struct json_doc *d, const char *key)
{
    open_in(d, key, json_object());
}

void json_doc_open_list(struct json_doc *d, const char *key)
{
    open_in(d, key, json_array());
}

void json_doc_close(struct json_doc *d)
{
    if (d->depth) d->depth--;
}

void json_doc_str(struct json_doc *d, const char *key, const char *value)
{
    put(d, key, value ? text_of(value) : json_null());
}

void json_doc_int(struct json_doc *d, const char *key, long value)
{
    put(d, key, json_integer(value));
}

void json_doc_real(struct json_doc *d, const char *key, double value)
{
    json_t *j = json_real(value);
    put(d, key, j ? j : json_null());
}

void json_doc_bool(struct json_doc *d, const char *key, bool value)
{
    put(d, key, json_boolean(value));
}

enum al_err json_doc_text(struct json_doc *d, char **ret_text)
{
    if (d->bad || d->depth) AL_FAIL(AL_ERR_BUG, "an answer in JSON could not be put together");
    AL_TRY(dump(json_incref(d->root), ret_text));
    return AL_ERR_OK;
}
