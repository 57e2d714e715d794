// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// All that a run knows of one frame, put together from its artefacts: the trajectory it comes from, classes.csv of the selection,
// labelled.extxyz or failed.extxyz of the label task, the sets of gather, the trainings of the journal.
#ifndef AL_CLI_FRAME_LIFE_H
#define AL_CLI_FRAME_LIFE_H

#include "core/journal.h"
#include "core/plan.h"

enum { LIFE_NEAR = 3 };

struct frame_life {
    // where from
    char id[128], system[64], arrangement[16], supercell[24], origin[TASK_ID], origin_kind[16]; // kind: perturb | aimd | explore
    char purpose[8], temperature[24], pressure[24], source_file[TASK_ID + 32];
    long step; // of its trajectory; -1: it has none
    int iteration; // -1: initial
    // selection; class "": there was none (initial data) or it has not come yet
    char deviation[32], class_name[16], trust_low[32], trust_high[32], distance[32];
    bool selected;
    char why_not[AL_ERR_TEXT], duplicate_of[128];
    // label; task "": none
    char label_task[TASK_ID], label_state[16], label_status[16]; // status: labelled | failed | waiting
    int attempts;
    char scf[16], rescue[64], gap[32], residual[32], energy[40], fingerprint[80], code[32], reason[AL_ERR_TEXT];
    // use
    int late, gathered; // late: iterations that went on without its label; gathered: the one that has taken it or may (-1: initial)
    char part[8], set[TASK_ID + 32], gather_task[TASK_ID]; // part: train | valid | test; "": in no set (yet)
    double left_out;           // eV/Ang: its largest force, above train.max_force; else 0
    int ntrained;              // finished trainings that had it
    int first_model, last_model; // iterations of them
    bool published;            // RUN/models were trained on it
    bool closed;               // the loop has ended: no model will be trained any more
};

// What the look-up did not find: how many begin with the words given, and the nearest names.
struct frame_search {
    const char *wanted;
    int nexact, nprefix, nall;
    char prefix[LIFE_NEAR][128], near[LIFE_NEAR][128];
    int distance[LIFE_NEAR]; // of near; 0: empty
};

// Working directory: the run. AL_ERR_NOTFOUND with the nearest names, AL_ERR_INPUT when several begin so.
enum al_err frame_life_find(const char *wanted, struct frame_life *ret);
enum al_err frame_life_tell(const struct loop_config *c, const struct plan_env *env, const struct view *v, struct frame_life *l);

#endif
