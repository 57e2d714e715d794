// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Who decides which programs alnd starts: its owner, not a file. Without a word from the owner alnd starts its own worker (beside itself, or
// $ALND_WORKER), mpirun as it was built with (or $ALND_MPIRUN), and programs that a config names without a path, looked up in PATH.
// A path in a config, a launcher other than the default, or label.command asks for --allow-commands, and so does a run directory that another user owns or may write to.
#ifndef AL_CONFIG_COMMANDS_H
#define AL_CONFIG_COMMANDS_H

#include "config/loop_config.h"

// Before anything is created or started. allow: --allow-commands was given; then what was allowed is handed to the workers in $ALND_ALLOW_COMMANDS,
// one a line, and they start that and no other, whatever the copy of loop.yaml says by then. AL_ERR_INPUT with what is to be allowed.
enum al_err commands_check(const struct loop_config *c, const char *run, bool allow);
// The same for the program of labels alone, by hand (no run directory).
enum al_err commands_check_label(const struct loop_config *c, bool allow);
// The owner has typed it: from now on it may be started, by this process and its workers.
enum al_err commands_allow(const char *what);
// In the worker: a name without a slash, or a path that was allowed (key: for the message); what label.program, launcher and command say.
enum al_err commands_may_start(const char *key, const char *program);
enum al_err commands_may_label(const struct loop_config *c);

#endif
