// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/commands.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

enum al_err commands_may_start(const char *program)
{
    const char *allowed = getenv(variable);
    if (!strchr(program, '/') || (allowed && strcmp(allowed, program) == 0)) return AL_ERR_OK;
    AL_FAIL_HINT(AL_ERR_INPUT, "if it is the right one: alnd start --allow-commands; or put it into PATH and name it without a path",
                 "resources.lammps: %.200s would be started because a file says so", program);
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
    if (!uses_lammps(c)) return AL_ERR_OK;
    if (allow && strchr(c->resources.lammps, '/') && setenv(variable, c->resources.lammps, 1) != 0)
        AL_FAIL(AL_ERR_NOMEM, "no memory for the environment");
    AL_TRY(commands_may_start(c->resources.lammps));
    return AL_ERR_OK;
}
