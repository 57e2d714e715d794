// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Seam: integrator. One MD step of a state with any potential; forces in the state are those of its
// positions before and after the call.
#ifndef AL_SEAM_INTEGRATOR_H
#define AL_SEAM_INTEGRATOR_H

#include "base/rng.h"
#include "seam/potential.h"

enum { MD_CHAIN = 5 }; // length of a Nose-Hoover chain

struct md_state {
    struct al_frame *f;    // positions (unwrapped), velocities, forces, energy, virial, cell
    double *mass;          // [natoms] amu
    long step;             // steps done
    double time;           // fs
    double bath;           // energy that went to the thermostat and the cell's move so far, eV
    double chain[MD_CHAIN]; // velocities of the thermostats of a Nose-Hoover chain, 1/fs
    struct al_rng rng;     // noise of stochastic thermostats
};

struct integrator;
struct integrator_ops {
    const char *name;
    enum al_err (*step)(struct integrator *g, struct md_state *s, struct potential *p, double dt); // dt in fs
    double (*conserved)(const struct integrator *g, const struct md_state *s); // eV: constant up to dt^2
    void (*close)(struct integrator *g);
};
struct integrator {
    const struct integrator_ops *ops;
};

static inline void integrator_destroy(struct integrator **g)
{
    if (*g) (*g)->ops->close(*g);
    *g = NULL;
}

#endif
