// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Preloaded into the daemon: a wall clock that jumps up to thirty years back and forth at every look. The monotonic clock is left
// alone, as the kernel leaves it alone when somebody sets the time.
#include <dlfcn.h>
#include <stddef.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);
    static unsigned n;
    if (!real) {
        void *p = dlsym(RTLD_NEXT, "clock_gettime");
        real = *(int (**)(clockid_t, struct timespec *))(void *)&p;
    }
    int rc = real(id, t);
    if (id == CLOCK_REALTIME) {
        n = n * 1664525u + 1013904223u;
        t->tv_sec += (time_t)(n >> 16) % 20000 * 86400 - (time_t)10000 * 86400;
    }
    return rc;
}
