// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Training data: deepmd/npy (INTEROP 4.1: a system directory holds type.raw, type_map.raw, optionally nopbc, and set.*
// directories with coord, box, energy, force, virial .npy), the same tree in an HDF5 file (FILE.h5#/group), mixed type
// (real_atom_types.npy), extended XYZ. All frames of a system here have the same atoms in the same order and the same kinds of
// labels; a file or directory that holds several kinds becomes several systems. Elements are known by name, so type
// maps of different order go together. Units eV and Ang; virial positive for compression.
#ifndef AL_TRAIN_DATASET_H
#define AL_TRAIN_DATASET_H

#include <stdint.h>

#include "base/frame.h"

struct dp_system {
    char *name; // last component of its directory
    char *path;
    int natoms, nframes;
    int room;               // frames that the arrays have place for
    bool pbc;
    unsigned have;          // AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL
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
    char **note; // [nnotes] what a reader has to say, e.g. which of two energies it took
    int nnotes;
};

enum al_err dp_dataset_create(struct dp_dataset **ret); // empty
void dp_dataset_destroy(struct dp_dataset **d);
// Read paths: each a system directory, a directory that is searched for systems (sorted by path), FILE.h5 or FILE.h5#/group
// (searched as well), or an .extxyz or .xyz file. Errors name frames, counted from 0 over all sets of a system.
enum al_err dp_dataset_read(const char *const paths[], int npaths, struct dp_dataset **ret);
// The frames of an extended XYZ file as they stand there, labelled or not, with the energy that belongs to the forces; what there is to
// say about that ("": nothing).
enum { DP_NOTE = 256 };
enum al_err dp_xyz_frames(const char *path, struct al_frames **ret, char ret_note[DP_NOTE]);
// Add frames (of any compositions) grouped into systems by sequence of species and kinds of labels; order of first appearance.
// The key weight= of a frame is its weight.
enum al_err dp_dataset_add_frames(struct dp_dataset *d, const char *name, const struct al_frames *frames);
int dp_dataset_nframes(const struct dp_dataset *d);
// Frames moved at random from d to *ret: the fraction of each system's, rounded, at least one of a system of ten frames or more
// unless fraction is 0; never all of them.
enum al_err dp_dataset_split(struct dp_dataset *d, double fraction, uint64_t seed, struct dp_dataset **ret);
// Takes the frames out that have an atom with a larger force, eV/Ang (0: none), and systems that are left with no frame; *ret_out: how many.
enum al_err dp_dataset_leave_out(struct dp_dataset *d, double max_force, int *ret_out);
// Write every system as one set of its own directory dir/NAME, or all frames into one extended XYZ file.
enum al_err dp_dataset_write_npy(const struct dp_dataset *d, const char *dir);
enum al_err dp_dataset_write_xyz(const struct dp_dataset *d, const char *path);
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
