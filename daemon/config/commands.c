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

// Whether a list of paths, with ':' between them, has this one.
static bool is_in(const char *list, const char *path)
{
    const size_t n = strlen(path);
    for (const char *at = list; at && *at; at += strcspn(at, ":"), at += *at == ':')
        if (strcspn(at, ":") == n && strncmp(at, path, n) == 0) return true;
    return false;
}

enum al_err commands_may_start(const char *key, const char *program)
{
    if (!strchr(program, '/') || is_in(getenv(variable), program)) return AL_ERR_OK;
    AL_FAIL_HINT(AL_ERR_INPUT, "if it is the right one: alnd start --allow-commands; or put it into PATH and name it without a path",
                 "%s: %.200s would be started because a file says so", key, program);
}

enum al_err commands_allow(const char *program)
{
    const char *before = getenv(variable);
    AL_AUTOFREE char *list = NULL;
    if (!strchr(program, '/') || is_in(before, program)) return AL_ERR_OK;
    if (strchr(program, ':')) AL_FAIL(AL_ERR_INPUT, "%.200s: a path with a colon cannot be allowed", program);
    const size_t n = strlen(program) + (before ? strlen(before) : 0) + 2;
    AL_ALLOC(list, n);
    snprintf(list, n, "%s%s%s", before ? before : "", before && *before ? ":" : "", program);
    if (setenv(variable, list, 1) != 0) AL_FAIL(AL_ERR_NOMEM, "no memory for the environment");
    return AL_ERR_OK;
}

static enum al_err check_program(const char *key, const char *program, bool allow)
{
    if (allow) AL_TRY(commands_allow(program));
    AL_TRY(commands_may_start(key, program));
    return AL_ERR_OK;
}

// Words of a launcher can make any program start; the default one is ours.
static enum al_err check_launcher(const struct loop_config *c)
{
    static const char *const ours[] = {"mpirun", "--bind-to", "none"};
    const struct cfg_words *w = &c->resources.slurm.launcher;
    bool same = w->n == 3;
    for (int i = 0; i < 3 && same; i++)
        same = strcmp(w->v[i], ours[i]) == 0;
    if (same || strcmp(c->resources.executor, "slurm") != 0) return AL_ERR_OK;
    AL_FAIL_HINT(AL_ERR_INPUT, "if it is the right one: alnd start --allow-commands",
                 "resources.slurm.launcher: %.160s would be started because a file says so", w->n ? w->v[0] : "the worker without a launcher");
}

enum al_err commands_check(const struct loop_config *c, const char *run, bool allow)
{
    if (!allow) AL_TRY(check_owner(run));
    if (!allow) AL_TRY(check_launcher(c));
    if (uses_lammps(c)) AL_TRY(check_program("resources.lammps", c->resources.lammps, allow));
    if (strcmp(c->train.engine, "deepmd") == 0) AL_TRY(check_program("resources.deepmd", c->resources.deepmd, allow));
    return AL_ERR_OK;
}
