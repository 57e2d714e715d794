// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/mem.h"
#include "base/units.h"
#include "md/integrators.h"
#include "md/md_impl.h"

void md_kick(struct md_state *s, double dt)
{
    struct al_frame *f = s->f;
    for (int i = 0; i < f->natoms; i++) {
        double c = dt / (s->mass[i] * AL_AMU_A2_FS2_EV);
        for (int k = 0; k < 3; k++)
            f->vel[i][k] += c * f->forces[i][k];
    }
}

void md_drift(struct md_state *s, double dt)
{
    for (int i = 0; i < s->f->natoms; i++)
        for (int k = 0; k < 3; k++)
            s->f->pos[i][k] += dt * s->f->vel[i][k];
}

static enum al_err step_nve(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    (void)g;
    md_kick(s, 0.5 * dt);
    md_drift(s, dt);
    AL_TRY(md_state_eval(s, p));
    md_kick(s, 0.5 * dt);
    s->step++;
    s->time += dt;
    return AL_ERR_OK;
}

static double conserved_nve(const struct integrator *g, const struct md_state *s)
{
    (void)g;
    return s->f->energy + md_kinetic_energy(s) + s->bath;
}

static void close_nve(struct integrator *g)
{
    al_free(g);
}

static const struct integrator_ops nve_ops = {
    .name = "nve", .step = step_nve, .conserved = conserved_nve, .close = close_nve};

enum al_err md_nve_open(struct integrator **ret)
{
    struct integrator *g;
    AL_ALLOC(g, 1);
    g->ops = &nve_ops;
    *ret = g;
    return AL_ERR_OK;
}
