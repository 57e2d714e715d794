// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Files. A result exists whole or not at all: written under a temporary name, fsync, rename, fsync of the
// directory. The order matters (a rename without the first fsync can leave an empty file after power loss).
#ifndef AL_BASE_FSIO_H
#define AL_BASE_FSIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum { AL_PATH = 4096 };

// A regular file to read from; a FIFO, a device, a directory is AL_ERR_INPUT at once and never waited for.
enum al_err al_file_stream(const char *path, FILE **ret);
// Whole file into memory, NUL-terminated (not counted in ret_n; ret_n may be NULL). Directories and
// devices are refused; max_bytes 0 = 1 GiB.
enum al_err al_file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_n);
// A file as memory to read from (mmap), for data that are large or looked at in part. The file must not get shorter meanwhile.
struct al_map {
    const unsigned char *data; // NULL = nothing mapped, or an empty file
    size_t n;
};
enum al_err al_file_map(const char *path, struct al_map *ret); // a regular file
void al_file_unmap(struct al_map *m);
enum al_err al_file_write(const char *path, const void *data, size_t n); // durable
// Durable stream: open a temporary beside path, write to it, then publish (or drop it).
struct al_outfile {
    FILE *out;
    char path[AL_PATH], tmp[AL_PATH];
};
enum al_err al_outfile_open(const char *path, struct al_outfile *ret);
enum al_err al_outfile_publish(struct al_outfile *f); // checks write errors, fsync, rename, fsync dir
void al_outfile_drop(struct al_outfile *f);           // also after publish: does nothing
// fsync tmp, rename to final, fsync the directory of final.
enum al_err al_file_publish(const char *tmp, const char *final);
enum al_err al_file_copy(const char *from, const char *to); // durable
enum al_err al_fsync_dir(const char *dir);
enum al_err al_mkdirs(const char *path);            // like mkdir -p, durable
enum al_err al_remove_tree(const char *path);
bool al_exists(const char *path);
bool al_can_run(const char *path); // a regular file that this process may execute
// A program's name, looked up in PATH; false: it is not there.
bool al_program_find(const char *name, char ret[AL_PATH]);
bool al_path_inside(const char *path); // relative and without "..": it does not lead out of the directory it is meant for
// printf into a path buffer; fails when it does not fit.
[[gnu::format(printf, 2, 3)]] enum al_err al_path(char ret[AL_PATH], const char *fmt, ...);

// An exclusive advisory lock (flock) on a file, made when absent; released by close or by the process's
// death. AL_ERR_BUSY when another process holds it.
enum al_err al_lock_take(const char *path, int *ret_fd);
void al_lock_release(int *fd);
// Whether another process holds it now (the file may be absent: then no).
bool al_lock_held(const char *path);

#endif
