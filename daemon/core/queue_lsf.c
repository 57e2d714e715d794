// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// IBM Spectrum LSF 10.1: bsub, bjobs and bkill after www.ibm.com/docs/en/SSWRJV_10.1.0/lsf_command_ref (bsub.__j.1, bsub.wa.1, bsub.wt.1,
// bsub.r.1, bsub.__m.1, bjobs.o.1, bkill.1); /job in rusage: lsf_relnotes_resourcemanagement10.1.0.9. Not tried on a real one.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/queue_dialect.h"

static void option(struct queue_args *a, const char *name, const char *value)
{
    queue_arg(a, "%s", name);
    queue_arg(a, "%s", value);
}

static void submit(const struct queue_wish *w, struct queue_args *ret)
{
    const struct cfg_queue *c = w->cfg;
    int ranks = w->ranks > 0 ? w->ranks : 1, threads = w->threads > 0 ? w->threads : 1;
    long warn = (w->grace + 59) / 60;
    queue_arg(ret, "bsub");
    queue_arg(ret, "-r"); // may be started again on another host
    queue_arg(ret, "-J");
    if (w->ntasks > 1) queue_arg(ret, "alnd-%s[1-%d]", w->batch, w->ntasks);
    else queue_arg(ret, "alnd-%s", w->batch);
    option(ret, "-cwd", w->run);
    queue_arg(ret, "-o");
    queue_arg(ret, "lsf/%s.log", w->batch);
    queue_arg(ret, "-n");
    queue_arg(ret, "%d", ranks * threads);
    queue_arg(ret, "-R");
    if (ranks == 1) queue_arg(ret, "span[hosts=1]");
    else queue_arg(ret, "span[block=%d]", threads);
    if (w->memory > 0) {
        queue_arg(ret, "-R");
        queue_arg(ret, "rusage[mem=%.0fMB/job]", ceil(w->memory));
        queue_arg(ret, "-M");
        queue_arg(ret, "%.0fMB", ceil(w->memory));
    }
    if (w->limit > 0) {
        queue_arg(ret, "-W");
        queue_arg(ret, "%ld", w->limit / 60);
        if (warn > w->limit / 120) warn = w->limit / 120;
    }
    // URG does nothing to mpirun and its ranks, which get it, too; the script listens
    option(ret, "-wa", "URG");
    queue_arg(ret, "-wt");
    queue_arg(ret, "%ld", warn > 1 ? warn : 1);
    if (c->queue[0]) option(ret, "-q", c->queue);
    if (c->account[0]) option(ret, "-P", c->account);
    for (int i = 0; i < c->extra.n; i++)
        queue_arg(ret, "%s", c->extra.v[i]);
    // what LSF runs it hands to the user's shell: nothing in this word comes from outside
    queue_arg(ret, "lsf/%s.sh", w->batch);
}

// "Job <1234> is submitted to queue <normal>."
static int submitted(const char *out, int n, long *ret)
{
    const char *p = strstr(out, "Job <");
    (void)n;
    *ret = p ? queue_number(p + 5) : 0;
    return *ret > 0;
}

static void look(int n, const struct queue_id *ids, struct queue_args *ret)
{
    (void)n, (void)ids;
    queue_arg(ret, "bjobs");
    queue_arg(ret, "-a");
    queue_arg(ret, "-noheader");
    option(ret, "-o", "jobid jobindex stat job_name exit_reason delimiter='|'");
}

static bool answered(const struct batch_answer *a)
{
    return a->code == 0 || strstr(a->err, "No job found") || strstr(a->err, "No unfinished job found");
}

static enum queue_state state_of(const char *word, const char *reason)
{
    static const struct queue_word states[] = {{"PEND", QUEUE_WAITING}, {"PSUSP", QUEUE_WAITING}, {"RUN", QUEUE_RUNNING}, {"DONE", QUEUE_DONE}},
      reasons[] = {{"TERM_RUNLIMIT", QUEUE_TIMEOUT}, {"TERM_DEADLINE", QUEUE_TIMEOUT}, {"TERM_MEMLIMIT", QUEUE_MEMORY},
                   {"TERM_SWAP", QUEUE_MEMORY}, {"TERM_OWNER", QUEUE_CANCELLED}, {"TERM_FORCE_OWNER", QUEUE_CANCELLED},
                   {"TERM_ADMIN", QUEUE_CANCELLED}, {"TERM_FORCE_ADMIN", QUEUE_CANCELLED}, {"TERM_PREEMPT", QUEUE_PREEMPTED},
                   {"TERM_ZOMBIE", QUEUE_NODE}, {"TERM_ORPHAN_SYSTEM", QUEUE_NODE}};
    if (strcmp(word, "EXIT") != 0) return queue_state_of(word, sizeof states / sizeof states[0], states); // none of them: SSUSP, UNKWN, ZOMBI, WAIT, ..
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        size_t n = strlen(reasons[i].word); // "TERM_RUNLIMIT: job killed after reaching LSF run time limit"
        if (strncmp(reason, reasons[i].word, n) == 0 && (!reason[n] || strchr(": ", reason[n]))) return reasons[i].state;
    }
    return QUEUE_FAILED;
}

static void read_line(char *text, queue_each *each, void *ctx)
{
    char *save = NULL, *id = strtok_r(text, "|", &save), *index = strtok_r(NULL, "|", &save), *state = strtok_r(NULL, "|", &save),
         *name = strtok_r(NULL, "|", &save), *reason = strtok_r(NULL, "|", &save);
    if (!name || strncmp(name, "alnd-", 5) != 0) return;
    struct queue_line line = {.id = queue_number(id), .index = (int)queue_number(index), .state = state_of(state, reason ? reason : "")};
    line.array = line.index > 0;
    snprintf(line.batch, sizeof line.batch, "%.*s", (int)strcspn(name + 5, "[ "), name + 5); // "alnd-TOKEN[3]"
    snprintf(line.word, sizeof line.word, "%.20s", state);
    each(ctx, &line);
}

static void read_all(char *out, queue_each *each, void *ctx)
{
    queue_read_lines(out, read_line, each, ctx);
}

static void cancel(bool waiting, struct queue_args *ret)
{
    queue_arg(ret, "bkill");
    if (waiting) option(ret, "-stat", "pend");
}

static void element(const struct queue_id *id, struct queue_args *ret)
{
    if (id->array) queue_arg(ret, "%ld[%d]", id->id, id->index);
    else queue_arg(ret, "%ld", id->id);
}

static const char *const unreached[] = {"Cannot connect", "LSF is down", "ommunication", "not responding", "time out", "timed out", "timeout",
                                        "Connection", NULL},
                         *const crowded[] = {"limit", "threshold", NULL};

const struct queue_dialect queue_lsf = {
    .name = "lsf",
    .title = "LSF",
    .programs = {"bsub", "bjobs", "bkill", NULL},
    .index = "LSB_JOBINDEX",
    .warning = "URG",
    .first = 1,
    .minutes = true,
    .reports = true,
    .where = "bhist -l",
    .unreached = unreached,
    .crowded = crowded,
    .array_max = queue_array_1000,
    .submit = submit,
    .submitted = submitted,
    .look = look,
    .answered = answered,
    .read = read_all,
    .cancel = cancel,
    .element = element,
};
