// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The report: one self-contained HTML page of a run, finished or not, from the files in its directory. It works offline and without
// scripts: every plot is there as SVG and its numbers as CSV, in the page and, where asked for, as files. With the bundle of
// web/ built in, the plots can be looked into (uPlot) and structures are shown (3Dmol).
//
// The working directory is the run directory, here as in a worker.
#ifndef AL_REPORT_REPORT_H
#define AL_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "config/loop_config.h"

struct report_cost { // of one verb
    const char *verb;
    int tasks, starts, cores; // cores of one task
    double seconds;           // of all starts together
};

struct report_failure {
    char *task, *time, *message;
    int start;
};

// What only the journal knows; NULL and 0 where it is not at hand (the loop's own report.html).
struct report_extra {
    const char *state, *stage; // of the run as it is now
    const struct report_cost *cost;
    int ncost;
    const struct report_failure *failure;
    int nfailures;
    bool journal; // costs and failures are known, if only as none
    bool live;    // the page of `alnd serve`
};

// csv_dir: made, and every plot's numbers written into it as NAME.csv; NULL: in the page alone.
enum al_err report_write(FILE *out, const struct loop_config *cfg, const struct report_extra *x, const char *csv_dir);
bool report_has_bundle(void); // was the npm build there?

#endif
