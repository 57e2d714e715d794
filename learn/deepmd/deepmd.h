// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The real deepmd-kit (3, TensorFlow) behind the trainer seam (train/engine.h): its input written (input.c), `dp` started as a child and
// watched (child.c, deepmd.c), its learning curve read (curve.c), a model taken to its backend and back (model.c).
//
// Files in options.dir/deepmd: identity, input.json, out.json (deepmd-kit's own reading of it), data/{train,valid}/SYSTEM (one set each: all
// sets of the loop together, so that a batch may come from any), dp.log, lcurve.out, checkpoint and model.ckpt-STEP.*, init.pb (warm
// start), frozen.pb. When the model is there, the data, checkpoints and init.pb go.
#ifndef AL_DEEPMD_DEEPMD_H
#define AL_DEEPMD_DEEPMD_H

#include <sys/types.h>

#include "base/fsio.h"
#include "train/engine.h"

extern const struct trainer_ops trainer_deepmd;

// --- the program (child.c) -----------------------------------------------------------------------------

struct dpkit {
    char path[AL_PATH]; // of dp
    int threads;
};
// name: the key resources.deepmd, a path or a name in PATH. AL_ERR_NOTFOUND with a hint.
enum al_err dpkit_find(const char *name, struct dpkit *ret);
// Starts it: a deepmd-kit 3 with TensorFlow, or AL_ERR_UNSUPPORTED with what it says. ret_version: "DeePMD-kit v3.2.0". Takes
// seconds: Python reads TensorFlow.
enum al_err dpkit_probe(const struct dpkit *p, char *ret_version, size_t n);
// dp ARGS in dir, output added to dir/dp.log; it dies with this process.
enum al_err dpkit_start(const struct dpkit *p, const char *dir, const char *const *args, pid_t *ret_pid);
// *ret_code: exit code, or -signal.
enum al_err dpkit_poll(pid_t pid, bool *ret_ended, int *ret_code);
void dpkit_kill(pid_t pid); // SIGKILL, and waits
// The line of dp.log (from byte `from` on) that says why it ended: the last one of an exception, else the last one that says anything.
void dpkit_reason(const char *dir, long from, char *ret, size_t n);
long dpkit_log_size(const char *dir);

// --- input.json (input.c) ------------------------------------------------------------------------------

enum { DPKIT_CHECKPOINT_STEPS = 1000, DPKIT_CHECKPOINTS = 20 }; // one every so many steps at most; so many in a short training
long dpkit_save_every(const struct train_options *o);
// Text of input.json; names of systems relative to the directory deepmd. c: the settled model. *ret is freed by al_free.
enum al_err dpkit_input(const struct train_options *o, const struct dp_config *c, const struct dp_dataset *train, const struct dp_dataset *valid,
                        char **ret);

// --- the learning curve (curve.c) ----------------------------------------------------------------------

struct dpkit_curve; // deepmd-kit's file, read while it grows, and its rows written into ours
enum al_err dpkit_curve_open(const char *from, const char *to, struct dpkit_curve **ret);
void dpkit_curve_destroy(struct dpkit_curve **c);
// The next whole row; *ret_any false: none yet. ret: everything but steps. Rows of steps that were there before are passed over.
enum al_err dpkit_curve_next(struct dpkit_curve *c, struct train_progress *ret, bool *ret_any);
enum al_err dpkit_curve_publish(struct dpkit_curve *c); // durable
// Before deepmd-kit goes on from a checkpoint: rows of steps >= step go from its file.
enum al_err dpkit_curve_cut(const char *path, long step);

// --- models (model.c) ----------------------------------------------------------------------------------

// What `dp convert-backend` made of a .dp becomes a start for `dp train --init-frz-model`, which asks for a constant that it leaves out.
enum al_err dpkit_make_start(const char *pb);
// The newest checkpoint that is whole; -1: none.
enum al_err dpkit_checkpoint(const char *dir, long *ret_step);
enum al_err dpkit_remove_checkpoint(const char *dir, long step); // -1: all

#endif
