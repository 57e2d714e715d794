// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Other people's programs as child processes: an argument vector, never a text for a shell.
#ifndef AL_BASE_CHILD_H
#define AL_BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fsio.h"

// A program by its whole path, or by a name that is looked up in PATH. AL_ERR_INPUT: a path that is not whole; AL_ERR_NOTFOUND.
struct al_program_words { // of the messages
    const char *key, *missing; // "resources.lammps: " before a path that is not whole, "no LAMMPS: " before what is not there
    const char *hint;          // how to get one
};
enum al_err al_program_locate(const char *name, const struct al_program_words *w, char ret[AL_PATH]);

// The program that this process runs, whole path.
enum al_err al_program_self(char ret[AL_PATH]);

struct al_child_spec {
    const char *program;     // path
    const char *const *argv; // argv[0] included, NULL-terminated
    const char *const *env;  // NULL: what this process was started with (MPI adds to it later, which a child's MPI must not see)
    const char *dir;         // NULL: ours
    int in, out, err;        // become 0, 1, 2
    int death;               // the signal that it gets when this process dies; mpirun ends its ranks on SIGTERM, not on SIGKILL
};
enum al_err al_child_start(const struct al_child_spec *s, pid_t *ret);
// *ret_code: exit code, or -signal.
enum al_err al_child_poll(pid_t pid, bool *ret_ended, int *ret_code);
double al_child_cpu_seconds(pid_t pid); // that it has used so far; 0: not known
void al_child_kill(pid_t pid); // SIGKILL, and waits
// SIGTERM; after `grace` seconds SIGKILL, also to whatever it had started and left. Waits.
void al_child_end(pid_t pid, double grace);

#endif
