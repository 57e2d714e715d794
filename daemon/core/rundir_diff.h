// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_CORE_RUNDIR_DIFF_H
#define AL_CORE_RUNDIR_DIFF_H

#include "config/loop_config.h"

// "converge.max_iterations from 2 to 4 (line 12), resources.cores from 4 to 2"; starts as {0}.
struct rundir_diff {
    int n, left; // keys met; of them not in the text for want of room
    char text[420];
};

// Appends the keys of a section (NULL: of all) that differ: those that change numbers (KEY_PHYSICS), or the others.
void rundir_diff(const char *section, bool physics, const struct loop_config *old, const struct loop_config *now,
                 struct rundir_diff *d);
void rundir_diff_end(struct rundir_diff *d); // "and 3 more"

#endif
