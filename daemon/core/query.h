// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Questions to alnd-worker that are no tasks: it answers with YAML on its standard output.
#ifndef AL_CORE_QUERY_H
#define AL_CORE_QUERY_H

#include "base/yaml.h"

// Runs `worker argv[0] argv[1] ...` (NULL-terminated, without the program). Its complaint becomes the error: AL_ERR_INPUT for
// exit code 2, else AL_ERR_LOST.
enum al_err worker_ask(const char *worker, const char *const *argv, struct al_node **ret);

// Whether a model file from outside can be read, tried by a worker of its own with limits (worker/model.c), because libhdf5 can crash on a
// malformed one: AL_ERR_CORRUPT when that worker dies, AL_ERR_INPUT with its complaint otherwise.
enum al_err worker_check_model(const char *worker, const char *path);

#endif
