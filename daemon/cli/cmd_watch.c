// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd watch: what happens in a run, until it ends. On a terminal the display of alnd start, elsewhere one line for each change, with
// --json one JSON object a line. It only looks: Ctrl-C ends the watching, never the run.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "core/journal.h"
#include "core/rundir.h"

enum { POLL_MS = 300, EARLIER = 12 /* events of before that are shown first */ };

const char cli_watch_usage[] = "alnd watch RUN [--json]\n"
                               "\n"
                               "Ends when the run ends, with the run's exit code (0 finished, 1 failed, 3 stopped). Ctrl-C ends the watching\n"
                               "only (exit 3). In a pipe: one line for each change; --json: one JSON object a line.";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

struct watch {
    char run[AL_PATH];
    bool json;
    struct journal *j;
    struct display *display; // on a terminal
    long seq;                // of the last event shown
    char stage[96];
    enum al_err trouble;
};

static void say(struct watch *w, const char *text)
{
    if (w->display) {
        display_message(w->display, text);
        return;
    }
    puts(text);
    fflush(stdout);
}

// "2026-11-26T14:20:00.123Z" -> "14:20:00"
static void time_of_day(const char *time, char ret[16])
{
    const char *t = strchr(time, 'T');
    snprintf(ret, 16, "%.8s", t ? t + 1 : time);
}

// What an event means to somebody who watches; NULL: nothing.
static const char *words(const char *ev)
{
    static const char *const known[][2] = {
        {"started", "started"},   {"collected", "done"},      {"lost", "failed, will be started again"}, {"failed", "FAILED"},
        {"retry", "once more"},   {"adopted", "still runs"},  {"interrupted", "interrupted"},            {"stopped", "the run was stopped"},
        {"finished", "finished"}, {"config", "loop.yaml has changed"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i][0], ev) == 0) return known[i][1];
    return NULL;
}

static enum al_err event_json(const struct jr_event *e)
{
    AL_OWN(json_doc) d = NULL;
    AL_AUTOFREE char *text = NULL;
    AL_TRY(json_doc_create(&d));
    json_doc_str(d, "kind", "event");
    json_doc_int(d, "seq", e->seq);
    json_doc_str(d, "time", e->time);
    json_doc_str(d, "task", e->task[0] ? e->task : NULL);
    json_doc_str(d, "event", e->ev);
    json_doc_str(d, "was", e->was[0] ? e->was : NULL);
    json_doc_str(d, "now", e->now[0] ? e->now : NULL);
    json_doc_str(d, "detail", e->detail);
    AL_TRY(json_doc_text(d, &text));
    puts(text);
    fflush(stdout);
    return AL_ERR_OK;
}

static void on_event(void *ctx, const struct jr_event *e)
{
    struct watch *w = ctx;
    char line[2 * AL_ERR_TEXT], at[16];
    const char *what = words(e->ev);
    w->seq = e->seq;
    if (w->json) {
        enum al_err err = event_json(e);
        if (err) w->trouble = err;
        return;
    }
    if (!what) return;
    time_of_day(e->time, at);
    snprintf(line, sizeof line, "%s  %s%s%s%s%s", at, e->task[0] ? e->task : "run", " ", what, e->detail[0] ? ": " : "", e->detail);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' '; // a worker's log may hold anything
    say(w, line);
}

static enum al_err show_stage(struct watch *w, const struct status *s)
{
    char line[256], left[32], tasks[64] = "";
    if (strcmp(w->stage, s->stage) == 0) return AL_ERR_OK;
    snprintf(w->stage, sizeof w->stage, "%s", s->stage);
    if (w->json) {
        AL_AUTOFREE char *text = NULL;
        AL_TRY(status_to_json(s, &text));
        printf("{\"kind\":\"status\",%s\n", text + 1);
        fflush(stdout);
        return AL_ERR_OK;
    }
    if (s->stage_total) snprintf(tasks, sizeof tasks, "  %d/%d tasks", s->stage_done, s->stage_total); // a finished run has none
    snprintf(line, sizeof line, "== %s%s%s%s", s->stage, tasks, s->rate > 0 ? ", time left " : "",
             s->rate > 0 ? cli_duration(s->left, left) : "");
    say(w, line);
    return AL_ERR_OK;
}

static enum al_err look(struct watch *w, struct status *s)
{
    AL_TRY(status_read(w->run, s));
    AL_TRY(show_stage(w, s));
    AL_TRY(journal_events(w->j, w->seq, NULL, on_event, w));
    AL_TRY(w->trouble);
    if (w->display) display_status(w->display, s);
    return AL_ERR_OK;
}

static enum al_err watch_run(struct watch *w, struct status *s)
{
    char path[AL_PATH];
    long last;
    AL_TRY(al_path(path, "%s/alnd.db", w->run));
    AL_TRY(journal_open(path, false, &w->j));
    AL_TRY(journal_last_event(w->j, &last));
    w->seq = last > EARLIER ? last - EARLIER : 0;
    if (!w->json && isatty(STDOUT_FILENO)) AL_TRY(display_create(&w->display));
    for (;;) {
        AL_TRY(look(w, s));
        if (!s->pid) break;
        if (interrupted) AL_FAIL(AL_ERR_STOPPED, "not watching any more; the run goes on");
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        if (interrupted) AL_FAIL(AL_ERR_STOPPED, "not watching any more; the run goes on");
    }
    AL_TRY(journal_events(w->j, w->seq, NULL, on_event, w)); // the last ones
    AL_TRY(w->trouble);
    return AL_ERR_OK;
}

static int tell_end(const struct watch *w, const struct status *s)
{
    bool finished = strcmp(s->state, "finished") == 0, failed = strcmp(s->state, "failed") == 0;
    if (w->json) {
        AL_AUTOFREE char *text = NULL;
        enum al_err e = status_to_json(s, &text);
        if (e) return cli_fail(e);
        printf("{\"kind\":\"status\",%s\n", text + 1);
    } else {
        printf("%s: %s%s%s\n", s->run, s->state, s->message[0] ? ": " : "", s->message);
        if (s->hint[0]) printf("hint: %s\n", s->hint);
        if (strcmp(s->state, "interrupted") == 0) printf("hint: the daemon is gone; alnd start %s goes on\n", s->run);
    }
    return finished ? EXIT_OK : failed ? EXIT_FAILED : EXIT_STOPPED;
}

int cmd_watch(int argc, char **argv)
{
    static const char *const flags[] = {"--json", NULL};
    bool flag[1] = {false};
    const char *arg;
    AL_AUTOFREE struct watch *w = NULL;
    AL_AUTOFREE struct status *s = NULL;
    int rc = cli_arguments(argc, argv, 1, &arg, flags, flag);
    if (rc) return rc;
    enum al_err e = al_alloc(1, sizeof *w, &w);
    if (!e) e = al_alloc(1, sizeof *s, &s);
    if (e) return cli_fail(e);
    w->json = flag[0];
    struct sigaction sa = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    e = rundir_find(arg, w->run);
    if (!e) e = watch_run(w, s);
    display_destroy(&w->display);
    journal_destroy(&w->j);
    return e ? cli_fail(e) : tell_end(w, s);
}
