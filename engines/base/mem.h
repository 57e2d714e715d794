// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Memory. Objects come from *_create(..., struct x **ret) and go with x_destroy(struct x **), which
// accepts NULL contents and half-built objects and writes NULL. Local owners release themselves:
//
//   AL_OWN(al_frame) f = NULL;            calls al_frame_destroy(&f) at the end of the scope
//   AL_AUTOFREE double *w = NULL;         calls al_free(w) at the end of the scope
//   AL_ALLOC(w, n);                       zeroed, 64-byte aligned; fails with AL_ERR_NOMEM
//   *ret = f; f = NULL;                   hand over
#ifndef AL_BASE_MEM_H
#define AL_BASE_MEM_H

#include <stddef.h>
#include <string.h>

#include "base/err.h"

#define AL_OWN(type) __attribute__((cleanup(type##_destroy))) struct type *
#define AL_AUTOFREE  __attribute__((cleanup(al_autofree_)))

// n elements of size bytes, zeroed, aligned to 64 bytes, into *(T **)ret_ptr. n = 0 gives a valid pointer.
enum al_err al_alloc(size_t n, size_t size, void *ret_ptr);
// Grow: keeps the first nold elements, zeroes the rest; *(T **)ptr is replaced on success.
enum al_err al_grow(size_t nold, size_t nnew, size_t size, void *ptr);
// As al_alloc, on huge pages where the system has them: for megabytes that are read all over again and again.
enum al_err al_alloc_large(size_t n, size_t size, void *ret_ptr);
void al_free(void *p);
// Copy of a string; NULL gives NULL.
enum al_err al_strdup(const char *s, char **ret);

#ifdef __clang_analyzer__ // does not look into other files: told what they promise
#define AL_GIVEN_(p) if (!(p)) __builtin_unreachable()
#else
#define AL_GIVEN_(p) (void)0
#endif
#define AL_ALLOC(p, n)                                                                             \
    do {                                                                                           \
        AL_TRY(al_alloc((size_t)(n), sizeof *(p), &(p)));                                          \
        AL_GIVEN_(p);                                                                              \
    } while (0)
#define AL_GROW(p, nold, nnew)                                                                     \
    do {                                                                                           \
        AL_TRY(al_grow((size_t)(nold), (size_t)(nnew), sizeof *(p), &(p)));                        \
        AL_GIVEN_(p);                                                                              \
    } while (0)

static inline void al_autofree_(void *p)
{
    void *q;
    memcpy(&q, p, sizeof q);
    al_free(q);
}

#endif
