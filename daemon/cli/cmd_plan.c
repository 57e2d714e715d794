// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd plan: what a campaign would do and take. Nothing is started, no file is written.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/plan_cost.h"
#include "core/executor.h"
#include "core/query.h"

struct advice {
    char warning[2 * AL_ERR_TEXT], hint[AL_PATH + 256];
};

static void advise(const struct loop_config *c, const struct converge_verdict *v, struct advice *a)
{
    a->hint[0] = '\0';
    converge_warning(c, v, a->warning, sizeof a->warning);
    if (!v->found)
        snprintf(a->hint, sizeof a->hint,
                 "there is no converge table (%.400s): alnd label --converge FRAMES.extxyz --config %.400s tells the error of these settings",
                 v->path, c->path);
}

// Least and most in one column.
static void print_range(double least, double most, const char *format, int width)
{
    char text[64] = "", part[32];
    if (most > 0) {
        snprintf(part, sizeof part, format, least);
        snprintf(text, sizeof text, "%s", part);
        snprintf(part, sizeof part, format, most);
        if (strcmp(text, part) != 0) snprintf(text + strlen(text), sizeof text - strlen(text), " - %s", part);
    }
    printf(" %*s", width, text);
}

static void print_stage(const struct plan_stage *s)
{
    printf("  %-22s", s->name);
    print_range((double)s->least, (double)s->most, "%.0f", 14);
    print_range(s->frames[0], s->frames[1], "%.0f", 16);
    print_range(s->hours[0], s->hours[1], "%.3g", 18);
    putchar('\n');
}

static void print_plan(const struct rundir *r, const struct plan_cost *c, const struct advice *a)
{
    const double mib = 1048576;
    printf("%s: %d system%s, %d arrangement%s, run directory %s\n", r->config->name, c->nsystems, c->nsystems > 1 ? "s" : "",
           c->narrangements, c->narrangements > 1 ? "s" : "", r->path);
    printf("%d to %d iterations; a dry run: nothing is started\n\n", c->iterations[0], c->iterations[1]);
    printf("  %-22s %14s %16s %18s\n", "stage", "tasks", "SCF frames", "core-hours (DFT)");
    for (int i = 0; i < c->nstages; i++)
        print_stage(&c->stage[i]);
    print_stage(&c->total);
    bool external = loop_config_label_external(r->config);
    putchar('\n');
    if (!external)
        printf("  memory    %.0f MiB for the largest label task (%d rank%s), %.0f MiB allowed\n", c->bytes / mib, c->ranks,
               c->ranks > 1 ? "s" : "", c->limit / mib);
    printf("  disk      up to %.2g GB of trajectories and labelled frames; models, checkpoints and the report come on top\n", c->disk / 1e9);
    if (!external) printf("  rate      %.2g operations per core-second (%s)\n", c->rate, c->rate_from);
    else printf("  labels    by %s: alnd knows neither their time nor their memory; alnd label on a few frames tells the time\n", r->config->label.engine);
    puts("  Frames and hours are the most that selection may ask for. Training and MD with the potential are not in the hours.");
    if (r->config->demonstration) cli_demonstration();
    fflush(stdout);
    if (c->bytes > c->limit && c->limit > 0) fputs("alnd: warning: a label task needs more memory than it may take\n", stderr);
    if (a->warning[0]) fprintf(stderr, "alnd: warning: %s\n", a->warning);
    if (a->hint[0]) fprintf(stderr, "hint: %s\n", a->hint);
}

static void write_stage(FILE *f, const struct plan_stage *s)
{
    fprintf(f, "{name: \"%s\", tasks: [%ld, %ld], frames: [%.0f, %.0f], core_hours: [%.6g, %.6g]}\n", s->name, s->least, s->most,
            s->frames[0], s->frames[1], s->hours[0], s->hours[1]);
}

static enum al_err print_json(const struct rundir *r, const struct plan_cost *c, const struct converge_verdict *v, const struct advice *a)
{
    AL_OWN(al_node) tree = NULL;
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f) AL_FAIL(AL_ERR_NOMEM, "no memory");
    al_yaml_str(f, 0, "name", r->config->name);
    al_yaml_str(f, 0, "run", r->path);
    fprintf(f, "iterations: [%d, %d]\nstages:\n", c->iterations[0], c->iterations[1]);
    for (int i = 0; i < c->nstages; i++) {
        fputs("  - ", f);
        write_stage(f, &c->stage[i]);
    }
    fputs("total: ", f);
    write_stage(f, &c->total);
    fprintf(f, "memory: {label_task: %.0f, limit: %.0f}\ndisk: %.0f\nrate: {flops: %.6g, measured: %d}\n", c->bytes, c->limit, c->disk,
            c->rate, c->nmeasured);
    al_yaml_str(f, 0, "rate_from", c->rate_from);
    al_yaml_str(f, 0, "converge_table", v->found ? v->path : "");
    if (v->known) fprintf(f, "force_error: %.6g\nforce_error_wanted: %.6g\nforce_error_at_least: %s\n", v->error, r->config->label.force_error,
                          v->at_least ? "true" : "false");
    al_yaml_str(f, 0, "warning", a->warning);
    al_yaml_str(f, 0, "hint", a->hint);
    fclose(f);
    enum al_err e = al_yaml_parse("plan", text, n, &tree);
    free(text);
    AL_TRY(e);
    AL_TRY(cli_print_json(tree));
    return AL_ERR_OK;
}

static enum al_err make_plan(const char *arg, bool json)
{
    AL_OWN(rundir) r = NULL;
    AL_OWN(al_node) answer = NULL;
    AL_AUTOFREE struct plan_cost *c = NULL;
    char worker[AL_PATH], ranks[16];
    struct converge_verdict v;
    struct advice a;
    AL_ALLOC(c, 1);
    AL_TRY(rundir_read(arg, &r));
    AL_TRY(exec_find_worker(worker, sizeof worker));
    snprintf(ranks, sizeof ranks, "%d", r->config->resources.label.ranks);
    const char *argv[] = {"estimate", r->config->path, ranks, NULL};
    AL_TRY(worker_ask(worker, argv, &answer));
    AL_TRY(converge_verdict(r->config, &v));
    AL_TRY(plan_cost_make(r, answer, &v, c));
    advise(r->config, &v, &a);
    if (json) AL_TRY(print_json(r, c, &v, &a));
    else print_plan(r, c, &a);
    return AL_ERR_OK;
}

int cmd_plan(int argc, char **argv)
{
    static const char *const flags[] = {"--json", NULL};
    bool flag[1] = {false};
    const char *arg;
    int rc = cli_arguments(argc, argv, 1, &arg, flags, flag);
    if (rc) return rc;
    enum al_err e = make_plan(arg, flag[0]);
    return e ? cli_fail(e) : EXIT_OK;
}
