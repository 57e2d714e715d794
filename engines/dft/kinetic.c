// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kinetic energy: sum_j occ_j sum_G |k+G|^2/2 |c_j(G)|^2.
#include "dft/terms.h"

double kinetic_energy(const struct kbasis *k, int nb, const double *occ, const double complex *c)
{
    double e = 0;
    for (int j = 0; j < nb; j++) {
        const double complex *cj = c + (size_t)j * (size_t)k->nloc;
        double sum = 0;
        for (int i = 0; i < k->nloc; i++)
            sum += k->q2[i] * creal(cj[i] * conj(cj[i]));
        e += 0.5 * occ[j] * sum;
    }
    return e;
}

void kinetic_strain(const struct kbasis *k, int nb, const double *occ, const double complex *c,
                    double (*strain)[3])
{
    for (int i = 0; i < k->nloc; i++) {
        double w = 0;
        for (int j = 0; j < nb; j++) {
            double complex z = c[(size_t)j * (size_t)k->nloc + (size_t)i];
            w += occ[j] * creal(z * conj(z));
        }
        for (int a = 0; a < 3; a++)
            for (int d = 0; d < 3; d++)
                strain[a][d] -= w * k->q[i][a] * k->q[i][d];
    }
}
