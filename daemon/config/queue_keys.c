// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/queue_keys.h"

#include <ctype.h>
#include <string.h>

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

const char *cfg_queue_name(enum cfg_queue_system q)
{
#define NAME_OF(NAME, name) #name,
    static const char *const names[] = {CFG_QUEUES(NAME_OF)};
#undef NAME_OF
    return names[q];
}

enum cfg_queue_system cfg_queue_of(const struct cfg_resources *r)
{
    enum cfg_queue_system q = 0;
    while (q < CFG_NQUEUES && strcmp(r->executor, cfg_queue_name(q)) != 0)
        q++;
    return q;
}

static enum al_err take_modules(const struct al_node *n, struct cfg_words *w)
{
    AL_TRY(config_words(n, "modules", "._+-/", false, w));
    for (int i = 0; i < w->n; i++) // a modulefile is a program: those of the cluster, none from a path
        if (!isalnum((unsigned char)w->v[i][0])) AL_TRY(al_node_error(n, "modules: '%.60s' does not begin with a letter or digit", w->v[i]));
    return AL_ERR_OK;
}

static enum al_err take_launcher(const struct al_node *n, struct cfg_words *w)
{
    AL_TRY(config_words(n, "launcher", "._+-/=:,", true, w));
    if (w->n && w->v[0][0] == '-') AL_TRY(al_node_error(n, "launcher: the first word is a program"));
    return AL_ERR_OK;
}

// Options as --name=value. own: what alnd says itself, and what would make something else of the job than the script that alnd wrote.
static enum al_err check_long(const struct al_node *at, const char *text, const char *program, const char *const *own)
{
    size_t n = strcspn(text, "=");
    if (strncmp(text, "--", 2) != 0 || n < 3)
        AL_TRY(al_node_error(at, "extra: '%.60s' is not an option of %s in its long form (--name=value)", text, program));
    for (int i = 0; own[i]; i++) // any unambiguous beginning is taken for the whole
        if (strncmp(text + 2, own[i], n - 2) == 0) AL_TRY(al_node_error(at, "extra: --%s is alnd's own", own[i]));
    return AL_ERR_OK;
}

// An option of one dash, and what its value may begin with.
struct short_option {
    const char *name;
    const char *values; // "group_list=|umask="; "": anything; NULL: it has no value
    const char *never;  // beginnings that are alnd's own
};

static bool begins(const char *text, const char *list)
{
    for (const char *p = list; p && *p; p += strcspn(p, "|"), p += *p == '|') {
        size_t n = strcspn(p, "|");
        if (strncmp(text, p, n) == 0) return true;
    }
    return false;
}

// Options as "-l place=scatter", two words; only those listed.
static enum al_err check_short(const struct al_node *n, const struct cfg_words *w, const struct short_option *known, const char *program)
{
    for (int i = 0; i < w->n; i++) {
        const struct al_node *at = n->kind == AL_NODE_LIST ? al_node_at(n, i) : n;
        const struct short_option *o = known;
        while (o->name && strcmp(o->name, w->v[i]) != 0)
            o++;
        if (!o->name) AL_TRY(al_node_error(at, "extra: '%.60s' is not one of the options of %s that may be given here", w->v[i], program));
        if (!o->values) continue;
        if (++i == w->n || w->v[i][0] == '-') AL_TRY(al_node_error(at, "extra: %s wants a value, in a word of its own", o->name));
        at = n->kind == AL_NODE_LIST ? al_node_at(n, i) : n;
        if (*o->values && !begins(w->v[i], o->values))
            AL_TRY(al_node_error(at, "extra: %s %.60s may not be given here (%s)", o->name, w->v[i], o->values));
        // a list in one value, each of its parts
        for (const char *p = w->v[i]; o->never && *p; p += strcspn(p, ","), p += *p == ',')
            if (begins(p, o->never)) AL_TRY(al_node_error(at, "extra: %s %.60s is alnd's own", o->name, p));
    }
    return AL_ERR_OK;
}

static enum al_err take_extra(const struct al_node *n, enum cfg_queue_system q, struct cfg_words *w)
{
    static const char *const of_sbatch[] = {"array",    "job-name", "chdir", "output", "error",  "input",    "open-mode", "parsable",
                                            "wrap",     "export",   "wait",  "signal", "ntasks", "requeue",  "no-requeue",
                                            "test-only", "help",    "version", "usage", "export-file", "get-user-env", "cpus-per-task",
                                            "clusters",  "container", NULL};
    static const char *const of_flux[] = {"job-name", "cc",   "bcc",      "output",   "error",       "input",  "cwd",      "env",      "env-remove",
                                          "env-file", "ntasks", "nslots", "cores-per-task", "cores-per-slot", "time-limit", "signal", "wrap",
                                          "dry-run",  "watch", "wait",     "wait-event", "log",      "log-stderr", "quiet", "progress", "jps",
                                          "setopt",   "queue", "bank",     "flags",    "broker-opts", "conf",   "dump",     "add-file", "label-io",
                                          "unbuffered", "taskmap", "rlimit", "begin-time", "tasks-per-node", "tasks-per-core", "help", NULL};
    static const struct short_option of_qsub[] = {{"-l", "", "select|walltime|nodes|ncpus|mem"}, {"-P", "", NULL}, {"-p", "", NULL},
                                                  {"-W", "group_list=|umask=", NULL}, {NULL, NULL, NULL}};
    static const struct short_option of_bsub[] = {{"-R", "", NULL}, {"-G", "", NULL}, {"-U", "", NULL}, {"-app", "", NULL}, {"-gpu", "", NULL},
                                                  {"-m", "", NULL}, {"-sla", "", NULL}, {"-sp", "", NULL}, {"-x", NULL, NULL}, {NULL, NULL, NULL}};
    AL_TRY(config_words(n, "extra", q == CFG_LSF ? "._+-=:,@%&|[]*()<>!" : "._+-=:,@%&|[]*", true, w));
    if (q == CFG_PBS) AL_TRY(check_short(n, w, of_qsub, "qsub"));
    if (q == CFG_LSF) AL_TRY(check_short(n, w, of_bsub, "bsub"));
    for (int i = 0; i < w->n && (q == CFG_SLURM || q == CFG_FLUX); i++)
        AL_TRY(check_long(n->kind == AL_NODE_LIST ? al_node_at(n, i) : n, w->v[i], q == CFG_SLURM ? "sbatch" : "flux submit",
                          q == CFG_SLURM ? of_sbatch : of_flux));
    return AL_ERR_OK;
}

static struct cfg_queue *at(void *base, enum cfg_queue_system q)
{
    return &((struct loop_config *)base)->resources.queue[q];
}

static const struct cfg_queue *in(const void *base, enum cfg_queue_system q)
{
    return &((const struct loop_config *)base)->resources.queue[q];
}

#define FUNCTIONS(NAME, name)                                                                                                   \
    enum al_err name##_parse_queue(const struct al_node *n, void *base)                                                         \
    {                                                                                                                           \
        struct cfg_queue *c = at(base, CFG_##NAME);                                                                             \
        AL_TRY(take_word(n, CFG_##NAME == CFG_SLURM ? "partition" : "queue", "._,+-", false, c->queue, sizeof c->queue));       \
        return AL_ERR_OK;                                                                                                       \
    }                                                                                                                           \
    enum al_err name##_parse_account(const struct al_node *n, void *base)                                                       \
    {                                                                                                                           \
        struct cfg_queue *c = at(base, CFG_##NAME);                                                                             \
        AL_TRY(take_word(n, "account", "._+-", false, c->account, sizeof c->account));                                          \
        return AL_ERR_OK;                                                                                                       \
    }                                                                                                                           \
    enum al_err name##_parse_modules(const struct al_node *n, void *base)                                                       \
    {                                                                                                                           \
        AL_TRY(take_modules(n, &at(base, CFG_##NAME)->modules));                                                                \
        return AL_ERR_OK;                                                                                                       \
    }                                                                                                                           \
    enum al_err name##_parse_launcher(const struct al_node *n, void *base)                                                      \
    {                                                                                                                           \
        AL_TRY(take_launcher(n, &at(base, CFG_##NAME)->launcher));                                                              \
        return AL_ERR_OK;                                                                                                       \
    }                                                                                                                           \
    enum al_err name##_parse_extra(const struct al_node *n, void *base)                                                         \
    {                                                                                                                           \
        AL_TRY(take_extra(n, CFG_##NAME, &at(base, CFG_##NAME)->extra));                                                        \
        return AL_ERR_OK;                                                                                                       \
    }                                                                                                                           \
    void name##_hash_queue(const void *base, struct al_sha256 *s) { al_sha256_string(s, in(base, CFG_##NAME)->queue); }         \
    void name##_hash_account(const void *base, struct al_sha256 *s) { al_sha256_string(s, in(base, CFG_##NAME)->account); }     \
    void name##_hash_modules(const void *base, struct al_sha256 *s) { hash_words(&in(base, CFG_##NAME)->modules, s); }          \
    void name##_hash_launcher(const void *base, struct al_sha256 *s) { hash_words(&in(base, CFG_##NAME)->launcher, s); }        \
    void name##_hash_extra(const void *base, struct al_sha256 *s) { hash_words(&in(base, CFG_##NAME)->extra, s); }
CFG_QUEUES(FUNCTIONS)
