// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Isothermal-isobaric ensemble of a full cell by stochastic cell rescaling: the ensemble and, for small steps, the
// overdamped motion of V. Del Tatto, P. Raiteri, M. Bernetti, G. Bussi, Appl. Sci. 12, 1139 (2022),
//   dh = -(beta/3 tau) (P0 - P - kT/V) h dt + sqrt(2 kT beta / 3 V tau) dW h
// (columns of h: a, b, c; P: tensor), but with the volume in the noise replaced by a constant V1, which changes the speed only,
// so that no drift of its own comes with the noise, and with the cell moved by exponentials:
//   h' = R exp(e) h,  e = -(D dt/kT) G + sqrt(2 D dt) xi,  D = kT beta / 3 V1 tau,  xi symmetric, normal
//   G = V (P0 - P) - kT, that is dF/de of F = E + K + P0 V - kT ln V.
// A move by exp(e) is undone by exp(-e), which the noise gives with the same density: it leaves the measure dh/V^3 of
// the group of matrices as it is, in which exp(-F/kT) is the ensemble (Martyna, Tobias, Klein, J. Chem. Phys. 101, 4177
// (1994): weight V^-2 dh). The antisymmetric part of the noise would only turn the crystal; what little symmetric
// moves turn it is taken back by R: a keeps its direction, and so does the normal of a and b.
// Positions follow the cell, velocities go with R exp(-e). The order of a step is the same forwards and backwards: half kick,
// half drift, cell, half drift, forces, half kick; the thermostat last. As in barostat.c the work that is not undone by
// noise is booked in md_state.bath:
//   bath += -(1/2) e:(G + G_new) + (D dt/4 kT) (|G_new|^2 - |G|^2) + P0 (V' - V) - kT ln(V'/V)
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "md/integrators.h"
#include "md/md_impl.h"

struct full {
    struct integrator base;
    struct md_barostat o;
};

// G at the present velocities and virial.
static void slope(const struct md_state *s, double kt, double p0, double g[3][3])
{
    const struct al_frame *f = s->f;
    double work = p0 * al_frame_volume(f) - kt;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            g[a][b] = -0.5 * (f->virial[a][b] + f->virial[b][a]) + (a == b ? work : 0.0);
            for (int i = 0; i < f->natoms; i++)
                g[a][b] -= AL_AMU_A2_FS2_EV * s->mass[i] * f->vel[i][a] * f->vel[i][b];
        }
}

static double contract(const double a[3][3], const double b[3][3])
{
    double sum = 0.0;
    for (int i = 0; i < 9; i++)
        sum += a[i / 3][i % 3] * b[i / 3][i % 3];
    return sum;
}

static void product(const double a[3][3], const double b[3][3], double ret[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            ret[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void transpose(const double a[3][3], double ret[3][3])
{
    for (int i = 0; i < 9; i++)
        ret[i / 3][i % 3] = a[i % 3][i / 3];
}

// Symmetric noise of unit variance in the norm of contract().
static void draw(struct al_rng *r, double xi[3][3])
{
    for (int a = 0; a < 3; a++)
        for (int b = a; b < 3; b++)
            xi[a][b] = xi[b][a] = al_rng_normal(r) * (a == b ? 1.0 : sqrt(0.5));
}

// exp(c e) by its series: |e| < 0.2, so that 16 terms are exact to rounding.
static void exponential(const double e[3][3], double c, double ret[3][3])
{
    double term[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, next[3][3];
    memcpy(ret, term, sizeof term);
    for (int n = 1; n <= 16; n++) {
        product(e, term, next);
        for (int i = 0; i < 9; i++) {
            term[i / 3][i % 3] = c / n * next[i / 3][i % 3];
            ret[i / 3][i % 3] += term[i / 3][i % 3];
        }
    }
}

// Orthonormal rows: along a, in the plane of a and b, normal to it.
static void axes(const double cell[3][3], double ret[3][3])
{
    double n[3];
    al_cross3(cell[0], cell[1], n);
    double la = sqrt(al_dot3(cell[0], cell[0])), ln = sqrt(al_dot3(n, n));
    for (int k = 0; k < 3; k++) {
        ret[0][k] = cell[0][k] / la;
        ret[2][k] = n[k] / ln;
    }
    al_cross3(ret[2], ret[0], ret[1]);
}

static void apply(const double m[3][3], double v[3]) // v = m v
{
    const double x[3] = {v[0], v[1], v[2]};
    for (int k = 0; k < 3; k++)
        v[k] = al_dot3(m[k], x);
}

// Moves cell, positions and velocities by R exp(e); returns R.
static void move_cell(struct md_state *s, const double e[3][3], double rot[3][3])
{
    struct al_frame *f = s->f;
    double grow[3][3], shrink[3][3], old[3][3], new[3][3], turned[3][3], back[3][3];
    exponential(e, 1.0, grow);
    exponential(e, -1.0, shrink);
    axes(f->cell, old);
    double cell[3][3];
    memcpy(cell, f->cell, sizeof cell);
    for (int k = 0; k < 3; k++)
        apply(grow, cell[k]);
    axes(cell, new);
    transpose(old, back);
    product(back, new, rot); // takes the new axes to the old ones
    product(rot, grow, turned);
    memcpy(grow, turned, sizeof grow);
    product(rot, shrink, turned);
    for (int k = 0; k < 3; k++)
        apply(grow, f->cell[k]);
    for (int i = 0; i < f->natoms; i++) {
        apply(grow, f->pos[i]);
        apply(turned, f->vel[i]);
    }
}

static enum al_err step_full(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    const struct md_barostat *o = &((struct full *)g)->o;
    double e[3][3], before[3][3], after[3][3], rot[3][3], back[3][3], work[3][3], xi[3][3];
    AL_TRY(md_barostat_state(s));
    const double kt = md_step_kt(&o->heat, s, dt), p0 = md_step_pressure(o, s, dt), v = al_frame_volume(s->f);
    const double d = kt * o->compressibility * AL_EV_A3_GPA / (3 * o->volume * o->tau);
    md_heat_before(o->kind, &o->heat, kt, s, dt);
    md_kick(s, 0.5 * dt);
    slope(s, kt, p0, before);
    draw(&s->rng, xi);
    for (int i = 0; i < 9; i++)
        e[i / 3][i % 3] = -d * dt / kt * before[i / 3][i % 3] + sqrt(2 * d * dt) * xi[i / 3][i % 3];
    if (!(contract(e, e) < 0.04))
        AL_FAIL(AL_ERR_UNPHYSICAL, "the cell of %.1f Ang^3 is strained by %.0f %% in a step: longer barostat time or better start",
                v, fmin(100 * sqrt(contract(e, e)), 1e6));
    md_drift(s, 0.5 * dt);
    move_cell(s, e, rot);
    md_drift(s, 0.5 * dt);
    AL_TRY(md_state_eval(s, p));
    slope(s, kt, p0, after);
    transpose(rot, back); // into the axes of e
    product(back, after, work);
    product(work, rot, after);
    const double now = al_frame_volume(s->f);
    s->bath -= 0.5 * (contract(e, before) + contract(e, after)) -
               d * dt / (4 * kt) * (contract(after, after) - contract(before, before));
    s->bath += p0 * (now - v) - kt * log(now / v);
    md_kick(s, 0.5 * dt);
    AL_TRY(md_heat_after(o->kind, &o->heat, kt, s, dt));
    s->step++;
    s->time += dt;
    return AL_ERR_OK;
}

static double conserved_full(const struct integrator *g, const struct md_state *s)
{
    const struct md_barostat *o = &((const struct full *)g)->o;
    double chain = o->kind == MD_NHC ? md_chain_energy(&o->heat, s) : 0.0;
    return s->f->energy + md_kinetic_energy(s) + chain + s->bath;
}

static void close_full(struct integrator *g)
{
    al_free(g);
}

static const struct integrator_ops full_ops = {
    .name = "npt-full", .step = step_full, .conserved = conserved_full, .close = close_full};

enum al_err md_npt_full_open(const struct md_barostat *o, struct integrator **ret)
{
    AL_TRY(md_barostat_check("npt", o));
    if (!(o->volume > 0) || !isfinite(o->volume)) AL_FAIL(AL_ERR_INPUT, "npt of a full cell: volume of %g Ang^3", o->volume);
    struct full *b;
    AL_ALLOC(b, 1);
    b->base.ops = &full_ops;
    b->o = *o;
    *ret = &b->base;
    return AL_ERR_OK;
}
