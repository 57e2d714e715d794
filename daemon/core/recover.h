// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A journal that is missing or damaged, made anew from what describes itself: each task directory with its task.yaml, result.yaml
// and checksums of artefacts, and the copies in RUN/inputs. What goes with the old journal is the history of events and of
// earlier attempts (alnd.log has it as text) and the time spent.
#ifndef AL_CORE_RECOVER_H
#define AL_CORE_RECOVER_H

#include "core/rundir.h"

struct recover_report {
    bool sound;                          // the journal is fine: nothing was done
    int ntasks, ndone, nfailed, nopen;   // open: begun, without a result that could be taken
    char aside[64];                      // what the old journal is called now; "" when there was none
};

// r: of rundir_read_copy, locked. AL_ERR_CORRUPT when the finished tasks were not done with the settings in RUN/inputs: then
// nothing is changed. Killed at any moment, it can be called again.
enum al_err recover_run(struct rundir *r, struct recover_report *ret);

#endif
