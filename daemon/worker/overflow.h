// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Molecular dynamics with a Deep Potential whose atoms have more neighbours than its sel: counted, told once in the log and as facts.
#ifndef AL_WORKER_OVERFLOW_H
#define AL_WORKER_OVERFLOW_H

#include "dp/potential.h"
#include "worker/task.h"

struct overflow { // plain bytes: goes into checkpoints
    long steps;   // evaluations with any such atom
    int atoms, z, most, sel; // as in struct dp_overflow, over the whole run
};

// After each step: seen is what the instance had counted at the call before (not in checkpoints; 0 at first).
void overflow_look(struct task *t, const struct potential *p, struct overflow *o, long *seen);
enum al_err overflow_facts(struct task *t, const struct overflow *o); // none when it never happened

#endif
