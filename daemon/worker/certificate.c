// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/certificate.h"

#include <math.h>

#include "base/mem.h"
#include "worker/calibration.h"

static const char *const measures[] = {"frames", "energy_rmse", "energy_rmse_low", "energy_rmse_high", "force_rmse", "force_rmse_low",
                                       "force_rmse_high", "virial_rmse"};
enum { MEASURES = sizeof measures / sizeof measures[0] };

// The row's figures as they are written there: the certificate has no numbers of its own.
static void copy_measures(FILE *out, const struct al_node *row)
{
    for (int i = 0; i < MEASURES; i++) {
        const char *value = al_node_str(row, measures[i], NULL);
        if (value) fprintf(out, ", %s: %s", measures[i], value);
    }
    fputs("}\n", out);
}

static bool is(const struct al_node *row, const char *key, const char *value)
{
    return strcmp(al_node_str(row, key, ""), value) == 0;
}

static void absent(FILE *out, const char *what, const char *why)
{
    fprintf(out, "%s: {done: false, reason: ", what);
    al_yaml_quote(out, why);
    fputs("}\n", out);
}

// All rows of a set, with their intervals; how many there were.
static int rows_of(FILE *out, const struct al_node *last, const char *set, const char *key)
{
    const struct al_node *table = al_node_get(last, "table");
    int n = 0;
    for (const struct al_node *r = table ? table->child : NULL; r; r = r->next) {
        if (!is(r, "set", set)) continue;
        if (!n++) al_yaml_open(out, 0, key);
        fputs("  - {group: ", out);
        al_yaml_quote(out, al_node_str(r, "group", ""));
        fputs(", label: ", out);
        al_yaml_quote(out, al_node_str(r, "label", ""));
        copy_measures(out, r);
    }
    return n;
}

// Before training on them, iteration by iteration.
static void new_frames(FILE *out, struct al_node *const *errors, int n)
{
    int rows = 0;
    for (int i = 0; i < n; i++) {
        const struct al_node *table = al_node_get(errors[i], "table");
        for (const struct al_node *r = table ? table->child : NULL; r; r = r->next) {
            if (!is(r, "set", "new") || !is(r, "group", "all")) continue;
            fprintf(out, "%s  - {iteration: %s", rows++ ? "" : "new_frames:\n", al_node_str(errors[i], "iteration", "?"));
            copy_measures(out, r);
        }
    }
    if (!rows) absent(out, "new_frames", "no iteration selected a frame that could be labelled");
}

static void exploration(FILE *out, struct al_node *const *errors, int n)
{
    static const char *const keys[] = {"accurate", "candidate", "failed", "broken", "duplicates", "candidate_fraction"};
    al_yaml_open(out, 0, "exploration");
    for (int i = 0; i < n; i++) {
        const struct al_node *s = al_node_get(errors[i], "selection");
        fprintf(out, "  - {iteration: %s", al_node_str(errors[i], "iteration", "?"));
        for (unsigned k = 0; k < sizeof keys / sizeof keys[0]; k++)
            fprintf(out, ", %s: %s", keys[k], al_node_str(s, keys[k], ".nan"));
        fputs("}\n", out);
    }
}

// Slope, rank correlation and coverage: how often the true error is what the deviation announces, within a factor of two.
static enum al_err calibration(FILE *out, const struct calibration_list *l)
{
    const struct trust_window none = {0, 0};
    struct window w;
    AL_TRY(window_fit(l->n, l->c, "", 0, l->target > 0 ? l->target : 1, &none, &w));
    if (w.source == WINDOW_GIVEN) {
        char why[96];
        snprintf(why, sizeof why, "%d frames with deviation and true error; %d are needed", w.n, WINDOW_MIN);
        absent(out, "calibration", why);
        return AL_ERR_OK;
    }
    int within = 0, below = 0;
    for (int i = 0; i < l->n; i++) {
        double ratio = l->c[i].error / (w.slope * l->c[i].deviation);
        within += ratio >= 0.5 && ratio <= 2;
        below += ratio <= 2;
    }
    al_yaml_open(out, 0, "calibration");
    fputs("  # largest force error of a frame against its largest deviation, all test frames and the new ones of the last iteration\n", out);
    al_yaml_int(out, 1, "frames", l->n);
    al_yaml_double(out, 1, "error_per_deviation", w.slope);
    al_yaml_double(out, 1, "rank_correlation", w.rank);
    al_yaml_double(out, 1, "coverage_within_factor_2", (double)within / l->n);
    al_yaml_double(out, 1, "coverage_below_twice", (double)below / l->n);
    return AL_ERR_OK;
}

// Mean of E - E0 over a system's test frames; what it differs by between systems shifts their relative energies.
static void energy_offset(FILE *out, const struct task *t, const struct calibration_list *l)
{
    double low = (double)INFINITY, high = -low;
    int systems = 0;
    for (int s = 0; s < t->cfg->nsystems; s++) {
        double sum = 0, square = 0;
        int n = 0;
        for (int i = 0; i < l->n; i++) {
            if (!l->c[i].test || strcmp(l->c[i].system, t->cfg->system[s].name) != 0) continue;
            sum += l->c[i].energy;
            square += l->c[i].energy * l->c[i].energy;
            n++;
        }
        if (n < 2) continue;
        double mean = sum / n, error = sqrt(fmax(0, square / n - mean * mean) / (n - 1));
        if (!systems++) fputs("energy_offset:\n  systems:\n", out);
        fputs("    - {system: ", out);
        al_yaml_quote(out, t->cfg->system[s].name);
        fprintf(out, ", frames: %d, mean_ev_per_atom: %.6g, standard_error: %.6g}\n", n, mean, error);
        low = fmin(low, mean);
        high = fmax(high, mean);
    }
    if (systems > 1) al_yaml_double(out, 1, "largest_between_systems_ev_per_atom", high - low);
    else if (systems) al_yaml_str(out, 1, "between_systems", "not determined: one system with two test frames or more");
    else absent(out, "energy_offset", "no system has two test frames");
}

static enum al_err production(FILE *out, const char *const *ids, int m)
{
    int rows = 0;
    for (int i = 0; i < m; i++) {
        char path[AL_PATH];
        AL_OWN(al_node) y = NULL;
        AL_TRY(al_path(path, "%s.yaml", ids[i]));
        AL_TRY(al_yaml_read(path, &y));
        const struct al_node *list = al_node_get(y, "temperatures");
        for (const struct al_node *r = list ? list->child : NULL; r; r = r->next) {
            fputs(rows++ ? "  - {system: " : "production:\n  - {system: ", out);
            al_yaml_quote(out, al_node_str(y, "system", ""));
            fprintf(out, ", temperature: %s, runs: %s, runs_ended_early: %s", al_node_str(r, "nominal_temperature_k", ".nan"),
                    al_node_str(r, "runs", "0"), al_node_str(r, "runs_ended_early", "0"));
            const char *drift = al_node_str(r, "energy_drift_ev_per_atom_ps", NULL);
            const char *deviation = al_node_str(r, "force_deviation_mean_ev_per_ang", NULL);
            const char *unknown = al_node_str(r, "extrapolating_fraction", NULL);
            if (drift) fprintf(out, ", energy_drift_ev_per_atom_ps: %s", drift);
            if (deviation) fprintf(out, ", force_deviation_mean_ev_per_ang: %s", deviation);
            if (unknown) fprintf(out, ", extrapolating_fraction: %s", unknown);
            const char *closer = al_node_str(r, "closer_than_labels", NULL);
            if (closer) {
                fputs(", closer_than_labels: ", out);
                al_yaml_quote(out, closer);
            }
            fputs("}\n", out);
        }
    }
    if (!rows) absent(out, "production", "no production run was analysed");
    return AL_ERR_OK;
}

static void head(FILE *out, const struct task *t, const struct al_node *last, bool converged)
{
    if (task_note(t)) fprintf(out, "# %s\n", task_note(t));
    al_yaml_str(out, 0, "name", t->cfg->name);
    fprintf(out, "demonstration: %s\nconverged: %s\n", t->cfg->demonstration ? "true" : "false", converged ? "true" : "false");
    if (!converged) al_yaml_str(out, 0, "reason", "max_iterations came before the limits were met");
    fprintf(out, "iteration: %s\n", al_node_str(last, "iteration", "?"));
    fputs("units: {energy: eV/atom, force: eV/Ang, virial: eV/atom, temperature: K, intervals: '95 %, bootstrap over frames'}\n", out);
    const struct al_node *c = al_node_get(last, "converge");
    al_yaml_open(out, 0, "limits");
    for (const struct al_node *k = c ? c->child : NULL; k; k = k->next)
        if (k->text && strstr(k->key, "limit")) fprintf(out, "  %s: %s\n", k->key, k->text);
}

struct noise {
    double f2, fmax, e, e2; // squared force differences, largest |dF|; sum and squares of energy differences, eV/atom
    long components;
    int frames, failed;
};

// A frame at the tighter settings against its label.
static void compare(struct noise *x, const struct al_frame *a, const struct al_frame *b)
{
    double de = (b->energy - a->energy) / a->natoms;
    for (int i = 0; i < a->natoms; i++) {
        double s = 0;
        for (int c = 0; c < 3; c++)
            s += (b->forces[i][c] - a->forces[i][c]) * (b->forces[i][c] - a->forces[i][c]);
        x->f2 += s;
        x->fmax = fmax(x->fmax, sqrt(s));
    }
    x->components += 3L * a->natoms;
    x->e += de;
    x->e2 += de * de;
    x->frames++;
}

static enum al_err measure_noise(const struct certificate_sources *s, struct noise *x)
{
    AL_OWN(al_frames) test = NULL;
    AL_TRY(al_xyz_read(s->test, &test));
    for (int k = 0; k < s->nnoise; k++) {
        char path[AL_PATH];
        AL_OWN(al_frames) again = NULL;
        AL_TRY(al_path(path, "%s/labelled.extxyz", s->noise[k]));
        AL_TRY(al_xyz_read(path, &again));
        x->failed += again->n == 0;
        for (int i = 0; i < test->n && again->n; i++) {
            char a[65], b[65];
            al_frame_hash(test->f[i], a);
            al_frame_hash(again->f[0], b);
            if (strcmp(a, b) == 0) compare(x, test->f[i], again->f[0]);
        }
    }
    return AL_ERR_OK;
}

static enum al_err label_noise(FILE *out, const struct task *t, const struct certificate_sources *s)
{
    struct noise x = {0};
    if (!s->nnoise) {
        absent(out, "label_noise", t->cfg->converge.label_noise ? "the last iteration has no test frame"
                                                                : "converge.label_noise asks for no frame");
        return AL_ERR_OK;
    }
    AL_TRY(measure_noise(s, &x));
    if (!x.frames) {
        absent(out, "label_noise", "no frame could be labelled at the tighter settings");
        return AL_ERR_OK;
    }
    bool points = t->cfg->label.kpoints.mode == KP_POINTS || t->cfg->label.kpoints.mode == KP_GAMMA;
    al_yaml_open(out, 0, "label_noise");
    al_yaml_int(out, 1, "frames", x.frames);
    al_yaml_int(out, 1, "failed", x.failed);
    al_yaml_str(out, 1, "against", points ? "cut-off x 1.3, tight SCF, the same k-points" : "cut-off x 1.3, tight SCF, denser k-points");
    al_yaml_double(out, 1, "force_rmse", sqrt(x.f2 / (double)x.components));
    al_yaml_double(out, 1, "force_max", x.fmax);
    al_yaml_double(out, 1, "energy_shift", x.e / x.frames);
    if (x.frames > 1) // what is left when all energies move together
        al_yaml_double(out, 1, "energy_rmse_about_shift", sqrt(fmax(0, x.e2 - x.e * x.e / x.frames) / (x.frames - 1)));
    return AL_ERR_OK;
}

// Test frames of a system with this number of atoms, or with more.
static void size_row(FILE *out, const struct calibration_list *l, const char *system, int natoms, bool larger)
{
    double f2 = 0, e2 = 0, atoms = 0;
    int n = 0;
    for (int i = 0; i < l->n; i++) {
        const struct calibration *c = &l->c[i];
        if (!c->test || strcmp(c->system, system) != 0 || (larger ? c->natoms <= natoms : c->natoms != natoms)) continue;
        f2 += c->natoms * c->rms * c->rms;
        e2 += c->energy * c->energy;
        atoms += c->natoms;
        n++;
    }
    if (!n) return;
    fputs("  - {system: ", out);
    al_yaml_quote(out, system);
    fprintf(out, ", cells: %s, atoms: %.6g, frames: %d, force_rmse: %.6g, energy_rmse: %.6g}\n", larger ? "larger" : "training",
            atoms / n, n, sqrt(f2 / atoms), sqrt(e2 / n));
}

// Errors on cells larger than the training cells beside those on cells of their size.
static enum al_err size_check(FILE *out, const struct task *t, const struct calibration_list *l)
{
    const int *copies = t->cfg->test.supercell;
    bool any = false;
    for (int s = 0; s < t->cfg->nsystems; s++) {
        const char *system = t->cfg->system[s].name;
        char path[AL_PATH];
        AL_OWN(al_frames) base = NULL;
        bool larger = false;
        AL_TRY(al_path(path, "initial/%s/base.extxyz", system));
        AL_TRY(al_xyz_read(path, &base));
        int natoms = base->n ? base->f[0]->natoms : 0;
        for (int i = 0; i < l->n; i++)
            larger |= l->c[i].test && strcmp(l->c[i].system, system) == 0 && l->c[i].natoms > natoms;
        if (!larger) continue;
        if (!any) fputs("size_check:\n", out);
        any = true;
        size_row(out, l, system, natoms, false);
        size_row(out, l, system, natoms, true);
    }
    if (!any)
        absent(out, "size_check", copies[0] * copies[1] * copies[2] > 1 ? "no test trajectory of a larger cell gave a frame with a label"
                                                                       : "test.supercell asks for no larger cells");
    return AL_ERR_OK;
}

// Labels that are not this campaign's own.
static enum al_err initial_data(FILE *out, const struct task *t)
{
    AL_OWN(al_node) r = NULL;
    if (!t->cfg->initial.ndata) return AL_ERR_OK;
    AL_TRY(al_yaml_read("initial/data/result.yaml", &r));
    const struct al_node *facts = al_node_get(r, "facts");
    fprintf(out, "initial_data: {frames: %ld, held_out: %ld, fingerprint: ", al_node_int(facts, "nframes", 0), al_node_int(facts, "nheldout", 0));
    al_yaml_quote(out, al_node_str(facts, "fingerprint", "?"));
    fputs(", note: ", out);
    al_yaml_quote(out, "frames of initial.data were labelled elsewhere: whether with the program and settings of this campaign is not known");
    fputs("}\n", out);
    return AL_ERR_OK;
}

static enum al_err body(FILE *out, struct task *t, const struct certificate_sources *s, const struct calibration_list *l)
{
    AL_OWN(al_node) models = NULL;
    AL_TRY(al_yaml_read("models/result.yaml", &models));
    const struct al_node *last = s->errors[s->nerrors - 1];
    head(out, t, last, al_node_int(al_node_get(models, "facts"), "converged", 0) == 1);
    AL_TRY(initial_data(out, t));
    if (!rows_of(out, last, "test", "held_out")) absent(out, "held_out", "no test frame could be labelled");
    rows_of(out, last, "judged", "judged"); // with converge.up_to
    new_frames(out, s->errors, s->nerrors);
    AL_TRY(calibration(out, l));
    exploration(out, s->errors, s->nerrors);
    AL_TRY(production(out, s->transport, s->ntransport));
    energy_offset(out, t, l);
    AL_TRY(label_noise(out, t, s));
    AL_TRY(size_check(out, t, l));
    return AL_ERR_OK;
}

enum al_err certificate_write(struct task *t, const char *path, const struct certificate_sources *s)
{
    AL_OWN(calibration_list) l = NULL;
    struct al_outfile o;
    if (s->nerrors < 1) AL_FAIL(AL_ERR_BUG, "a certificate without an evaluation");
    AL_TRY(calibration_read(s->calibration, &l));
    AL_TRY(al_outfile_open(path, &o));
    enum al_err e = body(o.out, t, s, l);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}
