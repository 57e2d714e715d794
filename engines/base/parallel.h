// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Parts of one piece of work on threads of this process.
#ifndef AL_BASE_PARALLEL_H
#define AL_BASE_PARALLEL_H

#include "base/err.h"

// part(ctx, k) for k = 0 .. n - 1, each on a thread of its own (the caller's for n = 1); ends when all have. Fails with the error
// and message of the lowest part that failed. What is computed must not depend on which thread does it: only on k.
enum al_err al_parallel(int n, enum al_err (*part)(void *ctx, int k), void *ctx);
// Part k of n of the numbers 0 .. count - 1: *ret_first .. *ret_end - 1.
void al_parallel_range(long count, int k, int n, long *ret_first, long *ret_end);

#endif
