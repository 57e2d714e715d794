// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/potential.h"

#include <stdint.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "dft/extrapolate.h"
#include "dft/options.h"

enum command { CMD_CLOSE, CMD_EVAL, CMD_SAVE, CMD_LOAD, CMD_FORGET, CMD_DISCARD };

struct dft_potential {
    struct potential base;
    struct comm *comm; // borrowed
    struct labeler *labeler;
    struct al_frame *f; // the frame at hand
    struct label_report report;
};

static struct dft_potential *self(const struct potential *p)
{
    return (struct dft_potential *)(uintptr_t)p;
}

static void tell(struct dft_potential *q, enum command c)
{
    comm_bcast(q->comm, &c, sizeof c, 0);
}

static enum al_err take_frame(struct dft_potential *q, int natoms, const struct al_frame *f)
{
    if (!q->f || q->f->natoms != natoms) {
        al_frame_destroy(&q->f);
        AL_TRY(al_frame_create(natoms, &q->f));
    }
    if (!f) return AL_ERR_OK;
    q->f->pbc = f->pbc;
    memcpy(q->f->cell, f->cell, sizeof f->cell);
    memcpy(q->f->z, f->z, (size_t)natoms * sizeof *f->z);
    memcpy(q->f->pos, f->pos, (size_t)natoms * sizeof *f->pos);
    return AL_ERR_OK;
}

// Rank 0's frame to all, and its label. f: NULL on the others.
static enum al_err label_shared(struct dft_potential *q, const struct al_frame *f)
{
    int natoms = f ? f->natoms : 0;
    comm_bcast(q->comm, &natoms, sizeof natoms, 0);
    AL_TRY_ALL(q->comm, take_frame(q, natoms, f));
    size_t n = (size_t)natoms;
    comm_bcast(q->comm, &q->f->pbc, sizeof q->f->pbc, 0);
    comm_bcast(q->comm, q->f->cell, sizeof q->f->cell, 0);
    comm_bcast(q->comm, q->f->z, n * sizeof *q->f->z, 0);
    comm_bcast(q->comm, q->f->pos, n * sizeof *q->f->pos, 0);
    AL_TRY(q->labeler->ops->label(q->labeler, q->f, &q->report));
    return AL_ERR_OK;
}

static enum al_err eval_dft(struct potential *p, const struct al_frame *f, struct pot_result *res)
{
    struct dft_potential *q = self(p);
    if (res->atomic_energy) AL_FAIL(AL_ERR_UNSUPPORTED, "dft has no energies of single atoms");
    tell(q, CMD_EVAL);
    AL_TRY(label_shared(q, f));
    res->energy = q->f->energy;
    memcpy(res->virial, q->f->virial, sizeof res->virial);
    if (res->forces) memcpy(res->forces, q->f->forces, (size_t)f->natoms * sizeof *res->forces);
    return AL_ERR_OK;
}

// Path of rank 0 to all.
static void share_path(struct dft_potential *q, char path[AL_PATH])
{
    comm_bcast(q->comm, path, AL_PATH, 0);
}

static enum al_err file_command(struct dft_potential *q, enum command c, char path[AL_PATH])
{
    struct history *h = dft_labeler_history(q->labeler);
    share_path(q, path);
    if (c == CMD_SAVE) AL_TRY(history_save(h, path));
    if (c == CMD_LOAD) AL_TRY(history_load(h, path));
    if (c == CMD_DISCARD) history_discard(h, path);
    return AL_ERR_OK;
}

static enum al_err run_command(struct potential *p, enum command c, const char *path)
{
    char copy[AL_PATH] = "";
    AL_TRY(al_path(copy, "%s", path));
    tell(self(p), c);
    AL_TRY(file_command(self(p), c, copy));
    return AL_ERR_OK;
}

static enum al_err save_dft(struct potential *p, const char *path)
{
    return run_command(p, CMD_SAVE, path);
}

static enum al_err load_dft(struct potential *p, const char *path)
{
    return run_command(p, CMD_LOAD, path);
}

static enum al_err discard_dft(struct potential *p, const char *path)
{
    return run_command(p, CMD_DISCARD, path);
}

static enum al_err forget_dft(struct potential *p)
{
    tell(self(p), CMD_FORGET);
    history_forget(dft_labeler_history(self(p)->labeler));
    return AL_ERR_OK;
}

// Nothing is cut off: each plane wave knows all atoms.
static double cutoff_dft(const struct potential *p)
{
    (void)p;
    return 0.0;
}

static void dft_potential_destroy(struct dft_potential **p)
{
    struct dft_potential *q = *p;
    *p = NULL;
    if (!q) return;
    labeler_destroy(&q->labeler);
    al_frame_destroy(&q->f);
    al_free(q);
}

static void close_dft(struct potential *p)
{
    struct dft_potential *q = self(p);
    if (q->comm->rank == 0) tell(q, CMD_CLOSE);
    dft_potential_destroy(&q);
}

static const struct potential_ops dft_ops = {
    .name = "dft",
    .caps = POT_VIRIAL | POT_HISTORY,
    .eval = eval_dft,
    .cutoff = cutoff_dft,
    .close = close_dft,
    .save = save_dft,
    .load = load_dft,
    .forget = forget_dft,
    .discard = discard_dft,
};

enum al_err dft_potential_open(const struct dft_options *opt, struct comm *comm, struct potential **ret)
{
    AL_OWN(dft_potential) q = NULL;
    struct dft_options o = *opt;
    o.follow = o.conserve = true;
    AL_ALLOC(q, 1);
    q->base.ops = &dft_ops;
    q->comm = comm;
    AL_TRY(dft_labeler_open(&o, comm, &q->labeler));
    *ret = &q->base;
    q = NULL;
    return AL_ERR_OK;
}

// What rank 0 fails with is its caller's to judge (all ranks fail together); the others go on listening.
enum al_err dft_potential_serve(struct potential *p)
{
    struct dft_potential *q = self(p);
    if (q->comm->rank == 0) AL_FAIL(AL_ERR_BUG, "rank 0 drives, it does not serve");
    for (;;) {
        enum command c;
        char path[AL_PATH] = "";
        enum al_err e = AL_ERR_OK;
        comm_bcast(q->comm, &c, sizeof c, 0);
        switch (c) {
        case CMD_CLOSE:
            return AL_ERR_OK;
        case CMD_EVAL:
            e = label_shared(q, NULL);
            break;
        case CMD_FORGET:
            history_forget(dft_labeler_history(q->labeler));
            break;
        default:
            e = file_command(q, c, path);
        }
        if (e) al_err_clear();
    }
}

const struct label_report *dft_potential_report(const struct potential *p)
{
    return &self(p)->report;
}

const char *dft_potential_fingerprint(const struct potential *p)
{
    const struct labeler *l = self(p)->labeler;
    return l->ops->fingerprint(l);
}
