// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "synthetic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/units.h"

enum { MMAX = 600 };

struct shape {
    int z, lmax;
    double zion, rloc, rcore, qcore, rval;
    double ekb[4][2], rbeta[4]; // Ha, bohr by l; two projectors for s
};
static const struct shape shapes[2] = {
    {12, 3, 2, 0.75, 0.5, 0.8, 1.1, {{0.9, -0.4}, {0.5}, {-0.3}, {0.2}}, {0.9, 1.0, 1.0, 0.9}},
    {8, 1, 6, 0.45, 0.4, 0.5, 0.7, {{1.5, 0.4}, {-0.6}}, {0.6, 0.7}},
};

static int only_channel = -1;

static double gauss(double r, double w)
{
    return exp(-0.5 * r * r / (w * w));
}

// r beta of projector k of l.
static double beta(const struct shape *s, int l, int k, double r)
{
    return pow(r, l + 1) * gauss(r, s->rbeta[l]) * (k == 0 ? 1.0 : 1 - 0.8 * r * r);
}

static double vloc(const struct shape *s, double r)
{
    double x = sqrt(0.5) / s->rloc;
    return r > 0 ? -s->zion * erf(x * r) / r : -s->zion * 2 * x / sqrt(AL_PI);
}

// 4 pi times a normalised Gaussian of charge q.
static double charge(double r, double w, double q)
{
    return 4 * AL_PI * q * gauss(r, w) / pow(2 * AL_PI * w * w, 1.5);
}

enum al_err synthetic_psp8(int z, char **ret)
{
    struct shape shape = shapes[z == 12 ? 0 : 1], *s = &shape;
    if (only_channel != 3 && s->lmax == 3) s->lmax = 2;
    size_t n = 0, size = 400 * 1000;
    char *t = NULL;
    AL_ALLOC(t, size);
#define PUT(...) n += (size_t)snprintf(t + n, size - n, __VA_ARGS__)
    PUT("made up for tests\n%d %g 0 zatom,zion,pspd\n8 11 %d 4 %d 0\n5.99 %g 0 rchrg fchrg qchrg\n", s->z,
        s->zion, s->lmax, MMAX, s->qcore);
    PUT("2 1 %d %d 0 nproj\n1 1 extension_switch\n", s->lmax > 1, s->lmax > 2);
    for (int l = 0; l <= s->lmax; l++) {
        int np = l == 0 ? 2 : 1;
        const double on = only_channel < 0 || only_channel == l ? 1 : 1e-12; // the readers may refuse 0
        PUT("%d %.16e", l, on * s->ekb[l][0]);
        if (np == 2) PUT(" %.16e", on * s->ekb[l][1]);
        for (int i = 0; i < MMAX; i++) {
            PUT("\n%d %.16e", i + 1, 0.01 * i);
            for (int k = 0; k < np; k++)
                PUT(" %.16e", beta(s, l, k, 0.01 * i));
        }
        PUT("\n");
    }
    PUT("4\n");
    for (int i = 0; i < MMAX; i++)
        PUT("%d %.16e %.16e\n", i + 1, 0.01 * i, vloc(s, 0.01 * i));
    for (int i = 0; i < MMAX; i++)
        PUT("%d %.16e %.16e 0 0 0 0\n", i + 1, 0.01 * i, charge(0.01 * i, s->rcore, s->qcore));
    for (int i = 0; i < MMAX; i++)
        PUT("%d %.16e %.16e 0 0\n", i + 1, 0.01 * i, charge(0.01 * i, s->rval, s->zion));
#undef PUT
    *ret = t;
    return AL_ERR_OK;
}

static char dir[64];
static void remove_dir(void)
{
    enum al_err e = al_remove_tree(dir);
    (void)e;
}

enum al_err synthetic_options(struct dft_options *opt)
{
    static const struct dft_pseudo elements[] = {{12, NULL}, {8, NULL}};
    if (!dir[0]) {
        snprintf(dir, sizeof dir, "/tmp/alnd-dft-XXXXXX");
        if (!mkdtemp(dir)) AL_FAIL(AL_ERR_IO, "no temporary directory");
        atexit(remove_dir);
    }
    for (int i = 0; i < 2; i++) {
        AL_AUTOFREE char *text = NULL;
        char path[AL_PATH];
        AL_TRY(synthetic_psp8(elements[i].z, &text));
        AL_TRY(al_path(path, "%s/%02d_%s_test.psp8", dir, elements[i].z, al_element_symbol(elements[i].z)));
        AL_TRY(al_file_write(path, text, strlen(text)));
    }
    dft_options_init(opt);
    opt->pseudo_dir = dir;
    opt->pseudo = elements;
    opt->npseudo = 2;
    opt->ecut = 9;
    opt->scf_tol = 1e-14;
    return AL_ERR_OK;
}

enum al_err synthetic_frame(int n, struct al_frame **ret)
{
    static const double cell[3][3] = {{3.1, 0.1, -0.2}, {0.2, 2.9, 0.1}, {0.15, -0.1, 3.3}};
    static const double at[4][3] = {{0.1, 0.2, 0.05}, {1.6, 1.75, 1.8}, {0.05, 0.1, 3.4}, {1.75, 1.5, 4.85}};
    struct al_frame *f = NULL;
    AL_TRY(al_frame_create(2 * n, &f));
    f->pbc = true;
    memcpy(f->cell, cell, sizeof cell);
    for (int d = 0; d < 3; d++)
        f->cell[2][d] *= n;
    for (int i = 0; i < 2 * n; i++) {
        f->z[i] = i % 2 == 0 ? 12 : 8;
        memcpy(f->pos[i], at[i], sizeof at[i]);
    }
    *ret = f;
    return AL_ERR_OK;
}

static void apply_strain(const double e[3][3], double v[3])
{
    double x[3] = {v[0], v[1], v[2]};
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            v[a] += e[a][b] * x[b];
}

static struct pseudo *psp[2]; // made once
static struct formfac *ff[2];

static void drop_tables(void)
{
    for (int i = 0; i < 2; i++) {
        formfac_destroy(&ff[i]);
        pseudo_destroy(&psp[i]);
    }
}

void synthetic_channel(int l)
{
    only_channel = l;
    drop_tables(); // made again when they are wanted
}

static enum al_err make_tables(double ecut)
{
    static bool registered = false;
    if (ff[1]) return AL_ERR_OK;
    if (!registered) atexit(drop_tables);
    registered = true;
    for (int i = 0; i < 2; i++) {
        AL_AUTOFREE char *text = NULL;
        AL_TRY(synthetic_psp8(i == 0 ? 12 : 8, &text));
        AL_TRY(pseudo_read("test", text, strlen(text), 0, NULL, &psp[i]));
        AL_TRY(formfac_create(psp[i], 2.4 * sqrt(2 * ecut), &ff[i]));
    }
    return AL_ERR_OK;
}

enum al_err synthetic_system(struct comm *c, double ecut, const double strain[3][3], int atom,
                             const double d[3], struct synthetic_system *ret)
{
    static const int grid[3] = {0};
    struct al_frame *f = NULL;
    double cell[3][3], sphere[3][3];
    int kind[2] = {0, 1};
    struct basis *b = NULL;
    *ret = (struct synthetic_system){0};
    AL_TRY(synthetic_frame(1, &f));
    AL_TRY(make_tables(ecut));
    for (int i = 0; i < 3; i++)
        for (int a = 0; a < 3; a++)
            cell[i][a] = sphere[i][a] = f->cell[i][a] / AL_BOHR_ANG;
    for (int i = 0; i < 2; i++)
        for (int a = 0; a < 3; a++)
            f->pos[i][a] = f->pos[i][a] / AL_BOHR_ANG + (i == atom ? d[a] : 0);
    for (int i = 0; strain && i < 3; i++)
        apply_strain(strain, cell[i]);
    for (int i = 0; strain && i < 2; i++)
        apply_strain(strain, f->pos[i]);
    AL_TRY(basis_create(c, ecut, cell, sphere, grid, &b));
    AL_TRY(dft_system_create(&b, 2, kind, f->pos, 2, (const struct formfac *const *)ff, &ret->s));
    al_frame_destroy(&f);
    return AL_ERR_OK;
}

void synthetic_system_drop(struct synthetic_system *x)
{
    dft_system_destroy(&x->s);
}

enum al_err synthetic_label(const struct dft_options *o, struct comm *c, struct al_frame *f, struct label_report *ret)
{
    struct labeler *l = NULL;
    AL_TRY(dft_labeler_open(o, c, &l));
    enum al_err e = l->ops->label(l, f, ret);
    labeler_destroy(&l);
    AL_TRY(e);
    for (int i = 0; i < 3 * f->natoms; i++)
        f->forces[i / 3][i % 3] += ret->residual_force[i % 3] / f->natoms;
    return AL_ERR_OK;
}
