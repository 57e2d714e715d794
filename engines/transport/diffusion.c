// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// D from MSD = offset + 6 D t, ordinary least squares over a window of lags. The estimate is linear in the
// data, so a block gives an unbiased D of its own with the same window, and the scatter of the blocks' D
// is the error, whatever correlations the ions have among themselves. The mean over all time origins
// also uses pairs that straddle blocks: its error is a little smaller than the one stated.
#include <math.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "transport/tr_impl.h"

enum { MIN_BLOCK = 20, WINDOW_LAGS = 100 };

struct work {
    struct tr_options o;
    int nruns, nblocks, block; // blocks over all runs; frames of a block
    int nlags, nfit, fit0;     // lags; those up to the end of the window; first in the window
    int *lag;                  // [nlags] frames
    double *lag_fs;            // [nlags]
    struct tr_track **track;   // [nruns]
    double (*curve)[3];        // [nlags]
    double (*block_curve)[3];  // [nblocks][nfit]
};

static void work_clear(struct work *w)
{
    for (int r = 0; w->track && r < w->nruns; r++)
        tr_track_destroy(&w->track[r]);
    al_free(w->track);
    al_free(w->lag);
    al_free(w->lag_fs);
    al_free(w->curve);
    al_free(w->block_curve);
}

static enum al_err options(const struct tr_options *o, struct tr_options *ret)
{
    struct tr_options p = *o;
    if (p.nblocks == 0) p.nblocks = 5;
    if (p.fit_from == 0.0 && p.fit_to == 0.0) {
        p.fit_from = 0.1;
        p.fit_to = 0.5;
    }
    if (p.max_lag == 0.0) p.max_lag = 0.5;
    if (p.slope_tolerance == 0.0) p.slope_tolerance = 0.25;
    if (p.nblocks < 2 || !(p.fit_from >= 0.0) || !(p.fit_to > p.fit_from) || !(p.fit_to < 1.0) ||
        !(p.max_lag > 0.0) || !(p.max_lag < 1.0) || !(p.slope_tolerance > 0.0))
        AL_FAIL(AL_ERR_INPUT,
                "diffusion: %d blocks (two at least), window %g to %g (0 <= from < to < 1), longest lag %g",
                p.nblocks, p.fit_from, p.fit_to, p.max_lag);
    *ret = p;
    return AL_ERR_OK;
}

static enum al_err load_tracks(struct work *w, const struct tr_run *runs, int nruns)
{
    if (nruns < 1) AL_FAIL(AL_ERR_INPUT, "no trajectory");
    AL_ALLOC(w->track, nruns);
    w->nruns = nruns;
    for (int r = 0; r < nruns; r++) {
        if (!(runs[r].dt > 0.0) || fabs(runs[r].dt - runs[0].dt) > 1e-6 * runs[0].dt)
            AL_FAIL(AL_ERR_INPUT, "trajectory %d: %g fs between frames, trajectory 0: %g fs", r, runs[r].dt,
                    runs[0].dt);
        AL_TRY_MSG(tr_track_create(runs[r].frames, w->o.mobile_z, w->o.mobile_z, &w->track[r]),
                   "trajectory %d", r);
        if (w->track[r]->natoms != w->track[0]->natoms)
            AL_FAIL(AL_ERR_INPUT, "trajectory %d has %d mobile ions, trajectory 0 has %d", r,
                    w->track[r]->natoms, w->track[0]->natoms);
    }
    return AL_ERR_OK;
}

static int shortest_run(const struct work *w)
{
    int n = w->track[0]->nframes;
    for (int r = 1; r < w->nruns; r++)
        if (w->track[r]->nframes < n) n = w->track[r]->nframes;
    return n;
}

// Lags: 1, 2, 4 .. below the stride, then every stride frames up to the longest.
static enum al_err choose_lags(struct work *w, double dt)
{
    int frames = shortest_run(w);
    w->block = frames / w->o.nblocks;
    if (w->block < MIN_BLOCK)
        AL_FAIL_HINT(AL_ERR_INPUT, "write frames more often or run longer",
                     "%d frames are too few for %d blocks of at least %d", frames, w->o.nblocks, MIN_BLOCK);
    int from = (int)fmax(1.0, round(w->o.fit_from * w->block)), to = (int)round(w->o.fit_to * w->block);
    if (to > w->block - 2) to = w->block - 2;
    if (to < from + 2) to = from + 2;
    int longest = (int)fmax(w->o.max_lag * frames, to), stride = (to + WINDOW_LAGS - 1) / WINDOW_LAGS;
    AL_ALLOC(w->lag, longest / stride + 34);
    for (int l = 1; l < stride; l *= 2)
        w->lag[w->nlags++] = l;
    for (int l = stride; l <= longest; l += stride)
        w->lag[w->nlags++] = l;
    AL_ALLOC(w->lag_fs, w->nlags);
    for (int l = 0; l < w->nlags; l++) {
        w->lag_fs[l] = w->lag[l] * dt;
        if (w->lag[l] < from) w->fit0 = l + 1;
        if (w->lag[l] <= to) w->nfit = l + 1;
    }
    if (w->nfit - w->fit0 < 3)
        AL_FAIL(AL_ERR_INPUT, "the fit window holds %d lags: too few", w->nfit - w->fit0);
    return AL_ERR_OK;
}

static enum al_err compute_curves(struct work *w)
{
    AL_AUTOFREE double(*one)[3] = NULL;
    AL_ALLOC(w->curve, w->nlags);
    AL_ALLOC(one, w->nlags);
    for (int r = 0; r < w->nruns; r++)
        w->nblocks += w->track[r]->nframes / w->block;
    AL_ALLOC(w->block_curve, (size_t)w->nblocks * (size_t)w->nfit);
    double(*next)[3] = w->block_curve;
    AL_AUTOFREE double *weight = NULL;
    AL_ALLOC(weight, w->nlags);
    for (int r = 0; r < w->nruns; r++) {
        const struct tr_track *k = w->track[r];
        tr_track_msd(k, 0, k->nframes, w->lag, w->nlags, one);
        for (int l = 0; l < w->nlags; l++) {
            double origins = k->nframes - w->lag[l];
            weight[l] += origins;
            for (int q = 0; q < 3; q++)
                w->curve[l][q] += origins * one[l][q];
        }
        for (int b = 0; b < k->nframes / w->block; b++, next += w->nfit)
            tr_track_msd(k, b * w->block, (b + 1) * w->block, w->lag, w->nfit, next);
    }
    for (int l = 0; l < w->nlags; l++)
        for (int q = 0; q < 3; q++)
            w->curve[l][q] /= weight[l];
    return AL_ERR_OK;
}

// What one curve says: D by axis and in all (Ang^2/fs), offset, log-log slope.
struct estimate {
    double axis[3], d, offset, slope;
};

static enum al_err estimate_curve(const struct work *w, const double (*curve)[3], struct estimate *e)
{
    enum { MAX_FIT = WINDOW_LAGS + 34 };
    double y[MAX_FIT], lx[MAX_FIT], ly[MAX_FIT], c;
    int n = w->nfit - w->fit0;
    *e = (struct estimate){0};
    for (int q = 0; q < 3; q++) {
        for (int l = 0; l < n; l++)
            y[l] = curve[w->fit0 + l][q];
        AL_TRY(tr_line_fit(n, w->lag_fs + w->fit0, y, &e->axis[q], &c, NULL));
        e->axis[q] /= 2.0;
        e->d += e->axis[q] / 3.0;
        e->offset += c;
    }
    bool positive = true;
    for (int l = 0; l < n; l++) {
        double total = curve[w->fit0 + l][0] + curve[w->fit0 + l][1] + curve[w->fit0 + l][2];
        positive = positive && total > 0.0;
        lx[l] = log(w->lag_fs[w->fit0 + l]);
        ly[l] = positive ? log(total) : 0.0;
    }
    if (positive) AL_TRY(tr_line_fit(n, lx, ly, &e->slope, NULL, NULL));
    return AL_ERR_OK;
}

// Standard error of the mean of n values.
static double mean_error(int n, const double *v)
{
    double mean = 0.0, s = 0.0;
    for (int i = 0; i < n; i++)
        mean += v[i] / n;
    for (int i = 0; i < n; i++)
        s += (v[i] - mean) * (v[i] - mean);
    return sqrt(s / ((double)n * (n - 1)));
}

static enum al_err block_errors(const struct work *w, struct tr_diffusion *d)
{
    enum { NVALUES = 5 };
    AL_AUTOFREE double *v = NULL;
    AL_ALLOC(v, (size_t)NVALUES * (size_t)w->nblocks);
    for (int b = 0; b < w->nblocks; b++) {
        struct estimate e;
        AL_TRY(estimate_curve(w, (const double(*)[3])w->block_curve + (size_t)b * (size_t)w->nfit, &e));
        double value[NVALUES] = {e.d, e.slope, e.axis[0], e.axis[1], e.axis[2]};
        for (int k = 0; k < NVALUES; k++)
            v[k * w->nblocks + b] = value[k];
    }
    d->d_error = TR_ANG2_FS_CM2_S * mean_error(w->nblocks, v);
    d->slope_error = mean_error(w->nblocks, v + w->nblocks);
    for (int q = 0; q < 3; q++)
        d->d_axis_error[q] = TR_ANG2_FS_CM2_S * mean_error(w->nblocks, v + (2 + q) * w->nblocks);
    for (int l = 0; l < w->nfit; l++) {
        for (int b = 0; b < w->nblocks; b++) {
            const double *c = w->block_curve[(size_t)b * (size_t)w->nfit + (size_t)l];
            v[b] = c[0] + c[1] + c[2];
        }
        d->msd->error[l] = mean_error(w->nblocks, v);
    }
    return AL_ERR_OK;
}

static void judge(struct tr_diffusion *d, double tolerance)
{
    bool slope = fabs(d->slope - 1.0) <= tolerance, above = d->d_low > 0.0;
    d->diffusive = slope && above;
    if (d->diffusive)
        snprintf(d->regime, sizeof d->regime, "diffusive: MSD grows as t^%.2f in the window",
                 tr_two_digits(d->slope));
    else if (!slope)
        snprintf(d->regime, sizeof d->regime, "not diffusive: MSD grows as t^%.2f in the window, not as t",
                 tr_two_digits(d->slope));
    else
        snprintf(d->regime, sizeof d->regime,
                 "no diffusion shown: the 95 %% interval of D reaches %.2g cm^2/s", d->d_low);
}

static enum al_err fill(struct work *w, const struct tr_run *runs, struct tr_diffusion *d)
{
    AL_ALLOC(d->msd, 1);
    d->msd->n = w->nlags;
    AL_ALLOC(d->msd->lag, w->nlags);
    AL_ALLOC(d->msd->total, w->nlags);
    AL_ALLOC(d->msd->axis, w->nlags);
    AL_ALLOC(d->msd->error, w->nlags);
    for (int l = 0; l < w->nlags; l++) {
        d->msd->lag[l] = w->lag_fs[l];
        d->msd->total[l] = w->curve[l][0] + w->curve[l][1] + w->curve[l][2];
        memcpy(d->msd->axis[l], w->curve[l], sizeof *w->curve);
    }
    struct estimate e;
    AL_TRY(estimate_curve(w, (const double(*)[3])w->curve, &e));
    AL_TRY(block_errors(w, d));
    d->nruns = w->nruns;
    d->nions = w->track[0]->natoms;
    d->nframework = w->track[0]->nframework;
    d->nblocks = w->nblocks;
    d->nframes = shortest_run(w);
    d->dt = runs[0].dt;
    d->fit_from = w->lag_fs[w->fit0];
    d->fit_to = w->lag_fs[w->nfit - 1];
    d->d = TR_ANG2_FS_CM2_S * e.d;
    double half = tr_student95(w->nblocks - 1) * d->d_error;
    d->d_low = d->d - half;
    d->d_high = d->d + half;
    for (int q = 0; q < 3; q++)
        d->d_axis[q] = TR_ANG2_FS_CM2_S * e.axis[q];
    d->offset = e.offset;
    d->slope = e.slope;
    judge(d, w->o.slope_tolerance);
    return AL_ERR_OK;
}

static enum al_err analyse(struct work *w, const struct tr_run *runs, int nruns, const struct tr_options *o,
                           struct tr_diffusion *d)
{
    AL_TRY(options(o, &w->o));
    AL_TRY(load_tracks(w, runs, nruns));
    AL_TRY(choose_lags(w, runs[0].dt));
    AL_TRY(compute_curves(w));
    AL_TRY(fill(w, runs, d));
    return AL_ERR_OK;
}

enum al_err tr_diffusion_create(const struct tr_run *runs, int nruns, const struct tr_options *o,
                                struct tr_diffusion **ret)
{
    AL_OWN(tr_diffusion) d = NULL;
    struct work w = {0};
    AL_ALLOC(d, 1);
    enum al_err e = analyse(&w, runs, nruns, o, d);
    work_clear(&w);
    AL_TRY(e);
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

void tr_diffusion_destroy(struct tr_diffusion **d)
{
    if (!*d) return;
    struct tr_msd *m = (*d)->msd;
    if (m) {
        al_free(m->lag);
        al_free(m->total);
        al_free(m->axis);
        al_free(m->error);
        al_free(m);
    }
    al_free(*d);
    *d = NULL;
}

enum al_err tr_msd_write_csv(const char *path, const struct tr_diffusion *d)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("lag/fs,MSD/Ang^2,error/Ang^2,x/Ang^2,y/Ang^2,z/Ang^2\n", f.out);
    const struct tr_msd *m = d->msd;
    for (int l = 0; l < m->n; l++)
        fprintf(f.out, "%.10g,%.10g,%.6g,%.10g,%.10g,%.10g\n", m->lag[l], m->total[l], m->error[l],
                m->axis[l][0], m->axis[l][1], m->axis[l][2]);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

void tr_diffusion_write_yaml(FILE *out, int depth, const struct tr_diffusion *d)
{
    static const char *const axis[] = {"D_x_cm2_s", "D_y_cm2_s", "D_z_cm2_s"};
    static const char *const axis_error[] = {"D_x_error_cm2_s", "D_y_error_cm2_s", "D_z_error_cm2_s"};
    al_yaml_double(out, depth, "D_cm2_s", d->d);
    al_yaml_double(out, depth, "D_error_cm2_s", d->d_error);
    al_yaml_double(out, depth, "D_low95_cm2_s", d->d_low);
    al_yaml_double(out, depth, "D_high95_cm2_s", d->d_high);
    for (int q = 0; q < 3; q++) {
        al_yaml_double(out, depth, axis[q], d->d_axis[q]);
        al_yaml_double(out, depth, axis_error[q], d->d_axis_error[q]);
    }
    al_yaml_str(out, depth, "diffusive", d->diffusive ? "yes" : "no");
    al_yaml_str(out, depth, "regime", d->regime);
    al_yaml_double(out, depth, "loglog_slope", d->slope);
    al_yaml_double(out, depth, "loglog_slope_error", d->slope_error);
    al_yaml_double(out, depth, "fit_from_fs", d->fit_from);
    al_yaml_double(out, depth, "fit_to_fs", d->fit_to);
    al_yaml_double(out, depth, "offset_Ang2", d->offset);
    al_yaml_double(out, depth, "frame_interval_fs", d->dt);
    al_yaml_int(out, depth, "frames", d->nframes);
    al_yaml_int(out, depth, "trajectories", d->nruns);
    al_yaml_int(out, depth, "blocks", d->nblocks);
    al_yaml_int(out, depth, "ions", d->nions);
    al_yaml_int(out, depth, "framework_atoms", d->nframework);
}
