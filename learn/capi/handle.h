// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside libalnd: what a handle holds. The public side is include/alnd.h.
#ifndef AL_CAPI_HANDLE_H
#define AL_CAPI_HANDLE_H

#include <pthread.h>

#include "base/neigh.h"
#include "dp/engine.h"

struct capi_member {
    struct dp_model *model;
    struct dp_engine *engine;
    struct dp_layout *layout; // NULL: that of member layout_of, which has the same cut-off and sel
    int layout_of;
    // Results in the order of struct capi_atoms; handed out when all members have succeeded.
    struct pot_result res; // forces [cap_pair]: of atoms, then (with atom virials) of rows
    double (*atom_virial)[9];
    size_t cap_force, cap_atom, cap_virial;
};

// The atoms that are there (type >= 0), centres first.
struct capi_atoms {
    int n, ncentre;
    int *from;       // [n] number at the caller's
    int *type;       // [n]
    double (*x)[3];  // [n] Ang
    int *to;         // [caller's natoms] inverse of from; -1 = not there
    size_t cap;      // of each
};

struct alnd_model {
    pthread_mutex_t lock;
    int n;
    double cutoff; // Ang
    struct capi_member *member; // [n]
    struct capi_atoms atoms;
    struct al_neigh *own;  // neighbours that the library finds
    struct al_neigh given; // the caller's, within the cut-off; arrays of ours
    size_t cap_first, cap_pair;
    int *row_atom; // [cap_row] work of atom virials
    size_t cap_row;
};

// Code of the public header for an error of ours.
int capi_status(enum al_err e);
#define CAPI_RESERVE(p, cap, want) AL_TRY(capi_reserve((size_t)(want), sizeof *(p), &(cap), &(p)))
// Room for want elements in *(T **)ptr; contents are lost when it grows.
enum al_err capi_reserve(size_t want, size_t size, size_t *cap, void *ptr);

#endif
