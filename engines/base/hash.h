// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// SHA-256 (nettle). Used for identities: frames, settings, pseudopotentials, tasks.
#ifndef AL_BASE_HASH_H
#define AL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct al_sha256 {
    _Alignas(16) unsigned char ctx[128]; // struct sha256_ctx, checked in hash.c
};

void al_sha256_init(struct al_sha256 *s);
void al_sha256_update(struct al_sha256 *s, const void *data, size_t n);
// Length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
void al_sha256_string(struct al_sha256 *s, const char *text);
void al_sha256_double(struct al_sha256 *s, double v); // bit pattern; -0 counts as 0
void al_sha256_int(struct al_sha256 *s, int64_t v);
void al_sha256_hex(struct al_sha256 *s, char ret_hex[65]); // and resets
enum al_err al_sha256_file(const char *path, char ret_hex[65]);

#endif
