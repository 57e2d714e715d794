// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Shared by the MD tests: argon crystals and liquids, checks.
#ifndef AL_TEST_MD_FIXTURE_H
#define AL_TEST_MD_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "md/integrators.h"
#include "md/md.h"
#include "md/output.h"
#include "md/potentials.h"

static inline void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

// n^3 argon atoms on a simple cubic lattice of spacing a, displaced by normal numbers of width noise.
static inline struct al_frame *argon(int n, double a, double noise, uint64_t seed)
{
    struct al_frame *f = NULL;
    struct al_rng r;
    al_rng_stream(&r, seed, "argon", 0, 0, 0);
    ok(al_frame_create(n * n * n, &f));
    f->pbc = true;
    for (int k = 0; k < 3; k++)
        f->cell[k][k] = n * a;
    for (int i = 0; i < f->natoms; i++) {
        int site[3] = {i / (n * n), i / n % n, i % n};
        f->z[i] = 18;
        for (int k = 0; k < 3; k++)
            f->pos[i][k] = a * site[k] + noise * al_rng_normal(&r);
    }
    return f;
}

// n^3 cubic cells of an fcc crystal with the constant a.
static inline struct al_frame *argon_fcc(int n, double a)
{
    static const double basis[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    struct al_frame *f = NULL;
    ok(al_frame_create(4 * n * n * n, &f));
    f->pbc = true;
    for (int i = 0; i < f->natoms; i++) {
        int c = i / 4, site[3] = {c / (n * n), c / n % n, c % n};
        f->z[i] = 18;
        for (int k = 0; k < 3; k++) {
            f->cell[k][k] = n * a;
            f->pos[i][k] = a * (site[k] + basis[i % 4][k]);
        }
    }
    return f;
}

static inline struct md_state *state_of(const struct al_frame *f, double temperature, int removed,
                                        uint64_t seed)
{
    struct md_state *s = NULL;
    struct al_rng r;
    al_rng_stream(&r, seed, "md-test", 0, 0, 0);
    ok(md_state_create(f, &r, &s));
    ok(md_velocities_draw(s, temperature, removed, true));
    return s;
}

// Smooth at the cut-off, so that the integrator and not the truncation makes the energy error.
static inline struct potential *argon_potential(void)
{
    struct lj_options o = {.epsilon = 0.0103, .sigma = 3.40, .cutoff = 7.5, .skin = 1.0, .force_shift = true};
    struct potential *p = NULL;
    ok(lj_potential_open(&o, &p));
    return p;
}

#define NPT(t_, tau_heat_, removed_, p_, tau_, compressibility_)                                             \
    {.heat = {.temperature = (t_), .tau = (tau_heat_), .removed_dof = (removed_)}, .pressure = (p_),         \
     .tau = (tau_), .compressibility = (compressibility_)}

// cmocka's assert_float_equal compares as float.
#define assert_near(a, b, tol)                                                                               \
    do {                                                                                                     \
        double a_ = (a), b_ = (b), tol_ = (tol);                                                             \
        if (!(fabs(a_ - b_) <= tol_)) fail_msg("%.17g != %.17g (tolerance %g)", a_, b_, tol_);               \
    } while (0)

#define OWN_POTENTIAL  __attribute__((cleanup(potential_destroy))) struct potential *
#define OWN_INTEGRATOR __attribute__((cleanup(integrator_destroy))) struct integrator *

#endif
