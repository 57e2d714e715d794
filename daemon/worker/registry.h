// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The one list of trainers (train.engine), of labelers (label.engine) and of potentials (name or file's extension) -> function that opens it
// with the configuration's settings. A new one is one file and one line in registry.c; a labeler of somebody else's is one in engines/codes/list.c.
#ifndef AL_WORKER_REGISTRY_H
#define AL_WORKER_REGISTRY_H

#include "comm/comm.h"
#include "config/loop_config.h"
#include "seam/labeler.h"
#include "seam/potential.h"
#include "train/engine.h"

struct label_progress {
    int iteration;         // SCF step
    double energy, error;  // eV
};

struct label_hooks {       // all may be NULL
    void (*step)(void *ctx, const struct label_progress *p);
    bool (*stop)(void *ctx);
    // For programs of somebody else: the directory that the frame at hand may use; time that a run of one takes.
    enum al_err (*where)(void *ctx, char ret[AL_PATH]);
    void (*progress)(void *ctx, const char *rung, double seconds);
    // The converged valence density on the grid n, electrons/bohr^3, point (i0, i1, i2) at i0 + n[0] (i1 + n[1] i2).
    enum al_err (*density)(void *ctx, const int n[3], const double *rho);
    void *ctx;
};

// What labelling a frame takes, before it is tried.
struct label_estimate {
    int natoms, nbands, nkpt, npw, nproj; // plane waves of the first k-point; projectors
    int fft[3];
    double bytes;   // peak memory of one rank
    double flops;   // floating-point operations of a usual SCF and of forces and stress, all ranks together
};
// Needs no MPI. AL_ERR_INPUT: no pseudopotential for an element, bad settings.
enum al_err registry_labeler_estimate(const struct loop_config *c, const struct al_frame *f, int ranks,
                                      struct label_estimate *ret);
// Memory that a label task may take, bytes: resources.label.memory, else 90 % of the machine's (or container's)
// over the tasks at a time.
double registry_label_memory(const struct loop_config *c);

// Collective over comm; hooks are called on rank 0. They must outlive the labeler.
enum al_err registry_labeler_open(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm,
                                  struct labeler **ret);

// train.engine -> who trains (train/engine.h).
enum al_err registry_trainer(const char *engine, const struct trainer_ops **ret);

// "dft" with the configuration's label settings, or a model file (*.dp; on several ranks by domain decomposition). Collective over comm;
// rank 0 uses it, the part of the others is registry_potential_serve until rank 0 closes its instance.
enum al_err registry_potential_open(const struct loop_config *c, const char *name, struct comm *comm, struct potential **ret);
enum al_err registry_potential_serve(struct potential *p); // p NULL: nothing to do
// Threads of an evaluation, where it can use them.
void registry_potential_threads(struct potential *p, int threads);
// Another instance for another thread, see dp_potential_twin; *ret = of where there can be none (dft).
enum al_err registry_potential_twin(struct potential *of, struct potential **ret);
// Inputs that a Deep Potential's tables did not cover so far, see dp/compress.h.
long registry_potential_outside(const struct potential *p);
// Fingerprint that frames computed by it have as labels; NULL when they are none.
const char *registry_potential_fingerprint(const struct potential *p);
// How the last evaluation went: SCF steps (0: none).
int registry_potential_scf(const struct potential *p);

#endif
