// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the committee says of explored frames: histograms of its deviation with the trust window, and the deviation against the
// true error (calibration).
#include <glob.h>
#include <math.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "report/figure.h"
#include "report/table.h"

enum { NBINS = 40, MAX_WINDOWS = 8 };

struct samples {
    double *v;
    int n, cap;
};

static enum al_err add_file(const char *path, struct samples *s)
{
    AL_OWN(table) t = NULL;
    AL_TRY(table_read(path, false, &t));
    int c = t ? table_column(t, "max_devi_f") : -1;
    for (int r = 0; c >= 0 && r < t->nrows; r++) {
        double v = table_number(t, r, c);
        if (!(v > 0) || !isfinite(v)) continue;
        if (s->n == s->cap) {
            int cap = s->cap ? 2 * s->cap : 1024;
            AL_GROW(s->v, s->n, cap);
            s->cap = cap;
        }
        s->v[s->n++] = v;
    }
    return AL_ERR_OK;
}

static enum al_err samples_of(int iteration, const char *system, struct samples *s)
{
    char pattern[AL_PATH];
    glob_t g;
    s->n = 0;
    AL_TRY(al_path(pattern, "iterations/%03d/explore/%s-[0-9]*/deviation.out", iteration, system)); // names of systems have no *, ? or [
    int rc = glob(pattern, 0, NULL, &g);
    enum al_err e = AL_ERR_OK;
    for (size_t i = 0; rc == 0 && i < g.gl_pathc && !e; i++)
        e = add_file(g.gl_pathv[i], s);
    if (rc == 0) globfree(&g);
    AL_TRY(e);
    return AL_ERR_OK;
}

// Share of each bin of equal width in log10, as a line of steps.
static enum al_err add_histogram(const struct page *pg, struct figure *f, const char *system, const struct samples *s, double low, double high,
                                 double *top)
{
    double x[2 * NBINS + 2], y[2 * NBINS + 2], width = log10(high / low) / NBINS;
    int count[NBINS] = {0}, n = 0;
    for (int i = 0; i < s->n; i++) {
        int b = (int)floor(log10(s->v[i] / low) / width);
        count[b < 0 ? 0 : b >= NBINS ? NBINS - 1 : b]++;
    }
    x[n] = low;
    y[n++] = 0;
    for (int b = 0; b < NBINS; b++) {
        double share = 100.0 * count[b] / s->n;
        *top = fmax(*top, share);
        for (int k = 0; k < 2; k++) {
            x[n] = low * pow(10, width * (b + k));
            y[n++] = share;
        }
    }
    x[n] = high;
    y[n++] = 0;
    AL_TRY(figure_add(f, true, page_color(pg, system), AL_PLOT_LINE, n, x, y, NULL, "%s", system));
    return AL_ERR_OK;
}

// Each different window of select as two upright lines.
static enum al_err add_windows(struct figure *f, const struct al_node *selection, double top)
{
    const struct al_node *list = al_node_get(selection, "windows");
    double seen[MAX_WINDOWS][2];
    int n = 0;
    for (const struct al_node *w = list ? list->child : NULL; w && n < MAX_WINDOWS; w = w->next) {
        double low = al_node_double(w, "low", NAN), high = al_node_double(w, "high", NAN);
        bool again = false;
        for (int i = 0; i < n && !again; i++)
            again = seen[i][0] == low && seen[i][1] == high;
        if (again || !(low > 0) || !(high > low)) continue;
        AL_TRY(figure_add(f, n == 0, 7, AL_PLOT_LINE | AL_PLOT_DASHED, 2, (double[]){low, low}, (double[]){0, top}, NULL,
                          n ? "trust window, low (%d)" : "trust window", n + 1));
        AL_TRY(figure_add(f, false, 7, AL_PLOT_LINE | AL_PLOT_DASHED, 2, (double[]){high, high}, (double[]){0, top}, NULL,
                          "trust window, high (%d)", n + 1));
        seen[n][0] = low;
        seen[n++][1] = high;
    }
    return AL_ERR_OK;
}

static enum al_err fill_histograms(const struct page *pg, int iteration, struct figure *f, struct samples *s, bool *ret_there)
{
    double low = INFINITY, high = 0, top = 0;
    char path[AL_PATH];
    for (int k = 0; k < pg->cfg->nsystems; k++) {
        AL_TRY(samples_of(iteration, pg->cfg->system[k].name, s));
        for (int i = 0; i < s->n; i++) {
            low = fmin(low, s->v[i]);
            high = fmax(high, s->v[i]);
        }
    }
    *ret_there = high > 0;
    if (!*ret_there) return AL_ERR_OK;
    if (!(high > 1.01 * low)) high = 1.01 * low;
    for (int k = 0; k < pg->cfg->nsystems; k++) {
        AL_TRY(samples_of(iteration, pg->cfg->system[k].name, s));
        if (s->n) AL_TRY(add_histogram(pg, f, pg->cfg->system[k].name, s, low, high, &top));
    }
    AL_TRY(al_path(path, "iterations/%03d/select/selection.yaml", iteration));
    if (al_exists(path)) {
        AL_OWN(al_node) selection = NULL;
        AL_TRY(al_yaml_read(path, &selection));
        AL_TRY(add_windows(f, selection, top));
    }
    return AL_ERR_OK;
}

static enum al_err histogram(const struct page *pg, int iteration, bool *ret_there)
{
    AL_OWN(figure) f = NULL;
    struct samples s = {0};
    char title[64], id[64];
    AL_TRY(figure_create(&f));
    snprintf(title, sizeof title, "Deviation of the forces, iteration %d", iteration);
    snprintf(id, sizeof id, "deviation-%03d", iteration);
    f->plot = (struct al_plot){.title = title, .xlabel = "largest deviation in a frame / eV/\xc3\x85", .ylabel = "frames / %", .xlog = true, .yzero = true};
    enum al_err e = fill_histograms(pg, iteration, f, &s, ret_there);
    al_free(s.v);
    AL_TRY(e);
    if (*ret_there) AL_TRY(figure_write(pg, id, f, NULL));
    return AL_ERR_OK;
}

static enum al_err fill_calibration(const struct page *pg, const struct table *t, struct figure *f, double *x, double *y)
{
    int set = table_column(t, "set"), sys = table_column(t, "system"), dev = table_column(t, "deviation_eV_per_Ang"),
        err = table_column(t, "max_force_error_eV_per_Ang");
    double low = INFINITY, high = 0;
    for (int k = 0; k < 2 * pg->cfg->nsystems; k++) {
        const char *system = pg->cfg->system[k / 2].name;
        bool new = k % 2 == 1;
        int n = 0;
        for (int r = 0; r < t->nrows; r++) {
            if (strcmp(table_text(t, r, sys), system) != 0 || (strcmp(table_text(t, r, set), "new") == 0) != new) continue;
            x[n] = table_number(t, r, dev);
            y[n] = table_number(t, r, err);
            if (x[n] > 0) low = fmin(low, x[n]);
            high = fmax(high, x[n]);
            n++;
        }
        AL_TRY(figure_add(f, true, page_color(pg, system), AL_PLOT_POINTS | (new ? AL_PLOT_OPEN : 0u), n, x, y, NULL, "%s, %s", system,
                          new ? "new" : "test"));
    }
    if (high > low)
        AL_TRY(figure_add(f, true, 7, AL_PLOT_LINE | AL_PLOT_DASHED, 2, (double[]){low, high}, (double[]){low, high}, NULL, "error = deviation"));
    return AL_ERR_OK;
}

static enum al_err calibration(const struct page *pg)
{
    AL_OWN(table) t = NULL;
    AL_OWN(figure) f = NULL;
    AL_AUTOFREE double *x = NULL;
    char path[AL_PATH], title[96];
    AL_TRY(al_path(path, "iterations/%03d/evaluate/calibration.csv", pg->nerrors - 1));
    if (pg->nerrors) AL_TRY(table_read(path, true, &t));
    if (!t || !t->nrows) return AL_ERR_OK;
    AL_TRY(figure_create(&f));
    AL_ALLOC(x, 2 * t->nrows);
    snprintf(title, sizeof title, "Deviation against true error, iteration %d", pg->nerrors - 1);
    f->plot = (struct al_plot){.title = title, .xlabel = "largest deviation in a frame / eV/\xc3\x85",
                               .ylabel = "largest force error / eV/\xc3\x85", .xlog = true, .ylog = true};
    AL_TRY(fill_calibration(pg, t, f, x, x + t->nrows));
    AL_TRY(figure_write(pg, "calibration", f, "Points above the line: the committee was surer than it should be."));
    return AL_ERR_OK;
}

enum al_err page_exploration(const struct page *pg)
{
    bool there = true;
    if (!al_exists("iterations/000/explore")) return AL_ERR_OK;
    page_begin(pg, "exploration", "Exploration and calibration");
    fputs("<div class=\"plots\">\n", pg->out);
    AL_TRY(calibration(pg));
    for (int i = 0; there; i++)
        AL_TRY(histogram(pg, i, &there));
    fputs("</div>\n", pg->out);
    page_end(pg);
    return AL_ERR_OK;
}
