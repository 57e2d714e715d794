// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/vanhove.h"

#include <math.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/svg.h"
#include "base/units.h"
#include "base/yaml.h"

enum { MAX_ALPHA = 80, DISTINCT_ORIGINS = 200 };
static const double least_r_max = 6.0, default_r_max = 10.0, default_dr = 0.1;

static enum al_err set_up(const struct tr_reference *ref, const struct tr_vanhove_options *o, struct tr_vanhove *v, int *lag)
{
    int shortest = tr_reference_shortest(ref);
    double h[3];
    tr_cell_heights(ref->cell, h);
    v->r_max = o->r_max > 0.0 ? o->r_max : fmax(least_r_max, fmin(default_r_max, 0.5 * fmin(h[0], fmin(h[1], h[2]))));
    v->nbins = o->nbins > 0 ? o->nbins : (int)ceil(v->r_max / default_dr);
    v->dr = v->r_max / v->nbins;
    v->nions = ref->nions;
    if (o->nlags < 0 || o->nlags > TR_VANHOVE_LAGS) AL_FAIL(AL_ERR_INPUT, "%d lags, at most %d", o->nlags, TR_VANHOVE_LAGS);
    for (int l = 0; l < o->nlags; l++)
        lag[v->nlags++] = o->lag[l];
    if (o->nlags == 0) {
        lag[v->nlags++] = 0;
        for (int l = 0; l < 5; l++) {
            int f = (int)round(0.002 * shortest * pow(100.0, l / 4.0));
            if (f > lag[v->nlags - 1]) lag[v->nlags++] = f;
        }
    }
    AL_ALLOC(v->r, v->nbins);
    for (int k = 0; k < v->nbins; k++)
        v->r[k] = (k + 0.5) * v->dr;
    for (int l = 0; l < v->nlags; l++) {
        if (lag[l] < 0 || lag[l] >= shortest) AL_FAIL(AL_ERR_INPUT, "a lag of %d frames in %d frames", lag[l], shortest);
        v->lag[l] = lag[l] * ref->dt;
        AL_ALLOC(v->self[l], v->nbins);
        if (v->nions > 1) AL_ALLOC(v->distinct[l], v->nbins);
    }
    return AL_ERR_OK;
}

static double squared_step(const double *x, size_t frames, size_t t, size_t lag)
{
    double r2 = 0.0;
    for (size_t q = 0; q < 3; q++) {
        double d = x[q * frames + t + lag] - x[q * frames + t];
        r2 += d * d;
    }
    return r2;
}

static void self_part(const struct tr_reference *ref, double **track, int lag, struct tr_vanhove *v, int l)
{
    double total = 0.0, beyond = 0.0, *g = v->self[l];
    for (int k = 0; k < ref->nruns; k++) {
        size_t frames = (size_t)ref->run[k].n, step = (size_t)tr_origin_stride(ref->nions, ref->run[k].n);
        for (int i = 0; i < ref->nions; i++) {
            const double *x = track[k] + 3 * frames * (size_t)i;
            for (size_t t = 0; t + (size_t)lag < frames; t += step) {
                int b = (int)(sqrt(squared_step(x, frames, t, (size_t)lag)) / v->dr);
                if (b < v->nbins)
                    g[b] += 1.0;
                else
                    beyond += 1.0;
                total += 1.0;
            }
        }
    }
    for (int b = 0; b < v->nbins; b++)
        g[b] /= total * v->dr;
    v->beyond[l] = beyond / total;
}

static enum al_err alpha(const struct tr_reference *ref, double **track, struct tr_vanhove *v)
{
    int lag[MAX_ALPHA];
    v->nalpha = tr_log_lags(tr_reference_shortest(ref) / 2, 12, MAX_ALPHA, lag);
    AL_ALLOC(v->alpha_lag, v->nalpha);
    AL_ALLOC(v->alpha2, v->nalpha);
    v->alpha_max = -1.0;
    for (int l = 0; l < v->nalpha; l++) {
        double n = 0.0, m2 = 0.0, m4 = 0.0;
        for (int k = 0; k < ref->nruns; k++) {
            size_t frames = (size_t)ref->run[k].n, step = (size_t)tr_origin_stride(ref->nions, ref->run[k].n);
            for (int i = 0; i < ref->nions; i++)
                for (size_t t = 0; t + (size_t)lag[l] < frames; t += step) {
                    double r2 = squared_step(track[k] + 3 * frames * (size_t)i, frames, t, (size_t)lag[l]);
                    n += 1.0;
                    m2 += r2;
                    m4 += r2 * r2;
                }
        }
        v->alpha_lag[l] = lag[l] * ref->dt;
        v->alpha2[l] = m2 > 0.0 ? 3.0 * m4 * n / (5.0 * m2 * m2) - 1.0 : 0.0;
        if (v->alpha2[l] > v->alpha_max) {
            v->alpha_max = v->alpha2[l];
            v->alpha_max_lag = v->alpha_lag[l];
        }
    }
    return AL_ERR_OK;
}

// All images of a step s (fractional) within r_max; own: without the step itself (the atom to itself).
static void add_images(const struct tr_reference *ref, const double s[3], bool own, const int reach[3], struct tr_vanhove *v,
                       double *g)
{
    double f[3], x[3];
    for (int a = -reach[0]; a <= reach[0]; a++)
        for (int b = -reach[1]; b <= reach[1]; b++)
            for (int c = -reach[2]; c <= reach[2]; c++) {
                int n[3] = {a, b, c};
                for (int q = 0; q < 3; q++)
                    f[q] = s[q] - (own ? 0.0 : round(s[q])) + n[q];
                if (own && !a && !b && !c) continue;
                al_vecmat3(f, ref->cell, x);
                double r = sqrt(al_dot3(x, x));
                if (r < v->r_max && (int)(r / v->dr) < v->nbins) g[(int)(r / v->dr)] += 1.0;
            }
}

// The step of an own image is not wrapped: it must reach further by the distance that the ion has gone.
static void distinct_at(const struct tr_reference *ref, int run, int t, int lag, const double h[3], struct tr_vanhove *v,
                        double *g, double *at, double *later)
{
    int reach[3], far[3];
    for (int i = 0; i < ref->nions; i++) {
        tr_reference_frac(ref, run, t, ref->ion[i], at + 3 * i);
        tr_reference_frac(ref, run, t + lag, ref->ion[i], later + 3 * i);
    }
    for (int q = 0; q < 3; q++)
        reach[q] = (int)floor(v->r_max / h[q] + 0.5);
    for (int i = 0; i < ref->nions; i++)
        for (int j = 0; j < ref->nions; j++) {
            double s[3];
            for (int q = 0; q < 3; q++) {
                s[q] = later[3 * j + q] - at[3 * i + q];
                far[q] = (int)floor(v->r_max / h[q] + fabs(s[q]));
            }
            add_images(ref, s, i == j, i == j ? far : reach, v, g);
        }
}

static enum al_err distinct_part(const struct tr_reference *ref, const struct tr_vanhove_options *o, int lag,
                                 struct tr_vanhove *v, int l)
{
    AL_AUTOFREE double *at = NULL, *later = NULL;
    AL_ALLOC(at, 3 * (size_t)ref->nions);
    AL_ALLOC(later, 3 * (size_t)ref->nions);
    double h[3], used = 0.0, *g = v->distinct[l];
    long total = 0, wanted = o->distinct_origins > 0 ? o->distinct_origins : DISTINCT_ORIGINS;
    tr_cell_heights(ref->cell, h);
    for (int k = 0; k < ref->nruns; k++)
        total += ref->run[k].n - lag;
    int stride = total > wanted ? (int)((total + wanted - 1) / wanted) : 1;
    for (int k = 0; k < ref->nruns; k++)
        for (int t = 0; t + lag < ref->run[k].n; t += stride) {
            distinct_at(ref, k, t, lag, h, v, g, at, later);
            used += 1.0;
        }
    double density = fabs(al_det3(ref->cell)) / ((double)ref->nions * (ref->nions - 1) * used);
    for (int b = 0; b < v->nbins; b++) {
        double lo = b * v->dr, hi = lo + v->dr;
        g[b] *= density / (4.0 / 3.0 * AL_PI * (hi * hi * hi - lo * lo * lo));
    }
    return AL_ERR_OK;
}

static enum al_err analyse(const struct tr_reference *ref, const struct tr_vanhove_options *o, double **track,
                           struct tr_vanhove *v)
{
    int lag[TR_VANHOVE_LAGS];
    AL_TRY(set_up(ref, o, v, lag));
    for (int k = 0; k < ref->nruns; k++)
        AL_TRY(tr_reference_track(ref, k, ref->ion, ref->nions, &track[k]));
    for (int l = 0; l < v->nlags; l++) {
        if (lag[l] > 0) self_part(ref, track, lag[l], v, l);
        if (v->distinct[l]) AL_TRY(distinct_part(ref, o, lag[l], v, l));
    }
    AL_TRY(alpha(ref, track, v));
    return AL_ERR_OK;
}

enum al_err tr_vanhove_create(const struct tr_traj *const *runs, int nruns, const struct tr_vanhove_options *o, struct tr_vanhove **ret)
{
    AL_OWN(tr_reference) ref = NULL;
    AL_OWN(tr_vanhove) v = NULL;
    AL_AUTOFREE double **track = NULL;
    AL_TRY(tr_reference_create(runs, nruns, &o->species, &ref));
    AL_TRY(tr_reference_need_ions(ref, &o->species));
    AL_ALLOC(v, 1);
    AL_ALLOC(track, nruns);
    enum al_err e = analyse(ref, o, track, v);
    for (int k = 0; k < nruns; k++)
        al_free(track[k]);
    AL_TRY(e);
    *ret = v;
    v = NULL;
    return AL_ERR_OK;
}

void tr_vanhove_destroy(struct tr_vanhove **vp)
{
    struct tr_vanhove *v = *vp;
    *vp = NULL;
    if (!v) return;
    for (int l = 0; l < TR_VANHOVE_LAGS; l++) {
        al_free(v->self[l]);
        al_free(v->distinct[l]);
    }
    al_free(v->r);
    al_free(v->alpha_lag);
    al_free(v->alpha2);
    al_free(v);
}

enum al_err tr_vanhove_write_csv(const char *path, const struct tr_vanhove *v)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("r/Ang", f.out);
    for (int l = 0; l < v->nlags; l++) {
        if (v->lag[l] > 0.0) fprintf(f.out, ",4pir2_Gs(%g fs)/(1/Ang)", v->lag[l]);
        if (v->distinct[l]) fprintf(f.out, ",Gd(%g fs)/density", v->lag[l]);
    }
    fputc('\n', f.out);
    for (int b = 0; b < v->nbins; b++) {
        fprintf(f.out, "%.10g", v->r[b]);
        for (int l = 0; l < v->nlags; l++) {
            if (v->lag[l] > 0.0) fprintf(f.out, ",%.8g", v->self[l][b]);
            if (v->distinct[l]) fprintf(f.out, ",%.8g", v->distinct[l][b]);
        }
        fputc('\n', f.out);
    }
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

enum al_err tr_alpha2_write_csv(const char *path, const struct tr_vanhove *v)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("lag/fs,alpha2\n", f.out);
    for (int l = 0; l < v->nalpha; l++)
        fprintf(f.out, "%.10g,%.8g\n", v->alpha_lag[l], v->alpha2[l]);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

void tr_vanhove_write_yaml(FILE *out, int depth, const struct tr_vanhove *v)
{
    al_yaml_int(out, depth, "ions", v->nions);
    al_yaml_double(out, depth, "r_max_ang", v->r_max);
    al_yaml_double(out, depth, "bin_ang", v->dr);
    al_yaml_open(out, depth, "lags");
    for (int l = 0; l < v->nlags; l++)
        fprintf(out, "%*s- {lag_fs: %.10g, fraction_beyond_r_max: %.6g}\n", 2 * (depth + 1), "", v->lag[l], v->beyond[l]);
    al_yaml_double(out, depth, "alpha2_max", v->alpha_max);
    al_yaml_double(out, depth, "alpha2_max_at_fs", v->alpha_max_lag);
}

static enum al_err plot_lags(const char *path, const char *title, const char *note, const char *ylabel,
                             const struct tr_vanhove *v, double *const *curve, bool with_zero)
{
    struct al_plot_series s[TR_VANHOVE_LAGS];
    char label[TR_VANHOVE_LAGS][32];
    int n = 0;
    for (int l = 0; l < v->nlags; l++) {
        if (!curve[l] || (v->lag[l] <= 0.0 && !with_zero)) continue;
        snprintf(label[n], sizeof label[n], "%g ps", 1e-3 * v->lag[l]);
        s[n] = (struct al_plot_series){.label = label[n], .n = v->nbins, .x = v->r, .y = curve[l]};
        n++;
    }
    struct al_plot p = {.title = title, .note = note, .xlabel = "r / \xc3\x85", .ylabel = ylabel, .xzero = true, .yzero = true,
                        .series = s, .nseries = n};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}

enum al_err tr_plot_vanhove_self(const char *path, const char *title, const char *note, const struct tr_vanhove *v)
{
    return plot_lags(path, title, note, "4\xcf\x80r\xc2\xb2 G_s(r, t) / \xc3\x85\xe2\x81\xbb\xc2\xb9", v, v->self, false);
}

enum al_err tr_plot_vanhove_distinct(const char *path, const char *title, const char *note, const struct tr_vanhove *v)
{
    return plot_lags(path, title, note, "G_d(r, t) / density", v, v->distinct, true);
}

enum al_err tr_plot_alpha2(const char *path, const char *title, const char *note, const struct tr_vanhove *v)
{
    AL_AUTOFREE double *ps = NULL;
    AL_ALLOC(ps, v->nalpha);
    for (int l = 0; l < v->nalpha; l++)
        ps[l] = 1e-3 * v->alpha_lag[l];
    struct al_plot_series s = {.n = v->nalpha, .x = ps, .y = v->alpha2};
    struct al_plot p = {.title = title, .note = note, .xlabel = "lag time / ps", .ylabel = "non-Gaussian parameter \xce\xb1\xe2\x82\x82",
                        .xlog = true, .series = &s, .nseries = 1};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}
