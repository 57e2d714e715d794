// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// DeepPot and DeepPotModelDevi on libalnd.
#include "dropin/deepmd_c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <alnd.h>

enum { TEXT = 512 };

struct DP_Nlist {
    alnd_list list;
};

struct DP_DeepPot {
    alnd_model *model; // NULL: could not be opened
    char error[TEXT];  // "" = none since the last evaluation began
};

static const char *copy(const char *s) // NULL without memory
{
    size_t n = strlen(s) + 1;
    char *p = malloc(n);
    if (p) memcpy(p, s, n);
    return p;
}

// ---- neighbour lists -----------------------------------------------------------------------------------

DP_Nlist *DP_NewNlist(int inum, int *ilist, int *numneigh, int **firstneigh)
{
    DP_Nlist *nl = calloc(1, sizeof *nl);
    if (nl) nl->list = (alnd_list){inum, ilist, numneigh, (const int *const *)firstneigh, 0};
    return nl;
}

// What is there to communicate between layers of a message-passing model, we have none.
DP_Nlist *DP_NewNlist_comm(int inum, int *ilist, int *numneigh, int **firstneigh, int nswap, int *sendnum,
                           int *recvnum, int *firstrecv, int **sendlist, int *sendproc, int *recvproc, void *world,
                           int nprocs)
{
    (void)nswap, (void)sendnum, (void)recvnum, (void)firstrecv, (void)sendlist, (void)sendproc, (void)recvproc;
    (void)world, (void)nprocs;
    return DP_NewNlist(inum, ilist, numneigh, firstneigh);
}

void DP_NlistSetMask(DP_Nlist *nl, int mask)
{
    if (nl) nl->list.mask = mask;
}

void DP_NlistSetMapping(DP_Nlist *nl, int *mapping) // ghost -> local atom: for message passing
{
    (void)nl, (void)mapping;
}

const char *DP_NlistCheckOK(DP_Nlist *nl)
{
    return copy(nl ? "" : "out of memory");
}

void DP_DeleteNlist(DP_Nlist *nl)
{
    free(nl);
}

// ---- models --------------------------------------------------------------------------------------------

static void fail(DP_DeepPot *dp, const char *why)
{
    snprintf(dp->error, sizeof dp->error, "alnd: %s", why);
}

// contents NULL: read the files.
static DP_DeepPot *open_models(const char *const *paths, int n, const char *const *contents, const int *sizes)
{
    DP_DeepPot *dp = calloc(1, sizeof *dp);
    size_t *size = contents && n > 0 ? calloc((size_t)n, sizeof *size) : NULL;
    if (dp && contents && !size) fail(dp, "out of memory");
    int rc = -1;
    for (int k = 0; size && k < n; k++)
        size[k] = sizes[k] > 0 ? (size_t)sizes[k] : 0;
    if (dp && size)
        rc = alnd_open_bytes(paths, (const void *const *)contents, size, n, &dp->model);
    else if (dp && !contents)
        rc = alnd_open_committee(paths, n, &dp->model);
    if (dp && rc > 0) fail(dp, alnd_error());
    free(size);
    return dp;
}

DP_DeepPot *DP_NewDeepPot(const char *path)
{
    return open_models(&path, 1, NULL, NULL);
}

DP_DeepPot *DP_NewDeepPotWithParam2(const char *path, const int gpu_rank, const char *content, const int size)
{
    (void)gpu_rank; // no GPU
    return open_models(&path, 1, size > 0 ? &content : NULL, &size);
}

DP_DeepPot *DP_NewDeepPotWithParam(const char *path, const int gpu_rank, const char *content)
{
    (void)gpu_rank, (void)content; // a text without a length cannot hold a model
    return open_models(&path, 1, NULL, NULL);
}

DP_DeepPot *DP_NewDeepPotModelDevi(const char **paths, int n)
{
    return open_models(paths, n, NULL, NULL);
}

DP_DeepPot *DP_NewDeepPotModelDeviWithParam(const char **paths, const int n, const int gpu_rank,
                                            const char **contents, const int ncontents, const int *sizes)
{
    (void)gpu_rank;
    bool given = contents && n > 0 && ncontents == n && sizes[0] > 0;
    return open_models(paths, n, given ? contents : NULL, sizes);
}

void DP_DeleteDeepPot(DP_DeepPot *dp)
{
    if (dp) alnd_close(dp->model);
    free(dp);
}

void DP_DeleteDeepPotModelDevi(DP_DeepPot *dp)
{
    DP_DeleteDeepPot(dp);
}

const char *DP_DeepPotCheckOK(DP_DeepPot *dp)
{
    return copy(dp ? dp->error : "alnd: out of memory");
}

const char *DP_DeepPotModelDeviCheckOK(DP_DeepPot *dp)
{
    return DP_DeepPotCheckOK(dp);
}

double DP_DeepPotGetCutoff(DP_DeepPot *dp)
{
    return dp && dp->model ? alnd_cutoff(dp->model) : 0;
}

double DP_DeepBaseModelGetCutoff(DP_DeepPot *dp)
{
    return DP_DeepPotGetCutoff(dp);
}

double DP_DeepBaseModelDeviGetCutoff(DP_DeepPot *dp)
{
    return DP_DeepPotGetCutoff(dp);
}

int DP_DeepPotGetNumbTypes(DP_DeepPot *dp)
{
    return dp && dp->model ? alnd_types(dp->model) : 0;
}

int DP_DeepBaseModelGetNumbTypes(DP_DeepPot *dp)
{
    return DP_DeepPotGetNumbTypes(dp);
}

int DP_DeepBaseModelDeviGetNumbTypes(DP_DeepPot *dp)
{
    return DP_DeepPotGetNumbTypes(dp);
}

const char *DP_DeepPotGetTypeMap(DP_DeepPot *dp)
{
    int n = DP_DeepPotGetNumbTypes(dp);
    size_t size = 1;
    for (int t = 0; t < n; t++)
        size += strlen(alnd_type_name(dp->model, t)) + 1;
    char *s = calloc(size, 1);
    for (int t = 0; s && t < n; t++) {
        if (t) strcat(s, " ");
        strcat(s, alnd_type_name(dp->model, t));
    }
    return s;
}

const char *DP_DeepBaseModelGetTypeMap(DP_DeepPot *dp)
{
    return DP_DeepPotGetTypeMap(dp);
}

// No spin, no frame or atom parameters.
#define NONE(type, name)                                                                                     \
    type name(DP_DeepPot *dp)                                                                                \
    {                                                                                                        \
        (void)dp;                                                                                            \
        return 0;                                                                                            \
    }
NONE(int, DP_DeepPotGetNumbTypesSpin)
NONE(int, DP_DeepBaseModelGetNumbTypesSpin)
NONE(int, DP_DeepBaseModelDeviGetNumbTypesSpin)
NONE(int, DP_DeepPotGetDimFParam)
NONE(int, DP_DeepPotGetDimAParam)
NONE(int, DP_DeepPotGetDimChgSpin)
NONE(bool, DP_DeepPotIsAParamNAll)
NONE(bool, DP_DeepPotHasDefaultFParam)
NONE(int, DP_DeepPotModelDeviGetDimFParam)
NONE(int, DP_DeepPotModelDeviGetDimAParam)
NONE(int, DP_DeepPotModelDeviGetDimChgSpin)
NONE(bool, DP_DeepPotModelDeviIsAParamNAll)
NONE(bool, DP_DeepPotModelDeviHasDefaultFParam)

static const char no_charge[] = "the model takes no charge and spin";

void DP_DeepPotSetChargeSpin(DP_DeepPot *dp, const double *charge_spin, int n)
{
    if (dp && charge_spin && n > 0) fail(dp, no_charge);
}

void DP_DeepPotModelDeviSetChargeSpin(DP_DeepPot *dp, const double *charge_spin, int n)
{
    DP_DeepPotSetChargeSpin(dp, charge_spin, n);
}

// ---- evaluation ----------------------------------------------------------------------------------------

struct task {
    DP_DeepPot *dp;
    int nframes, natoms, nghost;
    const double *coord, *cell;
    const int *atype;
    const DP_Nlist *nlist; // NULL: neighbours are found from the cell
    alnd_result out;
};

// Energies are those of local atoms.
static const char *check_list(const struct task *t)
{
    const alnd_list *l = &t->nlist->list;
    if (t->nghost < 0 || t->nghost > t->natoms) return "more ghosts than atoms";
    for (int k = 0; l->centre && k < l->n; k++)
        if (l->centre[k] >= t->natoms - t->nghost) return "the neighbour list has a ghost as its centre";
    return NULL;
}

// Types beyond the model's stand for atoms that are not there (pair_coeff ... NULL). *ret_copy: NULL when t->atype will do.
static bool real_types(const struct task *t, int **ret_copy)
{
    int nt = alnd_types(t->dp->model), i = 0;
    while (i < t->natoms && t->atype[i] < nt)
        i++;
    *ret_copy = NULL;
    if (i >= t->natoms) return true;
    int *copied = malloc((size_t)t->natoms * sizeof *copied);
    for (i = 0; copied && i < t->natoms; i++)
        copied[i] = t->atype[i] < nt ? t->atype[i] : -1;
    *ret_copy = copied;
    return copied != NULL;
}

// Frame f's part of the caller's arrays.
static alnd_result frame_of(const struct task *t, size_t f)
{
    size_t n = (size_t)t->natoms;
    alnd_result r = t->out;
    if (r.energy) r.energy += f;
    if (r.forces) r.forces += 3 * n * f;
    if (r.virial) r.virial += 9 * f;
    if (r.atom_energy) r.atom_energy += n * f;
    if (r.atom_virial) r.atom_virial += 9 * n * f;
    return r;
}

static void evaluate(const struct task *t)
{
    DP_DeepPot *dp = t->dp;
    if (!dp || !dp->model) return; // the constructor's message stands
    dp->error[0] = '\0';
    const char *why = t->nframes < 1 || t->natoms < 0 || !t->coord || !t->atype ? "no frame or no atoms"
                      : t->nframes > 1 && alnd_models(dp->model) > 1 ? "several frames at once with several models"
                      : t->nlist                                     ? check_list(t)
                                                                     : NULL;
    int *copied = NULL;
    if (!why && !real_types(t, &copied)) why = "out of memory";
    const int *types = copied ? copied : t->atype;
    for (int f = 0; !why && f < t->nframes; f++) {
        alnd_result r = frame_of(t, (size_t)f);
        const double *x = t->coord + 3 * (size_t)t->natoms * (size_t)f, *cell = t->cell ? t->cell + 9 * f : NULL;
        int rc = t->nlist ? alnd_eval_list(dp->model, ALND_ALL, t->natoms, x, types, &t->nlist->list, &r)
                          : alnd_eval(dp->model, ALND_ALL, t->natoms, x, types, cell, &r);
        if (rc) why = alnd_error();
    }
    if (why) fail(dp, why);
    free(copied);
}

#define TASK(list, ghosts)                                                                                   \
    struct task t = {dp, nframes, natoms, ghosts, coord, cell, atype, list,                                  \
                     {energy, force, virial, atomic_energy, atomic_virial}};                                 \
    (void)fparam, (void)aparam

void DP_DeepPotCompute2(DP_FRAMES, DP_PARAM, DP_RESULTS)
{
    TASK(NULL, 0);
    evaluate(&t);
}

// ago (steps since the list was made) only tells deepmd-kit whether to copy the list again. We read it every time.
void DP_DeepPotComputeNList2(DP_FRAMES, DP_LIST, DP_PARAM, DP_RESULTS)
{
    (void)ago;
    TASK(nlist, nghost);
    if (!nlist && dp && dp->model)
        fail(dp, "the neighbour list is NULL");
    else
        evaluate(&t);
}

void DP_DeepPotComputeNList3(DP_FRAMES, DP_LIST, DP_PARAM, const double *charge_spin, DP_RESULTS)
{
    if (charge_spin && dp && dp->model)
        fail(dp, no_charge);
    else
        DP_DeepPotComputeNList2(dp, nframes, natoms, coord, atype, cell, nghost, nlist, ago, fparam, aparam, energy,
                                force, virial, atomic_energy, atomic_virial);
}

void DP_DeepPotModelDeviCompute2(DP_FRAMES, DP_PARAM, DP_RESULTS)
{
    DP_DeepPotCompute2(dp, nframes, natoms, coord, atype, cell, fparam, aparam, energy, force, virial, atomic_energy,
                       atomic_virial);
}

void DP_DeepPotModelDeviComputeNList2(DP_FRAMES, DP_LIST, DP_PARAM, DP_RESULTS)
{
    DP_DeepPotComputeNList2(dp, nframes, natoms, coord, atype, cell, nghost, nlist, ago, fparam, aparam, energy, force,
                            virial, atomic_energy, atomic_virial);
}

void DP_DeepPotModelDeviComputeNList3(DP_FRAMES, DP_LIST, DP_PARAM, const double *charge_spin, DP_RESULTS)
{
    DP_DeepPotComputeNList3(dp, nframes, natoms, coord, atype, cell, nghost, nlist, ago, fparam, aparam, charge_spin,
                            energy, force, virial, atomic_energy, atomic_virial);
}
