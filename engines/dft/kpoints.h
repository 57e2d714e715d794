// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// k-points in fractions of the reciprocal vectors: given, Gamma, or Monkhorst-Pack meshes (H. J. Monkhorst
// and J. D. Pack, PRB 13, 5188, 1976) with k and -k merged (time reversal: same density, forces and stress).
#ifndef AL_DFT_KPOINTS_H
#define AL_DFT_KPOINTS_H

#include "dft/dft.h"

struct kpoint_set {
    int n;
    double (*k)[3]; // components in (-1/2, 1/2]
    double *weight; // sum 1
};
// cell: rows, Ang (for a spacing).
enum al_err kpoint_set_create(const struct dft_kpoints *spec, const double cell[3][3],
                              struct kpoint_set **ret);
void kpoint_set_destroy(struct kpoint_set **s);

#endif
