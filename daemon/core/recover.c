// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/recover.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/crash.h"
#include "core/taskfile.h"

enum { MAX_DEPTH = 8 };

struct found {
    char id[TASK_ID], verb[16], identity[65];
    int iteration, attempts;
    enum task_state state;
    long index, from, count; // of a label: its number, its frames
    int nlate;               // of a gathering: the label tasks that it went on without
    struct view_fact *late;
    struct al_node *tree;    // owns their names
    struct task_result *result; // NULL: none that can be used
};

struct findings {
    const char *run;
    int n, capacity;
    struct found *task;
};

static void found_clear(struct found *t)
{
    task_result_destroy(&t->result);
    al_node_destroy(&t->tree);
    al_free(t->late);
    t->late = NULL;
}

static void findings_clear(struct findings *f)
{
    for (int i = 0; i < f->n; i++)
        found_clear(&f->task[i]);
    al_free(f->task);
}

// Numbers of result.N.yaml that were put aside, and the start that made what is there now.
static int count_attempts(const char *dir)
{
    int most = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        char *end;
        if (strncmp(e->d_name, "result.", 7) != 0) continue;
        long n = strtol(e->d_name + 7, &end, 10);
        if (end > e->d_name + 7 && strcmp(end, ".yaml") == 0 && n > most && n < 1000000) most = (int)n;
    }
    if (d) closedir(d);
    return most + 1;
}

static enum al_err read_late(const struct al_node *inputs, struct found *t)
{
    const struct al_node *list = al_node_get(inputs, PLAN_LATE);
    if (strcmp(t->verb, "gather") != 0 || !list || list->kind != AL_NODE_LIST) return AL_ERR_OK;
    AL_ALLOC(t->late, list->nchild);
    for (const struct al_node *n = list->child; n; n = n->next)
        if (n->kind == AL_NODE_SCALAR) t->late[t->nlate++] = (struct view_fact){PLAN_LATE, n->text};
    return AL_ERR_OK;
}

// What task.yaml says; a damaged one leaves the task out: the planner plans it again, and finds the result by its identity.
static bool read_task(const char *path, const char *id, struct found *t)
{
    AL_OWN(al_node) n = NULL;
    if (al_yaml_read(path, &n) != AL_ERR_OK) return false;
    const char *verb = al_node_str(n, "verb", ""), *identity = al_node_str(n, "identity", "");
    const struct al_node *inputs = al_node_get(n, "inputs");
    if (strcmp(al_node_str(n, "task", ""), id) != 0 || strlen(identity) != 64 || !verb[0] || strlen(verb) >= sizeof t->verb ||
        strlen(id) >= sizeof t->id)
        return false;
    memcpy(t->id, id, strlen(id) + 1);
    snprintf(t->verb, sizeof t->verb, "%s", verb);
    snprintf(t->identity, sizeof t->identity, "%s", identity);
    t->iteration = (int)al_node_int(n, "iteration", -1);
    t->index = al_node_int(n, "index", 0);
    t->from = al_node_int(inputs, "from", 0);
    t->count = al_node_int(inputs, "count", 0);
    if (read_late(inputs, t) != AL_ERR_OK) return false;
    t->tree = n;
    n = NULL;
    return true;
}

static enum al_err add_task(struct findings *f, const char *id)
{
    char dir[AL_PATH], path[AL_PATH];
    struct found t = {.state = TASK_PENDING};
    AL_TRY(al_path(dir, "%s/%s", f->run, id));
    AL_TRY(al_path(path, "%s/task.yaml", dir));
    if (strlen(id) >= TASK_ID || !al_exists(path)) return AL_ERR_OK;
    if (!read_task(path, id, &t)) {
        found_clear(&t);
        return AL_ERR_OK;
    }
    t.attempts = count_attempts(dir);
    enum al_err e = task_result_read(f->run, id, &t.result);
    if (!e) e = task_result_check(f->run, t.result, t.identity);
    if (e == AL_ERR_NOMEM) AL_TRY(e);
    if (e)
        task_result_destroy(&t.result);
    else
        t.state = t.result->done ? TASK_DONE : TASK_FAILED;
    if (f->n == f->capacity) {
        int n = f->capacity ? 2 * f->capacity : 256;
        AL_GROW(f->task, f->n, n);
        f->capacity = n;
    }
    f->task[f->n++] = t;
    return AL_ERR_OK;
}

// Directories below RUN in no order; links are not followed.
static enum al_err scan(struct findings *f, const char *below, int depth)
{
    char path[AL_PATH], id[AL_PATH];
    struct stat st;
    enum al_err e = AL_ERR_OK;
    AL_TRY(al_path(path, "%s/%s", f->run, below));
    DIR *d = opendir(path);
    if (!d) AL_FAIL(al_err_from_errno(errno), "cannot open directory %s: %s", path, strerror(errno));
    for (const struct dirent *ent; !e && (ent = readdir(d));) {
        if (ent->d_name[0] == '.' || (!below[0] && (strcmp(ent->d_name, "inputs") == 0 || strcmp(ent->d_name, "data") == 0)))
            continue;
        e = al_path(id, "%s%s%s", below, below[0] ? "/" : "", ent->d_name);
        if (!e) e = al_path(path, "%s/%s", f->run, id);
        if (e || lstat(path, &st) != 0 || !S_ISDIR(st.st_mode)) continue;
        e = add_task(f, id);
        if (!e && depth < MAX_DEPTH) e = scan(f, id, depth + 1);
    }
    closedir(d);
    AL_TRY(e);
    return AL_ERR_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->iteration != y->iteration) return x->iteration < y->iteration ? -1 : 1;
    return strcmp(x->id, y->id);
}

// The number of frames of a label task, which names the tasks: from the second chunk on it can be seen.
static int label_batch(const struct findings *f, int configured)
{
    long batch = configured;
    for (int i = 0; i < f->n; i++) {
        const struct found *t = &f->task[i];
        if (strcmp(t->verb, "label") != 0) continue;
        if (t->index > 0 && t->from > 0) return (int)(t->from / t->index);
        if (t->count > batch) batch = t->count;
    }
    return (int)batch;
}

static enum al_err write_tasks(struct journal *j, const struct findings *f)
{
    static const char *const names[] = {"expected", "transient", "fault"};
    AL_AUTOFREE struct jr_new *fresh = NULL;
    AL_AUTOFREE struct jr_change *change = NULL;
    if (!f->n) return AL_ERR_OK;
    AL_ALLOC(fresh, f->n);
    AL_ALLOC(change, f->n);
    for (int i = 0; i < f->n; i++) {
        const struct found *t = &f->task[i];
        const struct task_result *r = t->result;
        fresh[i] = (struct jr_new){.id = t->id, .verb = t->verb, .identity = t->identity, .iteration = t->iteration, .nfacts = t->nlate, .fact = t->late};
        change[i] = (struct jr_change){.task = t->id, .ev = "recovered", .was = TASK_PENDING, .now = t->state,
                                       .attempts = t->attempts, .token = "", .ended = true};
        if (!r) continue;
        change[i].nfacts = r->done ? r->nfacts : 0;
        change[i].fact = r->fact;
        change[i].nartifacts = r->done ? r->nartifacts : 0;
        change[i].artifact = r->artifact;
        if (r->done) continue;
        change[i].cause = names[al_err_class(al_err_from_name(r->code))];
        change[i].message = r->message;
    }
    AL_TRY(journal_add(j, f->n, fresh));
    AL_TRY(journal_changes(j, f->n, change));
    return AL_ERR_OK;
}

// The tasks must be those of the settings in RUN/inputs, or the run would go on with a mixture.
static enum al_err check_plan(const struct rundir *r, struct journal *j)
{
    AL_OWN(view) v = NULL;
    AL_OWN(plan) p = NULL;
    AL_TRY(view_create(&v));
    AL_TRY(journal_load(j, v));
    AL_TRY(plan_build(r->config, &r->env, v, &p));
    for (int i = 0; i < p->ntasks; i++) {
        const struct view_task *t = view_find(v, p->task[i].id);
        if (t && strcmp(t->identity, p->task[i].identity) != 0)
            AL_FAIL_HINT(AL_ERR_CORRUPT, "put back the loop.yaml, structures and pseudopotentials that the run was started with",
                         "%s was done with other settings than those in %s/inputs (identity %.12s..., not %.12s...)", t->id,
                         r->path, t->identity, p->task[i].identity);
    }
    return AL_ERR_OK;
}

static enum al_err fill(const struct rundir *r, struct journal *j, const struct findings *f, struct recover_report *ret)
{
    static const char *const keys[] = {"state", "message", "hint"};
    char hint[AL_ERR_TEXT], detail[100];
    snprintf(hint, sizeof hint, "alnd start %.400s goes on", r->path);
    const char *const values[] = {"stopped", "the journal was rebuilt", hint};
    for (int i = 0; i < f->n; i++) {
        ret->ndone += f->task[i].state == TASK_DONE;
        ret->nfailed += f->task[i].state == TASK_FAILED;
        ret->nopen += f->task[i].state == TASK_PENDING;
    }
    ret->ntasks = f->n;
    AL_TRY(rundir_store(r, j));
    AL_TRY(journal_set(j, 3, keys, values));
    AL_TRY(write_tasks(j, f));
    snprintf(detail, sizeof detail, "%d tasks, %d finished", ret->ntasks, ret->ndone);
    AL_TRY(journal_event(j, "recovered", detail));
    AL_TRY(check_plan(r, j));
    return AL_ERR_OK;
}

static void remove_new(const char *fresh)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char path[AL_PATH];
    for (int i = 0; i < 4; i++)
        if (snprintf(path, sizeof path, "%s%s", fresh, ends[i]) < AL_PATH) (void)unlink(path);
}

static enum al_err build(struct rundir *r, const char *fresh, struct recover_report *ret)
{
    struct findings f = {.run = r->path};
    struct journal *j = NULL;
    remove_new(fresh);
    enum al_err e = scan(&f, "", 0);
    if (!e && f.n) qsort(f.task, (size_t)f.n, sizeof *f.task, by_place);
    r->env.label_batch = label_batch(&f, r->env.label_batch);
    if (!e) e = journal_open(fresh, true, &j);
    if (!e) e = fill(r, j, &f, ret);
    journal_destroy(&j); // the last connection moves the write-ahead log into the file
    findings_clear(&f);
    if (e) remove_new(fresh);
    AL_TRY(e);
    return AL_ERR_OK;
}

// The old journal under a name that is free, log first: a new journal must not meet it.
static enum al_err put_aside(const char *run, char ret_name[64])
{
    static const char *const ends[] = {"-wal", "-shm", ""};
    char from[AL_PATH], to[AL_PATH];
    for (int n = 1;; n++) {
        snprintf(ret_name, 64, "alnd.db.damaged.%d", n);
        AL_TRY(al_path(to, "%s/%s", run, ret_name));
        if (!al_exists(to)) break;
    }
    for (int i = 0; i < 3; i++) {
        AL_TRY(al_path(from, "%s/alnd.db%s", run, ends[i]));
        AL_TRY(al_path(to, "%s/%s%s", run, ret_name, ends[i]));
        bool there = rename(from, to) == 0;
        if (!there && errno != ENOENT)
            AL_FAIL(al_err_from_errno(errno), "cannot rename %s: %s", from, strerror(errno));
        if (there) AL_TRY(al_fsync_dir(run));
        crash_point();
    }
    if (!al_exists(to)) ret_name[0] = '\0';
    return AL_ERR_OK;
}

static bool is_sound(const char *run)
{
    char path[AL_PATH];
    AL_OWN(journal) j = NULL;
    AL_OWN(view) v = NULL;
    AL_AUTOFREE char *config = NULL;
    if (rundir_check_journal(run) != AL_ERR_OK || al_path(path, "%s/alnd.db", run) != AL_ERR_OK || !al_exists(path)) return false;
    if (journal_open(path, true, &j) != AL_ERR_OK || view_create(&v) != AL_ERR_OK || journal_load(j, v) != AL_ERR_OK) return false;
    return journal_get(j, "config", &config) == AL_ERR_OK && config;
}

enum al_err recover_run(struct rundir *r, struct recover_report *ret)
{
    struct recover_report report = {.sound = is_sound(r->path)};
    char fresh[AL_PATH], db[AL_PATH];
    AL_TRY(al_path(fresh, "%s/alnd.db.new", r->path));
    AL_TRY(al_path(db, "%s/alnd.db", r->path));
    if (!report.sound) {
        AL_TRY(build(r, fresh, &report));
        AL_TRY(put_aside(r->path, report.aside));
        AL_TRY(al_file_publish(fresh, db));
        crash_point();
    }
    *ret = report;
    return AL_ERR_OK;
}
