// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Units. Everything a user sees, frames, learn and md: eV, Angstrom, fs, amu, K, e.
// Inside engines/dft: Hartree atomic units. Constants: CODATA 2018.
#ifndef AL_BASE_UNITS_H
#define AL_BASE_UNITS_H

#include "base/err.h"

#define AL_HARTREE_EV    27.211386245988
#define AL_BOHR_ANG      0.529177210903
#define AL_KB_EV         8.617333262145e-5      // Boltzmann constant, eV/K
#define AL_EV_A3_GPA     160.21766340           // 1 eV/Ang^3 in GPa
#define AL_E_COULOMB     1.602176634e-19
// v [Ang/fs], m [amu]: kinetic energy in eV = 0.5 m v^2 * AL_AMU_A2_FS2_EV; acceleration in Ang/fs^2 =
// F [eV/Ang] / (m * AL_AMU_A2_FS2_EV).
#define AL_AMU_A2_FS2_EV 103.642696563
#define AL_PI            3.14159265358979323846

// Dimensions that loop.yaml knows. AL_DIM_NONE: a bare number.
enum al_dim {
    AL_DIM_NONE,
    AL_DIM_ENERGY,     // eV        (eV meV Ha Ry kJ/mol kcal/mol)
    AL_DIM_ENERGY_ATOM,// eV/atom   (eV/atom meV/atom)
    AL_DIM_LENGTH,     // Ang       (Ang A nm pm bohr)
    AL_DIM_INVLENGTH,  // 1/Ang     (1/Ang 1/bohr 1/nm)
    AL_DIM_TIME,       // fs        (fs ps ns s min h)
    AL_DIM_TEMP,       // K
    AL_DIM_PRESSURE,   // GPa       (GPa MPa kbar bar Pa)
    AL_DIM_FORCE,      // eV/Ang    (eV/Ang meV/Ang Ha/bohr)
    AL_DIM_FRACTION,   // 1         (% or a bare number)
    AL_DIM_MEMORY,     // MiB       (MiB GiB MB GB)
    AL_DIM_COUNT
};

const char *al_dim_unit(enum al_dim dim);   // "eV/Ang"; "" for NONE
const char *al_dim_units(enum al_dim dim);  // all accepted, for messages: "eV, meV, Ha, Ry"
// Parse "25 Ha" into the base unit of dim. Fails with AL_ERR_INPUT: not a number, unit missing, unit of
// another dimension.
enum al_err al_quantity_parse(const char *text, enum al_dim dim, double *ret_value);

#endif
