// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Did the framework stay whole, and solid? Bonds of the units (P-S, P-O) of the first frame are followed through every frame: a
// bond is broken while it is longer than the cut-off, 1.25 times the sum of the covalent radii (Cordero 2008); a bond is
// formed where a pair that was not bonded at the start comes within it. Solid: the centres of the units (rotation of a unit does not
// count; without units all framework atoms) stay at their places: Lindemann ratio rms displacement from the mean place
// over the distance of neighbouring centres (threshold 0.15, F. A. Lindemann, Phys. Z. 11, 609 (1910); 0.10-0.15 are usual), and
// their MSD no longer grows: MSD(T/2)/MSD(T/4) is 1 for a solid, 2 in a liquid (threshold 1.5).
#ifndef AL_TRANSPORT_FRAMEWORK_H
#define AL_TRANSPORT_FRAMEWORK_H

#include "transport/structure.h"

struct tr_bond_options {
    struct tr_species species;
    int centre_z;  // element in the middle of the units; 0 = the first there is of P, Si, Ge, Sn, As, Sb, B, Al, Ga, Zr, Ti, Nb, Ta
    double factor; // of the sum of covalent radii; 0 = 1.25
};

struct tr_bond {
    int centre, ligand;
    double cutoff;     // Ang
    double image[3];   // cell vectors to add to the ligand's position
};

struct tr_bonds {
    int n, ncentres, centre_z;
    struct tr_bond *bond; // [n] by centre
    int *centre;          // [ncentres] atoms
    int *first;           // [ncentres + 1] bonds of a centre
};
// Bonds between centres and framework atoms of other elements in the first frame of run 0. No centre or no bond: n = 0.
enum al_err tr_bonds_create(const struct tr_reference *ref, const struct tr_bond_options *o, struct tr_bonds **ret);
void tr_bonds_destroy(struct tr_bonds **b);
// r_ligand - r_centre in a frame of run 0, Ang (of another run: image may have to be another).
void tr_bond_vector(const struct tr_bond *b, const struct tr_reference *ref, int run, int t, double ret[3]);

enum tr_state { TR_SOLID, TR_MOLTEN, TR_UNCLEAR };

struct tr_framework {
    // Bonds, over all runs.
    int nbonds, ncentres, centre_z;  // at the start
    int broken_most, formed_most;    // at the same time, in any frame
    int broken_end, formed_end;      // in the last frame of the runs, sum
    double broken_mean;              // fraction of bonds, over frames
    double first_broken;             // fs from the start of its run; infinite where none
    char first_bond[64];             // "P12-S40 in trajectory 0"
    int coordination[13];            // frames times centres by number of bonds, 12 = 12 and more
    double coordination_mean;
    bool whole;                      // no bond broken or formed in more than 1 % of the frames nor at the end
    // Motion.
    int nelements, z[16];
    double rms[16];                  // Ang, rms displacement from the mean place by element of the framework
    int nlags;
    double *lag, *msd;               // [nlags] fs, Ang^2 of the centres (or all framework atoms)
    double lindemann, growth;        // 1; rms over spacing; MSD(T/2)/MSD(T/4)
    double spacing;                  // Ang, mean distance of a centre to its nearest other
    enum tr_state state;
    double length;                   // fs of the shortest run
    int nruns;
    long nframes;
    char verdict[480];
};

// AL_ERR_INPUT: as tr_reference_create; no framework atoms; fewer than 8 frames.
enum al_err tr_framework_create(const struct tr_traj *const *runs, int nruns, const struct tr_bond_options *o, struct tr_framework **ret);
void tr_framework_destroy(struct tr_framework **f);
const char *tr_state_name(enum tr_state s); // "solid", "molten", "unclear"
// lag/fs, MSD/Ang^2
enum al_err tr_framework_write_csv(const char *path, const struct tr_framework *f);
void tr_framework_write_yaml(FILE *out, int depth, const struct tr_framework *f);
enum al_err tr_plot_framework(const char *path, const char *title, const char *note, const struct tr_framework *f);

#endif
