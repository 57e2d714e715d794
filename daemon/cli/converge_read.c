// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What a converge table says about a loop.yaml.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/converge_table.h"

struct table {
    int nc, nk;
    double cutoff[CONV_MAX], error_c[CONV_MAX], error_k[CONV_MAX];
    const char *kpoints[CONV_MAX];
};

static bool holds(int n, const int *z, int wanted)
{
    for (int i = 0; i < n; i++)
        if (z[i] == wanted) return true;
    return false;
}

static enum al_err read_reals(const struct al_node *tree, const char *key, int want, int *ret_n, double ret[CONV_MAX])
{
    const struct al_node *list = al_node_get(tree, key);
    int n = 0;
    if (!list || list->kind != AL_NODE_LIST || list->nchild > CONV_MAX || (want && list->nchild != want))
        AL_FAIL(AL_ERR_INPUT, "%s: %s is not the list that alnd label --converge writes", tree->file, key);
    for (const struct al_node *c = list->child; c; c = c->next) {
        char *end;
        const char *text = c->kind == AL_NODE_SCALAR ? c->text : "";
        double v = strtod(text, &end);
        if (end == text || *end) {
            if (strcmp(text, ".nan") != 0) AL_FAIL(AL_ERR_INPUT, "%s:%d: a number is wanted", c->file, c->line);
            v = (double)NAN;
        }
        ret[n++] = v;
    }
    *ret_n = n;
    return AL_ERR_OK;
}

static enum al_err read_table(const struct al_node *tree, struct table *t)
{
    const struct al_node *k = al_node_get(tree, "kpoints");
    int n;
    AL_TRY(read_reals(tree, "cutoffs", 0, &t->nc, t->cutoff));
    AL_TRY(read_reals(tree, "force_error_cutoffs", t->nc, &n, t->error_c));
    if (!t->nc || !k || k->kind != AL_NODE_LIST || !k->nchild || k->nchild > CONV_MAX)
        AL_FAIL(AL_ERR_INPUT, "%s is not a table of alnd label --converge", tree->file);
    for (const struct al_node *c = k->child; c; c = c->next)
        t->kpoints[t->nk++] = c->kind == AL_NODE_SCALAR ? c->text : "";
    AL_TRY(read_reals(tree, "force_error_kpoints", t->nk, &n, t->error_k));
    return AL_ERR_OK;
}

// Between two cut-offs the logarithm of the error is a straight line; below the lowest the error is at least that one's.
static double cutoff_error(const struct table *t, double cutoff, bool *at_least)
{
    if (cutoff < t->cutoff[0] - 1e-9) {
        *at_least = true;
        return t->error_c[0];
    }
    for (int i = 1; i < t->nc; i++) {
        if (cutoff > t->cutoff[i] + 1e-9) continue;
        double x = (cutoff - t->cutoff[i - 1]) / (t->cutoff[i] - t->cutoff[i - 1]);
        if (!(t->error_c[i] > 0) || !(t->error_c[i - 1] > 0)) return t->error_c[i - 1] + x * (t->error_c[i] - t->error_c[i - 1]);
        return exp((1 - x) * log(t->error_c[i - 1]) + x * log(t->error_c[i]));
    }
    return t->error_c[t->nc - 1];
}

// A spacing has at most the error of the next larger one in the table.
static double spacing_error(const struct table *t, double spacing, bool *at_least)
{
    double best = INFINITY, error = (double)NAN, largest = 0, largest_error = (double)NAN;
    for (int i = 0; i < t->nk; i++) {
        static const char key[] = "{spacing: ";
        if (strncmp(t->kpoints[i], key, sizeof key - 1) != 0) continue;
        double s = strtod(t->kpoints[i] + sizeof key - 1, NULL);
        if (s >= spacing - 1e-9 && s < best) {
            best = s;
            error = t->error_k[i];
        }
        if (s > largest) {
            largest = s;
            largest_error = t->error_k[i];
        }
    }
    if (isfinite(best)) return error;
    *at_least = true;
    return largest_error;
}

static double named_error(const struct table *t, const char *name)
{
    for (int i = 0; i < t->nk; i++)
        if (strcmp(t->kpoints[i], name) == 0) return t->error_k[i];
    return (double)NAN;
}

static double kpoint_error(const struct table *t, const struct cfg_label *l, bool *at_least)
{
    const double *k = l->kpoints.point[0];
    bool quarter = l->kpoints.n == 1 && k[0] == 0.25 && k[1] == 0.25 && k[2] == 0.25;
    switch (l->kpoints.mode) {
    case KP_GAMMA:
        return named_error(t, "gamma");
    case KP_SPACING:
        return spacing_error(t, l->kpoints.spacing, at_least);
    case KP_POINTS:
        return quarter ? named_error(t, "{points: [[0.25, 0.25, 0.25]]}") : (double)NAN;
    default:
        return (double)NAN;
    }
}

// Elements of the table in its order; tables of alnd 0.1 do not list them: the campaign's, rising.
static enum al_err table_elements(const struct al_node *tree, int n, const int *z, int *ret_n, int ret_z[CFG_MAX_LIST])
{
    const struct al_node *list = al_node_get(tree, "elements");
    *ret_n = 0;
    if (!list) {
        for (int k = 1; k <= AL_ZMAX; k++)
            if (holds(n, z, k)) ret_z[(*ret_n)++] = k;
        return AL_ERR_OK;
    }
    for (const struct al_node *e = list->child; e; e = e->next) {
        int k = e->kind == AL_NODE_SCALAR ? al_element_z(e->text) : 0;
        if (!k || *ret_n == CFG_MAX_LIST) AL_FAIL(AL_ERR_INPUT, "%s:%d: an element is wanted", e->file, e->line);
        ret_z[(*ret_n)++] = k;
    }
    return AL_ERR_OK;
}

// Whether the table was made with the functional and the pseudopotentials of the campaign, by their contents; why not, if not.
static enum al_err same_physics(const struct loop_config *c, const struct al_node *tree, int n, const int *z, char *why, size_t size)
{
    const char *functional = al_node_str(tree, "functional", ""), *set = al_node_str(tree, "pseudopotentials", "");
    char hash[65];
    why[0] = '\0';
    if (strcmp(functional, c->label.functional) != 0 || strcmp(set, c->label.pseudopotentials) != 0) {
        snprintf(why, size, "it was made with %.40s and %.90s, not with %s and %.90s", functional, set, c->label.functional,
                 c->label.pseudopotentials);
        return AL_ERR_OK;
    }
    for (int i = 0; i < n; i++) {
        char path[AL_PATH];
        if (loop_config_pseudo(c, z[i], path) == AL_ERR_OK) continue;
        snprintf(why, size, "it was made with %s, of which these settings have no pseudopotential", al_element_symbol(z[i]));
        return AL_ERR_OK;
    }
    AL_TRY(loop_config_pseudo_hash(c, n, z, hash));
    if (strcmp(hash, al_node_str(tree, "pseudo_hash", "")) != 0)
        snprintf(why, size, "it was made with other pseudopotential files (its pseudo_hash is not theirs); alnd label --converge makes a new one");
    return AL_ERR_OK;
}

static void judge(const struct loop_config *c, const struct table *t, struct converge_verdict *v)
{
    double ec = cutoff_error(t, c->label.cutoff, &v->at_least), ek = kpoint_error(t, &c->label, &v->at_least);
    if (!isfinite(ec)) {
        snprintf(v->why, sizeof v->why, "a frame failed at the cut-offs around this one");
        return;
    }
    if (!isfinite(ek)) {
        snprintf(v->why, sizeof v->why, "its k-points are none of this file's (gamma, the point 1/4 1/4 1/4, a spacing)");
        v->at_least = true;
        ek = 0;
        if (ec <= c->label.force_error) return; // nothing can be said
    }
    v->known = true;
    v->error = sqrt(ec * ec + ek * ek);
}

enum al_err converge_verdict(const struct loop_config *c, struct converge_verdict *ret)
{
    AL_OWN(al_node) tree = NULL;
    struct converge_verdict v = {0};
    struct table t = {0};
    int n, z[CFG_MAX_LIST], nt, zt[CFG_MAX_LIST];
    AL_TRY(loop_config_converge_path(c, v.path));
    if (!al_exists(v.path)) {
        if (c->label.converge[0]) AL_FAIL(AL_ERR_INPUT, "label.converge: there is no %s", v.path);
        *ret = v;
        return AL_ERR_OK;
    }
    AL_TRY(al_yaml_read(v.path, &tree));
    AL_TRY(read_table(tree, &t));
    v.found = true;
    const struct al_node *totals = al_node_get(tree, "totals");
    v.core_seconds = totals ? al_node_double(totals, "core_seconds", 0) : 0;
    v.flops = totals ? al_node_double(totals, "flops", 0) : 0;
    AL_TRY(loop_config_elements(c, &n, z));
    AL_TRY(table_elements(tree, n, z, &nt, zt));
    AL_TRY(same_physics(c, tree, nt, zt, v.why, sizeof v.why));
    for (int i = 0; i < n && !v.why[0]; i++)
        if (!holds(nt, zt, z[i])) snprintf(v.why, sizeof v.why, "none of its frames has %s", al_element_symbol(z[i]));
    if (!v.why[0]) judge(c, &t, &v);
    *ret = v;
    return AL_ERR_OK;
}

void converge_warning(const struct loop_config *c, const struct converge_verdict *v, char *ret, size_t n)
{
    ret[0] = '\0';
    if (!v->found || (!v->known && !v->why[0])) return;
    if (!v->known) {
        snprintf(ret, n, "%s says nothing about these label settings: %s", v->path, v->why);
        return;
    }
    if (v->error <= c->label.force_error) return;
    snprintf(ret, n,
             "label settings: the forces are off by %s%.3g eV/Ang rms from cut-off and k-points (%s), more than label.force_error, %g eV/Ang",
             v->at_least ? "at least " : "", v->error, v->path, c->label.force_error);
}
