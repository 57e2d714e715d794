// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What a campaign will take, before it is started: tasks by stage, frames to label, core-hours of labelling, memory, disk.
//
// Core-seconds of a label = floating-point operations (an a-priori count by the worker: FFTs, projectors, Rayleigh-Ritz of a
// usual SCF) over a rate. The rate is measured where it can be: from the labels of the run directory, else from the
// converge table; else PLAN_RATE.
#ifndef AL_CLI_PLAN_COST_H
#define AL_CLI_PLAN_COST_H

#include "base/yaml.h"
#include "cli/converge_table.h"
#include "core/rundir.h"

#define PLAN_RATE 45e9 // operations per core-second, middle of configs/quick.converge.yaml: 16 and 32 atoms, 10 to 40 Ha, 34e9 to 59e9

enum { PLAN_STAGES = 16 };

struct plan_stage {
    const char *name;   // "initial: label"
    long least, most;   // tasks
    double frames[2];   // to label (DFT MD: steps), least and most
    double hours[2];    // core-hours of DFT
};

struct plan_cost {
    int nsystems, narrangements, ranks;
    double flops[CFG_MAX_SYSTEMS];  // a label of each system, mean over its arrangements
    double large[CFG_MAX_SYSTEMS], tight[CFG_MAX_SYSTEMS]; // the same in the cells of test.supercell, at the settings of converge.label_noise
    double aimd[CFG_MAX_SYSTEMS]; // at those of initial.aimd; 0: it has none of its own
    int natoms[CFG_MAX_SYSTEMS], narr[CFG_MAX_SYSTEMS];
    double bytes, limit;            // memory of the largest label task (all ranks) and what it may take
    int iterations[2];              // least and most
    double rate;                    // operations per core-second
    char rate_from[AL_PATH + 64];
    int nmeasured;                  // label tasks behind the rate; 0: none
    double disk;                    // bytes at the most
    int nstages;
    struct plan_stage stage[PLAN_STAGES];
    struct plan_stage total;
};

// answer: of `alnd-worker estimate`. v: of the converge table. Reads results of the run directory when it is there.
enum al_err plan_cost_make(const struct rundir *r, const struct al_node *answer, const struct converge_verdict *v,
                           struct plan_cost *ret);

#endif
