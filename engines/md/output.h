// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Append-only files of a run: trajectory, thermo log, deviation log. A checkpoint records how long each
// was; a restart cuts it back to that length, so that the finished file is the one of an undisturbed run.
#ifndef AL_MD_OUTPUT_H
#define AL_MD_OUTPUT_H

#include <stdio.h>

#include "md/md.h"

struct md_output {
    FILE *out; // write here; NULL before md_run has started or resumed it
    char *path;
};
// Nothing is created or changed on disk before md_run.
enum al_err md_output_create(const char *path, struct md_output **ret);
void md_output_destroy(struct md_output **o); // closes
// For md_run (and for those who drive a run by hand): open for appending at offset, cutting off what is
// behind it; AL_ERR_CORRUPT when the file is shorter. Sync: flush, check errors, fsync.
enum al_err md_output_start(struct md_output *o, long offset);
enum al_err md_output_sync(struct md_output *o, long *ret_offset);

// One CSV line: step, time/fs, T/K, epot/eV, ekin/eV, conserved/eV, pressure/GPa, volume/Ang^3; a header
// before the first line of the file.
enum al_err md_output_thermo(struct md_output *o, const struct md_thermo *t);
// Read such a file back.
enum al_err md_thermo_read(const char *path, struct md_thermo **ret, int *ret_n);
// One extxyz frame: species, unwrapped positions, velocities when asked for, energy; step and time/fs in the
// comment line (keys step, time).
enum al_err md_output_frame(struct md_output *o, const struct md_state *s, bool velocities);

#endif
