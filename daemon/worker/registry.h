// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The one list of labelers: engine name in loop.yaml -> function that opens it with the configuration's settings. A new
// engine is one file and one line in registry.c.
#ifndef AL_WORKER_REGISTRY_H
#define AL_WORKER_REGISTRY_H

#include "comm/comm.h"
#include "config/loop_config.h"
#include "seam/labeler.h"

struct label_progress {
    int iteration;         // SCF step
    double energy, error;  // eV
};

struct label_hooks {       // all may be NULL
    void (*step)(void *ctx, const struct label_progress *p);
    bool (*stop)(void *ctx);
    void *ctx;
};

// Collective over comm; hooks are called on rank 0. They must outlive the labeler.
enum al_err registry_labeler_open(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm,
                                  struct labeler **ret);

#endif
