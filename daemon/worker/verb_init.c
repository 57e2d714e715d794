// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb init: a system's starting structures (supercell, substituted arrangements) and its perturbed frames.
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/neigh.h"
#include "base/rng.h"
#include "worker/symmetry.h"
#include "worker/task.h"

enum { MAX_TRIES = 200, RANDOM_ARRANGEMENTS = 4 };

// A smaller atom in the place of a larger one sits too far from its neighbour (O for S: P-O 2.05 instead of 1.5 Ang), far
// outside of what MD would ever visit. It moves along that bond until the bond's length is in proportion to the sum of the covalent
// radii. list: neighbours before the substitution.
static void settle_bond(struct al_frame *f, int i, int z_old, const struct al_neigh *list)
{
    const struct al_neigh_pair *nearest = NULL;
    for (int k = list->first[i]; k < list->first[i + 1]; k++)
        if (!nearest || list->pair[k].r < nearest->r) nearest = &list->pair[k];
    if (!nearest) return;
    double partner = al_element_covalent_radius(f->z[nearest->j]);
    double was = al_element_covalent_radius(z_old) + partner, is = al_element_covalent_radius(f->z[i]) + partner;
    if (partner == 0 || was == partner || is == partner) return;
    for (int c = 0; c < 3; c++)
        f->pos[i][c] += nearest->d[c] * (1 - is / was);
}

// Sites [count] of one arrangement replaced; pushed to fs with its number.
static enum al_err push_arrangement(const struct task *t, const struct al_frame *f, const int *site, int count,
                                    struct al_frames *fs)
{
    AL_OWN(al_frame) c = NULL;
    char text[96];
    AL_TRY(al_frame_copy(f, &c));
    AL_OWN(al_neigh) list = NULL;
    AL_TRY(al_neigh_create(4.0, 0, &list));
    AL_TRY(al_neigh_update(list, f->natoms, (const double(*)[3])f->pos, f->cell, f->pbc));
    for (int i = 0; i < count; i++) {
        c->z[site[i]] = al_element_z(t->sys->to);
        settle_bond(c, site[i], f->z[site[i]], list);
    }
    snprintf(text, sizeof text, "%s-a%d", t->sys->name, fs->n);
    AL_TRY(al_frame_info_set(c, "frame_id", text));
    AL_TRY(al_frame_info_set(c, "system", t->sys->name));
    snprintf(text, sizeof text, "%d", fs->n);
    AL_TRY(al_frame_info_set(c, "arrangement", text));
    AL_TRY(al_frames_push(fs, &c));
    return AL_ERR_OK;
}

static enum al_err arrangements(const struct task *t, const struct al_frame *f, struct al_frames *fs)
{
    const struct cfg_system *s = t->sys;
    if (!s->count) {
        AL_TRY(push_arrangement(t, f, NULL, 0, fs));
        return AL_ERR_OK;
    }
    AL_AUTOFREE int *site = NULL;
    AL_ALLOC(site, f->natoms);
    int n = 0;
    if (strcmp(s->arrangements, "inequivalent") == 0) {
        AL_TRY(symmetry_sites(f, al_element_z(s->from), 1e-2, &n, site));
        for (int i = 0; i < n; i++)
            AL_TRY(push_arrangement(t, f, &site[i], 1, fs));
        return AL_ERR_OK;
    }
    for (int i = 0; i < f->natoms; i++)
        if (f->z[i] == al_element_z(s->from)) site[n++] = i;
    if (strcmp(s->arrangements, "first") == 0) {
        AL_TRY(push_arrangement(t, f, site, s->count, fs));
        return AL_ERR_OK;
    }
    struct al_rng rng;
    al_rng_stream(&rng, t->cfg->seed, "arrangements", (uint64_t)t->isystem, 0, 0);
    for (int k = 0; k < RANDOM_ARRANGEMENTS; k++) {
        al_rng_shuffle(&rng, site, n);
        AL_TRY(push_arrangement(t, f, site, s->count, fs));
    }
    return AL_ERR_OK;
}

// Random symmetric strain, uniform in +-strain, then Gaussian displacements.
static void perturb(const struct cfg_initial *c, const struct al_frame *base, struct al_frame *f, struct al_rng *rng)
{
    double m[3][3];
    for (int a = 0; a < 3; a++)
        for (int b = a; b < 3; b++)
            m[a][b] = m[b][a] = (a == b) + c->strain * (2 * al_rng_uniform(rng) - 1) * (a == b ? 1 : 0.5);
    for (int a = 0; a < 3; a++)
        al_vecmat3(base->cell[a], m, f->cell[a]);
    for (int i = 0; i < f->natoms; i++) {
        al_vecmat3(base->pos[i], m, f->pos[i]);
        double d = c->of_element[f->z[i]] > 0 ? c->of_element[f->z[i]] : c->displacement;
        for (int k = 0; k < 3; k++)
            f->pos[i][k] += d * al_rng_normal(rng);
    }
}

static enum al_err perturbed_frames(const struct task *t, const struct al_frames *base, struct al_frames *fs)
{
    const struct cfg_initial *c = &t->cfg->initial;
    for (int a = 0; a < base->n; a++)
        for (int k = 0; k < c->frames; k++) {
            AL_OWN(al_frame) f = NULL;
            struct al_rng rng;
            double d = 0;
            int i, j, tries = 0;
            al_rng_stream(&rng, t->cfg->seed, "perturb", (uint64_t)t->isystem, (uint64_t)a, (uint64_t)k);
            AL_TRY(al_frame_copy(base->f[a], &f));
            for (; d < t->cfg->select.min_distance && tries < MAX_TRIES; tries++) {
                perturb(c, base->f[a], f, &rng);
                AL_TRY(al_frame_min_distance(f, &d, &i, &j));
            }
            if (d < t->cfg->select.min_distance)
                AL_FAIL_HINT(AL_ERR_INPUT, "lower initial.perturb.displacement or select.min_distance",
                             "system %s: no perturbed frame in %d tries whose atoms are %.2f Ang apart", t->sys->name,
                             MAX_TRIES, t->cfg->select.min_distance);
            char text[96];
            snprintf(text, sizeof text, "%s-init-a%d-%03d", t->sys->name, a, k);
            AL_TRY(al_frame_info_set(f, "frame_id", text));
            AL_TRY(al_frame_info_set(f, "origin", "perturb"));
            AL_TRY(al_frame_info_set(f, "purpose", "train"));
            AL_TRY(al_frames_push(fs, &f));
        }
    return AL_ERR_OK;
}

enum al_err init_base_frames(const struct task *t, const char *structure, struct al_frames **ret)
{
    AL_OWN(al_frame) unit = NULL;
    AL_OWN(al_frame) cell = NULL;
    AL_OWN(al_frames) base = NULL;
    AL_TRY(al_structure_read(structure, &unit));
    AL_TRY(al_frame_check(unit, 0.5));
    AL_TRY(al_frame_supercell(unit, t->sys->supercell, &cell));
    AL_TRY(al_frames_create(&base));
    AL_TRY(arrangements(t, cell, base));
    *ret = base;
    base = NULL;
    return AL_ERR_OK;
}

enum al_err verb_init(struct task *t)
{
    const char *structure;
    char path[AL_PATH];
    AL_TRY(task_input(t, "structure", &structure));
    if (!t->sys) AL_FAIL(AL_ERR_CORRUPT, "%s: no system named", t->id);
    AL_OWN(al_frames) base = NULL;
    AL_OWN(al_frames) frames = NULL;
    AL_TRY(init_base_frames(t, structure, &base));
    AL_TRY(al_frames_create(&frames));
    AL_TRY(perturbed_frames(t, base, frames));
    AL_TRY(task_path(t, path, "base.extxyz"));
    AL_TRY(al_xyz_write(path, base));
    AL_TRY(task_artifact(t, path));
    AL_TRY(task_path(t, path, "frames.extxyz"));
    AL_TRY(al_xyz_write(path, frames));
    AL_TRY(task_artifact(t, path));
    AL_TRY(task_fact_int(t, "nframes", frames->n));
    AL_TRY(task_fact_int(t, "narrangements", base->n));
    return AL_ERR_OK;
}
