// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Conductivity with all correlations between the ions (Einstein-Helfand): from the displacement of the charge dipole
// P = sum_i q r_i of the mobile ions relative to the framework,
//     D_sigma = lim <|P(t) - P(0)|^2> / (6 N q^2 t),   sigma = N q^2 D_sigma / (V k T)
// (tr_conductivity with D_sigma), and the Haven ratio H = D_tracer / D_sigma. Source: E. Helfand, Phys. Rev. 119, 1 (1960); G. E. Murch,
// Solid State Ionics 7, 177 (1982). The dipole is one particle where the tracer is N of them, so D_sigma is known far less
// well. Both D are slopes over one window of lags, of the same blocks: D is the mean of the blocks, its error from their scatter
// (Student t); H's 95 % interval is Fieller's, which knows that both stem from one trajectory and is infinite where D_sigma
// cannot be told from zero.
#ifndef AL_TRANSPORT_COLLECTIVE_H
#define AL_TRANSPORT_COLLECTIVE_H

#include "transport/structure.h"

struct tr_collective_options {
    struct tr_species species;
    int nblocks;             // of each run; 0 = 10
    double fit_from, fit_to; // fs, e.g. the window that tr_diffusion found; both 0 = 1/20 to 1/4 of a block. A block is at
                             // least twice fit_to long: then there are fewer blocks
    bool caged;              // tr_diffusion saw no diffusion of the ions: what the dipole does then is rattling, and is not resolved
};

struct tr_collective {
    int n;                                   // lags of the curves
    double *lag;                             // [n] fs
    double *tracer;                          // [n] Ang^2, <|dr_i|^2>
    double *dipole;                          // [n] Ang^2, <|sum_i dr_i|^2> / N
    int nruns, nions, nframework, nblocks;   // nblocks over all runs
    double dt, fit_from, fit_to;             // fs
    double d_sigma, d_sigma_error, d_sigma_low, d_sigma_high; // cm^2/s; 95 %
    double offset;                           // Ang^2, of the fit dipole = offset + 6 D_sigma t
    double d_tracer, d_tracer_error;         // cm^2/s, of the same window and blocks
    // The tracer's D over the longer half of the window less that over the shorter half, over D, and its error: 0 where diffusive.
    double bend, bend_error;
    bool diffusive;                          // not: bend beyond 0.25 and beyond twice its error
    bool resolved;                           // diffusive, D_sigma_low > 0
    double haven, haven_error;               // ratio of the means; error by the delta method; NaN where not resolved
    double haven_low, haven_high;            // 95 %, Fieller; NaN where not resolved
    char verdict[256];
};

// AL_ERR_INPUT: as tr_reference_create; no mobile ions; fewer than 4 blocks of 20 frames.
enum al_err tr_collective_create(const struct tr_traj *const *runs, int nruns, const struct tr_collective_options *o,
                                 struct tr_collective **ret);
void tr_collective_destroy(struct tr_collective **c);
// lag/fs, tracer/Ang^2, dipole/Ang^2
enum al_err tr_collective_write_csv(const char *path, const struct tr_collective *c);
// temperature K > 0: with the conductivity of ions of this charge (e) in this volume (Ang^3); else without.
void tr_collective_write_yaml(FILE *out, int depth, const struct tr_collective *c, double charge, double volume,
                              double temperature);
enum al_err tr_plot_collective(const char *path, const char *title, const char *note, const struct tr_collective *c);

#endif
