// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What `alnd report` and `alnd serve` share: a run's page, with what the journal knows.
#ifndef AL_CLI_WEB_H
#define AL_CLI_WEB_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

// The working directory is the run directory.
enum al_err web_page(FILE *out, const char *run, const char *csv_dir, bool live);
enum al_err errors_json(const char *run, char **ret_text); // what `alnd errors RUN --json` says

#endif
