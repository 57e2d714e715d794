// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/crash.h"

#include <stdlib.h>
#include <unistd.h>

void crash_point(void)
{
    static long at = -1, count = 0;
    if (at < 0) {
        const char *env = getenv("ALND_CRASH_AT");
        at = env ? strtol(env, NULL, 10) : 0;
        if (at < 0) at = 0;
    }
    if (at && ++count == at) _exit(CRASH_EXIT);
}
