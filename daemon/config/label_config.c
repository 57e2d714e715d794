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

enum al_err loop_config_pseudo_hash(const struct loop_config *c, int n, const int *z, char ret_hex[65])
{
    struct al_sha256 s;
    char path[AL_PATH], sha[65];
    al_sha256_init(&s);
    for (int i = 0; i < n; i++) {
        AL_TRY(loop_config_pseudo(c, z[i], path));
        AL_TRY(al_pseudo_hash(path, z[i], sha));
        al_sha256_int(&s, z[i]);
        al_sha256_string(&s, sha);
    }
    al_sha256_hex(&s, ret_hex);
    return AL_ERR_OK;
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
