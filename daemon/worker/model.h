// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_WORKER_MODEL_H
#define AL_WORKER_MODEL_H

#include "base/yaml.h"

// alnd-worker model FILE.dp...: a question, not a task (daemon/core/query.h, worker_check_model).
enum al_err model_print(int argc, char **argv, FILE *out);

#endif
