// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Frames: one arrangement of atoms in a periodic cell with, where known, velocities, energy, forces and
// virial. Units: Angstrom, fs, eV. File formats: extended XYZ as ASE writes and reads it (frame_xyz.c),
// POSCAR and CIF (frame_poscar.c, frame_cif.c: reading only).
//
// Signs: virial[a][b] = -dE/d(strain_ab), eV, positive trace = compressed (deepmd-kit);
// stress in extxyz = -virial/volume, eV/Ang^3 (ASE).
#ifndef AL_BASE_FRAME_H
#define AL_BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum { AL_ZMAX = 118, AL_NAME = 64 };

enum al_have { AL_HAVE_ENERGY = 1, AL_HAVE_FORCES = 2, AL_HAVE_VIRIAL = 4, AL_HAVE_VELOCITIES = 8 };

struct al_info {      // one key=value of an extxyz comment line that has no field of its own
    char *key, *value;
};

struct al_frame {
    int natoms;
    bool pbc;                // all three directions or none
    double cell[3][3];       // rows a, b, c; Ang
    int *z;                  // [natoms] atomic numbers
    double (*pos)[3];        // [natoms] Ang, not wrapped
    double (*vel)[3];        // [natoms] Ang/fs; valid with AL_HAVE_VELOCITIES
    double (*forces)[3];     // [natoms] eV/Ang; valid with AL_HAVE_FORCES
    double energy;           // eV
    double virial[3][3];     // eV
    unsigned have;           // enum al_have
    struct al_info *info;    // [ninfo] e.g. frame_id, system, source, temperature
    int ninfo;
};

// natoms atoms, everything zero, arrays for all fields allocated.
enum al_err al_frame_create(int natoms, struct al_frame **ret);
enum al_err al_frame_copy(const struct al_frame *f, struct al_frame **ret);
void al_frame_destroy(struct al_frame **f);
double al_frame_volume(const struct al_frame *f);
// Set or replace (value NULL: remove) a key; get returns NULL when absent.
enum al_err al_frame_info_set(struct al_frame *f, const char *key, const char *value);
const char *al_frame_info(const struct al_frame *f, const char *key);
// Fails with AL_ERR_INPUT and atom numbers: NaN, atoms closer than dmin Ang, cell volume not > 0.
enum al_err al_frame_check(const struct al_frame *f, double dmin);
// Fails with AL_ERR_INPUT when a position or the cell of what was read from path is beyond all numbers (1e300 times a scale).
enum al_err al_frame_finite(const struct al_frame *f, const char *path);
// Shortest distance between two atoms or their images, Ang.
enum al_err al_frame_min_distance(const struct al_frame *f, double *ret_d, int *ret_i, int *ret_j);
// Length of the largest force on an atom, eV/Ang; 0 without forces.
double al_frame_largest_force(const struct al_frame *f);
// n0 x n1 x n2 copies; forces and energy are dropped.
enum al_err al_frame_supercell(const struct al_frame *f, const int n[3], struct al_frame **ret);
// SHA-256 of species, cell and positions (bit for bit) as 64 hex digits: the identity of a frame.
void al_frame_hash(const struct al_frame *f, char ret_hex[65]);
// "Li12P4S15O", order of first appearance.
void al_frame_formula(const struct al_frame *f, char *buf, size_t size);

struct al_frames {           // a list that owns its frames
    struct al_frame **f;     // [n]
    int n, cap;
};
enum al_err al_frames_create(struct al_frames **ret);
void al_frames_destroy(struct al_frames **fs);
enum al_err al_frames_push(struct al_frames *fs, struct al_frame **f); // takes *f over and writes NULL

// Extended XYZ. Errors name file and line. Writing prints %.17g, so a round trip is exact.
enum al_err al_xyz_read(const char *path, struct al_frames **ret);
enum al_err al_xyz_write_frame(FILE *out, const struct al_frame *f);
enum al_err al_xyz_write(const char *path, const struct al_frames *fs); // durable: temp, fsync, rename
// Any structure file by its name: *.extxyz, *.xyz, *.cif, else POSCAR. First frame.
enum al_err al_structure_read(const char *path, struct al_frame **ret);
enum al_err al_poscar_read(const char *path, struct al_frame **ret);
enum al_err al_cif_read(const char *path, struct al_frame **ret);

const char *al_element_symbol(int z);         // "Li"; "X" outside 1..118
int al_element_z(const char *symbol);         // 0 when unknown
double al_element_covalent_radius(int z);     // Ang; 0 when not known
double al_element_mass(int z);                // standard atomic weight, amu (IUPAC 2021 abridged)

#endif
