// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Occupations. With smearing of width sigma a state at e holds f(x), x = (mu - e)/sigma, f(x) = int_(-inf)^x
// delta(y) dy, and the entropy term -TS = sigma sum int_(-inf)^x y delta(y) dy makes the free energy stationary
// in the occupations, so that forces belong to it:
//   Gaussian (C.-L. Fu and K.-M. Ho, PRB 28, 5480, 1983), Fermi-Dirac (N. D. Mermin, Phys. Rev. 137, A1441,
//   1965), cold (N. Marzari, D. Vanderbilt, A. De Vita and M. C. Payne, PRL 82, 3296, 1999).
#ifndef AL_DFT_OCCUPATION_H
#define AL_DFT_OCCUPATION_H

#include "dft/dft.h"

// f(x) in 0..1 (cold smearing: up to 1.13) and the entropy's integral; DFT_SMEARING_NONE is a step at 0.
double occupation_fill(enum dft_smearing kind, double x);
double occupation_entropy(enum dft_smearing kind, double x);

struct occupied {
    double fermi;   // Ha
    double entropy; // -TS, Ha
};
// e, occ [nk][nb]; weight[nk] sums to 1; occ[i][j] = 2 weight[i] f((mu - e)/width) sums to nelec.
// AL_ERR_INPUT: more electrons than the bands hold.
enum al_err occupation_solve(enum dft_smearing kind, double width, int nk, int nb, const double *weight,
                             const double *e, double nelec, double *occ, struct occupied *ret);

// Energy at zero width from the free energy F = E - TS: (E + F)/2 where the error is of second order in the
// width (M. J. Gillan, JPCM 1, 689, 1989); F itself for cold smearing, which has none.
double occupation_zero_width(enum dft_smearing kind, double free_energy, double entropy);

// What the highest band may hold of its two electrons where the number of bands is our own choice.
#define OCCUPATION_TRACE 1e-6
int occupation_full(double nelec); // bands that hold nelec electrons without smearing
// Bands for an insulator: a few empty ones, which tell the gap.
int occupation_bands_of_insulator(double nelec);
// Bands for nelec electrons in a cell of volume (bohr^3): those filled and opt->nextra, or our own choice (-1). That is with smearing as
// many as free electrons of this density have up to where the filling has fallen to OCCUPATION_TRACE: k^3 volume/(6 pi^2) bands lie
// below k^2/2.
int occupation_bands(const struct dft_options *opt, double nelec, double volume);

#endif
