// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { MAX_ARG = 1 << 20, ANSWER_BYTES = 64 << 20 };

struct answer {
    char *text;
    size_t n, capacity;
};

static enum al_err drain(int fd, struct answer *a)
{
    for (;;) {
        if (a->n + 4096 > a->capacity) {
            size_t bigger = a->capacity ? 2 * a->capacity : 8192;
            if (bigger > ANSWER_BYTES) AL_FAIL(AL_ERR_LOST, "the worker's answer is too long");
            AL_GROW(a->text, a->n, bigger);
            a->capacity = bigger;
        }
        ssize_t k = read(fd, a->text + a->n, a->capacity - a->n - 1);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) AL_FAIL(AL_ERR_IO, "cannot read the worker's answer: %s", strerror(errno));
        if (k == 0) return AL_ERR_OK;
        a->n += (size_t)k;
    }
}

// What it prints, without line ends at its end. stdout and stderr go through one pipe: on success the worker prints nothing but its answer.
static enum al_err ask(const char *worker, const char *const *argv, char **ret_text, size_t *ret_n, int *ret_status)
{
    struct answer a = {0};
    AL_AUTOFREE char **full = NULL;
    int fd[2], n = 0;
    while (argv[n])
        n++;
    if (n > MAX_ARG) AL_FAIL(AL_ERR_INPUT, "more than %d arguments for the worker", MAX_ARG);
    AL_ALLOC(full, n + 2);
    full[0] = (char *)(uintptr_t)worker;
    for (int i = 0; i < n; i++)
        full[i + 1] = (char *)(uintptr_t)argv[i];
    if (pipe2(fd, O_CLOEXEC) != 0) AL_FAIL(AL_ERR_IO, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fd[1], 1) < 0 || dup2(fd[1], 2) < 0) _exit(126);
        execv(worker, full);
        _exit(127);
    }
    close(fd[1]);
    enum al_err e = pid > 0 ? drain(fd[0], &a) : AL_ERR_OK;
    AL_AUTOFREE char *text = a.text;
    close(fd[0]);
    if (pid < 0) AL_FAIL(AL_ERR_LOST, "cannot fork: %s", strerror(errno));
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    AL_TRY(e);
    while (a.n && text[a.n - 1] == '\n')
        a.n--;
    text[a.n] = '\0';
    *ret_text = text;
    *ret_n = a.n;
    text = NULL;
    return AL_ERR_OK;
}

enum al_err worker_ask(const char *worker, const char *const *argv, struct al_node **ret)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    int status = 0;
    AL_TRY(ask(worker, argv, &text, &n, &status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) AL_FAIL(AL_ERR_INPUT, "%.400s", text);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        AL_FAIL(AL_ERR_LOST, "alnd-worker %s failed: %.400s", argv[0], text[0] ? text : "it cannot be started");
    AL_TRY(al_yaml_parse("the worker's answer", text, n, ret));
    return AL_ERR_OK;
}

enum al_err worker_check_model(const char *worker, const char *path)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    int status = 0;
    const char *argv[] = {"model", path, NULL};
    AL_TRY(ask(worker, argv, &text, &n, &status));
    if (WIFSIGNALED(status))
        AL_FAIL_HINT(AL_ERR_CORRUPT, "it was tried in a process of its own: nothing else is harmed",
                     "%s is malformed: reading it ended in signal %d (%s)", path, WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status)) AL_FAIL(WEXITSTATUS(status) == 127 ? AL_ERR_LOST : AL_ERR_INPUT, "%.400s", text[0] ? text : "alnd-worker cannot be started");
    return AL_ERR_OK;
}
