// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = 64 };

enum al_err al_alloc(size_t n, size_t size, void *ret_ptr)
{
    if (size && n > (SIZE_MAX - ALIGNMENT) / size)
        AL_FAIL(AL_ERR_NOMEM, "request of %zu x %zu bytes overflows", n, size);
    size_t bytes = (n * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes == 0) bytes = ALIGNMENT;
#ifdef AL_EXACT_ALLOC // fuzzing: not a byte more than asked for, so that AddressSanitizer sees the first one too many
    bytes = n * size;
    void *p = NULL;
    if (posix_memalign(&p, ALIGNMENT, bytes ? bytes : 1) != 0) p = NULL;
#else
    void *p = aligned_alloc(ALIGNMENT, bytes);
#endif
    if (!p) AL_FAIL(AL_ERR_NOMEM, "no memory for %zu bytes", bytes);
    memset(p, 0, bytes);
    memcpy(ret_ptr, &p, sizeof p);
    return AL_ERR_OK;
}

enum al_err al_grow(size_t nold, size_t nnew, size_t size, void *ptr)
{
    void *old, *fresh = NULL;
    memcpy(&old, ptr, sizeof old);
    AL_TRY(al_alloc(nnew, size, &fresh));
    size_t keep = nold < nnew ? nold : nnew;
    if (old && keep) memcpy(fresh, old, keep * size);
    free(old);
    memcpy(ptr, &fresh, sizeof fresh);
    return AL_ERR_OK;
}

void al_free(void *p)
{
    free(p);
}

enum al_err al_strdup(const char *s, char **ret)
{
    if (!s) {
        *ret = NULL;
        return AL_ERR_OK;
    }
    size_t n = strlen(s) + 1;
    char *copy = NULL;
    AL_TRY(al_alloc(n, 1, &copy));
    memcpy(copy, s, n);
    *ret = copy;
    return AL_ERR_OK;
}
