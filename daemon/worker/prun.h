// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What a production run says of itself (facts of verb produce), for the tables of the analysis.
#ifndef AL_WORKER_PRUN_H
#define AL_WORKER_PRUN_H

#include <stdio.h>

#include "base/yaml.h"

enum { PRUN_TEXT = 160 };

struct prun {
    char task[PRUN_TEXT], ended[PRUN_TEXT], drift_text[PRUN_TEXT];
    double temperature, temperature_error, pressure, drift; // K, K, GPa, eV/atom/ps
    double volume, volume_error, expansion;                 // Ang^3; fraction of the structure's volume; NaN: not from npt
    double deviation_mean, deviation_max;                   // eV/Ang
    long samples, uncertain, extrapolating;                 // frames whose deviation was taken; above trust low, above trust high
};

enum al_err prun_read(const char *task, const struct al_node *facts, struct prun *ret);
// Of all samples of these runs, the fraction above the trust window: what the potential does not know; NaN without samples.
double prun_extrapolating(int n, const struct prun *p);
// The list `production` at depth 2; in the sums what is worth a look: the cell of the runs, extrapolating samples, drift.
void prun_write(FILE *out, int n, const struct prun *p);

#endif
