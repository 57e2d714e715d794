// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/slurm_keys.h"

#include <ctype.h>
#include <string.h>

#include "config/loop_config.h"

static bool only(const char *text, const char *punctuation)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(punctuation, *p)) return false;
    return true;
}

// A word for an argument of its own. A dash in front would make an option of it.
static enum al_err take_word(const struct al_node *n, const char *what, const char *punctuation, bool dash, char *ret, size_t size)
{
    if (n->kind != AL_NODE_SCALAR) AL_TRY(al_node_error(n, "%s: a word is wanted", what));
    if (strlen(n->text) >= size) AL_TRY(al_node_error(n, "%s is longer than %zu characters", what, size - 1));
    if (strchr(n->text, '\n')) AL_TRY(al_node_error(n, "%s: a line end in a word", what));
    if ((punctuation && !only(n->text, punctuation)) || (!dash && n->text[0] == '-'))
        AL_TRY(al_node_error(n, "%s: '%.60s' holds characters other than letters, digits and %s%s", what, n->text, punctuation,
                             dash ? "" : ", or begins with a dash"));
    snprintf(ret, size, "%s", n->text);
    return AL_ERR_OK;
}

// One word or a list of words; empty ones are refused.
enum al_err config_words(const struct al_node *n, const char *what, const char *punctuation, bool dash, struct cfg_words *ret)
{
    ret->n = 0;
    if (n->kind == AL_NODE_LIST && n->nchild > CFG_WORDS) AL_TRY(al_node_error(n, "%s: more than %d words", what, CFG_WORDS));
    if (n->kind != AL_NODE_LIST && n->kind != AL_NODE_SCALAR) AL_TRY(al_node_error(n, "%s: a list of words is wanted", what));
    for (const struct al_node *c = n->kind == AL_NODE_LIST ? n->child : n; c; c = n->kind == AL_NODE_LIST ? c->next : NULL) {
        AL_TRY(take_word(c, what, punctuation, dash, ret->v[ret->n], sizeof ret->v[0]));
        if (!ret->v[ret->n++][0]) AL_TRY(al_node_error(c, "%s: an empty word", what));
    }
    return AL_ERR_OK;
}

static void hash_words(const struct cfg_words *w, struct al_sha256 *s)
{
    al_sha256_int(s, w->n);
    for (int i = 0; i < w->n; i++)
        al_sha256_string(s, w->v[i]);
}

static struct cfg_slurm *of(void *base)
{
    return &((struct loop_config *)base)->resources.slurm;
}

static const struct cfg_slurm *in(const void *base)
{
    return &((const struct loop_config *)base)->resources.slurm;
}

enum al_err slurm_parse_partition(const struct al_node *n, void *base)
{
    AL_TRY(take_word(n, "partition", "._,+-", false, of(base)->partition, sizeof of(base)->partition));
    return AL_ERR_OK;
}

enum al_err slurm_parse_account(const struct al_node *n, void *base)
{
    AL_TRY(take_word(n, "account", "._+-", false, of(base)->account, sizeof of(base)->account));
    return AL_ERR_OK;
}

enum al_err slurm_parse_modules(const struct al_node *n, void *base)
{
    struct cfg_words *w = &of(base)->modules;
    AL_TRY(config_words(n, "modules", "._+-/", false, w));
    for (int i = 0; i < w->n; i++) // a modulefile is a program: those of the cluster, none from a path
        if (!isalnum((unsigned char)w->v[i][0])) AL_TRY(al_node_error(n, "modules: '%.60s' does not begin with a letter or digit", w->v[i]));
    return AL_ERR_OK;
}

enum al_err slurm_parse_launcher(const struct al_node *n, void *base)
{
    struct cfg_words *w = &of(base)->launcher;
    AL_TRY(config_words(n, "launcher", "._+-/=:,", true, w));
    if (w->n && w->v[0][0] == '-') AL_TRY(al_node_error(n, "launcher: the first word is a program"));
    return AL_ERR_OK;
}

// What alnd says itself, and what would make something else of the job than the script that alnd wrote.
static const char *const own_options[] = {"array",    "job-name", "chdir", "output", "error",  "input",    "open-mode", "parsable",
                                          "wrap",     "export",   "wait",  "signal", "ntasks", "requeue",  "no-requeue",
                                          "test-only", "help",    "version", "usage", "export-file", "get-user-env", "cpus-per-task",
                                          "clusters",  "container", NULL};

static enum al_err check_option(const struct al_node *at, const char *text)
{
    size_t n = strcspn(text, "=");
    if (strncmp(text, "--", 2) != 0 || n < 3)
        AL_TRY(al_node_error(at, "extra: '%.60s' is not an option of sbatch in its long form (--constraint=fast)", text));
    for (int i = 0; own_options[i]; i++) // sbatch takes any unambiguous beginning for the whole
        if (strncmp(text + 2, own_options[i], n - 2) == 0)
            AL_TRY(al_node_error(at, "extra: --%s is alnd's own", own_options[i]));
    return AL_ERR_OK;
}

enum al_err slurm_parse_extra(const struct al_node *n, void *base)
{
    struct cfg_words *w = &of(base)->extra;
    AL_TRY(config_words(n, "extra", "._+-=:,@%&|[]*", true, w));
    for (int i = 0; i < w->n; i++)
        AL_TRY(check_option(n->kind == AL_NODE_LIST ? al_node_at(n, i) : n, w->v[i]));
    return AL_ERR_OK;
}

void slurm_hash_partition(const void *base, struct al_sha256 *s)
{
    al_sha256_string(s, in(base)->partition);
}

void slurm_hash_account(const void *base, struct al_sha256 *s)
{
    al_sha256_string(s, in(base)->account);
}

void slurm_hash_modules(const void *base, struct al_sha256 *s)
{
    hash_words(&in(base)->modules, s);
}

void slurm_hash_launcher(const void *base, struct al_sha256 *s)
{
    hash_words(&in(base)->launcher, s);
}

void slurm_hash_extra(const void *base, struct al_sha256 *s)
{
    hash_words(&in(base)->extra, s);
}
