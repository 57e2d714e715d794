// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/descriptor.h"

#include "base/mem.h"
#include "dp/eval.h"
#include "dp/potential.h"

struct dp_describer {
    struct potential *p; // its model, and the environment of a frame
    struct dp_eval *eval;
    int width;
};

void dp_describer_destroy(struct dp_describer **dp)
{
    struct dp_describer *d = *dp;
    *dp = NULL;
    if (!d) return;
    dp_eval_destroy(&d->eval);
    potential_destroy(&d->p);
    al_free(d);
}

enum al_err dp_describer_open(const char *path, struct dp_describer **ret)
{
    AL_OWN(dp_describer) d = NULL;
    AL_ALLOC(d, 1);
    AL_TRY(dp_potential_open(path, DP_WAY_PLAIN, &d->p));
    const struct dp_model *m = dp_potential_model(d->p);
    AL_TRY(dp_eval_create(m, &d->eval));
    d->width = dp_config_width(&m->c);
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

int dp_describer_width(const struct dp_describer *d)
{
    return d->width;
}

enum al_err dp_describer_run(struct dp_describer *d, const struct al_frame *f, double *ret)
{
    const struct dp_layout *l;
    AL_TRY(dp_potential_layout(d->p, f, &l));
    AL_TRY(dp_eval_descriptors(d->eval, l, ret));
    return AL_ERR_OK;
}
