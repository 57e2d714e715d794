// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The run directory: found, made, locked, and compared with a loop.yaml that may have been edited since.
#ifndef AL_CORE_RUNDIR_H
#define AL_CORE_RUNDIR_H

#include "config/loop_config.h"
#include "core/journal.h"
#include "core/plan.h"

// RUN as a user gives it: the run directory itself, or a loop.yaml (the run's copy, or the original that
// names workdir). Absolute path. AL_ERR_NOTFOUND when there is no run.
enum al_err rundir_find(const char *arg, char ret_run[AL_PATH]);

// The same directory, whatever is in it.
enum al_err rundir_locate(const char *arg, char ret_run[AL_PATH]);
// AL_ERR_CORRUPT when the run has begun and its journal is missing or empty.
enum al_err rundir_check_journal(const char *run);

// loop.yaml as the run works with it, below RUN; RUN/loop.yaml is the user's to edit.
#define RUNDIR_CONFIG "inputs/loop.yaml"
enum al_err rundir_config(const char *run, char ret[AL_PATH]); // RUN/loop.yaml when there is none

// What `start` works on. Reading changes nothing on disk.
struct rundir {
    char path[AL_PATH]; // absolute; may not exist yet
    struct loop_config *config;
    char *text; // of loop.yaml, byte for byte
    size_t ntext;
    struct plan_env env; // from the files as they are now
    int lock;            // fd of alnd.lock, -1
};

// arg: loop.yaml or a run directory. All validation that needs no journal; AL_ERR_INPUT ends with nothing
// created.
enum al_err rundir_read(const char *arg, struct rundir **ret);
// The same from the copies in RUN alone, for a run without a journal.
enum al_err rundir_read_copy(const char *run, struct rundir **ret);
// env.data_sha anew, of RUN/DATA_NAME/labelled.extxyz: after an import has made it.
enum al_err rundir_data(struct rundir *r);
void rundir_destroy(struct rundir **r); // releases the lock
// Makes the directory when absent and takes RUN/alnd.lock. AL_ERR_BUSY names the other process.
enum al_err rundir_lock(struct rundir *r);
void rundir_note_pid(struct rundir *r); // into alnd.lock, after a fork
// First start: copies of loop.yaml and structures, campaign values. Later: compares, refuses changes of what
// has been used (AL_ERR_INPUT names the keys and a task), takes over the others. *ret_changes: what changed, for the
// log ("" = nothing).
enum al_err rundir_commit(struct rundir *r, struct journal *j, const struct view *v,
                          char ret_changes[AL_ERR_TEXT]);
// What rundir_commit compares with, into a journal that has none yet.
enum al_err rundir_store(const struct rundir *r, struct journal *j);
// Configuration and plan environment of an existing run, for those who only look.
enum al_err rundir_look(const char *run, struct journal *j, struct loop_config **ret_config,
                        struct plan_env *ret_env);
// Process id noted in RUN/alnd.lock; 0 when no one holds it.
long rundir_holder(const char *run);

#endif
