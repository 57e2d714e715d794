// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The part of deepmd-kit's C interface (3.2.0; names, arguments and conventions are theirs, so that programs built
// for it find them) that LAMMPS' plug-in imports, and the double-precision functions of DeepPot beside it.
// Conventions: a constructor never returns NULL but an object whose CheckOK gives the message ("" = fine); strings
// go back through DP_DeleteChar; output pointers may be NULL; several models give their results one after another.
#ifndef AL_DROPIN_DEEPMD_C_H
#define AL_DROPIN_DEEPMD_C_H

#include <stdbool.h>

#define DP_API __attribute__((visibility("default")))

typedef struct DP_Nlist DP_Nlist;
typedef struct DP_DeepPot DP_DeepPot; // one model or several: DP_DeepPotModelDevi and the base models are the same
typedef struct DP_Refused DP_Refused; // spin, tensor, dipole: what we do not have

// Inputs and outputs of an evaluation without a list, and with one.
#define DP_FRAMES                                                                                            \
    DP_DeepPot *dp, const int nframes, const int natoms, const double *coord, const int *atype, const double *cell
#define DP_LIST    const int nghost, const DP_Nlist *nlist, const int ago
#define DP_PARAM   const double *fparam, const double *aparam
#define DP_RESULTS double *energy, double *force, double *virial, double *atomic_energy, double *atomic_virial

// ---- neighbour lists ----
DP_API DP_Nlist *DP_NewNlist(int inum, int *ilist, int *numneigh, int **firstneigh);
DP_API DP_Nlist *DP_NewNlist_comm(int inum, int *ilist, int *numneigh, int **firstneigh, int nswap, int *sendnum,
                                  int *recvnum, int *firstrecv, int **sendlist, int *sendproc, int *recvproc,
                                  void *world, int nprocs);
DP_API void DP_NlistSetMask(DP_Nlist *nl, int mask);
DP_API void DP_NlistSetMapping(DP_Nlist *nl, int *mapping);
DP_API const char *DP_NlistCheckOK(DP_Nlist *nl);
DP_API void DP_DeleteNlist(DP_Nlist *nl);

// ---- models ----
DP_API DP_DeepPot *DP_NewDeepPot(const char *path);
DP_API DP_DeepPot *DP_NewDeepPotWithParam(const char *path, const int gpu_rank, const char *content);
DP_API DP_DeepPot *DP_NewDeepPotWithParam2(const char *path, const int gpu_rank, const char *content,
                                           const int size);
DP_API DP_DeepPot *DP_NewDeepPotModelDevi(const char **paths, int n);
DP_API DP_DeepPot *DP_NewDeepPotModelDeviWithParam(const char **paths, const int n, const int gpu_rank,
                                                   const char **contents, const int ncontents, const int *sizes);
DP_API void DP_DeleteDeepPot(DP_DeepPot *dp);
DP_API void DP_DeleteDeepPotModelDevi(DP_DeepPot *dp);
DP_API const char *DP_DeepPotCheckOK(DP_DeepPot *dp);
DP_API const char *DP_DeepPotModelDeviCheckOK(DP_DeepPot *dp);

DP_API double DP_DeepPotGetCutoff(DP_DeepPot *dp);
DP_API double DP_DeepBaseModelGetCutoff(DP_DeepPot *dp);
DP_API double DP_DeepBaseModelDeviGetCutoff(DP_DeepPot *dp);
DP_API int DP_DeepPotGetNumbTypes(DP_DeepPot *dp);
DP_API int DP_DeepBaseModelGetNumbTypes(DP_DeepPot *dp);
DP_API int DP_DeepBaseModelDeviGetNumbTypes(DP_DeepPot *dp);
DP_API int DP_DeepPotGetNumbTypesSpin(DP_DeepPot *dp);
DP_API int DP_DeepBaseModelGetNumbTypesSpin(DP_DeepPot *dp);
DP_API int DP_DeepBaseModelDeviGetNumbTypesSpin(DP_DeepPot *dp);
DP_API const char *DP_DeepPotGetTypeMap(DP_DeepPot *dp); // "Li P S O"
DP_API const char *DP_DeepBaseModelGetTypeMap(DP_DeepPot *dp);
DP_API int DP_DeepPotGetDimFParam(DP_DeepPot *dp);
DP_API int DP_DeepPotGetDimAParam(DP_DeepPot *dp);
DP_API int DP_DeepPotGetDimChgSpin(DP_DeepPot *dp);
DP_API bool DP_DeepPotIsAParamNAll(DP_DeepPot *dp);
DP_API bool DP_DeepPotHasDefaultFParam(DP_DeepPot *dp);
DP_API void DP_DeepPotSetChargeSpin(DP_DeepPot *dp, const double *charge_spin, int n);
DP_API int DP_DeepPotModelDeviGetDimFParam(DP_DeepPot *dp);
DP_API int DP_DeepPotModelDeviGetDimAParam(DP_DeepPot *dp);
DP_API int DP_DeepPotModelDeviGetDimChgSpin(DP_DeepPot *dp);
DP_API bool DP_DeepPotModelDeviIsAParamNAll(DP_DeepPot *dp);
DP_API bool DP_DeepPotModelDeviHasDefaultFParam(DP_DeepPot *dp);
DP_API void DP_DeepPotModelDeviSetChargeSpin(DP_DeepPot *dp, const double *charge_spin, int n);

DP_API void DP_DeepPotCompute2(DP_FRAMES, DP_PARAM, DP_RESULTS);
DP_API void DP_DeepPotComputeNList2(DP_FRAMES, DP_LIST, DP_PARAM, DP_RESULTS);
DP_API void DP_DeepPotComputeNList3(DP_FRAMES, DP_LIST, DP_PARAM, const double *charge_spin, DP_RESULTS);
DP_API void DP_DeepPotModelDeviCompute2(DP_FRAMES, DP_PARAM, DP_RESULTS);
DP_API void DP_DeepPotModelDeviComputeNList2(DP_FRAMES, DP_LIST, DP_PARAM, DP_RESULTS);
DP_API void DP_DeepPotModelDeviComputeNList3(DP_FRAMES, DP_LIST, DP_PARAM, const double *charge_spin, DP_RESULTS);

// ---- helpers of the plug-in ----
DP_API void DP_PrintSummary(const char *prefix);
DP_API const char *DP_ReadFileToChar2(const char *path, int *size); // *size < 0: a message of that length
DP_API void DP_DeleteChar(const char *s);
DP_API void DP_SelectByType(const int natoms, const int *atype, const int nghost, const int nsel_type,
                            const int *sel_type, int *fwd_map, int *nreal, int *bkw_map, int *nghost_real);
DP_API void DP_SelectMapInt(const int *in, const int *fwd_map, const int stride, const int nall1, const int nall2,
                            int *out);

// ---- refused: every object says why, nothing is computed ----
#define DP_SPIN_FRAMES                                                                                       \
    DP_Refused *dp, const int nframes, const int natoms, const double *coord, const double *spin,            \
        const int *atype, const double *cell
#define DP_SPIN_RESULTS                                                                                      \
    double *energy, double *force, double *force_mag, double *virial, double *atomic_energy, double *atomic_virial

DP_API DP_Refused *DP_NewDeepSpinWithParam2(const char *path, const int gpu_rank, const char *content,
                                            const int size);
DP_API DP_Refused *DP_NewDeepSpinModelDeviWithParam(const char **paths, const int n, const int gpu_rank,
                                                    const char **contents, const int ncontents, const int *sizes);
DP_API DP_Refused *DP_NewDeepTensorWithParam(const char *path, const int gpu_rank, const char *scope);
DP_API DP_Refused *DP_NewDipoleChargeModifierWithParam(const char *path, const int gpu_rank, const char *scope);
DP_API void DP_DeleteDeepSpin(DP_Refused *dp);
DP_API void DP_DeleteDeepSpinModelDevi(DP_Refused *dp);
DP_API void DP_DeleteDeepTensor(DP_Refused *dp);
DP_API void DP_DeleteDipoleChargeModifier(DP_Refused *dp);
DP_API const char *DP_DeepSpinCheckOK(DP_Refused *dp);
DP_API const char *DP_DeepSpinModelDeviCheckOK(DP_Refused *dp);
DP_API const char *DP_DeepTensorCheckOK(DP_Refused *dp);
DP_API const char *DP_DipoleChargeModifierCheckOK(DP_Refused *dp);
DP_API void DP_DeepSpinComputeNList2(DP_SPIN_FRAMES, DP_LIST, DP_PARAM, DP_SPIN_RESULTS);
DP_API void DP_DeepSpinComputeNList3(DP_SPIN_FRAMES, DP_LIST, DP_PARAM, const double *charge_spin, DP_SPIN_RESULTS);
DP_API void DP_DeepSpinModelDeviComputeNList2(DP_SPIN_FRAMES, DP_LIST, DP_PARAM, DP_SPIN_RESULTS);
DP_API void DP_DeepSpinModelDeviComputeNList3(DP_SPIN_FRAMES, DP_LIST, DP_PARAM, const double *charge_spin,
                                              DP_SPIN_RESULTS);
DP_API int DP_DeepSpinGetDimFParam(DP_Refused *dp);
DP_API int DP_DeepSpinGetDimAParam(DP_Refused *dp);
DP_API int DP_DeepSpinGetDimChgSpin(DP_Refused *dp);
DP_API bool DP_DeepSpinIsAParamNAll(DP_Refused *dp);
DP_API bool DP_DeepSpinHasDefaultFParam(DP_Refused *dp);
DP_API bool DP_DeepSpinUsesNativeSpinScheme(DP_Refused *dp);
DP_API void DP_DeepSpinSetChargeSpin(DP_Refused *dp, const double *charge_spin, int n);
DP_API int DP_DeepSpinModelDeviGetDimFParam(DP_Refused *dp);
DP_API int DP_DeepSpinModelDeviGetDimAParam(DP_Refused *dp);
DP_API int DP_DeepSpinModelDeviGetDimChgSpin(DP_Refused *dp);
DP_API bool DP_DeepSpinModelDeviIsAParamNAll(DP_Refused *dp);
DP_API bool DP_DeepSpinModelDeviHasDefaultFParam(DP_Refused *dp);
DP_API void DP_DeepSpinModelDeviSetChargeSpin(DP_Refused *dp, const double *charge_spin, int n);
DP_API void DP_DeepTensorComputeNList(DP_Refused *dp, const int natoms, const double *coord, const int *atype,
                                      const double *cell, const int nghost, const DP_Nlist *nlist,
                                      double *global_tensor, double *force, double *virial, double **atomic_tensor,
                                      double *atomic_virial, int *size_at);
DP_API void DP_DeepTensorComputeTensorNList(DP_Refused *dp, const int natoms, const double *coord, const int *atype,
                                            const double *cell, const int nghost, const DP_Nlist *nlist,
                                            double **tensor, int *size);
DP_API int DP_DeepTensorGetOutputDim(DP_Refused *dp);
DP_API int DP_DeepTensorGetNumbSelTypes(DP_Refused *dp);
DP_API int *DP_DeepTensorGetSelTypes(DP_Refused *dp);
DP_API const char *DP_DeepTensorGetTypeMap(DP_Refused *dp);
DP_API void DP_DipoleChargeModifierComputeNList(DP_Refused *dp, const int natoms, const double *coord,
                                                const int *atype, const double *cell, const int *pairs,
                                                const int npairs, const double *delef, const int nghost,
                                                const DP_Nlist *nlist, double *dfcorr, double *dvcorr);
DP_API int DP_DipoleChargeModifierGetNumbSelTypes(DP_Refused *dp);

#endif
