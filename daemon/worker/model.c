// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd-worker model FILE.dp...: whether model files from outside can be read. libhdf5 can crash, loop or take all memory on a malformed file;
// here that happens in a process that holds nothing else, has a limit of everything and leaves no core, before the files are used.
#include <stdio.h>

#include "base/mem.h"
#include "dp/model.h"
#include "worker/limits.h"
#include "worker/model.h"

enum { CPU_SECONDS = 20 };
static const double memory = 3.0 * (1 << 30);

enum al_err model_print(int argc, char **argv, FILE *out)
{
    if (argc < 3) AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker model FILE.dp...");
    limits_set(memory, CPU_SECONDS);
    for (int i = 2; i < argc; i++) {
        AL_OWN(dp_model) m = NULL;
        AL_TRY(dp_model_read(argv[i], &m));
        fputs("- ", out);
        al_yaml_quote(out, argv[i]);
        fputc('\n', out);
    }
    return AL_ERR_OK;
}
