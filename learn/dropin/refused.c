// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Models that alnd does not have: spin, tensors, the dipole-charge modifier. Their constructors give an object that carries a
// message; the plug-in asks for it at once (CheckOK) and LAMMPS stops with it. What would compute does nothing.
#include <stdlib.h>
#include <string.h>

#include "dropin/deepmd_c.h"

struct DP_Refused {
    const char *why;
};

static DP_Refused *refuse(const char *why)
{
    DP_Refused *r = malloc(sizeof *r);
    if (r) r->why = why;
    return r;
}

static const char *text(const char *s)
{
    char *p = malloc(strlen(s) + 1);
    return p ? strcpy(p, s) : NULL;
}

static const char *reason(const DP_Refused *r)
{
    return text(r ? r->why : "alnd: out of memory");
}

DP_Refused *DP_NewDeepSpinWithParam2(const char *path, const int gpu_rank, const char *content, const int size)
{
    (void)path, (void)gpu_rank, (void)content, (void)size;
    return refuse("alnd: spin models are not supported; use pair_style deepmd with a model without spin");
}

DP_Refused *DP_NewDeepSpinModelDeviWithParam(const char **paths, const int n, const int gpu_rank,
                                             const char **contents, const int ncontents, const int *sizes)
{
    (void)paths, (void)n, (void)contents, (void)ncontents, (void)sizes;
    return DP_NewDeepSpinWithParam2(NULL, gpu_rank, NULL, 0);
}

DP_Refused *DP_NewDeepTensorWithParam(const char *path, const int gpu_rank, const char *scope)
{
    (void)path, (void)gpu_rank, (void)scope;
    return refuse("alnd: tensor models (dipole, polarizability) are not supported; use deepmd-kit's own library");
}

DP_Refused *DP_NewDipoleChargeModifierWithParam(const char *path, const int gpu_rank, const char *scope)
{
    (void)path, (void)gpu_rank, (void)scope;
    return refuse("alnd: the dipole-charge modifier (DPLR) is not supported; use deepmd-kit's own library");
}

#define DELETE(name)                                                                                         \
    void name(DP_Refused *dp)                                                                                \
    {                                                                                                        \
        free(dp);                                                                                            \
    }
DELETE(DP_DeleteDeepSpin)
DELETE(DP_DeleteDeepSpinModelDevi)
DELETE(DP_DeleteDeepTensor)
DELETE(DP_DeleteDipoleChargeModifier)

#define CHECK(name)                                                                                          \
    const char *name(DP_Refused *dp)                                                                         \
    {                                                                                                        \
        return reason(dp);                                                                                   \
    }
CHECK(DP_DeepSpinCheckOK)
CHECK(DP_DeepSpinModelDeviCheckOK)
CHECK(DP_DeepTensorCheckOK)
CHECK(DP_DipoleChargeModifierCheckOK)

#define NONE(type, name)                                                                                     \
    type name(DP_Refused *dp)                                                                                \
    {                                                                                                        \
        (void)dp;                                                                                            \
        return 0;                                                                                            \
    }
NONE(int, DP_DeepSpinGetDimFParam)
NONE(int, DP_DeepSpinGetDimAParam)
NONE(int, DP_DeepSpinGetDimChgSpin)
NONE(bool, DP_DeepSpinIsAParamNAll)
NONE(bool, DP_DeepSpinHasDefaultFParam)
NONE(bool, DP_DeepSpinUsesNativeSpinScheme)
NONE(int, DP_DeepSpinModelDeviGetDimFParam)
NONE(int, DP_DeepSpinModelDeviGetDimAParam)
NONE(int, DP_DeepSpinModelDeviGetDimChgSpin)
NONE(bool, DP_DeepSpinModelDeviIsAParamNAll)
NONE(bool, DP_DeepSpinModelDeviHasDefaultFParam)
NONE(int, DP_DeepTensorGetOutputDim)
NONE(int, DP_DeepTensorGetNumbSelTypes)
NONE(int *, DP_DeepTensorGetSelTypes)
NONE(int, DP_DipoleChargeModifierGetNumbSelTypes)

const char *DP_DeepTensorGetTypeMap(DP_Refused *dp)
{
    (void)dp;
    return text("");
}

void DP_DeepSpinSetChargeSpin(DP_Refused *dp, const double *charge_spin, int n)
{
    (void)dp, (void)charge_spin, (void)n;
}

void DP_DeepSpinModelDeviSetChargeSpin(DP_Refused *dp, const double *charge_spin, int n)
{
    (void)dp, (void)charge_spin, (void)n;
}

#define COMPUTE(name, ...)                                                                                   \
    void name(DP_SPIN_FRAMES, DP_LIST, DP_PARAM __VA_OPT__(, ) __VA_ARGS__, DP_SPIN_RESULTS)                 \
    {                                                                                                        \
        (void)dp, (void)nframes, (void)natoms, (void)coord, (void)spin, (void)atype, (void)cell;             \
        (void)nghost, (void)nlist, (void)ago, (void)fparam, (void)aparam;                                    \
        (void)energy, (void)force, (void)force_mag, (void)virial, (void)atomic_energy, (void)atomic_virial;  \
    }
COMPUTE(DP_DeepSpinComputeNList2)
COMPUTE(DP_DeepSpinComputeNList3, [[maybe_unused]] const double *charge_spin)
COMPUTE(DP_DeepSpinModelDeviComputeNList2)
COMPUTE(DP_DeepSpinModelDeviComputeNList3, [[maybe_unused]] const double *charge_spin)

void DP_DeepTensorComputeNList(DP_Refused *dp, const int natoms, const double *coord, const int *atype,
                               const double *cell, const int nghost, const DP_Nlist *nlist, double *global_tensor,
                               double *force, double *virial, double **atomic_tensor, double *atomic_virial,
                               int *size_at)
{
    (void)dp, (void)natoms, (void)coord, (void)atype, (void)cell, (void)nghost, (void)nlist, (void)global_tensor;
    (void)force, (void)virial, (void)atomic_virial;
    if (atomic_tensor) *atomic_tensor = NULL;
    if (size_at) *size_at = 0;
}

void DP_DeepTensorComputeTensorNList(DP_Refused *dp, const int natoms, const double *coord, const int *atype,
                                     const double *cell, const int nghost, const DP_Nlist *nlist, double **tensor,
                                     int *size)
{
    (void)dp, (void)natoms, (void)coord, (void)atype, (void)cell, (void)nghost, (void)nlist;
    if (tensor) *tensor = NULL;
    if (size) *size = 0;
}

void DP_DipoleChargeModifierComputeNList(DP_Refused *dp, const int natoms, const double *coord, const int *atype,
                                         const double *cell, const int *pairs, const int npairs, const double *delef,
                                         const int nghost, const DP_Nlist *nlist, double *dfcorr, double *dvcorr)
{
    (void)dp, (void)natoms, (void)coord, (void)atype, (void)cell, (void)pairs, (void)npairs, (void)delef;
    (void)nghost, (void)nlist, (void)dfcorr, (void)dvcorr;
}
