// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Slurm: sbatch, squeue and scancel after their manual pages (22.05), tried on a real one (tests/system/slurm.py).
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/queue_dialect.h"

static void submit(const struct queue_wish *w, struct queue_args *ret)
{
    const struct cfg_queue *c = w->cfg;
    static const char *const always[] = {"sbatch", "--parsable", "--requeue", "--open-mode=append", NULL};
    for (int i = 0; always[i]; i++)
        queue_arg(ret, "%s", always[i]);
    queue_arg(ret, "--job-name=alnd-%s", w->batch);
    queue_arg(ret, "--chdir=%s", w->run);
    queue_arg(ret, "--output=slurm/%s.log", w->batch);
    queue_arg(ret, "--ntasks=%d", w->ranks > 0 ? w->ranks : 1);
    queue_arg(ret, "--cpus-per-task=%d", w->threads > 0 ? w->threads : 1);
    if (w->limit > 0) queue_arg(ret, "--time=%ld", w->limit / 60);
    queue_arg(ret, "--signal=B:TERM@%ld", w->grace);
    if (w->memory > 0) queue_arg(ret, "--mem=%.0fM", ceil(w->memory));
    if (c->queue[0]) queue_arg(ret, "--partition=%s", c->queue);
    if (c->account[0]) queue_arg(ret, "--account=%s", c->account);
    if (w->ntasks > 1) queue_arg(ret, "--array=0-%d", w->ntasks - 1);
    for (int i = 0; i < c->extra.n; i++)
        queue_arg(ret, "%s", c->extra.v[i]);
    queue_arg(ret, "slurm/%s.sh", w->batch);
}

static int submitted(const char *out, int n, long *ret)
{
    (void)n;
    *ret = queue_number(out); // "ID" or "ID;CLUSTER"
    return *ret > 0;
}

static void look(int n, const struct queue_id *ids, struct queue_args *ret)
{
    static const char *const words[] = {"squeue", "-h", "-r", "-t", "all", "-u", NULL};
    (void)n, (void)ids;
    for (int i = 0; words[i]; i++)
        queue_arg(ret, "%s", words[i]);
    queue_arg(ret, "%lu", (unsigned long)geteuid());
    queue_arg(ret, "-o");
    queue_arg(ret, "%s", "%F|%K|%j|%T");
}

static enum queue_state state_of(const char *word)
{
    static const struct queue_word known[] = {{"PENDING", QUEUE_WAITING}, {"RUNNING", QUEUE_RUNNING}, {"COMPLETING", QUEUE_ENDING}, {"COMPLETED", QUEUE_DONE},
                 {"FAILED", QUEUE_FAILED}, {"CANCELLED", QUEUE_CANCELLED}, {"TIMEOUT", QUEUE_TIMEOUT}, {"DEADLINE", QUEUE_TIMEOUT},
                 {"NODE_FAIL", QUEUE_NODE}, {"BOOT_FAIL", QUEUE_NODE}, {"OUT_OF_MEMORY", QUEUE_MEMORY}, {"PREEMPTED", QUEUE_PREEMPTED},
                 {"REVOKED", QUEUE_FAILED}};
    return queue_state_of(word, sizeof known / sizeof known[0], known);
}

static void read_line(char *text, queue_each *each, void *ctx)
{
    char *save = NULL, *id = strtok_r(text, "|", &save), *index = strtok_r(NULL, "|", &save), *name = strtok_r(NULL, "|", &save),
         *state = strtok_r(NULL, "|", &save);
    if (!state || strncmp(name, "alnd-", 5) != 0) return;
    struct queue_line line = {.id = strtol(id, NULL, 10), .array = strcmp(index, "N/A") != 0, .state = state_of(state)};
    if (line.array) line.index = (int)strtol(index, NULL, 10);
    snprintf(line.batch, sizeof line.batch, "%.60s", name + 5);
    snprintf(line.word, sizeof line.word, "%.20s", state);
    each(ctx, &line);
}

static void read_all(char *out, queue_each *each, void *ctx)
{
    queue_read_lines(out, read_line, each, ctx);
}

static void cancel(bool waiting, struct queue_args *ret)
{
    queue_arg(ret, "scancel");
    if (waiting) queue_arg(ret, "--state=PENDING");
}

static void element(const struct queue_id *id, struct queue_args *ret)
{
    if (id->array) queue_arg(ret, "%ld_%d", id->id, id->index);
    else queue_arg(ret, "%ld", id->id);
}

static const char *const unreached[] = {"Unable to contact", "timed out", "Socket", "Connection", "ommunication", "temporarily",
                                        "Zero Bytes", "Insane message", "in standby mode", NULL},
                         *const crowded[] = {"limit", NULL};

const struct queue_dialect queue_slurm = {
    .name = "slurm",
    .title = "Slurm",
    .programs = {"sbatch", "squeue", "scancel", NULL},
    .index = "SLURM_ARRAY_TASK_ID",
    .restarts = "SLURM_RESTART_COUNT",
    .warning = "TERM",
    .stays = true,
    .minutes = true,
    .unreached = unreached,
    .crowded = crowded,
    .array_max = queue_array_1000,
    .submit = submit,
    .submitted = submitted,
    .look = look,
    .answered = queue_answered,
    .read = read_all,
    .cancel = cancel,
    .element = element,
};
