// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Executor `slurm`: tasks as jobs of Slurm (docs/slurm.md).
#ifndef AL_CORE_EXEC_SLURM_H
#define AL_CORE_EXEC_SLURM_H

#include "config/loop_config.h"
#include "core/executor.h"

struct exec_slurm_options {
    const char *run, *worker; // absolute; every node of the partition sees both
    const struct cfg_slurm *slurm;
    int retries;      // restarts by Slurm itself that a job may have
    double heartbeat; // s
};

enum al_err exec_slurm_create(const struct exec_slurm_options *o, struct executor **ret);
// Whether Slurm's commands are there; AL_ERR_NOTFOUND with a hint.
enum al_err exec_slurm_check(void);

#endif
