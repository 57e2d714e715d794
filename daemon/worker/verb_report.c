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

static enum al_err certificate(struct task *t)
{
    AL_AUTOFREE const char **errors = NULL;
    AL_AUTOFREE const char **transport = NULL;
    AL_AUTOFREE const char **noise = NULL;
    AL_AUTOFREE struct al_node **tree = NULL;
    char calibration[AL_PATH], test[AL_PATH];
    struct certificate_sources s = {0};
    AL_TRY(task_input_list(t, "errors", &errors, &s.nerrors));
    AL_TRY(task_input_list(t, "transport", &transport, &s.ntransport));
    if (al_node_get(t->inputs, "noise")) AL_TRY(task_input_list(t, "noise", &noise, &s.nnoise));
    AL_TRY(al_path(calibration, "iterations/%03d/evaluate/calibration.csv", s.nerrors - 1));
    AL_TRY(al_path(test, "iterations/%03d/gather/test.extxyz", s.nerrors - 1));
    AL_ALLOC(tree, s.nerrors + 1);
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < s.nerrors && !e; i++)
        e = al_yaml_read(errors[i], &tree[i]);
    s.errors = tree;
    s.transport = transport;
    s.noise = noise;
    s.calibration = calibration;
    s.test = test;
    if (!e) e = certificate_write(t, "certificate.yaml", &s);
    for (int i = 0; i < s.nerrors; i++)
        al_node_destroy(&tree[i]);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err comparison(struct task *t)
{
    AL_AUTOFREE const char **transport = NULL;
    AL_AUTOFREE struct al_node **tree = NULL;
    enum al_err e = AL_ERR_OK;
    int n;
    AL_TRY(task_input_list(t, "transport", &transport, &n));
    AL_ALLOC(tree, n + 1);
    for (int i = 0; i < n && !e; i++) {
        char path[AL_PATH];
        e = al_path(path, "%s.yaml", transport[i]);
        if (!e) e = al_yaml_read(path, &tree[i]);
    }
    if (!e) e = comparison_write("comparison.yaml", task_note(t), n, tree);
    for (int i = 0; i < n; i++)
        al_node_destroy(&tree[i]);
    AL_TRY(e);
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
