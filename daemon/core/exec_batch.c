// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/exec_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "core/signals.h"
#include "core/view.h"

enum { MAX_ENV = 160, MAX_OUTPUT = 1 << 26, MAX_SCRIPT = 1 << 24 };

enum al_err batch_find(const char *program)
{
    char path[AL_PATH];
    if (al_program_find(program, path)) return AL_ERR_OK;
    AL_FAIL(AL_ERR_NOTFOUND, "%s is not in PATH", program);
}

// In the child: only async-signal-safe calls.
_Noreturn static void child_run(const struct batch_call *c, const char *const *argv, char **envp, const char *dir)
{
    signals_leave();
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0 || chdir(dir) != 0) _exit(126);
    close_range(3, ~0u, 0);
    execvpe(argv[0], (char **)argv, envp);
    _exit(127);
}

// Where a batch system's commands find it.
static bool configures(const char *entry)
{
    static const char *const names[] = {"SLURM_CONF=", "PBS_CONF_FILE=", "PBS_DEFAULT=", "LSF_ENVDIR=", "LSF_SERVERDIR=", "LSF_BINDIR=",
                                        "LSF_LIBDIR=", "FLUX_URI=", NULL};
    for (int i = 0; names[i]; i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0) return true;
    return false;
}

enum al_err batch_start(struct batch_call *c, const char *const *argv, const char *dir, const char *token)
{
    char *envp[MAX_ENV], own[64];
    int n = 0;
    snprintf(own, sizeof own, "ALND_TOKEN=%.40s", token);
    envp[n++] = own;
    for (char **e = environ; *e && n < MAX_ENV - 1; e++)
        if (exec_env_passes(*e) || configures(*e)) envp[n++] = *e;
    envp[n] = NULL;
    *c = (struct batch_call){.out = memfd_create("out", MFD_CLOEXEC), .err = memfd_create("err", MFD_CLOEXEC), .started = al_clock()};
    sigset_t old;
    signals_hold(&old);
    pid_t pid = c->out >= 0 && c->err >= 0 ? fork() : -1;
    if (pid == 0) child_run(c, argv, envp, dir);
    int code = errno;
    signals_release(&old);
    if (pid < 0) {
        if (c->out >= 0) close(c->out);
        if (c->err >= 0) close(c->err);
        *c = (struct batch_call){0};
        AL_FAIL(AL_ERR_LOST, "cannot start %s: %s", argv[0], strerror(code));
    }
    c->pid = pid;
    return AL_ERR_OK;
}

static enum al_err read_back(int fd, char **ret)
{
    struct stat st;
    char *text;
    if (fstat(fd, &st) != 0 || st.st_size > MAX_OUTPUT) AL_FAIL(AL_ERR_IO, "an answer of %ld bytes", (long)st.st_size);
    AL_ALLOC(text, st.st_size + 1);
    ssize_t k = pread(fd, text, (size_t)st.st_size, 0);
    text[k > 0 ? k : 0] = '\0';
    *ret = text;
    return AL_ERR_OK;
}

// The end of a text on one line.
static void flatten(const char *text, char *ret, size_t n)
{
    size_t len = strlen(text);
    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    size_t from = len >= n ? len - n + 1 : 0;
    snprintf(ret, n, "%.*s", (int)(len - from), text + from);
    for (char *p = ret; *p; p++)
        if (*p == '\n') *p = ';';
        else if ((unsigned char)*p < 32) *p = ' ';
}

static void close_call(struct batch_call *c)
{
    close(c->out);
    close(c->err);
    *c = (struct batch_call){0};
}

enum al_err batch_poll(struct batch_call *c, double limit, bool *ret_ended, struct batch_answer *ret)
{
    AL_AUTOFREE char *err = NULL;
    int status = 0;
    pid_t rc = waitpid(c->pid, &status, WNOHANG);
    *ret_ended = false;
    if (rc == 0 && al_clock() - c->started > limit) kill(-c->pid, SIGKILL);
    if (rc == 0 || (rc < 0 && errno == EINTR)) return AL_ERR_OK;
    memset(ret, 0, sizeof *ret);
    ret->code = rc < 0 ? -SIGKILL : WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    enum al_err e = read_back(c->out, &ret->out);
    if (!e) e = read_back(c->err, &err);
    if (!e) flatten(err, ret->err, sizeof ret->err);
    if (!e && ret->code == -SIGKILL && !ret->err[0]) snprintf(ret->err, sizeof ret->err, "no answer for %.0f s", limit);
    close_call(c);
    if (e) al_free(ret->out);
    AL_TRY(e);
    *ret_ended = true;
    return AL_ERR_OK;
}

void batch_drop(struct batch_call *c)
{
    if (!c->pid) return;
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close_call(c);
}

// One word of the shell, whatever it holds.
static void quote(FILE *out, const char *text)
{
    fputc('\'', out);
    for (const char *p = text; *p; p++)
        if (*p == '\'') fputs("'\\''", out);
        else fputc(*p, out);
    fputc('\'', out);
}

static void write_table(FILE *out, const struct batch_script *s)
{
    for (int i = 0; i < s->ntasks; i++)
        fprintf(out, "#ALND %d %s %s\n", s->first + i, s->task[i].token, s->task[i].task);
    fprintf(out, "case \"${%s:-0}\" in\n", s->index);
    for (int i = 0; i < s->ntasks; i++) {
        fprintf(out, "%d) token=%s task=", s->first + i, s->task[i].token);
        quote(out, s->task[i].task);
        fputs(" ;;\n", out);
    }
    fputs("*) echo \"no task ${", out);
    fprintf(out, "%s:-0}\"; exit 125 ;;\nesac\n", s->index);
}

// Started again by the batch system (a failed node, preemption): a few times, and the request to stop was then this script's own
// (a job that is not to start at all is cancelled).
static void write_restarts(FILE *out, const struct batch_script *s)
{
    if (s->restarts) fprintf(out, "restarts=\"${%s:-0}\"\n", s->restarts);
    else
        fprintf(out, "restarts=$(cat \"%s/$token.starts\" 2>/dev/null)\nrestarts=\"${restarts:-0}\"\necho $((restarts + 1)) >\"%s/$token.starts\"\n",
                s->dir, s->dir);
    fprintf(out, "if [ \"$restarts\" -gt %d ]; then\n    echo \"started again %d times by the batch system: given up\"\n    finish 5\nfi\n",
            s->retries, s->retries);
    fputs("[ \"$restarts\" = 0 ] || rm -f \"$task/stop\"\n", out);
    fputs("[ ! -e \"$task/stop\" ] || finish 3\n", out);
}

// mpirun would answer a signal by killing its ranks, so these are asked by the file alone.
static void write_traps(FILE *out, const struct batch_script *s)
{
    const char *child = s->task[0].ranks > 0 && !s->task[0].alone ? "" : "; [ -z \"$child\" ] || kill -TERM \"$child\" 2>/dev/null";
    fprintf(out, "trap 'asked=1; : >\"$task/stop\"%s' %s\n", child, s->warning);
    if (strcmp(s->warning, "TERM") != 0) fprintf(out, "trap ': >\"$task/stop\"%s' TERM INT\n", child);
    if (s->timer > 0)
        fprintf(out, "{ trap 'kill \"$nap\" 2>/dev/null' TERM; sleep %ld & nap=$!; wait \"$nap\" && kill -%s $$; } &\ntimer=$!\n", s->timer,
                s->warning);
}

static void write_command(FILE *out, const struct batch_script *s)
{
    const struct exec_spec *t = &s->task[0];
    bool parallel = t->ranks > 0 && !t->alone;
    for (int i = 0; i < s->nlauncher && parallel; i++) {
        quote(out, s->launcher[i]);
        fputc(' ', out);
    }
    if (parallel) fprintf(out, "-n %d ", t->ranks);
    // flux run counts one core a rank unless told
    if (parallel && t->threads > 1 && s->nlauncher && strcmp(s->launcher[0], "flux") == 0) fprintf(out, "-c %d ", t->threads);
    quote(out, s->worker);
    fputc(' ', out);
    quote(out, t->verb);
    fputs(" \"$task/task.yaml\" </dev/null &\n", out);
}

enum al_err batch_script_write(const char *path, const struct batch_script *s)
{
    struct al_outfile o;
    const struct exec_spec *t = &s->task[0];
    for (int i = 0; i < s->ntasks; i++)
        if (strpbrk(s->task[i].task, "\n\r")) AL_FAIL(AL_ERR_BUG, "a line break in the name of a task");
    AL_TRY(al_outfile_open(path, &o));
    fputs(s->nmodules ? "#!/bin/bash -l\n" : "#!/bin/sh\n", o.out); // modules are functions that a login sets up
    fputs("# Written by alnd: one task, or an array of them. It runs in the run directory.\n", o.out);
    if (s->run) {
        fputs("cd ", o.out);
        quote(o.out, s->run);
        fputs(" || exit 126\n", o.out);
    }
    write_table(o.out, s);
    fputs("exec >>\"$task/worker.log\" 2>&1 </dev/null\n", o.out);
    // for the daemon, who may look long after the job has left the queue
    fprintf(o.out, "finish() {\n    [ -z \"$timer\" ] || kill \"$timer\" 2>/dev/null\n    printf '%%s %%s %%s\\n' \"$token\" \"$1\" \"$asked\" "
            ">\"%s/$token.tmp\" && mv \"%s/$token.tmp\" \"%s/$token.exit\"\n    exit \"$1\"\n}\nasked=0\nchild=\ntimer=\n", s->dir, s->dir, s->dir);
    write_restarts(o.out, s);
    for (int i = 0; i < s->nmodules; i++) {
        fputs("module load ", o.out);
        quote(o.out, s->module[i]);
        fputs(" || finish 4\n", o.out);
    }
    fprintf(o.out, "export ALND_TOKEN=\"$token\" OMP_NUM_THREADS=%d OPENBLAS_NUM_THREADS=%d\n", t->threads, t->threads);
    fputs("[ \"$(id -u)\" != 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n", o.out);
    write_traps(o.out, s);
    write_command(o.out, s);
    fputs("child=$!\nwhile :; do\n    wait \"$child\"\n    code=$?\n    [ \"$code\" -gt 128 ] && kill -0 \"$child\" 2>/dev/null || break\n"
          "done\nfinish \"$code\"\n", o.out);
    AL_TRY(al_outfile_publish(&o));
    if (chmod(path, 0755) != 0) AL_FAIL(al_err_from_errno(errno), "cannot make a program of %s: %s", path, strerror(errno));
    return AL_ERR_OK;
}

enum al_err batch_script_read(const char *path, enum al_err (*each)(void *ctx, int index, const char *token, const char *task),
                              void *ctx)
{
    AL_AUTOFREE char *text = NULL;
    char *save = NULL;
    AL_TRY(al_file_read(path, MAX_SCRIPT, &text, NULL));
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int index, at = 0;
        char token[TASK_TOKEN];
        if (sscanf(line, "#ALND %d %32s %n", &index, token, &at) == 2 && at && line[at]) AL_TRY(each(ctx, index, token, line + at));
    }
    return AL_ERR_OK;
}

bool batch_exit_read(const char *run, const char *dir, const char *token, int *ret_code, bool *ret_asked)
{
    char path[AL_PATH], of[TASK_TOKEN] = "";
    int asked = 0;
    if (snprintf(path, sizeof path, "%s/%s/%s.exit", run, dir, token) >= AL_PATH) return false;
    FILE *in = fopen(path, "re");
    if (!in) return false;
    bool ok = fscanf(in, "%32s %d %d", of, ret_code, &asked) == 3 && strcmp(of, token) == 0;
    fclose(in);
    *ret_asked = asked != 0;
    return ok;
}
