// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd-worker VERB TASKDIR/task.yaml: does one task and exits (docs/TASKS.md). Exit codes: 0 result.yaml is there, 2 usage, 3
// stopped before the end, 1 anything else.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "worker/codes.h"
#include "worker/data.h"
#include "worker/import.h"
#include "worker/lammps.h"
#include "worker/trainopt.h"
#include "worker/model.h"
#include "worker/task.h"

static const struct verb {
    const char *name;
    enum al_err (*run)(struct task *t);
} verbs[] = {
    {"init", verb_init},         {"label", verb_label},       {"gather", verb_gather},   {"train", verb_train},
    {"explore", verb_explore},   {"select", verb_select},     {"evaluate", verb_evaluate}, {"publish", verb_publish},
    {"volume", verb_volume},     {"produce", verb_produce},   {"analyze", verb_analyze},   {"report", verb_report},
    {"md", verb_md},             {"aimd", verb_aimd},         {"fit", verb_fit},         {"test", verb_test},
    {"diffusion", verb_diffusion}, {"import", verb_import},
};
enum { NVERBS = sizeof verbs / sizeof verbs[0] };

static const struct verb *find_verb(const char *name)
{
    for (int i = 0; i < NVERBS; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return NULL;
}

static void log_error(const struct task *t, enum al_err e)
{
    fprintf(stderr, "level=error task=%s code=%s msg=\"%s\"", t->id, al_err_name(e), al_err_message());
    if (al_err_hint_text()[0]) fprintf(stderr, " hint=\"%s\"", al_err_hint_text());
    fputc('\n', stderr);
    al_err_print_trace(stderr);
}

// What was asked for is no error: no trace. mpiexec has its own opinion of an exit code that is not 0.
static void log_stopped(const struct task *t)
{
    fprintf(stderr, "level=info task=%s ev=stopped msg=\"%s\"%s\n", t->id, al_err_message(),
            comm_parallel() ? " note=\"that exit code 3 ended the job, as mpiexec may say below, is this stop and no crash\"" : "");
}

static int run(const struct verb *v, struct task *t)
{
    char path[AL_PATH];
    int lock = -1;
    enum al_err e = task_path(t, path, "lock");
    if (!e && !t->quiet) e = al_lock_take(path, &lock);
    if (!e && !t->quiet) e = task_heartbeat_start(t);
    if (!e && strcmp(t->verb, v->name) != 0)
        fprintf(stderr, "level=warn msg=\"task.yaml says verb %s, the command line %s\"\n", t->verb, v->name);
    if (!e) e = task_path(t, path, "result.yaml");
    if (!e && al_exists(path)) return 0; // finished before: never run twice
    if (e) {
        log_error(t, e);
        return 1;
    }
    e = v->run(t);
    if (e == AL_ERR_STOPPED && !t->quiet) log_stopped(t);
    if (e == AL_ERR_STOPPED) return 3;
    if (e && !t->quiet) log_error(t, e);
    // transient trouble is for the daemon to retry: no result
    if (al_err_class(e) == AL_CLASS_TRANSIENT) return 1;
    enum al_err finish = task_finish(t, e);
    if (finish) log_error(t, finish);
    return finish ? 1 : 0;
}

static int answer(enum al_err (*print)(int argc, char **argv, FILE *out), int argc, char **argv)
{
    enum al_err e = print(argc, argv, stdout);
    if (e) fprintf(stderr, "%s\n", al_err_message());
    return !e ? 0 : al_err_class(e) == AL_CLASS_EXPECTED ? 2 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "estimate") == 0) return answer(estimate_print, argc, argv);
    if (argc > 1 && strcmp(argv[1], "data") == 0) return answer(data_print, argc, argv);
    if (argc > 1 && strcmp(argv[1], "import") == 0 && (argc != 3 || argv[2][0] == '-')) return answer(import_print, argc, argv);
    if (argc > 1 && strcmp(argv[1], "model") == 0) return answer(model_print, argc, argv);
    if (argc > 1 && strcmp(argv[1], "deepmd") == 0) return answer(deepmd_print, argc, argv);
    if (argc > 1 && strcmp(argv[1], "lammps") == 0) return answer(lammps_print, argc, argv);
    if (argc > 1 && strcmp(argv[1], "code") == 0) return answer(codes_print, argc, argv);
    const struct verb *v = argc == 3 ? find_verb(argv[1]) : NULL;
    if (!v) {
        fputs("usage: alnd-worker VERB TASKDIR/task.yaml   (started by alnd; see docs/TASKS.md)\nverbs:", stderr);
        for (int i = 0; i < NVERBS; i++)
            fprintf(stderr, " %s", verbs[i].name);
        fputc('\n', stderr);
        return 2;
    }
    bool parallel = strcmp(v->name, "label") == 0 || strcmp(v->name, "md") == 0 || strcmp(v->name, "aimd") == 0 ||
                    strcmp(v->name, "volume") == 0 || strcmp(v->name, "produce") == 0;
    int code = 1;
    struct comm *world = NULL;
    struct task *t = NULL;
    enum al_err e = AL_ERR_OK;
    if (parallel) {
        e = comm_init(&argc, &argv);
        if (!e) e = comm_world(&world);
    }
    if (!e) e = al_log_open(NULL); // standard error is the task's worker.log
    task_catch_signals();
    if (!e) e = task_open(argv[2], &t);
    if (e) {
        fprintf(stderr, "level=error msg=\"%s\"\n", al_err_message());
        al_err_print_trace(stderr);
        if (parallel && comm_parallel()) comm_abort(1);
    } else {
        t->quiet = world && world->rank != 0;
        code = run(v, t);
        if (code == 1 && parallel && comm_parallel()) comm_abort(1);
    }
    task_destroy(&t);
    comm_destroy(&world);
    if (parallel) comm_finalize();
    return code;
}
