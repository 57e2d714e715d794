// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "reference.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/units.h"

static const char *const json_path = ALND_SHARED_DIR "/data/dft_reference.json";

static double number(const json_t *o, size_t i)
{
    return json_number_value(json_array_get(o, i));
}

static bool matches(const json_t *r, const char *set, const char *id, const char *code, double ecut, char kpoints)
{
    const json_t *k = json_object_get(r, "kpoints");
    char kind = !k ? 'g' : json_object_get(k, "point") ? 'p' : 'm';
    return strcmp(json_string_value(json_object_get(r, "pseudo_set")), set) == 0 && kind == kpoints &&
           strcmp(json_string_value(json_object_get(r, "frame_id")), id) == 0 &&
           strcmp(json_string_value(json_object_get(r, "code")), code) == 0 &&
           fabs(json_number_value(json_object_get(r, "ecut_Ha")) - ecut) < 1e-9;
}

static enum al_err fill(const json_t *j, struct reference *r)
{
    const json_t *species = json_object_get(j, "species"), *pos = json_object_get(j, "positions");
    const json_t *k = json_object_get(j, "kpoints"), *point = json_object_get(k, "point");
    int n = (int)json_array_size(species);
    AL_TRY(al_frame_create(n, &r->f));
    AL_ALLOC(r->forces, n);
    r->f->pbc = true;
    r->has_point = point != NULL;
    r->has_mesh = k && !point;
    for (size_t d = 0; d < 3; d++) {
        for (size_t c = 0; c < 3; c++) {
            r->f->cell[d][c] = number(json_array_get(json_object_get(j, "cell"), d), c);
            r->stress[d][c] = number(json_array_get(json_object_get(j, "stress_eV_A3"), d), c);
        }
        r->fft[d] = (int)number(json_object_get(j, "fft_grid"), d);
        r->point[d] = point ? number(point, d) : 0;
        r->mesh[d] = r->has_mesh ? (int)number(json_object_get(k, "mesh"), d) : 1;
        r->shift[d] = r->has_mesh ? (int)number(json_object_get(k, "shift"), d) : 0;
    }
    for (size_t i = 0; i < (size_t)n; i++) {
        r->f->z[i] = al_element_z(json_string_value(json_array_get(species, i)));
        for (size_t d = 0; d < 3; d++) {
            r->f->pos[i][d] = number(json_array_get(pos, i), d);
            r->forces[i][d] = number(json_array_get(json_object_get(j, "forces_eV_A"), i), d);
        }
    }
    r->energy = json_number_value(json_object_get(j, "energy_eV"));
    r->ecut = json_number_value(json_object_get(j, "ecut_Ha"));
    return AL_ERR_OK;
}

enum al_err reference_read(const char *id, const char *code, double ecut, char kpoints,
                           struct reference **ret)
{
    AL_TRY(reference_read_set("spms", id, code, ecut, kpoints, ret));
    return AL_ERR_OK;
}

enum al_err reference_read_set(const char *set, const char *id, const char *code, double ecut, char kpoints,
                               struct reference **ret)
{
    AL_OWN(reference) r = NULL;
    AL_ALLOC(r, 1);
    snprintf(r->id, sizeof r->id, "%s", id);
    snprintf(r->code, sizeof r->code, "%s", code);
    json_error_t err;
    json_t *all = json_load_file(json_path, 0, &err);
    if (!all) AL_FAIL(AL_ERR_IO, "%s: %s", json_path, err.text);
    enum al_err e = AL_ERR_NOTFOUND;
    for (size_t i = 0; i < json_array_size(all) && e == AL_ERR_NOTFOUND; i++)
        if (matches(json_array_get(all, i), set, id, code, ecut, kpoints)) e = fill(json_array_get(all, i), r);
    json_decref(all);
    if (e != AL_ERR_OK) AL_FAIL(e, "no record %s %s %s %g Ha in %s", set, id, code, ecut, json_path);
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

void reference_destroy(struct reference **r)
{
    if (!*r) return;
    al_frame_destroy(&(*r)->f);
    al_free((*r)->forces);
    al_free(*r);
    *r = NULL;
}

const char *spms_dir(void)
{
    static char path[AL_PATH];
    const char *env = getenv("ALND_PSEUDO_DIR");
    if (env) {
        snprintf(path, sizeof path, "%s/SPMS", env);
        if (al_exists(path)) return path;
    }
    snprintf(path, sizeof path, "%s/.alnd/pseudo/SPMS", ALND_SOURCE_DIR);
    return al_exists(path) ? path : NULL;
}

void skip_without_data(bool with_shared)
{
    if (!spms_dir()) {
        printf("skipped: no SPMS pseudopotentials in $ALND_PSEUDO_DIR/SPMS or %s/.alnd/pseudo/SPMS\n",
               ALND_SOURCE_DIR);
        exit(77);
    }
    if (with_shared && !al_exists(json_path)) {
        printf("skipped: no %s\n", json_path);
        exit(77);
    }
}

void spms_options(const char *dir, struct dft_options *opt)
{
    static const struct dft_pseudo elements[] = {{3, NULL}, {8, NULL}, {15, NULL}, {16, NULL}};
    dft_options_init(opt);
    opt->pseudo_dir = dir;
    opt->pseudo = elements;
    opt->npseudo = 4;
}

void gth_options(const char *set, struct dft_options *opt)
{
    static const struct dft_pseudo q3[] = {{3, "GTH-PBE"}, {8, "GTH-PBE"}, {15, "GTH-PBE"}, {16, "GTH-PBE"}};
    static const struct dft_pseudo q1[] = {{3, "GTH-PBE-q1"}, {8, "GTH-PBE"}, {15, "GTH-PBE"}, {16, "GTH-PBE"}};
    dft_options_init(opt);
    opt->pseudo = strcmp(set, "gthq1") == 0 ? q1 : q3;
    opt->npseudo = 4;
}

void reference_options(const struct reference *r, struct dft_options *opt)
{
    opt->ecut = r->ecut;
    memcpy(opt->fft_grid, r->fft, sizeof opt->fft_grid);
    if (r->has_point) {
        opt->kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 1, .k = &r->point};
    } else if (r->has_mesh) {
        opt->kpoints.kind = DFT_KPOINTS_MESH;
        memcpy(opt->kpoints.mesh, r->mesh, sizeof r->mesh);
        memcpy(opt->kpoints.shift, r->shift, sizeof r->shift);
    }
}

void reference_compare(const struct reference *r, const struct al_frame *f, struct comparison *ret)
{
    *ret = (struct comparison){.energy = 1e3 * fabs(f->energy - r->energy) / f->natoms};
    double sum = 0, vol = al_frame_volume(f);
    for (int i = 0; i < 3 * f->natoms; i++) {
        double d = fabs(f->forces[i / 3][i % 3] - r->forces[i / 3][i % 3]);
        ret->force = fmax(ret->force, d);
        sum += d * d;
    }
    ret->force_rms = sqrt(sum / (3 * f->natoms));
    for (int i = 0; i < 9; i++)
        ret->stress =
            fmax(ret->stress, AL_EV_A3_GPA * fabs(-f->virial[i / 3][i % 3] / vol - r->stress[i / 3][i % 3]));
}
