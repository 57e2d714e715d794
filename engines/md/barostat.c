// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Isothermal-isobaric ensemble with isotropic cell changes by stochastic cell rescaling (M. Bernetti, G. Bussi, J. Chem.
// Phys. 153, 114107 (2020)) in lambda = sqrt(V), whose noise does not depend on the volume (their eq. 9):
//   d lambda = -(beta lambda / 2 tau) (P0 - P - kT/2V) dt + sqrt(kT beta / 2 tau) dW
// P = (2K + tr W)/3V. Overdamped motion on F = E + P0 V - kT ln(lambda) with diffusion D = kT beta / 4 tau.
// Positions and cell are scaled by (V'/V)^(1/3), velocities by its inverse. The temperature is that of stochastic
// velocity rescaling (thermostats.c).
//
// A step: half kick, cell, drift, forces, half kick, velocity rescaling; so P is that of the very moment of the cell's move.
// What moves of the cell do to F and is not undone by the noise goes into md_state.bath, so that conserved() shows the
// error of the time step alone: for an Euler step of that equation from lambda to lambda' (transition
// probabilities of both directions, as G. Bussi, M. Parrinello, PRE 75, 056707 (2007), eq. 12)
//   bath += -(dlambda/2) (F' + F'_new) + (D dt / 4 kT) (F'_new^2 - F'^2),   F' = dF/dlambda
#include <math.h>

#include "base/mem.h"
#include "base/units.h"
#include "md/integrators.h"
#include "md/md_impl.h"

struct barostat {
    struct integrator base;
    struct md_barostat o;
    double p0; // eV/Ang^3
};

// dF/dlambda at the present velocities and virial.
static double slope(const struct barostat *b, const struct md_state *s, double volume)
{
    const struct al_frame *f = s->f;
    double w = f->virial[0][0] + f->virial[1][1] + f->virial[2][2];
    double p = (2 * md_kinetic_energy(s) + w) / (3 * volume);
    return 2 * sqrt(volume) * (b->p0 - p - AL_KB_EV * b->o.heat.temperature / (2 * volume));
}

static void scale_cell(struct md_state *s, double a)
{
    for (int i = 0; i < 9; i++)
        s->f->cell[i / 3][i % 3] *= a;
    for (int i = 0; i < s->f->natoms; i++)
        for (int k = 0; k < 3; k++) {
            s->f->pos[i][k] *= a;
            s->f->vel[i][k] /= a;
        }
}

static enum al_err step_npt(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    struct barostat *b = (struct barostat *)g;
    if (!s->f->pbc || !(s->f->have & AL_HAVE_VIRIAL))
        AL_FAIL(AL_ERR_INPUT, "constant pressure needs a periodic cell and a potential with virial");
    const double kt = AL_KB_EV * b->o.heat.temperature, v = al_frame_volume(s->f), l = sqrt(v);
    const double d = kt * b->o.compressibility * AL_EV_A3_GPA / (4 * b->o.tau);
    md_kick(s, 0.5 * dt);
    double before = slope(b, s, v);
    double dl = -d * dt / kt * before + sqrt(2 * d * dt) * al_rng_normal(&s->rng);
    double a = cbrt((l + dl) * (l + dl) / v);
    if (!(fabs(dl) < 0.1 * l))
        AL_FAIL(AL_ERR_UNPHYSICAL, "the volume of %.1f Ang^3 jumps by %.0f %% in a step: longer barostat time or better start",
                v, 100 * (pow(a, 3) - 1));
    scale_cell(s, a);
    md_drift(s, dt);
    AL_TRY(md_state_eval(s, p));
    double after = slope(b, s, al_frame_volume(s->f));
    s->bath -= 0.5 * dl * (before + after) - d * dt / (4 * kt) * (after * after - before * before);
    md_kick(s, 0.5 * dt);
    AL_TRY(md_velocities_rescale(&b->o.heat, s, dt));
    s->step++;
    s->time += dt;
    return AL_ERR_OK;
}

static double conserved_npt(const struct integrator *g, const struct md_state *s)
{
    const struct barostat *b = (const struct barostat *)g;
    double v = al_frame_volume(s->f);
    return s->f->energy + md_kinetic_energy(s) + b->p0 * v - 0.5 * AL_KB_EV * b->o.heat.temperature * log(v) + s->bath;
}

static void close_npt(struct integrator *g)
{
    al_free(g);
}

static const struct integrator_ops npt_ops = {
    .name = "npt", .step = step_npt, .conserved = conserved_npt, .close = close_npt};

enum al_err md_npt_open(const struct md_barostat *o, struct integrator **ret)
{
    AL_TRY(md_thermostat_check("npt", &o->heat));
    if (!(o->tau > 0) || !(o->compressibility > 0) || !isfinite(o->tau + o->compressibility + o->pressure))
        AL_FAIL(AL_ERR_INPUT, "npt: pressure %g GPa, time %g fs, compressibility %g 1/GPa", o->pressure, o->tau,
                o->compressibility);
    struct barostat *b;
    AL_ALLOC(b, 1);
    b->base.ops = &npt_ops;
    b->o = *o;
    b->p0 = o->pressure / AL_EV_A3_GPA;
    *ret = &b->base;
    return AL_ERR_OK;
}
