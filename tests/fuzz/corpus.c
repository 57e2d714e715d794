// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Every file of the kept corpus through its reader, with any compiler: corpus DIR [READER]. Each within 5 s of the processor's time (more is
// a hang: SIGXCPU) and 1 GiB of memory. corpus --seed-models DIR: fuzz_seed_models.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "readers.h"

enum { SECONDS = 5 };
static const rlim_t bytes = (rlim_t)1 << 30;

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
enum { SHADOW = 1 }; // terabytes of address space, hardly any of it used
#else
enum { SHADOW = 0 };
#endif

static int run_file(const struct fuzz_reader *r, const char *path)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    if (al_file_read(path, 1 << 24, &text, &n)) return 1;
    r->run((const unsigned char *)text, n);
    return 0;
}

static int run_in_child(const struct fuzz_reader *r, const char *path)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit cpu = {SECONDS, SECONDS + 1}, memory = {bytes, bytes};
        setrlimit(RLIMIT_CPU, &cpu);
        if (!SHADOW) setrlimit(RLIMIT_AS, &memory);
        exit(run_file(r, path)); // not _exit: the leak checker comes at the end
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return 1;
    if (status == 0) return 0;
    fprintf(stderr, "%s: %s: %s %d\n", r->name, path, WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 1;
}

static int run_reader(const struct fuzz_reader *r, const char *corpus)
{
    char dir[AL_PATH], path[AL_PATH];
    int n = 0, bad = 0;
    if (al_path(dir, "%s/%s", corpus, r->name)) return 1;
    struct dirent **list; // read at once: a directory left open would be a leak of each child
    int nlist = scandir(dir, &list, NULL, alphasort);
    for (int i = 0; i < nlist; i++) {
        bool hidden = list[i]->d_name[0] == '.';
        bool named = al_path(path, "%s/%s", dir, list[i]->d_name) == AL_ERR_OK;
        free(list[i]);
        list[i] = NULL;
        if (hidden) continue;
        bad += named ? run_in_child(r, path) : 1;
        n++;
    }
    if (nlist >= 0) free(list);
    printf("%-8s %3d inputs, %d bad\n", r->name, n, bad);
    if (!n) fprintf(stderr, "%s: no corpus in %s\n", r->name, dir);
    return bad || !n;
}

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc == 3 && strcmp(argv[1], "--seed-models") == 0) return fuzz_seed_models(argv[2]);
    if (argc < 2) {
        fputs("usage: corpus DIR [READER]\n", stderr);
        return 2;
    }
    for (const struct fuzz_reader *r = fuzz_readers; r->name; r++)
        if (argc < 3 || strcmp(argv[2], r->name) == 0) bad += run_reader(r, argv[1]);
    return bad != 0;
}
