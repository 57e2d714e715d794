// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What an import found (alnd-worker import, import.yaml), for people.
#ifndef AL_CLI_IMPORT_JOB_H
#define AL_CLI_IMPORT_JOB_H

#include <stdbool.h>
#include <stdio.h>

#include "base/yaml.h"

void import_tell(const struct al_node *answer, FILE *out);
// Something to look at: a source that could not be read to its end, findings about the data.
bool import_flawed(const struct al_node *answer);

#endif
