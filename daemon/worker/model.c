// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd-worker model FILE.dp...: whether model files from outside can be read. libhdf5 can crash, loop or take all memory on a malformed file;
// here that happens in a process that holds nothing else, has a limit of everything and leaves no core, before the files are used.
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "dp/model.h"
#include "worker/model.h"

enum { CPU_SECONDS = 20 };
static const rlim_t memory = (rlim_t)3 << 30; // beyond what the program has from its start

static void limit(int what, rlim_t n)
{
    struct rlimit r = {n, n};
    setrlimit(what, &r);
}

#ifdef __SANITIZE_ADDRESS__ // terabytes of address space, hardly any of it used
static void limit_memory(void)
{
    (void)memory;
}
#else
static void limit_memory(void)
{
    unsigned long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in && fscanf(in, "%lu", &pages) != 1) pages = 0;
    if (in) fclose(in);
    limit(RLIMIT_AS, memory + (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE));
}
#endif

enum al_err model_print(int argc, char **argv, FILE *out)
{
    if (argc < 3) AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker model FILE.dp...");
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_SECONDS);
    limit(RLIMIT_FSIZE, 0);
    limit_memory();
    for (int i = 2; i < argc; i++) {
        AL_OWN(dp_model) m = NULL;
        AL_TRY(dp_model_read(argv[i], &m));
        fputs("- ", out);
        al_yaml_quote(out, argv[i]);
        fputc('\n', out);
    }
    return AL_ERR_OK;
}
