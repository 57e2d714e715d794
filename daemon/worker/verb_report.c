// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb report: report.html, one page that needs no network: convergence of the errors, error tables, diffusion, plots
// inline as SVG; and certificate.yaml.
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/svg.h"
#include "worker/certificate.h"
#include "worker/task.h"

static void escape(FILE *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '<') fputs("&lt;", out);
        else if (*s == '>') fputs("&gt;", out);
        else if (*s == '&') fputs("&amp;", out);
        else fputc(*s, out);
    }
}

static void head(FILE *out, const struct task *t)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>alnd: ", out);
    escape(out, t->cfg->name);
    fputs("</title>\n<style>body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
          "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #d0d7de;padding-bottom:.2rem}"
          "table{border-collapse:collapse;margin:.7rem 0;font-variant-numeric:tabular-nums}"
          "td,th{padding:.2rem .7rem;border-bottom:1px solid #e3e7eb;text-align:right}th:first-child,td:first-child{text-align:left}"
          ".note{background:#fff4d6;border-left:4px solid #d4a017;padding:.5rem .8rem}svg{max-width:100%;height:auto}</style>"
          "</head><body>\n<h1>",
          out);
    escape(out, t->cfg->name);
    fputs("</h1>\n", out);
    if (task_note(t)) {
        fputs("<p class=\"note\">", out);
        escape(out, task_note(t));
        fputs("</p>\n", out);
    }
}

static void cell(FILE *out, const struct al_node *row, const char *key, double factor, const char *format)
{
    double v = al_node_double(row, key, NAN) * factor;
    fputs("<td>", out);
    if (!isnan(v)) fprintf(out, format, v);
    else fputs("&ndash;", out);
    fputs("</td>", out);
}

// One iteration's table.
static void error_table(FILE *out, const struct al_node *errors)
{
    fprintf(out, "<h2>Errors, iteration %ld</h2>\n<table><tr><th>frames of</th><th>group</th><th>n</th>"
                 "<th>energy / meV per atom</th><th>95 %%</th><th>force / eV/&Aring;</th><th>95 %%</th>"
                 "<th>virial / meV per atom</th></tr>\n",
            al_node_int(errors, "iteration", -1));
    const struct al_node *table = al_node_get(errors, "table");
    for (const struct al_node *r = table ? table->child : NULL; r; r = r->next) {
        fputs("<tr><td>", out);
        escape(out, al_node_str(r, "set", ""));
        fputs("</td><td>", out);
        escape(out, al_node_str(r, "label", ""));
        if (strcmp(al_node_str(r, "group", ""), "temperature") == 0) fputs(" K", out);
        fprintf(out, "</td><td>%ld</td>", al_node_int(r, "frames", 0));
        cell(out, r, "energy_rmse", 1e3, "%.1f");
        cell(out, r, "energy_rmse_high", 1e3, "&le; %.1f");
        cell(out, r, "force_rmse", 1, "%.3f");
        cell(out, r, "force_rmse_high", 1, "&le; %.3f");
        cell(out, r, "virial_rmse", 1e3, "%.1f");
        fputs("</tr>\n", out);
    }
    fputs("</table>\n", out);
}

static enum al_err convergence_plot(FILE *out, const struct task *t, struct al_node *const *errors, int n)
{
    AL_AUTOFREE double *v = NULL;
    AL_ALLOC(v, 6 * n);
    double *it = v, *test = v + n, *bar = v + 2 * n, *fresh = v + 3 * n, *limit = v + 4 * n, *train = v + 5 * n;
    for (int i = 0; i < n; i++) {
        const struct al_node *c = al_node_get(errors[i], "converge"), *table = al_node_get(errors[i], "table");
        it[i] = (double)al_node_int(errors[i], "iteration", i);
        test[i] = al_node_double(c, "force_rmse", NAN);
        bar[i] = al_node_double(c, "force_rmse_high", NAN) - test[i];
        limit[i] = al_node_double(c, "force_limit", NAN);
        fresh[i] = train[i] = NAN;
        for (const struct al_node *r = table ? table->child : NULL; r; r = r->next) {
            if (strcmp(al_node_str(r, "group", ""), "all") != 0) continue;
            if (strcmp(al_node_str(r, "set", ""), "new") == 0) fresh[i] = al_node_double(r, "force_rmse", NAN);
            if (strcmp(al_node_str(r, "set", ""), "train") == 0) train[i] = al_node_double(r, "force_rmse", NAN);
        }
    }
    struct al_plot_series s[] = {
        {.label = "held-out test (95 %)", .n = n, .x = it, .y = test, .error = bar, .style = AL_PLOT_LINE | AL_PLOT_POINTS},
        {.label = "new frames, before training", .n = n, .x = it, .y = fresh, .style = AL_PLOT_LINE | AL_PLOT_POINTS},
        {.label = "training", .n = n, .x = it, .y = train, .style = AL_PLOT_LINE | AL_PLOT_POINTS},
        {.label = "limit", .n = n, .x = it, .y = limit, .style = AL_PLOT_DASHED | AL_PLOT_LINE},
    };
    struct al_plot p = {.title = "Force error by iteration", .note = task_note(t), .xlabel = "iteration",
                        .ylabel = "force RMSE / eV/Ang", .yzero = true, .series = s, .nseries = 4};
    AL_TRY(al_svg_write(out, &p));
    return AL_ERR_OK;
}

static enum al_err inline_svg(FILE *out, const char *path)
{
    if (!al_exists(path)) return AL_ERR_OK;
    AL_AUTOFREE char *text = NULL;
    AL_TRY(al_file_read(path, 0, &text, NULL));
    const char *svg = strstr(text, "<svg");
    if (svg) fprintf(out, "<p>%s</p>\n", svg);
    return AL_ERR_OK;
}

// Where the ions are, and around whom, at one temperature; folded away.
static enum al_err structure_pictures(FILE *out, const struct al_node *temperature)
{
    static const char *const name[] = {"density.svg", "rdf.svg", "jumps.svg", "vanhove-self.svg",
                                       "vanhove-distinct.svg", "collective.svg", "rotation.svg", "framework.svg"};
    const char *files = al_node_str(al_node_get(temperature, "structure"), "files", NULL);
    if (!files) return AL_ERR_OK;
    fprintf(out, "<details><summary>Structure at %g K</summary>\n", al_node_double(temperature, "nominal_temperature_k", NAN));
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        char path[AL_PATH];
        AL_TRY(al_path(path, "%s/%s", files, name[i]));
        AL_TRY(inline_svg(out, path));
    }
    fputs("</details>\n", out);
    return AL_ERR_OK;
}

static enum al_err transport_section(FILE *out, const char *id)
{
    char path[AL_PATH];
    AL_OWN(al_node) y = NULL;
    AL_TRY(al_path(path, "%s.yaml", id));
    AL_TRY(al_yaml_read(path, &y));
    fputs("<h2>Diffusion of Li, ", out);
    escape(out, al_node_str(y, "system", ""));
    fputs("</h2>\n<table><tr><th>T / K</th><th>D / cm&sup2;/s</th><th>&plusmn;</th><th>&sigma; (Nernst-Einstein) / S/cm</th>"
          "<th>Haven ratio</th><th>drift / eV/atom/ps</th><th>deviation / eV/&Aring;</th><th>regime</th><th>framework</th></tr>\n",
          out);
    const struct al_node *list = al_node_get(y, "temperatures");
    for (const struct al_node *r = list ? list->child : NULL; r; r = r->next) {
        fputs("<tr>", out);
        cell(out, r, "temperature_k", 1, "%.0f");
        const struct al_node *structure = al_node_get(r, "structure");
        bool seen = isnan(al_node_double(r, "d_below_cm2_per_s", NAN));
        cell(out, r, seen ? "d_cm2_per_s" : "d_below_cm2_per_s", 1, seen ? "%.2e" : "&lt; %.1e");
        cell(out, seen ? r : NULL, "d_error_cm2_per_s", 1, "%.1e");
        cell(out, r, seen ? "conductivity_nernst_einstein_s_per_cm" : "conductivity_below_s_per_cm", 1, seen ? "%.2e" : "&lt; %.1e");
        cell(out, al_node_get(structure, "collective"), "haven_ratio", 1, "%.2f");
        cell(out, r, "energy_drift_ev_per_atom_ps", 1, "%.1e");
        cell(out, r, "force_deviation_mean_ev_per_ang", 1, "%.3f");
        fputs("<td>", out);
        escape(out, al_node_str(r, "regime", al_node_str(r, "reason", "")));
        if (al_node_int(r, "runs_ended_early", 0) && al_node_int(r, "runs", 0))
            fprintf(out, "; %ld runs ended early", al_node_int(r, "runs_ended_early", 0));
        fputs("</td><td>", out);
        escape(out, al_node_str(al_node_get(structure, "framework"), "verdict", ""));
        fputs("</td></tr>\n", out);
    }
    fputs("</table>\n", out);
    const struct al_node *a = al_node_get(y, "arrhenius");
    if (a && a->kind == AL_NODE_MAP)
        fprintf(out, "<p>Activation energy %.3f &plusmn; %.3f eV; D(300 K) %.2e cm&sup2;/s (95 %%: %.1e to %.1e), %ld temperatures.</p>\n",
                al_node_double(a, "activation_energy_ev", NAN), al_node_double(a, "activation_energy_error_ev", NAN),
                al_node_double(a, "d_300k_cm2_per_s", NAN), al_node_double(a, "d_300k_low95", NAN),
                al_node_double(a, "d_300k_high95", NAN), al_node_int(a, "points", 0));
    else
        fputs("<p>Activation energy: not determined, fewer than two temperatures in the diffusive regime.</p>\n", out);
    AL_TRY(al_path(path, "%s/msd.svg", id));
    AL_TRY(inline_svg(out, path));
    AL_TRY(al_path(path, "%s/arrhenius.svg", id));
    AL_TRY(inline_svg(out, path));
    for (const struct al_node *r = list ? list->child : NULL; r; r = r->next)
        AL_TRY(structure_pictures(out, r));
    return AL_ERR_OK;
}

static enum al_err body(FILE *out, const struct task *t)
{
    AL_AUTOFREE const char **errors = NULL;
    AL_AUTOFREE const char **transport = NULL;
    AL_AUTOFREE struct al_node **tree = NULL;
    int n, m;
    AL_TRY(task_input_list(t, "errors", &errors, &n));
    AL_TRY(task_input_list(t, "transport", &transport, &m));
    AL_ALLOC(tree, n + 1);
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n && !e; i++)
        e = al_yaml_read(errors[i], &tree[i]);
    head(out, t);
    if (!e && n) {
        fputs("<h2>Convergence</h2>\n", out);
        e = convergence_plot(out, t, tree, n);
        const struct al_node *c = al_node_get(tree[n - 1], "converge");
        fprintf(out, "<p>Held-out force error %.3f eV/&Aring; (upper 95 %% %.3f, limit %.3f), energy %.1f meV/atom (upper %.1f, limit "
                     "%.1f): %s.</p>\n",
                al_node_double(c, "force_rmse", NAN), al_node_double(c, "force_rmse_high", NAN),
                al_node_double(c, "force_limit", NAN), 1e3 * al_node_double(c, "energy_rmse", NAN),
                1e3 * al_node_double(c, "energy_rmse_high", NAN), 1e3 * al_node_double(c, "energy_limit", NAN),
                al_node_int(c, "below", 0) ? "limits met" : "<b>limits not met</b>");
    }
    for (int i = 0; i < m && !e; i++)
        e = transport_section(out, transport[i]);
    for (int i = n - 1; i >= 0 && !e; i--)
        error_table(out, tree[i]);
    fputs("</body></html>\n", out);
    for (int i = 0; i < n; i++)
        al_node_destroy(&tree[i]);
    AL_TRY(e);
    return AL_ERR_OK;
}

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

enum al_err verb_report(struct task *t)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open("report.html", &o));
    enum al_err e = body(o.out, t);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, "report.html"));
    AL_TRY(certificate(t));
    return AL_ERR_OK;
}
