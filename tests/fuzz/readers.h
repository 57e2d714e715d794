// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Every reader of files from outside as a function of bytes: for libFuzzer (target.c) and for the plain driver that runs the
// kept corpus (corpus.c). What a reader refuses is fine; a crash, a leak, a hang or a frame that is no frame is not.
#ifndef AL_TESTS_FUZZ_READERS_H
#define AL_TESTS_FUZZ_READERS_H

#include <stddef.h>

struct fuzz_reader {
    const char *name; // its corpus is corpus/NAME
    void (*run)(const unsigned char *bytes, size_t n);
};
extern const struct fuzz_reader fuzz_readers[]; // name NULL: the end

const struct fuzz_reader *fuzz_find(const char *name); // NULL: none

// Seeds that other seeds are not written for by make_corpus.py: a tiny model DIR/dp/model.dp, its tree DIR/dp_tree/model.json.
int fuzz_seed_models(const char *dir);

#endif
