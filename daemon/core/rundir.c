// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/crash.h"
#include "core/proc.h"
#include "core/rundir_diff.h"

// Sections whose hash the journal keeps: those of plan_verb_sections.
static const char *const sections[] = {"seed",   "systems", "initial", "train",      "explore",
                                       "select", "label",   "test",    "production", NULL};

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum al_err absolute(const char *path, char ret[AL_PATH])
{
    char real[AL_PATH], cwd[AL_PATH];
    if (realpath(path, real)) {
        AL_TRY(al_path(ret, "%s", real));
    } else if (path[0] == '/') {
        AL_TRY(al_path(ret, "%s", path));
    } else {
        if (!getcwd(cwd, sizeof cwd))
            AL_FAIL(AL_ERR_IO, "cannot tell the current directory: %s", strerror(errno));
        AL_TRY(al_path(ret, "%s/%s", cwd, path));
    }
    return AL_ERR_OK;
}

// The directory of a loop.yaml when that is a run directory (the file is the run's own copy).
static enum al_err run_of_copy(const char *file, char ret[AL_PATH], bool *ret_is)
{
    char dir[AL_PATH], db[AL_PATH];
    AL_TRY(absolute(file, dir));
    char *slash = strrchr(dir, '/');
    if (slash && strcmp(slash, "/loop.yaml") == 0) {
        *slash = '\0';
        AL_TRY(al_path(db, "%s/alnd.lock", dir[0] ? dir : "/")); // the journal may be lost
        if (al_exists(db)) {
            AL_TRY(al_path(ret, "%s", dir));
            *ret_is = true;
            return AL_ERR_OK;
        }
    }
    *ret_is = false;
    return AL_ERR_OK;
}

enum al_err rundir_locate(const char *arg, char ret_run[AL_PATH])
{
    char run[AL_PATH];
    bool copy;
    if (is_dir(arg)) {
        AL_TRY(absolute(arg, run));
    } else {
        AL_TRY(run_of_copy(arg, run, &copy));
        if (!copy) {
            AL_OWN(loop_config) c = NULL;
            AL_TRY(loop_config_read(arg, &c));
            AL_TRY(absolute(c->workdir, run));
        }
    }
    AL_TRY(al_path(ret_run, "%s", run));
    return AL_ERR_OK;
}

// The journal is made before everything else but the lock, and never empty. Without it the tasks that have been done look new.
enum al_err rundir_check_journal(const char *run)
{
    char db[AL_PATH], inputs[AL_PATH];
    struct stat st;
    AL_TRY(al_path(db, "%s/alnd.db", run));
    AL_TRY(al_path(inputs, "%s/inputs", run));
    if ((stat(db, &st) == 0 && st.st_size > 0) || !al_exists(inputs)) return AL_ERR_OK;
    al_err_raise(AL_ERR_CORRUPT, __FILE__, __LINE__, __func__, "the journal %s is %s", db, al_exists(db) ? "empty" : "missing");
    al_err_hint("the results are untouched: alnd recover %s rebuilds the journal from them", run);
    return AL_ERR_CORRUPT;
}

enum al_err rundir_find(const char *arg, char ret_run[AL_PATH])
{
    char run[AL_PATH], db[AL_PATH];
    AL_TRY(rundir_locate(arg, run));
    AL_TRY(al_path(db, "%s/alnd.lock", run)); // only with this, what is called inputs is ours
    if (al_exists(db)) AL_TRY(rundir_check_journal(run));
    AL_TRY(al_path(db, "%s/alnd.db", run));
    if (!al_exists(db))
        AL_FAIL_HINT(AL_ERR_NOTFOUND, "alnd start loop.yaml makes one",
                     "%s is no run directory (it has no alnd.db)", run);
    AL_TRY(al_path(ret_run, "%s", run));
    return AL_ERR_OK;
}

void rundir_destroy(struct rundir **rp)
{
    struct rundir *r = *rp;
    *rp = NULL;
    if (!r) return;
    al_lock_release(&r->lock);
    loop_config_destroy(&r->config);
    al_free(r->text);
    al_free(r);
}

static enum al_err fingerprint_files(struct rundir *r)
{
    int n, z[CFG_MAX_LIST];
    for (int i = 0; i < r->config->nsystems; i++)
        AL_TRY(al_sha256_file(r->config->system[i].structure, r->env.structure_sha[i]));
    AL_TRY(loop_config_elements(r->config, &n, z));
    AL_TRY(loop_config_pseudo_hash(r->config, n, z, r->env.pseudo_sha));
    r->env.label_batch = r->config->resources.label_batch;
    AL_TRY(rundir_data(r));
    return AL_ERR_OK;
}

enum al_err rundir_data(struct rundir *r)
{
    char path[AL_PATH];
    snprintf(r->env.data_sha, sizeof r->env.data_sha, "none");
    if (!r->config->initial.ndata || !r->path[0]) return AL_ERR_OK;
    AL_TRY(al_path(path, "%s/%s/labelled.extxyz", r->path, r->config->initial.data_name));
    if (al_exists(path)) AL_TRY(al_sha256_file(path, r->env.data_sha));
    return AL_ERR_OK;
}

static enum al_err check_names(const struct loop_config *c)
{
    char copy[AL_PATH];
    for (int i = 0; i < c->nsystems; i++) {
        if (strcmp(c->system[i].name, "gather") == 0)
            AL_TRY(al_node_error(c->system[i].node,
                                 "a system cannot be called 'gather': initial/gather is a task"));
        if (c->initial.ndata && strcmp(c->system[i].name, "data") == 0)
            AL_TRY(al_node_error(c->system[i].node, "a system cannot be called 'data': initial/data is a task"));
        AL_TRY(loop_config_input_name(&c->system[i], copy));
        if (strcmp(copy, RUNDIR_CONFIG) == 0 || strcmp(copy, "inputs/converge.yaml") == 0)
            AL_TRY(al_node_error(c->system[i].node, "this system's structure would be kept as %s, which is another file", copy));
    }
    return AL_ERR_OK;
}

static bool is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    bool empty = d != NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) empty = false;
    if (d) closedir(d);
    return empty;
}

// An existing directory is ours when it has our lock file; anything else that is not empty is not touched.
static enum al_err check_target(const struct rundir *r)
{
    char lock[AL_PATH];
    AL_TRY(al_path(lock, "%s/alnd.lock", r->path));
    if (!al_exists(r->path) || al_exists(lock) || is_empty(r->path)) return AL_ERR_OK;
    AL_FAIL_HINT(AL_ERR_INPUT, "set workdir to a new directory", "%s exists and is no run directory",
                 r->path);
}

enum al_err rundir_read(const char *arg, struct rundir **ret)
{
    AL_OWN(rundir) r = NULL;
    char file[AL_PATH];
    bool copy = is_dir(arg);
    AL_ALLOC(r, 1);
    r->lock = -1;
    if (copy) {
        AL_TRY(rundir_find(arg, r->path));
        AL_TRY(al_path(file, "%s/loop.yaml", r->path));
    } else {
        AL_TRY(al_path(file, "%s", arg));
        AL_TRY(run_of_copy(file, r->path, &copy));
    }
    AL_TRY(loop_config_read(file, &r->config));
    AL_TRY(al_file_read(file, 0, &r->text, &r->ntext));
    if (copy)
        AL_TRY(loop_config_use_inputs(r->config, r->path));
    else
        AL_TRY(absolute(r->config->workdir, r->path));
    AL_TRY(check_names(r->config));
    AL_TRY(loop_config_check_files(r->config));
    AL_TRY(fingerprint_files(r));
    AL_TRY(check_target(r));
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

// The process that last noted itself in alnd.lock; 0 when there is none.
static long noted_pid(const char *path)
{
    char text[32];
    FILE *in = fopen(path, "re");
    if (!in) return 0;
    long pid = fgets(text, sizeof text, in) ? strtol(text, NULL, 10) : 0;
    fclose(in);
    return pid;
}

static bool daemon_is_dead(const char *path)
{
    long pid = noted_pid(path);
    return pid > 0 && proc_is_dead(pid);
}

enum al_err rundir_config(const char *run, char ret[AL_PATH])
{
    AL_TRY(al_path(ret, "%s/" RUNDIR_CONFIG, run));
    if (!al_exists(ret)) AL_TRY(al_path(ret, "%s/loop.yaml", run)); // a run that alnd 0.1 has made
    return AL_ERR_OK;
}

enum al_err rundir_read_copy(const char *run, struct rundir **ret)
{
    AL_OWN(rundir) r = NULL;
    char file[AL_PATH];
    AL_ALLOC(r, 1);
    r->lock = -1;
    AL_TRY(al_path(r->path, "%s", run));
    AL_TRY(rundir_config(run, file));
    AL_TRY(loop_config_read(file, &r->config));
    AL_TRY(al_file_read(file, 0, &r->text, &r->ntext));
    AL_TRY(loop_config_use_inputs(r->config, run));
    AL_TRY(fingerprint_files(r));
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

long rundir_holder(const char *run)
{
    char path[AL_PATH];
    if (snprintf(path, sizeof path, "%s/alnd.lock", run) >= AL_PATH || !al_lock_held(path)) return 0;
    return noted_pid(path);
}

void rundir_note_pid(struct rundir *r)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (r->lock < 0 || ftruncate(r->lock, 0) != 0) return;
    ssize_t rc = pwrite(r->lock, text, (size_t)n, 0);
    (void)rc;
}

enum al_err rundir_lock(struct rundir *r)
{
    char path[AL_PATH], real[AL_PATH];
    AL_TRY(al_mkdirs(r->path));
    if (!realpath(r->path, real)) AL_FAIL(AL_ERR_IO, "cannot resolve %s: %s", r->path, strerror(errno));
    AL_TRY(al_path(r->path, "%s", real));
    AL_TRY(al_path(path, "%s/alnd.lock", r->path));
    enum al_err e = al_lock_take(path, &r->lock);
    // somebody who only asks whether the lock is held holds it for a moment; a child that a killed daemon has just forked holds
    // it until its exec, which can take long on a busy machine
    for (int i = 0; e == AL_ERR_BUSY && i < (daemon_is_dead(path) ? 1500 : 5); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        e = al_lock_take(path, &r->lock);
    }
    if (e == AL_ERR_BUSY) {
        long pid = rundir_holder(r->path);
        AL_FAIL_HINT(AL_ERR_BUSY, "alnd status shows what it does; alnd stop ends it",
                     "%s is held by another alnd (process %ld)", r->path, pid);
    }
    AL_TRY(e);
    rundir_note_pid(r);
    return AL_ERR_OK;
}

static enum al_err publish(const char *path, const void *data, size_t n)
{
    crash_point();
    AL_TRY(al_file_write(path, data, n));
    crash_point();
    return AL_ERR_OK;
}

// inputs/loop.yaml is what the workers read: an edit of RUN/loop.yaml has no effect before the next start has judged it.
static enum al_err write_copies(const struct rundir *r)
{
    char path[AL_PATH];
    crash_point();
    AL_TRY(loop_config_copy_inputs(r->config, r->path));
    AL_TRY(al_path(path, "%s/" RUNDIR_CONFIG, r->path));
    AL_TRY(publish(path, r->text, r->ntext));
    AL_TRY(al_path(path, "%s/loop.yaml", r->path));
    AL_TRY(publish(path, r->text, r->ntext));
    return AL_ERR_OK;
}

// Whether the copy is this very text; a start that was killed between the copies and the journal's transaction leaves another.
static bool copy_is_current(const struct rundir *r)
{
    char path[AL_PATH];
    AL_AUTOFREE char *text = NULL;
    size_t n;
    if (al_path(path, "%s/" RUNDIR_CONFIG, r->path) != AL_ERR_OK || !al_exists(path)) return false;
    return al_file_read(path, 0, &text, &n) == AL_ERR_OK && n == r->ntext && memcmp(text, r->text, n) == 0;
}

// Campaign values that a later start is compared with.
enum { MAX_VALUES = 16 + CFG_MAX_SYSTEMS };
struct values {
    int n;
    char key[MAX_VALUES][96], value[MAX_VALUES][96];
};

static void put(struct values *v, const char *prefix, const char *key, const char *value)
{
    snprintf(v->key[v->n], sizeof v->key[0], "%s%s", prefix, key);
    snprintf(v->value[v->n], sizeof v->value[0], "%s", value);
    v->n++;
}

static enum al_err collect_values(const struct rundir *r, struct values *v)
{
    char hex[65], batch[16];
    struct al_sha256 s;
    v->n = 0;
    al_sha256_init(&s);
    al_sha256_update(&s, r->text, r->ntext);
    al_sha256_hex(&s, hex);
    put(v, "", "config", hex);
    snprintf(batch, sizeof batch, "%d", r->env.label_batch);
    put(v, "", "label_batch", batch);
    for (int i = 0; sections[i]; i++) {
        AL_TRY(loop_config_section_hash(r->config, sections[i], hex));
        put(v, "section.", sections[i], hex);
    }
    put(v, "section.", "pseudopotentials", r->env.pseudo_sha);
    put(v, "section.", "data", r->env.data_sha);
    for (int i = 0; i < r->config->nsystems; i++)
        put(v, "structure.", r->config->system[i].name, r->env.structure_sha[i]);
    return AL_ERR_OK;
}

static enum al_err store(struct journal *j, const struct values *v)
{
    const char *key[MAX_VALUES], *value[MAX_VALUES];
    for (int i = 0; i < v->n; i++) {
        key[i] = v->key[i];
        value[i] = v->value[i];
    }
    AL_TRY(journal_set(j, v->n, key, value));
    return AL_ERR_OK;
}

enum al_err rundir_store(const struct rundir *r, struct journal *j)
{
    struct values v;
    AL_TRY(collect_values(r, &v));
    AL_TRY(store(j, &v));
    return AL_ERR_OK;
}

static bool verb_uses(const char *verb, const char *section)
{
    for (const char *const *s = plan_verb_sections(verb); *s; s++)
        if (strcmp(*s, section) == 0) return true;
    return false;
}

// A section is in use when a task that depends on it has been started (a checkpoint of it counts as well).
static const char *first_user(const struct view *v, const char *key)
{
    const char *section = strncmp(key, "section.", 8) == 0 ? key + 8 : "systems";
    if (strcmp(section, "pseudopotentials") == 0) section = "label";
    bool data = strcmp(section, "data") == 0; // no section of loop.yaml: of initial.data
    for (int i = 0; i < v->ntasks; i++) {
        const char *verb = v->task[i].verb;
        bool uses = data ? strcmp(verb, "import") == 0 || strcmp(verb, "gather") == 0 : verb_uses(verb, section);
        if (v->task[i].attempts && uses) return v->task[i].id;
    }
    return NULL;
}

static const char hint_put_back[] = "put the old values back, or start anew with another workdir";

// name: section.X or structure.X of what has changed, user: a task that has been started with it
static enum al_err refuse_one(const struct rundir *r, const char *name, const char *user)
{
    if (strncmp(name, "structure.", 10) == 0)
        AL_FAIL_HINT(AL_ERR_INPUT, hint_put_back, "the structure of %s has changed, but %s has been started with it",
                     name + 10, user);
    if (strcmp(name, "section.pseudopotentials") == 0)
        AL_FAIL_HINT(AL_ERR_INPUT, hint_put_back,
                     "the pseudopotential files have changed, but %s has been started with them", user);
    if (strcmp(name, "section.data") == 0)
        AL_FAIL_HINT(AL_ERR_INPUT, hint_put_back, "initial.data has changed, but %s has been started with what it was", user);
    AL_FAIL_HINT(AL_ERR_INPUT, hint_put_back,
                 "the section '%s' of %.200s has changed, but %s has been started with it", name + 8, r->config->path, user);
}

// Campaign values that differ from the journal's, and what of loop.yaml is behind them.
struct change {
    int n, nrefused;
    const char *name[MAX_VALUES], *refused[MAX_VALUES], *user[MAX_VALUES];
    bool text; // of loop.yaml, be it a comment
    struct loop_config *old; // what the run works with; NULL when that cannot be read
};

static enum al_err find_changes(struct journal *j, const struct view *v, const struct values *now, struct change *c)
{
    for (int i = 0; i < now->n; i++) {
        AL_AUTOFREE char *old = NULL;
        AL_TRY(journal_get(j, now->key[i], &old));
        const char *name = now->key[i], *user;
        if (old && strcmp(old, now->value[i]) == 0) continue;
        if (!old && strcmp(name, "section.data") == 0 && strcmp(now->value[i], "none") == 0) continue; // of before that key
        if (strcmp(name, "config") == 0) {
            c->text = true;
        } else if ((user = first_user(v, name))) {
            c->user[c->nrefused] = user;
            c->refused[c->nrefused++] = name;
        } else {
            c->name[c->n++] = name;
        }
    }
    return AL_ERR_OK;
}

// Every forbidden key with the reason; without the old file the section alone can be told.
static enum al_err refuse(const struct rundir *r, const struct change *c)
{
    struct rundir_diff d = {0};
    const char *user = NULL;
    for (int i = 0; i < c->nrefused; i++) {
        int before = d.n;
        if (c->old && strncmp(c->refused[i], "section.", 8) == 0)
            rundir_diff(c->refused[i] + 8, true, c->old, r->config, &d);
        if (d.n > before && !user) user = c->user[i];
    }
    if (!d.n) AL_TRY(refuse_one(r, c->refused[0], c->user[0]));
    rundir_diff_end(&d);
    AL_FAIL_HINT(AL_ERR_INPUT, hint_put_back, "%.200s: %s cannot change any more: %s has been started with %s", r->config->path, d.text, user,
                 d.n > 1 ? "the old values" : "the old value");
}

// What is taken over, for the log: keys, and structures or pseudopotentials that are files of their own.
static void tell_changes(const struct rundir *r, const struct change *c, char ret[AL_ERR_TEXT])
{
    struct rundir_diff d = {0};
    size_t n = 0;
    if (c->old) {
        rundir_diff(NULL, true, c->old, r->config, &d);
        rundir_diff(NULL, false, c->old, r->config, &d);
    }
    rundir_diff_end(&d);
    n += (size_t)snprintf(ret, AL_ERR_TEXT, "%s", d.text);
    for (int i = 0; i < c->n && n < AL_ERR_TEXT; i++)
        if (!d.n || strncmp(c->name[i], "section.", 8) != 0 || strcmp(c->name[i], "section.pseudopotentials") == 0)
            n += (size_t)snprintf(ret + n, AL_ERR_TEXT - n, "%s%s", n ? ", " : "", c->name[i]);
    if (!n && c->text) snprintf(ret, AL_ERR_TEXT, "settings that change no result");
}

static enum al_err judge(const struct rundir *r, struct journal *j, const struct view *v, const struct values *now,
                         char ret_changes[AL_ERR_TEXT])
{
    struct change c = {0};
    char path[AL_PATH];
    AL_TRY(find_changes(j, v, now, &c));
    if (!c.text && !c.n && !c.nrefused) return AL_ERR_OK;
    AL_TRY(rundir_config(r->path, path));
    AL_OWN(loop_config) old = NULL;
    if (loop_config_read(path, &old) == AL_ERR_OK) c.old = old;
    if (c.nrefused) AL_TRY(refuse(r, &c));
    tell_changes(r, &c, ret_changes);
    return AL_ERR_OK;
}

enum al_err rundir_commit(struct rundir *r, struct journal *j, const struct view *v,
                          char ret_changes[AL_ERR_TEXT])
{
    struct values now;
    AL_AUTOFREE char *created = NULL, *batch = NULL;
    AL_TRY(journal_get(j, "config", &created));
    // the number of frames in a label task is part of the chunks' names: fixed for the run
    AL_TRY(journal_get(j, "label_batch", &batch));
    if (batch) r->env.label_batch = (int)strtol(batch, NULL, 10);
    AL_TRY(collect_values(r, &now));
    ret_changes[0] = '\0';
    if (created) {
        AL_TRY(judge(r, j, v, &now, ret_changes));
        if (!ret_changes[0] && copy_is_current(r)) return AL_ERR_OK;
    }
    AL_TRY(write_copies(r));
    AL_TRY(store(j, &now));
    return AL_ERR_OK;
}

enum al_err rundir_look(const char *run, struct journal *j, struct loop_config **ret_config,
                        struct plan_env *ret_env)
{
    AL_OWN(loop_config) c = NULL;
    struct plan_env env = {.label_batch = 1};
    char path[AL_PATH], key[96];
    AL_TRY(rundir_config(run, path));
    AL_TRY(loop_config_read(path, &c));
    AL_TRY(loop_config_use_inputs(c, run));
    for (int i = 0; i < c->nsystems; i++) {
        AL_AUTOFREE char *sha = NULL;
        snprintf(key, sizeof key, "structure.%s", c->system[i].name);
        AL_TRY(journal_get(j, key, &sha));
        snprintf(env.structure_sha[i], sizeof env.structure_sha[i], "%s", sha ? sha : "");
    }
    AL_AUTOFREE char *pseudo = NULL, *batch = NULL, *data = NULL;
    AL_TRY(journal_get(j, "section.pseudopotentials", &pseudo));
    AL_TRY(journal_get(j, "section.data", &data));
    snprintf(env.data_sha, sizeof env.data_sha, "%s", data ? data : "none");
    AL_TRY(journal_get(j, "label_batch", &batch));
    snprintf(env.pseudo_sha, sizeof env.pseudo_sha, "%s", pseudo ? pseudo : "");
    if (batch) env.label_batch = (int)strtol(batch, NULL, 10);
    *ret_config = c;
    c = NULL;
    *ret_env = env;
    return AL_ERR_OK;
}
