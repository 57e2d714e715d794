// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Random models and frames for the tests of dp, train and committee, from rng streams.
#ifndef AL_TESTS_DP_FIXTURE_H
#define AL_TESTS_DP_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/frame.h"
#include "base/mem.h"
#include "base/rng.h"
#include "dp/model.h"

#define MUST(expr)                                                                                           \
    do {                                                                                                     \
        if ((expr) != AL_ERR_OK) fail_msg("%s: %s", #expr, al_err_message());                                \
    } while (0)

// Li, P, S, O; small sizes.
static inline struct dp_config fixture_config(void)
{
    return (struct dp_config){.ntypes = 4,
                              .type_map = {"Li", "P", "S", "O"},
                              .rcut = 4.5,
                              .rcut_smth = 0.5,
                              .sel = {24, 12, 24, 12},
                              .nneuron = 3,
                              .neuron = {3, 6, 12},
                              .axis_neuron = 4,
                              .type_one_side = true,
                              .nfit = 3,
                              .fit = {10, 10, 10},
                              .fit_resnet_dt = true};
}

// Parameters random, statistics plausible; over: sizes, NULL: fixture_config.
static inline struct dp_model *fixture_model(const struct dp_config *over, uint64_t seed)
{
    struct dp_config c = fixture_config();
    struct dp_model *m = NULL;
    MUST(dp_model_create(over ? over : &c, &m));
    struct al_rng r;
    al_rng_stream(&r, seed, "fixture-model", 0, 0, 0);
    dp_model_init(m, &r);
    for (int t = 0; t < m->c.ntypes; t++) {
        m->bias[t] = -3 - t + al_rng_uniform(&r);
        m->davg[t][0] = 0.05 + 0.02 * al_rng_uniform(&r);
        m->dstd[t][0] = 0.1 + 0.02 * al_rng_uniform(&r);
        for (int k = 1; k < 4; k++)
            m->dstd[t][k] = 0.07 + 0.001 * t;
    }
    return m;
}

// The same with harmonics.
static inline struct dp_model *fixture_angular(uint64_t seed)
{
    struct dp_config c = fixture_config();
    c.rcut_angular = 4;
    c.neuron_angular = 9;
    return fixture_model(&c, seed);
}

// n atoms of types that go round over the list z, at random in a triclinic cell, no two closer than dmin.
static inline struct al_frame *fixture_frame(int n, const int *z, int nz, double edge, double dmin,
                                             uint64_t seed)
{
    struct al_frame *f = NULL;
    MUST(al_frame_create(n, &f));
    struct al_rng r;
    al_rng_stream(&r, seed, "fixture-frame", 0, 0, 0);
    double cell[3][3] = {
        {edge, 0, 0}, {0.1 * edge, 0.95 * edge, 0}, {-0.07 * edge, 0.09 * edge, 1.05 * edge}};
    f->pbc = true;
    for (int a = 0; a < 9; a++)
        f->cell[a / 3][a % 3] = cell[a / 3][a % 3];
    for (int i = 0; i < n; i++)
        f->z[i] = z[i % nz];
    double d = 0;
    int k = 0, l = 0;
    for (int tries = 0; tries < 100000; tries++) {
        if (tries) MUST(al_frame_min_distance(f, &d, &k, &l));
        if (d >= dmin) break;
        for (int i = 0; i < n; i++) {
            if (tries && i != k) continue;
            double u[3] = {al_rng_uniform(&r), al_rng_uniform(&r), al_rng_uniform(&r)};
            for (int a = 0; a < 3; a++)
                f->pos[i][a] = u[0] * cell[0][a] + u[1] * cell[1][a] + u[2] * cell[2][a];
        }
    }
    assert_true(d >= dmin);
    return f;
}

#endif
