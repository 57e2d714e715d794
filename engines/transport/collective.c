// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/collective.h"

#include <math.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/svg.h"
#include "base/yaml.h"
#include "transport/arrhenius.h"

enum { MIN_BLOCK = 20, MIN_BLOCKS = 4, MAX_LAGS = 80, MAX_FIT = 50, FIT_POINTS = 20 };

struct work {
    struct tr_reference *ref;
    double **ions;   // [nruns] [nions][3][frames]
    double **dipole; // [nruns] [3][frames], sum of the ions
    int block, nblocks, nfit, fit[MAX_FIT]; // frames
    double fit_fs[MAX_FIT];
    double *d_tracer, *d_sigma, *bend; // [nblocks] Ang^2/fs
};

static void work_clear(struct work *w)
{
    for (int k = 0; w->ref && k < w->ref->nruns; k++) {
        if (w->ions) al_free(w->ions[k]);
        if (w->dipole) al_free(w->dipole[k]);
    }
    al_free(w->ions);
    al_free(w->dipole);
    al_free(w->d_tracer);
    al_free(w->d_sigma);
    al_free(w->bend);
    tr_reference_destroy(&w->ref);
}

static enum al_err load(struct work *w)
{
    const struct tr_reference *r = w->ref;
    AL_ALLOC(w->ions, r->nruns);
    AL_ALLOC(w->dipole, r->nruns);
    for (int k = 0; k < r->nruns; k++) {
        size_t n = (size_t)r->run[k].n;
        AL_TRY(tr_reference_track(r, k, r->ion, r->nions, &w->ions[k]));
        AL_ALLOC(w->dipole[k], 3 * n);
        for (int i = 0; i < r->nions; i++)
            for (size_t at = 0; at < 3 * n; at++)
                w->dipole[k][at] += w->ions[k][3 * n * (size_t)i + at];
    }
    return AL_ERR_OK;
}

static int count_blocks(const struct work *w, int block)
{
    int n = 0;
    for (int k = 0; k < w->ref->nruns; k++)
        n += w->ref->run[k].n / block;
    return n;
}

static enum al_err choose_window(struct work *w, const struct tr_collective_options *o)
{
    int wanted = o->nblocks ? o->nblocks : 10, frames = tr_reference_shortest(w->ref);
    double dt = w->ref->dt;
    if (wanted < 1 || o->fit_from < 0.0 || o->fit_to < o->fit_from)
        AL_FAIL(AL_ERR_INPUT, "%d blocks, window from %g to %g fs", wanted, o->fit_from, o->fit_to);
    w->block = frames / wanted;
    if (w->block < MIN_BLOCK) w->block = MIN_BLOCK;
    int from = (int)round(o->fit_from / dt), to = (int)round(o->fit_to / dt);
    if (o->fit_to == 0.0) {
        from = w->block / 20;
        to = w->block / 4;
    }
    if (from < 1) from = 1;
    if (to < from + 2) to = from + 2;
    if (w->block < 2 * to) w->block = 2 * to;
    w->nblocks = count_blocks(w, w->block);
    if (w->nblocks < MIN_BLOCKS)
        AL_FAIL_HINT(AL_ERR_INPUT, "run longer, add replicas or give a shorter window",
                     "%d frames a run and a window of lags up to %d frames give %d blocks of %d frames: %d are needed",
                     frames, to, w->nblocks, w->block, MIN_BLOCKS);
    int stride = (to - from + MAX_FIT - 1) / MAX_FIT;
    if (stride < 1) stride = 1;
    for (int l = from; l <= to && w->nfit < MAX_FIT; l += stride) {
        w->fit_fs[w->nfit] = l * dt;
        w->fit[w->nfit++] = l;
    }
    return AL_ERR_OK;
}

// Sum over the three axes of squared differences, mean over every step-th origin first <= t < last - lag; n frames a row.
static double squares(const double *x, size_t n, int first, int last, int lag, int step)
{
    double sum = 0.0;
    int origins = (last - lag - first + step - 1) / step;
    for (int q = 0; q < 3; q++) {
        const double *a = x + (size_t)q * n;
        for (int t = first; t < last - lag; t += step)
            sum += (a[t + lag] - a[t]) * (a[t + lag] - a[t]);
    }
    return sum / origins;
}

static double tracer_msd(const struct work *w, int run, int first, int last, int lag)
{
    size_t n = (size_t)w->ref->run[run].n;
    double sum = 0.0;
    int step = tr_origin_stride(w->ref->nions, last - first);
    for (int i = 0; i < w->ref->nions; i++)
        sum += squares(w->ions[run] + 3 * n * (size_t)i, n, first, last, lag, step);
    return sum / w->ref->nions;
}

static double dipole_msd(const struct work *w, int run, int first, int last, int lag)
{
    return squares(w->dipole[run], (size_t)w->ref->run[run].n, first, last, lag, 1) / w->ref->nions;
}

static enum al_err blocks(struct work *w, double *ret_offset)
{
    double tracer[MAX_FIT], dipole[MAX_FIT], early, late, offset;
    int b = 0, half = w->nfit / 2;
    AL_ALLOC(w->d_tracer, w->nblocks);
    AL_ALLOC(w->d_sigma, w->nblocks);
    AL_ALLOC(w->bend, w->nblocks);
    for (int k = 0; k < w->ref->nruns; k++)
        for (int j = 0; j < w->ref->run[k].n / w->block; j++, b++) {
            int first = j * w->block, last = first + w->block;
            for (int l = 0; l < w->nfit; l++) {
                tracer[l] = tracer_msd(w, k, first, last, w->fit[l]);
                dipole[l] = dipole_msd(w, k, first, last, w->fit[l]);
            }
            AL_TRY(tr_line_fit(w->nfit, w->fit_fs, tracer, &w->d_tracer[b], NULL, NULL));
            AL_TRY(tr_line_fit(w->nfit, w->fit_fs, dipole, &w->d_sigma[b], &offset, NULL));
            *ret_offset += offset / w->nblocks;
            AL_TRY(tr_line_fit(half + 1, w->fit_fs, tracer, &early, NULL, NULL));
            AL_TRY(tr_line_fit(w->nfit - half, w->fit_fs + half, tracer + half, &late, NULL, NULL));
            w->bend[b] = (late - early) / 6.0;
            w->d_tracer[b] /= 6.0;
            w->d_sigma[b] /= 6.0;
        }
    return AL_ERR_OK;
}

static enum al_err curves(const struct work *w, struct tr_collective *c)
{
    int lag[MAX_LAGS];
    c->n = tr_log_lags(tr_reference_shortest(w->ref) / 2, 15, MAX_LAGS, lag);
    AL_ALLOC(c->lag, c->n);
    AL_ALLOC(c->tracer, c->n);
    AL_ALLOC(c->dipole, c->n);
    for (int l = 0; l < c->n; l++) {
        double origins = 0.0;
        c->lag[l] = lag[l] * w->ref->dt;
        for (int k = 0; k < w->ref->nruns; k++) {
            int frames = w->ref->run[k].n;
            origins += frames - lag[l];
            c->tracer[l] += (frames - lag[l]) * tracer_msd(w, k, 0, frames, lag[l]);
            c->dipole[l] += (frames - lag[l]) * dipole_msd(w, k, 0, frames, lag[l]);
        }
        c->tracer[l] /= origins;
        c->dipole[l] /= origins;
    }
    return AL_ERR_OK;
}

// Ratio a/b of two means with (co)variances of the means: interval by Fieller.
static void haven(struct tr_collective *c, double a, double b, double saa, double sbb, double sab)
{
    double t2 = pow(tr_student95(c->nblocks - 1), 2), h = a / b;
    double qa = b * b - t2 * sbb, qb = a * b - t2 * sab, qc = a * a - t2 * saa;
    double root = sqrt(fmax(qb * qb - qa * qc, 0.0));
    c->haven = h;
    c->haven_error = sqrt(fmax(saa - 2.0 * h * sab + h * h * sbb, 0.0)) / b;
    c->haven_low = fmax((qb - root) / qa, 0.0);
    c->haven_high = (qb + root) / qa;
}

static void judge(struct tr_collective *c, bool caged)
{
    if (caged)
        snprintf(c->verdict, sizeof c->verdict, "not resolved: no diffusion of the ions themselves is seen");
    else if (!c->diffusive)
        snprintf(c->verdict, sizeof c->verdict,
                 "not resolved: the ions themselves do not diffuse in the window: their D changes by %.0f +- %.0f %% along it",
                 100 * c->bend, 100 * c->bend_error);
    else if (!(c->d_sigma_low > 0.0))
        snprintf(c->verdict, sizeof c->verdict,
                 "not resolved: D_sigma = (%.2g +- %.2g) cm^2/s cannot be told from zero; more or longer runs needed "
                 "(all that is known: D_sigma < %.2g cm^2/s)",
                 c->d_sigma, c->d_sigma_error, c->d_sigma_high);
    else if (c->haven_low <= 1.0 && c->haven_high >= 1.0)
        snprintf(c->verdict, sizeof c->verdict,
                 "resolved to %.0f %%: no correlation between ions shown, the Haven ratio lies between %.2f and %.2f",
                 100.0 * c->d_sigma_error / c->d_sigma, c->haven_low, c->haven_high);
    else
        snprintf(c->verdict, sizeof c->verdict,
                 "resolved to %.0f %%: ions move %s, the Haven ratio lies between %.2f and %.2f",
                 100.0 * c->d_sigma_error / c->d_sigma, c->haven < 1.0 ? "together" : "against each other", c->haven_low,
                 c->haven_high);
}

static void result(const struct work *w, bool caged, struct tr_collective *c)
{
    int n = w->nblocks;
    double a, b, ea, eb, sab = 0.0;
    tr_mean_error(n, w->d_tracer, &a, &ea);
    tr_mean_error(n, w->d_sigma, &b, &eb);
    tr_mean_error(n, w->bend, &c->bend, &c->bend_error);
    c->bend /= a;
    c->bend_error /= fabs(a);
    for (int k = 0; k < n; k++)
        sab += (w->d_tracer[k] - a) * (w->d_sigma[k] - b) / ((double)n * (n - 1));
    c->d_tracer = TR_ANG2_FS_CM2_S * a;
    c->d_tracer_error = TR_ANG2_FS_CM2_S * ea;
    c->d_sigma = TR_ANG2_FS_CM2_S * b;
    c->d_sigma_error = TR_ANG2_FS_CM2_S * eb;
    double half = tr_student95(n - 1) * c->d_sigma_error;
    c->d_sigma_low = c->d_sigma - half;
    c->d_sigma_high = c->d_sigma + half;
    c->diffusive = !caged && !(fabs(c->bend) > 0.25 && fabs(c->bend) > 2.0 * c->bend_error);
    c->resolved = c->diffusive && c->d_sigma_low > 0.0;
    c->haven = c->haven_error = c->haven_low = c->haven_high = NAN;
    if (c->resolved) haven(c, a, b, ea * ea, eb * eb, sab);
    judge(c, caged);
}

static enum al_err analyse(struct work *w, const struct tr_traj *const *runs, int nruns, const struct tr_collective_options *o,
                           struct tr_collective *c)
{
    AL_TRY(tr_reference_create(runs, nruns, &o->species, &w->ref));
    AL_TRY(tr_reference_need_ions(w->ref, &o->species));
    AL_TRY(choose_window(w, o));
    AL_TRY(load(w));
    AL_TRY(curves(w, c));
    AL_TRY(blocks(w, &c->offset));
    c->nruns = nruns;
    c->nions = w->ref->nions;
    c->nframework = w->ref->nframework;
    c->nblocks = w->nblocks;
    c->dt = w->ref->dt;
    c->fit_from = w->fit_fs[0];
    c->fit_to = w->fit_fs[w->nfit - 1];
    result(w, o->caged, c);
    return AL_ERR_OK;
}

enum al_err tr_collective_create(const struct tr_traj *const *runs, int nruns, const struct tr_collective_options *o,
                                 struct tr_collective **ret)
{
    struct work w = {0};
    AL_OWN(tr_collective) c = NULL;
    AL_ALLOC(c, 1);
    enum al_err e = analyse(&w, runs, nruns, o, c);
    work_clear(&w);
    AL_TRY(e);
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

void tr_collective_destroy(struct tr_collective **cp)
{
    struct tr_collective *c = *cp;
    *cp = NULL;
    if (!c) return;
    al_free(c->lag);
    al_free(c->tracer);
    al_free(c->dipole);
    al_free(c);
}

enum al_err tr_collective_write_csv(const char *path, const struct tr_collective *c)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("lag/fs,tracer_msd/Ang^2,dipole_msd_per_ion/Ang^2\n", f.out);
    for (int l = 0; l < c->n; l++)
        fprintf(f.out, "%.10g,%.10g,%.10g\n", c->lag[l], c->tracer[l], c->dipole[l]);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

void tr_collective_write_yaml(FILE *out, int depth, const struct tr_collective *c, double charge, double volume,
                              double temperature)
{
    al_yaml_str(out, depth, "verdict", c->verdict);
    al_yaml_str(out, depth, "resolved", c->resolved ? "yes" : "no");
    al_yaml_double(out, depth, "d_sigma_cm2_per_s", c->d_sigma);
    al_yaml_double(out, depth, "d_sigma_error_cm2_per_s", c->d_sigma_error);
    al_yaml_double(out, depth, "d_sigma_low95_cm2_per_s", c->d_sigma_low);
    al_yaml_double(out, depth, "d_sigma_high95_cm2_per_s", c->d_sigma_high);
    al_yaml_double(out, depth, "d_tracer_same_window_cm2_per_s", c->d_tracer);
    al_yaml_double(out, depth, "d_tracer_same_window_error_cm2_per_s", c->d_tracer_error);
    if (c->resolved) {
        al_yaml_double(out, depth, "haven_ratio", c->haven);
        al_yaml_double(out, depth, "haven_ratio_error", c->haven_error);
        al_yaml_double(out, depth, "haven_ratio_low95", c->haven_low);
        al_yaml_double(out, depth, "haven_ratio_high95", c->haven_high);
    }
    if (temperature > 0.0) {
        double unit = tr_conductivity(1.0, c->nions, volume, temperature, charge);
        if (c->resolved) {
            al_yaml_double(out, depth, "conductivity_einstein_helfand_s_per_cm", unit * c->d_sigma);
            al_yaml_double(out, depth, "conductivity_einstein_helfand_error_s_per_cm", unit * c->d_sigma_error);
            al_yaml_double(out, depth, "conductivity_einstein_helfand_low95_s_per_cm", unit * c->d_sigma_low);
        }
        if (c->diffusive) al_yaml_double(out, depth, "conductivity_einstein_helfand_high95_s_per_cm", unit * c->d_sigma_high);
    }
    al_yaml_double(out, depth, "bend_of_tracer_msd", c->bend);
    al_yaml_double(out, depth, "bend_of_tracer_msd_error", c->bend_error);
    al_yaml_double(out, depth, "fit_from_fs", c->fit_from);
    al_yaml_double(out, depth, "fit_to_fs", c->fit_to);
    al_yaml_int(out, depth, "blocks", c->nblocks);
    al_yaml_int(out, depth, "ions", c->nions);
    al_yaml_int(out, depth, "framework_atoms", c->nframework);
}

enum al_err tr_plot_collective(const char *path, const char *title, const char *note, const struct tr_collective *c)
{
    AL_AUTOFREE double *ps = NULL;
    AL_ALLOC(ps, c->n);
    double fit_t[FIT_POINTS], fit_y[FIT_POINTS]; // a line with an offset is a curve on these axes
    for (int l = 0; l < c->n; l++)
        ps[l] = 1e-3 * c->lag[l];
    for (int k = 0; k < FIT_POINTS; k++) {
        fit_t[k] = 1e-3 * (c->fit_from + (c->fit_to - c->fit_from) * k / (FIT_POINTS - 1));
        fit_y[k] = c->offset + 6.0 * c->d_sigma / TR_ANG2_FS_CM2_S * 1e3 * fit_t[k];
    }
    struct al_plot_series s[] = {
        {.label = "single ions", .n = c->n, .x = ps, .y = c->tracer},
        {.label = "charge dipole, per ion", .n = c->n, .x = ps, .y = c->dipole},
        {.label = c->resolved ? "its fit" : NULL, .n = c->resolved ? FIT_POINTS : 0, .x = fit_t, .y = fit_y, .color = 7,
         .style = AL_PLOT_DASHED},
    };
    struct al_plot p = {.title = title, .note = note, .xlabel = "lag time / ps",
                        .ylabel = "mean-square displacement / \xc3\x85\xc2\xb2", .xlog = true, .ylog = true, .series = s,
                        .nseries = 3};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}
