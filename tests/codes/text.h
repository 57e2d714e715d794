// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Outputs made by the tests themselves, and reading them.
#ifndef CODES_TEXT_H
#define CODES_TEXT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "codes/codes.h"

static char dir[] = "/tmp/alnd-codes-XXXXXX";

static inline int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static inline int remove_dir(void **state)
{
    (void)state;
    return al_remove_tree(dir) ? -1 : 0;
}

static inline const char *path_of(const char *name)
{
    static char path[4][AL_PATH];
    static int at;
    at = (at + 1) % 4;
    assert_int_equal(al_path(path[at], "%s/%s", dir, name), AL_ERR_OK);
    return path[at];
}

// The first n bytes of text (all for n < 0) as a file of the directory.
static inline const char *put(const char *name, const char *text, long n)
{
    const char *path = path_of(name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    size_t want = n < 0 ? strlen(text) : (size_t)n;
    assert_int_equal(fwrite(text, 1, want, f), want);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline char *get(const char *name)
{
    char *text;
    assert_int_equal(al_file_read(path_of(name), 0, &text, NULL), AL_ERR_OK);
    return text;
}

static inline void has(const char *text, const char *what)
{
    if (!strstr(text, what)) fail_msg("no '%s' in:\n%s", what, text);
}

enum { MAX_STEPS = 8 };
struct reading {
    struct code_step step[MAX_STEPS];
    int n;
    bool complete;
    enum al_err err;
};

static inline struct reading read_all(const struct code_format *format, const char *path)
{
    struct reading r = {0};
    void *reader;
    r.err = format->open(path, &reader);
    if (r.err) return r;
    for (;;) {
        struct code_step s = {0};
        r.err = format->next(reader, &s);
        if (r.err || !s.frame) break;
        assert_true(r.n < MAX_STEPS);
        r.step[r.n++] = s;
    }
    r.complete = !r.err && format->complete(reader);
    format->close(reader);
    return r;
}

static inline void release(struct reading *r)
{
    for (int i = 0; i < r->n; i++)
        al_frame_destroy(&r->step[i].frame);
}

static inline struct al_frame *three_atoms(void)
{
    struct al_frame *f;
    assert_int_equal(al_frame_create(3, &f), AL_ERR_OK);
    f->pbc = true;
    for (int k = 0; k < 3; k++)
        f->cell[k][k] = 4 + k;
    f->z[0] = 16; // not sorted
    f->z[1] = 3;
    f->z[2] = 16;
    f->pos[1][0] = f->pos[2][1] = 2;
    return f;
}

// Templates of which the first two say the same of the physics, and the third another thing.
static inline void check_physics(const struct code_ops *ops, struct code_settings s, const char *const user[3])
{
    char *text[3];
    for (int i = 0; i < 3; i++) {
        s.user = user[i];
        assert_int_equal(ops->physics(&s, &text[i]), AL_ERR_OK);
    }
    assert_string_equal(text[0], text[1]);
    assert_string_not_equal(text[0], text[2]);
    for (int i = 0; i < 3; i++)
        al_free(text[i]);
}

static inline void near(double a, double b, double within)
{
    if (!(fabs(a - b) <= within)) fail_msg("%.15g is not %.15g", a, b);
}

#endif
