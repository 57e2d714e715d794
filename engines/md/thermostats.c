// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Thermostats. All book the heat they exchange in md_state.bath, so that the conserved quantity
// shows the error of the time step alone (Bussi, Donadio, Parrinello 2007; Bussi, Parrinello,
// Phys. Rev. E 75, 056707 (2007)). The Nose-Hoover chain is in chain.c.
#include <math.h>

#include "base/mem.h"
#include "base/units.h"
#include "md/integrators.h"
#include "md/md_impl.h"

struct thermostat {
    struct integrator base;
    struct md_thermostat o;
};

// Gamma variate of shape a >= 1 and scale 1 (Marsaglia, Tsang, ACM TOMS 26, 363 (2000)).
static double gamma_variate(struct al_rng *r, double a)
{
    double d = a - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        double x = al_rng_normal(r), t = 1.0 + c * x;
        if (t <= 0.0) continue;
        double v = t * t * t, u = 1.0 - al_rng_uniform(r);
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

// Sum of the squares of n standard normal numbers.
static double normal_squares(struct al_rng *r, int n)
{
    if (n >= 8) return 2.0 * gamma_variate(r, 0.5 * n);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        double x = al_rng_normal(r);
        sum += x * x;
    }
    return sum;
}

static double ramp_at(double start, double end, const struct md_ramp *r, double time)
{
    if (!(r->time > 0.0)) return start;
    double x = time / r->time; // a run that goes on beyond its ramp stays at the end
    return x < 1.0 ? start + (end - start) * x : end;
}

double md_step_kt(const struct md_thermostat *o, const struct md_state *s, double dt)
{
    return AL_KB_EV * ramp_at(o->temperature, o->ramp.temperature_end, &o->ramp, s->time + 0.5 * dt);
}

double md_step_pressure(const struct md_barostat *o, const struct md_state *s, double dt)
{
    return ramp_at(o->pressure, o->heat.ramp.pressure_end, &o->heat.ramp, s->time + 0.5 * dt) / AL_EV_A3_GPA;
}

enum al_err md_velocities_rescale(const struct md_thermostat *o, double kt, struct md_state *s, double dt)
{
    // Rounding lets the total momentum grow, which a global rescaling would then keep alive.
    if (o->removed_dof) md_remove_momentum(s);
    int dof = 3 * s->f->natoms - o->removed_dof;
    double k = md_kinetic_energy(s), target = 0.5 * dof * kt;
    if (k == 0.0 || dof < 1) // a NaN passes through to the driver's checks
        AL_FAIL(AL_ERR_INPUT, "velocity rescaling needs moving atoms: draw velocities first");
    double c = exp(-dt / o->tau), r1 = al_rng_normal(&s->rng);
    double unit = target / (dof * k) * (1.0 - c);
    double a2 = c + unit * (r1 * r1 + normal_squares(&s->rng, dof - 1)) + 2.0 * r1 * sqrt(c * unit);
    double a = sqrt(fmax(a2, 0.0)) * (r1 + sqrt(c / unit) < 0.0 ? -1.0 : 1.0);
    for (int i = 0; i < s->f->natoms; i++)
        for (int x = 0; x < 3; x++)
            s->f->vel[i][x] *= a;
    s->bath += k - md_kinetic_energy(s);
    return AL_ERR_OK;
}

static enum al_err step_svr(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    const struct md_thermostat *o = &((struct thermostat *)g)->o;
    const double kt = md_step_kt(o, s, dt);
    md_kick(s, 0.5 * dt);
    md_drift(s, dt);
    AL_TRY(md_state_eval(s, p));
    md_kick(s, 0.5 * dt);
    AL_TRY(md_velocities_rescale(o, kt, s, dt));
    s->step++;
    s->time += dt;
    return AL_ERR_OK;
}

// The O of BAOAB: exact Ornstein-Uhlenbeck step of the velocities.
void md_ornstein_uhlenbeck(const struct md_thermostat *o, double kt, struct md_state *s, double dt)
{
    double before = md_kinetic_energy(s);
    double c = exp(-dt / o->tau), n = sqrt(1.0 - c * c);
    for (int i = 0; i < s->f->natoms; i++) {
        double sigma = n * sqrt(kt / (s->mass[i] * AL_AMU_A2_FS2_EV));
        for (int k = 0; k < 3; k++)
            s->f->vel[i][k] = c * s->f->vel[i][k] + sigma * al_rng_normal(&s->rng);
    }
    // Projecting noise drawn for all atoms gives the Maxwell-Boltzmann distribution at zero momentum.
    if (o->removed_dof) md_remove_momentum(s);
    s->bath += before - md_kinetic_energy(s);
}

static enum al_err step_langevin(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    const struct md_thermostat *o = &((struct thermostat *)g)->o;
    const double kt = md_step_kt(o, s, dt);
    md_kick(s, 0.5 * dt);
    md_drift(s, 0.5 * dt);
    md_ornstein_uhlenbeck(o, kt, s, dt);
    md_drift(s, 0.5 * dt);
    AL_TRY(md_state_eval(s, p));
    md_kick(s, 0.5 * dt);
    s->step++;
    s->time += dt;
    return AL_ERR_OK;
}

static enum al_err step_nhc(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    const struct md_thermostat *o = &((struct thermostat *)g)->o;
    const double kt = md_step_kt(o, s, dt);
    md_chain_move(o, kt, s, 0.5 * dt);
    md_kick(s, 0.5 * dt);
    md_drift(s, dt);
    AL_TRY(md_state_eval(s, p));
    md_kick(s, 0.5 * dt);
    md_chain_move(o, kt, s, 0.5 * dt);
    s->step++;
    s->time += dt;
    return AL_ERR_OK;
}

void md_heat_before(enum md_heat kind, const struct md_thermostat *o, double kt, struct md_state *s, double dt)
{
    if (kind == MD_NHC) md_chain_move(o, kt, s, 0.5 * dt);
}

enum al_err md_heat_after(enum md_heat kind, const struct md_thermostat *o, double kt, struct md_state *s, double dt)
{
    if (kind == MD_NHC) md_chain_move(o, kt, s, 0.5 * dt);
    else if (kind == MD_LANGEVIN) md_ornstein_uhlenbeck(o, kt, s, dt);
    else AL_TRY(md_velocities_rescale(o, kt, s, dt));
    return AL_ERR_OK;
}

static double conserved_nhc(const struct integrator *g, const struct md_state *s)
{
    return s->f->energy + md_kinetic_energy(s) + md_chain_energy(&((const struct thermostat *)g)->o, s) + s->bath;
}

static double conserved_nvt(const struct integrator *g, const struct md_state *s)
{
    (void)g;
    return s->f->energy + md_kinetic_energy(s) + s->bath;
}

static void close_thermostat(struct integrator *g)
{
    al_free(g);
}

static const struct integrator_ops svr_ops = {
    .name = "svr", .step = step_svr, .conserved = conserved_nvt, .close = close_thermostat};
static const struct integrator_ops langevin_ops = {
    .name = "langevin", .step = step_langevin, .conserved = conserved_nvt, .close = close_thermostat};
static const struct integrator_ops nhc_ops = {
    .name = "nhc", .step = step_nhc, .conserved = conserved_nhc, .close = close_thermostat};

enum al_err md_thermostat_check(const char *name, const struct md_thermostat *t)
{
    if (!(t->temperature > 0.0) || !(t->tau > 0.0) || !isfinite(t->temperature + t->tau))
        AL_FAIL(AL_ERR_INPUT, "%s: temperature %g K, tau %g fs", name, t->temperature, t->tau);
    if (t->removed_dof != 0 && t->removed_dof != 3)
        AL_FAIL(AL_ERR_INPUT, "%s: %d removed degrees of freedom (0 or 3)", name, t->removed_dof);
    if (t->ramp.time > 0.0 && (!(t->ramp.temperature_end > 0.0) || !isfinite(t->ramp.temperature_end + t->ramp.time)))
        AL_FAIL(AL_ERR_INPUT, "%s: ramp to %g K in %g fs", name, t->ramp.temperature_end, t->ramp.time);
    return AL_ERR_OK;
}

static enum al_err open_thermostat(const struct integrator_ops *ops, const struct md_thermostat *t,
                                   struct integrator **ret)
{
    AL_TRY(md_thermostat_check(ops->name, t));
    struct thermostat *g;
    AL_ALLOC(g, 1);
    g->base.ops = ops;
    g->o = *t;
    *ret = &g->base;
    return AL_ERR_OK;
}

enum al_err md_svr_open(const struct md_thermostat *t, struct integrator **ret)
{
    AL_TRY(open_thermostat(&svr_ops, t, ret));
    return AL_ERR_OK;
}

enum al_err md_langevin_open(const struct md_thermostat *t, struct integrator **ret)
{
    AL_TRY(open_thermostat(&langevin_ops, t, ret));
    return AL_ERR_OK;
}

enum al_err md_nhc_open(const struct md_thermostat *t, struct integrator **ret)
{
    AL_TRY(open_thermostat(&nhc_ops, t, ret));
    return AL_ERR_OK;
}
