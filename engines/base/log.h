// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Log files in logfmt, one event a line:
//
//   ts=2026-11-23T22:52:03.417Z level=info comp=daemon ev=task_done task=initial/gather ntrain=12
//
// The message is written by the caller as KEY=VALUE pairs, ev=NAME first; values with blanks or quotes go
// through al_log_quote. Only main programs, the daemon's loop and the workers log; libraries return errors.
#ifndef AL_BASE_LOG_H
#define AL_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum al_log_level { AL_LOG_DEBUG, AL_LOG_INFO, AL_LOG_WARN, AL_LOG_ERROR };

// Append to path from now on; NULL: standard error. Without a call nothing is logged.
enum al_err al_log_open(const char *path);
void al_log_close(void);
// The rank goes into every line (rank=N) once set; -1 (the start value): left out.
void al_log_set_rank(int rank);
// One line, written by one write(2), so that lines of several processes do not mix. Never fails: a log that
// cannot be written must not end the work.
[[gnu::format(printf, 3, 4)]] void al_log(enum al_log_level level, const char *comp, const char *fmt, ...);
// text as a logfmt value: bare when it has no blank, quote, '=' or control character, else "..." with
// escapes. Cut to n. Returns buf.
const char *al_log_quote(char *buf, size_t n, const char *text);

#endif
