// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Built-in crash points. Each journal write and each published file passes one before and one after;
// ALND_CRASH_AT=n ends the process at the n-th (as SIGKILL would: no cleanup, exit code 137).
#ifndef AL_CORE_CRASH_H
#define AL_CORE_CRASH_H

enum { CRASH_EXIT = 137 };

void crash_point(void);

#endif
