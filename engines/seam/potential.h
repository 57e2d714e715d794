// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Seam: potential. Energy, forces and virial of a frame. Implementations: dp (learn/dp), dft (engines/dft), domain
// (engines/domain: another one's, spread over ranks), lj and spring (engines/md, for tests). An implementation is a const record of
// functions and an instance whose first member is struct potential; it is opened by its own function
// (dp_potential_open, ...), named in the one list of daemon/worker/registry.c.
#ifndef AL_SEAM_POTENTIAL_H
#define AL_SEAM_POTENTIAL_H

#include "base/frame.h"
#include "base/neigh.h"

enum potential_caps {
    POT_VIRIAL = 1,
    POT_ATOMIC_ENERGY = 2,
    // The result depends on the frame within the potential's own tolerance, and below that on the frames
    // evaluated before it since open, forget or load (an iteration starts from theirs). Whoever must be able to
    // go on bit for bit saves that history with his own state and loads it again; save, load and forget are
    // not NULL.
    POT_HISTORY = 4,
    POT_LOCAL = 8, // eval_local is not NULL: energies are sums over atoms of what their surroundings within cutoff give
};

// A part of a larger system: atoms whose energies are wanted, and those around them (ghosts; images are atoms of their own).
struct pot_part {
    int ncentre, natoms;         // centres first
    const int *z, *tag;          // [natoms] elements; numbers in the whole system, for messages
    const struct al_neigh *list; // of the centres; d, r, and j < natoms; cut-off as the potential's or larger
};

struct pot_result {
    double energy;          // eV
    double (*forces)[3];    // [natoms] eV/Ang, caller's memory; NULL = not wanted
    double virial[3][3];    // eV, -dE/d(strain), positive trace = compressed
    double *atomic_energy;  // [natoms] eV, caller's memory; NULL = not wanted
};

struct potential;
struct potential_ops {
    const char *name;
    unsigned caps; // enum potential_caps
    // Fails with AL_ERR_INPUT for a species the potential does not know, AL_ERR_UNPHYSICAL for non-finite
    // results. Not thread-safe on one instance (it keeps its neighbour list); instances are independent.
    // Without POT_HISTORY the result depends on the frame only, not on earlier calls, bit for bit.
    // AL_ERR_NOTCONV: an iteration did not converge.
    enum al_err (*eval)(struct potential *p, const struct al_frame *f, struct pot_result *res);
    // POT_LOCAL: energy, virial and atomic energies [natoms] (of the ghosts: undefined) are those of the centres, forces [natoms]
    // this energy's derivatives by all the atoms; sums over the parts of a system are the system's.
    enum al_err (*eval_local)(struct potential *p, const struct pot_part *part, struct pot_result *res);
    double (*cutoff)(const struct potential *p); // Ang
    // May be NULL. The shortest distance of two atoms (or images) at the last evaluation, Ang, and their numbers; infinite when
    // none are within the cut-off.
    double (*closest)(const struct potential *p, int *ret_i, int *ret_j);
    void (*close)(struct potential *p);          // frees the instance
    // May be NULL. For speed: from now on frames with as many atoms as f (NULL: none) are evaluated in an order of atoms chosen from f
    // alone, where its own is a bad one. All that the caller gives and gets, messages included, stays in his order; results are the
    // same to rounding, and again bit for bit after an arrange with the same f.
    enum al_err (*arrange)(struct potential *p, const struct al_frame *f);
    // POT_HISTORY; else NULL. Files path or path.SUFFIX, durable. load: AL_ERR_NOTFOUND when they are not there or
    // those of another number of ranks, AL_ERR_CORRUPT; then the history is empty. After save or load the
    // next results are the same bits.
    enum al_err (*save)(struct potential *p, const char *path);
    enum al_err (*load)(struct potential *p, const char *path);
    enum al_err (*forget)(struct potential *p);            // the history
    enum al_err (*discard)(struct potential *p, const char *path); // the files of a save, where they are
};
struct potential {
    const struct potential_ops *ops;
};

static inline void potential_destroy(struct potential **p)
{
    if (*p) (*p)->ops->close(*p);
    *p = NULL;
}

#endif
