// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The reader of CP2K's output (cp2k_read.c) and what stands beside the output (cp2k_beside.c).
#ifndef AL_CODES_CP2K_OUT_H
#define AL_CODES_CP2K_OUT_H

#include "base/lines.h"
#include "codes/codes.h"

enum cp2k_xyz_state { CP2K_XYZ_CLOSED, CP2K_XYZ_NONE, CP2K_XYZ_OPEN };

// PROJECT-pos-1.xyz or PROJECT-frc-1.xyz: blocks "n", " i = 0, time = 0.000, E = -24.8", n rows.
struct cp2k_xyz {
    enum cp2k_xyz_state state;
    char path[AL_PATH];
    struct al_lines r;
    bool have;       // a block is here that no evaluation had yet
    bool used;       // the block belongs to the evaluation at hand
    bool matched;    // some block had an evaluation
    double energy;   // Ha
    double (*v)[3];  // [n]
};

struct cp2k_scf { // since the last energy
    bool converged;
    int steps;
    double entropic, electrons;
    char note[200];
};

struct cp2k {
    struct al_lines r;
    char path[AL_PATH], input[256], project[256];
    bool moves, cell_moves, complete, places, emitted;
    int n, cap, *z;
    double (*start)[3], (*force)[3]; // Ang; Ha/bohr
    int cells;                       // vectors that were read
    double vectors[3][3], length[3], angle[3];
    bool exact;                      // cell holds the vectors
    double cell[3][3];
    struct cp2k_scf scf, now;
    int energies;                    // 1: an evaluation is here
    bool forces, stress, closed;     // closed: what comes after a whole evaluation has been seen
    double energy, sigma[3][3], electrons, md_length[3], md_angle[3];
    struct cp2k_xyz pos, frc;
};

enum al_err cp2k_cell(struct cp2k *d, double ret[3][3]);
// Whether there are coordinates of the evaluation at hand; forces as well where the output has none.
enum al_err cp2k_places(struct cp2k *d, bool *ret_known);
void cp2k_xyz_close(struct cp2k_xyz *x);

#endif
