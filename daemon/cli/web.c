// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/web.h"
#include "core/rundir.h"
#include "report/report.h"

enum { MAX_VERBS = 32 };

struct known {
    const struct loop_config *cfg;
    const struct view *view;
    struct report_cost cost[MAX_VERBS];
    char verb[MAX_VERBS][16];
    int ncost;
    struct report_failure *failure;
    int nfailures, capacity;
    enum al_err e;
};

// Cores of one task of a verb, as the planner gives them.
static int cores_of(const struct loop_config *c, const char *verb)
{
    const struct cfg_resources *r = &c->resources;
    bool spread = strcmp(c->production.engine, "lammps") != 0 && r->produce.ranks > 1;
    if (strcmp(verb, "label") == 0 || strcmp(verb, "aimd") == 0) return r->label.ranks * r->label.threads;
    if (strcmp(verb, "train") == 0) return r->train.threads;
    if (strcmp(verb, "explore") == 0) return r->explore.threads;
    if (strcmp(verb, "produce") == 0 || strcmp(verb, "volume") == 0) return r->produce.threads * (spread ? r->produce.ranks : 1);
    return 1;
}

// "2026-11-26T14:40:28.954Z" in s; now, where there is none.
static double seconds_of(const char *text)
{
    struct timespec now;
    struct tm tm = {0};
    const char *rest = text[0] ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (rest) return (double)timegm(&tm) + strtod(rest, NULL);
    al_clock_date(&now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void add_cost(struct known *k, const struct jr_attempt *a, const char *verb)
{
    int i = 0;
    while (i < k->ncost && strcmp(k->verb[i], verb) != 0)
        i++;
    if (i == MAX_VERBS) return;
    struct report_cost *c = &k->cost[i];
    if (i == k->ncost) {
        snprintf(k->verb[i], sizeof k->verb[i], "%s", verb);
        *c = (struct report_cost){.verb = k->verb[i], .cores = cores_of(k->cfg, verb)};
        k->ncost++;
    }
    c->starts++;
    if (a->n == 1) c->tasks++;
    double spent = seconds_of(a->ended) - seconds_of(a->started); // below 0: somebody has set the clock
    if (spent > 0) c->seconds += spent;
}

static enum al_err keep_failure(struct known *k, const struct jr_attempt *a)
{
    if (k->nfailures == k->capacity) {
        int more = k->capacity ? 2 * k->capacity : 64;
        AL_GROW(k->failure, k->capacity, more);
        k->capacity = more;
    }
    struct report_failure *f = &k->failure[k->nfailures++];
    f->start = a->n;
    AL_TRY(al_strdup(a->task, &f->task));
    AL_TRY(al_strdup(a->ended, &f->time));
    AL_TRY(al_strdup(a->message, &f->message));
    return AL_ERR_OK;
}

static void add_attempt(void *ctx, const struct jr_attempt *a)
{
    struct known *k = ctx;
    const struct view_task *t = view_find(k->view, a->task);
    if (t) add_cost(k, a, t->verb);
    if (!k->e && a->cause[0]) k->e = keep_failure(k, a);
}

static void known_free(struct known *k)
{
    for (int i = 0; i < k->nfailures; i++) {
        al_free(k->failure[i].task);
        al_free(k->failure[i].time);
        al_free(k->failure[i].message);
    }
    al_free(k->failure);
}

static enum al_err ask_journal(struct journal *j, struct known *k)
{
    AL_OWN(view) v = NULL;
    AL_TRY(view_create(&v));
    v->lean = true;
    AL_TRY(journal_load(j, v));
    k->view = v;
    AL_TRY(journal_attempts(j, false, add_attempt, k));
    k->view = NULL;
    AL_TRY(k->e);
    return AL_ERR_OK;
}

enum al_err web_page(FILE *out, const char *run, const char *csv_dir, bool live)
{
    AL_OWN(journal) j = NULL;
    AL_OWN(loop_config) c = NULL;
    AL_AUTOFREE struct status *s = NULL;
    struct plan_env env;
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/alnd.db", run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(rundir_look(run, j, &c, &env));
    AL_ALLOC(s, 1);
    AL_TRY(status_read(run, s));
    struct known k = {.cfg = c};
    enum al_err e = ask_journal(j, &k);
    const struct report_extra x = {.state = s->state, .stage = s->stage, .cost = k.cost, .ncost = k.ncost, .failure = k.failure,
                                   .nfailures = k.nfailures, .journal = true, .live = live};
    if (!e) e = report_write(out, c, &x, csv_dir);
    known_free(&k);
    AL_TRY(e);
    return AL_ERR_OK;
}
