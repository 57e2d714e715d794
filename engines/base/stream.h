// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Binary checkpoint files: one list of the contents serves to count, to write and to read (al_stream_pass), and the
// file ends with the SHA-256 of what precedes. Native byte order and sizes: for this machine only.
#ifndef AL_BASE_STREAM_H
#define AL_BASE_STREAM_H

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"

enum { AL_SEAL = 64 }; // hex digits at the end of a file

struct al_stream {
    char *buf;       // not used to count
    size_t at, size; // size: of buf without the seal when reading
    enum { AL_COUNT, AL_PUT, AL_GET } mode;
};

// Reading beyond the end leaves data as it is: compare at with size afterwards.
static inline void al_stream_pass(struct al_stream *s, void *data, size_t n)
{
    if (n && s->mode == AL_PUT) memcpy(s->buf + s->at, data, n);
    if (n && s->mode == AL_GET && s->at + n <= s->size) memcpy(data, s->buf + s->at, n);
    s->at += n;
}

// Writes the seal of the n bytes of buf behind them.
static inline void al_stream_seal(char *buf, size_t n)
{
    char hex[AL_SEAL + 1];
    struct al_sha256 sha;
    al_sha256_init(&sha);
    al_sha256_update(&sha, buf, n);
    al_sha256_hex(&sha, hex);
    memcpy(buf + n, hex, AL_SEAL);
}

// n: of the whole file.
static inline bool al_stream_sealed(const char *buf, size_t n)
{
    char hex[AL_SEAL + 1];
    if (n < AL_SEAL) return false;
    struct al_sha256 sha;
    al_sha256_init(&sha);
    al_sha256_update(&sha, buf, n - AL_SEAL);
    al_sha256_hex(&sha, hex);
    return memcmp(hex, buf + n - AL_SEAL, AL_SEAL) == 0;
}

#endif
