// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Shared inside engines/transport.
#ifndef AL_TRANSPORT_IMPL_H
#define AL_TRANSPORT_IMPL_H

#include <math.h>

#include "transport/arrhenius.h"
#include "transport/msd.h"

struct tr_track { // coordinates of one species relative to the framework
    int natoms, nframework;
    long nframes;
    double *x; // [natoms][3][nframes] Ang
};
enum al_err tr_track_create(const struct tr_traj *t, int z, const bool framework[AL_ZMAX + 1], struct tr_track **ret);
void tr_track_destroy(struct tr_track **k);
// Sum over atoms and axes of squared displacements at each lag (frames) over the origins first <= t < last: [natoms][nlags][3]
// and [nblocks][nlags][3], both means over origins; blocks cut each lag's origins into equal parts. Either may be NULL.
void tr_track_lags(const struct tr_track *k, const long *lag, int n, double (*ion)[3], int nblocks, double (*block)[3]);

// FFT of real series, the one place that knows FFTW.
struct tr_fft;
enum al_err tr_fft_create(long n, struct tr_fft **ret); // series of n values
void tr_fft_destroy(struct tr_fft **f);
// Adds sum_t (x(t + L) - x(t))^2 to sum[L], L = 0 .. n-1.
void tr_fft_add_squares(struct tr_fft *f, const double *x, double *sum);

// Where D comes from: the curves of single ions (and of time blocks) at a few lags.
struct tr_curves {
    int nlags, nunits, nblocks; // units: ions of all runs; blocks of all runs
    double *t;                  // [nlags] fs
    double *weight, *bweight;   // [nunits], [nblocks], each of sum 1
    double (*unit)[3];          // [nunits][nlags] Ang^2
    double (*block)[3];         // [nblocks][nlags]
    double *mean;               // [nlags] total
    double (*mean_axis)[3];     // [nlags]
    double block_time;          // fs, the shortest block
    double total_time;          // fs, all runs
    int nions, nruns;
};
enum { TR_BLOCKS = 20 /* of a run */ };
enum al_err tr_curves_create(struct tr_track *const *track, int nruns, double dt, double max_lag, struct tr_curves **ret);
void tr_curves_destroy(struct tr_curves **c);

// D (Ang^2/fs) over lags from .. nlags-1 with everything that is said about it.
struct tr_window {
    int from;
    double d, error, dof, offset, axis[3], axis_error[3];
    double slope, slope_error, bend, bend_error, correlation, inflation;
    bool blocks_used, bent_far;
    int nblocks;
};
enum al_err tr_window_fit(const struct tr_curves *c, int from, struct tr_window *ret);
// The first window that is diffusive; *ret_found false: none is, and *ret is the longer half of the lags.
enum al_err tr_window_search(const struct tr_curves *c, const struct tr_options *o, struct tr_window *ret, bool *ret_found);

// Two digits for messages; never "-0.00".
static inline double tr_two_digits(double v)
{
    return round(100.0 * v) / 100.0 + 0.0;
}

#endif
