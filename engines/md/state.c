// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "md/md_impl.h"

enum al_err md_state_create(const struct al_frame *f, const struct al_rng *rng, struct md_state **ret)
{
    AL_OWN(md_state) s = NULL;
    AL_ALLOC(s, 1);
    AL_TRY(al_frame_copy(f, &s->f));
    AL_ALLOC(s->mass, f->natoms);
    for (int i = 0; i < f->natoms; i++) {
        if (f->z[i] < 1 || f->z[i] > AL_ZMAX)
            AL_FAIL(AL_ERR_INPUT, "atom %d has atomic number %d", i, f->z[i]);
        s->mass[i] = al_element_mass(f->z[i]);
        if (!(f->have & AL_HAVE_VELOCITIES))
            for (int k = 0; k < 3; k++)
                s->f->vel[i][k] = 0.0;
    }
    s->f->have |= AL_HAVE_VELOCITIES;
    s->rng = *rng;
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void md_state_destroy(struct md_state **s)
{
    if (!*s) return;
    al_frame_destroy(&(*s)->f);
    al_free((*s)->mass);
    al_free(*s);
    *s = NULL;
}

enum al_err md_state_eval(struct md_state *s, struct potential *p)
{
    struct al_frame *f = s->f;
    struct pot_result res = {.forces = f->forces};
    AL_TRY(p->ops->eval(p, f, &res));
    f->energy = res.energy;
    memcpy(f->virial, res.virial, sizeof f->virial);
    f->have |= AL_HAVE_ENERGY | AL_HAVE_FORCES;
    if (p->ops->caps & POT_VIRIAL)
        f->have |= AL_HAVE_VIRIAL;
    else
        f->have &= ~(unsigned)AL_HAVE_VIRIAL;
    return AL_ERR_OK;
}

double md_kinetic_energy(const struct md_state *s)
{
    double twice = 0.0;
    for (int i = 0; i < s->f->natoms; i++)
        twice += s->mass[i] * al_dot3(s->f->vel[i], s->f->vel[i]);
    return 0.5 * AL_AMU_A2_FS2_EV * twice;
}

double md_temperature(const struct md_state *s, int removed_dof)
{
    int dof = 3 * s->f->natoms - removed_dof;
    return dof > 0 ? 2.0 * md_kinetic_energy(s) / (dof * AL_KB_EV) : 0.0;
}

double md_velocities_settle(struct md_state *s, double epot, double temperature, int removed_dof)
{
    double want = epot + 0.5 * (3 * s->f->natoms - removed_dof) * AL_KB_EV * temperature - s->f->energy;
    double factor = want > 0 ? sqrt(want / md_kinetic_energy(s)) : 0;
    if (!(factor > 0.5 && factor < 2)) return 1;
    for (int i = 0; i < s->f->natoms; i++)
        for (int k = 0; k < 3; k++)
            s->f->vel[i][k] *= factor;
    return factor;
}

void md_remove_momentum(struct md_state *s)
{
    double p[3] = {0}, total = 0.0;
    for (int i = 0; i < s->f->natoms; i++) {
        total += s->mass[i];
        for (int k = 0; k < 3; k++)
            p[k] += s->mass[i] * s->f->vel[i][k];
    }
    for (int i = 0; i < s->f->natoms; i++)
        for (int k = 0; k < 3; k++)
            s->f->vel[i][k] -= p[k] / total;
}

enum al_err md_velocities_draw(struct md_state *s, double temperature, int removed_dof, bool exact)
{
    int dof = 3 * s->f->natoms - removed_dof;
    if (!(temperature >= 0.0) || !isfinite(temperature))
        AL_FAIL(AL_ERR_INPUT, "temperature %g K", temperature);
    if (dof <= 0) AL_FAIL(AL_ERR_INPUT, "%d atoms have no degrees of freedom left", s->f->natoms);
    for (int i = 0; i < s->f->natoms; i++) {
        double sigma = sqrt(AL_KB_EV * temperature / (s->mass[i] * AL_AMU_A2_FS2_EV));
        for (int k = 0; k < 3; k++)
            s->f->vel[i][k] = sigma * al_rng_normal(&s->rng);
    }
    if (removed_dof) md_remove_momentum(s);
    double have = md_temperature(s, removed_dof);
    if (exact && have > 0.0) {
        double scale = sqrt(temperature / have);
        for (int i = 0; i < s->f->natoms; i++)
            for (int k = 0; k < 3; k++)
                s->f->vel[i][k] *= scale;
    }
    s->f->have |= AL_HAVE_VELOCITIES;
    return AL_ERR_OK;
}

void md_thermo_get(const struct md_state *s, const struct integrator *g, int removed_dof,
                   struct md_thermo *ret)
{
    const struct al_frame *f = s->f;
    double ekin = md_kinetic_energy(s), volume = f->pbc ? al_frame_volume(f) : 0.0, pressure = 0.0;
    if (volume > 0.0 && (f->have & AL_HAVE_VIRIAL)) {
        double w = f->virial[0][0] + f->virial[1][1] + f->virial[2][2];
        pressure = (2.0 * ekin + w) / (3.0 * volume) * AL_EV_A3_GPA;
    }
    *ret = (struct md_thermo){.step = s->step,
                              .time = s->time,
                              .temperature = md_temperature(s, removed_dof),
                              .epot = f->energy,
                              .ekin = ekin,
                              .conserved = g->ops->conserved(g, s),
                              .pressure = pressure,
                              .volume = volume};
}
