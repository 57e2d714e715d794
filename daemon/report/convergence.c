// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Errors from iteration to iteration, shares of explored frames, and the error tables.
#include <math.h>

#include "base/mem.h"
#include "report/figure.h"

static const struct al_node *row_of(const struct al_node *errors, const char *set)
{
    const struct al_node *table = al_node_get(errors, "table");
    for (const struct al_node *r = table ? table->child : NULL; r; r = r->next)
        if (strcmp(al_node_str(r, "group", ""), "all") == 0 && strcmp(al_node_str(r, "set", ""), set) == 0) return r;
    return NULL;
}

// quantity: force | energy. Error bars reach to the upper end of the 95 % interval, which is what converge looks at.
static enum al_err errors_figure(const struct page *pg, const char *quantity, double factor, const char *ylabel, const char *title,
                                 const char *id)
{
    static const struct {
        const char *set, *name;
    } sets[] = {{"test", "held-out test (95 %)"}, {"new", "new frames, before training"}, {"train", "training"}, {"judged", "those of the test that are judged (95 %)"}};
    enum { NSETS = sizeof sets / sizeof *sets };
    AL_OWN(figure) f = NULL;
    AL_AUTOFREE double *v = NULL;
    char rmse[32], high[32], limit[32];
    int n = pg->nerrors;
    snprintf(rmse, sizeof rmse, "%s_rmse", quantity);
    snprintf(high, sizeof high, "%s_rmse_high", quantity);
    snprintf(limit, sizeof limit, "%s_limit", quantity);
    AL_TRY(figure_create(&f));
    AL_ALLOC(v, 4 * n);
    double *x = v, *y = v + n, *bar = v + 2 * n, *lim = v + 3 * n;
    f->plot = (struct al_plot){.title = title, .xlabel = "iteration", .ylabel = ylabel, .yzero = true};
    for (int s = 0; s < NSETS; s++) {
        int rows = 0;
        for (int i = 0; i < n; i++) {
            const struct al_node *r = row_of(pg->errors[i], sets[s].set);
            rows += r != NULL;
            x[i] = (double)al_node_int(pg->errors[i], "iteration", i);
            y[i] = factor * al_node_double(r, rmse, NAN);
            bar[i] = factor * al_node_double(r, high, NAN) - y[i];
            lim[i] = factor * al_node_double(al_node_get(pg->errors[i], "converge"), limit, NAN);
        }
        bool bars = s == 0 || s == NSETS - 1;
        if (rows) AL_TRY(figure_add(f, true, s + 1, AL_PLOT_LINE | AL_PLOT_POINTS, n, x, y, bars ? bar : NULL, "%s", sets[s].name));
    }
    AL_TRY(figure_add(f, true, 7, AL_PLOT_DASHED | AL_PLOT_LINE, n, x, lim, NULL, "limit"));
    AL_TRY(figure_write(pg, id, f, NULL));
    return AL_ERR_OK;
}

static enum al_err fractions_figure(const struct page *pg)
{
    static const char *const name[] = {"accurate", "candidate", "failed", "broken"};
    static const int color[] = {3, 1, 2, 4};
    AL_OWN(figure) f = NULL;
    AL_AUTOFREE double *v = NULL;
    int n = pg->nerrors;
    AL_TRY(figure_create(&f));
    AL_ALLOC(v, 3 * n);
    double *x = v, *y = v + n, *lim = v + 2 * n;
    f->plot = (struct al_plot){.title = "Explored frames by class", .xlabel = "iteration", .ylabel = "share / %", .yzero = true};
    for (int c = 0; c < 4; c++) {
        for (int i = 0; i < n; i++) {
            const struct al_node *s = al_node_get(pg->errors[i], "selection");
            double all = 0;
            for (int k = 0; k < 4; k++)
                all += (double)al_node_int(s, name[k], 0);
            x[i] = (double)al_node_int(pg->errors[i], "iteration", i);
            y[i] = all > 0 ? 100 * (double)al_node_int(s, name[c], 0) / all : (double)NAN;
            lim[i] = 100 * al_node_double(al_node_get(pg->errors[i], "converge"), "candidate_limit", NAN);
        }
        AL_TRY(figure_add(f, true, color[c], AL_PLOT_LINE | AL_PLOT_POINTS, n, x, y, NULL, "%s", name[c]));
    }
    AL_TRY(figure_add(f, true, 7, AL_PLOT_DASHED | AL_PLOT_LINE, n, x, lim, NULL, "limit of candidates"));
    AL_TRY(figure_write(pg, "fractions", f, "candidate: inside the trust window; failed: above it; broken: atoms too close or a run that blew up."));
    return AL_ERR_OK;
}

static void interval(const struct page *pg, const struct al_node *r, const char *key, double factor, const char *format)
{
    char low[48], high[48];
    snprintf(low, sizeof low, "%s_low", key);
    snprintf(high, sizeof high, "%s_high", key);
    double a = factor * al_node_double(r, low, NAN), b = factor * al_node_double(r, high, NAN);
    page_cell(pg, factor * al_node_double(r, key, NAN), format);
    if (isnan(a) || isnan(b)) {
        fputs("<td>&ndash;</td>", pg->out);
        return;
    }
    fprintf(pg->out, "<td>%.3g .. %.3g</td>", a, b);
}

static void error_table(const struct page *pg, const struct al_node *errors, bool open)
{
    FILE *out = pg->out;
    fprintf(out, "<details%s><summary>Errors, iteration %ld</summary>\n<div class=\"wide\"><table><tr><th>frames of</th><th>group</th><th>n</th>"
                 "<th>energy / meV per atom</th><th>95 %%</th><th>force / eV/&Aring;</th><th>95 %%</th><th>virial / meV per atom</th></tr>\n",
            open ? " open" : "", al_node_int(errors, "iteration", -1));
    const struct al_node *table = al_node_get(errors, "table");
    for (const struct al_node *r = table ? table->child : NULL; r; r = r->next) {
        fputs("<tr><td>", out);
        html_text(out, al_node_str(r, "set", ""));
        fputs("</td><td>", out);
        html_text(out, al_node_str(r, "label", ""));
        if (strcmp(al_node_str(r, "group", ""), "temperature") == 0) fputs(" K", out);
        fprintf(out, "</td><td>%ld</td>", al_node_int(r, "frames", 0));
        interval(pg, r, "energy_rmse", 1e3, "%.2f");
        interval(pg, r, "force_rmse", 1, "%.4f");
        page_cell(pg, 1e3 * al_node_double(r, "virial_rmse", NAN), "%.1f");
        fputs("</tr>\n", out);
    }
    fputs("</table></div></details>\n", out);
}

enum al_err page_convergence(const struct page *pg)
{
    if (!pg->nerrors) return AL_ERR_OK;
    page_begin(pg, "convergence", "Convergence");
    const struct al_node *c = al_node_get(pg->errors[pg->nerrors - 1], "converge");
    fprintf(pg->out, "<p>Candidates %s of the explored frames (limit %s): %s.</p>\n",
            page_number("%.3g", al_node_double(c, "candidate_fraction", NAN)).text, page_number("%.3g", al_node_double(c, "candidate_limit", NAN)).text,
            al_node_int(c, "below", 0) ? "all limits met" : "<b>limits not met</b>");
    fputs("<div class=\"plots\">\n", pg->out);
    AL_TRY(errors_figure(pg, "force", 1, "force RMSE / eV/\xc3\x85", "Force error by iteration", "force-error"));
    AL_TRY(errors_figure(pg, "energy", 1e3, "energy RMSE / meV per atom", "Energy error by iteration", "energy-error"));
    AL_TRY(fractions_figure(pg));
    fputs("</div>\n", pg->out);
    for (int i = pg->nerrors - 1; i >= 0; i--)
        error_table(pg, pg->errors[i], i == pg->nerrors - 1);
    page_end(pg);
    return AL_ERR_OK;
}
