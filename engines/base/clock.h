// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef AL_BASE_CLOCK_H
#define AL_BASE_CLOCK_H

// Seconds since some fixed moment; never set back, whatever happens to the date. For differences.
double al_clock(void);

#endif
