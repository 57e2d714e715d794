// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb train: one member of the committee on all data gathered so far.
#include <math.h>

#include "base/mem.h"
#include "config/commands.h"
#include "deepmd/deepmd.h"
#include "worker/registry.h"
#include "worker/trainopt.h"

struct train_ctx {
    struct task *t;
    struct train_progress last;
};

static void on_progress(void *ctx, const struct train_progress *p)
{
    struct train_ctx *c = ctx;
    c->last = *p;
    task_progress(c->t, p->step, p->steps, "member %d force %.3f eV/Ang energy %.1f meV/atom lr %.1e", c->t->index,
                  p->rmse_f, 1e3 * p->rmse_e, p->lr);
}

static bool on_check_stop(void *ctx)
{
    return task_should_stop(((struct train_ctx *)ctx)->t);
}

static enum al_err model_of(const struct loop_config *cfg, struct dp_config *ret)
{
    const struct cfg_train *c = &cfg->train;
    struct dp_config m;
    int n, z[CFG_MAX_LIST];
    dp_config_default(&m);
    if (cfg->nsystems) AL_TRY(loop_config_elements(cfg, &n, z));
    else n = 0; // by hand: the elements of the data
    if (n > DP_MAX_TYPES) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d elements", DP_MAX_TYPES);
    if (c->nneurons > DP_MAX_LAYERS || c->nfitting > DP_MAX_LAYERS)
        AL_FAIL(AL_ERR_INPUT, "more than %d layers", DP_MAX_LAYERS);
    m.ntypes = n;
    for (int i = 0; i < n; i++) {
        snprintf(m.type_map[i], sizeof m.type_map[i], "%s", al_element_symbol(z[i]));
    }
    for (int i = 0; i < DP_MAX_TYPES; i++)
        m.sel[i] = c->sel_auto || i >= c->nsel ? 0 : c->sel[i];
    m.rcut = c->rcut;
    m.rcut_smth = c->rcut_smooth;
    m.rcut_angular = c->rcut_angular;
    m.neuron_angular = c->rcut_angular > 0 ? c->angular_neurons : 0;
    m.nneuron = c->nneurons;
    memcpy(m.neuron, c->neurons, sizeof(int) * (size_t)c->nneurons);
    m.axis_neuron = c->axis_neurons;
    m.type_one_side = c->type_one_side;
    m.zbl = (struct dp_zbl_range){c->zbl_inner, c->zbl_outer};
    m.nfit = c->nfitting;
    memcpy(m.fit, c->fitting, sizeof(int) * (size_t)c->nfitting);
    *ret = m;
    return AL_ERR_OK;
}

// Data directory when it has systems, else an empty set.
static enum al_err read_data(const char *dir, struct dp_dataset **ret)
{
    if (al_exists(dir)) {
        const char *paths[] = {dir};
        AL_TRY(dp_dataset_read(paths, 1, ret));
    } else {
        AL_TRY(dp_dataset_create(ret));
    }
    return AL_ERR_OK;
}

static enum al_err results(struct task *t, const struct dp_dataset *valid)
{
    char path[AL_PATH];
    const char *const files[] = {"lcurve.out", "model.dp"};
    for (int i = 0; i < 2; i++) {
        AL_TRY(task_path(t, path, files[i]));
        AL_TRY(task_artifact(t, path));
    }
    if (dp_dataset_nframes(valid)) {
        struct train_rmse r;
        AL_OWN(dp_model) m = NULL;
        AL_TRY(dp_model_read(path, &m));
        AL_TRY(train_rmse(m, valid, 1, -1, &r));
        AL_TRY(task_fact_real(t, "force_rmse", r.f));
        AL_TRY(task_fact_real(t, "energy_rmse", r.e));
    }
    return AL_ERR_OK;
}

static enum gradient_path path_of(const char *precision)
{
    if (!strcmp(precision, "mixed")) return GRADIENT_MIXED;
    return strcmp(precision, "double") ? GRADIENT_PLAIN : GRADIENT_DOUBLE;
}

enum al_err train_options_of(const struct loop_config *cfg, bool warm, struct train_options *ret)
{
    const struct cfg_train *c = &cfg->train;
    struct train_options o;
    train_options_default(&o);
    AL_TRY(model_of(cfg, &o.model));
    o.steps = warm && c->steps_next ? c->steps_next : c->steps;
    o.batch = c->batch;
    o.pooled = true; // the sets of the iterations; the newest frames must not wait for the last steps
    o.path = path_of(c->precision);
    if (!optimiser_find(c->optimiser, &o.optimiser)) AL_FAIL(AL_ERR_INPUT, "optimiser '%s'", c->optimiser);
    o.schedule = strcmp(c->schedule, "cosine") ? SCHEDULE_EXPONENTIAL : SCHEDULE_COSINE;
    o.lr_start = !warm ? c->lr_start : c->lr_start_next > 0 ? c->lr_start_next : fmax(c->lr_start / 3, c->lr_stop);
    o.lr_stop = c->lr_stop;
    o.decay_steps = o.steps / 200 > 0 ? o.steps / 200 : 1; // deepmd's own rule hardly decays in runs of some thousand steps
    o.sel_margin = 1.5; // hot and compressed frames have more neighbours than the perturbed ones
    memcpy(o.pref_e, c->pref_e, sizeof o.pref_e);
    memcpy(o.pref_f, c->pref_f, sizeof o.pref_f);
    memcpy(o.pref_v, c->pref_v, sizeof o.pref_v);
    o.seed = cfg->seed;
    o.report_every = o.steps >= 2000 ? 100 : 20;
    if (c->patience) o.report_every = o.steps / 100 > 0 ? o.steps / 100 : 1;
    o.valid_batches = c->patience ? 16 : 4;
    o.patience = c->patience;
    o.checkpoint_seconds = 30;
    *ret = o;
    return AL_ERR_OK;
}

enum al_err train_leave_out(struct task *t, struct dp_dataset *d, int *ret_out)
{
    int n, before = dp_dataset_nframes(d);
    AL_TRY(dp_dataset_leave_out(d, t->cfg->train.max_force, &n));
    if (n && n == before)
        AL_FAIL_HINT(AL_ERR_INPUT, "raise train.max_force", "each of the %d training frames has a force above %g eV/Ang", n, t->cfg->train.max_force);
    if (n) AL_TRY(task_fact_int(t, "left_out", n));
    if (ret_out) *ret_out = n;
    return AL_ERR_OK;
}

enum al_err train_engine_of(const struct task *t, struct train_options *o, const struct trainer_ops **ret)
{
    const char *program = t->cfg->resources.deepmd;
    AL_TRY(registry_trainer(t->cfg->train.engine, ret));
    if (*ret == &trainer_deepmd) AL_TRY(commands_may_start("resources.deepmd", program));
    o->program = program;
    o->threads = t->threads;
    o->patience_seconds = 1e-15 * t->cfg->resources.heartbeat;
    AL_TRY((*ret)->check(o));
    return AL_ERR_OK;
}

enum al_err deepmd_print(int argc, char **argv, FILE *out)
{
    struct dpkit p;
    char version[128];
    if (argc != 3) AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker deepmd NAME");
    AL_TRY(commands_may_start("resources.deepmd", argv[2]));
    AL_TRY(dpkit_find(argv[2], &p));
    AL_TRY(dpkit_probe(&p, version, sizeof version));
    al_yaml_str(out, 0, "version", version);
    al_yaml_str(out, 0, "program", p.path);
    return AL_ERR_OK;
}

enum al_err verb_train(struct task *t)
{
    const struct cfg_train *c = &t->cfg->train;
    AL_OWN(dp_dataset) train = NULL;
    AL_OWN(dp_dataset) valid = NULL;
    AL_TRY(read_data("data/train", &train));
    AL_TRY(read_data("data/valid", &valid));
    AL_TRY(train_leave_out(t, train, NULL));
    struct train_ctx ctx = {.t = t};
    struct train_options o;
    struct train_outcome done;
    const struct trainer_ops *engine;
    char meta[512];
    const char *init = c->warm_start ? al_node_str(t->inputs, "init", NULL) : NULL;
    AL_TRY(train_options_of(t->cfg, init != NULL, &o));
    o.init = init;
    o.key[0] = (uint64_t)t->iteration;
    o.key[1] = (uint64_t)t->index;
    o.dir = t->id;
    snprintf(meta, sizeof meta, "{\"program\":\"alnd\",\"task\":\"%s\",\"identity\":\"%s\",\"demonstration\":%s}", t->id,
             t->identity, t->cfg->demonstration ? "true" : "false");
    o.meta = meta;
    o.fingerprint = t->identity;
    o.observe = on_progress;
    o.check_stop = on_check_stop;
    o.ctx = &ctx;
    AL_TRY(train_engine_of(t, &o, &engine));
    AL_TRY(engine->run(&o, train, dp_dataset_nframes(valid) ? valid : NULL, &done));
    AL_TRY(results(t, valid));
    return AL_ERR_OK;
}
