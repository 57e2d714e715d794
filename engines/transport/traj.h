// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A trajectory in memory for analysis: positions alone, continuous over periodic boundaries. An atom's step from frame to frame is the
// shortest image of its *fractional* step, so the cell may change; fractional positions are then taken in the mean cell, where the
// breathing of the cell moves no atom of a crystal (unwrapping in the instantaneous cell makes a spurious diffusion at constant pressure:
// von Bulow, Bullerjahn, Hummer, J. Chem. Phys. 153, 021101 (2020)). Memory: 24 bytes for each atom kept and frame.
#ifndef AL_TRANSPORT_TRAJ_H
#define AL_TRANSPORT_TRAJ_H

#include "base/traj.h"

struct tr_traj {
    int natoms;              // kept
    int *z;                  // [natoms]
    long n;                  // frames
    double dt;               // fs from frame to frame
    double (**x)[3];         // [n][natoms][3] Ang, continuous, in the mean cell; the framework's motion is still in it
    bool pbc, variable;      // variable: the cell changes
    double cell[3][3];       // mean, rows a, b, c
    double (*cells)[3][3];   // [n]
    double volume;           // Ang^3, mean; 0 without a cell
    double temperature;      // K: mean of the frames' velocities, else of "temperature" in their comments; NaN: neither
    int all[AL_ZMAX + 1];    // atoms of each element in the file, kept or not
    long skipped;            // frames left out at the start
    double largest;          // largest |fractional step| of an atom along an axis; near 1/2 the unwrapping is doubtful
    char format[24];
};

struct tr_load {
    const char *path;
    struct al_traj_options file;
    double dt;               // fs between frames; 0: as the file says
    double skip;             // fs left out at the start
    bool keep[AL_ZMAX + 1];  // elements; none set: all
    void *ctx;
    bool (*progress)(void *ctx, double share, long frames); // true: stop (AL_ERR_STOPPED); may be NULL
};

// AL_ERR_INPUT with file and line, frame and hint: unreadable, other atoms from frame to frame, unequal or unknown time steps, less
// than two frames.
enum al_err tr_traj_read(const struct tr_load *o, struct tr_traj **ret);
// The same of frames in memory.
enum al_err tr_traj_of_frames(const struct al_frames *fs, double dt, struct tr_traj **ret);
void tr_traj_destroy(struct tr_traj **t);
double tr_traj_bytes(const struct tr_traj *t);

// "Li" -> 3, "P,S" -> {15, 16}: elements in keep, their number returned. AL_ERR_INPUT: an unknown one.
enum al_err tr_elements(const char *text, bool ret_keep[AL_ZMAX + 1]);
// Centre of mass of the elements of framework, relative to where it was in the first frame. centre: [n].
void tr_traj_centre(const struct tr_traj *t, const bool framework[AL_ZMAX + 1], double (*ret_centre)[3]);

#endif
