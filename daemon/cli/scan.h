// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Extended XYZ files of a run looked through for what their comment lines say, without reading atoms.
#ifndef AL_CLI_SCAN_H
#define AL_CLI_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

// index: the frame's number in its file, from 0. False ends the scan.
typedef bool scan_each(void *ctx, const char *path, long index, const char *comment);

// A file that is not there, or that ends within a frame (still being written), is no error.
enum al_err scan_frames(const char *path, scan_each *each, void *ctx);
// All files that match a pattern, relative to the working directory, in the order of their names.
enum al_err scan_files(const char *pattern, scan_each *each, void *ctx);
// Value of key=... in a comment line, quotes and their escapes taken off; false and "" when absent.
bool scan_value(const char *comment, const char *key, char *ret, size_t n);

#endif
