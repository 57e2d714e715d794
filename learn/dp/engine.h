// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// One of the ways to evaluate a Deep Potential, chosen when it is opened: for those who do not care which (the potential,
// the committee, libalnd).
#ifndef AL_DP_ENGINE_H
#define AL_DP_ENGINE_H

#include "dp/compress.h"

enum dp_way {
    DP_WAY_PLAIN,  // dp/eval.h: networks as they are, double precision; the reference
    DP_WAY_DOUBLE, // dp/compress.h
    DP_WAY_MIXED,
};

struct dp_engine;
enum al_err dp_engine_create(const struct dp_model *m, enum dp_way way, struct dp_engine **ret); // borrows the model
// As dp_compressed_twin; the networks of DP_WAY_PLAIN are the model's in any case.
enum al_err dp_engine_twin(const struct dp_engine *of, const struct dp_model *m, struct dp_engine **ret);
void dp_engine_destroy(struct dp_engine **e);
// As dp_eval_run; env (may be NULL): of this layout, for other models with the same cut-offs too.
enum al_err dp_engine_run(struct dp_engine *e, const struct dp_layout *l, const struct dp_env *env,
                          struct pot_result *res);
// dp_compressed_threads; DP_WAY_PLAIN runs on one.
void dp_engine_threads(struct dp_engine *e, int threads);
// Inputs outside the tables so far (0 for DP_WAY_PLAIN): slow, not wrong.
long dp_engine_outside(const struct dp_engine *e);
// "plain", "double", "mixed"; AL_ERR_INPUT for another.
enum al_err dp_way_of(const char *name, enum dp_way *ret);

#endif
