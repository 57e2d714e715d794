// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The files of a task directory that daemon and worker share (docs/TASKS.md): task.yaml out, result.yaml and
// progress in.
#ifndef AL_CORE_TASKFILE_H
#define AL_CORE_TASKFILE_H

#include "core/plan.h"

struct task_result {
    bool done; // status: done | failed
    char identity[65];
    char code[24]; // of the error when failed: "NOTCONV"
    char message[AL_ERR_TEXT], hint[AL_ERR_TEXT];
    int nfacts, nartifacts;
    struct view_fact *fact;
    struct view_artifact *artifact;
};

struct task_progress {
    double done, total; // total 0: not known
    char text[96];
};

enum al_err task_write(const char *run, const struct plan_task *t); // RUN/ID/task.yaml, durable
// AL_ERR_NOTFOUND when there is none yet; AL_ERR_CORRUPT when it cannot be understood.
enum al_err task_result_read(const char *run, const char *id, struct task_result **ret);
void task_result_destroy(struct task_result **r);
// Identity as planned; every artefact inside the run directory, there, and (regular files up to 64 MiB) with
// its checksum.
enum al_err task_result_check(const char *run, const struct task_result *r, const char *identity);
// Puts result.yaml aside as result.N.yaml so that the task can be started again.
enum al_err task_result_put_aside(const char *run, const char *id, int attempt);
bool task_progress_read(const char *run, const char *id, struct task_progress *ret);
// The last line of worker.log without its logfmt head; "" when there is none.
void task_log_tail(const char *run, const char *id, char *ret, size_t n);

#endif
