// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the journal asks of the file system it lies on.
#ifndef AL_CORE_JOURNAL_DISK_H
#define AL_CORE_JOURNAL_DISK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/fsio.h"

// Why the file system refuses, where SQLite says no more than "disk I/O error"; "" when it does not.
const char *journal_disk_trouble(const char *path, bool *ret_full);
// The kind of the file system that path lies on where several hosts may see it ("NFS"), so that there is no shared memory for SQLite's
// write-ahead log (sqlite.org/wal.html); NULL on a local one.
const char *journal_network(const char *path);
bool journal_on_read_only(const char *path);
enum al_err journal_immutable_uri(const char *path, char ret[AL_PATH]);

#endif
