// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Integrators behind the seam. All are stateless: what a restart needs is in struct md_state (bath, rng).
// conserved() = potential + kinetic energy + md_state.bath (npt: and its terms of pressure and volume).
#ifndef AL_MD_INTEGRATORS_H
#define AL_MD_INTEGRATORS_H

#include "seam/integrator.h"

// Velocity Verlet (Swope, Andersen, Berens, Wilson 1982): time-reversible, symplectic, energy error ~ dt^2.
enum al_err md_nve_open(struct integrator **ret);

struct md_thermostat {
    double temperature; // K
    double tau;         // fs: relaxation time of the kinetic energy (svr) or 1/friction (langevin)
    int removed_dof;    // degrees of freedom that are not thermostatted: 3 for a potential that conserves
                        // momentum (the thermostat keeps it zero), 0 with an external field
};
// Canonical ensemble by stochastic velocity rescaling (Bussi, Donadio, Parrinello, J. Chem. Phys. 126,
// 014101 (2007), eq. A7) after each velocity Verlet step.
enum al_err md_svr_open(const struct md_thermostat *t, struct integrator **ret);
// Langevin dynamics, BAOAB splitting (Leimkuhler, Matthews, Appl. Math. Res. Express 2013, 34). With
// removed_dof = 3 the noise is projected to zero total momentum.
enum al_err md_langevin_open(const struct md_thermostat *t, struct integrator **ret);

struct md_barostat {
    struct md_thermostat heat;
    double pressure;        // GPa
    double tau;             // fs: relaxation time of the volume
    double compressibility; // 1/GPa: an estimate; with tau it sets the speed of the cell, never the ensemble
};
// Isotropic NPT by stochastic cell rescaling (Bernetti, Bussi, J. Chem. Phys. 153, 114107 (2020)) with stochastic
// velocity rescaling. With removed_dof = 3 the centre of mass is no degree of freedom, so the volume's
// distribution is that of N - 1 free particles: V^(N-1) exp(-P V/kT) times the configurations'.
enum al_err md_npt_open(const struct md_barostat *o, struct integrator **ret);

#endif
