// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A thread that writes one file: bytes and frames come in a queue of bounded size, in their order. Whoever fills it faster than the
// disk takes it waits. After the first error nothing more is written, and every call fails with it.
#ifndef AL_MD_WRITER_H
#define AL_MD_WRITER_H

#include "base/dcd.h"

struct md_writer;
// Takes the file over (written from where it stands). dcd (copied): frames as DCD, its head first when the file is empty; NULL: extended
// XYZ.
enum al_err md_writer_create(const char *path, FILE **file, const struct al_dcd_spec *dcd, struct md_writer **ret);
// Writes what is left, closes.
void md_writer_destroy(struct md_writer **w);
enum al_err md_writer_bytes(struct md_writer *w, const void *data, size_t n);
enum al_err md_writer_frame(struct md_writer *w, struct al_frame **f); // takes *f over, writes NULL
// Waits until everything is written and on disk; ret_offset (may be NULL): the file's length.
enum al_err md_writer_sync(struct md_writer *w, long *ret_offset);
enum al_err md_writer_check(struct md_writer *w); // the error so far

#endif
