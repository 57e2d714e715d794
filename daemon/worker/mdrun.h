// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Molecular dynamics with any potential of the registry, dft included, as a task: trajectory, thermo log, checkpoints.
// Common to the verbs md (by hand) and aimd (initial data).
#ifndef AL_WORKER_MDRUN_H
#define AL_WORKER_MDRUN_H

#include "md/md.h"
#include "worker/overflow.h"

struct mdrun_settings {
    const char *potential;             // registry_potential_open
    const struct al_frame *start;
    const char *ensemble;              // nve | nvt | npt
    const char *thermostat, *cell;     // NULL: svr, isotropic
    double temperature, velocities;    // K: of the thermostat; of the velocities that are drawn
    double pressure;                   // GPa, npt
    bool ramp;                         // linear over `time` to these:
    double temperature_end, pressure_end;
    double time, timestep, tau, tau_p; // fs
    long stride;                       // steps between frames of the trajectory
    long first;                        // no frame before this step
    const char *identity;              // of the physics without `time`: a longer run goes on with the same checkpoint
    const char *trajectory, *dcd, *thermo, *checkpoint; // paths; one of the first two may be NULL. A topology is written beside dcd
    uint64_t stream[2];                // with the configuration's seed plus `replica`: the random numbers
    uint64_t replica;
    const char *purpose;
    bool labels;                       // frames are labels: fingerprint, no velocities; failing when the potential has none
};

struct mdrun_result {
    struct md_result md;
    long frames;
    double volume, volume_std; // Ang^3
    double seconds_per_step;   // of this process; 0 when it did none
    double ns_per_day;
    long ran;                  // steps of this process
    double started, ended;     // of them, monotonic clock, s
    struct overflow overflow;  // of a Deep Potential's sel
};

// Called for each frame before it is written, to add to its info. The frame is a copy.
typedef enum al_err (*mdrun_decorate)(void *ctx, struct al_frame *f, const struct md_state *s);

// Collective over MPI's ranks; on ranks other than 0 the result is zero.
enum al_err mdrun(struct task *t, const struct mdrun_settings *m, mdrun_decorate decorate, void *ctx,
                  struct mdrun_result *ret);
// A single run has the task's threads for each evaluation (another number: other rounding).
// n runs with one potential (that of the first): a Deep Potential's on as many threads as the task has, with one copy of its weights;
// first-principles runs in turn. Each is, bit for bit, what
// it would be alone with one thread.
enum al_err mdrun_all(struct task *t, int n, const struct mdrun_settings m[], mdrun_decorate decorate, void *ctx,
                      struct mdrun_result ret[]);
// What a trajectory tells its task: the number of frames as the fact `frames`, steps, means ...
enum al_err mdrun_facts(struct task *t, const char *frames, const struct mdrun_result *r);

#endif
