// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What exploration and production have in common: a committee whose first member moves the atoms of one system at one
// temperature, with checkpoints in the task's directory. On several ranks by domain decomposition.
#ifndef AL_WORKER_NNMD_H
#define AL_WORKER_NNMD_H

#include "comm/comm.h"
#include "committee/committee.h"
#include "md/md.h"
#include "md/output.h"
#include "worker/overflow.h"

struct nnmd {
    struct task *t;
    struct committee *committee;
    struct comm *world;
    struct potential *mover; // the first member: the committee's own, or on all ranks
    struct pot_result *member; // [committee] results on all ranks, forces [natoms]
    struct md_state *s;      // rank 0
    struct overflow overflow; // of the first member's sel, over the runs of this task
    long overflow_seen;
    const char *thermostat, *cell; // of the runs to come; NULL: svr, isotropic
    double pressure, tau_p;        // GPa, of ensemble npt; fs, 0: that of section explore
};

// Opens the task's models and the starting structure `start` (a frame of it: which >= 0, modulo their number), repeated as
// supercell. Random numbers from the stream (seed, purpose, k0, k1, k2). Velocities at twice the temperature: half of the kinetic energy goes into the potential energy of the relaxed structure.
// precision: a name that dp_way_of knows.
enum al_err nnmd_open(struct task *t, const char *precision, const int supercell[3], int which, const char *purpose,
                      const uint64_t key[3], struct nnmd **ret);
void nnmd_destroy(struct nnmd **n);
// Of ranks other than 0, until rank 0 has destroyed its own.
enum al_err nnmd_serve(struct nnmd *n);
// The model deviation of the committee at the present positions.
enum al_err nnmd_deviation(struct nnmd *n, struct deviation *ret);
// Cell and positions times factor, before the run.
void nnmd_scale(struct nnmd *n, double factor);

struct nnmd_run {
    const char *ensemble;      // "nve", "nvt" or "npt"; their times as in section explore
    const char *engine;        // builtin | lammps (worker/lammps.h)
    const char *checkpoint;    // name of the file in the task's directory
    double time, timestep;     // fs
    struct md_observer *observer;
    struct md_output **outputs; // [noutputs]
    int noutputs;
};
long nnmd_steps(const struct nnmd_run *r);
enum al_err nnmd_run(struct nnmd *n, const struct nnmd_run *r, struct md_result *ret);
// When the task is done: an engine's own files that were needed for going on only.
enum al_err nnmd_clean(const struct nnmd *n);

// Creates TASKDIR/name as an output.
enum al_err nnmd_output(const struct task *t, const char *name, struct md_output **ret);

#endif
