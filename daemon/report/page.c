// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The page as a whole: head, overview, costs, failures.
#include "report/page.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "report/assets.h"

enum { PALETTE = 6, MAX_SHOWN = 200 };

void html_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<') fputs("&lt;", out);
        else if (c == '>') fputs("&gt;", out);
        else if (c == '&') fputs("&amp;", out);
        else if (c == '"') fputs("&quot;", out);
        else if (c >= ' ' || c == '\n' || c == '\t') fputc(c, out);
    }
}

void page_begin(const struct page *pg, const char *id, const char *title)
{
    fprintf(pg->out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

void page_end(const struct page *pg)
{
    fputs("</section>\n", pg->out);
}

void page_cell(const struct page *pg, double v, const char *format)
{
    fputs("<td>", pg->out);
    if (!isnan(v)) fprintf(pg->out, format, v);
    else fputs("&ndash;", pg->out);
    fputs("</td>", pg->out);
}

struct page_number page_number(const char *format, double v)
{
    struct page_number n = {"not known"};
    if (!isnan(v)) snprintf(n.text, sizeof n.text, format, v);
    return n;
}

int page_color(const struct page *pg, const char *system)
{
    for (int i = 0; i < pg->cfg->nsystems; i++)
        if (strcmp(pg->cfg->system[i].name, system) == 0) return i % PALETTE + 1;
    return PALETTE;
}

static void head(const struct page *pg)
{
    FILE *out = pg->out;
    fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
                 "style-src 'unsafe-inline'; img-src data: blob:; connect-src %s\">\n<link rel=\"icon\" href=\"data:,\">\n<title>alnd: ",
            pg->x->live ? "'self'" : "'none'");
    html_text(out, pg->cfg->name);
    fputs("</title>\n<style>", out);
    fwrite(report_lib_css.data, 1, report_asset_size(&report_lib_css), out);
    fwrite(report_css.data, 1, report_asset_size(&report_css), out);
    fputs("</style></head><body>\n<header><h1>", out);
    html_text(out, pg->cfg->name);
    fputs("</h1>\n", out);
    if (pg->note) {
        fputs("<p class=\"note\">", out);
        html_text(out, pg->note);
        fputs("</p>\n", out);
    }
    fputs("</header>\n", out);
    if (pg->x->live)
        fputs("<section id=\"live\" aria-live=\"off\"><h2>Now</h2><p id=\"live-state\">...</p><div class=\"wide\"><table id=\"live-tasks\"></table></div>"
              "<div id=\"live-log\" hidden><h3></h3><pre tabindex=\"0\"></pre></div></section>\n",
              out);
    fputs("<main id=\"report\">\n", out);
}

static void tail(const struct page *pg)
{
    FILE *out = pg->out;
    fputs("</main>\n", out);
    if (report_has_bundle()) {
        fputs("<script>", out);
        fwrite(report_lib_js.data, 1, report_asset_size(&report_lib_js), out);
        fputs("</script>\n", out);
    }
    if (report_has_bundle() || pg->x->live) {
        fputs("<script>", out);
        fwrite(report_js.data, 1, report_asset_size(&report_js), out);
        fputs("</script>\n", out);
    }
    fputs("</body></html>\n", out);
}

static void fact(const struct page *pg, const char *key, const char *value)
{
    fputs("<tr><th scope=\"row\">", pg->out);
    html_text(pg->out, key);
    fputs("</th><td>", pg->out);
    html_text(pg->out, value);
    fputs("</td></tr>\n", pg->out);
}

static void results(const struct page *pg)
{
    for (int i = 0; i < pg->ntransport; i++) {
        const struct al_node *a = al_node_get(pg->transport[i], "arrhenius");
        char key[96], value[512];
        snprintf(key, sizeof key, "%.63s", al_node_str(pg->transport[i], "system", ""));
        if (a && a->kind == AL_NODE_MAP)
            snprintf(value, sizeof value, "activation energy %s \xc2\xb1 %s eV; conductivity at 300 K %s S/cm (95 %%: %s to %s)",
                     page_number("%.3f", al_node_double(a, "activation_energy_ev", NAN)).text,
                     page_number("%.3f", al_node_double(a, "activation_energy_error_ev", NAN)).text,
                     page_number("%.1e", al_node_double(a, "conductivity_300k_s_per_cm", NAN)).text,
                     page_number("%.1e", al_node_double(a, "conductivity_300k_low95", NAN)).text,
                     page_number("%.1e", al_node_double(a, "conductivity_300k_high95", NAN)).text);
        else
            snprintf(value, sizeof value, "activation energy not determined");
        fact(pg, key, value);
    }
}

enum al_err page_overview(const struct page *pg)
{
    char text[512];
    page_begin(pg, "overview", "Overview");
    fputs("<table class=\"facts\">\n", pg->out);
    if (pg->x->state) fact(pg, "state", pg->x->state);
    if (pg->x->stage) fact(pg, "stage", pg->x->stage);
    snprintf(text, sizeof text, "%d evaluated (at most %d)", pg->nerrors, pg->cfg->converge.max_iterations);
    fact(pg, "iterations", text);
    if (pg->nerrors) {
        const struct al_node *c = al_node_get(pg->errors[pg->nerrors - 1], "converge");
        snprintf(text, sizeof text, "force RMSE %s eV/\xc3\x85 (upper 95 %% %s, limit %s), energy RMSE %s meV/atom (upper %s, limit %s): %s",
                 page_number("%.4f", al_node_double(c, "force_rmse", NAN)).text, page_number("%.4f", al_node_double(c, "force_rmse_high", NAN)).text,
                 page_number("%.4g", al_node_double(c, "force_limit", NAN)).text, page_number("%.2f", 1e3 * al_node_double(c, "energy_rmse", NAN)).text,
                 page_number("%.2f", 1e3 * al_node_double(c, "energy_rmse_high", NAN)).text,
                 page_number("%.4g", 1e3 * al_node_double(c, "energy_limit", NAN)).text, al_node_int(c, "below", 0) ? "limits met" : "limits not met");
        fact(pg, "held-out test", text);
    }
    results(pg);
    snprintf(text, sizeof text, "%s, cut-off %g Ha, seed %llu, committee of %d", pg->cfg->label.functional, pg->cfg->label.cutoff,
             (unsigned long long)pg->cfg->seed, pg->cfg->train.committee);
    fact(pg, "settings", text);
    fputs("</table>\n", pg->out);
    page_end(pg);
    return AL_ERR_OK;
}

static void write_costs(FILE *out, const struct report_extra *x, const char *end_of_line)
{
    fprintf(out, "verb,tasks,starts,hours,cores%s", end_of_line);
    for (int i = 0; i < x->ncost; i++)
        fprintf(out, "%s,%d,%d,%.6f,%d%s", x->cost[i].verb, x->cost[i].tasks, x->cost[i].starts, x->cost[i].seconds / 3600, x->cost[i].cores, end_of_line);
}

static enum al_err costs_file(const struct page *pg)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/costs.csv", pg->csv_dir));
    AL_TRY(al_outfile_open(path, &o));
    write_costs(o.out, pg->x, "\n");
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

enum al_err page_costs(const struct page *pg)
{
    double all = 0;
    FILE *out = pg->out;
    if (!pg->x->journal) return AL_ERR_OK;
    page_begin(pg, "costs", "Costs");
    fputs("<div class=\"wide\"><table id=\"cost-table\"><tr><th>verb</th><th>tasks</th><th>starts</th><th>hours</th><th>cores</th><th>core-hours</th></tr>\n", out);
    for (int i = 0; i < pg->x->ncost; i++) {
        const struct report_cost *c = &pg->x->cost[i];
        double hours = c->seconds / 3600;
        fputs("<tr><td>", out);
        html_text(out, c->verb);
        fprintf(out, "</td><td>%d</td><td>%d</td><td>%.4f</td><td>%d</td><td>%.4f</td></tr>\n", c->tasks, c->starts, hours, c->cores, hours * c->cores);
        all += hours * c->cores;
    }
    fprintf(out, "<tr><td>all</td><td></td><td></td><td></td><td></td><td>%.4f</td></tr>\n</table></div>\n"
                 "<p>Hours of all starts, those that failed too, times the cores of a task (section resources as it is now).</p>\n",
            all);
    fputs("<p><a class=\"csv\" download=\"costs.csv\" href=\"data:text/csv,", out);
    write_costs(out, pg->x, "%0A");
    fputs("\">CSV</a></p>\n", out);
    if (pg->csv_dir) AL_TRY(costs_file(pg));
    page_end(pg);
    return AL_ERR_OK;
}

enum al_err page_failures(const struct page *pg)
{
    FILE *out = pg->out;
    int n = pg->x->nfailures;
    if (!pg->x->journal) return AL_ERR_OK;
    page_begin(pg, "failures", "Failures");
    if (!n) fputs("<p>No start of a task has failed.</p>\n", out);
    else fprintf(out, "<p>%d starts of tasks failed%s.</p>\n<div class=\"wide\"><table><tr><th>task</th><th>start</th><th>time</th><th>cause</th></tr>\n", n,
                 n > MAX_SHOWN ? ", the last ones" : "");
    for (int i = n > MAX_SHOWN ? n - MAX_SHOWN : 0; i < n; i++) {
        const struct report_failure *f = &pg->x->failure[i];
        fputs("<tr><td>", out);
        html_text(out, f->task);
        fprintf(out, "</td><td>%d</td><td>", f->start);
        html_text(out, f->time);
        fputs("</td><td class=\"text\">", out);
        html_text(out, f->message);
        fputs("</td></tr>\n", out);
    }
    if (n) fputs("</table></div>\n", out);
    page_end(pg);
    return AL_ERR_OK;
}

// --- what is there -------------------------------------------------------------------------------------

enum { MAX_ITERATIONS = 1000 };

static enum al_err read_tree(const char *path, struct al_node **list, int *n)
{
    if (!al_exists(path)) return AL_ERR_OK;
    AL_TRY(al_yaml_read(path, &list[*n]));
    ++*n;
    return AL_ERR_OK;
}

static enum al_err read_all(struct page *pg)
{
    char path[AL_PATH];
    for (int i = 0; i < MAX_ITERATIONS; i++) {
        AL_TRY(al_path(path, "iterations/%03d/errors.yaml", i));
        if (!al_exists(path)) break;
        AL_TRY(read_tree(path, pg->errors, &pg->nerrors));
    }
    for (int s = 0; s < pg->cfg->nsystems; s++) {
        AL_TRY(al_path(path, "transport/%s.yaml", pg->cfg->system[s].name));
        AL_TRY(read_tree(path, pg->transport, &pg->ntransport));
    }
    return AL_ERR_OK;
}

static enum al_err body(const struct page *pg)
{
    head(pg);
    AL_TRY(page_overview(pg));
    AL_TRY(page_transport(pg));
    AL_TRY(page_convergence(pg));
    AL_TRY(page_parity(pg));
    AL_TRY(page_exploration(pg));
    AL_TRY(page_learning(pg));
    AL_TRY(page_structures(pg));
    AL_TRY(page_costs(pg));
    AL_TRY(page_failures(pg));
    tail(pg);
    if (ferror(pg->out)) AL_FAIL(AL_ERR_IO, "cannot write the report");
    return AL_ERR_OK;
}

enum al_err report_write(FILE *out, const struct loop_config *cfg, const struct report_extra *x, const char *csv_dir)
{
    AL_AUTOFREE struct al_node **tree = NULL;
    struct page pg = {.out = out, .cfg = cfg, .x = x, .csv_dir = csv_dir};
    if (cfg->demonstration) pg.note = "DEMONSTRATION: settings far too small for physics, numbers mean nothing";
    if (csv_dir) AL_TRY(al_mkdirs(csv_dir));
    AL_ALLOC(tree, MAX_ITERATIONS + cfg->nsystems);
    pg.errors = tree;
    pg.transport = tree + MAX_ITERATIONS;
    enum al_err e = read_all(&pg);
    if (!e) e = body(&pg);
    for (int i = 0; i < MAX_ITERATIONS + cfg->nsystems; i++)
        al_node_destroy(&tree[i]);
    AL_TRY(e);
    return AL_ERR_OK;
}

bool report_has_bundle(void)
{
    return report_asset_size(&report_lib_js) > 0;
}
