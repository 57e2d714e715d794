// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What labelling takes (memory, operations): alnd asks its worker, because alnd itself knows no physics.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "worker/registry.h"
#include "worker/task.h"

// kind: NULL, or what is not one of the usual labels.
static enum al_err print_frame(const struct loop_config *c, const struct al_frame *f, const char *system, const char *kind, int ranks, FILE *out)
{
    struct label_estimate e;
    AL_TRY(registry_labeler_estimate(c, f, ranks, &e));
    fputs("  - {", out);
    if (system) {
        fputs("system: ", out);
        al_yaml_quote(out, system);
        fputs(", ", out);
    }
    if (kind) fprintf(out, "kind: %s, ", kind);
    fprintf(out, "natoms: %d, nbands: %d, nkpt: %d, npw: %d, nproj: %d, fft: %dx%dx%d, bytes: %.0f, flops: %.6g}\n", e.natoms,
            e.nbands, e.nkpt, e.npw, e.nproj, e.fft[0], e.fft[1], e.fft[2], e.bytes, e.flops);
    return AL_ERR_OK;
}

// At other settings than those of label.
static enum al_err print_at(struct loop_config *c, const struct cfg_label *settings, const struct al_frame *f, const char *system,
                            const char *kind, int ranks, FILE *out)
{
    const struct cfg_label usual = c->label;
    c->label = *settings;
    enum al_err e = print_frame(c, f, system, kind, ranks, out);
    c->label = usual;
    AL_TRY(e);
    return AL_ERR_OK;
}

// SCFs with another price: in the larger cells of test.supercell, at the settings of converge.label_noise, a step of initial.aimd.
static enum al_err print_others(struct loop_config *c, const struct al_frame *f, const char *system, int ranks, FILE *out)
{
    const int *n = c->test.supercell;
    struct cfg_label other = c->label;
    if (n[0] * n[1] * n[2] > 1) {
        AL_OWN(al_frame) large = NULL;
        AL_TRY(al_frame_supercell(f, n, &large));
        AL_TRY(print_frame(c, large, system, "supercell", ranks, out));
    }
    if (c->initial.aimd.temperatures.n && aimd_settings(c, &other)) AL_TRY(print_at(c, &other, f, system, "aimd", ranks, out));
    if (!c->converge.label_noise) return AL_ERR_OK;
    other = c->label;
    label_tighten(&other);
    AL_TRY(print_at(c, &other, f, system, "noise", ranks, out));
    return AL_ERR_OK;
}

static enum al_err print_systems(struct loop_config *c, int ranks, FILE *out)
{
    for (int i = 0; i < c->nsystems; i++) {
        AL_OWN(al_frames) base = NULL;
        struct task t = {.cfg = c, .sys = &c->system[i], .isystem = i};
        AL_TRY(init_base_frames(&t, c->system[i].structure, &base));
        for (int k = 0; k < base->n; k++) {
            AL_TRY(print_frame(c, base->f[k], c->system[i].name, NULL, ranks, out));
            AL_TRY(print_others(c, base->f[k], c->system[i].name, ranks, out));
        }
    }
    return AL_ERR_OK;
}

// Frames of the same atoms and cell as the one before take the same.
static enum al_err print_frames(const struct loop_config *c, const char *path, int ranks, FILE *out)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_xyz_read(path, &fs));
    for (int i = 0; i < fs->n; i++) {
        const struct al_frame *f = fs->f[i], *was = i ? fs->f[i - 1] : NULL;
        if (was && was->natoms == f->natoms && memcmp(was->cell, f->cell, sizeof f->cell) == 0 &&
            memcmp(was->z, f->z, (size_t)f->natoms * sizeof *f->z) == 0)
            continue;
        AL_TRY_MSG(print_frame(c, f, NULL, NULL, ranks, out), "frame %d", i + 1);
    }
    return AL_ERR_OK;
}

// The copy of loop.yaml in a run directory goes with the structures and pseudopotentials copied beside it.
enum al_err task_use_copies(struct loop_config *c)
{
    const char *slash = strrchr(c->path, '/');
    char run[AL_PATH], lock[AL_PATH];
    AL_TRY(al_path(run, "%.*s", slash ? (int)(slash - c->path) : 1, slash ? c->path : "."));
    AL_TRY(al_path(lock, "%s/alnd.lock", run));
    if (al_exists(lock)) AL_TRY(loop_config_use_inputs(c, run));
    return AL_ERR_OK;
}

enum al_err estimate_print(int argc, char **argv, FILE *out)
{
    AL_OWN(loop_config) c = NULL;
    long ranks = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    if ((argc != 4 && argc != 6) || ranks < 1 || ranks > INT_MAX)
        AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker estimate CONFIG RANKS [FRAMES.extxyz ELEMENTS]");
    if (argc == 6) {
        AL_TRY(loop_config_read_engine(argv[2], &c));
        AL_TRY(loop_config_set_elements(c, argv[5]));
    } else {
        AL_TRY(loop_config_read(argv[2], &c));
        AL_TRY(task_use_copies(c));
    }
    fprintf(out, "limit: %.0f\nframes:\n", registry_label_memory(c));
    if (argc == 6)
        AL_TRY(print_frames(c, argv[4], (int)ranks, out));
    else
        AL_TRY(print_systems(c, (int)ranks, out));
    return AL_ERR_OK;
}
