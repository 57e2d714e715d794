// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Set-up of the daemon's tests: a directory of its own with a small loop.yaml, structures and pseudopotential
// files (names only: the worker without physics reads none), and programs run in it.
#ifndef AL_TESTS_DAEMON_SUPPORT_H
#define AL_TESTS_DAEMON_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/types.h>

#include "core/plan.h"

struct place {
    char dir[256]; // loop.yaml, structures/, pseudo/, run/ (workdir), log (of the workers)
};

// What the loop.yaml says; zeros: 1 system, 1 temperature, committee 2, one iteration, 1 replica, no retries,
// 4 cores.
struct setting {
    int systems, temperatures, committee, patience, min_iterations, max_iterations, retries, cores, batch,
        ranks, straggler; // %, 0: 100
    double heartbeat_s;
    const char *extra; // lines at the end
    const char *aimd;  // "aimd: {...}" of the section initial
    bool aimd_only;    // without perturb
};

void place_make(struct place *p, const struct setting *s); // chdir into it as well
void place_remove(struct place *p);
void place_write(const struct place *p, const char *name, const char *text);
void place_config(const struct place *p, const struct setting *s, const char *name);

// `alnd ARGS...` (NULL-terminated) with "NAME=VALUE" of env (NULL-terminated, may be NULL) on top; output to
// p->dir/out.
pid_t alnd_start(const struct place *p, const char *const *args, const char *const *env);
int alnd_wait(pid_t pid); // exit code, -signal
int alnd_run(const struct place *p, const char *const *args, const char *const *env);
char *place_read(const struct place *p, const char *name); // whole file ("" when absent), free() it
// Lines "WHAT ID" in the workers' log; id NULL: any.
int log_count(const struct place *p, const char *what, const char *id);
// No task begins after its end, none ends twice.
void assert_nothing_twice(const struct place *p);
// Facts, artefacts, identities and states of all tasks, sorted by id, as text: equal for equal campaigns.
// free() it.
char *journal_text(const struct place *p);
// `alnd ARGS...` must end with this code, or the test fails and shows what it said.
void must_run(const struct place *p, const char *const *args, const char *const *env, int code);
bool output_says(const struct place *p, const char *text); // the last command
void output_has(const struct place *p, const char *text);  // or the test fails
// `alnd start loop.yaml` to its end: its journal_text; run/ and the log are removed again.
char *whole_campaign(const struct place *p);
// The same command, to the same end, with no task done twice.
void must_end_as(const struct place *p, const char *undisturbed);
// Waits until the workers' log has n lines "WHAT ID"; fails after 20 s.
void wait_for_log(const struct place *p, const char *what, const char *id, int n);
void sleep_ms(long ms);

// Marks task id of the view as done with facts "k=v k=v" and artefacts "name name" below the task's
// directory.
void view_finish(struct view *v, const struct plan_task *t, const char *facts, const char *artifacts);

#endif
