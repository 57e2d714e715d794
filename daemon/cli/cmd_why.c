// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd why: the life of one frame.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/frame_life.h"
#include "core/rundir.h"

const char cli_why_usage[] = "alnd why RUN FRAME [--json]\n"
                             "\n"
                             "  FRAME   frame_id of classes.csv, of any extxyz file of the run or of alnd errors; or a beginning of it that\n"
                             "          no other frame has";

struct why {
    char run[AL_PATH];
    struct frame_life life;
};

static void json_text(struct json_doc *d, const char *key, const char *value)
{
    json_doc_str(d, key, value[0] ? value : NULL);
}

static void json_number(struct json_doc *d, const char *key, const char *value)
{
    json_doc_real(d, key, value[0] ? strtod(value, NULL) : (double)NAN);
}

static void json_count(struct json_doc *d, const char *key, long value) // below 0: not known
{
    if (value >= 0) json_doc_int(d, key, value);
    else json_doc_str(d, key, NULL);
}

static void json_source(struct json_doc *d, const struct frame_life *l)
{
    json_doc_open_map(d, "from");
    json_doc_str(d, "kind", l->origin_kind);
    json_doc_str(d, "task", l->origin);
    json_doc_str(d, "file", l->source_file);
    json_text(d, "arrangement", l->arrangement);
    json_number(d, "temperature", l->temperature);
    json_number(d, "pressure_gpa", l->pressure);
    json_count(d, "step", l->step);
    json_doc_close(d);
}

static void json_selection(struct json_doc *d, const struct frame_life *l)
{
    json_doc_open_map(d, "selection");
    json_number(d, "deviation", l->deviation);
    json_number(d, "trust_low", l->trust_low);
    json_number(d, "trust_high", l->trust_high);
    json_text(d, "class", l->class_name);
    if (l->class_name[0]) json_doc_bool(d, "selected", l->selected);
    else json_doc_str(d, "selected", NULL);
    json_text(d, "reason", l->why_not);
    json_text(d, "duplicate_of", l->duplicate_of);
    json_number(d, "distance", l->distance);
    json_doc_close(d);
}

static void json_label(struct json_doc *d, const struct frame_life *l)
{
    json_doc_open_map(d, "label");
    json_text(d, "status", l->label_status);
    json_text(d, "task", l->label_task);
    json_text(d, "task_state", l->label_state);
    json_doc_int(d, "attempts", l->attempts);
    json_count(d, "scf_iterations", l->scf[0] ? strtol(l->scf, NULL, 10) : -1);
    json_text(d, "rescue", l->rescue);
    json_number(d, "gap", l->gap);
    json_number(d, "energy", l->energy);
    json_text(d, "code", l->code);
    json_text(d, "reason", l->reason);
    json_text(d, "fingerprint", l->fingerprint);
    json_doc_int(d, "late", l->late);
    json_doc_close(d);
}

static enum al_err tell_json(const struct why *w, char **ret_text)
{
    const struct frame_life *l = &w->life;
    AL_OWN(json_doc) d = NULL;
    AL_TRY(json_doc_create(&d));
    json_doc_str(d, "run", w->run);
    json_doc_str(d, "frame", l->id);
    json_text(d, "system", l->system);
    json_text(d, "purpose", l->purpose);
    json_doc_int(d, "iteration", l->iteration);
    json_source(d, l);
    json_selection(d, l);
    json_label(d, l);
    json_doc_open_map(d, "use");
    json_text(d, "set", l->part);
    json_text(d, "directory", l->set);
    json_text(d, "gathered_by", l->gather_task);
    json_doc_int(d, "models", l->ntrained);
    if (l->left_out > 0) json_doc_real(d, "left_out_force", l->left_out);
    json_count(d, "first_iteration", l->first_model);
    json_count(d, "last_iteration", l->last_model);
    json_doc_bool(d, "published", l->published);
    json_doc_close(d);
    AL_TRY(json_doc_text(d, ret_text));
    return AL_ERR_OK;
}

static void print_source(const struct frame_life *l)
{
    static const char *const what[][2] = {
        {"perturb", "perturbed structure"}, {"aimd", "first-principles MD"}, {"import", "initial.data"}, {"explore", "exploration by the committee"}};
    const char *kind = l->origin_kind;
    for (size_t i = 0; i < sizeof what / sizeof *what; i++)
        if (strcmp(what[i][0], kind) == 0) kind = what[i][1];
    printf("frame       %s\nsystem      %s", l->id, l->system);
    if (l->arrangement[0]) printf(", arrangement %s", l->arrangement);
    printf("\nfrom        %s, %s", kind, l->origin);
    if (l->iteration >= 0) printf(", iteration %d", l->iteration);
    if (l->step >= 0) printf(", step %ld", l->step);
    if (l->temperature[0]) printf(", %s K", l->temperature);
    if (l->pressure[0]) printf(", %s GPa", l->pressure);
    printf("\npurpose     %s\n", strcmp(l->purpose, "test") == 0 ? "test: from a trajectory of its own, never trained on" : "training");
}

static void print_selection(const struct frame_life *l)
{
    if (l->iteration < 0) {
        puts("selection   none: initial data are all labelled");
        return;
    }
    if (!l->class_name[0]) {
        printf("selection   has not come yet (deviation %s eV/Ang)\n", l->deviation[0] ? l->deviation : "unknown");
        return;
    }
    printf("deviation   %s eV/Ang; trust window %s .. %s: %s\n", l->deviation, l->trust_low, l->trust_high, l->class_name);
    if (l->distance[0]) printf("distance    %s from what was labelled (descriptors)\n", l->distance);
    if (l->selected) {
        const bool test = strcmp(l->purpose, "test") == 0, below = strcmp(l->class_name, "accurate") == 0;
        printf("selected    yes%s\n", test ? ", drawn at random for the test sample" : below ? ", drawn at random (select.random)" : "");
        return;
    }
    printf("selected    no: %s", l->why_not[0] ? l->why_not : "no reason was written down");
    if (l->duplicate_of[0]) printf(" (%s)", l->duplicate_of);
    putchar('\n');
}

static void print_label(const struct frame_life *l)
{
    if (!l->label_task[0]) {
        puts("label       none");
        return;
    }
    printf("label       %s by %s (%s, started %d time%s)\n", l->label_status, l->label_task,
           l->label_state[0] ? l->label_state : "not in the journal", l->attempts, l->attempts == 1 ? "" : "s");
    if (l->scf[0]) printf("scf         %s iterations, rescue %s", l->scf, l->rescue[0] ? l->rescue : "none");
    if (l->scf[0] && l->gap[0]) printf(", gap %s eV", l->gap);
    if (l->scf[0]) putchar('\n');
    if (l->energy[0] && !l->code[0]) printf("energy      %s eV\n", l->energy);
    if (l->code[0]) printf("quarantine  %s: %s\n", l->code, l->reason);
    else if (l->reason[0]) printf("trouble     %s\n", l->reason);
}

static void print_use(const struct frame_life *l)
{
    if (l->late > 0)
        printf("late        iteration%s %d%s%.0d went on without it; %s iteration %d\n", l->late > 1 ? "s" : "", l->iteration,
               l->late > 1 ? " to " : "", l->late > 1 ? l->gathered - 1 : 0, l->part[0] ? "gathered with" : "for the gathering of",
               l->gathered);
    if (!l->part[0]) {
        printf("used        in no set%s\n", strcmp(l->label_status, "labelled") == 0 ? " yet" : "");
        return;
    }
    printf("set         %s, %s (by %s)\n", l->part, l->set, l->gather_task);
    if (strcmp(l->part, "test") == 0) puts("trained on  never: it measures the error");
    else if (strcmp(l->part, "valid") == 0) puts("trained on  never: validation");
    else if (l->left_out > 0) printf("trained on  never: a force of %.3g eV/Ang, above train.max_force\n", l->left_out);
    else if (!l->ntrained) printf("trained on  by no model%s\n", l->closed ? ": it came with the last iteration" : " yet");
    else
        printf("trained on  by %d models, iterations %d to %d%s\n", l->ntrained, l->first_model, l->last_model,
               l->published ? ", and the published ones" : "");
}

static enum al_err find_out(struct why *w, const char *frame)
{
    AL_OWN(journal) j = NULL;
    AL_OWN(view) v = NULL;
    AL_OWN(loop_config) c = NULL;
    struct plan_env env;
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/alnd.db", w->run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(view_create(&v));
    AL_TRY(journal_load(j, v));
    AL_TRY(rundir_look(w->run, j, &c, &env));
    if (chdir(w->run) != 0) AL_FAIL(AL_ERR_IO, "cannot enter %s", w->run);
    AL_TRY(frame_life_find(frame, &w->life));
    AL_TRY(frame_life_tell(c, &env, v, &w->life));
    return AL_ERR_OK;
}

int cmd_why(int argc, char **argv)
{
    static const char *const flags[] = {"--json", NULL};
    bool flag[1] = {false};
    const char *arg[2];
    AL_AUTOFREE struct why *w = NULL;
    AL_AUTOFREE char *text = NULL;
    int rc = cli_arguments(argc, argv, 2, arg, flags, flag);
    if (rc) return rc;
    enum al_err e = al_alloc(1, sizeof *w, &w);
    if (!e) e = rundir_find(arg[0], w->run);
    if (!e) e = find_out(w, arg[1]);
    if (!e && flag[0]) e = tell_json(w, &text);
    if (e) return cli_fail(e);
    if (text) {
        puts(text);
        return EXIT_OK;
    }
    print_source(&w->life);
    print_selection(&w->life);
    print_label(&w->life);
    print_use(&w->life);
    return EXIT_OK;
}
