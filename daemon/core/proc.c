// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENVIRON_BYTES = 1 << 17 };

// Whole small file of /proc into buf; bytes read, or -1.
static ssize_t read_proc(long pid, const char *name, char *buf, size_t n)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    size_t got = 0;
    ssize_t k;
    while (got < n - 1 && (k = read(fd, buf + got, n - 1 - got)) > 0)
        got += (size_t)k;
    close(fd);
    buf[got] = '\0';
    return (ssize_t)got;
}

bool proc_has_token(long pid, const char *token)
{
    static char buf[ENVIRON_BYTES];
    char want[80];
    if (pid <= 0 || !token[0]) return false;
    int len = snprintf(want, sizeof want, "ALND_TOKEN=%s", token);
    ssize_t n = read_proc(pid, "environ", buf, sizeof buf);
    for (ssize_t i = 0; i < n; i += (ssize_t)strlen(buf + i) + 1)
        if (strncmp(buf + i, want, (size_t)len + 1) == 0) return true;
    return false;
}

static long next_pid(DIR *d)
{
    for (struct dirent *e; (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0])) return strtol(e->d_name, NULL, 10);
    return 0;
}

long proc_find_token(const char *token)
{
    DIR *d = opendir("/proc");
    long found = 0;
    if (!d) return 0;
    for (long pid; (pid = next_pid(d));) {
        if (!proc_has_token(pid, token)) continue;
        found = pid;
        if (getsid((pid_t)pid) == (pid_t)pid) break;
    }
    closedir(d);
    return found;
}

// Zombies do not count as alive.
bool proc_is_dead(long pid)
{
    char buf[512];
    if (read_proc(pid, "stat", buf, sizeof buf) <= 0) return true;
    const char *p = strrchr(buf, ')'); // the name may hold anything
    return !p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X';
}

int proc_kill_session(long sid, int sig)
{
    int n = 0;
    if (sid <= 1) return 0;
    DIR *d = opendir("/proc");
    if (!d) return 0;
    for (long pid; (pid = next_pid(d));)
        if (getsid((pid_t)pid) == (pid_t)sid && !proc_is_dead(pid)) n += kill((pid_t)pid, sig) == 0;
    closedir(d);
    return n;
}

double proc_session_memory(long sid)
{
    double pages = 0;
    DIR *d = sid > 1 ? opendir("/proc") : NULL;
    if (!d) return 0;
    for (long pid; (pid = next_pid(d));) {
        char buf[128];
        long size, resident;
        if (getsid((pid_t)pid) == (pid_t)sid && read_proc(pid, "statm", buf, sizeof buf) > 0 &&
            sscanf(buf, "%ld %ld", &size, &resident) == 2)
            pages += (double)resident;
    }
    closedir(d);
    return pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}
