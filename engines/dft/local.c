// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Local pseudopotential: E = volume sum_G conj(rho) Vloc, forces by superpose_force with h = rho.
#include "dft/terms.h"

double local_energy(const struct basis *b, const double complex *rho, const double complex *vloc)
{
    double e = 0;
    for (int i = 0; i < b->ng; i++)
        e += creal(conj(rho[i]) * vloc[i]);
    return b->volume * e;
}

enum al_err local_strain(const struct dft_system *s, const double complex *rho, const double complex *vloc,
                         double (*strain)[3])
{
    double e = local_energy(s->b, rho, vloc); // ~ 1/volume at fixed structure and form factors
    for (int a = 0; a < 3; a++)
        strain[a][a] -= e;
    return superpose_strain(s, FORM_LOCAL, rho, strain);
}
