// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What md_run tells of a run, for those who get its thermo rows elsewhere (LAMMPS).
#ifndef AL_MD_STATS_H
#define AL_MD_STATS_H

#include "md/md.h"

// Running least squares of the conserved energy and averages, one sample a step.
struct md_stats {
    long n;
    double start;          // conserved energy at step 0, eV
    double mean_t, mean_e; // ps; eV from start
    double s_tt, s_te, s_ee;
    double mean_temperature, s_temperature, mean_pressure, mean_epot;
};
void md_stats_add(struct md_stats *a, const struct md_thermo *t);
void md_stats_report(const struct md_stats *a, int natoms, struct md_result *r);

#endif
