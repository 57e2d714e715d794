// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A norm-conserving pseudopotential as the engine uses it, whatever file it came from: local potential,
// separable channels V_NL = sum_c sum_m |beta_c Y_lm> ekb_c <beta_c Y_lm| (matrices of the file are
// diagonalised), model core and valence density. Hartree atomic units. Formats:
//   psp8   ABINIT's, as ONCVPSP writes it (D. R. Hamann, PRB 88, 085117, 2013; ABINIT's psp8_info)
//   UPF 2  Quantum ESPRESSO's, norm-conserving
//   GTH    CP2K's text (S. Goedecker, M. Teter, J. Hutter, PRB 54, 1703, 1996; C. Hartwigsen et al., PRB 58,
//          3641, 1998; A. Willand et al., JCP 138, 104109, 2013 for the core): Gaussians, in closed form
#ifndef AL_DFT_PSEUDO_H
#define AL_DFT_PSEUDO_H

#include "base/gth.h"

enum { PSP_LMAX = 3, PSP_CHANNELS = 16 };

struct pseudo {
    int z;
    double zion;         // valence charge
    char functional[64]; // it was made with, as the file says it: a name, libxc names or "ixc N"; "" = unknown
    int nchan;           // radial projectors of all l
    int l[PSP_CHANNELS];
    double ekb[PSP_CHANNELS]; // Ha
    // tables (mmax = 0 for GTH): radii and integration weights, bohr
    int mmax;
    double *r, *w;              // [mmax] integral of f = sum_i w_i f(r_i)
    double *beta[PSP_CHANNELS]; // [mmax] r beta(r)
    double *vloc;               // [mmax] Ha
    double *core;               // [mmax] 4 pi model core density, or NULL
    double *valence;            // [mmax] 4 pi valence density of the atom, or NULL
    // Gaussians: channel c is sum_i mix[c][i] p_i of its l
    struct al_gth *gth; // NULL for tables
    double mix[PSP_CHANNELS][AL_GTH_PROJ];
    char sha256[65]; // of the file's bytes, or of the parameters of a built-in one
};

// Text (NUL-terminated) of n bytes in any of the formats; name is for messages. z and entry choose in a GTH
// file: element and name ("GTH-PBE-q3", an alias, or "q3"); entry NULL: the only one of the element. With the
// other formats entry must be NULL, and the element is checked (z = 0: any).
// AL_ERR_CORRUPT with the line; AL_ERR_UNSUPPORTED: ultrasoft, PAW, spin-orbit, UPF 1, other formats;
// AL_ERR_INPUT: another element, no such entry.
enum al_err pseudo_read(const char *name, const char *text, size_t n, int z, const char *entry,
                        struct pseudo **ret);
// From parameters (checked): the built-in ones of base/gth.h.
enum al_err pseudo_from_gth(const struct al_gth *g, struct pseudo **ret);
void pseudo_destroy(struct pseudo **q);
int pseudo_nproj(const struct pseudo *p); // with all m: sum of 2 l + 1

// For the readers: integration weights on the mesh r, whose steps are dr/di = rab (NULL: uniform), by
// Gregory's rule; and the channels of one l out of n functions [n][mmax] with the symmetric matrix d [n][n], Ha.
enum al_err pseudo_set_mesh(struct pseudo *p, int mmax, const double *r, const double *rab);
enum al_err pseudo_add_channels(struct pseudo *p, int l, int n, double *const *f, const double *d);

#endif
