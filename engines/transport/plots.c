// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/plots.h"

#include <math.h>

#include "base/mem.h"
#include "base/svg.h"
#include "transport/tr_impl.h"

enum { LABEL = 128, BARS = 10, PER_RUN = 3, PER_SYSTEM = TR_MARKS + 1, FIT_POINTS = 2 };

struct msd_part {                      // the numbers behind the series of one run
    double *t, *bar_t, *bar_y, *bar_e; // ps, Ang^2
    double fit_t[FIT_POINTS], fit_y[FIT_POINTS];
    char label[LABEL];
};

static void parts_destroy(struct msd_part *part, int n)
{
    for (int i = 0; part && i < n; i++) {
        al_free(part[i].t);
        al_free(part[i].bar_t);
    }
    al_free(part);
}

static enum al_err prepare_msd(const struct tr_labelled *run, struct msd_part *p)
{
    const struct tr_diffusion *d = run->d;
    const struct tr_msd *m = d->msd;
    AL_ALLOC(p->t, m->n);
    AL_ALLOC(p->bar_t, 3 * BARS);
    p->bar_y = p->bar_t + BARS;
    p->bar_e = p->bar_y + BARS;
    for (int l = 0; l < m->n; l++)
        p->t[l] = 1e-3 * m->lag[l];
    int with_error = 0;
    while (with_error < m->n && m->lag[with_error] <= d->fit_to)
        with_error++;
    for (int b = 0; b < BARS; b++) {
        int l = (int)((long)(b + 1) * with_error / BARS) - 1;
        if (l < 0) l = 0;
        p->bar_t[b] = p->t[l];
        p->bar_y[b] = m->total[l];
        p->bar_e[b] = m->error[l];
    }
    for (int k = 0; k < FIT_POINTS; k++) {
        double t = k ? d->fit_to : d->fit_from;
        p->fit_t[k] = 1e-3 * t;
        p->fit_y[k] = d->offset + 6.0 * d->d / TR_ANG2_FS_CM2_S * t;
    }
    if (!d->diffusive) {
        if (isfinite(d->d_limit)) snprintf(p->label, LABEL, "%s: no diffusion seen, D < %.1e cm\xc2\xb2/s", run->label, d->d_limit);
        else snprintf(p->label, LABEL, "%s: no diffusion seen (MSD ~ t^%.2f)", run->label, tr_two_digits(d->slope));
        return AL_ERR_OK;
    }
    int exponent = (int)floor(log10(d->d)); // D > 0 where diffusive
    double unit = pow(10.0, exponent);
    snprintf(p->label, LABEL, "%s: D = (%.1f \xc2\xb1 %.1f)e%d cm\xc2\xb2/s", run->label, d->d / unit,
             d->d_error / unit, exponent);
    return AL_ERR_OK;
}

static void series_msd(const struct tr_labelled *run, const struct msd_part *p, int color,
                       struct al_plot_series *s)
{
    const struct tr_msd *m = run->d->msd;
    s[0] = (struct al_plot_series){.label = p->label, .n = m->n, .x = p->t, .y = m->total, .color = color};
    s[1] = (struct al_plot_series){.n = BARS,
                                   .x = p->bar_t,
                                   .y = p->bar_y,
                                   .error = p->bar_e,
                                   .color = color,
                                   .style = AL_PLOT_OPEN}; // bars only
    s[2] = (struct al_plot_series){.n = run->d->diffusive ? FIT_POINTS : 0,
                                   .x = p->fit_t,
                                   .y = p->fit_y,
                                   .color = 7,
                                   .style = AL_PLOT_DASHED};
}

static enum al_err plot_msd(const char *path, const char *title, const char *note, bool loglog, int n,
                            const struct tr_labelled *runs, struct msd_part *part)
{
    AL_AUTOFREE struct al_plot_series *s = NULL;
    AL_ALLOC(s, PER_RUN * (size_t)n);
    for (int i = 0; i < n; i++) {
        AL_TRY(prepare_msd(&runs[i], &part[i]));
        series_msd(&runs[i], &part[i], i + 1, s + PER_RUN * i);
    }
    struct al_plot p = {.title = title,
                        .note = note,
                        .xlabel = "lag time / ps",
                        .ylabel = "mean-square displacement / \xc3\x85\xc2\xb2",
                        .xlog = loglog,
                        .ylog = loglog,
                        .xzero = true,
                        .yzero = true,
                        .series = s,
                        .nseries = PER_RUN * n};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}

enum al_err tr_plot_msd(const char *path, const char *title, const char *note, bool loglog, int n,
                        const struct tr_labelled *runs)
{
    struct msd_part *part = NULL;
    AL_ALLOC(part, n);
    enum al_err e = plot_msd(path, title, note, loglog, n, runs, part);
    parts_destroy(part, n);
    AL_TRY(e);
    return AL_ERR_OK;
}

struct arrhenius_part {
    double *x, *y, *e; // one block: points by their mark
    int first[TR_MARKS + 1];
    double fit_x[2], fit_y[2];
    char label[LABEL];
};

static enum tr_mark mark_of(const struct tr_arrhenius_series *s, int i)
{
    return s->mark ? s->mark[i] : TR_MARK_FITTED;
}

static enum al_err prepare_arrhenius(const struct tr_arrhenius_series *s, struct arrhenius_part *p)
{
    AL_ALLOC(p->x, 3 * (size_t)s->n);
    p->y = p->x + s->n;
    p->e = p->y + s->n;
    double hottest = 300.0;
    int at = 0;
    for (int mark = 0; mark < TR_MARKS; mark++) {
        for (int i = 0; i < s->n; i++) {
            if ((int)mark_of(s, i) != mark) continue;
            p->x[at] = 1000.0 / s->temperature[i];
            p->y[at] = s->d[i];
            p->e[at++] = s->d_error[i];
            if (mark != TR_MARK_MOLTEN) hottest = fmax(hottest, s->temperature[i]); // the line ends where its phase does
        }
        p->first[mark + 1] = at;
    }
    snprintf(p->label, LABEL, "%s", s->label);
    if (!s->fit) return AL_ERR_OK;
    for (int k = 0; k < 2; k++) {
        double low, high, t = k ? 300.0 : hottest;
        p->fit_x[k] = 1000.0 / t;
        tr_arrhenius_at(s->fit, t, &p->fit_y[k], &low, &high);
    }
    snprintf(p->label, LABEL, "%s: Ea = %.2f \xc2\xb1 %.2f eV", s->label, s->fit->ea, s->fit->ea_error);
    return AL_ERR_OK;
}

static enum al_err plot_arrhenius(const char *path, const char *title, const char *note, int n,
                                  const struct tr_arrhenius_series *series, struct arrhenius_part *part)
{
    static const char *const label[TR_MARKS] = {[TR_MARK_MOLTEN] = "molten: not in the fit", [TR_MARK_LIMIT] = "no diffusion seen: upper limit"};
    static const unsigned style[TR_MARKS] = {AL_PLOT_POINTS, AL_PLOT_POINTS | AL_PLOT_SQUARE, AL_PLOT_POINTS | AL_PLOT_OPEN};
    AL_AUTOFREE struct al_plot_series *s = NULL;
    AL_ALLOC(s, PER_SYSTEM * (size_t)n);
    for (int i = 0; i < n; i++) {
        struct arrhenius_part *q = &part[i];
        AL_TRY(prepare_arrhenius(&series[i], q));
        for (int mark = 0; mark < TR_MARKS; mark++) {
            int first = q->first[mark], count = q->first[mark + 1] - first;
            s[PER_SYSTEM * i + mark] = (struct al_plot_series){.label = mark == TR_MARK_FITTED ? q->label : count ? label[mark] : NULL,
                                                               .n = count,
                                                               .x = q->x + first,
                                                               .y = q->y + first,
                                                               .error = q->e + first,
                                                               .style = style[mark],
                                                               .color = i + 1};
        }
        s[PER_SYSTEM * i + TR_MARKS] = (struct al_plot_series){.n = series[i].fit ? 2 : 0,
                                                               .x = q->fit_x,
                                                               .y = q->fit_y,
                                                               .style = AL_PLOT_DASHED,
                                                               .color = i + 1};
    }
    struct al_plot p = {.title = title,
                        .note = note,
                        .xlabel = "1000 K / T",
                        .ylabel = "D / (cm\xc2\xb2/s)",
                        .ylog = true,
                        .series = s,
                        .nseries = PER_SYSTEM * n};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}

enum al_err tr_plot_arrhenius(const char *path, const char *title, const char *note, int n,
                              const struct tr_arrhenius_series *series)
{
    struct arrhenius_part *part = NULL;
    AL_ALLOC(part, n);
    enum al_err e = plot_arrhenius(path, title, note, n, series, part);
    for (int i = 0; i < n; i++)
        al_free(part[i].x);
    al_free(part);
    AL_TRY(e);
    return AL_ERR_OK;
}
