// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/taskfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/crash.h"
#include "core/rundir.h"

enum { CHECK_BYTES = 64 << 20, RESULT_BYTES = 16 << 20 };

static void write_inputs(FILE *out, const struct plan_task *t)
{
    al_yaml_open(out, 0, "inputs");
    for (int i = 0; i < t->ninputs; i++) {
        const struct plan_input *in = &t->input[i];
        if (!in->list) {
            al_yaml_str(out, 1, in->key, in->value[0]);
            continue;
        }
        if (!in->n)
            fprintf(out, "  %s: []\n", in->key);
        else
            al_yaml_open(out, 1, in->key);
        for (int k = 0; k < in->n; k++) {
            fputs("    - ", out);
            al_yaml_quote(out, in->value[k]);
            fputc('\n', out);
        }
    }
}

enum al_err task_write(const char *run, const struct plan_task *t)
{
    char path[AL_PATH];
    struct al_outfile f;
    AL_TRY(al_path(path, "%s/%s", run, t->id));
    AL_TRY(al_mkdirs(path));
    AL_TRY(al_path(path, "%s/%s/task.yaml", run, t->id));
    AL_TRY(al_outfile_open(path, &f));
    al_yaml_str(f.out, 0, "verb", t->verb);
    al_yaml_str(f.out, 0, "task", t->id);
    al_yaml_str(f.out, 0, "identity", t->identity);
    al_yaml_str(f.out, 0, "config", t->config ? t->config : RUNDIR_CONFIG);
    if (t->elements) al_yaml_str(f.out, 0, "elements", t->elements);
    al_yaml_int(f.out, 0, "iteration", t->iteration);
    if (t->system) al_yaml_str(f.out, 0, "system", t->system);
    al_yaml_int(f.out, 0, "index", t->index);
    if (t->temperature > 0) al_yaml_double(f.out, 0, "temperature", t->temperature);
    if (t->purpose) al_yaml_str(f.out, 0, "purpose", t->purpose);
    al_yaml_int(f.out, 0, "threads", t->threads);
    write_inputs(f.out, t);
    crash_point();
    AL_TRY(al_outfile_publish(&f));
    crash_point();
    return AL_ERR_OK;
}

// Facts and artefacts point to texts that a view keeps; here they are this result's own.
static enum al_err own_text(const char *text, const char **ret)
{
    char *copy;
    AL_TRY(al_strdup(text, &copy));
    *ret = copy;
    return AL_ERR_OK;
}

static void free_text(const char **text)
{
    char *own;
    memcpy(&own, text, sizeof own);
    al_free(own);
    *text = NULL;
}

void task_result_destroy(struct task_result **rp)
{
    struct task_result *r = *rp;
    *rp = NULL;
    if (!r) return;
    for (int i = 0; i < r->nfacts; i++) {
        free_text(&r->fact[i].key);
        free_text(&r->fact[i].value);
    }
    for (int i = 0; i < r->nartifacts; i++)
        free_text(&r->artifact[i].path);
    al_free(r->fact);
    al_free(r->artifact);
    al_free(r);
}

static enum al_err read_facts(const struct al_node *facts, struct task_result *r)
{
    if (!facts) return AL_ERR_OK;
    if (facts->kind != AL_NODE_MAP) {
        if (facts->kind == AL_NODE_SCALAR && !facts->text[0]) return AL_ERR_OK; // "facts:" with nothing below
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: facts is no map", facts->file, facts->line);
    }
    AL_ALLOC(r->fact, facts->nchild);
    for (const struct al_node *n = facts->child; n; n = n->next) {
        if (n->kind != AL_NODE_SCALAR)
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: fact %s is no scalar", n->file, n->line, n->key);
        struct view_fact *f = &r->fact[r->nfacts++];
        AL_TRY(own_text(n->key, &f->key));
        AL_TRY(own_text(n->text, &f->value));
    }
    return AL_ERR_OK;
}

static bool is_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static enum al_err read_artifacts(const struct al_node *list, struct task_result *r)
{
    if (!list || (list->kind == AL_NODE_SCALAR && !list->text[0])) return AL_ERR_OK;
    if (list->kind != AL_NODE_LIST)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: artifacts is no list", list->file, list->line);
    AL_ALLOC(r->artifact, list->nchild);
    for (const struct al_node *n = list->child; n; n = n->next) {
        const char *path, *sha;
        AL_TRY(al_node_need_str(n, "path", &path));
        AL_TRY(al_node_need_str(n, "sha256", &sha));
        if (!is_hash(sha))
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: sha256 of %.100s is not 64 hex digits", n->file, n->line, path);
        if (!al_path_inside(path))
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: %.100s is outside the run directory", n->file, n->line, path);
        struct view_artifact *a = &r->artifact[r->nartifacts++];
        AL_TRY(own_text(path, &a->path));
        snprintf(a->sha256, sizeof a->sha256, "%s", sha);
    }
    return AL_ERR_OK;
}

static enum al_err read_tree(const struct al_node *n, const char *id, struct task_result *r)
{
    const char *text;
    if (al_node_int(n, "format", 1) > 1 && !al_node_get(n, "end")) AL_FAIL(AL_ERR_CORRUPT, "%s is cut off", n->file);
    AL_TRY(al_node_need_str(n, "task", &text));
    if (strcmp(text, id) != 0) AL_FAIL(AL_ERR_CORRUPT, "%s is of the task %.100s", n->file, text);
    AL_TRY(al_node_need_str(n, "identity", &text));
    if (!is_hash(text)) AL_FAIL(AL_ERR_CORRUPT, "%s: identity is not 64 hex digits", n->file);
    snprintf(r->identity, sizeof r->identity, "%s", text);
    AL_TRY(al_node_need_str(n, "status", &text));
    r->done = strcmp(text, "done") == 0;
    if (!r->done && strcmp(text, "failed") != 0) AL_FAIL(AL_ERR_CORRUPT, "%s: status '%.20s'", n->file, text);
    const struct al_node *error = al_node_get(n, "error");
    if (error) {
        snprintf(r->code, sizeof r->code, "%s", al_node_str(error, "code", "BUG"));
        snprintf(r->message, sizeof r->message, "%s", al_node_str(error, "message", ""));
        snprintf(r->hint, sizeof r->hint, "%s", al_node_str(error, "hint", ""));
    }
    AL_TRY(read_facts(al_node_get(n, "facts"), r));
    AL_TRY(read_artifacts(al_node_get(n, "artifacts"), r));
    return AL_ERR_OK;
}

enum al_err task_result_read(const char *run, const char *id, struct task_result **ret)
{
    char path[AL_PATH];
    AL_OWN(al_node) tree = NULL;
    AL_OWN(task_result) r = NULL;
    AL_AUTOFREE char *text = NULL;
    size_t n;
    AL_TRY(al_path(path, "%s/%s/result.yaml", run, id));
    AL_TRY(al_file_read(path, RESULT_BYTES, &text, &n));
    enum al_err e = al_yaml_parse(path, text, n, &tree);
    if (e == AL_ERR_INPUT) { // written by us: damaged, not a user's mistake
        char why[AL_ERR_TEXT];
        snprintf(why, sizeof why, "%s", al_err_message());
        AL_FAIL(AL_ERR_CORRUPT, "%s", why);
    }
    AL_TRY(e);
    AL_ALLOC(r, 1);
    AL_TRY(read_tree(tree, id, r));
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

static enum al_err check_artifact(const char *run, const struct view_artifact *a)
{
    char path[AL_PATH], sha[65];
    struct stat st;
    AL_TRY(al_path(path, "%s/%s", run, a->path));
    if (stat(path, &st) != 0) AL_FAIL(AL_ERR_CORRUPT, "artefact %s is missing", a->path);
    if (!S_ISREG(st.st_mode) || st.st_size > CHECK_BYTES) return AL_ERR_OK;
    AL_TRY(al_sha256_file(path, sha));
    if (strcmp(sha, a->sha256) != 0)
        AL_FAIL(AL_ERR_CORRUPT, "artefact %s does not have its checksum", a->path);
    return AL_ERR_OK;
}

enum al_err task_result_check(const char *run, const struct task_result *r, const char *identity)
{
    if (strcmp(r->identity, identity) != 0)
        AL_FAIL(AL_ERR_CORRUPT, "result.yaml has the identity %.12s..., not %.12s...", r->identity, identity);
    for (int i = 0; i < r->nartifacts; i++)
        AL_TRY(check_artifact(run, &r->artifact[i]));
    return AL_ERR_OK;
}

enum al_err task_result_put_aside(const char *run, const char *id, int attempt)
{
    char from[AL_PATH], to[AL_PATH];
    AL_TRY(al_path(from, "%s/%s/result.yaml", run, id));
    AL_TRY(al_path(to, "%s/%s/result.%d.yaml", run, id, attempt));
    if (!al_exists(from)) return AL_ERR_OK;
    crash_point();
    if (rename(from, to) != 0)
        AL_FAIL(al_err_from_errno(errno), "cannot rename %s: %s", from, strerror(errno));
    AL_TRY(al_path(from, "%s/%s", run, id));
    AL_TRY(al_fsync_dir(from));
    crash_point();
    return AL_ERR_OK;
}

bool task_progress_read(const char *run, const char *id, struct task_progress *ret)
{
    char path[AL_PATH], line[256];
    if (snprintf(path, sizeof path, "%s/%s/progress", run, id) >= (int)sizeof path) return false;
    FILE *in = fopen(path, "re");
    if (!in) return false;
    bool ok = fgets(line, sizeof line, in) != NULL;
    fclose(in);
    if (!ok) return false;
    struct task_progress p = {0};
    const char *done = strstr(line, "done="), *total = strstr(line, "total="), *text = strstr(line, "text=");
    if (done) p.done = strtod(done + 5, NULL);
    if (total) p.total = strtod(total + 6, NULL);
    if (text) snprintf(p.text, sizeof p.text, "%.*s", (int)strcspn(text + 5, "\n"), text + 5);
    *ret = p;
    return true;
}

void task_log_tail(const char *run, const char *id, char *ret, size_t n)
{
    char path[AL_PATH], buf[1024];
    ret[0] = '\0';
    if (snprintf(path, sizeof path, "%s/%s/worker.log", run, id) >= (int)sizeof path) return;
    FILE *in = fopen(path, "re");
    if (!in) return;
    if (fseek(in, 0, SEEK_END) == 0 && ftell(in) > (long)sizeof buf - 1)
        fseek(in, -(long)(sizeof buf - 1), SEEK_END);
    else
        rewind(in);
    size_t got = fread(buf, 1, sizeof buf - 1, in);
    fclose(in);
    while (got && (buf[got - 1] == '\n' || buf[got - 1] == ' '))
        got--;
    buf[got] = '\0';
    char *line = strrchr(buf, '\n');
    line = line ? line + 1 : buf;
    char *ev = strstr(line, " ev="); // past ts=, level=, comp=
    if (strncmp(line, "ts=", 3) == 0 && ev) line = ev + 1;
    snprintf(ret, n, "%s", line);
}
