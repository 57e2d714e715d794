// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// RUN/certificate.yaml: what is known about the potential that a run ended with, from the run's own files alone. What was not measured
// is there as well and says why.
#ifndef AL_WORKER_CERTIFICATE_H
#define AL_WORKER_CERTIFICATE_H

#include "worker/task.h"

struct certificate_sources {
    struct al_node *const *errors; // [nerrors] trees of iterations/III/errors.yaml, at least one
    const char *calibration, *test; // files of the last evaluation and gathering
    const char *const *transport;  // [ntransport] ids of analyze tasks
    const char *const *noise;      // [nnoise] ids of label tasks at tighter settings, one frame each
    int nerrors, ntransport, nnoise;
};
enum al_err certificate_write(struct task *t, const char *path, const struct certificate_sources *s);

#endif
