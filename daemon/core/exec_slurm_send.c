// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/exec_slurm_impl.h"

static bool alike(const struct slurm_job *a, const struct slurm_job *b)
{
    return a->ranks == b->ranks && a->threads == b->threads && a->alone == b->alone && a->memory == b->memory && a->time == b->time &&
           strcmp(a->verb, b->verb) == 0;
}

struct sbatch_line {
    const char *argv[BATCH_ARGS];
    int n;
    char text[16][AL_PATH + 64];
    int ntext;
};

[[gnu::format(printf, 2, 3)]] static void add_arg(struct sbatch_line *a, const char *fmt, ...)
{
    va_list ap;
    if (a->ntext == 16 || a->n == BATCH_ARGS - 1) return;
    va_start(ap, fmt);
    vsnprintf(a->text[a->ntext], sizeof a->text[0], fmt, ap);
    va_end(ap);
    a->argv[a->n++] = a->text[a->ntext++];
}

static void sbatch_line(const struct exec_slurm *l, const struct slurm_job *j, int ntasks, struct sbatch_line *a)
{
    double limit = j->time > 0 ? j->time : l->cfg.time * 1e-15, grace = l->cfg.grace * 1e-15;
    long minutes = (long)(limit / 60);
    a->argv[a->n++] = "sbatch";
    a->argv[a->n++] = "--parsable";
    a->argv[a->n++] = "--requeue";
    a->argv[a->n++] = "--open-mode=append";
    add_arg(a, "--job-name=alnd-%s", j->batch);
    add_arg(a, "--chdir=%s", l->run);
    add_arg(a, "--output=slurm/%s.log", j->batch);
    add_arg(a, "--ntasks=%d", j->ranks > 0 ? j->ranks : 1);
    add_arg(a, "--cpus-per-task=%d", j->threads > 0 ? j->threads : 1);
    if (limit > 0) {
        add_arg(a, "--time=%ld", minutes > 0 ? minutes : 1);
        grace = fmin(grace, 0.5 * 60 * (double)(minutes > 0 ? minutes : 1));
    }
    add_arg(a, "--signal=B:TERM@%ld", (long)grace);
    if (j->memory > 0) add_arg(a, "--mem=%.0fM", ceil(j->memory));
    if (l->cfg.partition[0]) add_arg(a, "--partition=%s", l->cfg.partition);
    if (l->cfg.account[0]) add_arg(a, "--account=%s", l->cfg.account);
    if (ntasks > 1) add_arg(a, "--array=0-%d", ntasks - 1);
    for (int i = 0; i < l->cfg.extra.n; i++)
        a->argv[a->n++] = l->cfg.extra.v[i];
    add_arg(a, "slurm/%s.sh", j->batch);
    a->argv[a->n] = NULL;
}

static enum al_err write_script(const struct exec_slurm *l, const char *batch, int n, const struct exec_spec *spec)
{
    const char *module[CFG_WORDS], *launcher[CFG_WORDS];
    char path[AL_PATH];
    for (int i = 0; i < CFG_WORDS; i++) {
        module[i] = l->cfg.modules.v[i];
        launcher[i] = l->cfg.launcher.v[i];
    }
    struct batch_script s = {.worker = l->worker, .index = "SLURM_ARRAY_TASK_ID", .restarts = "SLURM_RESTART_COUNT",
                             .module = module, .nmodules = l->cfg.modules.n, .launcher = launcher, .nlauncher = l->cfg.launcher.n,
                             .retries = l->retries, .ntasks = n, .task = spec};
    AL_TRY(al_path(path, "%s/slurm", l->run));
    AL_TRY(al_mkdirs(path));
    AL_TRY(al_path(path, "%s/slurm/%s.sh", l->run, batch));
    AL_TRY(batch_script_write(path, &s));
    return AL_ERR_OK;
}

// The first that waits and all like it.
enum al_err slurm_send(struct exec_slurm *l)
{
    AL_AUTOFREE struct exec_spec *spec = NULL;
    AL_AUTOFREE struct sbatch_line *line = NULL;
    struct slurm_job *first = NULL;
    int n = 0;
    AL_ALLOC(spec, ARRAY_MAX);
    AL_ALLOC(line, 1);
    for (int i = 0; i < l->njobs && n < ARRAY_MAX; i++) {
        struct slurm_job *j = &l->job[i];
        if (j->stage != WAITING || (first && !alike(first, j))) continue;
        if (!first) first = j;
        j->index = n;
        memmove(j->batch, first->token, sizeof j->batch);
        spec[n++] = (struct exec_spec){.task = j->task, .verb = j->verb, .token = j->token, .ranks = j->ranks, .threads = j->threads,
                                       .alone = j->alone};
    }
    if (!first) return AL_ERR_OK;
    AL_TRY(write_script(l, first->batch, n, spec));
    sbatch_line(l, first, n, line);
    slurm_call(l, SBATCH, line->argv, first->batch);
    for (int i = 0; i < l->njobs && l->calling == SBATCH; i++) {
        struct slurm_job *j = &l->job[i];
        if (j->stage != WAITING || strcmp(j->batch, first->token) != 0) continue;
        j->stage = SENT;
        j->array = n > 1;
    }
    return AL_ERR_OK;
}

// Whether it is the way there that failed: then nobody knows whether the job is in the queue.
static bool no_answer(const struct batch_answer *a)
{
    static const char *const signs[] = {"Unable to contact", "timed out", "Socket", "Connection", "ommunication", "temporarily",
                                        "Zero Bytes", "Insane message", "in standby mode", NULL};
    for (int i = 0; signs[i]; i++)
        if (strstr(a->err, signs[i])) return true;
    return a->code < 0;
}

void slurm_sent(struct exec_slurm *l, const struct batch_answer *a)
{
    char *end = a->out;
    long id = a->code == 0 ? strtol(a->out, &end, 10) : 0;
    int live = 0;
    for (int i = 0; i < l->njobs; i++)
        live += l->job[i].stage == LIVE;
    bool unsure = no_answer(a) || (a->code == 0 && id <= 0), crowded = live > 0 && strstr(a->err, "limit");
    for (int i = 0; i < l->njobs; i++) {
        struct slurm_job *j = &l->job[i];
        if (j->stage != SENT) continue;
        if (id > 0) {
            j->stage = LIVE;
            j->id = id;
        } else if (unsure) {
            j->stage = UNSURE;
        } else if (crowded) {
            j->stage = WAITING;
            l->next_send = al_clock() + CROWDED_S;
        } else {
            j->end = (struct exec_end){.code = EXEC_UNKNOWN, .refused = true};
            snprintf(j->end.why, sizeof j->end.why, "sbatch refused the job: %.200s", a->err[0] ? a->err : "no reason given");
            slurm_over(l, j);
        }
    }
    char quoted[BATCH_ERR];
    al_log(id > 0 ? AL_LOG_INFO : AL_LOG_WARN, "slurm", "ev=sbatch job=%ld code=%d message=%s", id, a->code,
           al_log_quote(quoted, sizeof quoted, a->err));
    slurm_news(l);
}
