// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Diffusion from trajectories: mean-square displacement over all time origins, relative to the centre of mass of the framework, and the
// Einstein relation MSD = offset + 6 D t in the diffusive window. docs/diffusion.md says how window and error bar are found.
#ifndef AL_TRANSPORT_MSD_H
#define AL_TRANSPORT_MSD_H

#include <stdbool.h>

#include "transport/traj.h"

// 1 Ang^2/fs = 1e-16 cm^2 / 1e-15 s = 0.1 cm^2/s
#define TR_ANG2_FS_CM2_S 0.1

struct tr_options {
    int mobile_z;                  // atomic number of the mobile species, e.g. 3
    bool framework[AL_ZMAX + 1];   // elements that displacements are relative to; none set: all but mobile_z
    double slope_tolerance;        // |d ln MSD / d ln t - 1| below this counts as diffusive; 0 = 0.25
    double max_error;              // relative standard error of D above which nothing is claimed; 0 = 0.3
    double max_lag;                // longest lag of fit and window as fraction of the shortest run; 0 = 0.25
    double jump;                   // Ang, length of a jump between sites, for the limit where no jump was seen; 0 = 3
    bool fit_only;                 // no curve at all lags
};

struct tr_msd {
    int n;             // lags
    double *lag;       // [n] fs
    double *total;     // [n] Ang^2, <|dr|^2>
    double (*axis)[3]; // [n] Ang^2, <dx^2>, <dy^2>, <dz^2>
    double *error;     // [n] Ang^2, standard error; 0 beyond the longest lag of the fit
};

struct tr_diffusion {
    struct tr_msd *msd;                    // at all lags of half the shortest run, thinned above TR_MSD_ROWS; NULL with fit_only
    int nruns, nions, nframework;          // ions of a run; framework atoms of a run
    long nframes;                          // of the shortest run
    double dt;                             // fs
    double total_time;                     // fs, all runs
    // Einstein fit MSD = offset + 6 D t over lags from fit_from to fit_to (fs); where not diffusive: over the longer half of the lags
    double fit_from, fit_to;               // fs
    double d, d_error;                     // cm^2/s, standard error
    double d_low, d_high;                  // 95 % interval: of ln D with Student t where diffusive, else of D
    double d_axis[3], d_axis_error[3];     // cm^2/s
    double dof;                            // degrees of freedom of the error
    double offset;                         // Ang^2
    double slope, slope_error;             // d ln MSD / d ln t in the window
    double bend, bend_error;               // D of the window's later part over that of its earlier part, minus 1
    double correlation;                    // variance by time blocks / variance by single ions; NaN: not enough blocks
    bool blocks_used;                      // it is significantly above 1 (1 % level), and errors were enlarged by its root
    int nblocks;                           // over all runs; 0: the runs are too short for them
    double jumps;                          // displacement at the longest lag in jump lengths squared, over ions, runs and independent times
    bool diffusive;
    double d_limit;                        // where not diffusive: D is below this (1.5 times the 95 % interval, some three standard errors), cm^2/s; NaN: not bounded
    char regime[200];                      // the verdict in words
};
enum { TR_MSD_ROWS = 4000 };

// Runs of one system at one temperature (replicas). AL_ERR_INPUT: no mobile ions, runs that differ in dt or ions, too few frames
// (TR_MIN_FRAMES), too few ions times runs for an error bar (TR_MIN_IONS).
enum { TR_MIN_FRAMES = 40, TR_MIN_IONS = 2 };
enum al_err tr_diffusion_create(const struct tr_traj *const *runs, int nruns, const struct tr_options *o, struct tr_diffusion **ret);
void tr_diffusion_destroy(struct tr_diffusion **d);

// MSD of element z by FFT at all lags 0 .. n-1 (frames): ret_axis [n][3], Ang^2.
enum al_err tr_msd_fft(const struct tr_traj *t, int z, const bool framework[AL_ZMAX + 1], double (*ret_axis)[3]);
// Its plain twin at the lags given.
enum al_err tr_msd_direct(const struct tr_traj *t, int z, const bool framework[AL_ZMAX + 1], const long *lag, int n, double (*ret_axis)[3]);

// CSV: lag/fs, MSD/Ang^2, standard error, and the three axes.
enum al_err tr_msd_write_csv(const char *path, const struct tr_diffusion *d);
// CSV of all elements: lag/fs, then MSD/Ang^2 and its axes for each element, relative to the framework, means over the runs; by FFT.
enum al_err tr_msd_write_elements(const char *path, const struct tr_traj *const *runs, int nruns, const bool framework[AL_ZMAX + 1]);
// The numbers with units in their keys, as YAML at this depth; ends with a newline.
void tr_diffusion_write_yaml(FILE *out, int depth, const struct tr_diffusion *d);

#endif
