// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Where the mobile ions are: their probability density on a grid of the mean cell, relative to the framework (structure.h: drift
// removed, cells that breathe averaged), in 1/Ang^3; the sum over the grid times the volume of a voxel is the number of ions.
// Each ion of each frame counts for the grid point next to it, then the grid is smoothed with a Gaussian (periodic, any
// cell; it keeps the sum). Noise of a voxel: sqrt(count) before smoothing.
#ifndef AL_TRANSPORT_DENSITY_H
#define AL_TRANSPORT_DENSITY_H

#include "transport/structure.h"

struct tr_density_options {
    struct tr_species species;
    double spacing; // Ang between grid points, at most; 0 = 0.2
    double smooth;  // Ang, standard deviation of the Gaussian; 0 = 0.25; < 0 = none
};

struct tr_density {
    int n[3];                 // points along a, b, c of the mean cell
    double *rho;              // [n0 n1 n2] 1/Ang^3; rho[i0 + n0 (i1 + n1 i2)] at (i0/n0, i1/n1, i2/n2)
    double smooth;            // Ang
    double voxel;             // Ang^3
    long nframes;
    int nions;
    struct al_frame *lattice; // mean cell with the framework's atoms at their mean places
};

// AL_ERR_INPUT: as tr_reference_create; no mobile ions; a grid of more than 1e8 points.
enum al_err tr_density_create(const struct tr_traj *const *runs, int nruns, const struct tr_density_options *o, struct tr_density **ret);
void tr_density_destroy(struct tr_density **d);
double tr_density_sum(const struct tr_density *d); // sum times voxel: ions
// Gaussian cube file (base/cube.h) with the framework's atoms, for VESTA; values in 1/Ang^3.
enum al_err tr_density_write_cube(const char *path, const struct tr_density *d);
void tr_density_write_yaml(FILE *out, int depth, const struct tr_density *d);
// The density summed along one cell vector (0, 1, 2; -1 = the shortest), 1/Ang^2, as a picture with the framework's atoms.
enum al_err tr_plot_density(const char *path, const char *title, const char *note, int axis, const struct tr_density *d);
enum al_err tr_write_density(const char *path, int axis, const struct tr_density *d); // the same sum as CSV

#endif
