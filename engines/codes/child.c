// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A program is found, asked for its version, run.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codes/labeler.h"

#define STOP_GRACE 5.0   // s that mpirun and its ranks have to end in order
#define PROBE_LIMIT 30.0 // s
enum { MAX_ARGV = 128, ANSWER_BYTES = 1 << 16 };

static const struct al_program_words words = {"program ", "", "put it into PATH, or name it in label.program (a path asks for --allow-commands)"};

struct files {
    int in, out, err;
};

static void close_files(struct files *f)
{
    if (f->in >= 0) close(f->in);
    if (f->out >= 0) close(f->out);
    if (f->err >= 0 && f->err != f->out) close(f->err);
}

static enum al_err open_one(const char *dir, const char *name, int flags, int *ret)
{
    char path[AL_PATH];
    if (name) AL_TRY(al_path(path, "%s/%s", dir, name));
    else AL_TRY(al_path(path, "/dev/null"));
    *ret = open(path, flags | O_CLOEXEC, 0666);
    if (*ret < 0) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    return AL_ERR_OK;
}

static enum al_err open_files(const char *dir, const char *input, const char *screen, const char *errors, struct files *ret)
{
    const int write = O_WRONLY | O_CREAT | O_TRUNC;
    *ret = (struct files){-1, -1, -1};
    enum al_err e = open_one(dir, input, O_RDONLY, &ret->in);
    if (!e) e = open_one(dir, screen, write, &ret->out);
    if (!e && errors) e = open_one(dir, errors, write, &ret->err);
    if (!e && !errors) ret->err = ret->out;
    if (e) close_files(ret);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err add(const char **argv, int *n, const char *word)
{
    if (*n == MAX_ARGV) AL_FAIL(AL_ERR_INPUT, "more than %d words for a program and its launcher", MAX_ARGV);
    argv[(*n)++] = word;
    return AL_ERR_OK;
}

// *ret_first: path of what is started: the launcher, else the program.
static enum al_err make_argv(const struct code_run *r, char ranks[16], const char **argv, char ret_first[AL_PATH])
{
    int n = 0;
    snprintf(ranks, 16, "%d", r->ranks);
    for (int i = 0; r->launcher && r->launcher[i]; i++)
        AL_TRY(add(argv, &n, strcmp(r->launcher[i], "RANKS") == 0 ? ranks : r->launcher[i]));
    if (n) AL_TRY_MSG(al_program_locate(argv[0], &words, ret_first), "label.launcher");
    else AL_TRY(al_path(ret_first, "%s", r->program));
    AL_TRY(add(argv, &n, r->program));
    for (int i = 0; r->args && r->args[i]; i++)
        AL_TRY(add(argv, &n, r->args[i]));
    argv[n] = NULL;
    return AL_ERR_OK;
}

static enum al_err wait_for(pid_t pid, const struct code_run *r, int *ret_code)
{
    const struct code_hooks *h = r->hooks;
    double start = al_clock(), told = start;
    bool ended = false;
    for (useconds_t pause = 2000;; pause = pause < 50000 ? 2 * pause : 100000) {
        AL_TRY(al_child_poll(pid, &ended, ret_code));
        if (ended) return AL_ERR_OK;
        if (h && h->stop && h->stop(h->ctx)) {
            al_child_end(pid, STOP_GRACE);
            AL_FAIL(AL_ERR_STOPPED, "stopped on request; the program was ended");
        }
        if (h && h->progress && al_clock() - told >= 1) {
            told = al_clock();
            h->progress(h->ctx, r->rung, told - start);
        }
        usleep(pause);
    }
}

enum al_err code_run(const struct code_run *r, int *ret_code)
{
    const char *argv[MAX_ARGV + 1];
    char ranks[16], first[AL_PATH];
    struct files f;
    pid_t pid = 0;
    AL_TRY(make_argv(r, ranks, argv, first));
    AL_TRY(open_files(r->dir, r->input, r->screen, r->errors, &f));
    // Without a launcher, too: a script of the user's may have started one.
    struct al_child_spec s = {.program = first, .argv = argv, .dir = r->dir, .in = f.in, .out = f.out, .err = f.err, .death = SIGTERM};
    enum al_err e = al_child_start(&s, &pid);
    close_files(&f);
    AL_TRY(e);
    AL_TRY(wait_for(pid, r, ret_code));
    return AL_ERR_OK;
}

static bool is_late(void *ctx)
{
    return al_clock() > *(double *)ctx;
}

static enum al_err ask(const struct code_ops *ops, const char *path, const char *dir, char **ret_text)
{
    char answer[AL_PATH];
    double deadline = al_clock() + PROBE_LIMIT;
    struct code_hooks late = {.stop = is_late, .ctx = &deadline};
    struct code_run r = {.dir = dir, .program = path, .args = ops->probe, .screen = "answer", .hooks = &late, .rung = "probe"};
    int code;
    AL_TRY_MSG(code_run(&r, &code), "asking %s for its version", path);
    AL_TRY(al_path(answer, "%s/answer", dir));
    AL_TRY(al_file_read(answer, 0, ret_text, NULL));
    if (code == 127 && !(*ret_text)[0]) AL_FAIL(AL_ERR_NOTFOUND, "%s cannot be started", path);
    return AL_ERR_OK;
}

// A directory of its own: programs leave files where they start.
static enum al_err ask_apart(const struct code_ops *ops, const char *path, char **ret_text)
{
    const char *tmp = getenv("TMPDIR");
    char dir[AL_PATH];
    AL_TRY(al_path(dir, "%s/alnd-probe-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp"));
    if (!mkdtemp(dir)) AL_FAIL(al_err_from_errno(errno), "cannot make %s: %s", dir, strerror(errno));
    enum al_err e = ask(ops, path, dir, ret_text);
    if (!e) e = al_remove_tree(dir);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err code_probe(const struct code_ops *ops, const char *program, char ret_path[AL_PATH], char ret_version[64])
{
    AL_AUTOFREE char *text = NULL;
    AL_TRY(al_program_locate(program, &words, ret_path));
    ret_version[0] = '\0';
    if (!ops->probe) return AL_ERR_OK;
    AL_TRY(ask_apart(ops, ret_path, &text));
    const char *at = text ? strstr(text, ops->version) : NULL;
    if (at) at += strlen(ops->version);
    if (at) at += strspn(at, " \n");
    if (!at || !*at) AL_FAIL(AL_ERR_UNSUPPORTED, "%s is not the program that label.engine: %s wants; it says: %.200s", ret_path, ops->name,
                             text ? text : "nothing");
    snprintf(ret_version, 64, "%.*s", (int)strcspn(at, " \t\r\n"), at);
    return AL_ERR_OK;
}
