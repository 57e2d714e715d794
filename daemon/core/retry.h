// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A task that has failed is started again: by the daemon at each start, by `alnd retry` with or without a daemon.
#ifndef AL_CORE_RETRY_H
#define AL_CORE_RETRY_H

#include "core/fsm.h"

// FAILED -> PENDING in journal and view, its counter of failures back to 0, its result put aside. AL_ERR_NOTFOUND (with a hint)
// when t is NULL, AL_ERR_INPUT when it has not failed: the message says what it is.
enum al_err retry_task(const char *run, struct journal *j, struct view *v, struct view_task *t, const char *id, const char *detail);

// In a run without daemon whose lock the caller holds. id NULL: every failed task. *ret_n: how many; the journal then says that the
// run was stopped, so that `alnd status` shows no failure any more once none is left.
enum al_err retry_at_rest(const char *run, const char *id, int *ret_n);

#endif
