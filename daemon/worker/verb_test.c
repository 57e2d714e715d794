// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb test: a model's errors on labelled data, for `alnd test`. Input run: test.yaml {model: [path], data: [paths]}. Writes
// errors.yaml, parity.csv, parity-*.svg and detail.*.out into the working directory.
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/score.h"
#include "worker/data.h"
#include "worker/task.h"

static bool on_progress(void *ctx, int done, int total)
{
    task_progress(ctx, done, total, "frame %d of %d", done, total);
    return task_should_stop(ctx);
}

// {n: .., rmse: .., mae: .., bias: .., max: .., label_rms: ..}
static void write_sum(FILE *out, const char *name, const struct score_sum *s)
{
    if (!s->n) return;
    fprintf(out, "%s: {n: %ld, rmse: %.10g, mae: %.10g, bias: %.6g, max: %.6g, label_rms: %.6g}", name, s->n, score_rmse(s), score_mae(s),
            score_bias(s), s->largest, score_label_rms(s));
}

static void write_line(FILE *out, const char *name, const struct score_sum *s)
{
    if (!s->n) return;
    fputs("    ", out);
    write_sum(out, name, s);
    fputc('\n', out);
}

static void write_row(FILE *out, const char *name, const struct score_row *r)
{
    fputs("  - system: ", out);
    al_yaml_quote(out, name);
    fprintf(out, "\n    frames: %ld\n    atoms: %ld\n", r->frames, r->atoms);
    write_line(out, "energy_per_atom", &r->e);
    write_line(out, "force", &r->f);
    write_line(out, "virial_per_atom", &r->v);
    write_line(out, "energy", &r->energy);
    write_line(out, "virial", &r->virial);
    if (!r->f.n) return;
    fputs("    force_by_element:\n", out);
    for (int z = 1; z <= AL_ZMAX; z++) {
        if (!r->fz[z].n) continue;
        fputs("      ", out);
        write_sum(out, al_element_symbol(z), &r->fz[z]);
        fputc('\n', out);
    }
}

static void write_outliers(FILE *out, const struct score *s)
{
    enum { SHOWN = 100 };
    fprintf(out, "outliers_found: %d\n%s", s->noutliers, s->noutliers ? "outliers:\n" : "outliers: []\n");
    for (int i = 0; i < s->noutliers && i < SHOWN; i++) {
        const struct score_outlier *o = &s->outlier[i];
        const struct dp_system *q = &s->d->sys[o->system];
        fputs("  - {system: ", out);
        al_yaml_quote(out, q->name);
        fprintf(out, ", frame: %d, quantity: %s, error: %.6g, usual: %.6g", o->frame, o->quantity, o->error, o->usual);
        if (o->atom >= 0)
            fprintf(out, ", atom: %d, element: %s, atom_error: %.6g", o->atom, al_element_symbol(q->z[o->atom]), o->atom_error);
        fputs("}\n", out);
    }
}

static enum al_err write_errors(const char *model, const struct dp_dataset *d, const struct score *s, const struct check *c)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open("errors.yaml", &o));
    al_yaml_str(o.out, 0, "model", model);
    fputs("# energy_per_atom, virial_per_atom: eV/atom; force: components, eV/Ang; energy, virial: eV. label_rms: of the labels.\nrows:\n",
          o.out);
    write_row(o.out, "all", &s->all);
    for (int i = 0; i < s->nsys; i++)
        write_row(o.out, d->sys[i].name, &s->sys[i]);
    fputs("# error of the frame (force, virial: rms over components) against the median of its system\n", o.out);
    write_outliers(o.out, s);
    fputs("data:\n", o.out);
    char *text = NULL;
    size_t n;
    FILE *m = open_memstream(&text, &n);
    if (!m) {
        al_outfile_drop(&o);
        AL_FAIL(AL_ERR_NOMEM, "no memory");
    }
    enum al_err e = data_describe(m, d, NULL, c);
    fclose(m);
    for (char *p = text, *end; !e && *p; p = end) { // one level deeper
        end = p + strcspn(p, "\n");
        fprintf(o.out, "  %.*s\n", (int)(end - p), p);
        end += *end == '\n';
    }
    free(text);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static enum al_err read_data(const struct al_node *run, struct dp_dataset **ret)
{
    AL_AUTOFREE const char **path = NULL;
    const struct al_node *list = al_node_get(run, "data");
    int n = 0;
    if (!list || list->kind != AL_NODE_LIST) AL_FAIL(AL_ERR_CORRUPT, "test.yaml has no list data");
    AL_ALLOC(path, list->nchild + 1);
    for (const struct al_node *c = list->child; c; c = c->next)
        path[n++] = c->text;
    AL_TRY(dp_dataset_read(path, n, ret));
    return AL_ERR_OK;
}

static enum al_err facts(struct task *t, const struct score *s)
{
    if (s->all.e.n) AL_TRY(task_fact_real(t, "energy_rmse", score_rmse(&s->all.e)));
    if (s->all.f.n) AL_TRY(task_fact_real(t, "force_rmse", score_rmse(&s->all.f)));
    if (s->all.v.n) AL_TRY(task_fact_real(t, "virial_rmse", score_rmse(&s->all.v)));
    AL_TRY(task_fact_int(t, "frames", s->all.frames));
    AL_TRY(task_fact_int(t, "outliers", s->noutliers));
    AL_TRY(task_artifact(t, "errors.yaml"));
    AL_TRY(task_artifact(t, "parity.csv"));
    return AL_ERR_OK;
}

enum al_err verb_test(struct task *t)
{
    const char *file, *path;
    AL_OWN(al_node) run = NULL;
    AL_OWN(dp_dataset) d = NULL;
    AL_OWN(dp_model) m = NULL;
    AL_OWN(score) s = NULL;
    AL_OWN(check) c = NULL;
    AL_TRY(task_input(t, "run", &file));
    AL_TRY(al_yaml_read(file, &run));
    const struct al_node *model = al_node_get(run, "model");
    if (!model || !model->child) AL_FAIL(AL_ERR_CORRUPT, "test.yaml names no model");
    path = model->child->text;
    AL_TRY(dp_model_read(path, &m));
    AL_TRY(read_data(run, &d));
    AL_TRY(dataset_check(d, NULL, &c));
    AL_TRY(data_refuse(c));
    AL_TRY(data_against_model(c, m, d));
    AL_TRY(score_model(m, d, ".", on_progress, t, &s));
    AL_TRY(score_plots(s, "."));
    AL_TRY(write_errors(path, d, s, c));
    AL_TRY(facts(t, s));
    return AL_ERR_OK;
}
