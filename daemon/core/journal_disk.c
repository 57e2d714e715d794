// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/journal_disk.h"

#include <ctype.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/fsio.h"

enum { LEAST_SPACE = 64 << 10 /* bytes: SQLite takes its shared memory in such pieces */ };

const char *journal_disk_trouble(const char *path, bool *ret_full)
{
    struct statvfs fs;
    char dir[AL_PATH];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash) *slash = '\0';
    *ret_full = false;
    if (statvfs(slash ? dir : ".", &fs) != 0) return "";
    if (fs.f_flag & ST_RDONLY) return ": Read-only file system";
    *ret_full = true;
    if (fs.f_bavail * fs.f_frsize < LEAST_SPACE) return ": No space left on device";
    if (fs.f_files && !fs.f_favail) return ": No space left on device (no inodes)";
    *ret_full = false;
    return "";
}

const char *journal_network(const char *path)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } remote[] = {{0x6969, "NFS"},         {0x517B, "SMB"},        {0xFF534D42, "CIFS"},  {0xFE534D42, "SMB2"},
                  {0x0BD00BD0, "Lustre"},  {0x47504653, "GPFS"},   {0x5346414F, "AFS"},   {0x00C36400, "Ceph"},
                  {0x19830326, "BeeGFS"},  {0xAAD7AAEA, "PanFS"},  {0x01161970, "GFS2"},  {0x7461636F, "OCFS2"},
                  {0x20030528, "OrangeFS"}, {0x01021997, "9p"},    {0x65735546, "FUSE"},  {0, NULL}};
    char dir[AL_PATH];
    struct statfs fs;
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash) *slash = '\0';
    if (statfs(slash ? dir : ".", &fs) != 0) return NULL;
    for (int i = 0; remote[i].name; i++)
        if ((unsigned long)fs.f_type == remote[i].magic) return remote[i].name;
    return NULL;
}

bool journal_on_read_only(const char *path)
{
    struct statvfs fs;
    return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

enum al_err journal_immutable_uri(const char *path, char ret[AL_PATH])
{
    size_t n = (size_t)snprintf(ret, AL_PATH, "file:");
    for (const unsigned char *c = (const unsigned char *)path; *c && n + 20 < AL_PATH; c++)
        n += (size_t)snprintf(ret + n, AL_PATH - n, isalnum(*c) || strchr("/._-", *c) ? "%c" : "%%%02x", *c);
    if (n + 20 >= AL_PATH) AL_FAIL(AL_ERR_INPUT, "%s is too long", path);
    snprintf(ret + n, AL_PATH - n, "?immutable=1");
    return AL_ERR_OK;
}
