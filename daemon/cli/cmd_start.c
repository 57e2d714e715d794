// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/converge_table.h"
#include "cli/engines.h"
#include "cli/import_job.h"
#include "config/commands.h"
#include "core/exec_queue.h"
#include "core/loop.h"
#include "core/query.h"
#include "core/signals.h"

enum { LINE_SECONDS = 60 }; // of silence, where there is no terminal

struct front {
    struct display *display; // NULL: plain lines
    double started, last_line; // monotonic, s
    int ready_fd; // --detach: tells the parent; -1
};

static void on_message(void *ctx, const char *text)
{
    struct front *f = ctx;
    if (f->display) {
        display_message(f->display, text);
        return;
    }
    f->last_line = al_clock();
    printf("[%8.1f s] %s\n", f->last_line - f->started, text);
    fflush(stdout);
}

static void on_tick(void *ctx, const struct status *s)
{
    struct front *f = ctx;
    char line[512];
    if (f->display) {
        display_status(f->display, s);
        return;
    }
    if (f->ready_fd >= 0 || !s->nrunning || al_clock() - f->last_line < LINE_SECONDS) return;
    int n = snprintf(line, sizeof line, "%s: %d of %d tasks done; running:", s->stage, s->stage_done, s->stage_total);
    for (int i = 0; i < s->nrunning && n < (int)sizeof line; i++) {
        const struct status_task *t = &s->running[i];
        n += snprintf(line + n, sizeof line - (size_t)n, "%s %s", i ? "," : "", t->id);
        if (t->total > 0 && n < (int)sizeof line) n += snprintf(line + n, sizeof line - (size_t)n, " %.0f %%", 100 * t->done / t->total);
    }
    on_message(ctx, line);
}

static void on_ready(void *ctx)
{
    struct front *f = ctx;
    if (f->ready_fd < 0) return;
    ssize_t rc = write(f->ready_fd, "", 1);
    (void)rc;
    close(f->ready_fd);
    f->ready_fd = -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
}

static void tell_finished(const struct rundir *r, const struct loop_outcome *out)
{
    if (out->nothing_to_do) printf("%s is finished; nothing is left to do\n", r->path);
    if (out->converged)
        printf("converged after %d iterations\n", out->niterations);
    else
        printf("NOT converged after %d iterations (converge.max_iterations): the models are those of the "
               "last one\n",
               out->niterations);
    printf("models      %s/models\n", r->path);
    printf("transport   %s/transport\n", r->path);
    printf("report      %s/report.html\n", r->path);
    printf("errors      alnd errors %s\n", r->path);
    if (r->config->demonstration) cli_demonstration();
}

static int tell(const struct rundir *r, const struct loop_outcome *out)
{
    if (out->end == LOOP_FINISHED) {
        tell_finished(r, out);
        return EXIT_OK;
    }
    fprintf(stderr, "alnd: %s\n", out->message);
    if (out->hint[0]) fprintf(stderr, "hint: %s\n", out->hint);
    return out->end == LOOP_STOPPED ? EXIT_STOPPED : EXIT_FAILED;
}

static int run_loop(struct rundir *r, const char *worker, int ready_fd)
{
    struct front f = {.started = al_clock(), .last_line = al_clock(), .ready_fd = ready_fd};
    struct loop_observer o = {.ctx = &f, .message = on_message, .tick = on_tick, .ready = on_ready};
    struct loop_outcome *out;
    enum al_err e = al_alloc(1, sizeof *out, &out);
    if (!e && ready_fd < 0 && isatty(STDOUT_FILENO)) e = display_create(&f.display);
    if (!f.display) o.tick = NULL;
    if (!e && r->config->demonstration && ready_fd < 0) cli_demonstration();
    if (!e) e = loop_run(r, worker, &o, out);
    display_destroy(&f.display);
    int rc = e ? cli_fail(e) : tell(r, out);
    al_free(out);
    return rc;
}

// The child leads a session of its own; the parent waits until the journal is open, or tells why not.
static int run_detached(struct rundir *r, const char *worker)
{
    int fd[2];
    char byte;
    if (pipe2(fd, O_CLOEXEC) != 0) {
        fprintf(stderr, "alnd: cannot make a pipe: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        fprintf(stderr, "alnd: cannot fork: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    if (pid == 0) {
        close(fd[0]);
        setsid();
        rundir_note_pid(r);
        return run_loop(r, worker, fd[1]);
    }
    close(fd[1]);
    ssize_t n = read(fd[0], &byte, 1);
    close(fd[0]);
    if (n == 1) {
        printf("alnd works in the background (process %ld)\nalnd status %s shows how far it is\n", (long)pid,
               r->path);
        return EXIT_OK;
    }
    int status = 0;
    waitpid(pid, &status, 0); // it has printed why
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

// What the converge table beside loop.yaml says against its settings; a table that cannot be read is told, and no reason to stop.
static void warn_settings(const struct rundir *r)
{
    struct converge_verdict v;
    char text[2 * AL_ERR_TEXT];
    if (converge_verdict(r->config, &v) == AL_ERR_OK)
        converge_warning(r->config, &v, text, sizeof text);
    else
        snprintf(text, sizeof text, "%s", al_err_message());
    if (text[0]) fprintf(stderr, "alnd: warning: %s\n", text);
}

// initial.data is read once, into RUN/imported: the run then goes on whatever becomes of the originals. Not RUN/inputs, with which a journal
// must be there (core/rundir.c).
static enum al_err import_data(struct rundir *r, const char *worker)
{
    const struct cfg_initial *c = &r->config->initial;
    const char *argv[CFG_MAX_DATA + 6];
    char dir[AL_PATH], file[AL_PATH];
    int n = 0;
    AL_OWN(al_node) answer = NULL;
    if (!c->ndata) return AL_ERR_OK;
    AL_TRY(al_path(dir, "%s/%s", r->path, c->data_name));
    AL_TRY(al_path(file, "%s/labelled.extxyz", dir));
    if (al_exists(file)) return AL_ERR_OK;
    argv[n++] = "import";
    argv[n++] = "--to";
    argv[n++] = dir;
    argv[n++] = "--extxyz";
    if (isatty(STDERR_FILENO)) argv[n++] = "--progress";
    for (int i = 0; i < c->ndata; i++)
        argv[n++] = c->data[i];
    argv[n] = NULL;
    AL_TRY_MSG(worker_ask(worker, argv, &answer), "initial.data");
    puts("initial.data:");
    import_tell(answer, stdout);
    fputs("alnd: warning: initial.data: these labels are trained on together with those of this run: they must come from the program and settings of "
          "`label`\n", stderr);
    return rundir_data(r);
}

int cmd_start(int argc, char **argv)
{
    static const char *const flags[] = {"--detach", "--allow-commands", NULL};
    bool flag[2] = {false};
    const char *arg;
    char worker[AL_PATH];
    AL_OWN(rundir) r = NULL;
    int rc = cli_arguments(argc, argv, 1, &arg, flags, flag);
    if (rc) return rc;
    // from the first moment: Ctrl-C ends with exit code 3 and a run that goes on, however early it comes
    enum al_err e = flag[0] ? AL_ERR_OK : signals_open();
    if (!e) e = rundir_read(arg, &r);
    if (!e) e = exec_find_worker(worker, sizeof worker);
    if (!e) e = commands_check(r->config, r->path, flag[1]);
    if (!e) e = engines_check(r->config, worker);
    if (!e) e = exec_queue_check(cfg_queue_of(&r->config->resources));
    if (!e) e = rundir_lock(r);
    if (!e) e = import_data(r, worker);
    if (e) return cli_fail(e);
    warn_settings(r);
    if (flag[0]) return run_detached(r, worker);
    rc = run_loop(r, worker, -1);
    signals_close();
    return rc;
}
