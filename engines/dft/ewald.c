// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Ewald energy of point charges Z_i in a neutralising background (P. P. Ewald, Ann. Phys. 369, 253, 1921):
//   E = 1/2 sum' Z_i Z_j erfc(eta r)/r + (2 pi/V) sum_(G/=0) exp(-G^2/4 eta^2)/G^2 |sum_i Z_i exp(iG.r_i)|^2
//       - eta/sqrt(pi) sum Z_i^2 - pi/(2 V eta^2) (sum Z_i)^2
// Atoms i and plane waves are dealt to the ranks in turn.
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/terms.h"

static const double reach = 6.5; // erfc(6.5) and exp(-6.5^2) are below 1e-18

static double charge(const struct dft_system *s, int i)
{
    return s->ff[s->kind[i]]->psp->zion;
}

struct ewald_sums {
    double energy, (*f)[3], strain[3][3];
};

static void add_pair(double zz, double eta, const double d[3], double r, int i, struct ewald_sums *w)
{
    double e = zz * erfc(eta * r) / r;
    double de = -e / r - zz * 2 * eta / sqrt(AL_PI) * exp(-eta * eta * r * r) / r;
    w->energy += 0.5 * e;
    for (int a = 0; a < 3; a++) {
        w->f[i][a] += de * d[a] / r; // d points from i to j; the pair is met from both ends
        for (int c = 0; c < 3; c++)
            w->strain[a][c] += 0.5 * de * d[a] * d[c] / r;
    }
}

static void real_part(const struct dft_system *s, double eta, struct ewald_sums *w)
{
    const struct basis *b = s->b;
    const double rc = reach / eta;
    int lim[3];
    for (int d = 0; d < 3; d++)
        lim[d] = (int)ceil(rc * sqrt(al_dot3(b->b[d], b->b[d])) / (2 * AL_PI)) + 1;
    for (int i = b->comm->rank; i < s->natoms; i += b->comm->size)
        for (int j = 0; j < s->natoms; j++)
            for (int n0 = -lim[0]; n0 <= lim[0]; n0++)
                for (int n1 = -lim[1]; n1 <= lim[1]; n1++)
                    for (int n2 = -lim[2]; n2 <= lim[2]; n2++) {
                        if (i == j && n0 == 0 && n1 == 0 && n2 == 0) continue;
                        double t[3] = {s->tau[j][0] - s->tau[i][0] + n0, s->tau[j][1] - s->tau[i][1] + n1,
                                       s->tau[j][2] - s->tau[i][2] + n2},
                               d[3];
                        al_vecmat3(t, b->a, d);
                        double r2 = al_dot3(d, d);
                        if (r2 < rc * rc) add_pair(charge(s, i) * charge(s, j), eta, d, sqrt(r2), i, w);
                    }
}

// G and -G together; phase: [natoms] scratch.
static void add_wave(const struct dft_system *s, double eta, const double m[3], const double g[3],
                     double complex *phase, struct ewald_sums *w)
{
    double g2 = al_dot3(g, g), x = g2 / (4 * eta * eta);
    double complex sum = 0;
    for (int i = 0; i < s->natoms; i++) {
        double arg = 2 * AL_PI * al_dot3(m, s->tau[i]);
        phase[i] = charge(s, i) * CMPLX(cos(arg), sin(arg));
        sum += phase[i];
    }
    double pref = 4 * AL_PI / s->b->volume * exp(-x) / g2, e = pref * creal(sum * conj(sum));
    w->energy += e;
    for (int a = 0; a < 3; a++) {
        for (int i = 0; i < s->natoms; i++)
            w->f[i][a] += 2 * pref * g[a] * cimag(phase[i] * conj(sum));
        for (int c = 0; c < 3; c++)
            w->strain[a][c] += e * (2 * g[a] * g[c] / g2 * (1 + x) - (a == c));
    }
}

static enum al_err reciprocal_part(const struct dft_system *s, double eta, struct ewald_sums *w)
{
    const struct basis *b = s->b;
    const double gc = 2 * eta * reach;
    AL_AUTOFREE double complex *phase = NULL;
    AL_ALLOC(phase, s->natoms);
    int lim[3], wave = 0;
    for (int d = 0; d < 3; d++)
        lim[d] = (int)(gc * sqrt(al_dot3(b->a[d], b->a[d])) / (2 * AL_PI)) + 1;
    for (int m0 = 0; m0 <= lim[0]; m0++)
        for (int m1 = -lim[1]; m1 <= lim[1]; m1++)
            for (int m2 = -lim[2]; m2 <= lim[2]; m2++) {
                double m[3] = {m0, m1, m2}, g[3];
                if (m0 == 0 && (m1 < 0 || (m1 == 0 && m2 <= 0))) continue;
                al_vecmat3(m, b->b, g);
                if (al_dot3(g, g) > gc * gc || wave++ % b->comm->size != b->comm->rank) continue;
                add_wave(s, eta, m, g, phase, w);
            }
    return AL_ERR_OK;
}

enum al_err ewald(const struct dft_system *s, double eta, double *ret_energy, double (*f)[3],
                  double (*strain)[3])
{
    const double vol = s->b->volume;
    if (eta <= 0) eta = sqrt(AL_PI) * pow(s->natoms / (vol * vol), 1.0 / 6); // both sums grow like N^(3/2)
    AL_AUTOFREE double(*force)[3] = NULL;
    AL_ALLOC(force, s->natoms);
    struct ewald_sums w = {.f = force};
    real_part(s, eta, &w);
    AL_TRY(reciprocal_part(s, eta, &w));
    AL_TRY(comm_sum_d(s->b->comm, &w.energy, 1));
    AL_TRY(comm_sum_d(s->b->comm, w.strain[0], 9));
    AL_TRY(comm_sum_d(s->b->comm, force[0], 3 * (size_t)s->natoms));
    double q = 0, q2 = 0;
    for (int i = 0; i < s->natoms; i++) {
        q += charge(s, i);
        q2 += charge(s, i) * charge(s, i);
    }
    double background = -AL_PI * q * q / (2 * vol * eta * eta);
    *ret_energy = w.energy - eta / sqrt(AL_PI) * q2 + background;
    for (int i = 0; f && i < s->natoms; i++)
        for (int a = 0; a < 3; a++)
            f[i][a] += force[i][a];
    for (int a = 0; strain && a < 3; a++)
        for (int c = 0; c < 3; c++)
            strain[a][c] += w.strain[a][c] - (a == c) * background;
    return AL_ERR_OK;
}
