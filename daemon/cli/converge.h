// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd label --converge: errors of forces, energies and stress against cut-off and k-points, measured on given frames.
#ifndef AL_CLI_CONVERGE_H
#define AL_CLI_CONVERGE_H

#include "cli/label_job.h"

struct converge_wish {
    const char *force_error;        // "10 meV/Ang"; NULL: label.force_error
    const char *cutoffs, *spacings; // "20, 25, 30 Ha", "0.7, 0.5 1/Ang"; NULL: chosen here
};

// out NULL: NAME.converge.yaml beside the configuration. Returns the exit code.
int converge_run(struct label_choice *o, const char *out, const struct converge_wish *w);

#endif
