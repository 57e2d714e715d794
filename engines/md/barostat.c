// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Isothermal-isobaric ensemble with isotropic cell changes by stochastic cell rescaling (M. Bernetti, G. Bussi, J. Chem.
// Phys. 153, 114107 (2020)) in lambda = sqrt(V), whose noise does not depend on the volume (their eq. 9):
//   d lambda = -(beta lambda / 2 tau) (P0 - P - kT/2V) dt + sqrt(kT beta / 2 tau) dW
// P = (2K + tr W)/3V. Overdamped motion on F = E + P0 V - kT ln(lambda) with diffusion D = kT beta / 4 tau.
// Positions and cell are scaled by (V'/V)^(1/3), velocities by its inverse. The temperature is that of a thermostat
// (thermostats.c).
//
// A step: half kick, cell, drift, forces, half kick, thermostat; so P is that of the very moment of the cell's move.
// What moves of the cell do to F and is not undone by the noise goes into md_state.bath, so that conserved() shows the
// error of the time step alone: for an Euler step of that equation from lambda to lambda' (transition
// probabilities of both directions, as G. Bussi, M. Parrinello, PRE 75, 056707 (2007), eq. 12)
//   bath += -(dlambda/2) (F' + F'_new) + (D dt / 4 kT) (F'_new^2 - F'^2),   F' = dF/dlambda
// and so do P0 (V' - V) - kT ln(lambda'/lambda), the rest of the change of F: with the step's own P0 and kT, so that ramps do
// not show.
#include <math.h>

#include "base/mem.h"
#include "base/units.h"
#include "md/integrators.h"
#include "md/md_impl.h"

struct barostat {
    struct integrator base;
    struct md_barostat o;
};

// dF/dlambda at the present velocities and virial.
static double slope(const struct md_state *s, double volume, double kt, double p0)
{
    const struct al_frame *f = s->f;
    double w = f->virial[0][0] + f->virial[1][1] + f->virial[2][2];
    double p = (2 * md_kinetic_energy(s) + w) / (3 * volume);
    return 2 * sqrt(volume) * (p0 - p - kt / (2 * volume));
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

enum al_err md_barostat_state(const struct md_state *s)
{
    if (!s->f->pbc || !(s->f->have & AL_HAVE_VIRIAL))
        AL_FAIL(AL_ERR_INPUT, "constant pressure needs a periodic cell and a potential with virial");
    return AL_ERR_OK;
}

static enum al_err step_npt(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    struct barostat *b = (struct barostat *)g;
    AL_TRY(md_barostat_state(s));
    const double kt = md_step_kt(&b->o.heat, s, dt), p0 = md_step_pressure(&b->o, s, dt);
    const double v = al_frame_volume(s->f), l = sqrt(v);
    const double d = kt * b->o.compressibility * AL_EV_A3_GPA / (4 * b->o.tau);
    md_heat_before(b->o.kind, &b->o.heat, kt, s, dt);
    md_kick(s, 0.5 * dt);
    double before = slope(s, v, kt, p0);
    double dl = -d * dt / kt * before + sqrt(2 * d * dt) * al_rng_normal(&s->rng);
    double a = cbrt((l + dl) * (l + dl) / v);
    if (!(fabs(dl) < 0.1 * l))
        AL_FAIL(AL_ERR_UNPHYSICAL, "the volume of %.1f Ang^3 jumps by %.0f %% in a step: longer barostat time or better start",
                v, fmin(100 * fabs(pow(a, 3) - 1), 1e6));
    scale_cell(s, a);
    md_drift(s, dt);
    AL_TRY(md_state_eval(s, p));
    const double now = al_frame_volume(s->f);
    double after = slope(s, now, kt, p0);
    s->bath -= 0.5 * dl * (before + after) - d * dt / (4 * kt) * (after * after - before * before);
    s->bath += p0 * (now - v) - 0.5 * kt * log(now / v);
    md_kick(s, 0.5 * dt);
    AL_TRY(md_heat_after(b->o.kind, &b->o.heat, kt, s, dt));
    s->step++;
    s->time += dt;
    return AL_ERR_OK;
}

static double conserved_npt(const struct integrator *g, const struct md_state *s)
{
    const struct barostat *b = (const struct barostat *)g;
    double chain = b->o.kind == MD_NHC ? md_chain_energy(&b->o.heat, s) : 0.0;
    return s->f->energy + md_kinetic_energy(s) + chain + s->bath;
}

static void close_npt(struct integrator *g)
{
    al_free(g);
}

static const struct integrator_ops npt_ops = {
    .name = "npt", .step = step_npt, .conserved = conserved_npt, .close = close_npt};

enum al_err md_barostat_check(const char *name, const struct md_barostat *o)
{
    AL_TRY(md_thermostat_check(name, &o->heat));
    if (!(o->tau > 0) || !(o->compressibility > 0) || !isfinite(o->tau + o->compressibility + o->pressure))
        AL_FAIL(AL_ERR_INPUT, "%s: pressure %g GPa, time %g fs, compressibility %g 1/GPa", name, o->pressure, o->tau,
                o->compressibility);
    if (o->heat.ramp.time > 0.0 && !isfinite(o->heat.ramp.pressure_end))
        AL_FAIL(AL_ERR_INPUT, "%s: ramp to %g GPa", name, o->heat.ramp.pressure_end);
    return AL_ERR_OK;
}

enum al_err md_npt_open(const struct md_barostat *o, struct integrator **ret)
{
    AL_TRY(md_barostat_check("npt", o));
    struct barostat *b;
    AL_ALLOC(b, 1);
    b->base.ops = &npt_ops;
    b->o = *o;
    *ret = &b->base;
    return AL_ERR_OK;
}
