// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Extended XYZ as training data, with ASE's conventions: of `energy` (extrapolated to no smearing, where a code gives both) and
// `free_energy` the latter is the one whose derivatives the forces are, so it is taken where it is there.
#include <math.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "train/dataset_impl.h"

struct seen {
    int free_energy, other; // frames with free_energy; of them with another energy beside it
    double difference;      // largest, eV
};

static enum al_err force_consistent(struct al_frame *f, struct seen *s)
{
    const char *text = al_frame_info(f, "free_energy");
    char *end;
    if (!text) return AL_ERR_OK;
    double e = strtod(text, &end);
    if (end == text || *end || !isfinite(e)) AL_FAIL(AL_ERR_INPUT, "free_energy=%.40s is no number", text);
    s->free_energy++;
    if (f->have & AL_HAVE_ENERGY && e != f->energy) {
        s->other++;
        s->difference = fmax(s->difference, fabs(e - f->energy));
    }
    f->energy = e;
    f->have |= AL_HAVE_ENERGY;
    return AL_ERR_OK;
}

// What a frame without any label does have, for the message.
static void other_energies(const struct al_frame *f, char *ret, size_t n)
{
    ret[0] = '\0';
    for (int i = 0; i < f->ninfo && strlen(ret) < n - 1; i++)
        if (strstr(f->info[i].key, "energy") || strstr(f->info[i].key, "Energy"))
            snprintf(ret + strlen(ret), n - strlen(ret), "%s%.30s", ret[0] ? ", " : "", f->info[i].key);
}

static enum al_err check_labelled(const struct al_frames *fs, const char *path)
{
    char keys[128];
    for (int i = 0; i < fs->n; i++) {
        if (fs->f[i]->have & DP_LABELS) continue;
        other_energies(fs->f[i], keys, sizeof keys);
        AL_FAIL_HINT(AL_ERR_INPUT, "wanted are the keys energy or free_energy, stress or virial, and a column forces",
                     "%s: frame %d has neither energy nor forces nor stress%s%s", path, i, keys[0] ? "; it has " : "", keys);
    }
    return AL_ERR_OK;
}

// Frames go together by their key system=, where they have one; else under the file's name.
static enum al_err add_by_system(struct dp_dataset *d, const char *name, const struct al_frames *fs)
{
    AL_AUTOFREE bool *done = NULL;
    AL_AUTOFREE struct al_frame **same = NULL;
    AL_ALLOC(done, fs->n);
    AL_ALLOC(same, fs->n);
    for (int i = 0; i < fs->n; i++) {
        const char *system = al_frame_info(fs->f[i], "system");
        struct al_frames part = {.f = same}; // borrowed frames
        for (int k = i; k < fs->n && !done[i]; k++) {
            const char *other = al_frame_info(fs->f[k], "system");
            if (done[k] || !system != !other || (system && strcmp(system, other) != 0)) continue;
            if (k > i) done[k] = true;
            same[part.n++] = fs->f[k];
        }
        if (part.n) AL_TRY(dp_dataset_add_frames(d, system && system[0] ? system : name, &part));
    }
    return AL_ERR_OK;
}

enum al_err dp_xyz_frames(const char *path, struct al_frames **ret, char ret_note[DP_NOTE])
{
    AL_OWN(al_frames) fs = NULL;
    struct seen s = {0};
    ret_note[0] = '\0';
    AL_TRY(al_xyz_read(path, &fs));
    for (int i = 0; i < fs->n; i++)
        AL_TRY_MSG(force_consistent(fs->f[i], &s), "%s: frame %d", path, i);
    if (!fs->n) AL_FAIL(AL_ERR_INPUT, "%s holds no frame", path);
    if (s.free_energy)
        snprintf(ret_note, DP_NOTE, "%d of %d frames: free_energy taken, the energy that belongs to the forces (key energy differs "
                                    "in %d, by up to %.3g eV)", s.free_energy, fs->n, s.other, s.difference);
    *ret = fs;
    fs = NULL;
    return AL_ERR_OK;
}

enum al_err dp_read_xyz(struct dp_dataset *d, const char *path)
{
    AL_OWN(al_frames) fs = NULL;
    char name[AL_PATH], note[DP_NOTE];
    AL_TRY(dp_xyz_frames(path, &fs, note));
    AL_TRY(check_labelled(fs, path));
    if (note[0]) AL_TRY(dp_dataset_note(d, "%s: %s", path, note));
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    AL_TRY(al_path(name, "%.*s", (int)(dot && dot != base ? (size_t)(dot - base) : strlen(base)), base));
    return add_by_system(d, name, fs);
}

enum al_err dp_dataset_write_xyz(const struct dp_dataset *d, const char *path)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    for (int s = 0; s < d->nsys; s++)
        for (int i = 0; i < d->sys[s].nframes; i++) {
            AL_OWN(al_frame) f = NULL;
            enum al_err e = dp_system_frame(&d->sys[s], i, &f);
            if (!e) e = al_frame_info_set(f, "system", d->sys[s].name);
            if (!e) e = al_xyz_write_frame(o.out, f);
            if (e) al_outfile_drop(&o);
            AL_TRY(e);
        }
    return al_outfile_publish(&o);
}
