// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void limit(int what, rlim_t n)
{
    struct rlimit r = {n, n};
    setrlimit(what, &r);
}

#ifdef __SANITIZE_ADDRESS__ // terabytes of address space, hardly any of it used
static void limit_memory(double memory)
{
    (void)memory;
}
#else
static void limit_memory(double memory)
{
    char line[128] = "";
    FILE *in = fopen("/proc/self/statm", "r");
    unsigned long pages = in && fgets(line, sizeof line, in) ? strtoul(line, NULL, 10) : 0;
    if (in) fclose(in);
    limit(RLIMIT_AS, (rlim_t)memory + (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE));
}
#endif

void limits_set(double memory, int cpu_seconds)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, (rlim_t)cpu_seconds);
    limit(RLIMIT_FSIZE, 0);
    limit_memory(memory);
}
