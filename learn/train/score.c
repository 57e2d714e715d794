// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dp/eval.h"
#include "train/score_files.h"

// Errors of good models scatter about their median like half a Gaussian (energies: 0.67 sigma) or less (forces of a whole
// frame), so that these are beyond 4 and some 6 sigma.
static const double FAR_ENERGY = 6, FAR_FORCE = 2.5;

double score_rmse(const struct score_sum *s)
{
    return s->n ? sqrt(s->square / (double)s->n) : (double)NAN;
}

double score_mae(const struct score_sum *s)
{
    return s->n ? s->absolute / (double)s->n : (double)NAN;
}

double score_bias(const struct score_sum *s)
{
    return s->n ? s->mean / (double)s->n : (double)NAN;
}

double score_label_rms(const struct score_sum *s)
{
    return s->n ? sqrt(s->label / (double)s->n) : (double)NAN;
}

void score_destroy(struct score **s)
{
    if (!*s) return;
    al_free((*s)->sys);
    al_free((*s)->outlier);
    al_free(*s);
    *s = NULL;
}

static void add(struct score_sum *s, double error, double label)
{
    s->n++;
    s->square += error * error;
    s->absolute += fabs(error);
    s->mean += error;
    s->largest = fmax(s->largest, fabs(error));
    s->label += label * label;
}

struct frame_error { // for outliers
    double e, f, v; // NaN: no label
    int atom;
    double atom_error;
};

struct work {
    struct score *s;
    struct frame_error *frame; // [all frames]
    int at, total;
    struct score_files *files; // NULL: none
    enum al_err failed;
    bool (*progress)(void *ctx, int done, int total);
    void *ctx;
    bool stopped;
};

static void add_energy(struct score_row *r, const struct train_error *e, double label)
{
    if (isnan(e->de)) return;
    add(&r->e, e->de, label / e->natoms);
    add(&r->energy, e->de * e->natoms, label);
}

static void add_forces(struct score_row *r, const struct train_error *e)
{
    for (int i = 0; i < e->natoms && !isnan(e->df[i][0]); i++)
        for (int a = 0; a < 3; a++) {
            double label = e->force[i][a] - e->df[i][a];
            add(&r->f, e->df[i][a], label);
            add(&r->fz[e->z[i]], e->df[i][a], label);
        }
}

static void add_virial(struct score_row *r, const struct train_error *e)
{
    for (int a = 0; a < 9 && !isnan(e->dv[a]); a++) {
        double label = e->virial[a] - e->dv[a] * e->natoms;
        add(&r->v, e->dv[a], label / e->natoms);
        add(&r->virial, e->dv[a] * e->natoms, label);
    }
}

static struct frame_error frame_error(const struct train_error *e)
{
    struct frame_error x = {.e = fabs(e->de), .atom = -1};
    for (int i = 0; i < e->natoms; i++) {
        double d = e->df[i][0] * e->df[i][0] + e->df[i][1] * e->df[i][1] + e->df[i][2] * e->df[i][2];
        x.f += d / (3 * e->natoms);
        if (sqrt(d) > x.atom_error) {
            x.atom_error = sqrt(d);
            x.atom = i;
        }
    }
    for (int a = 0; a < 9; a++)
        x.v += e->dv[a] * e->dv[a] / 9;
    x.f = sqrt(x.f);
    x.v = sqrt(x.v);
    return x;
}

static void each(void *ctx, const struct train_error *e)
{
    struct work *w = ctx;
    if (w->stopped || w->failed) return;
    struct score_row *rows[2] = {&w->s->sys[e->system], &w->s->all};
    const struct dp_system *q = &w->s->d->sys[e->system];
    for (int k = 0; k < 2; k++) {
        rows[k]->frames++;
        rows[k]->atoms += e->natoms;
        add_energy(rows[k], e, q->energy[e->frame]);
        add_forces(rows[k], e);
        add_virial(rows[k], e);
    }
    w->frame[w->at++] = frame_error(e);
    if (w->files) w->failed = score_files_frame(w->files, q, e);
    if (w->progress && w->progress(w->ctx, w->at, w->total)) w->stopped = true;
}

// ---- outliers --------------------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static double value_of(const struct frame_error *f, int kind)
{
    return kind == 0 ? f->e : kind == 1 ? f->f : f->v;
}

static enum al_err find_outliers(struct score *s, int system, int kind, const struct frame_error *f)
{
    enum { ENOUGH = 5 };
    static const char *const name[3] = {"energy", "force", "virial"};
    AL_AUTOFREE double *x = NULL;
    int n = s->d->sys[system].nframes, m = 0;
    AL_ALLOC(x, n);
    for (int i = 0; i < n; i++)
        if (!isnan(value_of(&f[i], kind))) x[m++] = value_of(&f[i], kind);
    if (m < ENOUGH) return AL_ERR_OK;
    double usual = median(x, m), limit = usual * (kind == 0 ? FAR_ENERGY : FAR_FORCE * (1 + (kind == 2)));
    for (int i = 0; i < n; i++) {
        double v = value_of(&f[i], kind);
        if (isnan(v) || v <= limit || v < 1e-9) continue;
        AL_GROW(s->outlier, s->noutliers, s->noutliers + 1);
        struct score_outlier *o = &s->outlier[s->noutliers++];
        *o = (struct score_outlier){.system = system, .frame = i, .quantity = name[kind], .error = v, .usual = usual, .atom = -1};
        if (kind == 1) {
            o->atom = f[i].atom;
            o->atom_error = f[i].atom_error;
        }
    }
    return AL_ERR_OK;
}

static int worst_first(const void *pa, const void *pb)
{
    const struct score_outlier *a = pa, *b = pb;
    double x = a->error * b->usual, y = b->error * a->usual; // error/usual, a median of 0 included
    if (x != y) return x > y ? -1 : 1;
    return a->system != b->system ? a->system - b->system : a->frame - b->frame;
}

static enum al_err all_outliers(struct score *s, const struct frame_error *f)
{
    for (int k = 0, at = 0; k < s->nsys; at += s->d->sys[k++].nframes)
        for (int kind = 0; kind < 3; kind++)
            AL_TRY(find_outliers(s, k, kind, f + at));
    if (s->noutliers) qsort(s->outlier, (size_t)s->noutliers, sizeof *s->outlier, worst_first);
    return AL_ERR_OK;
}

static enum al_err run(const struct dp_model *m, struct work *w, const char *dir)
{
    AL_OWN(score_files) files = NULL;
    if (dir) AL_TRY(score_files_open(dir, &files));
    w->files = files;
    AL_TRY(train_evaluate(m, w->s->d, 1, each, w));
    AL_TRY_MSG(w->failed, "writing the errors");
    if (w->stopped) AL_FAIL(AL_ERR_STOPPED, "stopped after %d of %d frames", w->at, w->total);
    if (dir) AL_TRY(score_files_publish(files));
    return all_outliers(w->s, w->frame);
}

enum al_err score_model(const struct dp_model *m, const struct dp_dataset *d, const char *dir,
                        bool (*progress)(void *ctx, int done, int total), void *ctx, struct score **ret)
{
    AL_OWN(score) s = NULL;
    AL_AUTOFREE struct frame_error *frame = NULL;
    AL_ALLOC(s, 1);
    AL_ALLOC(s->sys, d->nsys);
    AL_ALLOC(frame, dp_dataset_nframes(d));
    s->d = d;
    s->nsys = d->nsys;
    struct work w = {.s = s, .frame = frame, .total = dp_dataset_nframes(d), .progress = progress, .ctx = ctx};
    AL_TRY(run(m, &w, dir));
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}
