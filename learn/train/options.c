// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "train/trainer_impl.h"

void train_options_default(struct train_options *o)
{
    *o = (struct train_options){.steps = 100000,
                                .sel_margin = 1.1,
                                .batch = 1,
                                .lr_start = 1e-3,
                                .lr_stop = 1e-8,
                                .pref_e = {0.02, 1},
                                .pref_f = {1000, 1},
                                .report_every = 100,
                                .valid_batches = 1,
                                .checkpoint_seconds = 60,
                                .cache_bytes = (size_t)1 << 30};
    dp_config_default(&o->model);
}

static long decay_steps(const struct train_options *o)
{
    long s = o->decay_steps > 0 ? o->decay_steps : 5000;
    if (s < o->steps) return s;
    return o->steps / 10 > 100 ? 100 : o->steps / 100 + 1;
}

// Half a cosine from a at x = 0 to b at x = 1 and beyond.
static double half_cosine(double a, double b, double x)
{
    return b + (a - b) * 0.5 * (1 + cos(M_PI * fmin(1, x)));
}

double train_learning_rate(const struct train_options *o, long step)
{
    if (o->cool_from && step >= o->cool_from) {
        struct train_options before = *o;
        before.cool_from = 0;
        return half_cosine(train_learning_rate(&before, o->cool_from), o->lr_stop,
                           (double)(step - o->cool_from) / (double)o->cool_steps);
    }
    if (o->schedule == SCHEDULE_COSINE)
        return half_cosine(o->lr_start, o->lr_stop, (double)step / (double)o->steps);
    long s = decay_steps(o);
    double rate = pow(o->lr_stop / o->lr_start, (double)s / (double)o->steps);
    double lr = o->lr_start * pow(rate, (double)(step / s));
    if (lr < o->lr_stop) lr = o->lr_stop;
    return (double)(float)lr; // deepmd-kit's value passes through float32
}

// In float32 as deepmd-kit does it, so that its steps are ours.
static double prefactor(const double pref[2], float lr, float lr0)
{
    float change = (float)(pref[0] - pref[1]);
    return (double)((float)pref[1] + change * lr / lr0);
}

struct loss_weights train_prefactors(const struct train_options *o, long step)
{
    float lr = (float)train_learning_rate(o, step), lr0 = (float)o->lr_start;
    return (struct loss_weights){prefactor(o->pref_e, lr, lr0), prefactor(o->pref_f, lr, lr0),
                                 prefactor(o->pref_v, lr, lr0)};
}

long train_last_step(const struct train_options *o)
{
    return o->cool_from ? o->cool_from + o->cool_steps : o->steps;
}

enum al_err train_options_check(const struct train_options *o)
{
    if (o->steps < 1) AL_FAIL(AL_ERR_INPUT, "training of %ld steps", o->steps);
    if (!(o->sel_margin >= 1)) AL_FAIL(AL_ERR_INPUT, "sel margin %g is below 1", o->sel_margin);
    if (o->batch < 0) AL_FAIL(AL_ERR_INPUT, "batch of %d frames", o->batch);
    if (!(o->lr_start > 0 && o->lr_stop > 0 && o->lr_stop <= o->lr_start))
        AL_FAIL(AL_ERR_INPUT, "learning rate from %g to %g", o->lr_start, o->lr_stop);
    for (int k = 0; k < 2; k++)
        if (!(o->pref_e[k] >= 0 && o->pref_f[k] >= 0 && o->pref_v[k] >= 0))
            AL_FAIL(AL_ERR_INPUT, "a prefactor of the loss is negative");
    if (o->patience < 0) AL_FAIL(AL_ERR_INPUT, "patience of %d rows", o->patience);
    if (o->report_every < 1) AL_FAIL(AL_ERR_INPUT, "report every %ld steps", o->report_every);
    return AL_ERR_OK;
}

// TensorFlow and NumPy backends of deepmd-kit agree on models of this kind only.
enum al_err train_exportable(const struct dp_config *c)
{
    int d = dp_config_width(c);
    for (int i = 0; i < c->nfit; i++) {
        if (c->fit[i] != c->fit[0]) AL_FAIL(AL_ERR_INPUT, "fitting widths must all be equal");
        if (c->fit[i] == d || c->fit[i] == 2 * d)
            AL_FAIL(AL_ERR_INPUT,
                    "fitting width %d must differ from the descriptor's length %d and its double", c->fit[i],
                    d);
    }
    return AL_ERR_OK;
}
