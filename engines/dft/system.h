// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// One frame as the energy terms see it: plane waves, atoms, form factors, phases. Atomic units.
#ifndef AL_DFT_SYSTEM_H
#define AL_DFT_SYSTEM_H

#include "dft/basis.h"
#include "dft/formfac.h"

struct dft_system {
    struct basis *b; // owned
    int natoms, nkinds;
    const struct formfac **ff; // [nkinds] borrowed tables
    int *kind;                 // [natoms]
    double (*tau)[3];          // [natoms] fractions of a
    double nelec;
    bool has_core; // any kind has a model core charge
    int plim[3];
    double complex *phase[3]; // [natoms][2 plim + 1] exp(-2 pi i m tau_d)
};

// Takes *b over (also on failure). pos in bohr. nelec is that of the neutral cell: a charge is subtracted by the
// caller, and the uniform background that neutralises it needs nothing else, since every Coulomb term leaves out
// G = 0 (average potential zero) and ewald() has the ions' own background.
enum al_err dft_system_create(struct basis **b, int natoms, const int *kind, const double (*pos)[3],
                              int nkinds, const struct formfac *const *ff, struct dft_system **ret);
void dft_system_destroy(struct dft_system **s);

// exp(-i G.tau) of atom i for reciprocal indices m.
static inline double complex dft_phase(const struct dft_system *s, int i, const int m[3])
{
    double complex p = 1;
    for (int d = 0; d < 3; d++)
        p *= s->phase[d][i * (2 * s->plim[d] + 1) + m[d] + s->plim[d]];
    return p;
}

// e[n] = exp(-i G.tau) of atom i for reciprocal indices in the order of a sphere (last index fastest).
void dft_phases(const struct dft_system *s, int i, int n, const int (*mill)[3], double complex *e);

#endif
