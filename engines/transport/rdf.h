// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Radial distribution functions of all pairs of elements, with coordination numbers. Periodic images are counted, so r may go
// beyond half the cell. g(r) of a shell = V (ordered pairs a-b in it) / (N_a (N_b - delta_ab) volume of the shell), V and
// pairs of each frame, mean over frames: 1 for an ideal gas of N atoms (MDAnalysis' InterRDF with exclusion_block=(1, 1) for
// a = b; one atom alone sees its images, norm 1). The coordination number of an atom a by b within r counts neighbours and needs no norm.
#ifndef AL_TRANSPORT_RDF_H
#define AL_TRANSPORT_RDF_H

#include "transport/structure.h"

struct tr_rdf_options {
    double r_max;  // Ang; 0 = half the smallest height of the first cell, but 6 to 10 Ang
    int nbins;     // 0 = bins of about 0.05 Ang
    int stride;    // every stride-th frame; 0 = so that about 1000 frames are used
    int nblocks;   // consecutive parts of all frames used, for errors; 0 = 5 (fewer frames: no errors, 0)
};

struct tr_rdf_pair {
    int za, zb;           // za <= zb
    int na, nb;           // atoms
    double r_shortest;    // Ang, of the frames used; 0: none below r_max
    double *g;            // [nbins] of the shell r[k] - dr/2 to r[k] + dr/2
    double *error;        // [nbins] standard error from blocks
    double *count_ab;     // [nbins] mean number of b within r[k] + dr/2 of an a; count_ba: of a around b
    double *count_ba;
    // First peak and the minimum after it, of g smoothed over three bins; r_min = 0 where none lies below r_max.
    double r_peak, g_peak, r_min, g_min; // Ang, 1
    double coordination_ab, coordination_ba; // neighbours within r_min
};

struct tr_rdf {
    int nbins, npairs;
    long nframes;         // used
    double dr, r_max;     // Ang
    double half;          // Ang, half the smallest height: beyond it atoms meet images of those that they know
    double *r;            // [nbins] middle of the bins, Ang
    struct tr_rdf_pair *pair; // [npairs]
};

// AL_ERR_INPUT: as tr_reference_create (one frame is enough).
enum al_err tr_rdf_create(const struct tr_traj *const *runs, int nruns, const struct tr_rdf_options *o, struct tr_rdf **ret);
void tr_rdf_destroy(struct tr_rdf **r);
const struct tr_rdf_pair *tr_rdf_find(const struct tr_rdf *r, int za, int zb); // either order; NULL when absent
// r/Ang, then g, its error and both running coordination numbers of each pair.
enum al_err tr_rdf_write_csv(const char *path, const struct tr_rdf *r);
void tr_rdf_write_yaml(FILE *out, int depth, const struct tr_rdf *r);
enum al_err tr_plot_rdf(const char *path, const char *title, const char *note, const struct tr_rdf *r);

#endif
