// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Reader of norm-conserving pseudopotentials in ABINIT's format psp8, as ONCVPSP writes it (D. R. Hamann,
// PRB 88, 085117, 2013; ABINIT's doc/developers/psp8_info). Hartree atomic units.
#ifndef AL_DFT_PSP8_H
#define AL_DFT_PSP8_H

#include "base/err.h"

enum { PSP_LMAX = 3, PSP_CHANNELS = 16 };

struct psp8 {
    int z;
    double zion; // valence charge
    int mmax;    // radial points
    double h;    // spacing: r_i = i h
    int nchan;   // radial projectors of all l
    int l[PSP_CHANNELS];
    double ekb[PSP_CHANNELS];   // Ha: V_NL = sum |beta> ekb <beta|
    double *beta[PSP_CHANNELS]; // [mmax] r beta(r)
    double *vloc;               // [mmax] Ha
    double *core;               // [mmax] 4 pi model core density, or NULL
    double *valence;            // [mmax] 4 pi valence density of the atom, or NULL
    char sha256[65];            // of the file's bytes
};

// Parse text (NUL-terminated) of n bytes; name is for messages. AL_ERR_CORRUPT with the line number,
// AL_ERR_UNSUPPORTED for spin-orbit tables.
enum al_err psp8_parse(const char *name, const char *text, size_t n, struct psp8 **ret);
void psp8_destroy(struct psp8 **p);
int psp8_nproj(const struct psp8 *p); // with all m: sum of 2 l + 1

#endif
