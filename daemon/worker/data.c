// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/data.h"

#include <math.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "train/env.h"

static void describe_systems(FILE *out, const struct dp_dataset *d, const char *part)
{
    for (int i = 0; d && i < d->nsys; i++) {
        const struct dp_system *s = &d->sys[i];
        char formula[256];
        struct al_frame f = {.natoms = s->natoms, .z = s->z};
        al_frame_formula(&f, formula, sizeof formula);
        fputs("  - {name: ", out);
        al_yaml_quote(out, s->name);
        fputs(", path: ", out);
        al_yaml_quote(out, s->path);
        fprintf(out, ", part: %s, frames: %d, atoms: %d, formula: ", part, s->nframes, s->natoms);
        al_yaml_quote(out, formula);
        fprintf(out, ", periodic: %s, energy: %s, forces: %s, virial: %s}\n", s->pbc ? "true" : "false",
                s->have & AL_HAVE_ENERGY ? "true" : "false", s->have & AL_HAVE_FORCES ? "true" : "false",
                s->have & AL_HAVE_VIRIAL ? "true" : "false");
    }
}

struct element { // forces of one element over all frames
    long n;
    double square, largest;
};

static void add_forces(const struct dp_system *s, struct element *e)
{
    for (int k = 0; s->have & AL_HAVE_FORCES && k < s->nframes; k++)
        for (int i = 0; i < s->natoms; i++) {
            const double *f = s->force + 3 * ((size_t)k * (size_t)s->natoms + (size_t)i);
            double f2 = f[0] * f[0] + f[1] * f[1] + f[2] * f[2];
            struct element *x = &e[s->z[i]];
            x->n++;
            x->square += f2;
            x->largest = fmax(x->largest, sqrt(f2));
        }
}

static void describe_elements(FILE *out, const struct dp_dataset *a, const struct dp_dataset *b)
{
    struct element e[AL_ZMAX + 1] = {0};
    bool present[AL_ZMAX + 1] = {0};
    const struct dp_dataset *both[2] = {a, b};
    for (int k = 0; k < 2; k++)
        for (int s = 0; both[k] && s < both[k]->nsys; s++) {
            add_forces(&both[k]->sys[s], e);
            for (int i = 0; i < both[k]->sys[s].natoms; i++)
                present[both[k]->sys[s].z[i]] = true;
        }
    fputs("elements:\n", out);
    for (int z = 1; z <= AL_ZMAX; z++) {
        if (!present[z]) continue;
        fprintf(out, "  - {element: %s, forces: %ld", al_element_symbol(z), e[z].n);
        if (e[z].n) fprintf(out, ", force_rms: %.6g, force_max: %.6g", sqrt(e[z].square / (3 * (double)e[z].n)), e[z].largest);
        fputs("}\n", out);
    }
}

static void describe_notes(FILE *out, const struct dp_dataset *d)
{
    for (int i = 0; d && i < d->nnotes; i++) {
        fputs("  - ", out);
        al_yaml_quote(out, d->note[i]);
        fputc('\n', out);
    }
}

enum al_err data_describe(FILE *out, const struct dp_dataset *train, const struct dp_dataset *valid, const struct check *c)
{
    fprintf(out, "frames: %d\n", dp_dataset_nframes(train));
    if (valid) fprintf(out, "validation_frames: %d\n", dp_dataset_nframes(valid));
    fputs("systems:\n", out);
    describe_systems(out, train, "train");
    describe_systems(out, valid, "valid");
    fputs("# forces: rms over components, longest, eV/Ang\n", out);
    describe_elements(out, train, valid);
    bool notes = train->nnotes || (valid && valid->nnotes);
    fputs(notes ? "notes:\n" : "notes: []\n", out);
    describe_notes(out, train);
    describe_notes(out, valid);
    fputs(c->n ? "findings:\n" : "findings: []\n", out);
    for (int i = 0; i < c->n; i++) {
        fprintf(out, "  - {kind: %s, fatal: %s, system: ", c->f[i].kind, c->f[i].fatal ? "true" : "false");
        al_yaml_quote(out, c->f[i].system);
        fputs(", text: ", out);
        al_yaml_quote(out, c->f[i].text);
        fputs("}\n", out);
    }
    if (ferror(out)) AL_FAIL(AL_ERR_IO, "cannot write what the data are");
    return AL_ERR_OK;
}

struct offset { // of the energies, eV/atom
    long n;
    double sum, square;
};

static void add_energy(void *ctx, const struct train_error *e)
{
    struct offset *o = ctx;
    if (isnan(e->de)) return;
    o->n++;
    o->sum += e->de;
    o->square += e->de * e->de;
}

enum al_err data_against_model(struct check *c, const struct dp_model *m, const struct dp_dataset *d)
{
    enum { SAMPLE = 50 };
    static const double FAR = 0.1; // eV/atom
    struct offset o = {0};
    int most[DP_MAX_TYPES], total = dp_dataset_nframes(d);
    double dmin;
    if (!total) return AL_ERR_OK;
    AL_TRY(env_scan(&m->c, d, most, &dmin));
    for (int t = 0; t < m->c.ntypes; t++)
        if (most[t] > m->c.sel[t])
            AL_TRY(check_add(c, "sel", false, &d->sys[0], "atoms with up to %d neighbours %s; the model's sel has room for %d: the farthest are "
                             "left out (all data)", most[t], m->c.type_map[t], m->c.sel[t]));
    AL_TRY(train_evaluate(m, d, total / SAMPLE + 1, add_energy, &o));
    double mean = o.n ? o.sum / (double)o.n : 0, spread = o.n ? sqrt(fmax(o.square / (double)o.n - mean * mean, 0)) : 0;
    if (fabs(mean) > FAR && fabs(mean) > 3 * spread)
        AL_TRY(check_add(c, "reference", false, &d->sys[0], "the model's energies are off by %.4g +- %.2g eV/atom in %ld frames looked at: another "
                         "reference of energy, other settings of the labels, or too few steps? (all data)", mean, spread, o.n));
    return AL_ERR_OK;
}

enum al_err data_refuse(const struct check *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->f[i].fatal) AL_FAIL(AL_ERR_INPUT, "%s: %s", c->f[i].system, c->f[i].text);
    return AL_ERR_OK;
}

static enum al_err write_again(const struct dp_dataset *d, const char *out)
{
    const char *dot = strrchr(out, '.');
    if (dot && (strcmp(dot, ".extxyz") == 0 || strcmp(dot, ".xyz") == 0)) AL_TRY(dp_dataset_write_xyz(d, out));
    else AL_TRY(dp_dataset_write_npy(d, out));
    return AL_ERR_OK;
}

enum al_err data_print(int argc, char **argv, FILE *out)
{
    AL_AUTOFREE const char **path = NULL;
    AL_OWN(dp_dataset) train = NULL;
    AL_OWN(dp_dataset) valid = NULL;
    AL_OWN(check) c = NULL;
    const char *to = NULL;
    int n = 0, first_valid = -1;
    AL_ALLOC(path, argc);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--out") == 0 && i + 1 < argc) to = argv[++i];
        else if (strcmp(argv[i], "--valid") == 0) first_valid = n;
        else path[n++] = argv[i];
    }
    int ntrain = first_valid < 0 ? n : first_valid;
    if (!ntrain) AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker data [--out FILE.extxyz|DIR] PATH... [--valid PATH...]");
    AL_TRY(dp_dataset_read(path, ntrain, &train));
    if (n > ntrain) AL_TRY(dp_dataset_read(path + ntrain, n - ntrain, &valid));
    AL_TRY(dataset_check(train, valid, &c));
    if (to) AL_TRY(write_again(train, to));
    AL_TRY(data_describe(out, train, valid, c));
    return AL_ERR_OK;
}
