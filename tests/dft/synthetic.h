// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Made-up soft pseudopotentials for tests without downloaded data: a cation (Mg, 2 electrons) and an anion
// (O, 6) with erf local potential, two s and one p (cation: also one d) Gaussian projectors, model cores;
// written as psp8 files.
#ifndef AL_TEST_DFT_SYNTHETIC_H
#define AL_TEST_DFT_SYNTHETIC_H

#include "dft/dft.h"
#include "dft/formfac.h"
#include "dft/system.h"

// Text of the file of element z (12 or 8); caller frees with al_free.
enum al_err synthetic_psp8(int z, char **ret);
// Options with both files written under a fresh temporary directory (removed at exit).
enum al_err synthetic_options(struct dft_options *opt);
// 2 n atoms (n = 1, 2) in a skewed cell, moved off their sites.
enum al_err synthetic_frame(int n, struct al_frame **ret);
// Labels f; its forces as they were before their mean was taken out.
enum al_err synthetic_label(const struct dft_options *o, struct comm *c, struct al_frame *f, struct label_report *ret);
// The two-atom frame as a dft_system at ecut (Ha; the same in every call of a program). strain: cell and
// positions are multiplied by (1 + strain) while the plane waves stay those of the unstrained cell; atom >= 0
// is moved by d (bohr).
struct synthetic_system {
    struct dft_system *s;
};
enum al_err synthetic_system(struct comm *c, double ecut, const double strain[3][3], int atom,
                             const double d[3], struct synthetic_system *ret);
// From now on (synthetic_system and synthetic_psp8) projectors of this l only, 3: an f projector of the cation that is not
// there otherwise; -1: all (but f).
void synthetic_channel(int l);
void synthetic_system_drop(struct synthetic_system *x);

#endif
