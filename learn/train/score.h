// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A model's errors on labelled data: by system and element, frames whose error is far above their system's, files for parity
// plots and the detail files of `dp test -d` (INTEROP 4.5).
#ifndef AL_TRAIN_SCORE_H
#define AL_TRAIN_SCORE_H

#include "train/train.h"

struct score_sum { // of errors and of labels over numbers of one kind
    long n;
    double square, absolute, mean, largest; // sums of d^2, |d|, d; max |d|
    double label;                           // sum of label^2
};

// NaN where n is 0.
double score_rmse(const struct score_sum *s);
double score_mae(const struct score_sum *s);
double score_bias(const struct score_sum *s);
double score_label_rms(const struct score_sum *s);

struct score_row {
    long frames, atoms;             // atoms: of all frames together
    struct score_sum e, f, v, fz[AL_ZMAX + 1]; // eV/atom; eV/Ang, components; eV/atom; forces by element
    struct score_sum energy, virial;           // not per atom: eV
};

struct score_outlier {
    int system, frame;
    const char *quantity; // energy, force, virial
    double error, usual;  // of the frame (force, virial: rms over components); median of its system
    int atom;             // force: with the largest error
    double atom_error;    // its length, eV/Ang
};

struct score {
    const struct dp_dataset *d; // borrowed
    int nsys;
    struct score_row *sys, all; // [nsys]
    struct score_outlier *outlier; // [noutliers], worst (by error/usual) first
    int noutliers;
};

// Frames in order. dir NULL: no files; else parity.csv and detail.{e,e_peratom,f,v,v_peratom,s}.out in it.
// progress may be NULL; true ends it with AL_ERR_STOPPED.
enum al_err score_model(const struct dp_model *m, const struct dp_dataset *d, const char *dir,
                        bool (*progress)(void *ctx, int done, int total), void *ctx, struct score **ret);
void score_destroy(struct score **s);
// parity-{energy,force,virial}.svg from parity.csv in dir.
enum al_err score_plots(const struct score *s, const char *dir);

#endif
