// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The trainer's inside; for learn/train and its tests.
#ifndef AL_TRAIN_TRAINER_IMPL_H
#define AL_TRAIN_TRAINER_IMPL_H

#include <stdio.h>

#include "train/batch.h"
#include "train/engine.h"
#include "train/env.h"
#include "train/gradient.h"
#include "train/optimiser.h"
#include "train/remainder.h"
#include "train/train.h"

struct trainer {
    struct train_options o;
    char *dir;
    const struct dp_dataset *train, *valid; // with repulsion: of rest, rest_valid
    struct remainder *rest, *rest_valid;    // NULL without
    struct dp_model *model;
    struct env_cache *env, *valid_env;
    struct gradient *gradient;
    struct batcher *batcher;
    const struct optimiser_class *optimiser;
    void *optimiser_state;
    double *grad;      // [nparam]
    struct gradient_frame *batch; // [batch_cap] of the present step
    struct frame_loss *batch_loss;
    int batch_cap;
    long step;         // updates done
    double best;       // lowest validation error so far; infinite at first
    int64_t waited;    // rows since then
    char identity[65]; // of options and data
    FILE *lcurve;
    long lcurve_bytes; // length at the last checkpoint
    char *initial;     // packed state of step 0
    size_t initial_bytes;
    double force2;     // mean square of the force labels
    double lr_scale;   // 1, halved each time the loss was not finite, or the network lost
    int recoveries;
    bool retried;      // the checkpoint on disk was gone back to already
};

enum al_err train_exportable(const struct dp_config *c);
long train_last_step(const struct train_options *o);
struct loss_weights train_prefactors(const struct train_options *o, long step);
void train_identity(const struct trainer *t, char ret_hex[65]);
enum al_err checkpoint_write(struct trainer *t);
// *ret_found false when there is none.
enum al_err checkpoint_read(struct trainer *t, bool *ret_found);
// The state as checkpoint.bin holds it, to and from memory. *ret: free().
enum al_err checkpoint_pack(struct trainer *t, char **ret, size_t *ret_n);
enum al_err checkpoint_unpack(struct trainer *t, const char *name, const char *buf, size_t n);
// After AL_ERR_UNPHYSICAL: the state of the last checkpoint (of step 0 when that one was gone back to before) with half the
// learning rate; told in lcurve.out and by options.warn. AL_ERR_UNPHYSICAL when that has been done too often.
enum al_err trainer_recover(struct trainer *t);
enum al_err trainer_lcurve_reopen(struct trainer *t);
struct frame_label train_label(const struct dp_system *s, int frame);

#endif
