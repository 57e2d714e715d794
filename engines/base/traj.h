// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Trajectories frame by frame, whoever wrote them: extended XYZ (ours, ASE's), LAMMPS text dumps, VASP's XDATCAR, DCD
// with its topology beside it (base/dcd.h). The format is told
// by the first lines. Errors name file and line.
#ifndef AL_BASE_TRAJ_H
#define AL_BASE_TRAJ_H

#include "base/frame.h"

enum { AL_TRAJ_TYPES = 32 };

struct al_traj_options {
    double timestep;           // fs of one step, for files that count steps (LAMMPS); 0: not known
    int ntypes;                // elements of types 1, 2, ... where the file has numbers only
    int type_z[AL_TRAJ_TYPES];
};

struct al_traj_step {
    double time;    // fs; NaN where the file does not say it
    bool unwrapped; // positions are known to be continuous from frame to frame
};

// A format: is it this one (head: the file's first bytes, as text)?
struct al_traj_format {
    const char *name;
    bool (*is)(const char *path, const char *head, size_t n);
    enum al_err (*open)(const char *path, const struct al_traj_options *o, void **ret);
    enum al_err (*next)(void *reader, struct al_frame **ret, struct al_traj_step *ret_step); // *ret NULL: the end
    long (*tell)(void *reader); // bytes read so far
    void (*close)(void *reader);
};
extern const struct al_traj_format al_traj_xyz, al_traj_lammps, al_traj_xdatcar, al_traj_dcd;

struct al_traj;
enum al_err al_traj_open(const char *path, const struct al_traj_options *o, struct al_traj **ret);
void al_traj_destroy(struct al_traj **t);
const char *al_traj_format_name(const struct al_traj *t);
// The next frame (the caller's own); *ret NULL at the end.
enum al_err al_traj_next(struct al_traj *t, struct al_frame **ret, struct al_traj_step *ret_step);
// Share of the file that has been read, 0 to 1, for progress.
double al_traj_progress(const struct al_traj *t);

#endif
