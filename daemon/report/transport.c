// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Diffusion: Arrhenius plot of all compositions in one picture, MSD of all compositions at each temperature, tables, density maps
// and the other pictures of the structure.
#include <math.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/units.h"
#include "report/figure.h"
#include "report/table.h"

enum { MAX_T = 64, FIT = 24, MAX_POINTS = 160 };
enum mark { MARK_FITTED, MARK_MOLTEN, MARK_LIMIT, MARKS }; // of a temperature in the Arrhenius plot: in the fit, molten, an upper limit

static const struct al_node *temperatures_of(const struct al_node *transport)
{
    const struct al_node *list = al_node_get(transport, "temperatures");
    return list ? list->child : NULL;
}

static const char *system_of(const struct al_node *transport)
{
    return al_node_str(transport, "system", "");
}

static bool seen(const struct al_node *r)
{
    return isnan(al_node_double(r, "d_below_cm2_per_s", NAN)) && !isnan(al_node_double(r, "d_cm2_per_s", NAN));
}

static void table_row(const struct page *pg, const char *system, const struct al_node *r)
{
    FILE *out = pg->out;
    const struct al_node *structure = al_node_get(r, "structure");
    bool d = seen(r);
    fputs("<tr><td>", out);
    html_text(out, system);
    fputs("</td>", out);
    page_cell(pg, al_node_double(r, "temperature_k", NAN), "%.0f");
    page_cell(pg, al_node_double(r, d ? "d_cm2_per_s" : "d_below_cm2_per_s", NAN), d ? "%.2e" : "&lt; %.1e");
    page_cell(pg, d ? al_node_double(r, "d_error_cm2_per_s", NAN) : (double)NAN, "%.1e");
    page_cell(pg, al_node_double(r, d ? "conductivity_nernst_einstein_s_per_cm" : "conductivity_below_s_per_cm", NAN), d ? "%.2e" : "&lt; %.1e");
    page_cell(pg, al_node_double(al_node_get(structure, "collective"), "haven_ratio", NAN), "%.2f");
    page_cell(pg, al_node_double(r, "energy_drift_ev_per_atom_ps", NAN), "%.1e");
    page_cell(pg, al_node_double(r, "force_deviation_mean_ev_per_ang", NAN), "%.3f");
    fputs("<td class=\"text\">", out);
    html_text(out, al_node_str(r, "regime", al_node_str(r, "reason", "")));
    if (al_node_int(r, "runs_ended_early", 0)) fprintf(out, "; %ld runs ended early", al_node_int(r, "runs_ended_early", 0));
    if (al_node_str(r, "extrapolation", NULL)) {
        fputs("; ", out);
        html_text(out, al_node_str(r, "extrapolation", ""));
    }
    if (al_node_str(r, "closer_than_labels", NULL)) {
        fputs("; atoms closer than in any label: ", out);
        html_text(out, al_node_str(r, "closer_than_labels", ""));
    }
    fputs("</td><td class=\"text\">", out);
    html_text(out, al_node_str(al_node_get(structure, "framework"), "verdict", ""));
    fputs("</td></tr>\n", out);
}

static void tables(const struct page *pg)
{
    FILE *out = pg->out;
    fputs("<div class=\"wide\"><table><tr><th>composition</th><th>T / K</th><th>D / cm&sup2;/s</th><th>&plusmn;</th>"
          "<th>&sigma; (Nernst-Einstein) / S/cm</th><th>Haven ratio</th><th>drift / eV/atom/ps</th><th>deviation / eV/&Aring;</th>"
          "<th>regime</th><th>framework</th></tr>\n",
          out);
    for (int i = 0; i < pg->ntransport; i++)
        for (const struct al_node *r = temperatures_of(pg->transport[i]); r; r = r->next)
            table_row(pg, system_of(pg->transport[i]), r);
    fputs("</table></div>\n", out);
    for (int i = 0; i < pg->ntransport; i++) {
        const struct al_node *a = al_node_get(pg->transport[i], "arrhenius");
        fputs("<p>", out);
        html_text(out, system_of(pg->transport[i]));
        if (a && a->kind == AL_NODE_MAP) {
            fprintf(out, ": activation energy %s &plusmn; %s eV; D(300 K) %s cm&sup2;/s (95 %%: %s to %s), %ld temperatures",
                    page_number("%.3f", al_node_double(a, "activation_energy_ev", NAN)).text,
                    page_number("%.3f", al_node_double(a, "activation_energy_error_ev", NAN)).text,
                    page_number("%.2e", al_node_double(a, "d_300k_cm2_per_s", NAN)).text, page_number("%.1e", al_node_double(a, "d_300k_low95", NAN)).text,
                    page_number("%.1e", al_node_double(a, "d_300k_high95", NAN)).text, al_node_int(a, "points", 0));
            const char *left_out = al_node_str(a, "left_out_as_molten", "");
            if (left_out[0]) {
                fputs("; left out, as the framework is molten: ", out);
                html_text(out, left_out);
            }
            fputs(".</p>\n", out);
        } else {
            fputs(": activation energy ", out);
            html_text(out, al_node_str(pg->transport[i], "arrhenius", "not determined"));
            fputs(".</p>\n", out);
        }
    }
}

static enum mark mark_of(const struct al_node *r)
{
    bool out = strcmp(al_node_str(r, "in_arrhenius_fit", "true"), "false") == 0;
    const char *state = al_node_str(al_node_get(al_node_get(r, "structure"), "framework"), "state", "");
    return !seen(r) ? MARK_LIMIT : out && strcmp(state, "molten") == 0 ? MARK_MOLTEN : MARK_FITTED;
}

static enum al_err arrhenius_system(const struct page *pg, struct figure *f, const struct al_node *y)
{
    static const unsigned style[MARKS] = {AL_PLOT_POINTS, AL_PLOT_POINTS | AL_PLOT_SQUARE, AL_PLOT_POINTS | AL_PLOT_OPEN};
    static const char *const what[MARKS] = {"", ", molten", ", upper limit"};
    double x[MARKS][MAX_T], d[MARKS][MAX_T], bar[MARKS][MAX_T], fx[FIT], fy[FIT], hottest = 0;
    int n[MARKS] = {0}, left = MAX_T, color = page_color(pg, system_of(y));
    for (const struct al_node *r = temperatures_of(y); r && left; r = r->next, left--) {
        enum mark k = mark_of(r);
        double t = al_node_double(r, "temperature_k", NAN);
        x[k][n[k]] = 1000 / t;
        d[k][n[k]] = al_node_double(r, k == MARK_LIMIT ? "d_below_cm2_per_s" : "d_cm2_per_s", NAN);
        bar[k][n[k]++] = k == MARK_LIMIT ? (double)NAN : al_node_double(r, "d_error_cm2_per_s", NAN);
        if (t > hottest && k != MARK_MOLTEN) hottest = t; // the line ends where its phase does
    }
    for (int k = 0; k < MARKS; k++)
        AL_TRY(figure_add(f, true, color, style[k], n[k], x[k], d[k], bar[k], "%s%s", system_of(y), what[k]));
    const struct al_node *a = al_node_get(y, "arrhenius");
    double ea = al_node_double(a, "activation_energy_ev", NAN), d0 = al_node_double(a, "d0_cm2_per_s", NAN);
    if (isnan(ea) || !(d0 > 0) || !(hottest > 300)) return AL_ERR_OK;
    for (int i = 0; i < FIT; i++) {
        fx[i] = 1000 / hottest + (1000.0 / 300 - 1000 / hottest) * i / (FIT - 1);
        fy[i] = d0 * exp(-ea * fx[i] / (1000 * AL_KB_EV));
    }
    AL_TRY(figure_add(f, false, color, AL_PLOT_LINE | AL_PLOT_DASHED, FIT, fx, fy, NULL, "%s, fit", system_of(y)));
    return AL_ERR_OK;
}

static enum al_err arrhenius(const struct page *pg)
{
    AL_OWN(figure) f = NULL;
    AL_TRY(figure_create(&f));
    f->plot = (struct al_plot){.title = "Diffusion against temperature", .xlabel = "1000 K/T", .ylabel = "D / cm\xc2\xb2/s", .ylog = true};
    for (int i = 0; i < pg->ntransport; i++)
        AL_TRY(arrhenius_system(pg, f, pg->transport[i]));
    AL_TRY(figure_write(pg, "arrhenius", f, "Bars: standard errors; squares: the framework is molten, not in the fit; open: no diffusion seen, upper limits; dashed: fits, on to 300 K."));
    return AL_ERR_OK;
}

// MSD of one composition at one temperature, points evenly apart in log t, and the line that D was fitted with.
static enum al_err add_msd(const struct page *pg, struct figure *f, const char *system, const struct al_node *r)
{
    AL_OWN(table) t = NULL;
    char path[AL_PATH];
    double x[MAX_POINTS], y[MAX_POINTS], bar[MAX_POINTS], last = 0;
    int n = 0, color = page_color(pg, system);
    AL_TRY(al_path(path, "transport/%s/msd-%gK.csv", system, al_node_double(r, "nominal_temperature_k", 0)));
    AL_TRY(table_read(path, true, &t));
    if (!t || !t->nrows) return AL_ERR_OK;
    int lag = table_column(t, "lag/fs"), msd = table_column(t, "MSD/Ang^2"), err = table_column(t, "error/Ang^2");
    for (int i = 0; i < t->nrows && n < MAX_POINTS; i++) {
        double v = 1e-3 * table_number(t, i, lag);
        if (!(v > 0) || v < 1.06 * last) continue;
        last = x[n] = v;
        y[n] = table_number(t, i, msd);
        bar[n++] = table_number(t, i, err);
    }
    double slope = al_node_double(r, "loglog_slope", NAN), slope_error = al_node_double(r, "loglog_slope_error", NAN);
    AL_TRY(figure_add(f, true, color, AL_PLOT_POINTS | AL_PLOT_LINE, n, x, y, bar,
                      isnan(slope) ? "%s" : "%s, t^%.2f \xc2\xb1 %.2f", system, slope, slope_error));
    double from = 1e-3 * al_node_double(r, "fit_from_fs", NAN), to = 1e-3 * al_node_double(r, "fit_to_fs", NAN),
           d = al_node_double(r, "d_cm2_per_s", NAN), offset = al_node_double(r, "offset_ang2", NAN);
    if (!seen(r) || !(from > 0) || !(to > from) || !(d > 0)) return AL_ERR_OK;
    for (int i = 0; i < FIT; i++) {
        x[i] = from * pow(to / from, (double)i / (FIT - 1));
        y[i] = offset + 6 * d * 1e4 * x[i]; // 1 cm^2/s = 1e4 Ang^2/ps
    }
    AL_TRY(figure_add(f, false, 7, AL_PLOT_LINE | AL_PLOT_DASHED, FIT, x, y, NULL, "%s, fit of D", system));
    return AL_ERR_OK;
}

static enum al_err msd(const struct page *pg, double temperature)
{
    AL_OWN(figure) f = NULL;
    char title[64], id[64];
    AL_TRY(figure_create(&f));
    snprintf(title, sizeof title, "Mean square displacement, %g K", temperature);
    snprintf(id, sizeof id, "msd-%gK", temperature);
    f->plot = (struct al_plot){.title = title, .xlabel = "lag / ps", .ylabel = "MSD / \xc3\x85\xc2\xb2", .xlog = true, .ylog = true};
    for (int i = 0; i < pg->ntransport; i++)
        for (const struct al_node *r = temperatures_of(pg->transport[i]); r; r = r->next)
            if (al_node_double(r, "nominal_temperature_k", NAN) == temperature) AL_TRY(add_msd(pg, f, system_of(pg->transport[i]), r));
    AL_TRY(figure_write(pg, id, f, "Slope where D is fitted: 1 is diffusion. Bars: standard errors; dashed: the fit."));
    return AL_ERR_OK;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum al_err all_msd(const struct page *pg)
{
    double t[MAX_T];
    int n = 0;
    for (int i = 0; i < pg->ntransport; i++)
        for (const struct al_node *r = temperatures_of(pg->transport[i]); r; r = r->next) {
            double v = al_node_double(r, "nominal_temperature_k", NAN);
            bool again = isnan(v);
            for (int k = 0; k < n && !again; k++)
                again = t[k] == v;
            if (!again && n < MAX_T) t[n++] = v;
        }
    qsort(t, (size_t)n, sizeof *t, by_value);
    for (int k = 0; k < n; k++)
        AL_TRY(msd(pg, t[k]));
    return AL_ERR_OK;
}

static void base64(FILE *out, const unsigned char *s, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)s[i] << 16 | (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0u) | (i + 2 < n ? s[i + 2] : 0u);
        fputc(digit[v >> 18], out);
        fputc(digit[v >> 12 & 63], out);
        fputc(i + 1 < n ? digit[v >> 6 & 63] : '=', out);
        fputc(i + 2 < n ? digit[v & 63] : '=', out);
    }
}

// A file of the run as a data: URI; false: it is not there.
static enum al_err data_uri(FILE *out, const char *path, const char *type)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    AL_TRY(al_file_read(path, 0, &text, &n));
    fprintf(out, "data:%s;base64,", type);
    base64(out, (const unsigned char *)text, n);
    return AL_ERR_OK;
}

// A picture that analyze made, with its numbers. csv: file beside it, or NULL.
static enum al_err picture(const struct page *pg, const char *files, const char *name, const char *csv, const char *system, double t, const char *what)
{
    char path[AL_PATH], table[AL_PATH];
    AL_TRY(al_path(path, "%s/%s.svg", files, name));
    AL_TRY(al_path(table, "%s/%s.csv", files, csv));
    if (!al_exists(path)) return AL_ERR_OK;
    fputs("<figure class=\"picture\"><img loading=\"lazy\" alt=\"", pg->out);
    html_text(pg->out, what);
    fputs("\" src=\"", pg->out);
    AL_TRY(data_uri(pg->out, path, "image/svg+xml"));
    fputs("\">\n<figcaption><b>", pg->out);
    html_text(pg->out, what);
    fputs("</b> ", pg->out);
    html_text(pg->out, system);
    fprintf(pg->out, ", %g K ", t);
    if (al_exists(table)) {
        fprintf(pg->out, "<a class=\"csv\" download=\"%s-", csv);
        html_text(pg->out, system);
        fprintf(pg->out, "-%gK.csv\" href=\"", t);
        AL_TRY(data_uri(pg->out, table, "text/csv"));
        fputs("\">CSV</a>", pg->out);
        if (pg->csv_dir) {
            AL_TRY(al_path(path, "%s/%s-%s-%gK.csv", pg->csv_dir, csv, system, t));
            AL_TRY(al_file_copy(table, path));
        }
    }
    fputs("</figcaption></figure>\n", pg->out);
    return AL_ERR_OK;
}

static enum al_err structure_pictures(const struct page *pg, const char *system, const struct al_node *r)
{
    static const struct {
        const char *svg, *csv, *what;
    } all[] = {{"density", "density", "Density map"},
               {"rdf", "rdf", "Radial distribution"},
               {"jumps", "jump-distances", "Jump lengths"},
               {"vanhove-self", "vanhove", "Van Hove function, self"},
               {"vanhove-distinct", "vanhove", "Van Hove function, distinct"},
               {"collective", "collective", "Collective and single diffusion"},
               {"rotation", "rotation", "Rotation"},
               {"framework", "framework", "Framework"}};
    double t = al_node_double(r, "nominal_temperature_k", NAN);
    const char *files = al_node_str(al_node_get(r, "structure"), "files", NULL);
    if (!files || !al_path_inside(files)) return AL_ERR_OK;
    fputs("<details><summary>Density map and structure: ", pg->out);
    html_text(pg->out, system);
    fprintf(pg->out, ", %g K</summary>\n<div class=\"plots\">\n", t);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        AL_TRY(picture(pg, files, all[i].svg, all[i].csv, system, t, all[i].what));
    fputs("</div></details>\n", pg->out);
    return AL_ERR_OK;
}

static void statement(FILE *out, const struct al_node *n)
{
    const char *text = al_node_str(n, "statement", NULL);
    if (!text) return;
    fputs("<li>", out);
    html_text(out, text);
    fputs(".</li>\n", out);
}

// What the verb report found out about pairs of systems; nothing before it has run.
static enum al_err comparison(const struct page *pg)
{
    AL_OWN(al_node) y = NULL;
    if (!al_exists("comparison.yaml")) return AL_ERR_OK;
    AL_TRY(al_yaml_read("comparison.yaml", &y));
    const struct al_node *pairs = al_node_get(y, "pairs");
    for (const struct al_node *p = pairs ? pairs->child : NULL; p; p = p->next) {
        const struct al_node *list = al_node_get(p, "temperatures");
        fputs("<h3>", pg->out);
        html_text(pg->out, al_node_str(p, "of", ""));
        fputs(" against ", pg->out);
        html_text(pg->out, al_node_str(p, "to", ""));
        fputs("</h3>\n<ul>\n", pg->out);
        if (list && list->kind == AL_NODE_SCALAR) {
            fputs("<li>Temperatures: ", pg->out);
            html_text(pg->out, list->text);
            fputs(".</li>\n", pg->out);
        }
        for (const struct al_node *r = list ? list->child : NULL; r; r = r->next)
            statement(pg->out, r);
        statement(pg->out, al_node_get(p, "activation_energy"));
        statement(pg->out, al_node_get(p, "extrapolated"));
        fputs("</ul>\n", pg->out);
    }
    return AL_ERR_OK;
}

enum al_err page_transport(const struct page *pg)
{
    if (!pg->ntransport) return AL_ERR_OK;
    page_begin(pg, "diffusion", "Diffusion");
    fputs("<div class=\"plots\">\n", pg->out);
    AL_TRY(arrhenius(pg));
    AL_TRY(all_msd(pg));
    fputs("</div>\n", pg->out);
    tables(pg);
    AL_TRY(comparison(pg));
    for (int i = 0; i < pg->ntransport; i++)
        for (const struct al_node *r = temperatures_of(pg->transport[i]); r; r = r->next)
            AL_TRY(structure_pictures(pg, system_of(pg->transport[i]), r));
    page_end(pg);
    return AL_ERR_OK;
}
