// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "deepmd/deepmd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

static const double poll_seconds = 0.1, silence_seconds = 600;

struct run {
    const struct train_options *o;
    const struct dp_dataset *train, *valid;
    struct dp_config model; // settled
    double dmin;
    struct dpkit program;
    char dir[AL_PATH]; // options.dir/deepmd
    struct dpkit_curve *curve;
    long resumed;      // step; -1: from the start
    long seen;         // last row; -1
    pid_t pid;         // 0: none runs
    long log_from;     // byte of dp.log where the running command's output begins
};

static enum al_err file(const struct run *r, char ret[AL_PATH], const char *name)
{
    AL_TRY(al_path(ret, "%s/%s", r->dir, name));
    return AL_ERR_OK;
}

// --- settings ------------------------------------------------------------------------------------------

static enum al_err check(const struct train_options *o)
{
    AL_TRY(train_options_check(o));
    if (o->optimiser != OPTIMISER_ADAM)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "train.optimiser: adam, or train.engine: builtin", "deepmd-kit (TensorFlow) has no optimiser but Adam");
    if (dp_zbl_present(&o->model.zbl))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "without train.zbl, or train.engine: builtin", "deepmd-kit cannot train a se_e2_a model with ZBL repulsion");
    if (dp_angular(&o->model))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "without train.descriptor.rcut_angular, or train.engine: builtin", "deepmd-kit has no descriptor with these angles");
    if (o->patience)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "train.patience: 0, or train.engine: builtin", "deepmd-kit has no early stop");
    return AL_ERR_OK;
}

// deepmd-kit would pass over the file weight.npy without a word.
static enum al_err check_weights(const struct dp_dataset *d)
{
    for (int s = 0; s < d->nsys; s++)
        for (int i = 0; i < d->sys[s].nframes; i++)
            if (d->sys[s].weight[i] != 1)
                AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "train.engine: builtin knows them", "frame %d of %s has weight %g: deepmd-kit has no weights of frames",
                             i, d->sys[s].name, d->sys[s].weight[i]);
    return AL_ERR_OK;
}

static enum al_err settle(struct run *r)
{
    if (!r->o->init) {
        AL_TRY(train_settle_model(r->o, r->train, &r->model, &r->dmin));
        return AL_ERR_OK;
    }
    AL_OWN(dp_model) m = NULL;
    struct train_options own = *r->o;
    AL_TRY(dp_model_read(r->o->init, &m));
    if (dp_zbl_present(&m->c.zbl) || dp_zbl_present(&m->left_out))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "train.engine: builtin", "%s has a ZBL repulsion, which deepmd-kit cannot go on with", r->o->init);
    if (dp_angular(&m->c))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "train.engine: builtin", "%s has angles in its descriptor, which deepmd-kit cannot go on with", r->o->init);
    own.model = m->c;
    AL_TRY(train_settle_model(&own, r->train, &r->model, &r->dmin));
    if (m->min_nbor_dist > 0 && m->min_nbor_dist < r->dmin) r->dmin = m->min_nbor_dist;
    return AL_ERR_OK;
}

// --- the directory -------------------------------------------------------------------------------------

static enum al_err identity(const struct run *r, const char *input, char ret[65])
{
    struct al_sha256 h;
    char hex[65];
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-deepmd-1");
    al_sha256_string(&h, r->o->fingerprint ? r->o->fingerprint : "");
    al_sha256_string(&h, input);
    if (r->o->init) {
        AL_TRY(al_sha256_file(r->o->init, hex));
        al_sha256_string(&h, hex);
    }
    al_sha256_hex(&h, ret);
    return AL_ERR_OK;
}

// What lies there of a training with other settings or inputs goes; the identity is written when data and input are whole.
static enum al_err make_directory(struct run *r)
{
    char path[AL_PATH], model[AL_PATH], id[65];
    AL_AUTOFREE char *input = NULL;
    AL_AUTOFREE char *old = NULL;
    AL_TRY(al_path(r->dir, "%s/deepmd", r->o->dir));
    AL_TRY(dpkit_input(r->o, &r->model, r->train, r->valid, &input));
    AL_TRY(identity(r, input, id));
    AL_TRY(file(r, path, "identity"));
    if (al_exists(path)) AL_TRY(al_file_read(path, 0, &old, NULL));
    AL_TRY(file(r, path, "done"));
    AL_TRY(al_path(model, "%s/model.dp", r->o->dir));
    bool taken_away = al_exists(path) && !al_exists(model);
    if (old && strcmp(old, id) == 0 && !taken_away) return AL_ERR_OK;
    if (al_exists(r->dir)) AL_TRY(al_remove_tree(r->dir));
    AL_TRY(al_mkdirs(r->dir));
    AL_TRY(file(r, path, "input.json"));
    AL_TRY(al_file_write(path, input, strlen(input)));
    AL_TRY(file(r, path, "data/train"));
    AL_TRY(al_mkdirs(path));
    AL_TRY(dp_dataset_write_npy(r->train, path));
    AL_TRY(file(r, path, "data/valid"));
    if (r->valid) AL_TRY(al_mkdirs(path));
    if (r->valid) AL_TRY(dp_dataset_write_npy(r->valid, path));
    AL_TRY(file(r, path, "identity"));
    AL_TRY(al_file_write(path, id, strlen(id)));
    return AL_ERR_OK;
}

// --- while it runs -------------------------------------------------------------------------------------

static enum al_err not_finite(struct run *r, long step)
{
    dpkit_kill(r->pid);
    r->pid = 0;
    AL_FAIL_HINT(AL_ERR_UNPHYSICAL, "a lower train.learning_rate.start", "deepmd-kit: the loss is not finite at step %ld", step);
}

// Rows that are there now.
static enum al_err drain(struct run *r)
{
    struct train_progress p;
    bool any;
    for (;;) {
        AL_TRY(dpkit_curve_next(r->curve, &p, &any));
        if (!any) return AL_ERR_OK;
        r->seen = p.step;
        p.steps = r->o->steps;
        if (!isfinite(p.loss)) AL_TRY(not_finite(r, p.step));
        if (r->o->observe && p.step >= r->resumed) r->o->observe(r->o->ctx, &p); // rows of before a restart were told then
    }
}

// It ended with another code than 0: what its last words mean.
static enum al_err failed(struct run *r, const char *command, int code)
{
    char why[300];
    dpkit_reason(r->dir, r->log_from, why, sizeof why);
    if (strstr(why, "No space left on device") || strstr(why, "Disk quota exceeded"))
        AL_FAIL(AL_ERR_NOSPACE, "dp %s: %s", command, why);
    if (strstr(why, "NaN detected"))
        AL_FAIL_HINT(AL_ERR_UNPHYSICAL, "a lower train.learning_rate.start", "deepmd-kit: the loss is not finite after step %ld: %s", r->seen, why);
    if (code < 0) AL_FAIL(AL_ERR_LOST, "dp %s ended with signal %d after step %ld: %s", command, -code, r->seen, why);
    if (strncmp(why, "MemoryError", 11) == 0 || strstr(why, "ResourceExhausted")) AL_FAIL(AL_ERR_NOMEM, "dp %s: %s", command, why);
    if (strcmp(command, "train") == 0 && r->resumed > 0 && r->seen <= r->resumed) { // a damaged checkpoint would fail again and again
        AL_TRY(dpkit_remove_checkpoint(r->dir, r->resumed));
        AL_FAIL(AL_ERR_LOST, "dp train cannot go on from its checkpoint of step %ld: %s", r->resumed, why);
    }
    AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "its input.json and dp.log lie in the directory deepmd of the task", "dp %s ended with code %d: %s", command,
                 code, why);
}

static enum al_err stopped(struct run *r, const char *command)
{
    long step = -1;
    dpkit_kill(r->pid); // it has no way to be asked; what it loses is the way from its last checkpoint
    r->pid = 0;
    AL_TRY(dpkit_checkpoint(r->dir, &step));
    AL_FAIL(AL_ERR_STOPPED, "dp %s stopped on request; step %ld of %ld is kept", command, step < 0 ? 0 : step, r->o->steps);
}

// A row, or a second of processor time, is a sign of life.
static enum al_err watch(struct run *r, const char *command, bool rows)
{
    const double patience = r->o->patience_seconds > 0 ? r->o->patience_seconds : silence_seconds;
    double heard = al_clock(), cpu = 0;
    for (bool ended = false; !ended;) {
        int code = 0;
        long before = r->seen;
        AL_TRY(dpkit_poll(r->pid, &ended, &code));
        if (ended) r->pid = 0;
        if (rows) AL_TRY(drain(r));
        if (ended && code == 0) break;
        if (r->o->check_stop && r->o->check_stop(r->o->ctx)) AL_TRY(stopped(r, command)); // the signal may have gone to both
        if (ended) AL_TRY(failed(r, command, code));
        double used = al_child_cpu_seconds(r->pid);
        if (r->seen > before || used >= cpu + 1) {
            heard = al_clock();
            cpu = used;
        }
        if (al_clock() - heard > patience) AL_FAIL(AL_ERR_LOST, "dp %s: no sign of life for %.0f s after step %ld", command, patience, r->seen);
        nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * poll_seconds)}, NULL);
    }
    return AL_ERR_OK;
}

static enum al_err dp(struct run *r, const char *command, const char *const *args, bool rows)
{
    r->log_from = dpkit_log_size(r->dir);
    AL_TRY(dpkit_start(&r->program, r->dir, args, &r->pid));
    AL_TRY(watch(r, command, rows));
    return AL_ERR_OK;
}

// --- the way from input to model -----------------------------------------------------------------------

// The model that it starts from, in deepmd-kit's backend. It is renamed when it is whole.
static enum al_err warm_start(struct run *r)
{
    char from[AL_PATH], made[AL_PATH], pb[AL_PATH];
    static const char *const args[] = {"convert-backend", "init.dp", "init.new.pb", NULL};
    AL_TRY(file(r, pb, "init.pb"));
    if (al_exists(pb)) return AL_ERR_OK;
    AL_TRY(file(r, from, "init.dp"));
    AL_TRY(al_file_copy(r->o->init, from));
    AL_TRY(dp(r, "convert-backend", args, false));
    AL_TRY(file(r, made, "init.new.pb"));
    AL_TRY(dpkit_make_start(made));
    AL_TRY(al_file_publish(made, pb));
    unlink(from);
    return AL_ERR_OK;
}

static enum al_err train(struct run *r)
{
    char path[AL_PATH], from[64];
    const char *args[] = {"--tf", "train", "input.json", "--skip-neighbor-stat", "-o", "out.json", NULL, NULL, NULL};
    AL_TRY(dpkit_checkpoint(r->dir, &r->resumed));
    AL_TRY(file(r, path, "lcurve.out"));
    // its last row comes before its last checkpoint; every other one is written again
    if (r->resumed < r->o->steps) AL_TRY(dpkit_curve_cut(path, r->resumed < 0 ? 0 : r->resumed));
    AL_TRY(drain(r));
    if (r->resumed > 0 && r->o->resumed) r->o->resumed(r->o->ctx, r->resumed);
    if (r->resumed >= r->o->steps) return AL_ERR_OK;
    if (r->resumed > 0) {
        snprintf(from, sizeof from, "model.ckpt-%ld", r->resumed);
        args[6] = "--restart";
        args[7] = from;
    } else if (r->o->init) {
        AL_TRY(warm_start(r));
        args[6] = "--init-frz-model";
        args[7] = "init.pb";
    }
    AL_TRY(dp(r, "train", args, true));
    long last; // of rows it may be an earlier one: they come every report_every steps
    AL_TRY(dpkit_checkpoint(r->dir, &last));
    if (last != r->o->steps) AL_FAIL(AL_ERR_LOST, "dp train ended by itself, its last checkpoint of step %ld of %ld", last, r->o->steps);
    return AL_ERR_OK;
}

// The checkpoint that is frozen is the one that the file `checkpoint` names: after a whole training the last.
static enum al_err take_model(struct run *r)
{
    static const char *const freeze[] = {"--tf", "freeze", "-c", ".", "-o", "frozen.pb", NULL};
    static const char *const convert[] = {"convert-backend", "frozen.pb", "frozen.dp", NULL};
    char path[AL_PATH];
    AL_OWN(dp_model) m = NULL;
    AL_TRY(dp(r, "freeze", freeze, false));
    AL_TRY(dp(r, "convert-backend", convert, false));
    AL_TRY(file(r, path, "frozen.dp"));
    AL_TRY_MSG(dp_model_read(path, &m), "what deepmd-kit made");
    m->min_nbor_dist = r->dmin;
    if (r->o->meta) AL_TRY(dp_model_set_meta(m, r->o->meta));
    unlink(path);
    AL_TRY(al_path(path, "%s/model.dp", r->o->dir));
    AL_TRY(dp_model_write(path, m));
    return AL_ERR_OK;
}

// What is large and needed for going on only. The file `done` comes first: it says that the model is whole.
static enum al_err clean(struct run *r)
{
    static const char *const name[] = {"data", "init.pb", "init.dp", "init.new.pb", "input_v2_compat.json"};
    char path[AL_PATH];
    AL_TRY(file(r, path, "done"));
    AL_TRY(al_file_write(path, "", 0));
    AL_TRY(dpkit_remove_checkpoint(r->dir, -1));
    for (int i = 0; i < 5; i++) {
        AL_TRY(file(r, path, name[i]));
        if (al_exists(path)) AL_TRY(al_remove_tree(path));
    }
    return AL_ERR_OK;
}

static enum al_err go(struct run *r)
{
    char path[AL_PATH], model[AL_PATH], ours[AL_PATH];
    AL_TRY(file(r, path, "lcurve.out"));
    AL_TRY(al_path(ours, "%s/lcurve.out", r->o->dir));
    AL_TRY(dpkit_curve_open(path, ours, &r->curve));
    AL_TRY(file(r, path, "done"));
    AL_TRY(al_path(model, "%s/model.dp", r->o->dir));
    if (al_exists(path) && al_exists(model)) {
        AL_TRY(drain(r));
    } else {
        AL_TRY(dpkit_find(r->o->program ? r->o->program : "dp", &r->program));
        r->program.threads = r->o->threads > 0 ? r->o->threads : 1;
        AL_TRY(train(r));
        AL_TRY(take_model(r));
    }
    AL_TRY(dpkit_curve_publish(r->curve));
    AL_TRY(clean(r));
    return AL_ERR_OK;
}

static enum al_err run(const struct train_options *o, const struct dp_dataset *train, const struct dp_dataset *valid, struct train_outcome *ret)
{
    struct run r = {.o = o, .train = train, .valid = valid && dp_dataset_nframes(valid) ? valid : NULL, .resumed = -1, .seen = -1};
    AL_TRY(check(o));
    if (!o->dir) AL_FAIL(AL_ERR_BUG, "deepmd-kit needs a directory");
    if (!dp_dataset_nframes(train)) AL_FAIL(AL_ERR_INPUT, "no training data");
    AL_TRY(check_weights(train));
    AL_TRY(settle(&r));
    AL_TRY(make_directory(&r));
    enum al_err e = go(&r);
    if (r.pid) dpkit_kill(r.pid);
    dpkit_curve_destroy(&r.curve);
    AL_TRY(e);
    *ret = (struct train_outcome){.steps = o->steps};
    return AL_ERR_OK;
}

const struct trainer_ops trainer_deepmd = {"deepmd", check, run};
