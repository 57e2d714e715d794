// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the analyses of structure and of collective motion have in common: which atoms move, which are the framework, and
// positions relative to it. Fractional coordinates, so that a cell that breathes (NPT) does not blur the picture: an atom is
// at s_i(t) - <s_k(t) - s_k(0)>, the mean over the framework's atoms weighted with their masses, in the mean cell
// of all frames. Replicas are laid onto the framework of the first one's first frame.
#ifndef AL_TRANSPORT_STRUCTURE_H
#define AL_TRANSPORT_STRUCTURE_H

#include "transport/msd.h" // TR_ANG2_FS_CM2_S
#include "transport/traj.h"

struct tr_species {
    int mobile_z;          // element of the mobile ions
    const bool *framework; // [AL_ZMAX + 1] elements of the framework; NULL = every element but mobile_z
};

static inline bool tr_in_framework(const struct tr_species *s, int z)
{
    return s->framework ? z >= 0 && z <= AL_ZMAX && s->framework[z] : z != s->mobile_z;
}

struct tr_reference {
    int nruns, natoms, nions, nframework;
    double dt;               // fs between frames
    int *ion;                // [nions] atoms of the mobile element
    int *frame;              // [nframework] atoms of the framework
    const int *z;            // [natoms] of run 0; those of another one are run[k].traj->z
    double cell[3][3], inv[3][3]; // mean cell of all frames and its inverse
    struct tr_reference_run {
        const struct tr_traj *traj;
        int n;                // frames
        double inv[3][3];     // of the run's mean cell
        double (*shift)[3];   // [n] fractional: to subtract
    } *run;                   // [nruns]
};

// AL_ERR_INPUT: runs that differ in atoms or in dt, no cell. Runs may have the elements of the framework in different places (arrangements
// of one composition): bonds and motion go by atom, elements by run. No framework atoms: positions as they are. No mobile ions is not an
// error here. The runs must outlive it.
enum al_err tr_reference_create(const struct tr_traj *const *runs, int nruns, const struct tr_species *s,
                                struct tr_reference **ret);
void tr_reference_destroy(struct tr_reference **r);
// AL_ERR_INPUT when there are none.
enum al_err tr_reference_need_ions(const struct tr_reference *r, const struct tr_species *s);
// Position relative to the framework at frame t: fractional (not wrapped), or in the mean cell, Ang.
void tr_reference_frac(const struct tr_reference *r, int run, int t, int atom, double ret_s[3]);
void tr_reference_pos(const struct tr_reference *r, int run, int t, int atom, double ret_x[3]);
// Where the atom is in the cell of its own frame, Ang: continuous, the framework's motion still in it.
void tr_reference_instant(const struct tr_reference *r, int run, int t, int atom, double ret_x[3]);
// Positions relative to the framework of n atoms as [n][3][frames of the run], Ang. The caller frees it with al_free.
enum al_err tr_reference_track(const struct tr_reference *r, int run, const int *atom, int n, double **ret_x);
int tr_reference_shortest(const struct tr_reference *r); // frames of the shortest run
// Perpendicular heights of a cell, Ang; volume over the area of the opposite face.
void tr_cell_heights(const double cell[3][3], double ret[3]);

// Ascending lags in frames from 1 to longest, about per_decade a decade, at most max of them; returns their number.
int tr_log_lags(int longest, int per_decade, int max, int *ret_lag);
// Time origins to take: every one, or fewer where there are more than 1e7 of them times things averaged over.
static inline int tr_origin_stride(int things, int origins)
{
    double n = (double)things * origins / 1e7;
    return n > 1.0 ? (int)n + 1 : 1;
}
// Mean and its standard error of n independent values (n = 1: error 0). Either may be NULL.
void tr_mean_error(int n, const double *v, double *ret_mean, double *ret_error);

#endif
