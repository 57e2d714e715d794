// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Model deviation of a committee (Zhang et al., Phys. Rev. Materials 3, 023804, 2019; formulas of `dp
// model-devi`, INTEROP 4.6). Standard deviations are of the population (divided by n).
//   f_i = || std over members of F_i ||_2,  v_c = std over members of V_c/N (c = 1..9),  devi_e = std(E)/N
#ifndef AL_COMMITTEE_COMMITTEE_H
#define AL_COMMITTEE_COMMITTEE_H

#include "base/frame.h"
#include "dp/engine.h"
#include "seam/potential.h"

struct deviation {
    double max_f, min_f, avg_f; // eV/Ang, over atoms
    double max_v, min_v, avg_v; // eV/atom, over components; avg = root of the mean square
    double e;                   // eV/atom
    double *f;                  // [natoms] f_i, caller's memory; NULL = not wanted
};

struct committee;
// .dp files, n >= 1.
enum al_err committee_open(const char *const paths[], int n, enum dp_way way, struct committee **ret);
// Any potentials; takes over the n instances (writes NULL) also on failure.
enum al_err committee_from_potentials(struct potential *p[], int n, struct committee **ret);
void committee_destroy(struct committee **c);
void committee_threads(struct committee *c, int threads); // of each member's evaluation, one member after the other; 1 at first
int committee_size(const struct committee *c);
double committee_cutoff(const struct committee *c); // Ang, largest of the members
// Deviation; where mean is not NULL also the mean over members of energy, forces, virial.
enum al_err committee_eval(struct committee *c, const struct al_frame *f, struct deviation *ret_d,
                           struct pot_result *mean);
// One member's result of the last committee_eval (borrowed until the next): forces [natoms][3].
const struct pot_result *committee_member(const struct committee *c, int member);
// A potential that is member 0 alone for MD; borrowed, lives as long as the committee.
struct potential *committee_leader(struct committee *c);
struct potential *committee_potential(struct committee *c, int member); // borrowed
// Inputs outside the tables of the members that are Deep Potentials, so far (see dp/compress.h).
long committee_outside(const struct committee *c);
// Deviation of given results (tests, stored results): n results of natoms atoms.
void deviation_of(int n, const struct pot_result res[], int natoms, struct deviation *ret_d);

#endif
