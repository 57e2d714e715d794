// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Preloaded into the daemon: every file system says that it is NFS. What a real one does to locks and to the order of writes it does not
// show; that the journal works without shared memory, at every crash point, it does.
#include <dlfcn.h>
#include <stddef.h>
#include <sys/vfs.h>

int statfs(const char *path, struct statfs *fs)
{
    static int (*real)(const char *, struct statfs *);
    if (!real) {
        void *p = dlsym(RTLD_NEXT, "statfs");
        real = *(int (**)(const char *, struct statfs *))(void *)&p;
    }
    int rc = real(path, fs);
    if (rc == 0) fs->f_type = 0x6969;
    return rc;
}
