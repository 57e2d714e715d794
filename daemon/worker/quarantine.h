// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The frames that could not be labelled: how many, why, and whether there are too many of them to go on.
#ifndef AL_WORKER_QUARANTINE_H
#define AL_WORKER_QUARANTINE_H

#include "worker/task.h"

enum { QUARANTINE_LEAST = 3 }; // fewer failures than this are nobody's diagnosis

struct quarantine {
    int nframes, nfailed;      // of the label tasks; frames of first-principles MD are labelled as they come and not counted
    int ncommon;               // failures with the commonest reason
    char reason[AL_ERR_TEXT];  // of one of them, with its code
    char frame[128], task[256]; // that one
};

// Of these label tasks: labelled.extxyz and failed.extxyz of each. Reasons count as equal when they differ in numbers only.
enum al_err quarantine_count(const char *const *ids, int n, struct quarantine *ret);
// AL_ERR_NOTCONV with the diagnosis when more than this fraction failed.
enum al_err quarantine_judge(const struct quarantine *q, double max_failed);

#endif
