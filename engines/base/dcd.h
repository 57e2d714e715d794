// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// DCD, the binary trajectory of CHARMM, NAMD and LAMMPS: positions in single precision, the cell of each frame as lengths and
// cosines of angles (NAMD's order), the time step in AKMA units. MDAnalysis, VMD and OVITO (3.16 or newer) read it.
//
// The file knows neither elements nor the direction of the cell: frames are turned so that a lies along x and b in the plane xy,
// and elements come from a topology: the file TOPOLOGY beside the trajectory (extended XYZ, the first frame of the run).
// Its cell says how the run stood, so that frames come back as they were; where the cell itself turns against the axes in the
// course of a run that rotation is lost. Positions are unwrapped if they were.
#ifndef AL_BASE_DCD_H
#define AL_BASE_DCD_H

#include "base/frame.h"

#define AL_DCD_TOPOLOGY "topology.extxyz"

struct al_dcd_spec {
    int natoms;
    bool pbc;
    double timestep;    // fs
    long first, stride; // step of the first frame; steps from frame to frame
};
long al_dcd_head_size(void);
enum al_err al_dcd_write_head(FILE *out, const struct al_dcd_spec *s);
enum al_err al_dcd_write_frame(FILE *out, const struct al_frame *f);
// Brings the number of frames in the head up to date with the file's size; the position of out is kept.
enum al_err al_dcd_seal(FILE *out, const struct al_dcd_spec *s, long size);

struct al_dcd;
// topology: NULL for the one beside path. Frames behind the last whole one are not read (a run may be going on), fewer than the head
// promises are AL_ERR_CORRUPT.
enum al_err al_dcd_open(const char *path, const char *topology, struct al_dcd **ret);
void al_dcd_destroy(struct al_dcd **d);
long al_dcd_frames(const struct al_dcd *d);
// The next frame, with keys step and time (fs) in its info; *ret NULL: the end. ret_time may be NULL.
enum al_err al_dcd_next(struct al_dcd *d, struct al_frame **ret, double *ret_time);
// Is it one? (n first bytes of a file)
bool al_dcd_is(const char *head, size_t n);

// All frames of *.dcd, or of an extended XYZ file.
enum al_err al_frames_read(const char *path, struct al_frames **ret);

#endif
