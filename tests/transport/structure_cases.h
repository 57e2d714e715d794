// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the tests of structure share: trajectories made by hand.
#ifndef AL_TESTS_STRUCTURE_CASES_H
#define AL_TESTS_STRUCTURE_CASES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/units.h"
#include "transport/structure.h"

#define assert_near(a, b, tol)                                                                               \
    do {                                                                                                     \
        double a_ = (a), b_ = (b), tol_ = (tol);                                                             \
        if (!(fabs(a_ - b_) <= tol_)) fail_msg("%.17g != %.17g (tolerance %g)", a_, b_, tol_);               \
    } while (0)

static inline void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

enum { MOST_ATOMS = 400 };

// One frame after the other: set x (and cell), then shoot.
struct scene {
    int n, z[MOST_ATOMS];
    double cell[3][3], x[MOST_ATOMS][3];
    struct al_frames *fs;
};

static inline struct scene *scene_new(void)
{
    struct scene *s = NULL;
    ok(al_alloc(1, sizeof *s, &s));
    ok(al_frames_create(&s->fs));
    return s;
}

static inline void scene_cube(struct scene *s, double a)
{
    memset(s->cell, 0, sizeof s->cell);
    for (int k = 0; k < 3; k++)
        s->cell[k][k] = a;
}

static inline int scene_atom(struct scene *s, int z, double x, double y, double w)
{
    s->z[s->n] = z;
    s->x[s->n][0] = x;
    s->x[s->n][1] = y;
    s->x[s->n][2] = w;
    return s->n++;
}

static inline void scene_shoot(struct scene *s)
{
    struct al_frame *f = NULL;
    ok(al_frame_create(s->n, &f));
    f->pbc = true;
    memcpy(f->cell, s->cell, sizeof f->cell);
    memcpy(f->z, s->z, (size_t)s->n * sizeof *s->z);
    memcpy(f->pos, s->x, (size_t)s->n * sizeof *s->x);
    ok(al_frames_push(s->fs, &f));
}

// The film; the scene is gone.
static inline struct tr_traj *scene_cut(struct scene **s, double dt)
{
    struct tr_traj *t = NULL;
    ok(tr_traj_of_frames((*s)->fs, dt, &t));
    al_frames_destroy(&(*s)->fs);
    al_free(*s);
    *s = NULL;
    return t;
}

// A rotation by the vector w (radians), R v in place (Rodrigues).
static inline void rotate(const double w[3], double v[3])
{
    double angle = sqrt(al_dot3(w, w)), k[3], c[3];
    if (!(angle > 0.0)) return;
    for (int q = 0; q < 3; q++)
        k[q] = w[q] / angle;
    al_cross3(k, v, c);
    double kv = al_dot3(k, v);
    for (int q = 0; q < 3; q++)
        v[q] = v[q] * cos(angle) + c[q] * sin(angle) + k[q] * kv * (1.0 - cos(angle));
}

static const double tetrahedron[4][3] = {{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}}; // times bond/sqrt(3)
#define PS_BOND 2.05

#endif
