// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/clock.h"

#include <stddef.h>

enum { YEAR_2000 = 946684800 };

static double (*simulated)(void);

void al_clock_replace(double (*seconds)(void))
{
    simulated = seconds;
}

double al_clock(void)
{
    struct timespec t;
    if (simulated) return simulated();
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void al_clock_date(struct timespec *ret)
{
    if (!simulated) {
        clock_gettime(CLOCK_REALTIME, ret);
        return;
    }
    double s = simulated();
    *ret = (struct timespec){.tv_sec = YEAR_2000 + (time_t)s, .tv_nsec = (long)(1e9 * (s - (double)(time_t)s))};
}
