// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd errors: the tables that the evaluations wrote (iterations/III/errors.yaml) and every failure with its
// cause: failed starts of tasks from the journal, frames that could not be labelled from failed.extxyz.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/certificate.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "cli/web.h"
#include "core/journal.h"
#include "core/rundir.h"

struct report {
    char run[AL_PATH];
    int iteration;         // -1: all
    struct json_doc *json; // NULL: text
    struct view *view;     // the tasks
    int nfailures, nframes, nlate;
    bool demonstration, certificate;
    bool stopped; // a task has failed for good
};

// A number of a row, or a dash.
static void print_number(const struct al_node *row, const char *key, const char *format, int width)
{
    char text[32] = "-";
    const char *value = al_node_str(row, key, NULL);
    if (value) snprintf(text, sizeof text, format, strtod(value, NULL));
    printf(" %*s", width, text);
}

// "0.11 .. 0.13" of NAME_low and NAME_high; "" where the row has none.
static void interval(const struct al_node *row, const char *name, double scale, char ret[48])
{
    char low[32], high[32];
    snprintf(low, sizeof low, "%s_low", name);
    snprintf(high, sizeof high, "%s_high", name);
    double a = al_node_double(row, low, NAN), b = al_node_double(row, high, NAN);
    if (isfinite(a) && isfinite(b)) snprintf(ret, 48, "%.4g .. %.4g", scale * a, scale * b);
}

static void print_table(const struct al_node *tree)
{
    const struct al_node *table = al_node_get(tree, "table");
    printf("  %-6s %-12s %-18s %7s %12s %12s %12s   %-18s   %s\n", "set", "by", "of", "frames", "energy", "force",
           "virial", "force, 95 %", "energy, 95 %");
    printf("  %-6s %-12s %-18s %7s %12s %12s %12s   %-18s   %s\n", "", "", "", "", "meV/atom", "eV/Ang", "meV/atom",
           "eV/Ang", "meV/atom");
    for (const struct al_node *r = table ? table->child : NULL; r; r = r->next) {
        printf("  %-6s %-12s %-18s", al_node_str(r, "set", "?"), al_node_str(r, "group", "?"),
               al_node_str(r, "label", "?"));
        print_number(r, "frames", "%.0f", 7);
        char mev[3][32] = {"-", "-", "-"};
        const char *keys[3] = {"energy_rmse", "force_rmse", "virial_rmse"};
        for (int i = 0; i < 3; i++) {
            const char *value = al_node_str(r, keys[i], NULL);
            double scale = i == 1 ? 1 : 1000; // eV/atom are shown as meV/atom
            if (value) snprintf(mev[i], sizeof mev[i], "%.4g", scale * strtod(value, NULL));
        }
        printf(" %12s %12s %12s", mev[0], mev[1], mev[2]);
        char force[48] = "", energy[48] = "";
        interval(r, "force_rmse", 1, force);
        interval(r, "energy_rmse", 1000, energy);
        if (energy[0]) printf("   %-18s   %s\n", force, energy);
        else printf("%s%s\n", force[0] ? "   " : "", force);
    }
}

// Windows of trust: auto (all others are in loop.yaml) and broken frames by name.
static void print_selection(const struct al_node *tree)
{
    const struct al_node *windows = al_node_get(tree, "windows"), *broken = al_node_get(tree, "broken");
    for (const struct al_node *w = windows ? windows->child : NULL; w; w = w->next) {
        if (strcmp(al_node_str(w, "auto", ""), "true") != 0) continue;
        printf("  trust window %s %s K: %s .. %s eV/Ang, ", al_node_str(w, "system", "?"), al_node_str(w, "temperature", "?"),
               al_node_str(w, "low", "?"), al_node_str(w, "high", "?"));
        if (strcmp(al_node_str(w, "from", ""), "given") == 0)
            printf("as given (%s labelled frames so far, too few to measure it)\n", al_node_str(w, "frames", "0"));
        else
            printf("measured on %s frames (%s): error/deviation %s\n", al_node_str(w, "frames", "?"), al_node_str(w, "from", "?"),
                   al_node_str(w, "error_per_deviation", "?"));
    }
    for (const struct al_node *b = broken ? broken->child : NULL; b; b = b->next)
        printf("  broken frame %s: %s\n", al_node_str(b, "frame", "?"), al_node_str(b, "reason", "?"));
}

static long explored(const struct al_node *selection)
{
    return al_node_int(selection, "accurate", 0) + al_node_int(selection, "candidate", 0) + al_node_int(selection, "failed", 0) +
           al_node_int(selection, "broken", 0);
}

// The upper end of the interval is what is judged.
static void print_limit(const struct al_node *cv, const char *name, const char *limit, double scale, const char *unit)
{
    char key[32];
    snprintf(key, sizeof key, "%s_rmse", name);
    double value = al_node_double(cv, key, NAN);
    if (!isfinite(value)) { // of no frame
        printf("%s: no test frame", name);
        return;
    }
    printf("%s %.3g", name, scale * value);
    snprintf(key, sizeof key, "%s_rmse_high", name);
    double high = al_node_double(cv, key, NAN);
    if (isfinite(high)) printf(" (95 %%: up to %.3g)", scale * high);
    printf(" of %.3g %s", scale * al_node_double(cv, limit, NAN), unit);
}

static void print_verdict(const struct al_node *cv, const struct al_node *sel)
{
    const char *up_to = al_node_str(cv, "temperature_limit", NULL);
    fputs("  converge", stdout);
    if (up_to) printf(" (up to %s K)", up_to);
    fputs(": ", stdout);
    print_limit(cv, "force", "force_limit", 1, "eV/Ang");
    fputs(", ", stdout);
    print_limit(cv, "energy", "energy_limit", 1000, "meV/atom");
    if (sel && !explored(sel)) fputs(", candidates: nothing explored", stdout);
    else printf(", candidates %.3g of %.3g", al_node_double(cv, "candidate_fraction", 0), al_node_double(cv, "candidate_limit", 0));
    if (al_node_get(cv, "each_system_limit")) fputs(", each system by itself", stdout);
    printf(": %s\n", al_node_int(cv, "below", 0) ? "met" : "not met");
}

static void print_iteration(const struct al_node *tree)
{
    const struct al_node *sel = al_node_get(tree, "selection"), *cal = al_node_get(tree, "calibration");
    const struct al_node *cv = al_node_get(tree, "converge");
    printf("iteration %s: root-mean-square errors (new = newly labelled frames, before training on them)\n",
           al_node_str(tree, "iteration", "?"));
    print_table(tree);
    const struct al_node *out = al_node_get(tree, "train_left_out");
    if (out)
        printf("  train is without %s frames that were left out of training: a force above train.max_force, %.4g eV/Ang\n", al_node_str(out, "frames", "?"),
               al_node_double(out, "max_force", NAN));
    if (sel && !explored(sel))
        puts("  explored frames: none");
    else if (sel)
        printf("  explored frames: %s accurate, %s candidate (%s of them duplicates), %s failed, %s broken; candidate fraction %.3g\n",
               al_node_str(sel, "accurate", "?"), al_node_str(sel, "candidate", "?"), al_node_str(sel, "duplicates", "0"),
               al_node_str(sel, "failed", "?"), al_node_str(sel, "broken", "0"), al_node_double(sel, "candidate_fraction", 0));
    print_selection(tree);
    for (const struct al_node *c = cal ? cal->child : NULL; c; c = c->next)
        printf("  %s deviation %5.3g .. %-5.3g eV/Ang: true force error %.3g eV/Ang (%s frames)\n",
               c == cal->child ? "calibration:" : "            ", al_node_double(c, "deviation_low", 0),
               al_node_double(c, "deviation_high", 0), al_node_double(c, "force_rmse", 0),
               al_node_str(c, "frames", "?"));
    if (cv) print_verdict(cv, sel);
    putchar('\n');
}

static enum al_err show_iteration(struct report *r, int iteration, bool *ret_there)
{
    AL_OWN(al_node) tree = NULL;
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/iterations/%03d/errors.yaml", r->run, iteration));
    *ret_there = al_exists(path);
    if (!*ret_there) return AL_ERR_OK;
    AL_TRY(al_yaml_read(path, &tree));
    if (r->json)
        AL_TRY(json_doc_node(r->json, "iterations", tree));
    else
        print_iteration(tree);
    return AL_ERR_OK;
}

static enum al_err show_iterations(struct report *r)
{
    bool there = true;
    if (r->json) AL_TRY(json_doc_node(r->json, "iterations", NULL));
    if (r->iteration >= 0) {
        AL_TRY(show_iteration(r, r->iteration, &there));
        if (!there) AL_FAIL(AL_ERR_NOTFOUND, "iteration %d has not been evaluated", r->iteration);
        return AL_ERR_OK;
    }
    for (int i = 0; there; i++) {
        AL_TRY(show_iteration(r, i, &there));
        if (!there && i == 0 && !r->json) puts("no iteration has been evaluated yet\n");
    }
    return AL_ERR_OK;
}

static bool of_iteration(const struct report *r, const char *task)
{
    char prefix[32];
    if (r->iteration < 0) return true;
    int n = snprintf(prefix, sizeof prefix, "iterations/%03d/", r->iteration);
    return strncmp(task, prefix, (size_t)n) == 0;
}

// RUN/TASK/NAME as a word of a shell command.
static const char *shell_path(const struct report *r, const char *task, const char *name, char *buf, size_t n)
{
    char path[AL_PATH];
    snprintf(path, sizeof path, "%.3000s/%.255s/%s", r->run, task, name);
    return cli_shell(path, buf, n);
}

static void show_failure(void *ctx, const struct jr_attempt *a)
{
    struct report *r = ctx;
    char log[AL_PATH + 512], again[AL_PATH + 512], quoted[AL_PATH + 300];
    if (!of_iteration(r, a->task)) return;
    const struct view_task *t = view_find(r->view, a->task);
    bool failed = t && t->state == TASK_FAILED; // not every failed start is the end of its task
    const char *state = t ? task_state_name(t->state) : "";
    snprintf(log, sizeof log, "less %s", shell_path(r, a->task, "worker.log", quoted, sizeof quoted));
    snprintf(again, sizeof again, "alnd retry %s %.255s", cli_shell(r->run, quoted, sizeof quoted), a->task);
    if (r->json) {
        json_doc_open_map(r->json, NULL);
        json_doc_str(r->json, "task", a->task);
        json_doc_int(r->json, "start", a->n);
        json_doc_str(r->json, "time", a->ended);
        json_doc_str(r->json, "class", a->cause);
        json_doc_str(r->json, "message", a->message);
        json_doc_str(r->json, "state", state);
        json_doc_str(r->json, "log", log);
        json_doc_str(r->json, "retry", failed ? again : NULL);
        json_doc_close(r->json);
    } else {
        if (!r->nfailures) puts("failed starts of tasks");
        printf("  %s  %s, start %d (%s); now %s\n    cause  %s\n    log    %s\n", a->ended, a->task, a->n, a->cause, state, a->message, log);
        if (failed) printf("    again  %s\n", again);
    }
    r->nfailures++;
}

// A frame in quarantine: why, after how many SCF iterations, and what tells more.
static bool show_frame(void *ctx, const char *path, long index, const char *comment)
{
    struct report *r = ctx;
    char frame[128], code[32], reason[AL_ERR_TEXT], scf[16], task[TASK_ID], log[AL_PATH + 512], why[AL_PATH + 512], quoted[AL_PATH + 300];
    (void)index;
    scan_value(comment, "frame_id", frame, sizeof frame);
    scan_value(comment, "failed", code, sizeof code);
    scan_value(comment, "reason", reason, sizeof reason);
    scan_value(comment, "scf_iterations", scf, sizeof scf);
    snprintf(task, sizeof task, "%.*s", (int)(strrchr(path, '/') - path), path);
    snprintf(log, sizeof log, "less %s", shell_path(r, task, "worker.log", quoted, sizeof quoted));
    snprintf(why, sizeof why, "alnd why %s %s", cli_shell(r->run, quoted, sizeof quoted), frame);
    if (r->json) {
        json_doc_open_map(r->json, NULL);
        json_doc_str(r->json, "frame", frame);
        json_doc_str(r->json, "code", code[0] ? code : NULL);
        json_doc_str(r->json, "reason", reason);
        if (scf[0]) json_doc_int(r->json, "scf_iterations", strtol(scf, NULL, 10));
        else json_doc_str(r->json, "scf_iterations", NULL);
        json_doc_str(r->json, "task", task);
        json_doc_str(r->json, "file", path);
        json_doc_str(r->json, "log", log);
        json_doc_str(r->json, "why", why);
        json_doc_close(r->json);
    } else {
        if (!r->nframes)
            puts(r->stopped ? "frames that could not be labelled (left out; the run has stopped at a failed task, above)"
                            : "frames that could not be labelled (left out; the loop goes on)");
        printf("  %s\n    cause  %s%s%s\n    file   %s\n    log    %s\n    life   %s\n", frame[0] ? frame : "?", code, code[0] ? ": " : "",
               reason[0] ? reason : "?", path, log, why);
    }
    r->nframes++;
    return true;
}

static enum al_err show_failed_frames(struct report *r)
{
    static const char *const patterns[] = {"noise/*/failed.extxyz", "initial/*/label/*/failed.extxyz",
                                           "initial/*/aimd/*/failed.extxyz", // with a cut-off of its own its frames are labelled once more
                                           "iterations/*/label/*/failed.extxyz"};
    const int n = sizeof patterns / sizeof patterns[0];
    for (int i = r->iteration >= 0 ? n - 1 : 0; i < n; i++) {
        char pattern[AL_PATH];
        // the run directory's own name may hold * or [: only the part below it is a pattern
        AL_TRY(al_path(pattern, "%s", patterns[i]));
        if (r->iteration >= 0)
            AL_TRY(al_path(pattern, "iterations/%03d/label/*/failed.extxyz", r->iteration));
        AL_TRY(scan_files(pattern, show_frame, r));
    }
    return AL_ERR_OK;
}

// A label task that the iteration of this gathering went on without, and what became of it.
static void show_late_task(struct report *r, const struct view_task *gather, const char *label)
{
    int own = (int)strtol(label + strlen("iterations/"), NULL, 10), iteration;
    const struct view_task *t = view_find(r->view, label), *taken = plan_gather_of(r->view, own, label, &iteration);
    const char *state = t ? task_state_name(t->state) : "";
    if (r->json) {
        json_doc_open_map(r->json, NULL);
        json_doc_int(r->json, "iteration", strtol(gather->id + strlen("iterations/"), NULL, 10));
        json_doc_str(r->json, "task", label);
        json_doc_str(r->json, "state", state);
        json_doc_str(r->json, "gathered_by", taken ? taken->id : NULL);
        json_doc_close(r->json);
        return;
    }
    if (!r->nlate++) puts("labels that an iteration went on without (resources.straggler)");
    printf("  %s went on without %s (%s): %s iteration %d\n", gather->id, label, state, taken ? "gathered with" : "for the gathering of", iteration);
}

static void show_late(struct report *r)
{
    for (int i = 0; i < r->view->ntasks; i++) {
        const struct view_task *t = &r->view->task[i];
        if (strcmp(t->verb, "gather") != 0 || !of_iteration(r, t->id)) continue;
        for (int k = 0; k < t->nfacts; k++)
            if (strcmp(t->fact[k].key, PLAN_LATE) == 0) show_late_task(r, t, t->fact[k].value);
    }
}

static enum al_err show_all(struct report *r)
{
    AL_OWN(journal) j = NULL;
    AL_OWN(loop_config) c = NULL;
    struct plan_env env;
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/alnd.db", r->run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(rundir_look(r->run, j, &c, &env));
    r->demonstration = c->demonstration;
    if (r->demonstration && !r->json) cli_demonstration();
    AL_TRY(show_iterations(r));
    if (r->json) json_doc_open_list(r->json, "failures");
    AL_TRY(view_create(&r->view));
    r->view->lean = true;
    AL_TRY(journal_load(j, r->view));
    for (int i = 0; i < r->view->ntasks; i++)
        r->stopped = r->stopped || r->view->task[i].state == TASK_FAILED;
    AL_TRY(journal_failures(j, show_failure, r));
    if (r->json) {
        json_doc_close(r->json);
        json_doc_open_list(r->json, "failed_frames");
    }
    if (chdir(r->run) != 0) AL_FAIL(AL_ERR_IO, "cannot enter %s", r->run);
    AL_TRY(show_failed_frames(r));
    if (r->json) {
        json_doc_close(r->json);
        json_doc_open_list(r->json, "late");
    }
    show_late(r);
    if (r->json) json_doc_close(r->json);
    if (!r->json && !r->nfailures) puts("no task has failed");
    if (!r->json && !r->nframes) puts("every frame could be labelled");
    return AL_ERR_OK;
}

static int parse(int argc, char **argv, const char **ret_arg, struct report *r, bool *ret_json)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            *ret_json = true;
        } else if (strcmp(argv[i], "-i") == 0 && i + 1 < argc) {
            char *end;
            long v = strtol(argv[++i], &end, 10);
            if (*end || end == argv[i] || v < 0 || v > 100000)
                return cli_usage("errors: '%s' is no iteration", argv[i]);
            r->iteration = (int)v;
        } else if (strcmp(argv[i], "--certificate") == 0) {
            r->certificate = true;
        } else if (argv[i][0] == '-' || *ret_arg) {
            return cli_usage("usage: alnd errors RUN [-i N | --certificate] [--json]");
        } else {
            *ret_arg = argv[i];
        }
    }
    return *ret_arg && !(r->certificate && r->iteration >= 0) ? EXIT_OK
                                                              : cli_usage("usage: alnd errors RUN [-i N | --certificate] [--json]");
}

enum al_err errors_json(const char *run, char **ret_text)
{
    AL_AUTOFREE struct report *r = NULL;
    AL_ALLOC(r, 1);
    r->iteration = -1;
    AL_TRY(al_path(r->run, "%s", run));
    AL_TRY(json_doc_create(&r->json));
    enum al_err e = show_all(r);
    if (!e) e = json_doc_text(r->json, ret_text);
    json_doc_destroy(&r->json);
    view_destroy(&r->view);
    AL_TRY(e);
    return AL_ERR_OK;
}

int cmd_errors(int argc, char **argv)
{
    const char *arg = NULL;
    bool json = false;
    AL_AUTOFREE struct report *r = NULL;
    AL_AUTOFREE char *text = NULL;
    enum al_err e = al_alloc(1, sizeof *r, &r);
    if (e) return cli_fail(e);
    r->iteration = -1;
    int rc = parse(argc, argv, &arg, r, &json);
    if (rc) return rc;
    e = rundir_find(arg, r->run);
    if (!e && json) e = json_doc_create(&r->json);
    if (!e && r->certificate) e = certificate_show(r->run, r->json);
    else if (!e) e = show_all(r);
    if (!e && json) e = json_doc_text(r->json, &text);
    json_doc_destroy(&r->json);
    view_destroy(&r->view);
    if (e) return cli_fail(e);
    if (text) puts(text);
    return EXIT_OK;
}
