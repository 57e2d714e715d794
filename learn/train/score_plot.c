// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/svg.h"
#include "train/score.h"

enum { MAX_SERIES = 12, MAX_POINTS = 4000, LINE = 1024 };

struct series {
    char label[48];
    double *x, *y;
    int n;
    long seen;
};

struct cloud { // points of one quantity, by system or element
    struct series s[MAX_SERIES];
    int n;
    long stride; // every stride-th point of a series is kept: a plot needs no hundred thousand
    double low, high;
};

static struct series *series_of(struct cloud *c, const char *label)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->s[i].label, label) == 0) return &c->s[i];
    if (c->n == MAX_SERIES) return &c->s[MAX_SERIES - 1]; // the last one takes the rest
    snprintf(c->s[c->n].label, sizeof c->s[0].label, "%s", c->n == MAX_SERIES - 1 ? "others" : label);
    return &c->s[c->n++];
}

static enum al_err put(struct cloud *c, const char *label, double x, double y)
{
    struct series *s = series_of(c, label);
    if (s->seen++ % c->stride || !isfinite(x) || !isfinite(y)) return AL_ERR_OK;
    AL_GROW(s->x, s->n, s->n + 1);
    AL_GROW(s->y, s->n, s->n + 1);
    s->x[s->n] = x;
    s->y[s->n++] = y;
    c->low = fmin(c->low, fmin(x, y));
    c->high = fmax(c->high, fmax(x, y));
    return AL_ERR_OK;
}

// quantity,system,frame,atom,element,component,label,model
static enum al_err take_line(struct cloud *c, char *line, const char *quantity)
{
    char *field[8], *p = line;
    for (int i = 0; i < 8; i++) {
        field[i] = p;
        p += strcspn(p, ",\n");
        if (i < 7 && !*p) return AL_ERR_OK;
        *p++ = '\0';
    }
    if (strcmp(field[0], quantity) != 0) return AL_ERR_OK;
    return put(c, field[4][0] ? field[4] : field[1], strtod(field[6], NULL), strtod(field[7], NULL));
}

static enum al_err read_points(const char *path, const char *quantity, struct cloud *c)
{
    char line[LINE];
    FILE *in = fopen(path, "re");
    if (!in) AL_FAIL(AL_ERR_IO, "cannot open %s", path);
    enum al_err e = AL_ERR_OK;
    while (!e && fgets(line, sizeof line, in))
        e = take_line(c, line, quantity);
    fclose(in);
    return e;
}

static enum al_err draw(const char *path, const char *title, const char *note, const char *unit, const struct cloud *c)
{
    struct al_plot_series s[MAX_SERIES + 1];
    char xlabel[64], ylabel[64];
    double margin = 0.03 * (c->high - c->low) + 1e-12, ends[2] = {c->low - margin, c->high + margin};
    snprintf(xlabel, sizeof xlabel, "label / %s", unit);
    snprintf(ylabel, sizeof ylabel, "model / %s", unit);
    for (int i = 0; i < c->n; i++)
        s[i] = (struct al_plot_series){.label = c->s[i].label, .n = c->s[i].n, .x = c->s[i].x, .y = c->s[i].y, .style = AL_PLOT_POINTS};
    s[c->n] = (struct al_plot_series){.n = 2, .x = ends, .y = ends, .style = AL_PLOT_LINE | AL_PLOT_DASHED};
    struct al_plot p = {.title = title, .note = note, .xlabel = xlabel, .ylabel = ylabel, .xmin = ends[0], .xmax = ends[1], .ymin = ends[0],
                        .ymax = ends[1], .width = 520, .height = 520, .series = s, .nseries = c->n + 1};
    return al_svg_plot(path, &p);
}

static enum al_err plot(const char *dir, const char *quantity, const char *unit, const struct score_sum *sum)
{
    char csv[AL_PATH], svg[AL_PATH], note[160], title[64];
    struct cloud c = {.stride = sum->n / MAX_POINTS + 1, .low = INFINITY, .high = -INFINITY};
    AL_TRY(al_path(csv, "%s/parity.csv", dir));
    AL_TRY(al_path(svg, "%s/parity-%s.svg", dir, quantity));
    snprintf(title, sizeof title, "%s: model against label", quantity);
    snprintf(note, sizeof note, "%ld values, RMSE %.4g, MAE %.4g %s%s", sum->n, score_rmse(sum), score_mae(sum), unit,
             c.stride > 1 ? " (some of the points shown)" : "");
    enum al_err e = read_points(csv, quantity, &c);
    if (!e) e = draw(svg, title, note, unit, &c);
    for (int i = 0; i < c.n; i++) {
        al_free(c.s[i].x);
        al_free(c.s[i].y);
    }
    return e;
}

enum al_err score_plots(const struct score *s, const char *dir)
{
    if (s->all.e.n) AL_TRY(plot(dir, "energy", "eV/atom", &s->all.e));
    if (s->all.f.n) AL_TRY(plot(dir, "force", "eV/Ang", &s->all.f));
    if (s->all.v.n) AL_TRY(plot(dir, "virial", "eV/atom", &s->all.v));
    return AL_ERR_OK;
}
