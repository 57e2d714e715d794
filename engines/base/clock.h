// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_BASE_CLOCK_H
#define AL_BASE_CLOCK_H

#include <time.h>

// Seconds since some fixed moment; never set back, whatever happens to the date. For differences.
double al_clock(void);
// The date (UTC), for people.
void al_clock_date(struct timespec *ret);
// From now on both come from here, the date counted from 2000-01-01: a simulation's time. NULL: the machine's clocks again.
void al_clock_replace(double (*seconds)(void));

#endif
