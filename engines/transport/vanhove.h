// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Van Hove functions of the mobile ions, relative to the framework (L. van Hove, Phys. Rev. 95, 249 (1954)), over time origins:
//   self      4 pi r^2 G_s(r, t), 1/Ang: how far an ion has gone in t. Its integral over all r is 1; what lies beyond r_max is told.
//   distinct  G_d(r, t) over the mean density: the other ions around the place where an ion was t earlier; at t = 0 it is g(r).
//             Images are counted; norm N (N - 1), as in rdf.h.
//   alpha2(t) = 3 <r^4> / (5 <r^2>^2) - 1, zero for Gaussian motion (A. Rahman, Phys. Rev. 136, A405 (1964)).
#ifndef AL_TRANSPORT_VANHOVE_H
#define AL_TRANSPORT_VANHOVE_H

#include "transport/structure.h"

enum { TR_VANHOVE_LAGS = 8 };

struct tr_vanhove_options {
    struct tr_species species;
    int nlags;
    int lag[TR_VANHOVE_LAGS]; // frames, ascending, from 0 (then self is left out at that lag); nlags 0 = five from 0.2 % of
                              // the shortest run to a fifth of it, and 0
    double r_max;             // Ang; 0 = half the smallest height of the cell, but 6 to 10 Ang
    int nbins;                // 0 = bins of about 0.1 Ang
    int distinct_origins;     // origins for the distinct part, evenly over the runs; 0 = 200; a large number = all
};

struct tr_vanhove {
    int nlags, nbins, nions, nalpha;
    double dr, r_max;         // Ang
    double *r;                // [nbins] middle of the bins, Ang
    double lag[TR_VANHOVE_LAGS];     // fs
    double *self[TR_VANHOVE_LAGS];   // [nbins] 1/Ang; zero at lag 0
    double beyond[TR_VANHOVE_LAGS];  // fraction of displacements of r_max and more
    double *distinct[TR_VANHOVE_LAGS]; // [nbins]; NULL with one ion alone
    double *alpha_lag, *alpha2;      // [nalpha] fs, 1
    double alpha_max, alpha_max_lag; // the highest of it: how heterogeneous, and when (fs)
};

// AL_ERR_INPUT: as tr_reference_create; no mobile ions; a lag as long as the shortest run.
enum al_err tr_vanhove_create(const struct tr_traj *const *runs, int nruns, const struct tr_vanhove_options *o, struct tr_vanhove **ret);
void tr_vanhove_destroy(struct tr_vanhove **v);
// r/Ang, then self and distinct of each lag; the other file: lag/fs, alpha2.
enum al_err tr_vanhove_write_csv(const char *path, const struct tr_vanhove *v);
enum al_err tr_alpha2_write_csv(const char *path, const struct tr_vanhove *v);
void tr_vanhove_write_yaml(FILE *out, int depth, const struct tr_vanhove *v);
enum al_err tr_plot_vanhove_self(const char *path, const char *title, const char *note, const struct tr_vanhove *v);
enum al_err tr_plot_vanhove_distinct(const char *path, const char *title, const char *note, const struct tr_vanhove *v);
enum al_err tr_plot_alpha2(const char *path, const char *title, const char *note, const struct tr_vanhove *v);

#endif
