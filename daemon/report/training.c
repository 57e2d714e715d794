// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Parity of the last evaluated iteration and the learning curves of all members.
#include <math.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "report/figure.h"
#include "report/table.h"

enum { MAX_POINTS = 500, MAX_ROWS = 120, MAX_MEMBERS = 64, MAX_ITERATIONS = 1000, NPALETTE = 6 };

struct points {
    double *x, *y;
    int n;
};

static enum al_err points_alloc(struct points *p, int n)
{
    AL_ALLOC(p->x, n);
    enum al_err e = al_alloc((size_t)n, sizeof *p->y, &p->y);
    if (e) al_free(p->x);
    AL_TRY(e);
    return AL_ERR_OK;
}

static void points_free(struct points *p)
{
    al_free(p->x);
    al_free(p->y);
}

// The diagonal over all that has been added.
static enum al_err diagonal(struct figure *f)
{
    double low = INFINITY, high = -(double)INFINITY;
    for (int k = 0; k < f->n; k++)
        for (int i = 0; i < f->series[k].n; i++) {
            low = fmin(low, f->series[k].x[i]);
            high = fmax(high, f->series[k].x[i]);
        }
    if (!(high > low)) return AL_ERR_OK;
    AL_TRY(figure_add(f, false, 7, AL_PLOT_LINE | AL_PLOT_DASHED, 2, (double[]){low, high}, (double[]){low, high}, NULL, "equal"));
    return AL_ERR_OK;
}

// Energies against the mean label of their composition: compositions are hundreds of eV apart, errors a few meV.
static enum al_err add_energies(const struct page *pg, struct figure *f, const struct table *t, const char *system, struct points *p)
{
    int set = table_column(t, "set"), sys = table_column(t, "system"), label = table_column(t, "label_eV_per_atom"),
        model = table_column(t, "model_eV_per_atom"), n = 0;
    double mean = 0;
    for (int r = 0; r < t->nrows; r++) {
        if (strcmp(table_text(t, r, sys), system) != 0) continue;
        mean += table_number(t, r, label);
        n++;
    }
    for (int new = 0; new < 2; new++) {
        p->n = 0;
        for (int r = 0; r < t->nrows; r++) {
            if (strcmp(table_text(t, r, sys), system) != 0 || (strcmp(table_text(t, r, set), "new") == 0) != (new == 1)) continue;
            p->x[p->n] = 1e3 * (table_number(t, r, label) - mean / n);
            p->y[p->n++] = 1e3 * (table_number(t, r, model) - mean / n);
        }
        AL_TRY(figure_add(f, true, page_color(pg, system), AL_PLOT_POINTS | (new ? AL_PLOT_OPEN : 0u), p->n, p->x, p->y, NULL, "%s, %s",
                          system, new ? "new" : "test"));
    }
    return AL_ERR_OK;
}

static enum al_err parity_energies(const struct page *pg, const char *path, int iteration)
{
    AL_OWN(table) t = NULL;
    AL_OWN(figure) f = NULL;
    struct points p = {0};
    char title[96];
    AL_TRY(table_read(path, true, &t));
    if (!t) return AL_ERR_OK;
    AL_TRY(figure_create(&f));
    snprintf(title, sizeof title, "Energies, iteration %d", iteration);
    f->plot = (struct al_plot){.title = title, .xlabel = "label / meV per atom", .ylabel = "model / meV per atom"};
    AL_TRY(points_alloc(&p, t->nrows));
    enum al_err e = AL_ERR_OK;
    for (int s = 0; s < pg->cfg->nsystems && !e; s++)
        e = add_energies(pg, f, t, pg->cfg->system[s].name, &p);
    points_free(&p);
    AL_TRY(e);
    AL_TRY(diagonal(f));
    AL_TRY(figure_write(pg, "parity-energies", f, "Against the mean label of each composition; filled: held-out test, open: new, before training."));
    return AL_ERR_OK;
}

// Components of the forces on one element, thinned evenly to MAX_POINTS.
static enum al_err add_element(struct figure *f, const struct table *t, const char *element, int color, struct points *p, long *ret_all)
{
    int z = table_column(t, "element"), label = table_column(t, "label_x_eV_per_Ang"), model = table_column(t, "model_x_eV_per_Ang");
    long all = 0, seen = 0;
    if (label < 0 || model < 0) return AL_ERR_OK;
    for (int r = 0; r < t->nrows; r++)
        all += strcmp(table_text(t, r, z), element) == 0 ? 3 : 0;
    if (!all) return AL_ERR_OK;
    long stride = (all + MAX_POINTS - 1) / MAX_POINTS;
    p->n = 0;
    for (int r = 0; r < t->nrows; r++)
        for (int c = 0; c < 3 && strcmp(table_text(t, r, z), element) == 0; c++) {
            if (seen++ % stride) continue;
            p->x[p->n] = table_number(t, r, label + c);
            p->y[p->n++] = table_number(t, r, model + c);
        }
    *ret_all += all;
    AL_TRY(figure_add(f, true, color, AL_PLOT_POINTS, p->n, p->x, p->y, NULL, "%s", element));
    return AL_ERR_OK;
}

static enum al_err parity_forces(const struct page *pg, const char *path, int iteration)
{
    AL_OWN(table) t = NULL;
    AL_OWN(figure) f = NULL;
    struct points p = {0};
    char title[96], said[256];
    int nz, z[CFG_MAX_LIST], color = 0;
    long all = 0;
    AL_TRY(table_read(path, true, &t));
    if (!t) return AL_ERR_OK;
    AL_TRY(loop_config_elements(pg->cfg, &nz, z));
    AL_TRY(points_alloc(&p, 3 * t->nrows));
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < nz && !e; i++) { // a picture of each: they lie over one another
        const char *element = al_element_symbol(z[i]);
        char id[64];
        e = figure_create(&f);
        all = 0;
        if (!e) e = add_element(f, t, element, color++ % NPALETTE + 1, &p, &all);
        if (!e) e = diagonal(f);
        snprintf(title, sizeof title, "Forces on %s, iteration %d", element, iteration);
        snprintf(id, sizeof id, "parity-forces-%s", element);
        snprintf(said, sizeof said, "%ld components%s", all, all > MAX_POINTS ? ", evenly thinned here; all of them are in the file below." : ".");
        if (!e) f->plot = (struct al_plot){.title = title, .xlabel = "label / eV/\xc3\x85", .ylabel = "model / eV/\xc3\x85"};
        if (!e) e = figure_write(pg, id, f, said);
        figure_destroy(&f);
    }
    points_free(&p);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err page_parity(const struct page *pg)
{
    char energies[AL_PATH], forces[AL_PATH];
    int i = pg->nerrors - 1;
    AL_TRY(al_path(energies, "iterations/%03d/evaluate/parity-energies.csv", i));
    AL_TRY(al_path(forces, "iterations/%03d/evaluate/parity-forces.csv", i));
    if (i < 0 || !al_exists(forces)) return AL_ERR_OK; // a run from before these were written
    page_begin(pg, "parity", "Labels and model");
    fputs("<div class=\"plots\">\n", pg->out);
    AL_TRY(parity_energies(pg, energies, i));
    AL_TRY(parity_forces(pg, forces, i));
    fprintf(pg->out, "</div>\n<p>Held-out test frames and this iteration's new ones; all numbers: <code>%s</code>, <code>%s</code>.</p>\n", energies, forces);
    page_end(pg);
    return AL_ERR_OK;
}

// One member's curve, thinned to MAX_ROWS rows.
static enum al_err add_curve(struct figure *f, const struct table *t, const char *column, double factor, int iteration, int member)
{
    double x[MAX_ROWS], y[MAX_ROWS];
    int step = table_column(t, "step"), c = table_column(t, column), n = 0, stride = (t->nrows + MAX_ROWS - 1) / MAX_ROWS;
    for (int r = 0; r < t->nrows; r += stride) {
        x[n] = table_number(t, r, step);
        y[n++] = factor * table_number(t, r, c);
    }
    AL_TRY(figure_add(f, member == 0, iteration % NPALETTE + 1, AL_PLOT_LINE, n, x, y, NULL,
                      member ? "iteration %d, member %d" : "iteration %d", iteration, member));
    return AL_ERR_OK;
}

static enum al_err learning_figure(const struct page *pg, const char *column, double factor, const char *title, const char *ylabel, const char *id)
{
    AL_OWN(figure) f = NULL;
    char path[AL_PATH];
    AL_TRY(figure_create(&f));
    f->plot = (struct al_plot){.title = title, .xlabel = "step", .ylabel = ylabel, .ylog = true};
    for (int it = 0; it < MAX_ITERATIONS; it++) {
        AL_TRY(al_path(path, "iterations/%03d/train", it));
        if (!al_exists(path)) break;
        for (int m = 0; m < MAX_MEMBERS && m < pg->cfg->train.committee && f->n < FIGURE_SERIES; m++) {
            AL_OWN(table) t = NULL;
            AL_TRY(al_path(path, "iterations/%03d/train/%d/lcurve.out", it, m));
            AL_TRY(table_read(path, false, &t));
            if (t && t->nrows) AL_TRY(add_curve(f, t, column, factor, it, m));
        }
    }
    AL_TRY(figure_write(pg, id, f, "Each iteration's members in one colour."));
    return AL_ERR_OK;
}

enum al_err page_learning(const struct page *pg)
{
    if (!al_exists("iterations/000/train")) return AL_ERR_OK;
    page_begin(pg, "learning", "Learning curves");
    fputs("<div class=\"plots\">\n", pg->out);
    AL_TRY(learning_figure(pg, "rmse_f_val", 1, "Force error in validation", "force RMSE / eV/\xc3\x85", "learning-force"));
    AL_TRY(learning_figure(pg, "rmse_e_val", 1e3, "Energy error in validation", "energy RMSE / meV per atom", "learning-energy"));
    AL_TRY(learning_figure(pg, "rmse_f_trn", 1, "Force error in training", "force RMSE / eV/\xc3\x85", "learning-force-training"));
    fputs("</div>\n", pg->out);
    page_end(pg);
    return AL_ERR_OK;
}
