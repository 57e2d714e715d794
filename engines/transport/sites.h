// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Sites of the mobile ions, found from their density, and jumps between them.
//
// Sites: grid points are taken from the highest density down; each joins the steepest of its 26 neighbours that are already
// there, or starts a site. Where two sites meet, the lower one is merged into the other when the density at the saddle is more
// than `merge` of its own peak, i.e. the barrier is below kT ln(1/merge). (Watershed with persistence: F. Chazal et al., J. ACM 60, 41
// (2013).) Sites whose peak is below `floor` times the mean density are none: nobody lives there.
// Jumps: a site's core is where its density is above `core` of its peak, and above the geometric mean of peak and highest
// saddle. An ion belongs to the site whose core it entered last, so that recrossings at a border do not count; the jump is at the
// entry. Entering the same site in another periodic image is a jump as well. Jumps faster than the frame interval are not seen.
// Errors are Poisson's (jumps taken as independent; jumps that follow one another at once are not).
#ifndef AL_TRANSPORT_SITES_H
#define AL_TRANSPORT_SITES_H

#include "transport/density.h"

struct tr_sites_options {
    double merge; // 0 = 0.5
    double core;  // 0 = 0.25
    double floor; // 0 = 0.5
};

struct tr_site {
    double frac[3], pos[3];  // centre of its core's density: fractional, and Ang in the mean cell
    double peak, saddle;     // 1/Ang^3; highest saddle to another site (0: none)
    double occupancy;        // ions: density summed over its basin
    double residence;        // fraction of ion-time: mean number of ions that belong to it
    long departures;
    double residence_time;   // fs, time in it over departures; infinite with none
};

struct tr_jump { // a -> b (b in any image)
    int a, b;
    long count;
    double distance;         // Ang, of the centres, mean over its images jumped to
};

struct tr_sites {
    int nsites;
    struct tr_site *site;    // [nsites] by occupancy, highest first
    int *basin;              // [n0 n1 n2] site of each grid point, -1 = none
    bool *core;              // [n0 n1 n2]
    double off_site;         // ions: density in no site's basin
    // Jumps of all runs.
    long njumps;
    double observed;         // fs, time of ions since each first entered a core
    int nions;
    double rate, rate_error; // 1/fs and ion
    double residence_time;   // fs, observed/njumps; infinite with no jump
    int nlinks;
    struct tr_jump *link;    // [nlinks] by count, highest first
    int nbins;               // of the jump distances, width 0.25 Ang from 0
    double *distance, *histogram; // [nbins] Ang (middle), jumps
    double d_jumps, d_jumps_error; // cm^2/s: sum of squared distances/(6 observed time): D if jumps were uncorrelated
    char verdict[200];
};

// density: of the same runs and species. AL_ERR_INPUT as tr_density_create, options outside (0, 1) (floor: >= 0).
enum al_err tr_sites_create(const struct tr_traj *const *runs, int nruns, const struct tr_species *species,
                            const struct tr_density *density, const struct tr_sites_options *o, struct tr_sites **ret);
void tr_sites_destroy(struct tr_sites **s);
// Sites; links a -> b; histogram of jump distances.
enum al_err tr_sites_write_csv(const char *path, const struct tr_sites *s);
enum al_err tr_jumps_write_csv(const char *path, const struct tr_sites *s);
enum al_err tr_distances_write_csv(const char *path, const struct tr_sites *s);
void tr_sites_write_yaml(FILE *out, int depth, const struct tr_sites *s);
enum al_err tr_plot_jumps(const char *path, const char *title, const char *note, const struct tr_sites *s);

#endif
