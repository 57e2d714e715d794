// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/commands.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const char variable[] = "ALND_ALLOW_COMMANDS";

static bool uses_lammps(const struct loop_config *c)
{
    return strcmp(c->explore.engine, "lammps") == 0 || strcmp(c->production.engine, "lammps") == 0;
}

static enum al_err check_owner(const char *run)
{
    static const char hint[] = "a copy of it (cp -r) is yours; or alnd start --allow-commands";
    struct stat st;
    if (stat(run, &st) != 0) return AL_ERR_OK; // not made yet: it will be ours
    if (st.st_uid != geteuid())
        AL_FAIL_HINT(AL_ERR_INPUT, hint, "%s belongs to another user (uid %u): what it says would be done in your name", run, (unsigned)st.st_uid);
    if (st.st_mode & S_IWOTH)
        AL_FAIL_HINT(AL_ERR_INPUT, "chmod o-w; or alnd start --allow-commands", "every user may write to %s: what they write there would be done in your name", run);
    return AL_ERR_OK;
}

// A line of what was allowed.
static bool is_allowed(const char *what)
{
    const char *allowed = getenv(variable);
    size_t n = strlen(what);
    for (const char *p = allowed; p && *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (strcspn(p, "\n") == n && strncmp(p, what, n) == 0) return true;
    return false;
}

// A program by its path, or a line of words: in the order of the configuration.
struct wanted {
    const char *key;
    char text[CFG_WORDS * 514];
};

static void join(const struct cfg_words *w, char *ret, size_t n)
{
    size_t at = 0;
    ret[0] = '\0';
    for (int i = 0; i < w->n && at < n; i++)
        at += (size_t)snprintf(ret + at, n - at, "%s%s", i ? " " : "", w->v[i]);
}

static bool is_default_launcher(const struct cfg_words *w)
{
    static const char *const ours[] = {"mpirun", "--bind-to", "none", "-n", "RANKS"};
    bool same = w->n == 5 || w->n == 0;
    for (int i = 0; i < w->n && same; i++)
        same = strcmp(w->v[i], ours[i]) == 0;
    return same;
}

// What labels need the owner's word for; k counts up. False: nothing more.
static bool wanted_for_labels(const struct loop_config *c, int k, struct wanted *ret)
{
    const struct cfg_label *l = &c->label;
    bool command = strcmp(l->engine, "command") == 0;
    ret->text[0] = '\0';
    if (!loop_config_label_external(c) || k > 2) return false;
    if (k == 0) {
        ret->key = "label.command";
        if (command) join(&l->command, ret->text, sizeof ret->text);
    } else if (k == 1) {
        ret->key = "label.program";
        if (strchr(l->program, '/')) snprintf(ret->text, sizeof ret->text, "%s", l->program);
    } else {
        ret->key = "label.launcher";
        if (!command && !is_default_launcher(&l->launcher)) join(&l->launcher, ret->text, sizeof ret->text);
    }
    return true;
}

static enum al_err may(const char *key, const char *what)
{
    if (is_allowed(what)) return AL_ERR_OK;
    AL_FAIL_HINT(AL_ERR_INPUT, "if it is the right one: --allow-commands; or put it into PATH and name it without a path",
                 "%s: %.200s would be started because a file says so", key, what);
}

enum al_err commands_may_start(const char *key, const char *program)
{
    if (strchr(program, '/')) AL_TRY(may(key, program));
    return AL_ERR_OK;
}

static enum al_err check_labels(const struct loop_config *c, bool allow)
{
    struct wanted w;
    for (int k = 0; wanted_for_labels(c, k, &w); k++) {
        if (!w.text[0]) continue;
        if (allow) AL_TRY(commands_allow(w.text));
        AL_TRY(may(w.key, w.text));
    }
    return AL_ERR_OK;
}

enum al_err commands_may_label(const struct loop_config *c)
{
    AL_TRY(check_labels(c, false));
    return AL_ERR_OK;
}

enum al_err commands_allow(const char *what)
{
    const char *before = getenv(variable);
    AL_AUTOFREE char *text = NULL;
    if (is_allowed(what)) return AL_ERR_OK;
    if (strchr(what, '\n')) AL_FAIL(AL_ERR_INPUT, "%.200s: what has an end of line in it cannot be allowed", what);
    const size_t n = strlen(what) + (before ? strlen(before) : 0) + 2;
    AL_ALLOC(text, n);
    snprintf(text, n, "%s%s%s", before ? before : "", before && *before ? "\n" : "", what);
    if (setenv(variable, text, 1) != 0) AL_FAIL(AL_ERR_NOMEM, "no memory for the environment");
    return AL_ERR_OK;
}

// Words of a launcher can make any program start; the default ones are ours.
static enum al_err check_launcher(const struct loop_config *c)
{
    static const char *const mpirun_words[] = {"mpirun", "--bind-to", "none", NULL}, *const flux_words[] = {"flux", "run", NULL};
    enum cfg_queue_system q = cfg_queue_of(&c->resources);
    if (q == CFG_NQUEUES) return AL_ERR_OK;
    const char *const *ours = q == CFG_FLUX ? flux_words : mpirun_words;
    const struct cfg_words *w = &c->resources.queue[q].launcher;
    int i = 0;
    while (i < w->n && ours[i] && strcmp(w->v[i], ours[i]) == 0)
        i++;
    if (i == w->n && !ours[i]) return AL_ERR_OK;
    AL_FAIL_HINT(AL_ERR_INPUT, "if it is the right one: alnd start --allow-commands",
                 "resources.%s.launcher: %.160s would be started because a file says so", cfg_queue_name(q),
                 w->n ? w->v[0] : "the worker without a launcher");
}

static enum al_err check_program(const char *key, const char *program, bool allow)
{
    if (allow && strchr(program, '/')) AL_TRY(commands_allow(program));
    AL_TRY(commands_may_start(key, program));
    return AL_ERR_OK;
}

enum al_err commands_check(const struct loop_config *c, const char *run, bool allow)
{
    if (!allow) AL_TRY(check_owner(run));
    if (!allow) AL_TRY(check_launcher(c));
    if (uses_lammps(c)) AL_TRY(check_program("resources.lammps", c->resources.lammps, allow));
    if (strcmp(c->train.engine, "deepmd") == 0) AL_TRY(check_program("resources.deepmd", c->resources.deepmd, allow));
    AL_TRY(check_labels(c, allow));
    return AL_ERR_OK;
}

enum al_err commands_check_label(const struct loop_config *c, bool allow)
{
    AL_TRY(check_labels(c, allow));
    return AL_ERR_OK;
}
