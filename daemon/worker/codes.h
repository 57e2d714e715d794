// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Labels by other people's programs (engines/codes) with the settings of loop.yaml.
#ifndef AL_WORKER_CODES_H
#define AL_WORKER_CODES_H

#include "worker/registry.h"

bool codes_know(const char *engine);
// One process: AL_ERR_UNSUPPORTED on several ranks. hooks NULL: a trial, nothing is labelled.
enum al_err codes_open(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm, struct labeler **ret);
// What it takes is the program's affair: the number of atoms, all else 0.
enum al_err codes_estimate(const struct loop_config *c, const struct al_frame *f, int ranks, struct label_estimate *ret);
// alnd-worker code CONFIG [ELEMENTS]: whether the program of label.engine starts and takes the settings, as YAML on out.
enum al_err codes_print(int argc, char **argv, FILE *out);

#endif
