// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Frames that other people's programs have left, as training data: outputs of first-principles programs (engines/codes), data sets
// (learn/train), trajectories (engines/base), and the directories of DP-GEN and DP-GEN 2. `alnd import` and the key initial.data.
#ifndef AL_WORKER_IMPORT_H
#define AL_WORKER_IMPORT_H

#include "base/frame.h"
#include "base/fsio.h"
#include "base/traj.h"
#include "codes/codes.h"
#include "train/check.h"

// What stands before the checksum as the fingerprint of frames of initial.data.
#define IMPORT_FINGERPRINT "imported:"

enum import_kind { IMPORT_CODE, IMPORT_DATASET, IMPORT_XYZ, IMPORT_TRAJECTORY };

// A file or data set, and what came of it.
struct import_source {
    char *path;
    enum import_kind kind;
    const struct code_format *code;
    char format[24];
    bool named;     // by the user; else found by the search
    char skipped[160]; // why it is not read; "": it is
    int twin;          // 1 + the source of the same run that is read first; 0: none
    // read
    long frames;    // those that could be read
    long unlabelled, unconverged, refused; // refused: atoms in one place, numbers that are not finite
    bool cut;       // the program did not come to its end
    bool elements[AL_ZMAX + 1];
    int atoms_min, atoms_max;
    char energy[DP_NOTE], note[400], error[AL_ERR_TEXT];
    // of the frames with labels
    long duplicates, contradictions, close, outliers, taken;
};

struct import_options {
    bool keep_unconverged;
    bool extxyz;                 // else deepmd/npy
    struct al_traj_options traj; // elements of types that are numbers
    bool progress;               // a line on /dev/tty
};

struct import {
    struct import_options o;
    struct import_source *source; // [nsources]
    int nsources;
    struct al_frames *frames, *bare; // with labels, without any
    int *of, of_capacity;            // [frames->n] source of each
    struct dp_dataset *data;         // what is kept
    struct check *check;             // of it
    long ntwice;                     // frames left out because they were there already
};

enum al_err import_create(const struct import_options *o, struct import **ret);
void import_destroy(struct import **ip);

// import_find.c. Each path: a file of a known format (else AL_ERR_INPUT), FILE.h5#/group, a data set, a directory that is searched, or a
// pattern with * ? [ ].
enum al_err import_find(struct import *im, const char *path);
// import_read.c. Reads every source; what is wrong with one is noted there, and no error.
enum al_err import_read(struct import *im);
// import.c. Duplicates and overlapping atoms are left out, the rest is checked.
enum al_err import_check(struct import *im);
// The data, unlabelled.extxyz, import.yaml into the new directory `to` (an empty one may be there): whole or not at all.
enum al_err import_write(const struct import *im, const char *to);
enum al_err import_tell(const struct import *im, FILE *out);

// alnd-worker import --to DIR [--extxyz] [--keep-unconverged] [--types "Li P S"] [--progress] PATH...: answers with what import.yaml says.
enum al_err import_print(int argc, char **argv, FILE *out);

#endif
