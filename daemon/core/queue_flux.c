// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Flux: flux submit, batch, jobs and cancel after their manual pages (doc/man1/flux-*.rst of github.com/flux-framework/flux-core, 0.49
// and later: --since, id.dec, flux cancel). Not tried on a real one.
//
// Flux has no arrays: --cc submits copies, each a job of its own, with FLUX_JOB_CC for the place and {cc} replaced by it in
// options; so a job's name is alnd-TOKEN.PLACE. Tasks of several ranks go alone, by flux batch, which starts an instance of
// Flux in the job's nodes for flux run.
#include <stdlib.h>
#include <string.h>

#include "core/queue_dialect.h"

static int array_max(int ranks)
{
    return ranks > 1 ? 1 : 1000;
}

static void submit(const struct queue_wish *w, struct queue_args *ret)
{
    const struct cfg_queue *c = w->cfg;
    bool many = w->ranks > 1;
    int threads = w->threads > 0 ? w->threads : 1;
    queue_arg(ret, "flux");
    queue_arg(ret, many ? "batch" : "submit");
    queue_arg(ret, w->ntasks > 1 ? "--job-name=alnd-%s.{cc}" : "--job-name=alnd-%s", w->batch);
    if (w->ntasks > 1) queue_arg(ret, "--cc=0-%d", w->ntasks - 1);
    queue_arg(ret, "--cwd=%s", w->run);
    queue_arg(ret, "--output=flux/%s.log", w->batch);
    queue_arg(ret, many ? "--nslots=%d" : "--ntasks=%d", many ? w->ranks : 1);
    queue_arg(ret, many ? "--cores-per-slot=%d" : "--cores-per-task=%d", threads);
    if (w->limit > 0) {
        queue_arg(ret, "--time-limit=%lds", w->limit);
        queue_arg(ret, "--signal=URG@%lds", w->grace); // which does nothing to the ranks; the script listens
    }
    if (c->queue[0]) queue_arg(ret, "--queue=%s", c->queue);
    if (c->account[0]) queue_arg(ret, "--setattr=bank=%s", c->account);
    for (int i = 0; i < c->extra.n; i++)
        queue_arg(ret, "%s", c->extra.v[i]);
    queue_arg(ret, "flux/%s.sh", w->batch);
}

// Base 58 without 0 O I l (RFC 19), after the letter f with hook or f; the commands print ids so.
static long id_of(const char *text, size_t n)
{
    static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    size_t at = strncmp(text, "\u0192", 2) == 0 ? 2 : text[0] == 'f' ? 1 : 0;
    unsigned long id = 0;
    if (at == 0) return queue_number(text);
    for (; at < n; at++) {
        const char *d = strchr(digits, text[at]);
        if (!d || id > (unsigned long)__LONG_MAX__ / 58 - 1) return 0;
        id = 58 * id + (unsigned long)(d - digits);
    }
    return (long)id;
}

static int submitted(const char *out, int n, long *ret)
{
    int got = 0;
    while (*out && got < n) {
        size_t len = strcspn(out, " \t\r\n");
        long id = len ? id_of(out, len) : 0;
        if (id > 0) ret[got++] = id;
        out += len;
        out += strspn(out, " \t\r\n");
    }
    return got;
}

static void look(int n, const struct queue_id *ids, struct queue_args *ret)
{
    static const char *const words[] = {"flux", "jobs", "--no-header", "--count=1000000", "--since=-1h", "--filter=pending,running,inactive",
                                        "--format={id.dec}|{name}|{status}", NULL};
    (void)n, (void)ids;
    for (int i = 0; words[i]; i++)
        queue_arg(ret, "%s", words[i]);
}

static enum queue_state state_of(const char *word)
{
    static const struct queue_word known[] = {{"DEPEND", QUEUE_WAITING}, {"PRIORITY", QUEUE_WAITING}, {"SCHED", QUEUE_WAITING}, {"PENDING", QUEUE_WAITING},
                 {"RUN", QUEUE_RUNNING}, {"RUNNING", QUEUE_RUNNING}, {"CLEANUP", QUEUE_ENDING}, {"COMPLETED", QUEUE_DONE},
                 {"FAILED", QUEUE_FAILED}, {"CANCELED", QUEUE_CANCELLED}, {"TIMEOUT", QUEUE_TIMEOUT}};
    return queue_state_of(word, sizeof known / sizeof known[0], known);
}

static void read_line(char *text, queue_each *each, void *ctx)
{
    char *save = NULL, *id = strtok_r(text, "|", &save), *name = strtok_r(NULL, "|", &save), *state = strtok_r(NULL, "| ", &save);
    if (!state || strncmp(name, "alnd-", 5) != 0) return;
    const char *place = strchr(name, '.');
    struct queue_line line = {.id = queue_number(id), .array = place != NULL, .state = state_of(state)};
    if (place) line.index = (int)strtol(place + 1, NULL, 10);
    snprintf(line.batch, sizeof line.batch, "%.*s", (int)strcspn(name + 5, "."), name + 5);
    snprintf(line.word, sizeof line.word, "%.20s", state);
    each(ctx, &line);
}

static void read_all(char *out, queue_each *each, void *ctx)
{
    queue_read_lines(out, read_line, each, ctx);
}

// With ids given, flux cancel does not choose by state. A worker that has just begun gets SIGTERM and kill-timeout (5 s).
static void cancel(bool waiting, struct queue_args *ret)
{
    (void)waiting;
    queue_arg(ret, "flux");
    queue_arg(ret, "cancel");
}

static void element(const struct queue_id *id, struct queue_args *ret)
{
    queue_arg(ret, "%ld", id->id);
}

static const char *const unreached[] = {"nable to connect", "Connection", "timed out", "No route to host", "Broken pipe", "broker", "ommunication",
                                        NULL},
                         *const crowded[] = {"limit", "max jobs", NULL};

const struct queue_dialect queue_flux = {
    .name = "flux",
    .title = "Flux",
    .programs = {"flux", NULL},
    .index = "FLUX_JOB_CC",
    .warning = "URG",
    .own_ids = true,
    .unreached = unreached,
    .crowded = crowded,
    .array_max = array_max,
    .submit = submit,
    .submitted = submitted,
    .look = look,
    .answered = queue_answered,
    .read = read_all,
    .cancel = cancel,
    .element = element,
};
