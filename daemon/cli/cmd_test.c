// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd test: a model's errors on labelled data. A bag of one task in --out, else in a temporary directory.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cli/data_job.h"
#include "core/query.h"

const char cli_test_usage[] = "alnd test MODEL.dp DATA... [OPTION]...\n"
                              "\n"
                              "  DATA: directory of deepmd systems (npy, mixed type), FILE.h5[#/group], FILE.extxyz\n"
                              "  --out DIR                     errors.yaml, parity.csv, plots, detail files of dp test; without: the tables alone\n"
                              "  --json";

struct wish {
    const char *model, *out; // out NULL: nothing is kept
    struct paths data;
    struct label_choice choice;
};

static enum al_err parse(int argc, char **argv, struct wish *w)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            w->choice.json = true;
        } else if (strcmp(argv[i], "--out") == 0) {
            if (i + 1 == argc) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help test", "test: --out: its value is missing");
            w->out = argv[++i];
        } else if (argv[i][0] == '-' && argv[i][1]) {
            AL_FAIL_HINT(AL_ERR_INPUT, "alnd help test", "test: unknown option '%s'", argv[i]);
        } else if (!w->model) {
            w->model = argv[i];
        } else {
            AL_TRY(paths_add(&w->data, argv[i]));
        }
    }
    if (!w->data.n) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help test", "test: a model and data are needed");
    if (!al_exists(w->model)) AL_FAIL(AL_ERR_NOTFOUND, "test: there is no model %s", w->model);
    w->choice.ntasks = 1;
    w->choice.model = true;
    return AL_ERR_OK;
}

static enum al_err write_run(const struct label_job *j, const struct wish *w, const char *id)
{
    char path[AL_PATH];
    struct al_outfile o;
    struct paths model = {0};
    AL_TRY(al_path(path, "%s/settings/train.yaml", j->dir));
    AL_TRY(al_file_write(path, "seed: 1\n", 8));
    AL_TRY(al_path(path, "%s/test.yaml", j->dir));
    AL_TRY(paths_add(&model, w->model));
    enum al_err e = al_outfile_open(path, &o);
    if (!e) {
        al_yaml_str(o.out, 0, "identity", id);
        e = paths_write(o.out, "model", &model);
        if (!e) e = paths_write(o.out, "data", &w->data);
        if (e) al_outfile_drop(&o);
        else e = al_outfile_publish(&o);
    }
    paths_free(&model);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err prepare(struct wish *w, struct label_job *j, struct bag_task *t)
{
    AL_OWN(al_node) answer = NULL;
    struct al_sha256 h;
    struct paths none = {0};
    FILE *say = w->choice.json ? stderr : stdout;
    char hex[65], id[65];
    AL_TRY(data_ask(&w->data, &none, NULL, &answer));
    data_tell(answer, say);
    AL_TRY(data_refuse(answer));
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-test-1");
    AL_TRY(al_sha256_file(w->model, hex));
    al_sha256_string(&h, hex);
    AL_TRY(paths_hash(&w->data, &h));
    al_sha256_hex(&h, id);
    AL_TRY(label_job_open(&w->choice, j));
    AL_TRY(worker_check_model(j->worker, w->model));
    j->lines = 30;
    AL_TRY(data_job_check(j, "test.yaml", id));
    AL_TRY(write_run(j, w, id));
    AL_TRY(data_job_task(j, "test", "test.yaml", id, "test", t));
    return AL_ERR_OK;
}

static double value(const struct al_node *row, const char *kind, const char *key)
{
    const struct al_node *n = al_node_get(row, kind);
    return n ? al_node_double(n, key, NAN) : (double)NAN;
}

static void number(const char *format, int width, double v)
{
    if (isfinite(v)) printf(format, v);
    else printf("%*s", width, "-");
}

static void print_rows(const struct al_node *rows)
{
    printf("\n%-28s %7s  %19s  %17s  %19s\n%-28s %7s  %9s %9s  %8s %8s  %9s %9s\n", "", "", "energy, meV/atom", "force, eV/Ang",
           "virial, meV/atom", "system", "frames", "RMSE", "MAE", "RMSE", "MAE", "RMSE", "MAE");
    for (const struct al_node *r = rows ? rows->child : NULL; r; r = r->next) {
        printf("%-28.28s %7s ", al_node_str(r, "system", ""), al_node_str(r, "frames", ""));
        number(" %9.3f", 10, 1e3 * value(r, "energy_per_atom", "rmse"));
        number(" %9.3f", 10, 1e3 * value(r, "energy_per_atom", "mae"));
        number("  %8.4f", 10, value(r, "force", "rmse"));
        number(" %8.4f", 9, value(r, "force", "mae"));
        number("  %9.3f", 11, 1e3 * value(r, "virial_per_atom", "rmse"));
        number(" %9.3f\n", 10, 1e3 * value(r, "virial_per_atom", "mae"));
        if (!isfinite(value(r, "virial_per_atom", "mae"))) putchar('\n');
    }
}

static void print_elements(const struct al_node *rows)
{
    printf("\n%-28s %-4s %10s %8s %8s %8s  %s\n", "forces by element, eV/Ang", "", "components", "RMSE", "MAE", "max", "RMSE / rms of the labels");
    for (const struct al_node *r = rows ? rows->child : NULL; r; r = r->next) {
        const struct al_node *z = al_node_get(r, "force_by_element");
        for (const struct al_node *e = z ? z->child : NULL; e; e = e->next)
            printf("%-28.28s %-4s %10s %8.4f %8.4f %8.3f  %.3f\n", al_node_str(r, "system", ""), e->key, al_node_str(e, "n", ""),
                   al_node_double(e, "rmse", NAN), al_node_double(e, "mae", NAN), al_node_double(e, "max", NAN),
                   al_node_double(e, "rmse", NAN) / al_node_double(e, "label_rms", NAN));
    }
}

static void print_outliers(const struct al_node *n)
{
    enum { SHOWN = 10 };
    const struct al_node *list = al_node_get(n, "outliers");
    long found = al_node_int(n, "outliers_found", 0);
    int k = 0;
    printf("\n%ld outlier%s (error of the frame far above the median of its system)\n", found, found == 1 ? "" : "s");
    for (const struct al_node *o = list && list->kind == AL_NODE_LIST ? list->child : NULL; o && k < SHOWN; o = o->next, k++) {
        double f = strcmp(al_node_str(o, "quantity", ""), "force") == 0 ? 1 : 1e3;
        printf("  %-26.26s frame %-6s %-6s %9.4g %s, usual %.4g", al_node_str(o, "system", ""), al_node_str(o, "frame", ""),
               al_node_str(o, "quantity", ""), f * al_node_double(o, "error", NAN), f > 1 ? "meV/atom" : "eV/Ang",
               f * al_node_double(o, "usual", NAN));
        if (al_node_get(o, "atom"))
            printf("; worst: %s %s, %.3g eV/Ang", al_node_str(o, "element", ""), al_node_str(o, "atom", ""), al_node_double(o, "atom_error", NAN));
        putchar('\n');
    }
    if (found > SHOWN) printf("  ... all in errors.yaml\n");
}

static int tell(const struct label_job *j, const struct wish *w, const struct bag_task *t)
{
    char path[AL_PATH];
    AL_OWN(al_node) n = NULL;
    if (t->state != BAG_DONE) {
        fprintf(stderr, "alnd: test failed: %s\n", t->message);
        if (t->hint[0]) fprintf(stderr, "hint: %s\n", t->hint);
        return EXIT_FAILED;
    }
    enum al_err e = al_path(path, "%s/errors.yaml", j->dir);
    if (!e) e = j->json ? data_job_json(j, "errors.yaml") : al_yaml_read(path, &n);
    if (e) return cli_fail(e);
    if (j->json) return EXIT_OK;
    data_tell_model(al_node_get(n, "data"), stdout);
    print_rows(al_node_get(n, "rows"));
    print_elements(al_node_get(n, "rows"));
    print_outliers(n);
    if (w->out)
        printf("\nerrors      %s/errors.yaml\nparity      %s/parity.csv, parity-*.svg\ndetails     %s/detail.*.out (as dp test -d)\n", w->out, w->out,
               w->out);
    return EXIT_OK;
}

static enum al_err temporary(char ret[AL_PATH])
{
    const char *top = getenv("TMPDIR");
    AL_TRY(al_path(ret, "%s/alnd-test-XXXXXX", top && top[0] ? top : "/tmp"));
    if (!mkdtemp(ret)) AL_FAIL(AL_ERR_IO, "cannot make a temporary directory: %s", strerror(errno));
    return AL_ERR_OK;
}

int cmd_test(int argc, char **argv)
{
    struct wish w = {0};
    struct label_job j = {.lock = -1};
    struct bag_task t = {0};
    char tmp[AL_PATH] = "";
    enum al_err e = parse(argc, argv, &w);
    if (!e && !w.out) e = temporary(tmp);
    w.choice.work = w.out ? w.out : tmp;
    if (!e) e = prepare(&w, &j, &t);
    if (!e) e = label_job_run(&j, "test", 1, &t);
    int rc = e ? cli_fail(e) : tell(&j, &w, &t);
    if (e == AL_ERR_STOPPED) fputs("hint: the same command goes on\n", stderr);
    bag_tasks_release(1, &t);
    label_job_close(&j);
    if (tmp[0] && al_remove_tree(tmp) != AL_ERR_OK) fprintf(stderr, "alnd: %s could not be removed\n", tmp);
    paths_free(&w.data);
    return rc;
}
