// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb fit: one model on any labelled data, for `alnd train`. Input run: train.yaml {data: [paths], valid: [paths], from: model or
// absent, test: every how many frames of the training data are in the errors of the summary}. The working directory holds
// model.dp, lcurve.out, checkpoint.bin, train.log, summary.yaml, and model.without_zbl.dp of a model with repulsion.
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "worker/data.h"
#include "worker/trainopt.h"

static const double checkpoint_seconds = 60, log_seconds = 10;

struct fit {
    struct task *t;
    FILE *log;
    double started, last_log; // monotonic, s
    long first_step;          // of this process; -1: not known yet
    struct train_progress last;
};

[[gnu::format(printf, 2, 3)]] static void log_line(struct fit *f, const char *fmt, ...)
{
    char stamp[32];
    time_t t = time(NULL);
    struct tm utc;
    va_list ap;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
    fprintf(f->log, "ts=%s ", stamp);
    va_start(ap, fmt);
    vfprintf(f->log, fmt, ap);
    va_end(ap);
    fputc('\n', f->log);
    fflush(f->log);
}

static double per_step(const struct fit *f, long step)
{
    return f->first_step >= 0 && step > f->first_step ? (al_clock() - f->started) / (double)(step - f->first_step) : 0;
}

// "force 0.123 eV/Ang, energy 4.5 meV/atom", of validation where there is any
static void errors_text(const struct train_progress *p, char *ret, size_t n)
{
    bool val = !isnan(p->val_rmse_f) || !isnan(p->val_rmse_e);
    double e = val ? p->val_rmse_e : p->rmse_e, f = val ? p->val_rmse_f : p->rmse_f;
    int k = snprintf(ret, n, "loss %.3g", p->loss);
    if (!isnan(f)) k += snprintf(ret + k, n - (size_t)k, ", force %.3f eV/Ang", f);
    if (!isnan(e) && k < (int)n) k += snprintf(ret + k, n - (size_t)k, ", energy %.1f meV/atom", 1e3 * e);
    if (isnan(f) && isnan(e) && k < (int)n) snprintf(ret + k, n - (size_t)k, ", virial %.1f meV/atom", 1e3 * p->rmse_v);
}

static void on_progress(void *ctx, const struct train_progress *p)
{
    struct fit *f = ctx;
    char text[120], left[32] = "";
    if (f->first_step < 0) {
        f->first_step = p->step;
        f->started = al_clock();
    }
    f->last = *p;
    errors_text(p, text, sizeof text);
    double per = per_step(f, p->step);
    if (per > 0) task_time_left(per * (double)(p->steps - p->step), left);
    task_progress(f->t, p->step, p->steps, "%s%s%s%s", left, left[0] ? " left, " : "", text, "");
    if (al_clock() - f->last_log < log_seconds && p->step != p->steps && p->step != f->first_step) return;
    f->last_log = al_clock();
    log_line(f, "ev=step step=%ld of=%ld loss=%.6g rmse_e=%.4g rmse_f=%.4g rmse_v=%.4g val_rmse_e=%.4g val_rmse_f=%.4g val_rmse_v=%.4g "
                "lr=%.3g seconds_per_step=%.4g", p->step, p->steps, p->loss, p->rmse_e, p->rmse_f, p->rmse_v, p->val_rmse_e, p->val_rmse_f,
             p->val_rmse_v, p->lr, per);
}

static void on_warn(void *ctx, const char *text)
{
    log_line(ctx, "level=warn ev=not_finite msg=\"%s\"", text);
    fprintf(stderr, "level=warn ev=not_finite msg=\"%s\"\n", text);
}

static void on_resumed(void *ctx, long step)
{
    log_line(ctx, "ev=resume step=%ld", step);
}

static bool on_check_stop(void *ctx)
{
    return task_should_stop(((struct fit *)ctx)->t);
}

struct input {
    const char *from; // NULL: from the start
    struct dp_dataset *train, *valid;
    struct check *check;
    bool split; // valid is a part of what was given
    int left_out; // by train.max_force
};

static enum al_err read_paths(const struct al_node *map, const char *key, struct dp_dataset **ret)
{
    AL_AUTOFREE const char **path = NULL;
    const struct al_node *list = al_node_get(map, key);
    int n = 0;
    *ret = NULL;
    if (!list || list->kind != AL_NODE_LIST) return AL_ERR_OK;
    AL_ALLOC(path, list->nchild + 1);
    for (const struct al_node *c = list->child; c; c = c->next)
        path[n++] = c->text;
    if (n) AL_TRY(dp_dataset_read(path, n, ret));
    return AL_ERR_OK;
}

static enum al_err read_input(struct task *t, const struct al_node *run, struct input *in)
{
    in->from = al_node_str(run, "from", NULL);
    AL_TRY(read_paths(run, "data", &in->train));
    if (!in->train) AL_FAIL(AL_ERR_INPUT, "no training data");
    AL_TRY(read_paths(run, "valid", &in->valid));
    AL_TRY(dataset_check(in->train, in->valid, &in->check));
    AL_TRY(data_refuse(in->check));
    if (in->from) {
        AL_OWN(dp_model) m = NULL;
        AL_TRY(dp_model_read(in->from, &m));
        AL_TRY(data_against_model(in->check, m, in->train));
    }
    if (!in->valid) {
        in->split = true;
        AL_TRY(dp_dataset_split(in->train, t->cfg->train.validation, t->cfg->seed, &in->valid));
    }
    return train_leave_out(t, in->train, &in->left_out);
}

static void release_input(struct input *in)
{
    dp_dataset_destroy(&in->train);
    dp_dataset_destroy(&in->valid);
    check_destroy(&in->check);
}

static void write_rmse(FILE *out, const char *name, const struct train_rmse *r)
{
    fprintf(out, "%s: {frames: %ld, energy: %.6g, force: %.6g, virial: %.6g, force_by_element: {", name, r->nframes, r->e, r->f, r->v);
    const char *sep = "";
    for (int z = 1; z <= AL_ZMAX; z++) {
        if (isnan(r->f_by_z[z])) continue;
        fprintf(out, "%s%s: %.6g", sep, al_element_symbol(z), r->f_by_z[z]);
        sep = ", ";
    }
    fputs("}}\n", out);
}

// The errors of the finished model on at most some hundred frames of the training data and on all of the validation data.
static enum al_err write_summary(struct fit *f, const struct input *in, const struct dp_model *m, const struct train_outcome *done)
{
    enum { SAMPLE = 200 };
    struct train_rmse train, valid = {.nframes = 0};
    struct al_outfile o;
    int n = dp_dataset_nframes(in->train);
    AL_TRY(train_rmse(m, in->train, n / SAMPLE + 1, -1, &train));
    if (dp_dataset_nframes(in->valid)) AL_TRY(train_rmse(m, in->valid, 1, -1, &valid));
    AL_TRY(al_outfile_open("summary.yaml", &o));
    al_yaml_str(o.out, 0, "engine", f->t->cfg->train.engine);
    al_yaml_int(o.out, 0, "steps", done->steps);
    fprintf(o.out, "# times the loss was not finite and the learning rate was halved\nhalved: %d\n", done->recoveries);
    al_yaml_str(o.out, 0, "validation", in->split ? "part of the data" : "given");
    fputs("type_map: [", o.out);
    for (int i = 0; i < m->c.ntypes; i++)
        fprintf(o.out, "%s%s", i ? ", " : "", m->c.type_map[i]);
    fputs("]\nsel: [", o.out);
    for (int i = 0; i < m->c.ntypes; i++)
        fprintf(o.out, "%s%d", i ? ", " : "", m->c.sel[i]);
    fputs("]\n", o.out);
    if (dp_zbl_present(&m->c.zbl))
        fprintf(o.out, "# repulsion of model.dp, Ang; model.without_zbl.dp: the networks alone, for deepmd-kit with pair_style zbl\n"
                       "zbl: {inner: %.10g, outer: %.10g}\n", m->c.zbl.inner, m->c.zbl.outer);
    fputs("# rmse: eV/atom, eV/Ang, eV/atom; of the training data every so many frames\n", o.out);
    write_rmse(o.out, "train", &train);
    if (valid.nframes) write_rmse(o.out, "valid", &valid);
    enum al_err e = data_describe(o.out, in->train, in->valid, in->check);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_fact_real(f->t, "train_force_rmse", train.f));
    AL_TRY(task_fact_real(f->t, "train_energy_rmse", train.e));
    if (valid.nframes) {
        AL_TRY(task_fact_real(f->t, "force_rmse", valid.f));
        AL_TRY(task_fact_real(f->t, "energy_rmse", valid.e));
    }
    return AL_ERR_OK;
}

static void log_start(struct fit *f, const struct input *in, const struct train_options *o)
{
    log_line(f, "ev=start engine=%s frames=%d validation_frames=%d%s steps=%ld from=%s", f->t->cfg->train.engine, dp_dataset_nframes(in->train), dp_dataset_nframes(in->valid),
             in->split ? " validation=split" : "", o->steps, o->init ? o->init : "random");
    if (in->left_out) log_line(f, "ev=left_out frames=%d max_force=%g", in->left_out, f->t->cfg->train.max_force);
    for (int i = 0; i < in->train->nnotes; i++)
        log_line(f, "ev=note msg=\"%s\"", in->train->note[i]);
    for (int i = 0; i < in->check->n; i++)
        log_line(f, "level=warn ev=data kind=%s system=%s msg=\"%s\"", in->check->f[i].kind, in->check->f[i].system, in->check->f[i].text);
}

static enum al_err fit(struct fit *f, const struct input *in)
{
    struct task *t = f->t;
    struct train_options o;
    char meta[256];
    const struct trainer_ops *engine;
    struct train_outcome done;
    AL_OWN(dp_model) m = NULL;
    AL_TRY(train_options_of(t->cfg, in->from != NULL, &o));
    o.init = in->from;
    o.dir = ".";
    o.checkpoint_seconds = checkpoint_seconds;
    snprintf(meta, sizeof meta, "{\"program\":\"alnd\",\"identity\":\"%s\"}", t->identity);
    o.meta = meta;
    o.fingerprint = t->identity;
    o.observe = on_progress;
    o.check_stop = on_check_stop;
    o.warn = on_warn;
    o.resumed = on_resumed;
    o.ctx = f;
    AL_TRY(train_engine_of(t, &o, &engine));
    log_start(f, in, &o);
    enum al_err e = engine->run(&o, in->train, dp_dataset_nframes(in->valid) ? in->valid : NULL, &done);
    if (e) log_line(f, "ev=ended step=%ld why=%s", f->last.step, e == AL_ERR_STOPPED ? "stopped" : "error");
    AL_TRY(e);
    AL_TRY(dp_model_read("model.dp", &m));
    AL_TRY(write_summary(f, in, m, &done));
    AL_TRY(task_fact_int(t, "steps", done.steps));
    AL_TRY(task_fact_int(t, "halved", done.recoveries));
    AL_TRY(task_fact_real(t, "seconds_per_step", per_step(f, done.steps)));
    log_line(f, "ev=done step=%ld", done.steps);
    static const char *const file[] = {"model.dp", "lcurve.out", "summary.yaml", "model.without_zbl.dp"};
    bool zbl = dp_zbl_present(&m->c.zbl);
    if (zbl) AL_TRY(dp_model_write_networks(file[3], m));
    for (int i = 0; i < (zbl ? 4 : 3); i++)
        AL_TRY(task_artifact(t, file[i]));
    return AL_ERR_OK;
}

enum al_err verb_fit(struct task *t)
{
    const char *file;
    AL_OWN(al_node) run = NULL;
    struct fit f = {.t = t, .first_step = -1};
    struct input in = {0};
    AL_TRY(task_input(t, "run", &file));
    AL_TRY(al_yaml_read(file, &run));
    f.log = fopen("train.log", "ae");
    if (!f.log) AL_FAIL(AL_ERR_IO, "cannot write train.log");
    enum al_err e = read_input(t, run, &in);
    if (!e) e = fit(&f, &in);
    release_input(&in);
    fclose(f.log);
    return e;
}
