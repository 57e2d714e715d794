// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// seam/labeler.h by other people's programs. A frame is a directory WHERE/rung-K: input written, the program run in it as a child
// of this process, its output read and checked against the frame that was asked for: what is not converged, not complete or not of
// this frame is an error with its reason. The directory of a label goes; of a frame that failed the last rung's stays, without the
// program's large files.
#ifndef AL_CODES_LABELER_H
#define AL_CODES_LABELER_H

#include "codes/codes.h"
#include "seam/labeler.h"

enum code_kpoints { CODE_GAMMA, CODE_MESH, CODE_SPACING, CODE_POINTS };

struct code_hooks {
    bool (*stop)(void *ctx);                           // may be NULL
    enum al_err (*where)(void *ctx, char ret[AL_PATH]); // the directory for the frame at hand; need not exist
    void (*progress)(void *ctx, const char *rung, double seconds); // about once a second; may be NULL
    void *ctx;
};

struct code_options { // copied, with what it points to, except ops and hooks
    const struct code_ops *ops;
    struct code_settings settings; // mesh and shift by kpoints
    enum code_kpoints kpoints;
    double spacing;                // 1/Ang, 2 pi included: a mesh shifted by half a step where it has more than one point
    const char *program;           // path, or a name to look up in PATH
    const char *const *args;       // after the program; NULL: ops->args
    const char *const *launcher;   // words before the program, NULL-terminated; the word RANKS becomes the number
    int ranks;
    double min_distance;           // Ang: closer atoms are refused
    struct code_hooks hooks;
};

// One process; the program's own ranks are the launcher's affair. AL_ERR_NOTFOUND: no such program. AL_ERR_INPUT, AL_ERR_UNSUPPORTED:
// settings that it cannot have.
enum al_err code_labeler_open(const struct code_options *o, struct labeler **ret);

// What code_labeler_open does to the program: found, and asked for its version ("" where it cannot be asked). The program is told
// to be another one than ops expects: AL_ERR_UNSUPPORTED with what it says.
enum al_err code_probe(const struct code_ops *ops, const char *program, char ret_path[AL_PATH], char ret_version[64]);

// --- inside of this room -------------------------------------------------------------------------------

struct code_run {
    const char *dir, *program; // program: path
    const char *const *args;
    const char *const *launcher; // NULL: none
    int ranks;
    const char *input, *screen, *errors; // in dir; input NULL: nothing to read
    const struct code_hooks *hooks;      // may be NULL
    const char *rung;
};
// Waits for its end. *ret_code: exit code, or -signal. AL_ERR_STOPPED: it was asked to, and the program is gone.
enum al_err code_run(const struct code_run *r, int *ret_code);

// Whether what was read is this frame: atoms (order[i]: number in f of the program's atom i), places, cell, everything there.
enum al_err code_check(const struct al_frame *f, const struct code_step *s, const int *order);

#endif
