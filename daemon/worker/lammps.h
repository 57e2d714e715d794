// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// nnmd_run with the engine lammps: the real lmp moves the atoms as a child process with the committee's first member; observers are
// called for its frames as md_run calls them for ours, so that everything behind them is the same. Only the steps that LAMMPS writes are
// seen: temperatures every thermo_every steps (at most 10), distances on the frames. The files of the run lie in
// TASKDIR/lammps-NAME; they are enough to go on after a kill (from the last restart file, not bit for bit).
#ifndef AL_WORKER_LAMMPS_H
#define AL_WORKER_LAMMPS_H

#include "worker/nnmd.h"

enum al_err lammps_run(struct nnmd *n, const struct nnmd_run *r, struct md_result *ret);
// When the task is done: what is large and needed for going on only.
enum al_err lammps_clean(const struct task *t);
// alnd-worker lammps NAME: whether LAMMPS can be started, as YAML on out.
enum al_err lammps_print(int argc, char **argv, FILE *out);

#endif
