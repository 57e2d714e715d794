// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Nose-Hoover chain. For the kinetic energy K of dof degrees of freedom and thermostats j = 1..M with velocities w_j:
//   dv/dt = F/m - w_1 v,  dw_1/dt = (2K - dof kT)/Q_1 - w_1 w_2,  dw_j/dt = (Q_j-1 w_j-1^2 - kT)/Q_j - w_j w_j+1
// conserved: E + K + sum Q_j w_j^2/2 + dof kT eta_1 + kT (eta_2 + ...), d eta_j/dt = w_j.
// The eta are needed nowhere else, so md_state.bath holds the last two terms, summed as they change: kT may then be ramped.
#include <math.h>

#include "base/units.h"
#include "md/md_impl.h"

// Sixth order of H. Yoshida, Phys. Lett. A 150, 262 (1990), as in Martyna et al. 1996.
static const double weight[7] = {0.784513610477560,  0.235573213359357, -1.17767998417887, 1.31518632068391,
                                 -1.17767998417887, 0.235573213359357, 0.784513610477560};
enum { SUBSTEPS = 2 };

static double mass_of(const struct md_thermostat *o, int dof, int j) // eV fs^2
{
    return (j ? 1 : dof) * AL_KB_EV * o->temperature * o->tau * o->tau;
}

double md_chain_energy(const struct md_thermostat *o, const struct md_state *s)
{
    const int dof = 3 * s->f->natoms - o->removed_dof;
    double e = 0.0;
    for (int j = 0; j < MD_CHAIN; j++)
        e += 0.5 * mass_of(o, dof, j) * s->chain[j] * s->chain[j];
    return e;
}

static double force(const struct md_thermostat *o, int dof, double kt, double k, const double *w, int j)
{
    double drive = j ? mass_of(o, dof, j - 1) * w[j - 1] * w[j - 1] - kt : 2.0 * k - dof * kt;
    return drive / mass_of(o, dof, j);
}

// Each velocity moves by dt/2 under its force between two quarter steps of the friction of the next one.
static void kick_chain(const struct md_thermostat *o, int dof, double kt, double k, double *w, int j, double dt)
{
    double friction = j + 1 < MD_CHAIN ? exp(-0.25 * dt * w[j + 1]) : 1.0;
    w[j] = (w[j] * friction + 0.5 * dt * force(o, dof, kt, k, w, j)) * friction;
}

void md_chain_move(const struct md_thermostat *o, double kt, struct md_state *s, double dt)
{
    // Rounding lets the total momentum grow, which a global scaling would then keep alive.
    if (o->removed_dof) md_remove_momentum(s);
    const int dof = 3 * s->f->natoms - o->removed_dof;
    const double start = md_kinetic_energy(s);
    double k = start, scale = 1.0, *w = s->chain;
    for (int i = 0; i < 7 * SUBSTEPS; i++) {
        double h = weight[i % 7] * dt / SUBSTEPS;
        for (int j = MD_CHAIN - 1; j >= 0; j--)
            kick_chain(o, dof, kt, k, w, j, h);
        double a = exp(-h * w[0]);
        scale *= a;
        k = start * scale * scale;
        for (int j = 0; j < MD_CHAIN; j++)
            s->bath += (j ? 1 : dof) * kt * h * w[j];
        for (int j = 0; j < MD_CHAIN; j++)
            kick_chain(o, dof, kt, k, w, j, h);
    }
    for (int i = 0; i < s->f->natoms; i++)
        for (int c = 0; c < 3; c++)
            s->f->vel[i][c] *= scale;
}
