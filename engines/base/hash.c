// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/hash.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "base/fsio.h"

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(((struct al_sha256 *)0)->ctx), "room for nettle's context");

static struct sha256_ctx *ctx_of(struct al_sha256 *s)
{
    return (struct sha256_ctx *)(void *)s->ctx;
}

void al_sha256_init(struct al_sha256 *s)
{
    sha256_init(ctx_of(s));
}

void al_sha256_update(struct al_sha256 *s, const void *data, size_t n)
{
    sha256_update(ctx_of(s), n, data);
}

void al_sha256_string(struct al_sha256 *s, const char *text)
{
    size_t n = strlen(text);
    al_sha256_int(s, (int64_t)n);
    al_sha256_update(s, text, n);
}

void al_sha256_double(struct al_sha256 *s, double v)
{
    if (v == 0.0) v = 0.0; // -0 and 0 are one number
    al_sha256_update(s, &v, sizeof v);
}

void al_sha256_int(struct al_sha256 *s, int64_t v)
{
    al_sha256_update(s, &v, sizeof v);
}

void al_sha256_hex(struct al_sha256 *s, char ret_hex[65])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(ctx_of(s), sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

enum al_err al_sha256_file(const char *path, char ret_hex[65])
{
    FILE *in;
    AL_TRY(al_file_stream(path, &in));
    struct al_sha256 s;
    al_sha256_init(&s);
    char buf[65536];
    size_t n;
    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        al_sha256_update(&s, buf, n);
    int bad = ferror(in);
    fclose(in);
    if (bad) AL_FAIL(AL_ERR_IO, "cannot read %s", path);
    al_sha256_hex(&s, ret_hex);
    return AL_ERR_OK;
}
