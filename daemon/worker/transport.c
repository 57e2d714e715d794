// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/transport.h"

#include <math.h>

#include "base/mem.h"

void transport_point_clear(struct transport_point *p)
{
    for (int k = 0; k < p->nruns; k++)
        tr_traj_destroy(&p->run[k]);
    p->nruns = 0;
    tr_diffusion_destroy(&p->d);
    structure_destroy(&p->structure);
}

enum al_err transport_diffuse(const struct transport *t, struct transport_point *p)
{
    enum al_err e = tr_diffusion_create((const struct tr_traj *const *)p->run, p->nruns, &t->options, &p->d);
    if (e == AL_ERR_INPUT) { // e.g. too short: reported, not fatal
        snprintf(p->why, sizeof p->why, "%s", al_err_message());
        return AL_ERR_OK;
    }
    AL_TRY(e);
    return AL_ERR_OK;
}

void transport_file_label(const struct transport_point *p, char ret[64])
{
    int k = 0;
    for (const char *c = p->label; *c && k < 63; c++)
        if (*c != ' ' && *c != '/') ret[k++] = *c;
    ret[k] = '\0';
}

enum al_err transport_structure(struct transport *t, struct task *task, const char *prefix)
{
    for (int i = 0; i < t->n; i++)
        if (t->p[i].nruns) AL_TRY(structure_create(t, &t->p[i], task, prefix, &t->p[i].structure));
    return AL_ERR_OK;
}

static bool fits(const struct transport_point *p)
{
    return p->d && p->d->diffusive && p->d->d > 0 && p->d->d_error > 0 && p->temperature > 0;
}

static bool molten(const struct transport_point *p)
{
    return p->structure && p->structure->framework && p->structure->framework->state == TR_MOLTEN;
}

// Which points the fit takes; names the others.
static void choose_points(struct transport *t)
{
    size_t at = 0;
    bool solid = false, liquid = false;
    for (int i = 0; i < t->n; i++) {
        solid = solid || (fits(&t->p[i]) && !molten(&t->p[i]));
        liquid = liquid || (fits(&t->p[i]) && molten(&t->p[i]));
    }
    t->liquid = liquid && !solid;
    t->left_out[0] = '\0';
    for (int i = 0; i < t->n; i++) {
        struct transport_point *p = &t->p[i];
        p->in_fit = fits(p) && (t->liquid || !molten(p));
        if (fits(p) && !p->in_fit && at < sizeof t->left_out)
            at += (size_t)snprintf(t->left_out + at, sizeof t->left_out - at, "%s%s", at ? ", " : "", p->label);
    }
}

void transport_fit(struct transport *t)
{
    double temperature[TRANSPORT_POINTS], d[TRANSPORT_POINTS], error[TRANSPORT_POINTS];
    int n = 0;
    choose_points(t);
    for (int i = 0; i < t->n && n < TRANSPORT_POINTS; i++) {
        if (!t->p[i].in_fit) continue;
        temperature[n] = t->p[i].temperature;
        d[n] = t->p[i].d->d;
        error[n++] = t->p[i].d->d_error;
    }
    t->fitted = n >= 2 && tr_arrhenius_fit(n, temperature, d, error, &t->fit) == AL_ERR_OK;
    if (!t->fitted)
        snprintf(t->why, sizeof t->why, "not determined: %s%s%s", n < 2 ? "fewer than two temperatures in the diffusive regime" : "the temperatures are not apart",
                 t->left_out[0] ? "; left out, as the framework is molten: " : "", t->left_out);
}

void transport_framework_text(const struct transport *t, char *ret, size_t n)
{
    bool any = false;
    size_t at = 0;
    for (int z = 1; z <= AL_ZMAX; z++)
        any = any || t->options.framework[z];
    ret[0] = '\0';
    for (int z = 1; z <= AL_ZMAX && at < n; z++) {
        bool there = false;
        for (int i = 0; i < t->n; i++)
            there = there || (t->p[i].nruns && t->p[i].run[0]->all[z]);
        if (there && (any ? t->options.framework[z] : z != t->options.mobile_z))
            at += (size_t)snprintf(ret + at, n - at, "%s%s", at ? ", " : "", al_element_symbol(z));
    }
}

// ---- numbers ---------------------------------------------------------------------------------------------

static double conductivity(const struct transport *t, const struct transport_point *p, double d)
{
    return tr_conductivity(d, p->d->nions, p->volume, p->temperature, t->charge);
}

static void write_conductivity(FILE *out, int depth, const struct transport *t, const struct transport_point *p)
{
    const struct tr_diffusion *d = p->d;
    if (!(p->volume > 0) || !(p->temperature > 0)) return;
    if (d->diffusive) {
        al_yaml_double(out, depth, "conductivity_nernst_einstein_s_per_cm", conductivity(t, p, d->d));
        al_yaml_double(out, depth, "conductivity_low95_s_per_cm", conductivity(t, p, d->d_low));
        al_yaml_double(out, depth, "conductivity_high95_s_per_cm", conductivity(t, p, d->d_high));
    } else if (isfinite(d->d_limit)) {
        al_yaml_double(out, depth, "conductivity_below_s_per_cm", conductivity(t, p, d->d_limit));
    }
}

static void write_diffusion(FILE *out, int depth, const struct transport *t, const struct transport_point *p)
{
    const struct tr_diffusion *d = p->d;
    if (!d) {
        al_yaml_str(out, depth, "diffusion", "not determined");
        al_yaml_str(out, depth, "reason", p->why);
        return;
    }
    fprintf(out, "%*sdiffusive: %s\n", 2 * depth, "", d->diffusive ? "true" : "false");
    al_yaml_str(out, depth, "regime", d->regime);
    if (!d->diffusive && isfinite(d->d_limit)) al_yaml_double(out, depth, "d_below_cm2_per_s", d->d_limit);
    al_yaml_double(out, depth, "d_cm2_per_s", d->d);
    al_yaml_double(out, depth, "d_error_cm2_per_s", d->d_error);
    al_yaml_double(out, depth, "d_low95_cm2_per_s", d->d_low);
    al_yaml_double(out, depth, "d_high95_cm2_per_s", d->d_high);
    fprintf(out, "%*sd_xyz_cm2_per_s: [%.6g, %.6g, %.6g]\n", 2 * depth, "", d->d_axis[0], d->d_axis[1], d->d_axis[2]);
    fprintf(out, "%*sd_xyz_error_cm2_per_s: [%.3g, %.3g, %.3g]\n", 2 * depth, "", d->d_axis_error[0], d->d_axis_error[1], d->d_axis_error[2]);
    tr_diffusion_write_yaml(out, depth, d);
    write_conductivity(out, depth, t, p);
}

void transport_write_point(FILE *out, int depth, const struct transport *t, const struct transport_point *p)
{
    write_diffusion(out, depth, t, p);
    fprintf(out, "%*sin_arrhenius_fit: %s\n", 2 * depth, "", p->in_fit ? "true" : "false");
    if (p->structure) structure_write(out, depth, t, p, p->structure);
}

void transport_write_fit(FILE *out, const struct transport *t)
{
    double d, low, high;
    const struct transport_point *p = NULL;
    for (int i = 0; i < t->n && !p; i++)
        if (t->p[i].in_fit) p = &t->p[i];
    if (!t->fitted || !p) {
        al_yaml_str(out, 0, "arrhenius", t->why);
        return;
    }
    const struct tr_arrhenius *a = &t->fit;
    tr_arrhenius_at(a, 300, &d, &low, &high);
    al_yaml_open(out, 0, "arrhenius");
    al_yaml_int(out, 1, "points", a->n);
    if (t->left_out[0]) al_yaml_str(out, 1, "left_out_as_molten", t->left_out);
    if (t->liquid) al_yaml_str(out, 1, "phase", "liquid: the framework is molten at all of them");
    al_yaml_double(out, 1, "activation_energy_ev", a->ea);
    al_yaml_double(out, 1, "activation_energy_error_ev", a->ea_error);
    al_yaml_double(out, 1, "activation_energy_low95_ev", a->ea - a->t95 * a->ea_error);
    al_yaml_double(out, 1, "activation_energy_high95_ev", a->ea + a->t95 * a->ea_error);
    al_yaml_double(out, 1, "d0_cm2_per_s", a->d0);
    al_yaml_double(out, 1, "chi2", a->chi2);
    al_yaml_double(out, 1, "errors_inflated_by", a->inflation);
    al_yaml_double(out, 1, "d_300k_cm2_per_s", d);
    al_yaml_double(out, 1, "d_300k_low95", low);
    al_yaml_double(out, 1, "d_300k_high95", high);
    if (p->volume > 0) {
        al_yaml_double(out, 1, "conductivity_300k_s_per_cm", tr_conductivity(d, p->d->nions, p->volume, 300, t->charge));
        al_yaml_double(out, 1, "conductivity_300k_low95", tr_conductivity(low, p->d->nions, p->volume, 300, t->charge));
        al_yaml_double(out, 1, "conductivity_300k_high95", tr_conductivity(high, p->d->nions, p->volume, 300, t->charge));
    }
    if (a->n == 2) al_yaml_str(out, 1, "note", "two temperatures: a line through two points, no test of its straightness");
}

// ---- files -----------------------------------------------------------------------------------------------

static enum al_err tables(const struct transport *t, const char *prefix)
{
    char path[AL_PATH], label[64];
    for (int i = 0; i < t->n; i++) {
        const struct transport_point *p = &t->p[i];
        bool framework[AL_ZMAX + 1], any = false;
        if (!p->d) continue;
        memcpy(framework, t->options.framework, sizeof framework);
        for (int z = 1; z <= AL_ZMAX; z++)
            any = any || framework[z];
        for (int z = 1; z <= AL_ZMAX && !any; z++)
            framework[z] = z != t->options.mobile_z;
        transport_file_label(p, label);
        AL_TRY(al_path(path, "%smsd-%s.csv", prefix, label));
        AL_TRY(tr_msd_write_csv(path, p->d));
        AL_TRY(al_path(path, "%selements-%s.csv", prefix, label));
        AL_TRY(tr_msd_write_elements(path, (const struct tr_traj *const *)p->run, p->nruns, framework));
    }
    return AL_ERR_OK;
}

static enum al_err msd_plots(const struct transport *t, struct task *task, const char *prefix)
{
    static const char *const name[] = {"msd.svg", "msd-loglog.svg"};
    AL_AUTOFREE struct tr_labelled *run = NULL;
    char path[AL_PATH], title[160];
    int n = 0;
    AL_ALLOC(run, t->n);
    for (int i = 0; i < t->n; i++)
        if (t->p[i].d) run[n++] = (struct tr_labelled){t->p[i].label, t->p[i].d};
    snprintf(title, sizeof title, "%s mean-square displacement%s%s", al_element_symbol(t->options.mobile_z), t->title[0] ? ", " : "", t->title);
    for (int k = 0; n && k < 2; k++) {
        AL_TRY(al_path(path, "%s%s", prefix, name[k]));
        AL_TRY(tr_plot_msd(path, title, t->note, k, n, run));
        AL_TRY(task_artifact(task, path));
    }
    return AL_ERR_OK;
}

static enum al_err arrhenius_plot(const struct transport *t, struct task *task, const char *prefix)
{
    double temperature[TRANSPORT_POINTS], d[TRANSPORT_POINTS], error[TRANSPORT_POINTS];
    enum tr_mark mark[TRANSPORT_POINTS];
    char path[AL_PATH], title[160];
    int n = 0;
    for (int i = 0; i < t->n && n < TRANSPORT_POINTS; i++) {
        const struct transport_point *p = &t->p[i];
        if (!p->d || !(p->temperature > 0)) continue;
        bool yes = p->d->diffusive && p->d->d > 0;
        if (!yes && !isfinite(p->d->d_limit)) continue;
        temperature[n] = p->temperature;
        d[n] = yes ? p->d->d : p->d->d_limit; // open markers: upper limits
        error[n] = yes ? p->d->d_error : 0;
        mark[n++] = !yes ? TR_MARK_LIMIT : molten(p) && !p->in_fit ? TR_MARK_MOLTEN : TR_MARK_FITTED;
    }
    if (!n) return AL_ERR_OK;
    struct tr_arrhenius_series s = {t->title, n, temperature, d, error, mark, t->fitted ? &t->fit : NULL};
    snprintf(title, sizeof title, "%s diffusion%s%s", al_element_symbol(t->options.mobile_z), t->title[0] ? ", " : "", t->title);
    AL_TRY(al_path(path, "%sarrhenius.svg", prefix));
    AL_TRY(tr_plot_arrhenius(path, title, t->note, 1, &s));
    AL_TRY(task_artifact(task, path));
    return AL_ERR_OK;
}

enum al_err transport_files(const struct transport *t, struct task *task, const char *prefix)
{
    AL_TRY(tables(t, prefix));
    AL_TRY(msd_plots(t, task, prefix));
    AL_TRY(arrhenius_plot(t, task, prefix));
    return AL_ERR_OK;
}
