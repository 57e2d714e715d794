// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/data_job.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/query.h"

enum { MAX_DEPTH = 12 };

enum al_err paths_add(struct paths *p, const char *path)
{
    AL_GROW(p->p, p->n, p->n + 1);
    p->p[p->n++] = path;
    return AL_ERR_OK;
}

enum al_err paths_take(struct paths *p, int argc, char **argv, int *i)
{
    int first = p->n;
    while (*i + 1 < argc && argv[*i + 1][0] != '-')
        AL_TRY(paths_add(p, argv[++*i]));
    if (p->n == first) AL_FAIL(AL_ERR_INPUT, "%s: its value is missing", argv[*i]);
    return AL_ERR_OK;
}

void paths_free(struct paths *p)
{
    al_free(p->p);
    *p = (struct paths){0};
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum al_err hash_tree(const char *path, int depth, struct al_sha256 *h)
{
    struct stat st;
    struct dirent **list;
    char hex[65], below[AL_PATH];
    if (stat(path, &st) != 0) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode)) {
        AL_TRY(al_sha256_file(path, hex));
        al_sha256_string(h, hex);
        return AL_ERR_OK;
    }
    if (!S_ISDIR(st.st_mode) || depth > MAX_DEPTH) return AL_ERR_OK;
    int n = scandir(path, &list, visible, by_name);
    if (n < 0) AL_FAIL(AL_ERR_IO, "cannot read directory %s", path);
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n; i++) {
        if (!e) e = al_path(below, "%s/%s", path, list[i]->d_name);
        if (!e) al_sha256_string(h, list[i]->d_name);
        if (!e) e = hash_tree(below, depth + 1, h);
        free(list[i]);
    }
    free(list);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err file_of(const char *path, char ret[AL_PATH])
{
    const char *hash = al_exists(path) ? NULL : strrchr(path, '#');
    AL_TRY(al_path(ret, "%.*s", (int)(hash ? (size_t)(hash - path) : strlen(path)), path));
    return AL_ERR_OK;
}

enum al_err paths_hash(const struct paths *p, struct al_sha256 *h)
{
    char file[AL_PATH];
    al_sha256_int(h, p->n);
    for (int i = 0; i < p->n; i++) {
        AL_TRY(file_of(p->p[i], file));
        al_sha256_string(h, p->p[i] + strlen(file)); // the group
        AL_TRY(hash_tree(file, 0, h));
    }
    return AL_ERR_OK;
}

enum al_err paths_write(FILE *out, const char *key, const struct paths *p)
{
    char cwd[AL_PATH], path[AL_PATH];
    if (!getcwd(cwd, sizeof cwd)) AL_FAIL(AL_ERR_IO, "cannot tell the current directory: %s", strerror(errno));
    fprintf(out, p->n ? "%s:\n" : "%s: []\n", key);
    for (int i = 0; i < p->n; i++) {
        AL_TRY(p->p[i][0] == '/' ? al_path(path, "%s", p->p[i]) : al_path(path, "%s/%s", cwd, p->p[i]));
        fputs("  - ", out);
        al_yaml_quote(out, path);
        fputc('\n', out);
    }
    return AL_ERR_OK;
}

// ---- what the worker says of them ------------------------------------------------------------------------

enum al_err data_ask(const struct paths *train, const struct paths *valid, const char *out, struct al_node **ret)
{
    AL_AUTOFREE const char **argv = NULL;
    char worker[AL_PATH];
    int n = 0;
    AL_TRY(exec_find_worker(worker, sizeof worker));
    AL_ALLOC(argv, train->n + valid->n + 5);
    argv[n++] = "data";
    if (out) argv[n++] = "--out";
    if (out) argv[n++] = out;
    for (int i = 0; i < train->n; i++)
        argv[n++] = train->p[i];
    if (valid->n) argv[n++] = "--valid";
    for (int i = 0; i < valid->n; i++)
        argv[n++] = valid->p[i];
    AL_TRY(worker_ask(worker, argv, ret));
    return AL_ERR_OK;
}

static bool is_true(const struct al_node *n, const char *key)
{
    return strcmp(al_node_str(n, key, ""), "true") == 0;
}

static const struct al_node *children(const struct al_node *n, const char *key)
{
    const struct al_node *list = n ? al_node_get(n, key) : NULL;
    return list && list->kind == AL_NODE_LIST ? list->child : NULL;
}

void data_tell(const struct al_node *a, FILE *out)
{
    bool parts = false; // data that is neither trained on nor kept from it has none to speak of
    for (const struct al_node *s = children(a, "systems"); s; s = s->next)
        parts = parts || strcmp(al_node_str(s, "part", ""), "valid") == 0;
    fprintf(out, "%-28s %-*s %7s %6s  %-20s %s\n", "system", parts ? 6 : 0, parts ? "part" : "", "frames", "atoms", "formula", "labels");
    for (const struct al_node *s = children(a, "systems"); s; s = s->next)
        fprintf(out, "%-28s %-*s %7s %6s  %-20s%s%s%s%s\n", al_node_str(s, "name", ""), parts ? 6 : 0, parts ? al_node_str(s, "part", "") : "", al_node_str(s, "frames", ""),
                al_node_str(s, "atoms", ""), al_node_str(s, "formula", ""), is_true(s, "energy") ? " energy" : "",
                is_true(s, "forces") ? " forces" : "", is_true(s, "virial") ? " virial" : "", is_true(s, "periodic") ? "" : " (not periodic)");
    fprintf(out, "forces, eV/Ang:");
    for (const struct al_node *e = children(a, "elements"); e; e = e->next)
        if (al_node_get(e, "force_rms"))
            fprintf(out, "  %s rms %.3f max %.2f", al_node_str(e, "element", ""), al_node_double(e, "force_rms", 0),
                    al_node_double(e, "force_max", 0));
    fputc('\n', out);
    for (const struct al_node *s = children(a, "notes"); s; s = s->next)
        fprintf(out, "note: %s\n", s->text);
    for (const struct al_node *f = children(a, "findings"); f; f = f->next)
        fprintf(out, "%s: %s: %s: %s\n", is_true(f, "fatal") ? "ERROR" : "WARNING", al_node_str(f, "kind", ""), al_node_str(f, "system", ""),
                al_node_str(f, "text", ""));
    fflush(out);
}

void data_tell_model(const struct al_node *a, FILE *out)
{
    for (const struct al_node *f = children(a, "findings"); f; f = f->next) {
        const char *kind = al_node_str(f, "kind", "");
        if (strcmp(kind, "sel") == 0 || strcmp(kind, "reference") == 0) fprintf(out, "WARNING: %s: %s\n", kind, al_node_str(f, "text", ""));
    }
}

enum al_err data_refuse(const struct al_node *a)
{
    for (const struct al_node *f = children(a, "findings"); f; f = f->next)
        if (is_true(f, "fatal")) AL_FAIL(AL_ERR_INPUT, "%s: %s", al_node_str(f, "system", ""), al_node_str(f, "text", ""));
    return AL_ERR_OK;
}

// ---- the task --------------------------------------------------------------------------------------------

enum al_err data_job_check(const struct label_job *j, const char *run, const char *identity)
{
    char path[AL_PATH];
    AL_OWN(al_node) old = NULL;
    AL_TRY(al_path(path, "%s/%s", j->dir, run));
    if (!al_exists(path)) return AL_ERR_OK;
    AL_TRY(al_yaml_read(path, &old));
    if (strcmp(al_node_str(old, "identity", ""), identity) != 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "another --out", "%s holds another run (other data, model or settings; %s in it says what it is)", j->dir, run);
    return AL_ERR_OK;
}

enum al_err data_job_task(const struct label_job *j, const char *verb, const char *run, const char *identity, const char *name,
                          struct bag_task *ret)
{
    struct bag_task t = {.verb = verb, .elements = "", .threads = j->cfg->resources.train.threads, .config = "settings/train.yaml"};
    char path[AL_PATH];
    snprintf(t.identity, sizeof t.identity, "%s", identity);
    snprintf(t.id, sizeof t.id, "tasks/%.20s", identity);
    snprintf(t.name, sizeof t.name, "%s", name);
    AL_TRY(al_path(path, "%s/%s", j->dir, t.id));
    AL_TRY(al_mkdirs(path));
    bag_task_input(&t, "run", run);
    *ret = t;
    return AL_ERR_OK;
}

enum al_err data_job_json(const struct label_job *j, const char *file)
{
    char path[AL_PATH];
    AL_OWN(al_node) tree = NULL;
    AL_TRY(al_path(path, "%s/%s", j->dir, file));
    AL_TRY(al_yaml_read(path, &tree));
    AL_TRY(cli_print_json(tree));
    return AL_ERR_OK;
}
