// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/exec_queue_impl.h"

static bool alike(const struct queue_job *a, const struct queue_job *b)
{
    return a->ranks == b->ranks && a->threads == b->threads && a->alone == b->alone && a->memory == b->memory && a->time == b->time &&
           strcmp(a->verb, b->verb) == 0;
}

static enum al_err write_script(const struct exec_queue *l, const struct queue_wish *w, const struct exec_spec *spec)
{
    const char *module[CFG_WORDS], *launcher[CFG_WORDS];
    char path[AL_PATH];
    for (int i = 0; i < CFG_WORDS; i++) {
        module[i] = l->cfg.modules.v[i];
        launcher[i] = l->cfg.launcher.v[i];
    }
    const struct queue_dialect *d = l->d;
    struct batch_script s = {.worker = l->worker, .dir = d->name, .run = d->stays ? NULL : l->run, .index = d->index, .restarts = d->restarts,
                             .warning = d->warning, .timer = d->own_timer && w->limit > 0 ? w->limit - w->grace : 0, .module = module,
                             .nmodules = l->cfg.modules.n, .launcher = launcher, .nlauncher = l->cfg.launcher.n, .retries = l->retries,
                             .ntasks = w->ntasks, .first = w->ntasks > 1 ? d->first : 0, .task = spec};
    AL_TRY(al_path(path, "%s/%s", l->run, d->name));
    AL_TRY(al_mkdirs(path));
    AL_TRY(al_path(path, "%s/%s/%s.sh", l->run, d->name, w->batch));
    AL_TRY(batch_script_write(path, &s));
    return AL_ERR_OK;
}

static struct queue_wish wish_of(const struct exec_queue *l, const struct queue_job *j, int n)
{
    double limit = j->time > 0 ? j->time : l->cfg.time * 1e-15, grace = l->cfg.grace * 1e-15;
    if (limit > 0 && l->d->minutes) limit = fmax(60, 60 * floor(limit / 60));
    if (limit > 0) limit = fmax(2, floor(limit));
    if (limit > 0) grace = fmin(grace, 0.5 * limit);
    return (struct queue_wish){.run = l->run, .batch = j->batch, .cfg = &l->cfg, .ranks = j->ranks, .threads = j->threads, .ntasks = n,
                               .memory = j->memory, .limit = (long)limit, .grace = (long)grace};
}

// The first that waits and all like it.
enum al_err queue_send(struct exec_queue *l)
{
    AL_AUTOFREE struct exec_spec *spec = NULL;
    AL_AUTOFREE struct queue_args *line = NULL;
    struct queue_job *first = NULL;
    int n = 0, most = ARRAY_MAX;
    AL_ALLOC(spec, ARRAY_MAX);
    AL_ALLOC(line, 1);
    for (int i = 0; i < l->njobs && n < most; i++) {
        struct queue_job *j = &l->job[i];
        if (j->stage != WAITING || (first && !alike(first, j))) continue;
        if (!first) {
            first = j;
            most = l->d->array_max(j->ranks);
        }
        j->index = n;
        memmove(j->batch, first->token, sizeof j->batch);
        spec[n++] = (struct exec_spec){.task = j->task, .verb = j->verb, .token = j->token, .ranks = j->ranks, .threads = j->threads,
                                       .alone = j->alone};
    }
    if (!first) return AL_ERR_OK;
    struct queue_wish w = wish_of(l, first, n);
    AL_TRY(write_script(l, &w, spec));
    l->d->submit(&w, line);
    queue_call(l, SUBMIT, line, first->batch);
    for (int i = 0, k = 0; i < l->njobs && l->calling == SUBMIT && k < n; i++) {
        struct queue_job *j = &l->job[i];
        if (j->stage != WAITING || strcmp(j->batch, first->token) != 0) continue;
        j->stage = SENT;
        j->array = n > 1;
        j->index = k++ + (n > 1 ? l->d->first : 0);
        j->id = 0;
        j->state = QUEUE_GONE;
        j->word[0] = '\0';
    }
    return AL_ERR_OK;
}

void queue_sent(struct exec_queue *l, const struct batch_answer *a)
{
    long id[ARRAY_MAX];
    int live = 0, sent = 0, got = 0;
    for (int i = 0; i < l->njobs; i++) {
        live += l->job[i].stage == LIVE;
        sent += l->job[i].stage == SENT;
    }
    if (a->code == 0 && a->out) got = l->d->submitted(a->out, l->d->own_ids ? sent : 1, id);
    bool all = got > 0 && (!l->d->own_ids || got == sent);
    bool unsure = !all && (a->code <= 0 || queue_says(a->err, l->d->unreached) || got > 0);
    bool crowded = live > 0 && queue_says(a->err, l->d->crowded);
    for (int i = 0, k = 0; i < l->njobs; i++) {
        struct queue_job *j = &l->job[i];
        if (j->stage != SENT) continue;
        if (all) {
            j->stage = LIVE;
            j->id = id[l->d->own_ids ? k++ : 0];
        } else if (unsure) {
            j->stage = UNSURE;
        } else if (crowded) {
            j->stage = WAITING;
            l->next_send = al_clock() + CROWDED_S;
        } else {
            j->end = (struct exec_end){.code = EXEC_UNKNOWN, .refused = true};
            snprintf(j->end.why, sizeof j->end.why, "%s refused the job: %.200s", l->d->programs[0], a->err[0] ? a->err : "no reason given");
            queue_over(l, j);
        }
    }
    char quoted[BATCH_ERR];
    al_log(all ? AL_LOG_INFO : AL_LOG_WARN, l->d->name, "ev=%s job=%ld code=%d message=%s", l->d->programs[0], all ? id[0] : 0, a->code,
           al_log_quote(quoted, sizeof quoted, a->err));
    queue_news(l);
}
