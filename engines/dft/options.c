// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fsio.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pseudofile.h"
#include "base/units.h"
#include "base/xcname.h"

void dft_options_init(struct dft_options *opt)
{
    *opt = (struct dft_options){
        .functional = "PBE",
        .kpoints = {.kind = DFT_KPOINTS_GAMMA},
        .scf_tol = 1e-9,
        .max_scf = 100,
        .nextra = -1,
        .mix_beta = 0.8,
        .mix_history = 8,
        .mix_kerker = 0.6,
        .min_distance = 0.5,
        .smearing = DFT_SMEARING_GAUSSIAN,
        .smearing_width = 0.05 / AL_HARTREE_EV,
        .diag_scale = 1,
        .coarse = 0.4,
    };
}

static enum al_err check(const struct dft_options *o)
{
    if (!(o->ecut >= 1 && o->ecut <= 1000))
        AL_FAIL(AL_ERR_INPUT, "DFT cut-off %g Ha is not within 1 to 1000", o->ecut);
    if (!(fabs(o->charge) < 1000)) AL_FAIL(AL_ERR_INPUT, "charge %g of the cell", o->charge);
    if (o->smearing != DFT_SMEARING_NONE && !(o->smearing_width >= 1e-5 && o->smearing_width <= 1))
        AL_FAIL(AL_ERR_INPUT, "smearing width %g Ha is not within 1e-5 to 1", o->smearing_width);
    if (o->pulay && o->sphere_cell) AL_FAIL(AL_ERR_INPUT, "the plane waves of another cell have no fixed cut-off: no Pulay stress");
    if (!(o->coarse >= 0 && o->coarse < 1)) AL_FAIL(AL_ERR_INPUT, "coarse start at %g of the cut-off", o->coarse);
    if (!(o->diag_scale > 0)) AL_FAIL(AL_ERR_INPUT, "factor %g on the eigensolver's tolerance", o->diag_scale);
    if (!(o->scf_tol > 0)) AL_FAIL(AL_ERR_INPUT, "SCF tolerance %g", o->scf_tol);
    if (o->max_scf < 1) AL_FAIL(AL_ERR_INPUT, "at most %d SCF steps", o->max_scf);
    if (!(o->mix_beta > 0 && o->mix_beta <= 1))
        AL_FAIL(AL_ERR_INPUT, "mixing parameter %g is not within 0 to 1", o->mix_beta);
    if (!(o->mix_kerker >= 0)) AL_FAIL(AL_ERR_INPUT, "Kerker wave vector %g", o->mix_kerker);
    if (!o->functional || strlen(o->functional) >= sizeof((struct dft_setup *)0)->functional)
        AL_FAIL(AL_ERR_INPUT, "no functional, or its name is too long");
    AL_TRY(al_xc_check(o->functional));
    if (o->npseudo < 1) AL_FAIL(AL_ERR_INPUT, "no pseudopotentials");
    for (int i = 0; i < o->npseudo; i++)
        for (int j = 0; j < i; j++)
            if (o->pseudo[i].z == o->pseudo[j].z)
                AL_FAIL(AL_ERR_INPUT, "two pseudopotentials for %s", al_element_symbol(o->pseudo[i].z));
    return AL_ERR_OK;
}

static enum al_err copy_kpoints(struct dft_setup *s)
{
    struct dft_kpoints *k = &s->opt.kpoints;
    if (k->kind != DFT_KPOINTS_LIST) return AL_ERR_OK;
    if (k->n < 1 || !k->k) AL_FAIL(AL_ERR_INPUT, "empty list of k-points");
    AL_ALLOC(s->k, k->n);
    AL_ALLOC(s->weight, k->n);
    memcpy(s->k, k->k, (size_t)k->n * sizeof *s->k);
    for (int i = 0; i < k->n; i++)
        s->weight[i] = k->weight ? k->weight[i] : 1;
    k->k = (const double(*)[3])s->k;
    k->weight = s->weight;
    return AL_ERR_OK;
}

static enum al_err copy_pseudo(struct dft_setup *s)
{
    AL_ALLOC(s->pseudo, s->opt.npseudo);
    AL_ALLOC(s->path, s->opt.npseudo);
    AL_ALLOC(s->psp, s->opt.npseudo);
    for (int i = 0; i < s->opt.npseudo; i++) {
        const struct dft_pseudo *p = &s->opt.pseudo[i];
        const char *source = p->path ? p->path : s->opt.pseudo_dir;
        char path[AL_PATH];
        if (!source)
            AL_FAIL(AL_ERR_INPUT, "no pseudopotential file or directory for %s", al_element_symbol(p->z));
        AL_TRY(al_pseudo_find(source, p->z, path));
        AL_TRY(al_strdup(path, &s->path[i]));
        s->pseudo[i] = (struct dft_pseudo){p->z, s->path[i]};
    }
    s->opt.pseudo = s->pseudo;
    s->opt.pseudo_dir = NULL;
    return AL_ERR_OK;
}

// Text of a file on every rank. comm may be NULL.
static enum al_err read_shared(struct comm *comm, const char *path, char **ret, size_t *ret_n)
{
    AL_AUTOFREE char *text = NULL;
    size_t n = 0;
    enum al_err e = AL_ERR_OK;
    if (!comm || comm->rank == 0) e = al_file_read(path, (size_t)64 << 20, &text, &n);
    if (comm) {
        AL_TRY_ALL(comm, e);
        comm_bcast(comm, &n, sizeof n, 0);
        if (comm->rank != 0) AL_ALLOC(text, n + 1);
        comm_bcast(comm, text, n, 0);
    }
    AL_TRY(e);
    *ret = text;
    *ret_n = n;
    text = NULL;
    return AL_ERR_OK;
}

static enum al_err read_pseudo(struct dft_setup *s, struct comm *comm)
{
    for (int i = 0; i < s->opt.npseudo; i++) {
        AL_AUTOFREE char *text = NULL;
        struct al_pseudo_spec from;
        size_t n;
        int z = s->pseudo[i].z;
        AL_TRY(al_pseudo_parse(s->path[i], z, &from));
        if (from.gth) {
            AL_TRY(pseudo_from_gth(from.gth, &s->psp[i]));
            continue;
        }
        AL_TRY(read_shared(comm, from.path, &text, &n));
        AL_TRY(pseudo_read(from.path, text, n, z, from.entry[0] ? from.entry : NULL, &s->psp[i]));
    }
    return AL_ERR_OK;
}

static void note_functionals(struct dft_setup *s)
{
    const char *want = al_xc_kind(s->functional);
    size_t n = 0;
    for (int i = 0; i < s->opt.npseudo; i++) {
        const char *made = al_xc_of_pseudo(s->psp[i]->functional);
        if (!made || strcmp(made, want) == 0) continue;
        n += (size_t)snprintf(s->warning + n, sizeof s->warning - n, "%s%s was made with %s", n ? ", that of " : "the pseudopotential of ",
                              al_element_symbol(s->pseudo[i].z), made);
        if (n >= sizeof s->warning) return;
    }
    if (n) snprintf(s->warning + n, sizeof s->warning - n, "; the functional is %s", s->functional);
}

static void hash_kpoints(struct al_sha256 *h, const struct dft_kpoints *k)
{
    al_sha256_int(h, k->kind);
    switch (k->kind) {
    case DFT_KPOINTS_LIST:
        al_sha256_int(h, k->n);
        for (int i = 0; i < k->n; i++) {
            for (int d = 0; d < 3; d++)
                al_sha256_double(h, k->k[i][d]);
            al_sha256_double(h, k->weight[i]);
        }
        break;
    case DFT_KPOINTS_MESH:
        for (int d = 0; d < 3; d++) {
            al_sha256_int(h, k->mesh[d]);
            al_sha256_int(h, k->shift[d]);
        }
        break;
    case DFT_KPOINTS_SPACING:
        al_sha256_double(h, k->spacing);
        break;
    default:
        break;
    }
}

// What changes numbers. Pseudopotentials in the order of their elements, whatever order they were listed in.
static void make_fingerprint(struct dft_setup *s)
{
    const struct dft_options *o = &s->opt;
    struct al_sha256 h;
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-dft");
    al_sha256_int(&h, DFT_PHYSICS_VERSION);
    al_sha256_double(&h, o->ecut);
    al_sha256_string(&h, s->functional);
    hash_kpoints(&h, &o->kpoints);
    for (int d = 0; d < 3; d++)
        al_sha256_int(&h, o->fft_grid[d]);
    al_sha256_double(&h, o->scf_tol);
    // how SCF gets to its end (mixing, empty bands, step limit) is left out: within scf_tol it ends at the same numbers,
    // and a rescue that mixes less must not make labels that cannot be trained on with the others
    for (int z = 1; z <= AL_ZMAX; z++)
        for (int i = 0; i < o->npseudo; i++)
            if (o->pseudo[i].z == z) al_sha256_string(&h, s->psp[i]->sha256);
    if (o->sphere_cell)
        for (int i = 0; i < 9; i++)
            al_sha256_double(&h, o->sphere_cell[i / 3][i % 3]);
    // only where set, so that labels made before these options existed keep their fingerprint
    if (o->charge != 0) {
        al_sha256_string(&h, "charge");
        al_sha256_double(&h, o->charge);
    }
    if (o->smearing != DFT_SMEARING_NONE) {
        al_sha256_string(&h, "smearing");
        al_sha256_int(&h, o->smearing);
        al_sha256_double(&h, o->smearing_width);
    }
    if (o->pulay) al_sha256_string(&h, "pulay");
    al_sha256_hex(&h, s->fingerprint);
}

enum al_err dft_setup_create(const struct dft_options *opt, struct comm *comm, struct dft_setup **ret)
{
    AL_TRY(check(opt));
    AL_OWN(dft_setup) s = NULL;
    AL_ALLOC(s, 1);
    s->opt = *opt;
    memcpy(s->functional, opt->functional, strlen(opt->functional) + 1);
    s->opt.functional = s->functional;
    if (opt->sphere_cell) {
        memcpy(s->sphere_cell, opt->sphere_cell, sizeof s->sphere_cell);
        s->opt.sphere_cell = (const double(*)[3])s->sphere_cell;
    }
    AL_TRY(copy_kpoints(s));
    AL_TRY(copy_pseudo(s));
    AL_TRY(read_pseudo(s, comm));
    note_functionals(s);
    make_fingerprint(s);
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void dft_setup_destroy(struct dft_setup **s)
{
    if (!*s) return;
    for (int i = 0; i < (*s)->opt.npseudo; i++) {
        if ((*s)->path) al_free((*s)->path[i]);
        if ((*s)->psp) pseudo_destroy(&(*s)->psp[i]);
    }
    al_free((*s)->path);
    al_free((*s)->psp);
    al_free((*s)->pseudo);
    al_free((*s)->k);
    al_free((*s)->weight);
    al_free(*s);
    *s = NULL;
}

enum al_err dft_labeler_fingerprint(const struct dft_options *opt, char ret_hex[65])
{
    AL_OWN(dft_setup) s = NULL;
    AL_TRY(dft_setup_create(opt, NULL, &s));
    memcpy(ret_hex, s->fingerprint, sizeof s->fingerprint);
    return AL_ERR_OK;
}
