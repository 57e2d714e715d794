// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb evaluate: the errors of an iteration's potential (the committee's first member, the one that explores and produces)
// on training, validation and held-out test frames and on this iteration's newly labelled frames before any training on
// them; by system, element and temperature; 95 % intervals by bootstrap over frames; deviation against true error; and
// whether the limits of `converge` are met (by the upper ends of the intervals of the judged test frames). Writes iterations/III/errors.yaml.
#include <math.h>

#include "base/mem.h"
#include "worker/errors.h"
#include "worker/task.h"

enum { NBINS = 4 };

// All frames gathered until now: train and valid up to the iteration's own training, test and new of this one too.
static enum al_err read_all(const struct task *t, struct errors *x)
{
    char path[AL_PATH];
    AL_TRY(errors_add_file(x, ERRORS_TRAIN, "initial/gather/train.extxyz"));
    AL_TRY(errors_add_file(x, ERRORS_VALID, "initial/gather/valid.extxyz"));
    AL_TRY(errors_add_file(x, ERRORS_TEST, "initial/gather/test.extxyz")); // of initial.data
    for (int it = 0; it <= t->iteration; it++) {
        bool now = it == t->iteration;
        AL_TRY(al_path(path, "iterations/%03d/gather/train.extxyz", it));
        AL_TRY(errors_add_file(x, now ? ERRORS_NEW : ERRORS_TRAIN, path));
        AL_TRY(al_path(path, "iterations/%03d/gather/valid.extxyz", it));
        AL_TRY(errors_add_file(x, now ? ERRORS_NEW : ERRORS_VALID, path));
        AL_TRY(al_path(path, "iterations/%03d/gather/test.extxyz", it));
        AL_TRY(errors_add_file(x, ERRORS_TEST, path));
    }
    return AL_ERR_OK;
}

// Reads and evaluates all frames; label and model of test and new ones go to parity-energies.csv and parity-forces.csv.
static enum al_err evaluate_all(struct task *t, struct errors *x)
{
    char path[2][AL_PATH];
    struct al_outfile o[2];
    AL_TRY(task_path(t, path[0], "parity-energies.csv"));
    AL_TRY(task_path(t, path[1], "parity-forces.csv"));
    AL_TRY(al_outfile_open(path[0], &o[0]));
    enum al_err e = al_outfile_open(path[1], &o[1]);
    if (e) al_outfile_drop(&o[0]);
    AL_TRY(e);
    errors_parity(x, o[0].out, o[1].out);
    e = read_all(t, x);
    for (int i = 0; i < 2; i++) {
        if (!e) e = al_outfile_publish(&o[i]);
        else al_outfile_drop(&o[i]);
    }
    AL_TRY(e);
    AL_TRY(task_artifact(t, path[0]));
    AL_TRY(task_artifact(t, path[1]));
    return AL_ERR_OK;
}

struct verdict {
    struct error_row judged;
    double candidate;
    bool below;
};

// No test frame, or one that is not finite: never below.
static enum al_err judge(const struct task *t, const struct errors *x, double candidate, struct verdict *ret)
{
    const struct cfg_converge *c = &t->cfg->converge;
    struct verdict v = {.candidate = candidate};
    AL_TRY(errors_row(x, ERRORS_JUDGED, "all", "all", t->cfg->seed, &v.judged));
    v.below = v.judged.frames > 0 && v.judged.force_high <= c->force_rmse && v.judged.energy_high <= c->energy_rmse &&
              v.candidate <= c->candidate_fraction;
    for (int s = 0; c->each_system && s < t->cfg->nsystems; s++) {
        struct error_row r;
        AL_TRY(errors_row(x, ERRORS_JUDGED, "system", t->cfg->system[s].name, t->cfg->seed, &r));
        v.below = v.below && r.force <= c->force_rmse && r.energy <= c->energy_rmse;
    }
    *ret = v;
    return AL_ERR_OK;
}

// What select found: counts from its facts, windows and broken frames from its selection.yaml.
static enum al_err write_selection(FILE *out, const struct al_node *facts, const char *select)
{
    char path[AL_PATH];
    AL_AUTOFREE char *text = NULL;
    fprintf(out, "selection: {accurate: %ld, candidate: %ld, failed: %ld, broken: %ld, duplicates: %ld, candidate_fraction: %.6g}\n",
            al_node_int(facts, "accurate", 0), al_node_int(facts, "candidate", 0), al_node_int(facts, "failed", 0),
            al_node_int(facts, "broken", 0), al_node_int(facts, "duplicates", 0),
            al_node_double(facts, "candidate_fraction", NAN));
    AL_TRY(al_path(path, "%s/selection.yaml", select));
    AL_TRY(al_file_read(path, 0, &text, NULL));
    fputs(text, out);
    return AL_ERR_OK;
}

// As the configuration has it: 15 digits of 0.15 are 0.14999999999999999.
static void write_limit(FILE *out, const char *key, double value)
{
    fprintf(out, "  %s: %.10g\n", key, value);
}

static void write_verdict(FILE *out, const struct cfg_converge *c, const struct verdict *v)
{
    al_yaml_open(out, 0, "converge");
    if (c->up_to > 0) write_limit(out, "temperature_limit", c->up_to);
    al_yaml_double(out, 1, "force_rmse", v->judged.force);
    al_yaml_double(out, 1, "force_rmse_high", v->judged.force_high);
    write_limit(out, "force_limit", c->force_rmse);
    al_yaml_double(out, 1, "energy_rmse", v->judged.energy);
    al_yaml_double(out, 1, "energy_rmse_high", v->judged.energy_high);
    write_limit(out, "energy_limit", c->energy_rmse);
    al_yaml_double(out, 1, "candidate_fraction", v->candidate);
    write_limit(out, "candidate_limit", c->candidate_fraction);
    if (c->each_system) fputs("  each_system_limit: true\n", out);
    al_yaml_int(out, 1, "below", v->below);
}

static enum al_err write_errors(struct task *t, const struct errors *x, const struct al_node *facts, const char *select,
                                const struct verdict *v)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "iterations/%03d/errors.yaml", t->iteration));
    AL_TRY(al_outfile_open(path, &o));
    if (task_note(t)) fprintf(o.out, "# %s\n", task_note(t));
    al_yaml_int(o.out, 0, "iteration", t->iteration);
    fprintf(o.out, "demonstration: %s\n", t->cfg->demonstration ? "true" : "false");
    fputs("units: {energy: eV/atom, force: eV/Ang, virial: eV/atom}\n", o.out);
    enum al_err e = errors_write_table(o.out, x, t->cfg);
    if (!e) e = write_selection(o.out, facts, select);
    if (!e) e = errors_write_calibration(o.out, x, NBINS);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    write_verdict(o.out, &t->cfg->converge, v);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

static enum al_err write_calibration(struct task *t, const struct errors *x)
{
    char path[AL_PATH];
    AL_OWN(calibration_list) l = NULL;
    AL_TRY(errors_calibration(x, t->cfg->converge.force_rmse, &l));
    AL_TRY(task_path(t, path, "calibration.csv"));
    AL_TRY(calibration_write(path, l));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

enum al_err verb_evaluate(struct task *t)
{
    AL_AUTOFREE const char **models = NULL;
    const char *select;
    char path[AL_PATH];
    int n;
    AL_TRY(task_input_list(t, "models", &models, &n));
    AL_TRY(task_input(t, "select", &select));
    AL_OWN(errors) x = NULL;
    AL_OWN(al_node) result = NULL;
    AL_TRY(errors_create(models, n, t, &x));
    AL_TRY(evaluate_all(t, x));
    AL_TRY(al_path(path, "%s/result.yaml", select));
    AL_TRY(al_yaml_read(path, &result));
    const struct al_node *facts = al_node_get(result, "facts");
    struct verdict v;
    AL_TRY(judge(t, x, al_node_double(facts, "candidate_fraction", 1.0), &v));
    AL_TRY(write_errors(t, x, facts, select, &v));
    AL_TRY(write_calibration(t, x));
    AL_TRY(task_fact_real(t, "force_rmse", v.judged.force));
    AL_TRY(task_fact_real(t, "energy_rmse", v.judged.energy));
    AL_TRY(task_fact_real(t, "force_rmse_high", v.judged.force_high));
    AL_TRY(task_fact_real(t, "energy_rmse_high", v.judged.energy_high));
    AL_TRY(task_fact_int(t, "ntest", v.judged.frames));
    AL_TRY(task_fact_int(t, "below", v.below));
    return AL_ERR_OK;
}
