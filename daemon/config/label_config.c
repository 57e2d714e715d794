// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The label settings on their own: for engines used by hand, and their table of convergence.
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/pseudofile.h"
#include "config/loop_config.h"

enum al_err loop_config_set_elements(struct loop_config *c, const char *text)
{
    char word[8];
    c->nelements = 0;
    for (const char *p = text + strspn(text, " "); *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : 0), p);
        int z = al_element_z(word);
        if (!z) AL_FAIL(AL_ERR_INPUT, "'%.*s' is not an element", (int)(n < 40 ? n : 40), p);
        if (c->nelements == CFG_MAX_LIST) AL_FAIL(AL_ERR_INPUT, "more than %d elements", CFG_MAX_LIST);
        c->element[c->nelements++] = z;
        p += n;
    }
    return AL_ERR_OK;
}

// Flow style; a scalar stays bare where it was, or its number would become text.
static void write_value(FILE *out, const struct al_node *n)
{
    const char *sep = "";
    if (n->kind == AL_NODE_SCALAR) {
        if (n->quoted || strpbrk(n->text, ",[]{}#:\"'&*!|>%@`")) al_yaml_quote(out, n->text);
        else fputs(n->text, out);
        return;
    }
    fputc(n->kind == AL_NODE_MAP ? '{' : '[', out);
    for (const struct al_node *c = n->child; c; c = c->next, sep = ", ") {
        fputs(sep, out);
        if (c->key) {
            al_yaml_quote(out, c->key);
            fputs(": ", out);
        }
        write_value(out, c);
    }
    fputc(n->kind == AL_NODE_MAP ? '}' : ']', out);
}

static bool is_any(const char *key, const char *const *names)
{
    for (int i = 0; names && names[i]; i++)
        if (strcmp(key, names[i]) == 0) return true;
    return false;
}

// The children of a section except some, one a line.
static void write_children(FILE *out, const struct al_node *section, int depth, const char *const *except)
{
    for (const struct al_node *c = section ? section->child : NULL; c; c = c->next) {
        if (!c->key || is_any(c->key, except)) continue;
        fprintf(out, "%*s%s: ", 2 * depth, "", c->key);
        write_value(out, c);
        fputc('\n', out);
    }
}

enum al_err loop_config_write_label(const struct loop_config *c, const struct cfg_overrides *o, FILE *out)
{
    static const char *const mine[] = {"engine", "kpoints", "converge", NULL};
    static const char *const mine_cutoff[] = {"engine", "kpoints", "converge", "cutoff", "fft_grid", NULL};
    static const char *const mine_resources[] = {"cores", "label", NULL}, *const mine_job[] = {"ranks", NULL};
    const struct al_node *label = al_node_get(c->tree, "label"), *select = al_node_get(c->tree, "select");
    const struct al_node *res = al_node_get(c->tree, "resources"), *job = res ? al_node_get(res, "label") : NULL;
    const struct al_node *k = label ? al_node_get(label, "kpoints") : NULL;
    al_yaml_open(out, 0, "label");
    al_yaml_str(out, 1, "engine", c->label.engine);
    write_children(out, label, 1, o->cutoff ? mine_cutoff : mine);
    if (o->cutoff) fprintf(out, "  cutoff: %s\n", o->cutoff);
    if (o->kpoints) {
        fprintf(out, "  kpoints: %s\n", o->kpoints);
    } else if (k) {
        fputs("  kpoints: ", out);
        write_value(out, k);
        fputc('\n', out);
    }
    if (select && select->kind == AL_NODE_MAP) {
        fputs("select:\n", out);
        write_children(out, select, 1, NULL);
    }
    fprintf(out, "resources:\n  cores: %d\n", o->cores ? o->cores : c->resources.cores);
    write_children(out, res, 1, mine_resources);
    fprintf(out, "  label:\n    ranks: %d\n", o->ranks ? o->ranks : c->resources.label.ranks);
    write_children(out, job, 2, mine_job);
    if (ferror(out)) AL_FAIL(AL_ERR_IO, "cannot write the label settings");
    return AL_ERR_OK;
}

// Whether `key` begins with `head` and a dot; *ret_rest is what follows.
static bool below(const char *key, const char *head, const char **ret_rest)
{
    size_t n = strlen(head);
    if (strncmp(key, head, n) != 0 || key[n] != '.') return false;
    *ret_rest = key + n + 1;
    return true;
}

static void write_set(FILE *out, int depth, const char *key, const char *value)
{
    fprintf(out, "%*s%s: %s\n", 2 * depth, "", key, value);
}

// A child of `train`: itself set on the command line, a map with set children, or as the file has it.
static void write_train_child(FILE *out, const struct al_node *c, int n, const struct cfg_key_value *set)
{
    const char *except[64] = {NULL}, *rest;
    int m = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(set[i].key, c->key) == 0) return; // written by itself
    for (int i = 0; i < n && m < 63; i++)
        if (below(set[i].key, c->key, &rest)) except[m++] = rest;
    if (!m) {
        fprintf(out, "  %s: ", c->key);
        write_value(out, c);
        fputc('\n', out);
        return;
    }
    fprintf(out, "  %s:\n", c->key);
    write_children(out, c->kind == AL_NODE_MAP ? c : NULL, 2, except);
    for (int i = 0; i < n; i++)
        if (below(set[i].key, c->key, &rest)) write_set(out, 2, rest, set[i].value);
}

// Set keys whose first part the file does not have; those of one part together.
static void write_train_rest(FILE *out, const struct al_node *train, int n, const struct cfg_key_value *set)
{
    for (int i = 0; i < n; i++) {
        char head[64];
        const char *rest, *dot = strchr(set[i].key, '.');
        bool done = false;
        snprintf(head, sizeof head, "%.*s", (int)(dot ? (size_t)(dot - set[i].key) : strlen(set[i].key)), set[i].key);
        if (!dot) {
            write_set(out, 1, set[i].key, set[i].value);
            continue;
        }
        if (train && al_node_get(train, head)) continue;
        for (int k = 0; k < i; k++)
            done |= below(set[k].key, head, &rest);
        if (done) continue;
        fprintf(out, "  %s:\n", head);
        for (int k = i; k < n; k++)
            if (below(set[k].key, head, &rest)) write_set(out, 2, rest, set[k].value);
    }
}

enum al_err loop_config_write_train(const struct loop_config *c, long seed, const char *deepmd, int n, const struct cfg_key_value *set, FILE *out)
{
    static const char *const mine[] = {"deepmd", NULL};
    const struct al_node *train = c->tree ? al_node_get(c->tree, "train") : NULL, *res = c->tree ? al_node_get(c->tree, "resources") : NULL;
    if (train && train->kind != AL_NODE_MAP) train = NULL;
    if (seed >= 0) fprintf(out, "seed: %ld\n", seed);
    else fprintf(out, "seed: %llu\n", (unsigned long long)c->seed);
    bool any = n || (train && train->nchild);
    if (any) fputs("train:\n", out);
    for (const struct al_node *k = train ? train->child : NULL; k; k = k->next)
        if (k->key) write_train_child(out, k, n, set);
    write_train_rest(out, train, n, set);
    bool some = res && res->kind == AL_NODE_MAP && res->nchild;
    if (some || deepmd) al_yaml_open(out, 0, "resources");
    if (some) write_children(out, res, 1, deepmd ? mine : NULL);
    if (deepmd) al_yaml_str(out, 1, "deepmd", deepmd);
    if (ferror(out)) AL_FAIL(AL_ERR_IO, "cannot write the training settings");
    return AL_ERR_OK;
}

enum al_err loop_config_pseudo_hash(const struct loop_config *c, int n, const int *z, char ret_hex[65])
{
    struct al_sha256 s;
    char path[AL_PATH], sha[65];
    bool none = strcmp(c->label.engine, "command") == 0;
    al_sha256_init(&s);
    for (int i = 0; i < n && !none; i++) {
        AL_TRY(loop_config_pseudo(c, z[i], path));
        AL_TRY(al_pseudo_hash(path, z[i], sha));
        al_sha256_int(&s, z[i]);
        al_sha256_string(&s, sha);
    }
    if (c->label.template[0]) {
        AL_TRY_MSG(al_sha256_file(c->label.template, sha), "label.template");
        al_sha256_string(&s, sha);
    }
    al_sha256_hex(&s, ret_hex);
    return AL_ERR_OK;
}

bool loop_config_label_external(const struct loop_config *c)
{
    return strcmp(c->label.engine, "dft") != 0;
}

enum al_err loop_config_converge_path(const struct loop_config *c, char ret[AL_PATH])
{
    if (c->label.converge[0]) {
        AL_TRY(al_path(ret, "%s", c->label.converge));
        return AL_ERR_OK;
    }
    const char *slash = strrchr(c->path, '/'), *dot = strrchr(c->path, '.');
    size_t n = dot && (!slash || dot > slash + 1) ? (size_t)(dot - c->path) : strlen(c->path);
    AL_TRY(al_path(ret, "%.*s.converge.yaml", (int)n, c->path));
    return AL_ERR_OK;
}
