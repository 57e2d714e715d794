// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd errors --certificate: RUN/certificate.yaml, written at the end of a run.
#ifndef AL_CLI_CERTIFICATE_H
#define AL_CLI_CERTIFICATE_H

#include "base/err.h"
#include "core/status.h"

// As text, or with json not NULL as its member `certificate`. AL_ERR_NOTFOUND while the run has not come to its end.
enum al_err certificate_show(const char *run, struct json_doc *json);

#endif
