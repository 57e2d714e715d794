// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cli/cli.h"

// factor: of a number in the file to what is shown.
static void number(const struct al_node *n, const char *key, double factor, const char *format)
{
    const char *value = al_node_str(n, key, NULL);
    char text[48] = "-";
    if (value) snprintf(text, sizeof text, format, factor * strtod(value, NULL));
    fputs(text, stdout);
}

static void interval(const struct al_node *n, const char *what, double factor)
{
    char low[48], high[48];
    snprintf(low, sizeof low, "%s_rmse_low", what);
    snprintf(high, sizeof high, "%s_rmse_high", what);
    printf("  %-6s ", what);
    char value[48];
    snprintf(value, sizeof value, "%s_rmse", what);
    number(n, value, factor, "%.4g");
    if (!al_node_str(n, low, NULL)) return;
    fputs(" (", stdout);
    number(n, low, factor, "%.4g");
    fputs(" .. ", stdout);
    number(n, high, factor, "%.4g");
    putchar(')');
}

static void rows(const char *title, const struct al_node *list, void (*row)(const struct al_node *))
{
    if (list && list->kind == AL_NODE_MAP && al_node_str(list, "reason", NULL)) {
        printf("%s: not done: %s\n", title, al_node_str(list, "reason", ""));
        return;
    }
    printf("%s\n", title);
    for (const struct al_node *r = list ? list->child : NULL; r; r = r->next) {
        row(r);
        putchar('\n');
    }
}

static void row_errors(const struct al_node *r)
{
    const char *label = al_node_str(r, "label", NULL);
    if (label) printf("  %-12s %-18s", al_node_str(r, "group", ""), label);
    else printf("  iteration %-21s", al_node_str(r, "iteration", "?"));
    printf(" %4s frames", al_node_str(r, "frames", "?"));
    interval(r, "force", 1);
    if (al_node_str(r, "energy_rmse", NULL)) interval(r, "energy", 1000);
}

static void row_exploration(const struct al_node *r)
{
    printf("  iteration %-3s fraction %s: %s accurate, %s candidate, %s failed, %s broken", al_node_str(r, "iteration", "?"),
           al_node_str(r, "candidate_fraction", "?"), al_node_str(r, "accurate", "?"), al_node_str(r, "candidate", "?"),
           al_node_str(r, "failed", "?"), al_node_str(r, "broken", "?"));
}

static void row_production(const struct al_node *r)
{
    printf("  %-18s %5s K  runs %s (%s ended early)  drift ", al_node_str(r, "system", "?"), al_node_str(r, "temperature", "?"),
           al_node_str(r, "runs", "?"), al_node_str(r, "runs_ended_early", "?"));
    number(r, "energy_drift_ev_per_atom_ps", 1, "%.2e eV/atom/ps");
    fputs("  deviation ", stdout);
    number(r, "force_deviation_mean_ev_per_ang", 1, "%.3f eV/Ang");
    if (al_node_double(r, "extrapolating_fraction", 0) > 0) {
        fputs(", above the trust window in ", stdout);
        number(r, "extrapolating_fraction", 100, "%.2g %% of the samples");
    }
    const char *closer = al_node_str(r, "closer_than_labels", NULL);
    if (closer) printf(", closer than any label: %s", closer);
}

static void row_size(const struct al_node *r)
{
    printf("  %-18s %s cells, %s atoms, %s frames", al_node_str(r, "system", "?"), al_node_str(r, "cells", "?"),
           al_node_str(r, "atoms", "?"), al_node_str(r, "frames", "?"));
    interval(r, "force", 1);
    interval(r, "energy", 1000);
}

static void show_offset(const struct al_node *o)
{
    const struct al_node *list = al_node_get(o, "systems");
    if (!list) {
        printf("energy offset of the systems: not done: %s\n", al_node_str(o, "reason", ""));
        return;
    }
    puts("energy offset, mean of E - E0 over test frames, meV/atom");
    for (const struct al_node *r = list->child; r; r = r->next) {
        printf("  %-18s ", al_node_str(r, "system", "?"));
        number(r, "mean_ev_per_atom", 1000, "%.3f");
        fputs(" +- ", stdout);
        number(r, "standard_error", 1000, "%.3f");
        printf("  (%s frames)\n", al_node_str(r, "frames", "?"));
    }
    if (al_node_str(o, "between_systems", NULL)) {
        printf("  between systems: %s\n", al_node_str(o, "between_systems", ""));
        return;
    }
    fputs("  largest between systems ", stdout);
    number(o, "largest_between_systems_ev_per_atom", 1000, "%.3f\n");
}

static void show_noise(const struct al_node *n)
{
    if (!n || al_node_str(n, "reason", NULL)) {
        printf("noise of the labels: not done: %s\n", al_node_str(n, "reason", "?"));
        return;
    }
    printf("noise of the labels against %s, %s frames (%s failed): force ", al_node_str(n, "against", "?"),
           al_node_str(n, "frames", "?"), al_node_str(n, "failed", "0"));
    number(n, "force_rmse", 1, "%.3g eV/Ang rms");
    number(n, "force_max", 1, ", %.3g largest");
    number(n, "energy_shift", 1000, "; energy shifted by %.3g meV/atom");
    if (al_node_str(n, "energy_rmse_about_shift", NULL)) number(n, "energy_rmse_about_shift", 1000, ", %.3g meV/atom about it");
    putchar('\n');
}

static void show(const struct al_node *c)
{
    bool met = strcmp(al_node_str(c, "converged", ""), "true") == 0;
    printf("%s: %s, iteration %s", al_node_str(c, "name", "?"), met ? "converged" : "NOT converged", al_node_str(c, "iteration", "?"));
    printf("%s%s\n", met ? "" : ": ", met ? "" : al_node_str(c, "reason", ""));
    rows("held-out errors: eV/Ang, meV/atom, 95 % by bootstrap", al_node_get(c, "held_out"), row_errors);
    if (al_node_get(c, "judged")) rows("of these, what was judged (converge.up_to)", al_node_get(c, "judged"), row_errors);
    rows("new frames before training on them", al_node_get(c, "new_frames"), row_errors);
    const struct al_node *k = al_node_get(c, "calibration");
    if (al_node_str(k, "reason", NULL))
        printf("calibration: not done: %s\n", al_node_str(k, "reason", ""));
    else
        printf("calibration: %s frames, error/deviation %.3g, rank correlation %.2f, error within a factor of two of the announced one "
               "in %.0f %%, below twice it in %.0f %%\n",
               al_node_str(k, "frames", "?"), al_node_double(k, "error_per_deviation", 0), al_node_double(k, "rank_correlation", 0),
               100 * al_node_double(k, "coverage_within_factor_2", 0), 100 * al_node_double(k, "coverage_below_twice", 0));
    rows("exploration: candidate fraction", al_node_get(c, "exploration"), row_exploration);
    rows("production", al_node_get(c, "production"), row_production);
    show_offset(al_node_get(c, "energy_offset"));
    show_noise(al_node_get(c, "label_noise"));
    rows("size check: test frames of larger cells, eV/Ang, meV/atom", al_node_get(c, "size_check"), row_size);
}

enum al_err certificate_show(const char *run, struct json_doc *json)
{
    char path[AL_PATH];
    AL_OWN(al_node) tree = NULL;
    AL_TRY(al_path(path, "%s/certificate.yaml", run));
    if (!al_exists(path))
        AL_FAIL_HINT(AL_ERR_NOTFOUND, "it is written when production has been analysed; alnd errors RUN shows the iterations so far",
                     "%s has no certificate yet", run);
    AL_TRY(al_yaml_read(path, &tree));
    if (json) {
        AL_TRY(json_doc_node(json, "certificate", tree));
        return AL_ERR_OK;
    }
    if (strcmp(al_node_str(tree, "demonstration", ""), "true") == 0) cli_demonstration();
    show(tree);
    return AL_ERR_OK;
}
