// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/mem.h"
#include "train/engine.h"

static enum al_err run(const struct train_options *o, const struct dp_dataset *train, const struct dp_dataset *valid, struct train_outcome *ret)
{
    AL_OWN(trainer) t = NULL;
    AL_TRY(trainer_create(o, train, valid, &t));
    if (o->resumed && trainer_step(t)) o->resumed(o->ctx, trainer_step(t));
    AL_TRY(trainer_run(t));
    *ret = (struct train_outcome){trainer_step(t), trainer_recoveries(t)};
    return AL_ERR_OK;
}

const struct trainer_ops trainer_builtin = {"builtin", train_options_check, run};
