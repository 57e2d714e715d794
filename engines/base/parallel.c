// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/parallel.h"

#include <stdio.h>

#include "base/mem.h"

enum al_err al_parallel(int n, enum al_err (*part)(void *ctx, int k), void *ctx)
{
    if (n <= 1) {
        AL_TRY(part(ctx, 0));
        return AL_ERR_OK;
    }
    struct failure {
        enum al_err code;
        char text[AL_ERR_TEXT];
    };
    AL_AUTOFREE struct failure *failure = NULL; // the error trace belongs to its thread
    AL_ALLOC(failure, n);
#pragma omp parallel for num_threads(n) schedule(static, 1)
    for (int k = 0; k < n; k++) {
        failure[k].code = part(ctx, k);
        if (failure[k].code) snprintf(failure[k].text, sizeof failure[k].text, "%s", al_err_message());
    }
    for (int k = 0; k < n; k++)
        if (failure[k].code) AL_FAIL(failure[k].code, "%s", failure[k].text);
    return AL_ERR_OK;
}

void al_parallel_range(long count, int k, int n, long *ret_first, long *ret_end)
{
    *ret_first = count * k / n;
    *ret_end = count * (k + 1) / n;
}
