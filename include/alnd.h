/* SPDX-License-Identifier: GPL-3.0-or-later
 * Copyright the alnd authors
 *
 * libalnd: energies, forces and virials of Deep Potential models (.dp files of alnd and of deepmd-kit 3: se_e2_a, and
 * alnd's own with angles), and the deviation of a committee. C99 and C++.
 *
 *     alnd_model *m;
 *     if (alnd_open("graph.0.dp", &m)) { fprintf(stderr, "%s\n", alnd_error()); ... }
 *     double energy, forces[3 * N], virial[9];
 *     alnd_result r = {0};
 *     r.energy = &energy; r.forces = forces; r.virial = virial;
 *     if (alnd_eval(m, 0, N, positions, types, cell, &r)) ...
 *     alnd_close(m);
 *
 * Units: eV, Angstrom, eV/Angstrom. Virial V_ab = -dE/d(strain_ab) = sum r_a F_b, eV, row major, positive trace =
 * compressed; ASE's stress is -V/volume, LAMMPS' pressure +V/volume.
 *
 * Arrays belong to the caller, are row major and are not kept after a call. On failure no output has been written.
 *
 * Arithmetic: the environment variable ALND_PRECISION, read when a model is opened. double (also where it is not set):
 * tabulated embedding nets, 1e-8 eV/Angstrom from plain at most; mixed: float inside, twice as fast, 1e-6 eV/atom and
 * 1e-4 eV/Angstrom at most (1e-7 as a rule); plain: the networks as they are, three times slower than double.
 *
 * Threads: any function may be called from any thread at any time, except that a model must not be in use when it is
 * closed. Calls on the same model wait for each other; for speed open the model once for each thread. The library
 * starts no threads, never writes to standard output or error and never ends the process. Models are read by libhdf5, under
 * a lock of this library: do not open one while another thread uses libhdf5 for itself. Files that are cut off, not
 * HDF5 or not a model are refused; against bytes that were changed inside of HDF5's own structures libhdf5 1.10 has no
 * defence, so do not open files that you do not trust.
 */
#ifndef ALND_H
#define ALND_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a function returns; alnd_error() says it in words. */
enum {
    ALND_OK = 0,
    ALND_ERROR_INPUT = 1,       /* an argument, or an atom that the model does not know */
    ALND_ERROR_FILE = 2,        /* no such file, or not a model */
    ALND_ERROR_UNSUPPORTED = 3, /* a model of another kind (descriptor, activation, spin, ...) */
    ALND_ERROR_UNPHYSICAL = 4,  /* two atoms at one place, positions or results that are not finite */
    ALND_ERROR_MEMORY = 5,
    ALND_ERROR_INTERNAL = 6
};

typedef struct alnd_model alnd_model; /* one model or a committee of several */

/* The message of this thread's last function that failed ("" when none has); valid until the next one that fails. */
const char *alnd_error(void);
/* "0.1.0" */
const char *alnd_version(void);

/* ---- models ------------------------------------------------------------------------------------------------- */

int alnd_open(const char *path, alnd_model **ret);
/* n >= 1 models with the same types in the same order (else ALND_ERROR_INPUT). Cut-offs and sel may differ. */
int alnd_open_committee(const char *const *paths, int n, alnd_model **ret);
/* Files that are in memory already, size[i] bytes each; name[i] is for messages. */
int alnd_open_bytes(const char *const *name, const void *const *bytes, const size_t *size, int n, alnd_model **ret);
void alnd_close(alnd_model *m); /* NULL is fine */

int alnd_models(const alnd_model *m);    /* members of the committee, 1 for a single model */
double alnd_cutoff(const alnd_model *m); /* Angstrom, largest of the members */
int alnd_types(const alnd_model *m);     /* number of types */
/* Name of a type, 0 <= type < alnd_types, an element symbol as a rule; NULL outside. Lives as long as the model. */
const char *alnd_type_name(const alnd_model *m, int type);
int alnd_type_of(const alnd_model *m, const char *name); /* -1 when the model does not have it */
/* Neighbours of this type that a member sees around an atom; further ones, the most distant, are left out (as in
 * deepmd-kit). -1 outside the range of member or type. */
int alnd_sel(const alnd_model *m, int member, int type);

/* ---- evaluation --------------------------------------------------------------------------------------------- */

/* Where results go; NULL = not wanted. With member = ALND_ALL each array is alnd_models() times as long, the members
 * one after the other. */
typedef struct {
    double *energy;      /* [1] eV */
    double *forces;      /* [natoms][3] eV/Angstrom */
    double *virial;      /* [3][3] eV */
    double *atom_energy; /* [natoms] eV; they add up to energy */
    double *atom_virial; /* [natoms][3][3] eV; they add up to virial. A pair's share is its neighbour's, as in
                            deepmd-kit. Costs little time, and memory for all pairs. */
} alnd_result;

enum { ALND_ALL = -1 };

/* The library finds the neighbours (all periodic images, in cells of any size).
 * member: 0 .. alnd_models - 1, or ALND_ALL.  positions [natoms][3], need not be inside the cell.
 * types [natoms]; a negative type stands for an atom that is not there (its results are 0).
 * cell [3][3] rows a, b, c, or NULL: not periodic. */
int alnd_eval(alnd_model *m, int member, int natoms, const double *positions, const int *types, const double *cell,
              const alnd_result *result);

/* The caller's neighbour list, full: each pair within the cut-off stands in the lists of both atoms, as far as both
 * are centres. Longer lists (a skin) are fine. A periodic image is an atom of its own (a ghost). Arrays as LAMMPS
 * has them. */
typedef struct {
    int n;                       /* atoms that have an energy: the local ones */
    const int *centre;           /* [n] their numbers, 0 <= . < natoms, each once */
    const int *count;            /* [n] neighbours of centre[k] */
    const int *const *neighbour; /* [n][count[k]] numbers of atoms, of which the bits in mask count */
    int mask;                    /* 0: all bits; LAMMPS: NEIGHMASK = 0x1FFFFFFF */
} alnd_list;

/* natoms = local and ghost atoms; forces come for all of them (a ghost's force belongs to the atom it is an image of;
 * who sums them up is the caller), energies for the centres. */
int alnd_eval_list(alnd_model *m, int member, int natoms, const double *positions, const int *types,
                   const alnd_list *list, const alnd_result *result);

/* ---- deviation of a committee ------------------------------------------------------------------------------- */

/* Standard deviations over the members are those of the population (divided by the number of members).
 *   f_i = | std F_i |,  v_c = std V_c / natoms (c = 1 .. 9),  energy = std E / natoms
 * (formulas of `dp model-devi`: Zhang et al., Phys. Rev. Materials 3, 023804, 2019). */
typedef struct {
    double max_force, min_force, avg_force;    /* eV/Angstrom, over the atoms */
    double max_virial, min_virial, avg_virial; /* eV/atom, over components; avg: root of the mean square */
    double energy;                             /* eV/atom */
} alnd_deviation;

/* Of the results of alnd_eval with ALND_ALL: energy [members], forces [members][natoms][3], virial [members][9].
 * atom: f_i [natoms], or NULL. */
int alnd_deviation_of(int members, int natoms, const double *energy, const double *forces, const double *virial,
                      alnd_deviation *ret, double *atom);

#ifdef __cplusplus
}
#endif
#endif
