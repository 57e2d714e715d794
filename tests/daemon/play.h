// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A play for the planner: a view in which every planned task is done at once with the facts of the script.
#ifndef AL_TESTS_DAEMON_PLAY_H
#define AL_TESTS_DAEMON_PLAY_H

#include "support.h"

struct play {
    struct loop_config *c;
    struct plan_env env;
    struct view *v;
    struct plan *p;
    // the script
    int selected[8]; // frames selected for each system, by iteration
    int below[8];
    int failed_labels; // label tasks whose frames all fail: this many of the first ones
    int initial_ntrain;
    const char *held[3]; // tasks that take their time: not performed
    struct plan_settled settled; // of the daemon's way to plan (same_from_settled)
};

void play_open(struct play *y, const struct setting *s);
void play_close(struct play *y);
void replan(struct play *y);
void perform(struct play *y, const struct plan_task *t);
bool act(struct play *y);
void act_all(struct play *y);
int count_verb(const struct play *y, const char *verb);
const struct plan_input *input(const struct plan_task *t, const char *key);
void identity_of(struct play *y, const char *id, char ret[65]);

#endif
