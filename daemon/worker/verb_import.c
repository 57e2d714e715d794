// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb import: the frames of initial.data (what RUN/imported has of them) find the systems of the campaign that they belong to. Their fingerprint
// is the copy's checksum: what settings their labels have had is not known. Those that say held_out=T are never trained on: they are test frames of
// every iteration.
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "worker/import.h"
#include "worker/task.h"

struct composition {
    double part[AL_ZMAX + 1]; // of the atoms
};

static void composition_of(const struct al_frame *f, struct composition *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < f->natoms; i++)
        ret->part[f->z[i]] += 1.0 / f->natoms;
}

// How well a frame's atoms fit a system: 3 the same composition, 2 the same elements, 1 some of its elements, 0 not.
static int fit(const struct composition *frame, const struct composition *system)
{
    bool same = true, equal = true;
    for (int z = 1; z <= AL_ZMAX; z++) {
        double x = frame->part[z], y = system->part[z];
        if (x > 0 && !(y > 0)) return 0;
        equal &= (x > 0) == (y > 0);
        same &= x - y < 1e-6 && y - x < 1e-6;
    }
    return same ? 3 : equal ? 2 : 1;
}

static enum al_err read_systems(const struct task *t, struct composition *ret)
{
    AL_AUTOFREE const char **base = NULL;
    int n;
    AL_TRY(task_input_list(t, "base", &base, &n));
    if (n != t->cfg->nsystems) AL_FAIL(AL_ERR_CORRUPT, "%s: %d base structures for %d systems", t->id, n, t->cfg->nsystems);
    for (int i = 0; i < n; i++) {
        AL_OWN(al_frames) fs = NULL;
        AL_TRY(al_xyz_read(base[i], &fs));
        if (!fs->n) AL_FAIL(AL_ERR_CORRUPT, "%s holds no frame", base[i]);
        composition_of(fs->f[0], &ret[i]);
    }
    return AL_ERR_OK;
}

static bool is_held_out(const struct al_frame *f)
{
    const char *v = al_frame_info(f, "held_out");
    return v && (strcmp(v, "T") == 0 || strcmp(v, "True") == 0 || strcmp(v, "true") == 0 || strcmp(v, "1") == 0);
}

// Names of all that gather and alnd why look for. imported: part of the set's name, for frames that can share one.
static enum al_err name_frame(struct al_frame *f, const char *system, const char *fingerprint, int number)
{
    char text[AL_NAME + 64], formula[AL_NAME];
    al_frame_formula(f, formula, sizeof formula);
    snprintf(text, sizeof text, "%s-import-%05d", system, number);
    AL_TRY(al_frame_info_set(f, "frame_id", text));
    snprintf(text, sizeof text, "import-%s%s%s", formula, f->have & AL_HAVE_VIRIAL ? "" : "-without-virial", f->pbc ? "" : "-open");
    AL_TRY(al_frame_info_set(f, "imported", text));
    AL_TRY(al_frame_info_set(f, "system", system));
    AL_TRY(al_frame_info_set(f, "purpose", is_held_out(f) ? "test" : "train"));
    AL_TRY(al_frame_info_set(f, "origin", "import"));
    AL_TRY(al_frame_info_set(f, "fingerprint", fingerprint));
    AL_TRY(al_frame_info_set(f, "arrangement", NULL));
    AL_TRY(al_frame_info_set(f, "supercell", NULL));
    return AL_ERR_OK;
}

// Where it fits best; of systems that fit alike (polymorphs) the one that the frame names, else the first. -1: nowhere.
static int home_of(const struct task *t, const struct al_frame *f, const struct composition *system)
{
    const char *named = al_frame_info(f, "system");
    struct composition c;
    int best = 0, at = -1;
    composition_of(f, &c);
    for (int s = 0; s < t->cfg->nsystems; s++) {
        int score = 2 * fit(&c, &system[s]);
        if (score && named && strcmp(named, t->cfg->system[s].name) == 0) score++;
        if (score > best) {
            best = score;
            at = s;
        }
    }
    return at;
}

struct counts {
    int taken, held_out, stray, bare; // stray: of no system; bare: without energy or forces
};

static enum al_err sort_out(const struct task *t, struct al_frames *fs, const struct composition *system, const char *fingerprint, struct counts *ret)
{
    AL_AUTOFREE int *number = NULL;
    AL_ALLOC(number, t->cfg->nsystems);
    for (int i = 0; i < fs->n; i++) {
        struct al_frame *f = fs->f[i];
        int at = home_of(t, f, system);
        bool bare = !(f->have & AL_HAVE_ENERGY) || !(f->have & AL_HAVE_FORCES);
        if (at >= 0 && !bare) {
            AL_TRY(name_frame(f, t->cfg->system[at].name, fingerprint, number[at]++));
            ret->held_out += is_held_out(f);
            fs->f[ret->taken++] = f;
            continue;
        }
        ret->bare += bare;
        ret->stray += !bare;
        al_frame_destroy(&fs->f[i]);
    }
    fs->n = ret->taken;
    return AL_ERR_OK;
}

enum al_err verb_import(struct task *t)
{
    const char *from;
    char path[AL_PATH], hex[65], fingerprint[96];
    struct counts n = {0};
    AL_OWN(al_frames) fs = NULL;
    AL_AUTOFREE struct composition *system = NULL;
    AL_ALLOC(system, t->cfg->nsystems);
    AL_TRY(task_input(t, "frames", &from));
    AL_TRY(read_systems(t, system));
    AL_TRY(al_sha256_file(from, hex));
    snprintf(fingerprint, sizeof fingerprint, IMPORT_FINGERPRINT "%s", hex);
    AL_TRY(al_xyz_read(from, &fs));
    int all = fs->n;
    AL_TRY(sort_out(t, fs, system, fingerprint, &n));
    if (!n.taken)
        AL_FAIL_HINT(AL_ERR_INPUT, "frames go to a system that has all of their elements",
                     "initial.data: none of %d frames can be used: %d have elements that no system has, %d lack energy or forces", all, n.stray, n.bare);
    AL_TRY(task_path(t, path, "labelled.extxyz"));
    AL_TRY(al_xyz_write(path, fs));
    AL_TRY(task_artifact(t, path));
    AL_TRY(task_fact_int(t, "nframes", n.taken));
    AL_TRY(task_fact_int(t, "nheldout", n.held_out));
    AL_TRY(task_fact_int(t, "nstray", n.stray));
    AL_TRY(task_fact_int(t, "nbare", n.bare));
    AL_TRY(task_fact_text(t, "fingerprint", fingerprint));
    return AL_ERR_OK;
}
