// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside engines/domain. Positions are everywhere those that rank 0 was given (unwrapped); an atom stands at
// x + image.cell, so that differences are taken as base/neigh.h takes them.
#ifndef AL_DOMAIN_DOMAIN_IMPL_H
#define AL_DOMAIN_DOMAIN_IMPL_H

#include "domain/domain.h"

struct dom_grid {
    int n[3];        // parts along the axes
    int hops[3];     // ceil(width * n)
    double width[3]; // of the halo, fraction of the cell
};

struct dom_record { // an atom as it is sent when halos are made
    int tag, z, image[3];
    double x[3];
};

struct dom_atoms {   // of a rank: owned ones, then ghosts in the order of arrival
    int nown, n;
    size_t cap;
    int *tag, *z;    // [n]
    int (*image)[3]; // [n]
    double (*x)[3], (*force)[3], *energy; // [n]
};

struct dom_stage { // one message to a neighbour, and the one that comes from the opposite side
    int to, from;
    int nsend, nrecv, first; // ghosts first .. first + nrecv - 1 come with it
    int *send;               // [nsend] atoms
    size_t cap;
};

struct dom_halo {
    struct dom_stage *stage; // [nstage]
    int nstage, cap;
    void *out, *in;          // messages
    size_t cap_out, cap_in;  // bytes
};

struct dom_list { // neighbours of owned atoms
    struct al_neigh near;     // as potentials take it
    int *wide_first, *wide;   // [nown + 1], [nwide] atoms within cut-off + skin at the last build, by (tag, image)
    size_t cap_first, cap_wide, cap_pair;
    double shortest;          // distance at the last update, Ang, of the atoms numbered pair
    int pair[2];
};

struct dom_ref { // rank 0: the frame of the last build
    bool valid;
    int natoms;
    double cell[3][3];
    double (*x)[3]; // [natoms]
    int *z;         // [natoms]
    int (*image)[3]; // [natoms] x + image.cell is in the cell
    int *order;     // [natoms] atoms by rank, ascending inside a rank
    double *pack;   // [natoms][3] positions or forces in this order
    struct dom_record *record; // [natoms]
    int *count;     // [nranks]
    int *bytes, *at; // [nranks] for messages
    size_t cap;
};

struct domain {
    struct potential base;
    struct comm *comm; // borrowed
    struct potential **local;
    int nlocal;
    bool own;
    double skin, reach; // Ang; reach = cut-off + skin + a margin for rounding
    struct domain_tally tally;
    double cell[3][3];  // of the evaluation or build at hand
    bool built;         // halos are those of ref
    long builds;
    double list_seconds;
    struct dom_grid grid;
    struct dom_atoms atoms;
    struct dom_halo halo;
    struct dom_list list;
    struct dom_ref ref;
    double *sums;     // rank 0: [nranks][13 + tally.n]
    double shortest;  // of the last evaluation, rank 0
    int pair[2];
};

// grid.c: the grid with the fewest ghosts, and who owns what (rank 0).
enum al_err dom_grid_choose(int nranks, const double cell[3][3], double reach, struct dom_grid *ret);
void dom_grid_coords(const struct dom_grid *g, int rank, int ret[3]);
int dom_grid_rank(const struct dom_grid *g, const int c[3]); // c: any integers, the cell is periodic
enum al_err dom_ref_set(struct domain *d, int natoms, const int *z, const double (*x)[3], const double cell[3][3]);
enum al_err dom_ref_assign(struct domain *d); // grid, images, owners of ref's atoms
bool dom_ref_holds(const struct domain *d, const struct al_frame *f); // nothing has moved too far
void dom_ref_message(struct dom_ref *r, int nranks, size_t unit); // bytes, at for `unit` bytes an atom
void dom_ref_free(struct dom_ref *r);
enum al_err dom_history_save(const struct domain *d, const char *path);
enum al_err dom_history_load(struct domain *d, const char *path);

// halo.c
enum al_err dom_atoms_reserve(struct dom_atoms *a, int n);
void dom_atoms_free(struct dom_atoms *a);
enum al_err dom_halo_build(struct domain *d); // collective
void dom_halo_forward(struct domain *d);      // positions of ghosts from their owners
void dom_halo_reverse(struct domain *d);      // forces on ghosts to their owners
void dom_halo_free(struct dom_halo *h);

// list.c
enum al_err dom_list_build(struct dom_list *l, const struct dom_atoms *a, const double cell[3][3], double cutoff, double wide);
enum al_err dom_list_update(struct dom_list *l, const struct dom_atoms *a, const double cell[3][3]);
void dom_list_free(struct dom_list *l);

#endif
