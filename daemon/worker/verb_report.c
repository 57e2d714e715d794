// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb report: report.html, one page that needs no network (report/), without what only the journal knows; certificate.yaml; and
// comparison.yaml, from the transport of all systems.
#include "base/mem.h"
#include "report/report.h"
#include "worker/certificate.h"
#include "worker/comparison.h"
#include "worker/task.h"

struct trees {
    int n;
    struct al_node **v; // [n]
};

static void trees_free(struct trees *t)
{
    for (int i = 0; i < t->n; i++)
        al_node_destroy(&t->v[i]);
    al_free(t->v);
}

// Of files NAME and suffix.
static enum al_err trees_read(const char *const *name, int n, const char *suffix, struct trees *ret)
{
    AL_ALLOC(ret->v, n + 1);
    ret->n = n;
    for (int i = 0; i < n; i++) {
        char path[AL_PATH];
        AL_TRY(al_path(path, "%s%s", name[i], suffix));
        AL_TRY(al_yaml_read(path, &ret->v[i]));
    }
    return AL_ERR_OK;
}

static enum al_err certificate(struct task *t)
{
    AL_AUTOFREE const char **errors = NULL;
    AL_AUTOFREE const char **transport = NULL;
    AL_AUTOFREE const char **noise = NULL;
    __attribute__((cleanup(trees_free))) struct trees tree = {0};
    char calibration[AL_PATH], test[AL_PATH];
    struct certificate_sources s = {0};
    AL_TRY(task_input_list(t, "errors", &errors, &s.nerrors));
    AL_TRY(task_input_list(t, "transport", &transport, &s.ntransport));
    if (al_node_get(t->inputs, "noise")) AL_TRY(task_input_list(t, "noise", &noise, &s.nnoise));
    AL_TRY(al_path(calibration, "iterations/%03d/evaluate/calibration.csv", s.nerrors - 1));
    AL_TRY(al_path(test, "iterations/%03d/gather/test.extxyz", s.nerrors - 1));
    AL_TRY(trees_read(errors, s.nerrors, "", &tree));
    s.errors = tree.v;
    s.transport = transport;
    s.noise = noise;
    s.calibration = calibration;
    s.test = test;
    return certificate_write(t, "certificate.yaml", &s);
}

static enum al_err comparison(struct task *t)
{
    AL_AUTOFREE const char **transport = NULL;
    __attribute__((cleanup(trees_free))) struct trees tree = {0};
    int n;
    AL_TRY(task_input_list(t, "transport", &transport, &n));
    AL_TRY(trees_read(transport, n, ".yaml", &tree));
    AL_TRY(comparison_write("comparison.yaml", task_note(t), n, tree.v));
    AL_TRY(task_artifact(t, "comparison.yaml"));
    return AL_ERR_OK;
}

enum al_err verb_report(struct task *t)
{
    const struct report_extra x = {0};
    struct al_outfile o;
    AL_TRY(comparison(t)); // the page shows it
    AL_TRY(al_outfile_open("report.html", &o));
    enum al_err e = report_write(o.out, t->cfg, &x, NULL);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, "report.html"));
    AL_TRY(certificate(t));
    return AL_ERR_OK;
}
