// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Integrators behind the seam. All are stateless: what a restart needs is in struct md_state (bath, chain, rng).
// conserved() = potential + kinetic energy + md_state.bath (Nose-Hoover: and the kinetic energy of the chain). Heat, work
// on the cell and its entropy are booked as they flow, so that it stays constant in ramps, too.
#ifndef AL_MD_INTEGRATORS_H
#define AL_MD_INTEGRATORS_H

#include "seam/integrator.h"

// Velocity Verlet (Swope, Andersen, Berens, Wilson 1982): time-reversible, symplectic, energy error ~ dt^2.
enum al_err md_nve_open(struct integrator **ret);

// A linear change over the time of a run: at time t the value start + (end - start) t / time; no ramp with time 0.
struct md_ramp {
    double time;                      // fs
    double temperature_end, pressure_end; // K, GPa (npt)
};

enum md_heat {
    MD_SVR,      // stochastic velocity rescaling
    MD_LANGEVIN,
    MD_NHC,      // Nose-Hoover chain
};

struct md_thermostat {
    double temperature; // K
    double tau;         // fs: relaxation time of the kinetic energy (svr), 1/friction (langevin), 1/frequency of the chain (nhc)
    int removed_dof;    // degrees of freedom that are not thermostatted: 3 for a potential that conserves
                        // momentum (the thermostat keeps it zero), 0 with an external field
    struct md_ramp ramp;
};
// Canonical ensemble by stochastic velocity rescaling (Bussi, Donadio, Parrinello, J. Chem. Phys. 126,
// 014101 (2007), eq. A7) after each velocity Verlet step.
enum al_err md_svr_open(const struct md_thermostat *t, struct integrator **ret);
// Langevin dynamics, BAOAB splitting (Leimkuhler, Matthews, Appl. Math. Res. Express 2013, 34). With
// removed_dof = 3 the noise is projected to zero total momentum.
enum al_err md_langevin_open(const struct md_thermostat *t, struct integrator **ret);
// Nose-Hoover chain of MD_CHAIN thermostats (Martyna, Klein, Tuckerman, J. Chem. Phys. 97, 2635 (1992); integrator of
// Martyna, Tuckerman, Tobias, Klein, Mol. Phys. 87, 1117 (1996)): deterministic and time-reversible. Masses
// Q_1 = dof kT tau^2, Q_j = kT tau^2 at the starting temperature.
enum al_err md_nhc_open(const struct md_thermostat *t, struct integrator **ret);

#define MD_COMPRESSIBILITY 0.05 // 1/GPa, of soft ionic solids; with tau it sets the speed of the cell only

struct md_barostat {
    struct md_thermostat heat;
    double pressure;        // GPa
    double tau;             // fs: relaxation time of the volume
    double compressibility; // 1/GPa: an estimate; with tau it sets the speed of the cell, never the ensemble
    enum md_heat kind;      // which thermostat
    double volume;          // Ang^3, full cell only: about what it will be; sets the speed as well
};
// Isotropic NPT by stochastic cell rescaling (Bernetti, Bussi, J. Chem. Phys. 153, 114107 (2020)). With
// removed_dof = 3 the centre of mass is no degree of freedom, so the volume's
// distribution is that of N - 1 free particles: V^(N-1) exp(-P V/kT) times the configurations'.
enum al_err md_npt_open(const struct md_barostat *o, struct integrator **ret);
// NPT with all six lengths and angles of the cell free, by stochastic cell rescaling in the ensemble of Del Tatto,
// Raiteri, Bernetti, Bussi, Appl. Sci. 12, 1139 (2022); cell.c says how it is integrated.
enum al_err md_npt_full_open(const struct md_barostat *o, struct integrator **ret);

// By the words that users write. ensemble: nve, nvt, npt; thermostat: svr, langevin, nhc; cell: isotropic, full.
struct md_ensemble {
    const char *ensemble, *thermostat, *cell;
    struct md_barostat o; // kind is set from thermostat
};
enum al_err md_ensemble_open(const struct md_ensemble *e, struct integrator **ret);

#endif
