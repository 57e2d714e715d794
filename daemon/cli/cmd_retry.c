// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd retry: tasks that failed are started again, after the cause has been mended. A daemon that works on the run is asked by its
// socket; without one the journal is changed under the run's lock, and the next alnd start goes on.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "core/control.h"
#include "core/retry.h"
#include "core/rundir.h"

const char cli_retry_usage[] = "alnd retry RUN TASK | RUN --all [--json]\n"
                               "\n"
                               "  TASK    as alnd errors shows it (iterations/001/train/2)\n"
                               "  --all   every task that has failed\n"
                               "\n"
                               "Also while a daemon works on the run. alnd start tries every failed task again by itself: retry is for\n"
                               "some of them, or for a daemon that still runs.";

struct retry {
    char run[AL_PATH];
    const char *task; // NULL: all
    bool json, daemon;
    int n;            // started again
    struct json_doc *doc;
};

// Names of the failed tasks; the caller frees each and the list.
static enum al_err failed_tasks(const char *run, char (**ret)[TASK_ID], int *ret_n)
{
    AL_OWN(journal) j = NULL;
    AL_OWN(view) v = NULL;
    AL_AUTOFREE char(*id)[TASK_ID] = NULL;
    char path[AL_PATH];
    int n = 0;
    AL_TRY(al_path(path, "%s/alnd.db", run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(view_create(&v));
    v->lean = true;
    AL_TRY(journal_load(j, v));
    AL_ALLOC(id, v->count[TASK_FAILED] + 1);
    for (int i = 0; i < v->ntasks; i++)
        if (v->task[i].state == TASK_FAILED) snprintf(id[n++], TASK_ID, "%s", v->task[i].id);
    *ret = id;
    id = NULL;
    *ret_n = n;
    return AL_ERR_OK;
}

static enum al_err ask_daemon(struct retry *r, const char *task)
{
    AL_AUTOFREE char *request = NULL, *answer = NULL;
    char message[STATUS_TEXT];
    bool ok;
    AL_TRY(json_request("retry", task, &request));
    AL_TRY(control_ask(r->run, request, &answer));
    r->daemon = true;
    AL_TRY(json_read_reply(answer, &ok, message));
    if (!ok) AL_FAIL_HINT(AL_ERR_INPUT, "alnd errors RUN shows the tasks that failed", "%.500s", message);
    r->n++;
    if (r->json)
        json_doc_str(r->doc, NULL, task);
    else
        printf("%s is started again\n", task);
    return AL_ERR_OK;
}

// AL_ERR_NOTFOUND of the socket: nobody works on the run.
static enum al_err at_rest(struct retry *r, int n, char (*id)[TASK_ID])
{
    AL_OWN(rundir) d = NULL;
    int made;
    AL_TRY(rundir_read_copy(r->run, &d));
    AL_TRY(rundir_lock(d));
    AL_TRY(retry_at_rest(r->run, r->task, &made));
    r->n = made;
    for (int i = 0; i < (r->task ? 1 : n); i++) {
        const char *task = r->task ? r->task : id[i];
        if (r->json)
            json_doc_str(r->doc, NULL, task);
        else
            printf("%s will be started again\n", task);
    }
    if (!r->json && made) printf("alnd start %s goes on\n", r->run);
    return AL_ERR_OK;
}

static enum al_err retry_run(struct retry *r)
{
    AL_AUTOFREE char(*id)[TASK_ID] = NULL;
    int n = 0;
    if (!r->task) AL_TRY(failed_tasks(r->run, &id, &n));
    if (!r->task && !n) {
        if (!r->json) puts("no task has failed");
        return AL_ERR_OK;
    }
    if (rundir_holder(r->run)) {
        enum al_err e = ask_daemon(r, r->task ? r->task : id[0]);
        if (r->daemon) AL_TRY(e);
        for (int i = 1; i < n && r->daemon; i++)
            AL_TRY(ask_daemon(r, id[i]));
        if (r->daemon) return AL_ERR_OK;
    }
    AL_TRY(at_rest(r, n, id));
    return AL_ERR_OK;
}

static int parse(int argc, char **argv, const char **ret_run, struct retry *r)
{
    bool all = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) r->json = true;
        else if (strcmp(argv[i], "--all") == 0) all = true;
        else if (argv[i][0] == '-' || (*ret_run && r->task)) return cli_usage("retry: '%s' is not understood", argv[i]);
        else if (!*ret_run) *ret_run = argv[i];
        else r->task = argv[i];
    }
    if (!*ret_run || all == (r->task != NULL)) return cli_usage("usage: alnd retry RUN TASK | RUN --all [--json]");
    return EXIT_OK;
}

static enum al_err retry_json(struct retry *r, char **ret_text)
{
    AL_TRY(json_doc_create(&r->doc));
    json_doc_str(r->doc, "run", r->run);
    json_doc_open_list(r->doc, "tasks");
    AL_TRY(retry_run(r));
    json_doc_close(r->doc);
    json_doc_int(r->doc, "retried", r->n);
    json_doc_bool(r->doc, "daemon", r->daemon);
    AL_TRY(json_doc_text(r->doc, ret_text));
    return AL_ERR_OK;
}

int cmd_retry(int argc, char **argv)
{
    const char *arg = NULL;
    AL_AUTOFREE struct retry *r = NULL;
    AL_AUTOFREE char *text = NULL;
    enum al_err e = al_alloc(1, sizeof *r, &r);
    if (e) return cli_fail(e);
    int rc = parse(argc, argv, &arg, r);
    if (rc) return rc;
    e = rundir_find(arg, r->run);
    if (!e) e = r->json ? retry_json(r, &text) : retry_run(r);
    json_doc_destroy(&r->doc);
    if (e) return cli_fail(e);
    if (text) puts(text);
    return EXIT_OK;
}
