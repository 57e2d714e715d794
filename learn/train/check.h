// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What is wrong with training data although every number can be read. Each finding names its frames (counted from 0 in the
// system) and, for units, the factor.
//
// Units. Between two frames a short way apart the energy changes by the work of the forces and of the virial,
//   dE = - sum F . du - V : strain     (trapezoid rule; exact in a harmonic crystal, however far),
// so the slope of dE against the right side is 1, whatever the origin of energy. 60 % of it is what anharmonicity left of it in
// melts at 3000 K at steps of 0.4 Ang; the factors looked for are 13.6057 (Ry), 27.2114 (Ha), 51.4221 (Ha/bohr), 160.218 (GPa) and
// 1602.18 (kbar), none below 13. Where forces and virial are both there and cells differ, both slopes are
// fitted and say which of the three is off. At constant cell the virial is judged by its fluctuation: pair forces f over distances d
// give sum d f in the virial and sum f in the force, so std(V) is 0.47 d_nn sqrt(sum F^2 / 3) in our LiPS melts; of
// another order of magnitude it is another unit. Single frames among good ones: against the median of their system.
#ifndef AL_TRAIN_CHECK_H
#define AL_TRAIN_CHECK_H

#include "train/dataset.h"

enum { CHECK_TEXT = 400 };

struct check_finding {
    const char *kind; // units, energy, duplicate, contradiction, leak, overlap, close, unlabelled
    bool fatal;       // training on it makes no sense
    char system[AL_NAME], text[CHECK_TEXT];
};

// What single frames of d are (the findings say it in words).
enum check_mark {
    CHECK_DUPLICATE = 1,     // equal to another one, which has none of its labels less and stands before it
    CHECK_CONTRADICTION = 2, // equal to another one with other labels
    CHECK_OVERLAP = 4,
    CHECK_CLOSE = 8,
    CHECK_OUTLIER = 16,
};

struct check {
    struct check_finding *f; // [n]
    int n;
    unsigned char *mark;     // of each frame of d, system by system
};

// valid may be NULL: then frames of it that are in d as well are not looked for.
enum al_err dataset_check(const struct dp_dataset *d, const struct dp_dataset *valid, struct check **ret);
void check_destroy(struct check **c);

// For check*.c.
[[gnu::format(printf, 5, 6)]] enum al_err check_add(struct check *c, const char *kind, bool fatal, const struct dp_system *s,
                                                    const char *fmt, ...);
// "3, 7-9" of the marked frames, up to some ten pieces.
void check_frames(const bool *mark, int n, char *ret, size_t size);
// The known factor nearest to f (or to 1/f, when f < 1) in the logarithm; 0: none within 30 %.
double check_factor(double f);
// Marks frames with labels far from the system's others; units and energy findings.
enum al_err check_outliers(struct check *c, const struct dp_system *s, bool *mark);
// Units of whole sets; marked frames are left out. d_nn: mean distance of nearest neighbours, Ang.
enum al_err check_units(struct check *c, const struct dp_system *s, const bool *mark, double d_nn);
// Energies per atom of systems of the same composition against each other: what a single frame alone does not show.
enum al_err check_across(struct check *c, const struct dp_dataset *d);

#endif
