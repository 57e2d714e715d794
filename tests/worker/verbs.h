// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// For tests of verbs that need no engine: a run directory, tasks in it, what they wrote.
#ifndef AL_TESTS_WORKER_VERBS_H
#define AL_TESTS_WORKER_VERBS_H

#include "worker/task.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" // an identity

void write_text(const char *path, const char *text);
void add(char *text, size_t size, const char *more); // to the end of a text in an array of that size
// cmocka's group set-up and tear-down. A run directory with two systems, as the daemon makes it; it is the working directory from then on.
int make_run(void **state);
int remove_run(void **state);
// A task with this verb and inputs; the caller runs the verb.
struct task *open_task(const char *id, const char *verb, const char *more);
const char *fact(const struct task *t, const char *key); // "" where there is none
// From the first place of `id` in a text on; that this line holds `what`.
const char *row_of(const char *csv, const char *id);
void has(const char *row, const char *what);
// A member of a committee with random numbers in it.
void random_model(const char *path, uint64_t seed);

#endif
