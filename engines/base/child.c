// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/child.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ENVIRON_BYTES = 1 << 20, MAX_FAMILY = 4096 };

enum al_err al_program_locate(const char *name, const struct al_program_words *w, char ret[AL_PATH])
{
    if (strchr(name, '/')) {
        if (name[0] != '/') AL_FAIL_HINT(AL_ERR_INPUT, "give a whole path, or a name in PATH", "%s%s", w->key, name);
        if (!al_can_run(name)) AL_FAIL_HINT(AL_ERR_NOTFOUND, w->hint, "%s%s is no program", w->missing, name);
        AL_TRY(al_path(ret, "%s", name));
    } else if (!al_program_find(name, ret)) {
        AL_FAIL_HINT(AL_ERR_NOTFOUND, w->hint, "%sthere is no '%s' in PATH", w->missing, name);
    }
    return AL_ERR_OK;
}

enum al_err al_program_self(char ret[AL_PATH])
{
    ssize_t n = readlink("/proc/self/exe", ret, AL_PATH - 1);
    if (n <= 0) AL_FAIL(AL_ERR_IO, "cannot read /proc/self/exe: %s", strerror(errno));
    ret[n] = '\0';
    return AL_ERR_OK;
}

// Between fork and exec of a process with threads: system calls only.
_Noreturn static void become(const struct al_child_spec *s, const char *const *env, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, s->death);
    if (getppid() != parent || dup2(s->in, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->err, 2) < 0) _exit(127);
    if (s->dir && chdir(s->dir) != 0) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(s->program, (char *const *)s->argv, (char *const *)env);
    _exit(127);
}

// *ret_text holds the entries that *ret_env points to.
static enum al_err first_environment(char **ret_text, const char ***ret_env)
{
    AL_AUTOFREE char *text = NULL;
    const char **env;
    int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC), n = 0, k = 0;
    size_t got = 0;
    ssize_t m;
    if (fd < 0) AL_FAIL(al_err_from_errno(errno), "cannot read /proc/self/environ: %s", strerror(errno));
    enum al_err e = al_alloc(ENVIRON_BYTES, 1, &text);
    while (!e && got < ENVIRON_BYTES - 1 && (m = read(fd, text + got, ENVIRON_BYTES - 1 - got)) > 0)
        got += (size_t)m;
    close(fd);
    AL_TRY(e);
    for (size_t i = 0; i < got; i += strlen(text + i) + 1)
        n++;
    AL_ALLOC(env, n + 1);
    for (size_t i = 0; i < got; i += strlen(text + i) + 1)
        env[k++] = text + i;
    *ret_env = env;
    *ret_text = text;
    text = NULL;
    return AL_ERR_OK;
}

enum al_err al_child_start(const struct al_child_spec *s, pid_t *ret)
{
    AL_AUTOFREE char *text = NULL;
    AL_AUTOFREE const char **own = NULL;
    pid_t parent = getpid();
    if (!s->env) AL_TRY(first_environment(&text, &own));
    pid_t pid = fork();
    if (pid < 0) AL_FAIL(al_err_from_errno(errno), "cannot fork: %s", strerror(errno));
    if (pid == 0) become(s, s->env ? s->env : own, parent);
    *ret = pid;
    return AL_ERR_OK;
}

enum al_err al_child_poll(pid_t pid, bool *ret_ended, int *ret_code)
{
    int status;
    pid_t got = waitpid(pid, &status, WNOHANG);
    if (got < 0) AL_FAIL(AL_ERR_LOST, "lost a child process: %s", strerror(errno));
    *ret_ended = got == pid;
    if (*ret_ended) *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return AL_ERR_OK;
}

void al_child_kill(pid_t pid)
{
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
}

struct relative {
    pid_t pid, parent;
    unsigned long long started; // a process number may be used again
};

// The k-th number after the name in /proc/PID/stat (proc(5): 4 is the parent, 14 and 15 user and system time, 22 the start).
static unsigned long long field(const char *after_name, int k)
{
    const char *p = after_name;
    for (int i = 3; i < k && *p; i++) {
        p += strspn(p, " ");
        p += strcspn(p, " ");
    }
    return strtoull(p, NULL, 10);
}

// What /proc/PID/stat has behind the name, into buf; NULL: there is no such process.
static const char *read_stat(pid_t pid, char *buf, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
    if (fd >= 0) close(fd);
    if (n <= 0) return NULL;
    buf[n] = '\0';
    const char *p = strrchr(buf, ')'); // the name may hold anything
    return p ? p + 1 : NULL;
}

static bool look(pid_t pid, struct relative *ret)
{
    char buf[1024];
    const char *p = read_stat(pid, buf, sizeof buf);
    if (p) *ret = (struct relative){pid, (pid_t)field(p, 4), field(p, 22)};
    return p != NULL;
}

double al_child_cpu_seconds(pid_t pid)
{
    char buf[1024];
    const char *p = read_stat(pid, buf, sizeof buf);
    return p ? (double)(field(p, 14) + field(p, 15)) / (double)sysconf(_SC_CLK_TCK) : 0;
}

// Children, their children, ... of pid, as they are now.
static int descendants(pid_t pid, struct relative *family, struct relative *all)
{
    int nall = 0, n = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d)) && nall < MAX_FAMILY;)
        if (isdigit((unsigned char)e->d_name[0]) && look((pid_t)strtol(e->d_name, NULL, 10), &all[nall])) nall++;
    if (d) closedir(d);
    for (int k = -1; k < n; k++)
        for (int i = 0; i < nall && n < MAX_FAMILY; i++)
            if (all[i].parent == (k < 0 ? pid : family[k].pid)) family[n++] = all[i];
    return n;
}

void al_child_end(pid_t pid, double grace)
{
    AL_AUTOFREE struct relative *family = NULL;
    int n = 0, code;
    bool ended = false;
    if (pid <= 0) return;
    if (al_alloc(2 * (size_t)MAX_FAMILY, sizeof *family, &family) == AL_ERR_OK) n = descendants(pid, family, family + MAX_FAMILY);
    kill(pid, SIGTERM);
    for (double from = al_clock(); !ended && al_clock() - from < grace; usleep(20000))
        if (al_child_poll(pid, &ended, &code) != AL_ERR_OK) break;
    if (!ended) al_child_kill(pid);
    for (int i = 0; i < n; i++) {
        struct relative now;
        if (look(family[i].pid, &now) && now.started == family[i].started) kill(now.pid, SIGKILL);
    }
}
