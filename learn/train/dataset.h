// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Training data in deepmd/npy (INTEROP 4.1): a system directory holds type.raw, type_map.raw, optionally
// nopbc, and set.* directories with coord, box, energy, force, virial .npy. All frames of a system have the
// same atoms in the same order. Units eV and Ang; virial positive for compression.
#ifndef AL_TRAIN_DATASET_H
#define AL_TRAIN_DATASET_H

#include "base/frame.h"

struct dp_system {
    char *name; // last component of its directory
    char *path;
    int natoms, nframes;
    bool pbc;
    unsigned have;          // AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL that every frame has
    int *z;                 // [natoms]
    double *coord;          // [nframes][natoms][3]
    double *box;            // [nframes][3][3]
    double *energy;         // [nframes]
    double *force;          // [nframes][natoms][3]
    double *virial;         // [nframes][3][3]
    double *weight;         // [nframes] of the frame in the loss; 1 where nothing else was given
    int nsets, *set_frames; // frames of each set, in the order of the set names
};

struct dp_dataset {
    struct dp_system *sys; // [nsys]
    int nsys;
};

enum al_err dp_dataset_create(struct dp_dataset **ret); // empty
void dp_dataset_destroy(struct dp_dataset **d);
// Read paths: each a system directory or a directory that is searched for systems (sorted by path).
enum al_err dp_dataset_read(const char *const paths[], int npaths, struct dp_dataset **ret);
// Add frames (of any compositions) grouped into systems by sequence of species; order of first appearance.
enum al_err dp_dataset_add_frames(struct dp_dataset *d, const char *name, const struct al_frames *frames);
int dp_dataset_nframes(const struct dp_dataset *d);
// Frame i of a system as a new al_frame.
enum al_err dp_system_frame(const struct dp_system *s, int i, struct al_frame **ret);
// All frames of a dataset, system by system.
enum al_err dp_dataset_frames(const struct dp_dataset *d, struct al_frames **ret);

// Write frames as a new set.NNN of the system directory dir (made with type.raw, type_map.raw when absent;
// the atoms must agree with it). type_map: element symbols, used when the directory is new; NULL = by first
// appearance. Energy, forces and virial are written where every frame has them. Durable: the set appears
// whole or not at all. ret_set may be NULL: number of the new set.
// origin (NULL = none): who writes, e.g. a task, kept in the file `origin` of the set; a second call with the same
// origin writes nothing, so that a gathering that was killed can be repeated.
enum al_err dp_dataset_append_set(const char *dir, const struct al_frame *const frames[], int n,
                                  const char *const type_map[], int ntypes, const char *origin, int *ret_set);

#endif
