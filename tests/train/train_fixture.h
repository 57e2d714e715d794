// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A data set labelled by a random model (the teacher), and small training options.
#ifndef AL_TESTS_TRAIN_FIXTURE_H
#define AL_TESTS_TRAIN_FIXTURE_H

#include "dp_fixture.h"

#include "dp/potential.h"
#include "train/train.h"

static const int FIXTURE_Z[] = {3, 15, 16, 8, 16, 3};

// Frames of 12 atoms and, when both, every third of 9: two systems, with atoms at least dmin apart, labelled by the teacher.
static inline struct dp_dataset *fixture_labelled(const struct dp_model *teacher, int nframes, bool both, double edge, double dmin, uint64_t seed)
{
    struct potential *p = NULL;
    struct al_frames *fs = NULL;
    struct dp_dataset *d = NULL;
    MUST(dp_potential_from_model(teacher, DP_WAY_PLAIN, &p));
    MUST(al_frames_create(&fs));
    for (int i = 0; i < nframes; i++) {
        int n = both && i % 3 == 2 ? 9 : 12;
        struct al_frame *f = fixture_frame(n, FIXTURE_Z, 6, edge, dmin, seed + (uint64_t)i);
        struct pot_result r = {.forces = f->forces};
        MUST(p->ops->eval(p, f, &r));
        f->energy = r.energy;
        memcpy(f->virial, r.virial, sizeof f->virial);
        f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
        MUST(al_frames_push(fs, &f));
    }
    MUST(dp_dataset_create(&d));
    MUST(dp_dataset_add_frames(d, "teacher", fs));
    al_frames_destroy(&fs);
    potential_destroy(&p);
    return d;
}

static inline struct dp_dataset *fixture_data(int nframes, bool both, uint64_t seed)
{
    struct dp_model *teacher = fixture_model(NULL, 77);
    struct dp_dataset *d = fixture_labelled(teacher, nframes, both, 7.5, 1.5, seed);
    dp_model_destroy(&teacher);
    return d;
}

static inline struct train_options fixture_options(long steps)
{
    struct train_options o;
    train_options_default(&o);
    o.steps = steps;
    o.seed = 3;
    o.lr_stop = 1e-5;
    o.decay_steps = 10;
    o.pref_v[0] = o.pref_v[1] = 1;
    o.report_every = 10;
    o.checkpoint_seconds = -1;
    struct dp_config *c = &o.model;
    c->rcut = 4.5;
    c->axis_neuron = 3;
    for (int i = 0; i < 3; i++) {
        c->neuron[i] = 4 << i;
        c->fit[i] = 12;
    }
    return o;
}

struct fixture_warnings { // options.ctx
    int n;
    char last[512];
};

static inline void fixture_warn(void *ctx, const char *text)
{
    struct fixture_warnings *w = ctx;
    w->n++;
    snprintf(w->last, sizeof w->last, "%s", text);
}

#endif
