// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The fast evaluation of a Deep Potential (dp/eval.h is the plain one): tabulated embedding nets (dp/table.h), descriptors
// and fitting nets in vectors, products of many centres with packed weights (dp/panel.h); kernels for AVX-512, AVX2 and
// any other machine, chosen when the program runs. Double precision throughout, or mixed: tables, rows, descriptors and
// fitting nets in float; geometry, energies, forces and virial summed in double.
//
// An input of an embedding net outside its table (atoms closer than any that the model was made for) is not extrapolated:
// the net itself is evaluated there, and counted.
#ifndef AL_DP_COMPRESS_H
#define AL_DP_COMPRESS_H

#include "dp/layout.h"
#include "seam/potential.h"

enum dp_precision { DP_DOUBLE, DP_MIXED };

struct dp_env { // geometry of a layout's rows, the same for all models with the same cut-offs
    struct dp_geo *geo;
    size_t cap;
};
void dp_env_free(struct dp_env *e);
enum al_err dp_env_compute(struct dp_env *e, const struct dp_config *c, const struct dp_layout *l, int threads);

struct dp_compressed;
// Borrows the model. kernels: "avx512", "avx2", "plain", or NULL for the best that this machine has;
// AL_ERR_UNSUPPORTED where it lacks them.
enum al_err dp_compressed_create(const struct dp_model *m, enum dp_precision p, const char *kernels,
                                 struct dp_compressed **ret);
// The same model with one copy of the weights, which the first one keeps and which must live longer, and tables of its own; both may
// run at the same time. Not to be called while the first runs.
enum al_err dp_compressed_twin(const struct dp_compressed *of, struct dp_compressed **ret);
void dp_compressed_destroy(struct dp_compressed **c);
// Threads of a run from now on, 1 at first. The same number gives the same bits; another one sums forces in another order.
void dp_compressed_threads(struct dp_compressed *c, int threads);
// As dp_eval_run. env: of this layout and the model's cut-offs, or NULL.
enum al_err dp_compressed_run(struct dp_compressed *c, const struct dp_layout *l, const struct dp_env *env,
                              struct pot_result *res);
// Rows outside the tables in all runs so far.
long dp_compressed_outside(const struct dp_compressed *c);
const char *dp_compressed_kernels(const struct dp_compressed *c); // the name

#endif
