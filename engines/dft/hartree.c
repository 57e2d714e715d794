// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Hartree energy E = (volume/2) sum_(G/=0) 4 pi |rho(G)|^2 / G^2; G = 0 is left out here, in the Ewald sum
// and in the local potential together, since the cell is neutral.
#include "base/units.h"
#include "dft/terms.h"

double hartree_energy(const struct basis *b, const double complex *rho)
{
    double e = 0;
    for (int i = 0; i < b->ng; i++)
        if (b->g2[i] > 0) e += creal(rho[i] * conj(rho[i])) / b->g2[i];
    return 2 * AL_PI * b->volume * e;
}

void hartree_potential(const struct basis *b, const double complex *rho, double complex *v)
{
    for (int i = 0; i < b->ng; i++)
        if (b->g2[i] > 0) v[i] += 4 * AL_PI / b->g2[i] * rho[i];
}

void hartree_strain(const struct basis *b, const double complex *rho, double (*strain)[3])
{
    for (int i = 0; i < b->ng; i++) {
        if (b->g2[i] == 0) continue;
        double e = 2 * AL_PI * b->volume * creal(rho[i] * conj(rho[i])) / b->g2[i];
        for (int a = 0; a < 3; a++)
            for (int c = 0; c < 3; c++)
                strain[a][c] += e * (2 * b->g[i][a] * b->g[i][c] / b->g2[i] - (a == c));
    }
}
