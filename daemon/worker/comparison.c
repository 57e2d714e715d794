// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/comparison.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fsio.h"
#include "base/units.h"
#include "transport/arrhenius.h"

enum { TEXT = 512 };
static const double room = 300; // K, where arrhenius: extrapolates to

static const char *name_of(const struct al_node *y)
{
    return al_node_str(y, "system", "");
}

static const struct al_node *temperatures(const struct al_node *y)
{
    const struct al_node *list = al_node_get(y, "temperatures");
    return list ? list->child : NULL;
}

static const struct al_node *fit_of(const struct al_node *y)
{
    const struct al_node *a = al_node_get(y, "arrhenius");
    return a && a->kind == AL_NODE_MAP ? a : NULL;
}

// D at the nominal temperature; false: not known there.
static bool d_at(const struct al_node *y, const struct al_node *row, struct tr_estimate *ret, bool *ret_moved)
{
    double d = al_node_double(row, "d_cm2_per_s", NAN), error = al_node_double(row, "d_error_cm2_per_s", NAN);
    double t = al_node_double(row, "temperature_k", NAN), nominal = al_node_double(row, "nominal_temperature_k", NAN);
    double ea = al_node_double(fit_of(y), "activation_energy_ev", NAN), move = 1;
    long dof = al_node_int(row, "degrees_of_freedom", 0);
    if (strcmp(al_node_str(row, "diffusive", ""), "true") != 0 || !(d > 0) || !(error > 0) || dof < 1) return false;
    *ret_moved = isfinite(ea) && t > 0 && strcmp(al_node_str(row, "in_arrhenius_fit", "true"), "true") == 0; // molten: of another phase
    if (*ret_moved) move = exp(-ea / AL_KB_EV * (1 / nominal - 1 / t));
    *ret = (struct tr_estimate){d * move, error * move, tr_student95((int)dof)};
    return true;
}

static void ratio_text(const char *what, const char *a, const char *b, const struct tr_ratio *r, char text[TEXT])
{
    if (r->differs)
        snprintf(text, TEXT, "%s of %.40s is %.3g times that of %.40s (95 %%: %.3g to %.3g): they differ", what, b, r->ratio, a, r->low, r->high);
    else
        snprintf(text, TEXT, "no difference seen: %s of %.40s is %.3g times that of %.40s (95 %%: %.3g to %.3g)", what, b, r->ratio, a, r->low, r->high);
}

static bool molten(const struct al_node *row)
{
    return strcmp(al_node_str(al_node_get(al_node_get(row, "structure"), "framework"), "state", ""), "molten") == 0;
}

// ", the framework of A and B is molten", of those that are: a ratio of D in two phases says little of doping
static void phase_text(const struct al_node *a, const struct al_node *b, const struct al_node *p, const struct al_node *q, char text[160])
{
    bool x = molten(p), y = molten(q);
    text[0] = '\0';
    if (x || y)
        snprintf(text, 160, ", the framework of %.40s%s%.40s is molten", x ? name_of(a) : name_of(b), x && y ? " and " : "", x && y ? name_of(b) : "");
}

// moved: -1: does not apply; phase: of phase_text
static void write_ratio(FILE *out, const char *a, const char *b, double temperature, const struct tr_ratio *r, int moved, const char *phase)
{
    char text[TEXT], what[64];
    snprintf(what, sizeof what, "D(%g K)", temperature);
    ratio_text(what, a, b, r, text);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", phase);
    fprintf(out, "temperature_k: %g, d_ratio: %.6g, d_ratio_low95: %.6g, d_ratio_high95: %.6g, differs: %s, ", temperature, r->ratio, r->low, r->high,
            r->differs ? "true" : "false");
    if (moved >= 0) fprintf(out, "moved: %s, ", moved ? "true" : "false");
    fputs("statement: ", out);
    al_yaml_quote(out, text);
}

static void write_temperatures(FILE *out, const struct al_node *a, const struct al_node *b)
{
    bool any = false;
    for (const struct al_node *p = temperatures(a); p; p = p->next)
        for (const struct al_node *q = temperatures(b); q; q = q->next) {
            struct tr_estimate x, y;
            double t = al_node_double(p, "nominal_temperature_k", NAN);
            bool moved[2];
            char phase[160];
            if (!(t == al_node_double(q, "nominal_temperature_k", NAN)) || !d_at(a, p, &x, &moved[0]) || !d_at(b, q, &y, &moved[1])) continue;
            struct tr_ratio r = tr_compare(&x, &y);
            if (!any) al_yaml_open(out, 2, "temperatures");
            any = true;
            fputs("      - {", out);
            phase_text(a, b, p, q, phase);
            write_ratio(out, name_of(a), name_of(b), t, &r, moved[0] && moved[1], phase);
            fputs("}\n", out);
        }
    if (!any) al_yaml_str(out, 2, "temperatures", "none at which both are seen to diffuse");
}

// Activation energy, eV; its factor t95 is the fit's, as the file has interval and error.
static struct tr_estimate activation_of(const struct al_node *y)
{
    const struct al_node *f = fit_of(y);
    double ea = al_node_double(f, "activation_energy_ev", NAN), error = al_node_double(f, "activation_energy_error_ev", NAN);
    double low = al_node_double(f, "activation_energy_low95_ev", NAN), high = al_node_double(f, "activation_energy_high95_ev", NAN);
    return (struct tr_estimate){ea, error, (high - low) / (2 * error)};
}

// D of the fit at 300 K; its interval is one of ln D.
static struct tr_estimate d_at_room(const struct al_node *y)
{
    const struct al_node *f = fit_of(y);
    double d = al_node_double(f, "d_300k_cm2_per_s", NAN), t95 = activation_of(y).t95;
    double width = log(al_node_double(f, "d_300k_high95", NAN) / al_node_double(f, "d_300k_low95", NAN));
    return (struct tr_estimate){d, d * width / (2 * t95), t95};
}

static void write_activation(FILE *out, const struct al_node *a, const struct al_node *b)
{
    struct tr_estimate p = activation_of(a), q = activation_of(b);
    char text[256];
    double x = q.value - p.value, half = fmax(p.t95, q.t95) * hypot(p.error, q.error);
    bool differs = fabs(x) > half;
    snprintf(text, sizeof text, "%sactivation energy of %.40s less that of %.40s: %+.3f eV (95 %%: %+.3f to %+.3f)%s", differs ? "" : "no difference seen: ",
             name_of(b), name_of(a), x, x - half, x + half, differs ? ": they differ" : "");
    fprintf(out, "    activation_energy: {difference_ev: %.6g, low95: %.6g, high95: %.6g, differs: %s, statement: ", x, x - half, x + half,
            differs ? "true" : "false");
    al_yaml_quote(out, text);
    fputs("}\n", out);
}

static void write_room(FILE *out, const struct al_node *a, const struct al_node *b)
{
    struct tr_estimate p = d_at_room(a), q = d_at_room(b);
    struct tr_ratio r = tr_compare(&p, &q);
    fputs("    extrapolated: {", out);
    write_ratio(out, name_of(a), name_of(b), room, &r, -1, "");
    fputs("}\n", out);
}

static void write_pair(FILE *out, const struct al_node *a, const struct al_node *b)
{
    const struct al_node *none = !fit_of(a) ? a : !fit_of(b) ? b : NULL;
    fputs("  - of: ", out);
    al_yaml_quote(out, name_of(b));
    fputs("\n    to: ", out);
    al_yaml_quote(out, name_of(a));
    fputc('\n', out);
    write_temperatures(out, a, b);
    if (!none) {
        write_activation(out, a, b);
        write_room(out, a, b);
    } else {
        char text[256];
        snprintf(text, sizeof text, "not compared: the activation energy of %.100s is not determined", name_of(none));
        al_yaml_str(out, 2, "activation_energy", text);
        al_yaml_str(out, 2, "extrapolated", text);
    }
}

enum al_err comparison_write(const char *path, const char *note, int n, struct al_node *const *transport)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    if (note) fprintf(o.out, "# %s\n", note);
    fputs("# d_ratio: D of `of` over D of `to`\n", o.out);
    if (n < 2) fputs("pairs: []\n", o.out);
    else al_yaml_open(o.out, 0, "pairs");
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++)
            write_pair(o.out, transport[i], transport[k]);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}
