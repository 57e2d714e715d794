// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What to do when the loss is not a number or a force error tenfold beyond the labels (trainer.c): back to the last checkpoint, half the learning rate. A checkpoint may have been
// written when the run was lost already (weights finite, but far gone); so when the same one fails again, back to step 0.
#include <stdio.h>

#include "base/fsio.h"
#include "train/trainer_impl.h"

enum { MAX_RECOVERIES = 10 };

static enum al_err go_back(struct trainer *t)
{
    bool found = false;
    if (t->dir && !t->retried) AL_TRY(checkpoint_read(t, &found));
    if (!found) AL_TRY(checkpoint_unpack(t, "the state of step 0", t->initial, t->initial_bytes));
    return AL_ERR_OK;
}

enum al_err trainer_recover(struct trainer *t)
{
    char why[AL_ERR_TEXT], text[2 * AL_ERR_TEXT];
    double scale = t->lr_scale / 2;
    int recoveries = t->recoveries + 1;
    long lost = t->step;
    snprintf(why, sizeof why, "%s", al_err_message());
    if (recoveries > MAX_RECOVERIES)
        AL_FAIL_HINT(AL_ERR_UNPHYSICAL, "a smaller learning rate, or labels that are no outliers (alnd data looks for them)",
                     "%s; %d times back with half the learning rate did not help", why, MAX_RECOVERIES);
    AL_TRY(go_back(t));
    t->lr_scale = scale;
    t->recoveries = recoveries;
    snprintf(text, sizeof text, "step %ld: %s; back to step %ld with the learning rate times %g", lost, why, t->step, scale);
    if (t->o.warn) t->o.warn(t->o.ctx, text);
    if (!t->dir) return AL_ERR_OK;
    AL_TRY(trainer_lcurve_reopen(t));
    fprintf(t->lcurve, "# %s\n", text);
    AL_TRY(checkpoint_write(t));
    t->retried = true;
    return AL_ERR_OK;
}
