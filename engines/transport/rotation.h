// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Do the anions rotate? Units are centre atoms (P) with the atoms bonded to them in the first frame (framework.h's bonds), e.g. PS4
// tetrahedra. For the bond directions u: C_l(t) = <P_l(u(0) . u(t))>, l = 1, 2, over bonds and time origins, where u is taken
// relative to the lattice (a periodic lattice cannot turn, so that is the laboratory). Rigid diffusion of rotation
// gives C_l = exp(-l (l + 1) D_r t) (P. Debye); libration alone leaves a plateau below 1. The relaxation
// time is that of A exp(-t/tau) fitted to ln C_l over the longest tenfold of lags, up to half a block, at which C_l is above 0.1;
// error from blocks (jackknife).
#ifndef AL_TRANSPORT_ROTATION_H
#define AL_TRANSPORT_ROTATION_H

#include "transport/framework.h"

struct tr_rotation_options {
    struct tr_bond_options bonds; // which units
    int nblocks;                  // of each run; 0 = 5
};

struct tr_rotation_l {
    double *c;                          // [n]
    double rate, rate_error;            // 1/fs; low95 <= 0: not resolved
    double rate_low, rate_high;
    double amplitude;                   // A
};

struct tr_rotation {
    int n, nunits, nbonds, nblocks;
    double dt, *lag;             // fs; [n] fs
    double fit_from, fit_to;     // fs
    struct tr_rotation_l l[2];   // C_1, C_2
    bool seen;                   // rate of C_1 above zero by its 95 % interval, and more than 5 % lost within the window
    double time, time_low, time_high; // fs, 1/rate of C_1; high infinite where not resolved
    char verdict[240];
};

// AL_ERR_INPUT: as tr_reference_create; no units; fewer than 20 frames a block.
enum al_err tr_rotation_create(const struct tr_traj *const *runs, int nruns, const struct tr_rotation_options *o, struct tr_rotation **ret);
void tr_rotation_destroy(struct tr_rotation **r);
// lag/fs, C1, C2
enum al_err tr_rotation_write_csv(const char *path, const struct tr_rotation *r);
void tr_rotation_write_yaml(FILE *out, int depth, const struct tr_rotation *r);
enum al_err tr_plot_rotation(const char *path, const char *title, const char *note, const struct tr_rotation *r);

#endif
