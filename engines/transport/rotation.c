// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/rotation.h"

#include <math.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/svg.h"
#include "base/yaml.h"
#include "transport/arrhenius.h"

enum { MIN_BLOCK = 20, MAX_LAGS = 90, PER_DECADE = 15 };
static const double least_c = 0.1, least_loss = 0.05;

struct work {
    struct tr_reference *ref;
    struct tr_bonds *bonds;
    double **u;                   // [nruns] [nbonds][3][frames] unit vectors
    int block, nblocks, nfit, fit[MAX_LAGS]; // frames
    double fit_fs[MAX_LAGS];
    double *c[2];                 // [nblocks][nfit]
};

static void work_clear(struct work *w)
{
    for (int k = 0; w->u && w->ref && k < w->ref->nruns; k++)
        al_free(w->u[k]);
    al_free(w->u);
    al_free(w->c[0]);
    al_free(w->c[1]);
    tr_bonds_destroy(&w->bonds);
    tr_reference_destroy(&w->ref);
}

static void nearest_images(struct tr_bonds *b, const struct tr_reference *ref, int run)
{
    double inv[3][3], d[3], s[3];
    al_inv3(ref->run[run].traj->cells[0], inv);
    for (int k = 0; k < b->n; k++) {
        tr_bond_vector(&b->bond[k], ref, run, 0, d);
        al_vecmat3(d, inv, s);
        for (int q = 0; q < 3; q++)
            b->bond[k].image[q] -= round(s[q]);
    }
}

static enum al_err load(struct work *w)
{
    AL_ALLOC(w->u, w->ref->nruns);
    for (int k = 0; k < w->ref->nruns; k++) {
        size_t frames = (size_t)w->ref->run[k].n;
        AL_ALLOC(w->u[k], 3 * (size_t)w->bonds->n * frames);
        if (k) nearest_images(w->bonds, w->ref, k); // a replica's atoms may begin in other images
        for (size_t t = 0; t < frames; t++)
            for (int b = 0; b < w->bonds->n; b++) {
                double d[3];
                tr_bond_vector(&w->bonds->bond[b], w->ref, k, (int)t, d);
                double length = sqrt(al_dot3(d, d));
                for (int q = 0; q < 3; q++)
                    w->u[k][(size_t)(3 * b + q) * frames + t] = length > 0.0 ? d[q] / length : 0.0;
            }
    }
    return AL_ERR_OK;
}

static void correlate(const struct work *w, int run, int first, int last, int lag, double ret[2])
{
    size_t frames = (size_t)w->ref->run[run].n;
    double s1 = 0.0, s2 = 0.0, n = 0.0;
    int step = tr_origin_stride(w->bonds->n, last - first);
    for (int b = 0; b < w->bonds->n; b++) {
        const double *x = w->u[run] + 3 * (size_t)b * frames, *y = x + frames, *z = y + frames;
        for (int t = first; t < last - lag; t += step) {
            double c = x[t] * x[t + lag] + y[t] * y[t + lag] + z[t] * z[t + lag];
            s1 += c;
            s2 += 1.5 * c * c - 0.5;
            n += 1.0;
        }
    }
    ret[0] = s1 / n;
    ret[1] = s2 / n;
}

static enum al_err curves(struct work *w, struct tr_rotation *r)
{
    int lag[MAX_LAGS];
    r->n = tr_log_lags(tr_reference_shortest(w->ref) / 2, PER_DECADE, MAX_LAGS, lag);
    AL_ALLOC(r->lag, r->n);
    for (int l = 0; l < 2; l++)
        AL_ALLOC(r->l[l].c, r->n);
    for (int k = 0; k < r->n; k++) {
        double origins = 0.0, c[2];
        r->lag[k] = lag[k] * w->ref->dt;
        for (int run = 0; run < w->ref->nruns; run++) {
            int frames = w->ref->run[run].n;
            correlate(w, run, 0, frames, lag[k], c);
            origins += frames - lag[k];
            for (int l = 0; l < 2; l++)
                r->l[l].c[k] += (frames - lag[k]) * c[l];
        }
        for (int l = 0; l < 2; l++)
            r->l[l].c[k] /= origins;
    }
    return AL_ERR_OK;
}

static enum al_err blocks(struct work *w, const struct tr_rotation_options *o)
{
    int frames = tr_reference_shortest(w->ref), wanted = o->nblocks ? o->nblocks : 5, b = 0;
    if (wanted < 2) AL_FAIL(AL_ERR_INPUT, "rotation: %d blocks (two at least)", wanted);
    w->block = frames / wanted;
    if (w->block < MIN_BLOCK)
        AL_FAIL_HINT(AL_ERR_INPUT, "write frames more often or run longer", "%d frames are too few for %d blocks of at least %d",
                     frames, wanted, MIN_BLOCK);
    w->nfit = tr_log_lags(w->block / 2, PER_DECADE, MAX_LAGS, w->fit);
    for (int k = 0; k < w->ref->nruns; k++)
        w->nblocks += w->ref->run[k].n / w->block;
    for (int l = 0; l < 2; l++)
        AL_ALLOC(w->c[l], (size_t)w->nblocks * (size_t)w->nfit);
    for (int f = 0; f < w->nfit; f++)
        w->fit_fs[f] = w->fit[f] * w->ref->dt;
    for (int k = 0; k < w->ref->nruns; k++)
        for (int j = 0; j < w->ref->run[k].n / w->block; j++, b++)
            for (int f = 0; f < w->nfit; f++) {
                double c[2];
                correlate(w, k, j * w->block, (j + 1) * w->block, w->fit[f], c);
                for (int l = 0; l < 2; l++)
                    w->c[l][b * w->nfit + f] = c[l];
            }
    return AL_ERR_OK;
}

// Mean of the blocks without one (-1: of all) at fit lags from..to, and the exponential through it.
static bool fit_exponential(const struct work *w, int l, int without, int from, int to, double *ret_rate, double *ret_ln_a)
{
    double y[MAX_LAGS], slope;
    for (int f = from; f <= to; f++) {
        double mean = 0.0;
        for (int b = 0; b < w->nblocks; b++)
            if (b != without) mean += w->c[l][b * w->nfit + f];
        mean /= w->nblocks - (without >= 0);
        if (!(mean > 0.0)) return false;
        y[f - from] = log(mean);
    }
    if (tr_line_fit(to - from + 1, w->fit_fs + from, y, &slope, ret_ln_a, NULL) != AL_ERR_OK) return false;
    *ret_rate = -slope;
    return true;
}

// The last tenfold of lags over which the mean of the blocks stays above least_c.
static bool window(const struct work *w, int l, int *ret_from, int *ret_to)
{
    int to = -1, from = 0;
    for (int f = 0; f < w->nfit; f++) {
        double mean = 0.0;
        for (int b = 0; b < w->nblocks; b++)
            mean += w->c[l][b * w->nfit + f] / w->nblocks;
        if (!(mean > least_c)) break;
        to = f;
    }
    while (to >= 0 && 10 * w->fit[from] < w->fit[to])
        from++;
    *ret_from = from;
    *ret_to = to;
    return to - from >= 2;
}

static void relaxation(const struct work *w, int l, struct tr_rotation_l *r, double *ret_from, double *ret_to)
{
    int from, to, n = w->nblocks;
    double ln_a, s = 0.0, mean = 0.0, rate[2];
    r->rate = r->rate_error = r->rate_low = r->rate_high = r->amplitude = NAN;
    if (!window(w, l, &from, &to) || !fit_exponential(w, l, -1, from, to, &r->rate, &ln_a)) return;
    *ret_from = w->fit_fs[from];
    *ret_to = w->fit_fs[to];
    r->amplitude = exp(ln_a);
    for (int pass = 0; pass < 2; pass++) // jackknife
        for (int b = 0; b < n; b++) {
            if (!fit_exponential(w, l, b, from, to, &rate[0], &rate[1])) return;
            if (pass == 0)
                mean += rate[0] / n;
            else
                s += (rate[0] - mean) * (rate[0] - mean);
        }
    r->rate_error = sqrt(s * (n - 1) / n);
    r->rate_low = r->rate - tr_student95(n - 1) * r->rate_error;
    r->rate_high = r->rate + tr_student95(n - 1) * r->rate_error;
}

static void judge(struct tr_rotation *r)
{
    const struct tr_rotation_l *c = &r->l[0];
    double end = c->c[r->n - 1], end_ps = 1e-3 * r->lag[r->n - 1];
    r->time = r->time_low = 0.0;
    r->time_high = (double)INFINITY;
    if (!isfinite(c->rate_low)) {
        if (c->c[0] > least_c)
            snprintf(r->verdict, sizeof r->verdict, "rotation too fast for the distance of the frames: C1 is %.2f after %.3g ps",
                     c->c[0], 1e-3 * r->lag[0]);
        else
            snprintf(r->verdict, sizeof r->verdict, "no correlation left from one frame to the next: C1 is %.2f after %.3g ps",
                     c->c[0], 1e-3 * r->lag[0]);
        r->seen = true;
        r->time_high = r->lag[0];
        r->time = r->lag[0];
        return;
    }
    r->seen = c->rate_low > 0.0 && c->rate * (r->fit_to - r->fit_from) > least_loss;
    if (c->rate_high > 0.0) r->time_low = 1.0 / c->rate_high;
    if (c->rate > 0.0) r->time = 1.0 / c->rate;
    if (c->rate_low > 0.0) r->time_high = 1.0 / c->rate_low;
    if (r->seen)
        snprintf(r->verdict, sizeof r->verdict, "rotation seen: C1 relaxes with %.3g ps (95 %%: %.3g to %.3g); it is %.2f after %.3g ps",
                 1e-3 * r->time, 1e-3 * r->time_low, 1e-3 * r->time_high, end, end_ps);
    else if (r->time_low > 0.0)
        snprintf(r->verdict, sizeof r->verdict, "no rotation seen: C1 is %.3f after %.3g ps; relaxation time above %.3g ps (95 %%)",
                 end, end_ps, 1e-3 * r->time_low);
    else
        snprintf(r->verdict, sizeof r->verdict, "no rotation seen: C1 is %.3f after %.3g ps and does not fall", end, end_ps);
}

static enum al_err analyse(struct work *w, const struct tr_traj *const *runs, int nruns, const struct tr_rotation_options *o,
                           struct tr_rotation *r)
{
    double from, to;
    AL_TRY(tr_reference_create(runs, nruns, &o->bonds.species, &w->ref));
    AL_TRY(tr_bonds_create(w->ref, &o->bonds, &w->bonds));
    if (w->bonds->n == 0) AL_FAIL(AL_ERR_INPUT, "no units: no atoms bonded to a centre such as P");
    AL_TRY(load(w));
    AL_TRY(curves(w, r));
    AL_TRY(blocks(w, o));
    r->nunits = w->bonds->ncentres;
    r->nbonds = w->bonds->n;
    r->nblocks = w->nblocks;
    r->dt = w->ref->dt;
    relaxation(w, 1, &r->l[1], &from, &to);
    relaxation(w, 0, &r->l[0], &r->fit_from, &r->fit_to);
    judge(r);
    return AL_ERR_OK;
}

enum al_err tr_rotation_create(const struct tr_traj *const *runs, int nruns, const struct tr_rotation_options *o, struct tr_rotation **ret)
{
    struct work w = {0};
    AL_OWN(tr_rotation) r = NULL;
    AL_ALLOC(r, 1);
    enum al_err e = analyse(&w, runs, nruns, o, r);
    work_clear(&w);
    AL_TRY(e);
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

void tr_rotation_destroy(struct tr_rotation **rp)
{
    struct tr_rotation *r = *rp;
    *rp = NULL;
    if (!r) return;
    al_free(r->lag);
    al_free(r->l[0].c);
    al_free(r->l[1].c);
    al_free(r);
}

enum al_err tr_rotation_write_csv(const char *path, const struct tr_rotation *r)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("lag/fs,C1,C2\n", f.out);
    for (int k = 0; k < r->n; k++)
        fprintf(f.out, "%.10g,%.8g,%.8g\n", r->lag[k], r->l[0].c[k], r->l[1].c[k]);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

void tr_rotation_write_yaml(FILE *out, int depth, const struct tr_rotation *r)
{
    al_yaml_str(out, depth, "verdict", r->verdict);
    al_yaml_str(out, depth, "rotation_seen", r->seen ? "yes" : "no");
    al_yaml_double(out, depth, "relaxation_time_above_ps", 1e-3 * r->time_low);
    if (r->seen) {
        al_yaml_double(out, depth, "relaxation_time_ps", 1e-3 * r->time);
        al_yaml_double(out, depth, "relaxation_time_below_ps", 1e-3 * r->time_high);
    }
    for (int l = 0; l < 2; l++) {
        if (!isfinite(r->l[l].rate_error)) continue;
        al_yaml_double(out, depth, l ? "rate_C2_per_ps" : "rate_C1_per_ps", 1e3 * r->l[l].rate);
        al_yaml_double(out, depth, l ? "rate_C2_error_per_ps" : "rate_C1_error_per_ps", 1e3 * r->l[l].rate_error);
        al_yaml_double(out, depth, l ? "amplitude_C2" : "amplitude_C1", r->l[l].amplitude);
    }
    al_yaml_double(out, depth, "C1_at_longest_lag", r->l[0].c[r->n - 1]);
    al_yaml_double(out, depth, "longest_lag_fs", r->lag[r->n - 1]);
    al_yaml_int(out, depth, "units", r->nunits);
    al_yaml_int(out, depth, "bonds", r->nbonds);
    al_yaml_int(out, depth, "blocks", r->nblocks);
}

enum al_err tr_plot_rotation(const char *path, const char *title, const char *note, const struct tr_rotation *r)
{
    AL_AUTOFREE double *ps = NULL;
    AL_ALLOC(ps, r->n);
    for (int k = 0; k < r->n; k++)
        ps[k] = 1e-3 * r->lag[k];
    struct al_plot_series s[] = {{.label = "C1", .n = r->n, .x = ps, .y = r->l[0].c}, {.label = "C2", .n = r->n, .x = ps, .y = r->l[1].c}};
    struct al_plot p = {.title = title, .note = note, .xlabel = "lag time / ps", .ylabel = "C_l of bond directions", .xlog = true,
                        .yzero = true, .series = s, .nseries = 2};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}
