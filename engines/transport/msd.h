// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Diffusion from trajectories: mean-square displacement over all time origins, relative to the centre of
// mass of the framework, and the Einstein relation MSD = 6 D t in the diffusive regime.
#ifndef AL_TRANSPORT_MSD_H
#define AL_TRANSPORT_MSD_H

#include <stdbool.h>

#include "base/frame.h"

// 1 Ang^2/fs = 1e-16 cm^2 / 1e-15 s = 0.1 cm^2/s
#define TR_ANG2_FS_CM2_S 0.1

struct tr_run {                     // one trajectory (a replica)
    const struct al_frames *frames; // positions unwrapped, same atoms in the same order in every frame
    double dt;                      // fs between frames
};

struct tr_options {
    int mobile_z;           // atomic number of the mobile species, e.g. 3
    int nblocks;            // of each run, for the error bar; 0 = 5
    double fit_from;        // lag window of the fit as fractions of the length of a *block*;
    double fit_to;          // both 0 = 0.1 to 0.5
    double max_lag;         // longest lag of the curve as fraction of the run; 0 = 0.5
    double slope_tolerance; // |d ln MSD / d ln t - 1| below this counts as diffusive; 0 = 0.25
};

struct tr_msd {
    int n;             // lags
    double *lag;       // [n] fs
    double *total;     // [n] Ang^2, <|dr|^2>
    double (*axis)[3]; // [n] Ang^2, <dx^2>, <dy^2>, <dz^2>
    double *error;     // [n] Ang^2, standard error from blocks; 0 where the lag is too long for blocks
};

struct tr_diffusion {
    struct tr_msd *msd;
    int nruns, nions, nframework, nblocks; // nblocks over all runs
    long nframes;                          // of the shortest run
    double dt;                             // fs
    // Einstein fit MSD = offset + 6 D t over lags from fit_from to fit_to (fs), all time origins, mean of
    // the runs. Errors: standard error from the blocks of all runs; interval 95 %, Student t.
    double fit_from, fit_to;           // fs
    double d, d_error, d_low, d_high;  // cm^2/s
    double d_axis[3], d_axis_error[3]; // cm^2/s
    double offset;                     // Ang^2
    // Regime check.
    double slope, slope_error; // d ln MSD / d ln t in the window
    bool diffusive;            // slope near 1 and the 95 % interval of D above zero
    char regime[160];          // the verdict in words
};

// Fails with AL_ERR_INPUT: no mobile ions, frames that differ in atoms, runs that differ in dt or ions, too
// few frames for the blocks (at least 20 frames a block are needed).
enum al_err tr_diffusion_create(const struct tr_run *runs, int nruns, const struct tr_options *o,
                                struct tr_diffusion **ret);
void tr_diffusion_destroy(struct tr_diffusion **d);

// Mean-square displacement of the atoms of element z relative to the centre of mass of all atoms that are not
// mobile_z (mass-weighted; none of them: no correction), at lags lag[n] (frames, ascending, < number of
// frames), over all time origins. With the origins restricted to frames first <= t, t + lag < last (a block).
enum al_err tr_msd_lags(const struct al_frames *frames, int z, int mobile_z, int first, int last,
                        const int *lag, int n, double *ret_total, double (*ret_axis)[3]);

// Makes wrapped positions continuous: each atom's step between frames is the shortest image (of the
// fractional step rounded; right while no atom moves half a cell between frames). In place.
enum al_err tr_unwrap(struct al_frames *frames);

// CSV: lag/fs, MSD/Ang^2, standard error, and the three axes.
enum al_err tr_msd_write_csv(const char *path, const struct tr_diffusion *d);
// The numbers with units in their keys, as YAML at this depth; ends with a newline.
void tr_diffusion_write_yaml(FILE *out, int depth, const struct tr_diffusion *d);

#endif
