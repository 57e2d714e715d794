// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// PBS Professional and OpenPBS: qsub, qselect, qstat and qdel after their manual pages (doc/man1/q*.1B of github.com/openpbs/openpbs,
// 14 and later; names of more than 15 characters). Not tried on a real one.
//
// The state comes from `qstat -f -w -t ID..`, text with one attribute to a line: the same as JSON (-F json) is no JSON when a variable
// of a job's environment holds a quote (openpbs issue 2541), and lacks all jobs but the first in some versions (2672). Ids are given,
// because -f without them describes all jobs of all users; -x, which shows those that have ended, shows nothing at all and no error
// where the server keeps no history (src/cmds/qstat.c), so that it is not used: what has ended is told by exit status 35 or 153.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/queue_dialect.h"

// Exit statuses of the commands, the last byte of PBSE_UNKJOBID (15001) and PBSE_HISTJOBID (15139).
enum { UNKNOWN_JOB = 153, JOB_HAS_FINISHED = 35 };
// Exit_status of a job that its MoM killed (src/include/job.h).
enum { KILLED_VMEM = -26, KILLED_MEM = -27, KILLED_WALLTIME = -29 };

static void submit(const struct queue_wish *w, struct queue_args *ret)
{
    const struct cfg_queue *c = w->cfg;
    int ranks = w->ranks > 0 ? w->ranks : 1, threads = w->threads > 0 ? w->threads : 1;
    char memory[40] = "";
    // -f: no background process that outlives qsub; -V: the short environment that qsub is given; -r y: may be started again
    static const char *const always[] = {"qsub", "-f", "-V", "-r", "y", "-j", "oe", "-N", NULL};
    for (int i = 0; always[i]; i++)
        queue_arg(ret, "%s", always[i]);
    queue_arg(ret, "alnd-%s", w->batch);
    queue_arg(ret, "-o");
    queue_arg(ret, "%s/pbs/%s.log", w->run, w->batch);
    // a chunk for each rank: PBS may spread them over nodes
    if (w->memory > 0) snprintf(memory, sizeof memory, ":mem=%.0fmb", ceil(w->memory / ranks));
    queue_arg(ret, "-l");
    queue_arg(ret, "select=%d:ncpus=%d:mpiprocs=1:ompthreads=%d%s", ranks, threads, threads, memory);
    if (w->limit > 0) {
        queue_arg(ret, "-l");
        queue_arg(ret, "walltime=%ld", w->limit);
    }
    if (c->queue[0]) {
        queue_arg(ret, "-q");
        queue_arg(ret, "%s", c->queue);
    }
    if (c->account[0]) {
        queue_arg(ret, "-A");
        queue_arg(ret, "%s", c->account);
    }
    if (w->ntasks > 1) {
        queue_arg(ret, "-J");
        queue_arg(ret, "0-%d", w->ntasks - 1);
    }
    for (int i = 0; i < c->extra.n; i++)
        queue_arg(ret, "%s", c->extra.v[i]);
    queue_arg(ret, "pbs/%s.sh", w->batch);
}

// "1234.server" or "1234[].server"
static int submitted(const char *out, int n, long *ret)
{
    (void)n;
    *ret = queue_number(out);
    return *ret > 0;
}

static void find(const char *batch, struct queue_args *ret)
{
    queue_arg(ret, "qselect");
    queue_arg(ret, "-N");
    queue_arg(ret, "alnd-%s", batch);
}

static void look(int n, const struct queue_id *ids, struct queue_args *ret)
{
    static const char *const words[] = {"qstat", "-f", "-w", "-t", NULL};
    for (int i = 0; words[i]; i++)
        queue_arg(ret, "%s", words[i]);
    for (int i = 0; i < n; i++)
        queue_arg(ret, ids[i].array ? "%ld[]" : "%ld", ids[i].id);
}

static bool answered(const struct batch_answer *a)
{
    return a->code == 0 || a->code == UNKNOWN_JOB || a->code == JOB_HAS_FINISHED;
}

static enum queue_state state_of(char letter, bool has_status, long status)
{
    if (letter == 'R') return QUEUE_RUNNING;
    if (letter == 'E') return QUEUE_ENDING;
    if (strchr("QHWT", letter)) return QUEUE_WAITING; // queued, held, waiting for a time, on its way to another queue
    if (!strchr("XF", letter)) return QUEUE_HELD_UP;  // S, U: suspended; M: at another server
    if (!has_status) return QUEUE_CANCELLED;          // deleted before it began
    if (status == KILLED_WALLTIME) return QUEUE_TIMEOUT;
    if (status == KILLED_MEM || status == KILLED_VMEM) return QUEUE_MEMORY;
    return status == 0 ? QUEUE_DONE : QUEUE_FAILED;
}

struct reading {
    struct queue_line line;
    char letter;
    bool begun, has_status;
    long status;
};

static void tell(struct reading *r, queue_each *each, void *ctx)
{
    // B: the array as a whole, whose places are listed, too
    if (r->begun && r->line.batch[0] && r->letter && r->letter != 'B' && r->line.index >= 0) {
        r->line.state = state_of(r->letter, r->has_status, r->status);
        snprintf(r->line.word, sizeof r->line.word, "%c", r->letter);
        each(ctx, &r->line);
    }
    *r = (struct reading){0};
}

static void begin(struct reading *r, const char *id)
{
    size_t digits = strspn(id, "0123456789");
    r->begun = true;
    r->line.id = queue_number(id);
    r->line.array = id[digits] == '[';
    if (r->line.array) r->line.index = id[digits + 1] == ']' ? -1 : (int)strtol(id + digits + 1, NULL, 10);
}

static void read_all(char *out, queue_each *each, void *ctx)
{
    char *save = NULL;
    struct reading r = {0};
    for (char *line = strtok_r(out, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "Job Id: ", 8) == 0) {
            tell(&r, each, ctx);
            begin(&r, line + 8);
        }
        line += strspn(line, " \t");
        if (strncmp(line, "Job_Name = alnd-", 16) == 0) snprintf(r.line.batch, sizeof r.line.batch, "%.60s", line + 16);
        else if (strncmp(line, "job_state = ", 12) == 0) r.letter = line[12];
        else if (strncmp(line, "Exit_status = ", 14) == 0) {
            r.has_status = true;
            r.status = strtol(line + 14, NULL, 10);
        }
    }
    tell(&r, each, ctx);
}

// PBS cannot be told to delete only what waits. A worker that has just begun gets SIGTERM, and at most kill_delay (10 s) to save its state.
static void cancel(bool waiting, struct queue_args *ret)
{
    (void)waiting;
    queue_arg(ret, "qdel");
}

static void element(const struct queue_id *id, struct queue_args *ret)
{
    if (id->array) queue_arg(ret, "%ld[%d]", id->id, id->index);
    else queue_arg(ret, "%ld", id->id);
}

static const char *const unreached[] = {"cannot connect", "Connection", "timed out", "Premature end of message", "ommunication", "busy",
                                        "temporarily", "shutting down", NULL},
                         *const crowded[] = {"would exceed", "Maximum number of jobs", NULL};

const struct queue_dialect queue_pbs = {
    .name = "pbs",
    .title = "PBS",
    .programs = {"qsub", "qstat", "qselect", "qdel", NULL},
    .index = "PBS_ARRAY_INDEX",
    .warning = "URG",
    .own_timer = true,
    .forgets = true,
    .where = "qstat -xf, where the server keeps a history",
    .unreached = unreached,
    .crowded = crowded,
    .array_max = queue_array_1000,
    .submit = submit,
    .submitted = submitted,
    .find = find,
    .found = queue_number,
    .look = look,
    .answered = answered,
    .read = read_all,
    .cancel = cancel,
    .element = element,
};
