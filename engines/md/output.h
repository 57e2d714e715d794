// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Append-only files of a run: trajectory, thermo log, deviation log. A checkpoint records how long each
// was; a restart cuts it back to that length, so that the finished file is the one of an undisturbed run.
//
// A thread of its own writes each (md/writer.h): frames are handed over and formatted there. Its errors come back from the next
// call, at the latest from md_output_sync.
#ifndef AL_MD_OUTPUT_H
#define AL_MD_OUTPUT_H

#include <stdio.h>

#include "base/dcd.h"
#include "md/md.h"

struct md_writer;
struct md_output {
    FILE *out; // write text here; NULL before md_run has started or resumed it
    char *path;
    struct md_writer *writer;
    struct al_dcd_spec dcd;
    bool is_dcd, begun; // begun: something stands in it
};
// Nothing is created or changed on disk before md_run.
enum al_err md_output_create(const char *path, struct md_output **ret);
enum al_err md_output_create_dcd(const char *path, const struct al_dcd_spec *spec, struct md_output **ret);
void md_output_destroy(struct md_output **o); // closes
// For md_run (and for those who drive a run by hand): open for appending at offset, cutting off what is
// behind it; AL_ERR_CORRUPT when the file is shorter. Sync: all that was handed over is written, errors checked, fsync.
enum al_err md_output_start(struct md_output *o, long offset);
enum al_err md_output_sync(struct md_output *o, long *ret_offset);

// A frame as it is, extended XYZ or DCD; takes *f over and writes NULL.
enum al_err md_output_take(struct md_output *o, struct al_frame **f);
// One CSV line: step, time/fs, T/K, epot/eV, ekin/eV, conserved/eV, pressure/GPa, volume/Ang^3; a header
// before the first line of the file.
enum al_err md_output_thermo(struct md_output *o, const struct md_thermo *t);
// Read such a file back.
enum al_err md_thermo_read(const char *path, struct md_thermo **ret, int *ret_n);
// One frame: species, unwrapped positions, velocities when asked for, energy; step and time/fs in the
// comment line (keys step, time).
enum al_err md_output_frame(struct md_output *o, const struct md_state *s, bool velocities);
// What a DCD trajectory does not say, beside it (base/dcd.h).
enum al_err md_output_topology(const char *trajectory, const struct al_frame *f);

#endif
