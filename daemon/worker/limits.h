// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Limits of a process that tries a file from outside (docs/reliability.md, Safety).
#ifndef AL_WORKER_LIMITS_H
#define AL_WORKER_LIMITS_H

// From here on this process may take `memory` bytes beyond what it has, so many seconds of processor time, and neither write a byte nor
// leave a core.
void limits_set(double memory, int cpu_seconds);

#endif
