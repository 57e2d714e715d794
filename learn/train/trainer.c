// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "train/engine.h"
#include "train/stats.h"
#include "train/trainer_impl.h"

struct row { // mean squares over some frames; NaN where the label is absent
    double loss, e2, f2, v2;
};

struct frame_label train_label(const struct dp_system *s, int frame)
{
    size_t k = (size_t)frame;
    return (struct frame_label){.has_energy = s->have & AL_HAVE_ENERGY,
                                .energy = s->energy[k],
                                .force =
                                    s->have & AL_HAVE_FORCES ? s->force + 3 * (size_t)s->natoms * k : NULL,
                                .virial = s->have & AL_HAVE_VIRIAL ? s->virial + 9 * k : NULL};
}

// ---- creation --------------------------------------------------------------------------------------------

// Elements in the order of the data.
static enum al_err elements(const struct dp_dataset *d, struct dp_config *c)
{
    for (int s = 0; s < d->nsys; s++)
        for (int i = 0; i < d->sys[s].natoms; i++) {
            int z = d->sys[s].z[i];
            if (dp_config_type(c, z) >= 0) continue;
            if (c->ntypes == DP_MAX_TYPES)
                AL_FAIL(AL_ERR_INPUT, "data with more than %d elements", DP_MAX_TYPES);
            snprintf(c->type_map[c->ntypes++], DP_TYPE_NAME, "%s", al_element_symbol(z));
        }
    return AL_ERR_OK;
}

enum { SETTLED = 1000 };         // steps
static const double LOST = 100; // of squares

static double mean_square(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return n ? sum / (double)n : 0;
}

// Of the force labels of all frames; 0 without any.
static double force_square(const struct dp_dataset *d)
{
    double sum = 0, n = 0;
    for (int i = 0; i < d->nsys; i++) {
        const struct dp_system *s = &d->sys[i];
        size_t count = 3 * (size_t)s->natoms * (size_t)s->nframes;
        if (!(s->have & AL_HAVE_FORCES)) continue;
        sum += mean_square(s->force, count) * (double)count;
        n += (double)count;
    }
    return n > 0 ? sum / n : 0;
}

// The networks learn what the repulsion leaves.
static enum al_err take_remainder(struct trainer *t)
{
    const struct dp_config *c = &t->model->c;
    if (!dp_zbl_present(&c->zbl)) return AL_ERR_OK;
    AL_TRY(remainder_create(c, t->train, &t->rest));
    t->train = &t->rest->data;
    if (!t->valid) return AL_ERR_OK;
    AL_TRY(remainder_create(c, t->valid, &t->rest_valid));
    t->valid = &t->rest_valid->data;
    return AL_ERR_OK;
}

enum al_err train_settle_model(const struct train_options *o, const struct dp_dataset *train, struct dp_config *ret, double *ret_dmin)
{
    struct dp_config c = o->model;
    int max[DP_MAX_TYPES];
    if (!c.ntypes) AL_TRY(elements(train, &c));
    AL_TRY(env_scan(&c, train, max, ret_dmin));
    if (c.sel[0] == 0)
        for (int k = 0; k < c.ntypes; k++)
            c.sel[k] = max[k] ? stats_sel(max[k], o->sel_margin) : 4;
    AL_TRY(train_exportable(&c));
    *ret = c;
    return AL_ERR_OK;
}

static enum al_err fresh_model(struct trainer *t)
{
    struct dp_config c;
    double dmin;
    AL_TRY(train_settle_model(&t->o, t->train, &c, &dmin));
    AL_TRY(dp_model_create(&c, &t->model));
    AL_TRY(take_remainder(t));
    t->model->min_nbor_dist = dmin;
    struct al_rng rng;
    al_rng_stream(&rng, t->o.seed, "train-init", t->o.key[0], t->o.key[1], t->o.key[2]);
    dp_model_init(t->model, &rng);
    AL_TRY(env_cache_create(&c, t->train, t->o.cache_bytes, &t->env));
    AL_TRY(stats_environment(t->model, t->train, t->env));
    return stats_energy_bias(t->model, t->train, t->env);
}

static enum al_err warm_model(struct trainer *t)
{
    AL_TRY(dp_model_read(t->o.init, &t->model));
    if (dp_zbl_present(&t->model->left_out))
        AL_FAIL_HINT(AL_ERR_INPUT, "start from the file without .without_zbl in its name",
                     "%s holds the networks of a model without its ZBL repulsion", t->o.init);
    const struct dp_zbl_range *own = &t->model->c.zbl, *asked = &t->o.model.zbl;
    if (dp_zbl_present(asked) && (asked->inner != own->inner || asked->outer != own->outer))
        AL_FAIL_HINT(AL_ERR_INPUT, "a model keeps its own repulsion; train from the start to change it",
                     "ZBL repulsion from %g to %g Ang is asked for, but %s has %g and %g", asked->inner, asked->outer,
                     t->o.init, own->inner, own->outer);
    AL_TRY(take_remainder(t));
    return env_cache_create(&t->model->c, t->train, t->o.cache_bytes, &t->env);
}

static bool wanted(const double pref[2])
{
    return pref[0] != 0 || pref[1] != 0;
}

static void lcurve_header(struct trainer *t)
{
    const char *names[4] = {"rmse"};
    int n = 1;
    if (wanted(t->o.pref_e)) names[n++] = "rmse_e";
    if (wanted(t->o.pref_f)) names[n++] = "rmse_f";
    if (wanted(t->o.pref_v)) names[n++] = "rmse_v";
    fprintf(t->lcurve, "# step ");
    for (int i = 0; i < n; i++) {
        char val[16], trn[16];
        snprintf(val, sizeof val, "%s_val", names[i]);
        snprintf(trn, sizeof trn, "%s_trn", names[i]);
        if (t->valid)
            fprintf(t->lcurve, "   %11s %11s", val, trn);
        else
            fprintf(t->lcurve, "   %11s", trn);
    }
    fprintf(t->lcurve, "   lr      \n");
    fprintf(t->lcurve, "# If there is no available reference data, rmse_*_{val,trn} will print nan\n");
}

// After a restart the curve goes on where the checkpoint stands: rows beyond it are written again.
static enum al_err open_lcurve(struct trainer *t, bool resumed)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/lcurve.out", t->dir));
    bool keep = resumed && al_exists(path) && truncate(path, t->lcurve_bytes) == 0;
    if (t->lcurve) fclose(t->lcurve);
    t->lcurve = fopen(path, keep ? "r+" : "w");
    if (!t->lcurve) AL_FAIL(AL_ERR_IO, "cannot write %s", path);
    if (keep)
        fseek(t->lcurve, 0, SEEK_END);
    else
        lcurve_header(t);
    return AL_ERR_OK;
}

enum al_err trainer_lcurve_reopen(struct trainer *t)
{
    return open_lcurve(t, t->lcurve_bytes > 0);
}

static enum al_err prepare(struct trainer *t)
{
    if (!t->train->nsys || !dp_dataset_nframes(t->train)) AL_FAIL(AL_ERR_INPUT, "no training data");
    AL_TRY(t->o.init ? warm_model(t) : fresh_model(t));
    if (t->o.meta) AL_TRY(dp_model_set_meta(t->model, t->o.meta));
    if (t->valid) AL_TRY(env_cache_create(&t->model->c, t->valid, t->o.cache_bytes / 4, &t->valid_env));
    AL_TRY(gradient_create(t->model, t->o.path, &t->gradient));
    t->optimiser = optimiser_class_of(t->o.optimiser);
    AL_TRY(t->optimiser->create(t->model, &t->optimiser_state));
    AL_ALLOC(t->grad, t->model->nparam);
    struct al_rng rng;
    al_rng_stream(&rng, t->o.seed, "train-batch", t->o.key[0], t->o.key[1], t->o.key[2]);
    AL_TRY(batcher_create(t->train, t->o.batch, t->o.pooled, &rng, &t->batcher));
    if (!t->dir) return checkpoint_pack(t, &t->initial, &t->initial_bytes);
    bool resumed;
    train_identity(t, t->identity);
    AL_TRY(checkpoint_pack(t, &t->initial, &t->initial_bytes));
    AL_TRY(checkpoint_read(t, &resumed));
    return open_lcurve(t, resumed);
}

enum al_err trainer_create(const struct train_options *o, const struct dp_dataset *train,
                           const struct dp_dataset *valid, struct trainer **ret)
{
    AL_TRY(train_options_check(o));
    AL_OWN(trainer) t = NULL;
    AL_ALLOC(t, 1);
    t->o = *o;
    t->o.cool_from = t->o.cool_steps = 0;
    t->best = INFINITY;
    t->lr_scale = 1;
    t->train = train;
    t->valid = valid && dp_dataset_nframes(valid) ? valid : NULL;
    AL_TRY(al_strdup(o->dir, &t->dir));
    AL_TRY_MSG(prepare(t), "setting up the training");
    t->force2 = force_square(t->train);
    t->o.init = t->o.meta = t->o.fingerprint = t->o.dir = NULL; // the strings are the caller's
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}

void trainer_destroy(struct trainer **tp)
{
    struct trainer *t = *tp;
    if (!t) return;
    if (t->lcurve) fclose(t->lcurve);
    gradient_destroy(&t->gradient);
    env_cache_destroy(&t->env);
    env_cache_destroy(&t->valid_env);
    remainder_destroy(&t->rest);
    remainder_destroy(&t->rest_valid);
    batcher_destroy(&t->batcher);
    if (t->optimiser) t->optimiser->destroy(t->optimiser_state);
    dp_model_destroy(&t->model);
    al_free(t->grad);
    free(t->initial);
    al_free(t->batch);
    al_free(t->batch_loss);
    al_free(t->dir);
    al_free(t);
    *tp = NULL;
}

int trainer_recoveries(const struct trainer *t)
{
    return t->recoveries;
}

long trainer_step(const struct trainer *t)
{
    return t->step;
}

const struct dp_model *trainer_model(const struct trainer *t)
{
    return t->model;
}

// ---- a step ----------------------------------------------------------------------------------------------

static void add_row(struct row *r, const struct dp_system *s, const struct frame_loss *l, double weight)
{
    double n2 = (double)s->natoms * s->natoms;
    r->loss += weight * l->loss;
    r->e2 += s->have & AL_HAVE_ENERGY ? weight * l->de2 / n2 : (double)NAN;
    r->f2 += s->have & AL_HAVE_FORCES ? weight * l->df2 : (double)NAN;
    r->v2 += s->have & AL_HAVE_VIRIAL ? weight * l->dv2 / n2 : (double)NAN;
}

// A network that says nothing at all has the labels' own rms as its error; one that is tenfold worse than that has lost its way, however
// finite the loss, and would only come back to some worse place. Not in the first steps, whose weights are random.
static enum al_err check_lost(const struct trainer *t, const struct dp_system *s, const int *frames, int n, const struct row *r)
{
    double own = 0;
    if (t->step < SETTLED || !(r->f2 > LOST * t->force2)) return AL_ERR_OK;
    size_t count = 3 * (size_t)s->natoms;
    for (int k = 0; k < n; k++)
        own = fmax(own, mean_square(s->force + count * (size_t)frames[k], count)); // labels that are far out themselves are no fault of the network
    if (r->f2 > LOST * own)
        AL_FAIL(AL_ERR_UNPHYSICAL, "the force error is %.3g eV/Ang where labels have %.3g", sqrt(r->f2), sqrt(fmax(own, t->force2)));
    return AL_ERR_OK;
}

// Next batch at the present parameters; gradient into t->grad unless loss_only.
static enum al_err do_batch(struct trainer *t, bool loss_only, struct row *ret)
{
    struct row r = {0};
    int system, n;
    const int *frames;
    struct loss_weights w = train_prefactors(&t->o, t->step);
    batcher_next(t->batcher, &system, &n, &frames);
    const struct dp_system *s = &t->train->sys[system];
    if (!loss_only) memset(t->grad, 0, t->model->nparam * sizeof *t->grad);
    if (n > t->batch_cap) {
        AL_GROW(t->batch, t->batch_cap, n);
        AL_GROW(t->batch_loss, t->batch_cap, n);
        t->batch_cap = n;
    }
    for (int k = 0; k < n; k++) {
        t->batch[k].label = train_label(s, frames[k]);
        t->batch[k].weight = s->weight[frames[k]];
        AL_TRY(env_cache_get(t->env, system, frames[k], k, &t->batch[k].layout));
    }
    AL_TRY_MSG(gradient_batch(t->gradient, n, t->batch, &w, 1.0 / n, loss_only ? NULL : t->grad, t->batch_loss),
               "step %ld, frames %d ... of system %s", t->step, frames[0], s->name);
    for (int k = 0; k < n; k++)
        add_row(&r, s, &t->batch_loss[k], 1.0 / n);
    *ret = r;
    return check_lost(t, s, frames, n, &r);
}

// Validation: valid_batches frames evenly spaced over all systems (0 = all), weighted by their atoms.
static enum al_err validate(struct trainer *t, struct row *ret)
{
    long total = dp_dataset_nframes(t->valid), want = t->o.valid_batches;
    if (want <= 0 || want > total) want = total;
    struct row r = {0};
    struct loss_weights w = train_prefactors(&t->o, t->step);
    double weights = 0;
    for (int pass = 0; pass < 2; pass++) // the sum of weights first
        for (long k = 0; k < want; k++) {
            long i = k * total / want;
            int s = 0;
            while (i >= t->valid->sys[s].nframes)
                i -= t->valid->sys[s++].nframes;
            const struct dp_system *q = &t->valid->sys[s];
            if (!pass) {
                weights += q->natoms;
                continue;
            }
            const struct dp_layout *l;
            struct frame_loss loss;
            struct frame_label label = train_label(q, (int)i);
            AL_TRY(env_cache_get(t->valid_env, s, (int)i, 0, &l));
            AL_TRY_MSG(gradient_frame(t->gradient, l, &label, &w, 1, NULL, &loss), "validation at step %ld",
                       t->step);
            add_row(&r, q, &loss, q->natoms / weights);
        }
    *ret = r;
    return AL_ERR_OK;
}

static void lcurve_pair(struct trainer *t, double val, double trn)
{
    if (t->valid)
        fprintf(t->lcurve, "   %11.2e %11.2e", sqrt(val), sqrt(trn));
    else
        fprintf(t->lcurve, "   %11.2e", sqrt(trn));
}

// Early stop: no validation error lower by 2 % for `patience` rows, then the learning rate comes down over a
// quarter of the steps done, instead of at the end of all steps. (To stop at once would keep the noise of a high
// learning rate.)
static void watch(struct trainer *t, double error2)
{
    struct train_options *o = &t->o;
    double error = sqrt(error2);
    if (!o->patience || o->cool_from || !t->step || isnan(error)) return;
    if (error < 0.98 * t->best) {
        t->best = error;
        t->waited = 0;
    } else if (++t->waited >= o->patience) {
        long n = t->step / 4 + 1;
        if (n >= o->steps - t->step) return;
        o->cool_from = t->step;
        o->cool_steps = n;
    }
}

static enum al_err report(struct trainer *t, const struct row *trn)
{
    struct row val = {NAN, NAN, NAN, NAN};
    if (t->valid) AL_TRY(validate(t, &val));
    double lr = t->lr_scale * train_learning_rate(&t->o, t->step);
    watch(t, isnan(val.f2) ? val.e2 : val.f2);
    if (t->lcurve) {
        fprintf(t->lcurve, "%7ld", t->step);
        lcurve_pair(t, val.loss, trn->loss);
        if (wanted(t->o.pref_e)) lcurve_pair(t, val.e2, trn->e2);
        if (wanted(t->o.pref_f)) lcurve_pair(t, val.f2, trn->f2);
        if (wanted(t->o.pref_v)) lcurve_pair(t, val.v2, trn->v2);
        fprintf(t->lcurve, "   %8.1e\n", lr);
        fflush(t->lcurve);
    }
    if (t->o.observe) {
        struct train_progress p = {t->step,       train_last_step(&t->o), lr, trn->loss, sqrt(trn->e2), sqrt(trn->f2),
                                   sqrt(trn->v2), sqrt(val.e2), sqrt(val.f2), sqrt(val.v2)};
        t->o.observe(t->o.ctx, &p);
    }
    return AL_ERR_OK;
}

// ---- the run ---------------------------------------------------------------------------------------------

static enum al_err run_steps(struct trainer *t)
{
    double last = al_clock();
    while (t->step < train_last_step(&t->o)) {
        struct row r;
        AL_TRY(do_batch(t, false, &r));
        if (t->step % t->o.report_every == 0) AL_TRY(report(t, &r));
        AL_TRY(t->optimiser->update(t->optimiser_state, t->step + 1,
                                    t->lr_scale * train_learning_rate(&t->o, t->step), t->grad, t->model->param));
        t->step++;
        if (t->o.check_stop && t->o.check_stop(t->o.ctx) && t->step < train_last_step(&t->o)) {
            if (t->dir) AL_TRY(checkpoint_write(t));
            AL_FAIL(AL_ERR_STOPPED, "training stopped at step %ld of %ld", t->step, train_last_step(&t->o));
        }
        if (t->dir && t->o.checkpoint_seconds >= 0 && al_clock() - last >= t->o.checkpoint_seconds) {
            AL_TRY(checkpoint_write(t));
            last = al_clock();
        }
    }
    return AL_ERR_OK;
}

static enum al_err run_to_end(struct trainer *t)
{
    AL_TRY(run_steps(t));
    // Before the last row of lcurve.out, so that running a finished training again writes the same files.
    if (t->dir) AL_TRY(checkpoint_write(t));
    struct row r;
    AL_TRY(do_batch(t, true, &r));
    return report(t, &r);
}

enum al_err trainer_run(struct trainer *t)
{
    enum al_err e;
    while ((e = run_to_end(t)) == AL_ERR_UNPHYSICAL)
        AL_TRY(trainer_recover(t));
    AL_TRY(e);
    if (!t->dir) return AL_ERR_OK;
    if (fflush(t->lcurve) || fsync(fileno(t->lcurve)))
        AL_FAIL(AL_ERR_IO, "cannot write %s/lcurve.out", t->dir);
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/model.dp", t->dir));
    return dp_model_write(path, t->model);
}
