// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/engines.h"

#include <string.h>

#include "base/mem.h"
#include "core/query.h"

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
