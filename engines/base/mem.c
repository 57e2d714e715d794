// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64 };
[[maybe_unused]] static const size_t HUGE_PAGE = 2u << 20; // of x86-64; elsewhere no harm

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

enum al_err al_alloc_large(size_t n, size_t size, void *ret_ptr)
{
#if defined MADV_HUGEPAGE && !defined AL_EXACT_ALLOC && !defined __SANITIZE_ADDRESS__
    if (n && size <= (SIZE_MAX - HUGE_PAGE) / n) {
        size_t bytes = (n * size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        void *p = aligned_alloc(HUGE_PAGE, bytes ? bytes : HUGE_PAGE);
        if (!p) AL_FAIL(AL_ERR_NOMEM, "no memory for %zu bytes", bytes);
        (void)madvise(p, bytes, MADV_HUGEPAGE); // only speed depends on it
        memset(p, 0, bytes);
        memcpy(ret_ptr, &p, sizeof p);
        return AL_ERR_OK;
    }
#endif
    return al_alloc(n, size, ret_ptr);
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
