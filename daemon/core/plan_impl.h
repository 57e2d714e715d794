// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside the planner only: building tasks (plan_task.c) for the walk through the loop (plan.c).
#ifndef AL_CORE_PLAN_IMPL_H
#define AL_CORE_PLAN_IMPL_H

#include "base/hash.h"
#include "core/plan.h"

enum { PLAN_MAX_SECTIONS = 12 };

// One call of plan_build.
struct walk {
    unsigned breaths;
    const struct loop_config *c;
    const struct plan_env *env;
    const struct view *v;
    struct plan *p;
    int nsections; // section hashes, computed once
    const char *section[PLAN_MAX_SECTIONS];
    char section_hash[PLAN_MAX_SECTIONS][65];
    int gathered; // the last iteration whose gathering has been walked or left behind as settled; -1
    const struct plan_input *left; // what it goes on without when it is new; NULL: the journal says it
};

// A task being built: identity grows with every input.
struct draft {
    struct walk *w;
    struct plan_task *t;
    const char *id;
    struct al_sha256 sha;
};

void walk_breathe(struct walk *w);
enum al_err walk_sections(struct walk *w);
void plan_arena_destroy(struct plan_arena **a);
[[gnu::format(printf, 3, 4)]] enum al_err plan_text(struct plan *p, const char **ret, const char *fmt, ...);
enum al_err plan_array(struct plan *p, int n, size_t size, void *array_ptr); // of n elements, which are not cleared

enum al_err draft_start(struct walk *w, const char *verb, const char *id, int iteration, struct draft *ret);
// Scalars and lists of the inputs map; plain: not part of the identity.
enum al_err draft_plain(struct draft *d, const char *key, const char *value);
enum al_err draft_int(struct draft *d, const char *key, long value);
enum al_err draft_list(struct draft *d, const char *key, struct plan_input **ret);
enum al_err draft_append(struct draft *d, struct plan_input *list, const char *value);
// Dependency on a finished task: its artefacts' checksums go into the identity.
enum al_err draft_dep(struct draft *d, const struct view_task *t);
// The same with one checksum only.
enum al_err draft_dep_sha(struct draft *d, const struct view_task *t, const char *sha256);
// Input `key` = an artefact of a finished task.
enum al_err draft_artifact(struct draft *d, const char *key, const struct view_task *t, const char *name);
void draft_finish(struct draft *d);
void draft_drop(struct draft *d); // the latest task, after draft_finish: out of the plan again
// Seals the identity and counts the task in its stage; *ret is the finished task or NULL. The draft may be gone afterwards (open_only).
void walk_finish(struct draft *d, const struct view_task **ret);
// plan_labels.c. The label tasks of an iteration (-1: of the initial data). *ret_enough: the gathering can be made; in an iteration that is
// as soon as resources.straggler of its frames are in, with `all` when all are and those that were late before.
enum al_err walk_emit_labels(struct walk *w, int iteration, bool all, bool *ret_enough);
// Label tasks that the gathering of this iteration went on without: those of iterations that are not walked any more.
enum al_err walk_emit_late(struct walk *w, int iteration);
// Takes what is there, or what the journal says that it takes.
enum al_err walk_emit_gather(struct walk *w, int iteration, const struct view_task **ret);
bool walk_has_late(const struct walk *w, int iteration);
enum al_err walk_list_late(struct walk *w); // into the plan, for those who ask
// The labelled.extxyz that the gathering took, as the input `new`.
enum al_err draft_append_labelled(struct draft *d, int iteration);
// plan_aimd.c: the trajectories of systems whose init is done; their ids into a list of labels.
enum al_err walk_emit_aimd(struct walk *w);
enum al_err draft_append_aimd(struct draft *d, struct plan_input *list);
// plan_data.c: initial.data, once every system's init is done; its id into the list of labels.
enum al_err walk_emit_data(struct walk *w);
enum al_err draft_append_data(struct draft *d, struct plan_input *list);
// plan_measure.c. trust: auto: what the iteration before measured, as input `calibration`.
enum al_err draft_calibration(struct draft *d, int iteration);
// The same for a production run after iteration `last`: what counts as uncertain there. No part of the identity, which the models are.
enum al_err draft_production_window(struct draft *d, int last);
// test.supercell: the test trajectory of the last of explore.temperatures and of every second below it gets the input `supercell`.
enum al_err draft_test_cell(struct draft *d, int temperature);
// Test frames of the last iteration labelled again at tighter settings; their ids as the report's input `noise`.
enum al_err walk_emit_noise(struct walk *w, int last);
enum al_err draft_append_noise(struct draft *d, int last);
// The finished task of this id, or NULL.
const struct view_task *walk_done(const struct walk *w, const char *id);

#endif
