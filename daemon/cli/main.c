// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *name, *args, *help, *usage;
    int (*run)(int argc, char **argv);
} commands[] = {
#define CLI_ROW(name, args, help, usage) {#name, args, help, usage, cmd_##name},
    CLI_COMMANDS(CLI_ROW)
#undef CLI_ROW
};
enum { NCOMMANDS = sizeof commands / sizeof commands[0] };

int cli_fail(enum al_err e)
{
    fprintf(stderr, "alnd: %s\n", al_err_message());
    if (al_err_hint_text()[0]) fprintf(stderr, "hint: %s\n", al_err_hint_text());
    switch (e) {
    case AL_ERR_INPUT:
    case AL_ERR_NOTFOUND:
    case AL_ERR_UNSUPPORTED:
        return EXIT_USAGE;
    case AL_ERR_BUSY:
        return EXIT_HELD;
    case AL_ERR_STOPPED:
        return EXIT_STOPPED;
    default:
        return EXIT_FAILED;
    }
}

int cli_usage(const char *fmt, ...)
{
    va_list ap;
    fputs("alnd: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\nhint: alnd help\n", stderr);
    return EXIT_USAGE;
}

static int flag_index(const char *const *flags, const char *word)
{
    for (int i = 0; flags && flags[i]; i++)
        if (strcmp(flags[i], word) == 0) return i;
    return -1;
}

int cli_arguments(int argc, char **argv, int n, const char **ret_arg, const char *const *flags,
                  bool *ret_flag)
{
    int have = 0;
    for (int i = 1; i < argc; i++) {
        int f = flag_index(flags, argv[i]);
        if (f >= 0)
            ret_flag[f] = true;
        else if (argv[i][0] == '-' && argv[i][1])
            return cli_usage("%s: unknown option '%s'", argv[0], argv[i]);
        else if (have == n)
            return cli_usage("%s: one argument too many: '%s'", argv[0], argv[i]);
        else
            ret_arg[have++] = argv[i];
    }
    if (have < n) {
        for (int k = 0; k < NCOMMANDS; k++)
            if (strcmp(commands[k].name, argv[0]) == 0)
                return cli_usage("usage: alnd %s %s", argv[0], commands[k].args);
    }
    return EXIT_OK;
}

enum al_err cli_print_json(const struct al_node *tree)
{
    char *json;
    AL_TRY(json_from_node(tree, &json));
    puts(json);
    free(json);
    return AL_ERR_OK;
}

enum al_err cli_count(const char *command, const char *flag, const char *text, long min, long max, long *ret)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (*end || end == text || errno || v < min || v > max)
        AL_FAIL(AL_ERR_INPUT, "%s: %s %s: a whole number from %ld to %ld is wanted", command, flag, text, min, max);
    *ret = v;
    return AL_ERR_OK;
}

const char *cli_duration(double seconds, char buf[32])
{
    long s = (long)(seconds + 0.5);
    if (seconds < 60)
        snprintf(buf, 32, "%.1f s", seconds);
    else if (s < 3600)
        snprintf(buf, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(buf, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
    return buf;
}

const char *cli_shell(const char *path, char *buf, size_t n)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-,:@%";
    size_t k = 0;
    if (path[0] && path[0] != '-' && strspn(path, plain) == strlen(path)) {
        snprintf(buf, n, "%s", path);
        return buf;
    }
    buf[k++] = '\'';
    for (; *path && k + 6 < n; path++) {
        if (*path == '\'') k += (size_t)snprintf(buf + k, n - k, "'\\''");
        else buf[k++] = *path;
    }
    buf[k++] = '\'';
    buf[k] = '\0';
    return buf;
}

void cli_demonstration(void)
{
    puts("DEMONSTRATION settings: far too small for physics; no number here says anything about the "
         "material.");
}

int cmd_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        for (int k = 0; k < NCOMMANDS; k++)
            if (strcmp(argv[i], commands[k].name) == 0) {
                if (commands[k].usage) printf("usage: %s\n", commands[k].usage);
                else printf("usage: alnd %s %s\n", commands[k].name, commands[k].args);
                printf("\n%s\n", commands[k].help);
                return EXIT_OK;
            }
    if (argc > 1) return cli_usage("there is no command '%s'", argv[1]);
    puts("alnd: interatomic potentials by active learning, and the ion diffusion they predict\n");
    for (int k = 0; k < NCOMMANDS; k++)
        printf("  alnd %-8s %-28s %s\n", commands[k].name, commands[k].args, commands[k].help);
    puts("\nRUN is a run directory or the loop.yaml that names it.\n"
         "Exit codes: 0 done, 1 failed, 2 bad input or usage, 3 stopped (start goes on), 4 another alnd "
         "holds the run.");
    return EXIT_OK;
}

static bool wants_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)cmd_help(1, argv);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("alnd " ALND_VERSION);
        return EXIT_OK;
    }
    if (wants_help(argv[1])) return cmd_help(1, argv);
    if (argc == 3 && wants_help(argv[2])) return cmd_help(2, argv);
    for (int k = 0; k < NCOMMANDS; k++)
        if (strcmp(argv[1], commands[k].name) == 0) return commands[k].run(argc - 1, argv + 1);
    return cli_usage("there is no command '%s'", argv[1]);
}
