// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// From the runs of one temperature to D with its interval, or to the statement that no diffusion was seen (window.c does the
// statistics, docs/diffusion.md says why so).
#include <math.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "transport/tr_impl.h"

struct work {
    struct tr_options o;
    int nruns;
    struct tr_track **track; // [nruns]
    struct tr_curves *curves;
};

static void work_clear(struct work *w)
{
    for (int r = 0; w->track && r < w->nruns; r++)
        tr_track_destroy(&w->track[r]);
    al_free(w->track);
    tr_curves_destroy(&w->curves);
}

static enum al_err options(const struct tr_options *o, struct tr_options *ret)
{
    struct tr_options p = *o;
    bool any = false;
    if (p.slope_tolerance == 0.0) p.slope_tolerance = 0.25;
    if (p.max_error == 0.0) p.max_error = 0.3;
    if (p.max_lag == 0.0) p.max_lag = 0.25;
    if (p.jump == 0.0) p.jump = 3.0;
    if (!(p.slope_tolerance > 0) || !(p.max_error > 0) || !(p.max_lag > 0) || p.max_lag > 0.5 || !(p.jump > 0))
        AL_FAIL(AL_ERR_INPUT, "diffusion: slope tolerance %g, largest error %g, longest lag %g (at most 0.5), jump %g Ang", p.slope_tolerance, p.max_error,
                p.max_lag, p.jump);
    for (int z = 0; z <= AL_ZMAX; z++)
        any = any || p.framework[z];
    for (int z = 1; !any && z <= AL_ZMAX; z++)
        p.framework[z] = z != p.mobile_z;
    *ret = p;
    return AL_ERR_OK;
}

static enum al_err load_tracks(struct work *w, const struct tr_traj *const *runs, int nruns)
{
    if (nruns < 1) AL_FAIL(AL_ERR_INPUT, "no trajectory");
    AL_ALLOC(w->track, nruns);
    w->nruns = nruns;
    for (int r = 0; r < nruns; r++) {
        if (fabs(runs[r]->dt - runs[0]->dt) > 1e-4 * runs[0]->dt)
            AL_FAIL(AL_ERR_INPUT, "trajectory %d: %g fs between frames, trajectory 0: %g fs", r, runs[r]->dt, runs[0]->dt);
        if (runs[r]->n < TR_MIN_FRAMES)
            AL_FAIL_HINT(AL_ERR_INPUT, "write frames more often or run longer", "%ld frames are too few (%d at least)", runs[r]->n, TR_MIN_FRAMES);
        AL_TRY_MSG(tr_track_create(runs[r], w->o.mobile_z, w->o.framework, &w->track[r]), "trajectory %d", r);
        if (w->track[r]->natoms != w->track[0]->natoms)
            AL_FAIL(AL_ERR_INPUT, "trajectory %d has %d mobile ions, trajectory 0 has %d", r, w->track[r]->natoms, w->track[0]->natoms);
    }
    if (w->track[0]->natoms * nruns < TR_MIN_IONS)
        AL_FAIL_HINT(AL_ERR_INPUT, "a larger cell, or more runs", "%d ions in %d run%s give no error bar (%d curves at least)", w->track[0]->natoms, nruns,
                     nruns == 1 ? "" : "s", TR_MIN_IONS);
    AL_TRY(tr_curves_create(w->track, nruns, runs[0]->dt, w->o.max_lag, &w->curves));
    return AL_ERR_OK;
}

static long shortest_run(const struct work *w)
{
    long n = w->track[0]->nframes;
    for (int r = 1; r < w->nruns; r++)
        if (w->track[r]->nframes < n) n = w->track[r]->nframes;
    return n;
}

// Standard error of the MSD itself at the lags of the fit; between them by interpolation in ln t.
static double curve_error(const struct tr_curves *c, const double *error, double t)
{
    int l = 0;
    if (!(t > 0) || t > c->t[c->nlags - 1] * (1 + 1e-9)) return 0;
    while (l + 2 < c->nlags && c->t[l + 1] < t)
        l++;
    double x = log(t / c->t[l]) / log(c->t[l + 1] / c->t[l]);
    return error[l] + x * (error[l + 1] - error[l]);
}

static enum al_err lag_errors(const struct tr_curves *c, double *error)
{
    for (int l = 0; l < c->nlags; l++) {
        double s = 0;
        for (int u = 0; u < c->nunits; u++) {
            const double *m = c->unit[(size_t)u * (size_t)c->nlags + (size_t)l];
            double d = m[0] + m[1] + m[2] - c->mean[l];
            s += c->weight[u] * c->weight[u] * d * d;
        }
        error[l] = c->nunits > 1 ? sqrt(s * c->nunits / (c->nunits - 1.0)) : 0;
    }
    return AL_ERR_OK;
}

// All lags by FFT, the mean over the runs.
static enum al_err full_curve(const struct work *w, const struct tr_traj *const *runs, struct tr_diffusion *d)
{
    long half = shortest_run(w) / 2, stride = (half + TR_MSD_ROWS - 1) / TR_MSD_ROWS;
    int n = (int)(half / stride);
    AL_AUTOFREE double *error = NULL;
    AL_ALLOC(d->msd, 1);
    d->msd->n = n;
    AL_ALLOC(d->msd->lag, n);
    AL_ALLOC(d->msd->total, n);
    AL_ALLOC(d->msd->axis, n);
    AL_ALLOC(d->msd->error, n);
    AL_ALLOC(error, w->curves->nlags);
    AL_TRY(lag_errors(w->curves, error));
    for (int r = 0; r < w->nruns; r++) {
        const struct tr_track *k = w->track[r];
        AL_OWN(tr_fft) f = NULL;
        AL_AUTOFREE double *sum = NULL;
        double share = (double)k->nframes * runs[r]->dt / w->curves->total_time / k->natoms;
        AL_TRY(tr_fft_create(k->nframes, &f));
        AL_ALLOC(sum, k->nframes);
        for (int q = 0; q < 3; q++) {
            memset(sum, 0, sizeof *sum * (size_t)k->nframes);
            for (int a = 0; a < k->natoms; a++)
                tr_fft_add_squares(f, k->x + (size_t)(3 * a + q) * (size_t)k->nframes, sum);
            for (int i = 0; i < n; i++) {
                long l = (i + 1) * stride;
                d->msd->axis[i][q] += share * sum[l] / (double)(k->nframes - l);
            }
        }
    }
    for (int i = 0; i < n; i++) {
        d->msd->lag[i] = (double)((i + 1) * stride) * runs[0]->dt;
        d->msd->total[i] = d->msd->axis[i][0] + d->msd->axis[i][1] + d->msd->axis[i][2];
        d->msd->error[i] = curve_error(w->curves, error, d->msd->lag[i]);
    }
    return AL_ERR_OK;
}

// Where D is below when no diffusive window was found: the largest upper end (three standard errors) of windows that begin between 1/16 and
// 1/2 of the longest lag, since the slope of the MSD only falls with time while ions hop in a framework that holds; and jumps
// of which none was seen in nions x time happen less often than 3 in that time (95 %).
static enum al_err limit(const struct work *w, double *ret)
{
    const struct tr_curves *c = w->curves;
    double last = c->t[c->nlags - 1], top = 3 * w->o.jump * w->o.jump / (6 * c->nions * c->total_time);
    for (int from = 0; c->nlags - from >= 4 && c->t[from] <= last / 2; from++) {
        struct tr_window f;
        if (c->t[from] < last / 16) continue;
        AL_TRY(tr_window_fit(c, from, &f));
        double reach = 1.5 * tr_student95((int)f.dof) * f.error;
        top = fmax(top, f.error < w->o.max_error * f.d ? f.d * exp(reach / f.d) : f.d + reach); // the error grows with D, as in the interval of D
    }
    *ret = top;
    return AL_ERR_OK;
}

static enum al_err judge(const struct work *w, const struct tr_window *f, struct tr_diffusion *d)
{
    double last = 1e-3 * d->fit_to, t95 = tr_student95((int)f->dof);
    if (d->diffusive) { // ln D: the error of D goes with D
        d->d_low = d->d * exp(-t95 * f->error / f->d);
        d->d_high = d->d * exp(t95 * f->error / f->d);
        d->d_limit = NAN;
        snprintf(d->regime, sizeof d->regime, "diffusive: MSD grows as t^%.2f from %.3g to %.3g ps", tr_two_digits(f->slope), 1e-3 * d->fit_from, last);
        return AL_ERR_OK;
    }
    d->d_low = d->d - t95 * d->d_error;
    d->d_high = d->d + t95 * d->d_error;
    if (f->slope > 1 + w->o.slope_tolerance && f->slope - 1 > 2 * f->slope_error) {
        d->d_limit = NAN;
        snprintf(d->regime, sizeof d->regime, "not diffusive: MSD grows as t^%.2f, faster than t, up to %.3g ps: no limit of D", tr_two_digits(f->slope), last);
        return AL_ERR_OK;
    }
    AL_TRY(limit(w, &d->d_limit));
    d->d_limit *= TR_ANG2_FS_CM2_S;
    const char *why = fabs(f->slope - 1) > w->o.slope_tolerance ? "" : f->error > w->o.max_error * f->d ? ", too few events for more" : ", but not on one line";
    snprintf(d->regime, sizeof d->regime, "no diffusion seen: D < %.2g cm^2/s; MSD grows as t^%.2f up to %.3g ps%s", d->d_limit,
             tr_two_digits(f->slope), last, why);
    return AL_ERR_OK;
}

static enum al_err analyse(struct work *w, const struct tr_traj *const *runs, int nruns, const struct tr_options *o, struct tr_diffusion *d)
{
    struct tr_window f;
    AL_TRY(options(o, &w->o));
    AL_TRY(load_tracks(w, runs, nruns));
    const struct tr_curves *c = w->curves;
    if (!w->o.fit_only) AL_TRY(full_curve(w, runs, d));
    AL_TRY(tr_window_search(c, &w->o, &f, &d->diffusive));
    d->nruns = nruns;
    d->nions = c->nions;
    d->nframework = w->track[0]->nframework;
    d->nframes = shortest_run(w);
    d->dt = runs[0]->dt;
    d->total_time = c->total_time;
    d->fit_from = c->t[f.from];
    d->fit_to = c->t[c->nlags - 1];
    d->d = TR_ANG2_FS_CM2_S * f.d;
    d->d_error = TR_ANG2_FS_CM2_S * f.error;
    for (int q = 0; q < 3; q++) {
        d->d_axis[q] = TR_ANG2_FS_CM2_S * f.axis[q];
        d->d_axis_error[q] = TR_ANG2_FS_CM2_S * f.axis_error[q];
    }
    d->dof = f.dof;
    d->offset = f.offset;
    d->slope = f.slope;
    d->slope_error = f.slope_error;
    d->bend = f.bend;
    d->bend_error = f.bend_error;
    d->correlation = f.correlation;
    d->blocks_used = f.blocks_used;
    d->nblocks = f.nblocks;
    d->jumps = c->nions * c->mean[c->nlags - 1] * c->total_time / (c->t[c->nlags - 1] * w->o.jump * w->o.jump);
    AL_TRY(judge(w, &f, d));
    return AL_ERR_OK;
}

enum al_err tr_diffusion_create(const struct tr_traj *const *runs, int nruns, const struct tr_options *o, struct tr_diffusion **ret)
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
    if ((*d)->msd) {
        al_free((*d)->msd->lag);
        al_free((*d)->msd->total);
        al_free((*d)->msd->axis);
        al_free((*d)->msd->error);
        al_free((*d)->msd);
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
    al_yaml_double(out, depth, "loglog_slope", d->slope);
    al_yaml_double(out, depth, "loglog_slope_error", d->slope_error);
    al_yaml_double(out, depth, "fit_from_fs", d->fit_from);
    al_yaml_double(out, depth, "fit_to_fs", d->fit_to);
    al_yaml_double(out, depth, "offset_ang2", d->offset);
    al_yaml_double(out, depth, "bend", d->bend);
    al_yaml_double(out, depth, "bend_error", d->bend_error);
    al_yaml_double(out, depth, "degrees_of_freedom", d->dof);
    al_yaml_str(out, depth, "error_from", d->blocks_used ? "single ions, enlarged by the correlation of ions" : "single ions");
    al_yaml_double(out, depth, "variance_blocks_over_ions", d->correlation);
    al_yaml_int(out, depth, "blocks", d->nblocks);
    al_yaml_double(out, depth, "jumps_estimated", d->jumps);
    al_yaml_double(out, depth, "frame_interval_fs", d->dt);
    al_yaml_int(out, depth, "frames", d->nframes);
    al_yaml_int(out, depth, "trajectories", d->nruns);
    al_yaml_double(out, depth, "total_time_fs", d->total_time);
    al_yaml_int(out, depth, "mobile_ions", d->nions);
    al_yaml_int(out, depth, "framework_atoms", d->nframework);
}
