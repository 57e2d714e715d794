// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Training of one Deep Potential: deepmd-kit's recipe (INTEROP section 5) with the exact gradient of the loss
//   L = p_e/N <(E-E0)^2> + p_f <(F-F0)^2> + p_v/N <(V-V0)^2>
// (p_f over 3N, p_v over 9 components, < > also over the batch); Adam or SOAP, exponential or cosine learning rate. With ZBL repulsion in the
// model (dp_config.zbl) the networks learn the labels less the repulsion, and errors are those of both together. Same data,
// options and seed give the same bits; a run that was stopped or killed and started again gives the bits of
// an undisturbed one. Files in options.dir: checkpoint.bin, lcurve.out, model.dp (at the end).
#ifndef AL_TRAIN_TRAIN_H
#define AL_TRAIN_TRAIN_H

#include <stdint.h>

#include "dp/model.h"
#include "train/dataset.h"
#include "train/gradient.h"
#include "train/optimiser.h"

struct train_progress {
    long step, steps;
    double lr;
    double loss;                               // of the training batch
    double rmse_e, rmse_f, rmse_v;             // training batch: eV/atom, eV/Ang, eV/atom; NaN when absent
    double val_rmse_e, val_rmse_f, val_rmse_v; // validation batches; NaN without validation data
};

// Learning rate from start to stop: deepmd-kit's exponential in steps of decay_steps, or half a cosine.
enum train_schedule { SCHEDULE_EXPONENTIAL, SCHEDULE_COSINE };

struct train_options {
    struct dp_config
        model;        // type_map from the data when ntypes = 0; sel[0] = 0: automatic. Not used with init
    double sel_margin;        // automatic sel: this times the most neighbours met, rounded up to 4 (deepmd: 1.1)
    const char *init; // .dp to start from (warm start; statistics and energy bias are kept), or NULL
    long steps;
    bool pooled; // sets of a system as one (train/batch.h); deepmd-kit takes them in order
    int batch; // frames a step; 0 = ceil(32/N) of the system
    enum gradient_path path;
    enum optimiser_kind optimiser;
    enum train_schedule schedule;
    double lr_start, lr_stop;
    long decay_steps;                       // 0 = deepmd's rule
    double pref_e[2], pref_f[2], pref_v[2]; // start, limit
    uint64_t seed, key[3];     // streams (seed, purpose, key...), e.g. key = iteration, member, 0
    long report_every;         // rows of lcurve.out and calls of observe
    int valid_batches;         // frames of validation in a row of lcurve.out; 0 = all
    int patience;              // rows without a lower validation error before cooling down; 0 = never
    long cool_from, cool_steps; // the trainer's: from here half a cosine to lr_stop, then the end; 0 = not yet
    const char *dir;           // existing directory; NULL: nothing is written and nothing resumed
    double checkpoint_seconds; // wall time between checkpoints; 0 = after every step; < 0 = none but on stop
    const char *meta;          // JSON object for the model's ROOT key "alnd", or NULL
    const char *fingerprint;   // identity of the labels, part of the checkpoint's identity; or NULL
    const char *program;       // of an engine that is another program (resources.deepmd): a name in PATH or a path
    int threads;               // of such a program; 0 = 1
    double patience_seconds;   // of such a program without a sign of life; 0 = 600
    void (*observe)(void *ctx, const struct train_progress *p); // may be NULL
    bool (*check_stop)(void *ctx);                              // asked after every step; may be NULL
    void (*resumed)(void *ctx, long step);                      // it goes on from there; may be NULL (called by engines, train/engine.h)
    void (*warn)(void *ctx, const char *text);                  // e.g. of a loss that was not finite; may be NULL
    void *ctx;
    size_t cache_bytes; // limit of cached environments; more frames are rebuilt each time (same bits)
};

// deepmd's defaults: lr 1e-3 -> 1e-8, prefactors e 0.02 -> 1, f 1000 -> 1, v 0 -> 0, batch 1, network
// default.
void train_options_default(struct train_options *o);

struct trainer;
// valid may be NULL. The data sets must outlive the trainer. Resumes from dir/checkpoint.bin when it fits
// options and data (AL_ERR_CORRUPT when it belongs to another run or is damaged).
enum al_err trainer_create(const struct train_options *o, const struct dp_dataset *train,
                           const struct dp_dataset *valid, struct trainer **ret);
void trainer_destroy(struct trainer **t);
// To the last step; writes model.dp. AL_ERR_STOPPED after check_stop said so (checkpoint written);
// a loss that is not finite leads back to the last checkpoint with half the learning rate; AL_ERR_UNPHYSICAL when that did
// not help ten times.
enum al_err trainer_run(struct trainer *t);
long trainer_step(const struct trainer *t);
int trainer_recoveries(const struct trainer *t);         // times the rate was halved
const struct dp_model *trainer_model(const struct trainer *t); // borrowed

// Learning rate of step k; deepmd's rule for decay_steps = 0.
double train_learning_rate(const struct train_options *o, long step);

// Errors of a model on one frame, E_model - E_label etc.; NaN where the label is absent.
struct train_error {
    int system, frame; // index in the data set
    int natoms;
    const int *z;    // [natoms] borrowed from the data set
    double energy;             // of the model, eV
    const double (*force)[3];  // of the model, [natoms] eV/Ang; borrowed, valid during the call
    double virial[9];          // of the model, eV
    double de;       // eV/atom
    double (*df)[3]; // [natoms] eV/Ang; borrowed, valid during the call
    double dv[9];    // eV/atom
};
// Evaluate over a data set, frame by frame in order. stride: every stride-th frame of each system (1 = all).
enum al_err train_evaluate(const struct dp_model *m, const struct dp_dataset *d, int stride,
                           void (*each)(void *ctx, const struct train_error *e), void *ctx);
// The same as sums: root mean squares over everything, by system and by element.
struct train_rmse {
    double e, f, v;             // eV/atom, eV/Ang (components), eV/atom
    double f_by_z[AL_ZMAX + 1]; // NaN for absent elements
    long nframes, natoms;
};
enum al_err train_rmse(const struct dp_model *m, const struct dp_dataset *d, int stride,
                       int system /* -1: all */, struct train_rmse *ret);

#endif
