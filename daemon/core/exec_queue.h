// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Executors `slurm`, `pbs`, `lsf` and `flux`: tasks as jobs of a batch system (docs/cluster.md).
#ifndef AL_CORE_EXEC_QUEUE_H
#define AL_CORE_EXEC_QUEUE_H

#include "config/loop_config.h"
#include "core/executor.h"

struct exec_queue_options {
    enum cfg_queue_system system;
    const char *run, *worker; // absolute; every node sees both
    const struct cfg_queue *cfg;
    int retries;      // restarts by the batch system itself that a job may have
    double heartbeat; // s
};

enum al_err exec_queue_create(const struct exec_queue_options *o, struct executor **ret);
// Whether the system's commands, if it is one, are there; AL_ERR_NOTFOUND with a hint.
enum al_err exec_queue_check(enum cfg_queue_system system);

#endif
