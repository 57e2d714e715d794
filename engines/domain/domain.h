// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// One large periodic system on all ranks: a potential that spreads another one's work (POT_LOCAL) by domain decomposition.
// The cell is cut into n0 x n1 x n2 parts along its axes, one a rank. A rank owns the atoms in its part and keeps those
// within cut-off + skin around it as ghosts. An evaluation:
//
//   rank 0 hands out the positions of owned atoms; ranks exchange those in their halos with their neighbours, axis after axis
//   (6 messages a hop; more hops where parts are thinner than the halo); each rank evaluates its own atoms; forces on
//   ghosts go back the same way and are added; rank 0 collects forces, energy and virial, sums in the order of ranks.
//
// Atoms change rank, and halos and neighbour lists are made anew, when an atom has moved by half the skin. Positions,
// integrator and output stay with rank 0, as in first-principles MD: docs/scaling.md says what that costs.
//
// POT_HISTORY: which rank adds what, and so the last bits of a sum, depends on the positions at the last rebuild; save and
// load carry them. Results on different numbers of ranks agree to rounding.
#ifndef AL_DOMAIN_DOMAIN_H
#define AL_DOMAIN_DOMAIN_H

#include <stdbool.h>

#include "comm/comm.h"
#include "seam/potential.h"

// What local potentials count beside their results, for rank 0.
struct domain_tally {
    int n; // numbers, at most DOMAIN_MAX_TALLY
    void (*get)(void *ctx, int k, const struct potential *local, double *v); // every rank, after its part of an evaluation
    void (*take)(void *ctx, int k, int nranks, const double *v); // rank 0, [nranks][n], after an evaluation of local number k
    void (*release)(void *ctx);                                  // when the domain is closed, or its opening failed
    void *ctx;
};
enum { DOMAIN_MAX_TALLY = 16 };

struct domain_options {
    struct potential **local; // [nlocal] this rank's instances; the first is what eval evaluates
    int nlocal;
    bool own;                 // the domain closes them (and they are its own also when open fails)
    double skin;              // Ang; 0: 1 Ang. Speed depends on it, results to rounding
    struct domain_tally tally;
};

// Collective. On rank 0 the instance is a potential to be used there; the others serve until rank 0 closes it.
enum al_err domain_potential_open(const struct domain_options *o, struct comm *comm, struct potential **ret);
enum al_err domain_potential_serve(struct potential *p);
// Of the local potential number k (rank 0): eval is that of number 0.
enum al_err domain_potential_eval(struct potential *p, int k, const struct al_frame *f, struct pot_result *res);

struct domain_facts {
    int grid[3];          // parts along the axes of the cell
    int hops[3];          // messages to each side, along each axis
    long builds;          // decompositions so far
    int owned, ghosts;    // this rank's atoms
    int nlocal;
    double list_seconds;  // processor time of this rank in making neighbour lists
};
struct domain_facts domain_potential_facts(const struct potential *p);
void *domain_potential_tally(const struct potential *p); // its ctx
struct potential *domain_potential_local(const struct potential *p, int k); // this rank's, borrowed
bool domain_is(const struct potential *p);

#endif
