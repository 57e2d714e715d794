// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define FAIL_ERRNO(what, path)                                                                     \
    AL_FAIL(al_err_from_errno(errno), "cannot %s %s: %s", (what), (path), strerror(errno))

enum al_err al_path(char ret[AL_PATH], const char *fmt, ...)
{
    char buf[AL_PATH] = "";
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= AL_PATH) AL_FAIL(AL_ERR_INPUT, "path is longer than %d characters", AL_PATH - 1);
    memcpy(ret, buf, (size_t)n + 1);
    return AL_ERR_OK;
}

bool al_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool al_can_run(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool al_program_find(const char *name, char ret[AL_PATH])
{
    const char *p = getenv("PATH");
    while (p && *p) {
        size_t n = strcspn(p, ":");
        char path[AL_PATH];
        if (n && snprintf(path, sizeof path, "%.*s/%s", (int)n, p, name) < AL_PATH && al_can_run(path)) {
            memcpy(ret, path, strlen(path) + 1);
            return true;
        }
        p += n + (p[n] == ':');
    }
    return false;
}

enum { NOT_REGULAR = -2 };

// File descriptor, -1 with errno, or NOT_REGULAR. Without O_NONBLOCK the open itself would wait for the writer of a FIFO, and
// opening a tape or a terminal can do things; it changes nothing for regular files.
static int open_regular(const char *path, struct stat *st)
{
    if (stat(path, st) == 0 && !S_ISREG(st->st_mode)) return NOT_REGULAR;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode)) return fd;
    close(fd);
    return NOT_REGULAR;
}

enum al_err al_file_stream(const char *path, FILE **ret)
{
    struct stat st;
    int fd = open_regular(path, &st);
    if (fd == NOT_REGULAR) AL_FAIL(AL_ERR_INPUT, "%s is not a regular file", path);
    if (fd < 0) FAIL_ERRNO("open", path);
    FILE *in = fdopen(fd, "rb");
    if (!in) {
        close(fd);
        AL_FAIL(AL_ERR_NOMEM, "no memory to read %s", path);
    }
    *ret = in;
    return AL_ERR_OK;
}

enum al_err al_file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_n)
{
    struct stat st;
    FILE *in;
    if (!max_bytes) max_bytes = (size_t)1 << 30;
    AL_TRY(al_file_stream(path, &in));
    if (fstat(fileno(in), &st) != 0 || (size_t)st.st_size > max_bytes) {
        fclose(in);
        AL_FAIL(AL_ERR_INPUT, "%s is larger than %zu bytes", path, max_bytes);
    }
    size_t size = (size_t)st.st_size;
    char *buf;
    enum al_err e = al_alloc(size + 1, 1, &buf);
    if (e) {
        fclose(in);
        AL_TRY(e);
    }
    size_t n = fread(buf, 1, size, in);
    int bad = ferror(in);
    fclose(in);
    if (bad) {
        al_free(buf);
        AL_FAIL(AL_ERR_IO, "cannot read %s", path);
    }
    buf[n] = '\0';
    *ret = buf;
    if (ret_n) *ret_n = n;
    return AL_ERR_OK;
}

enum al_err al_file_map(const char *path, struct al_map *ret)
{
    struct stat st;
    int fd = open_regular(path, &st);
    if (fd == NOT_REGULAR) AL_FAIL(AL_ERR_INPUT, "%s is not a regular file", path);
    if (fd < 0) FAIL_ERRNO("open", path);
    size_t n = (size_t)st.st_size;
    void *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    int why = errno;
    close(fd);
    if (p == MAP_FAILED) {
        errno = why;
        FAIL_ERRNO("map", path);
    }
    *ret = (struct al_map){.data = p, .n = n};
    return AL_ERR_OK;
}

void al_file_unmap(struct al_map *m)
{
    if (m->data) munmap((void *)m->data, m->n);
    *m = (struct al_map){0};
}

static void dir_of(const char *path, char dir[AL_PATH])
{
    snprintf(dir, AL_PATH, "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash) snprintf(dir, AL_PATH, ".");
    else if (slash == dir) dir[1] = '\0';
    else *slash = '\0';
}

enum al_err al_fsync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) FAIL_ERRNO("open directory", dir);
    int rc = fsync(fd), err = errno;
    close(fd);
    errno = err;
    if (rc != 0 && err != EINVAL && err != EROFS) FAIL_ERRNO("sync directory", dir);
    return AL_ERR_OK;
}

enum al_err al_file_publish(const char *tmp, const char *final)
{
    int fd = open(tmp, O_RDONLY | O_CLOEXEC);
    if (fd < 0) FAIL_ERRNO("open", tmp);
    int rc = fsync(fd), err = errno;
    close(fd);
    errno = err;
    if (rc != 0) FAIL_ERRNO("sync", tmp);
    if (rename(tmp, final) != 0) FAIL_ERRNO("rename to", final);
    char dir[AL_PATH];
    dir_of(final, dir);
    AL_TRY(al_fsync_dir(dir));
    return AL_ERR_OK;
}

enum al_err al_outfile_open(const char *path, struct al_outfile *ret)
{
    struct al_outfile f = {0};
    AL_TRY(al_path(f.path, "%s", path));
    AL_TRY(al_path(f.tmp, "%s.tmp%ld", path, (long)getpid()));
    f.out = fopen(f.tmp, "wbe");
    if (!f.out) FAIL_ERRNO("create", f.tmp);
    *ret = f;
    return AL_ERR_OK;
}

enum al_err al_outfile_publish(struct al_outfile *f)
{
    int bad = fflush(f->out) != 0 || ferror(f->out), err = errno;
    if (fclose(f->out) != 0 && !bad) {
        bad = 1;
        err = errno;
    }
    f->out = NULL;
    if (bad) {
        unlink(f->tmp);
        errno = err ? err : EIO;
        FAIL_ERRNO("write", f->path);
    }
    enum al_err e = al_file_publish(f->tmp, f->path);
    if (e) unlink(f->tmp);
    AL_TRY(e);
    return AL_ERR_OK;
}

void al_outfile_drop(struct al_outfile *f)
{
    if (!f->out) return;
    fclose(f->out);
    f->out = NULL;
    unlink(f->tmp);
}

enum al_err al_file_write(const char *path, const void *data, size_t n)
{
    struct al_outfile f = {0};
    AL_TRY(al_outfile_open(path, &f));
    if (n) (void)fwrite(data, 1, n, f.out); // publish checks ferror
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

enum al_err al_file_copy(const char *from, const char *to)
{
    AL_AUTOFREE char *data = NULL;
    size_t n = 0;
    AL_TRY(al_file_read(from, 0, &data, &n));
    AL_TRY(al_file_write(to, data, n));
    return AL_ERR_OK;
}

bool al_path_inside(const char *path)
{
    if (!path[0] || path[0] == '/') return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        if (*p == '/') p++;
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2])) return false;
    }
    return true;
}

enum al_err al_mkdirs(const char *path)
{
    char p[AL_PATH], parent[AL_PATH];
    AL_TRY(al_path(p, "%s", path));
    size_t n = strlen(p);
    while (n > 1 && p[n - 1] == '/')
        p[--n] = '\0';
    for (size_t i = 1; i <= n; i++) {
        if (p[i] != '/' && p[i] != '\0') continue;
        char keep = p[i];
        p[i] = '\0';
        if (mkdir(p, 0775) == 0) {
            dir_of(p, parent);
            AL_TRY(al_fsync_dir(parent));
        } else if (errno != EEXIST) {
            FAIL_ERRNO("create directory", p);
        }
        p[i] = keep;
    }
    struct stat st;
    if (stat(p, &st) != 0 || !S_ISDIR(st.st_mode)) AL_FAIL(AL_ERR_INPUT, "%s is not a directory", p);
    return AL_ERR_OK;
}

enum al_err al_remove_tree(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) return AL_ERR_OK;
    if (S_ISDIR(st.st_mode)) {
        DIR *d = opendir(path);
        if (!d) FAIL_ERRNO("open directory", path);
        enum al_err e = AL_ERR_OK;
        for (struct dirent *ent; !e && (ent = readdir(d));) {
            if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0) continue;
            char sub[AL_PATH];
            e = al_path(sub, "%s/%s", path, ent->d_name);
            if (!e) e = al_remove_tree(sub);
        }
        closedir(d);
        AL_TRY(e);
        if (rmdir(path) != 0) FAIL_ERRNO("remove", path);
    } else if (unlink(path) != 0) {
        FAIL_ERRNO("remove", path);
    }
    return AL_ERR_OK;
}

enum al_err al_lock_take(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) FAIL_ERRNO("open lock", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int err = errno;
        close(fd);
        if (err == EWOULDBLOCK) AL_FAIL(AL_ERR_BUSY, "%s is held by another process", path);
        if (err == ENOLCK || err == ENOSYS || err == EOPNOTSUPP)
            AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "another directory, or a mount with locks (Lustre: -o flock; NFS: without nolock on several hosts)",
                         "cannot lock %s: its file system has no locks", path);
        errno = err;
        FAIL_ERRNO("lock", path);
    }
    *ret_fd = fd;
    return AL_ERR_OK;
}

void al_lock_release(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

bool al_lock_held(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return false;
    bool held = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}
