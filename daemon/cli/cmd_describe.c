// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "config/loop_config.h"

int cmd_describe(int argc, char **argv)
{
    const char *key = NULL;
    bool markdown = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--markdown") == 0)
            markdown = true;
        else if (argv[i][0] == '-' || key)
            return cli_usage("usage: alnd describe [KEY] [--markdown]");
        else
            key = argv[i];
    }
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) return cli_usage("no memory");
    loop_config_describe(out, key, markdown);
    fclose(out);
    bool known = n > 0;
    fputs(text, stdout);
    free(text);
    return known ? EXIT_OK : cli_usage("loop.yaml has no key '%s'", key);
}
