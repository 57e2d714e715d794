// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the daemon spends of its own on a task, in a campaign too large to compute: the real loop, planner and
// journal (on tmpfs, so that fsync costs nothing) with workers that are done at once. bench_plan SYSTEMS
// ITERATIONS: one row for the initial data and a row each time the journal has doubled.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/fsm.h"
#include "core/rundir.h"

static struct {
    struct loop_config *c;
    struct plan_env env;
    struct view *v;
    struct journal *j;
    struct plan *p;
    double plan_s, plan_worst, journal_s;
    long transitions, plans;
} b;

static void must(enum al_err e)
{
    if (!e) return;
    fprintf(stderr, "bench_plan: %s\n", al_err_message());
    exit(1);
}

static long memory_kb(void)
{
    char line[128];
    long kb = 0;
    FILE *in = fopen("/proc/self/status", "r");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, "VmRSS:", 6) == 0) kb = strtol(line + 6, NULL, 10);
    if (in) fclose(in);
    return kb;
}

// Facts and artefacts of a finished task; texts are static, the journal and the view copy them.
static void outcome(const struct plan_task *t, struct jr_change *c)
{
    static struct view_fact *fact;
    static struct view_artifact *artifact;
    static char (*text)[192];
    static char (*key)[80];
    static const char *const one[][3] = {{"init", "frames.extxyz", "base.extxyz"}, {"label", "labelled.extxyz"}, {"train", "model.dp", "lcurve.out"},
                                         {"explore", "frames.extxyz"}, {"evaluate", "errors.yaml"}, {"gather", "set"}};
    int n = b.c->nsystems;
    if (!fact) {
        must(al_alloc((size_t)n + 4, sizeof *fact, &fact));
        must(al_alloc((size_t)n + 4, sizeof *artifact, &artifact));
        must(al_alloc((size_t)n + 4, sizeof *text, &text));
        must(al_alloc((size_t)n + 4, sizeof *key, &key));
    }
    c->fact = fact;
    c->artifact = artifact;
    if (strcmp(t->verb, "select") == 0)
        for (int i = 0; i < n; i++) {
            snprintf(key[i], sizeof key[0], "frames.%s", b.c->system[i].name);
            snprintf(text[i], sizeof text[0], "%s/%s.extxyz", t->id, b.c->system[i].name);
            fact[c->nfacts++] = (struct view_fact){key[i], "2"};
            artifact[c->nartifacts++].path = text[i];
        }
    for (unsigned k = 0; k < sizeof one / sizeof one[0]; k++)
        for (int i = 1; strcmp(one[k][0], t->verb) == 0 && i < 3 && one[k][i]; i++) {
            snprintf(text[c->nartifacts], sizeof text[0], "%s/%s", t->id, one[k][i]);
            artifact[c->nartifacts].path = text[c->nartifacts];
            c->nartifacts++;
        }
    for (int i = 0; i < c->nartifacts; i++)
        snprintf(artifact[i].sha256, sizeof artifact[i].sha256, "%s", t->identity);
    if (strcmp(t->verb, "init") == 0) fact[c->nfacts++] = (struct view_fact){"nframes", "1"};
    if (strcmp(t->verb, "gather") == 0) fact[c->nfacts++] = (struct view_fact){"ntrain", "9"};
    if (strcmp(t->verb, "evaluate") == 0) fact[c->nfacts++] = (struct view_fact){"below", "0"};
}

static void plan(void)
{
    double t0 = al_clock();
    struct plan *p = NULL;
    must(plan_build(b.c, &b.env, b.v, &p));
    plan_destroy(&b.p);
    b.p = p;
    b.env.settled = p->settled;
    double s = al_clock() - t0;
    b.plan_s += s;
    b.plans++;
    if (s > b.plan_worst) b.plan_worst = s;
    struct jr_new *fresh;
    int n = 0;
    must(al_alloc((size_t)p->ntasks + 1, sizeof *fresh, &fresh));
    for (int i = 0; i < p->ntasks; i++)
        if (!view_find(b.v, p->task[i].id)) fresh[n++] = (struct jr_new){.id = p->task[i].id, .verb = p->task[i].verb, .identity = p->task[i].identity,
                                                                         .iteration = p->task[i].iteration};
    t0 = al_clock();
    if (n) must(journal_add(b.j, n, fresh));
    b.journal_s += al_clock() - t0;
    b.transitions += n;
    for (int i = 0; i < n; i++) {
        struct view_task *vt;
        must(view_add(b.v, fresh[i].id, fresh[i].verb, fresh[i].identity, &vt));
    }
    al_free(fresh);
}

// The four transitions of a task, each its own transaction as in the daemon.
static void live(const struct plan_task *t)
{
    static const enum task_event ev[] = {EV_SUBMIT, EV_STARTED, EV_RESULT, EV_COLLECTED};
    struct view_task *vt = view_find(b.v, t->id);
    if (vt->state != TASK_PENDING) return;
    double t0 = al_clock();
    for (int i = 0; i < 4; i++) {
        struct jr_change c = {.attempts = 1};
        if (i == 0) c.token = "0123456789abcdef0123456789abcdef";
        if (i == 1) c.pid = 4711;
        if (i == 2) c.ended = true;
        if (i == 3) outcome(t, &c);
        must(fsm_apply(b.j, b.v, vt, ev[i], &c));
    }
    b.journal_s += al_clock() - t0;
    b.transitions += 4;
}

static void row(const char *dir)
{
    char path[AL_PATH];
    struct stat st = {0};
    snprintf(path, sizeof path, "%s/alnd.db", dir);
    stat(path, &st);
    printf("| %d | %d | %ld | %.1f | %.1f | %.1f | %.0f | %.0f |\n", b.p->iteration, b.v->ntasks, b.plans, 1e6 * b.journal_s / (double)b.transitions,
           1e6 * b.plan_s / (double)b.transitions, 1e3 * b.plan_worst, (double)memory_kb() / 1024, (double)st.st_size / 1048576);
    fflush(stdout);
    b.plan_s = b.plan_worst = b.journal_s = 0;
    b.transitions = b.plans = 0;
}

static void configure(const char *dir, int systems, int iterations)
{
    char path[AL_PATH];
    snprintf(path, sizeof path, "%s/loop.yaml", dir);
    FILE *out = fopen(path, "w");
    if (!out) exit(1);
    fprintf(out, "name: large\nworkdir: %s/run\ninitial: {perturb: {frames: 1}}\ntrain: {committee: 4}\n", dir);
    fprintf(out, "explore: {temperatures: [600 K]}\nlabel: {pseudopotentials: GTH-PBE}\nresources: {label: {batch: 2}}\n");
    fprintf(out, "converge: {max_iterations: %d}\nproduction: {temperatures: [600 K]}\nsystems:\n", iterations);
    for (int i = 0; i < systems; i++)
        fprintf(out, "  - {name: s%05d, structure: %s/a.extxyz}\n", i, dir);
    if (fclose(out) != 0) exit(1);
    must(loop_config_read(path, &b.c));
    b.env.label_batch = b.c->resources.label_batch;
    b.env.open_only = true;
    for (int i = 0; i < systems; i++)
        snprintf(b.env.structure_sha[i], sizeof b.env.structure_sha[i], "structure%d", i);
}

int main(int argc, char **argv)
{
    int systems = argc > 1 ? atoi(argv[1]) : 1000, iterations = argc > 2 ? atoi(argv[2]) : 100;
    char dir[64], path[AL_PATH];
    long next = 0;
    snprintf(dir, sizeof dir, "%s/alnd-bench-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir)) return 1;
    double t0 = al_clock();
    configure(dir, systems, iterations);
    printf("%d systems, %d iterations; loop.yaml read in %.2f s, %.0f MB\n\n", systems, iterations, al_clock() - t0, (double)memory_kb() / 1024);
    snprintf(path, sizeof path, "%s/alnd.db", dir);
    must(journal_open(path, true, &b.j));
    must(view_create(&b.v));
    b.v->lean = true;
    puts("| iteration | tasks | plans | journal us/transition | planner us/transition | longest plan ms | memory MB | journal MB |");
    puts("|---|---|---|---|---|---|---|---|");
    for (plan(); b.p->iteration >= 0 || strncmp(b.p->stage, "init", 4) == 0; plan()) {
        if (strstr(b.p->stage, ": train") && b.p->iteration >= next) {
            row(dir);
            next = b.p->iteration < 1 ? 1 : 2 * b.p->iteration;
        }
        for (int i = 0; i < b.p->ntasks; i++)
            live(&b.p->task[i]);
    }
    row(dir);
    plan_destroy(&b.p);
    view_destroy(&b.v);
    journal_destroy(&b.j);
    loop_config_destroy(&b.c);
    (void)!al_remove_tree(dir);
    return 0;
}
