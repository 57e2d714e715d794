// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Parameters of the dual-space Gaussian pseudopotentials of Goedecker, Teter and Hutter, Hartree atomic units:
//   V_loc(r) = -q/r erf(r/(sqrt(2) rloc)) + exp(-r^2/(2 rloc^2)) sum_i c_i (r/rloc)^(2i - 2)
//   V_NL = sum_l sum_m sum_ij |p_i Y_lm> h_ij <p_j Y_lm|,  p_i(r) ~ r^(l + 2i - 2) exp(-r^2/(2 r_l^2))
//   rho_core(r) = core_c/(4 pi) exp(-r^2/(2 core_r^2))
// The built-in set GTH-PBE: numbers of M. Krack, Theor. Chem. Acc. 114, 145 (2005), method of S. Goedecker, M.
// Teter, J. Hutter, PRB 54, 1703 (1996) and C. Hartwigsen, S. Goedecker, J. Hutter, PRB 58, 3641 (1998); Li-q1 is
// from the GTH-PBE set of the University of Zurich group in CP2K's POTENTIAL_UZH.
#ifndef AL_BASE_GTH_H
#define AL_BASE_GTH_H

#include <stdbool.h>

#include "base/err.h"

enum { AL_GTH_L = 4, AL_GTH_PROJ = 3, AL_GTH_LOCAL = 4 };

struct al_gth {
    int z;
    char name[32];           // GTH-PBE-q3
    int occ[AL_GTH_L];       // valence electrons of s, p, d, f
    double rloc;             // bohr
    int nc, nl;              // coefficients of the local part; angular momenta with a radius
    double c[AL_GTH_LOCAL];  // Ha
    struct {
        double r;            // bohr
        int n;               // projectors
        double h[6];         // Ha, upper triangle by rows: 11 12 13 22 23 33
    } nl_part[AL_GTH_L];
    double core_r, core_c;   // bohr, 1/bohr^3; core_c = 0: none
};

int al_gth_charge(const struct al_gth *g); // q
// A built-in parameter set by element and name: "GTH-PBE-q3", or "GTH-PBE" for the element's default (Li: q3, Mg:
// q10). NULL when there is none.
const struct al_gth *al_gth_find(int z, const char *name);
// The i-th of all, NULL after the last.
const struct al_gth *al_gth_at(int i);
// SHA-256 of the parameters.
void al_gth_hash(const struct al_gth *g, char ret_hex[65]);

#endif
