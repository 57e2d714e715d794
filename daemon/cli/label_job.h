// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Labelling by hand: frames and settings become tasks of a bag (core/bag.h) in a work directory:
//
//   WORK/lock  inputs/pseudo/  settings/HASH.yaml  frames/IDENTITY/{frame.extxyz, task.yaml, ..., labelled.extxyz, result.yaml}
//
// A task's identity is the hash of the frame and of everything in the settings that changes numbers, so finished frames are
// found again whatever else the frames' file or the configuration says by then.
#ifndef AL_CLI_LABEL_JOB_H
#define AL_CLI_LABEL_JOB_H

#include "cli/cli.h"
#include "config/loop_config.h"
#include "core/bag.h"

struct label_job {
    struct loop_config *cfg;
    struct al_frames *frames;
    char elements[CFG_MAX_LIST * 4];
    char dir[AL_PATH];          // work directory, absolute
    char worker[AL_PATH];
    char pseudo_hash[65];
    int cores, ranks;           // ranks of a task; 0: without mpirun
    int lock;                   // fd, -1
    bool json;                  // progress to stderr
    double lines;               // s between lines on running tasks where there is no terminal; 0: none
};

struct label_settings {
    char file[64];              // below the work directory
    char hash[65];
};

struct label_choice {           // what the command line says
    const char *frames, *config, *work; // frames NULL: none, the data are the worker's own affair
    int cores, ranks;           // 0: not said
    int ntasks;                 // that may run at a time; 0: as many as there are frames
    bool json;
    bool allow;                 // --allow-commands
    bool model;                 // a potential from a file computes: no pseudopotentials; config may be NULL
};

// Reads everything and opens the work directory (made when absent, after all input has been checked).
enum al_err label_job_open(const struct label_choice *o, struct label_job *ret);
void label_job_close(struct label_job *j);
// Frames do not follow one another, whatever the configuration says; tells so.
void label_job_afresh(struct label_job *j);
// overrides: cut-off and k-points, or all NULL; cores and ranks are the job's.
enum al_err label_job_settings(const struct label_job *j, struct cfg_overrides overrides, struct label_settings *ret);
// The task of frame i of the job; its frame is written.
enum al_err label_job_task(const struct label_job *j, const struct label_settings *s, int i, bool cube, const char *name,
                           struct bag_task *ret);
// frame_id of the file, else "frame 3".
void label_job_name(const struct label_job *j, int i, char *ret, size_t n);
// Runs the tasks with display or lines; each task once, whatever its place in the list.
enum al_err label_job_run(const struct label_job *j, const char *title, int n, struct bag_task *t);
// The label of a finished task.
enum al_err label_job_result(const struct label_job *j, const struct bag_task *t, struct al_frame **ret);
// Memory per rank of the largest frame at these settings, bytes, and what a task may take.
enum al_err label_job_memory(const struct label_job *j, const struct label_settings *s, double *ret_bytes, double *ret_limit);

#endif
