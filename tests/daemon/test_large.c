// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A campaign of 100,000 tasks in the journal, written by the planner and the journal's own functions as a daemon would write it
// (twenty systems, ten temperatures, some hundred iterations). A daemon goes on with it: its memory and the time that `alnd status`
// takes are measured. `test_daemon_large N`: N tasks instead.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "core/rundir.h"
#include "support.h"

enum { SYSTEMS = 20, MEMORY_KB = 50000, START_KB = 10000 /* of them for a campaign of no tasks: mostly shared libraries */, STATUS_MS = 50, LOOKS = 20 };

static int wanted = 100000;
static struct place here;
static const char *const start[] = {"start", "loop.yaml", NULL};

// Artefacts and facts of a finished task as its worker would give them.
struct outcome {
    struct view_fact fact[SYSTEMS + 4];
    struct view_artifact artifact[3 * SYSTEMS];
    char text[3 * SYSTEMS][AL_PATH / 8];
    int nfacts, nartifacts;
};

static void give_fact(struct outcome *o, const char *key, const char *value)
{
    o->fact[o->nfacts++] = (struct view_fact){key, value};
}

static void give_file(struct outcome *o, const struct plan_task *t, const char *format, const char *system)
{
    struct view_artifact *a = &o->artifact[o->nartifacts];
    struct al_sha256 s;
    char name[100];
    snprintf(name, sizeof name, format, system);
    snprintf(o->text[o->nartifacts], sizeof o->text[0], "%s/%s", t->id, name);
    a->path = o->text[o->nartifacts++];
    al_sha256_init(&s);
    al_sha256_string(&s, t->identity);
    al_sha256_string(&s, name);
    al_sha256_hex(&s, a->sha256);
}

static void perform(const struct loop_config *c, const struct plan_task *t, struct outcome *o)
{
    static char frames[SYSTEMS][80];
    o->nfacts = o->nartifacts = 0;
    if (strcmp(t->verb, "train") == 0) {
        give_file(o, t, "model.dp%s", "");
        give_file(o, t, "lcurve.out%s", "");
        give_fact(o, "force_rmse", "0.1234567");
        give_fact(o, "seconds", "123.4");
    } else if (strcmp(t->verb, "explore") == 0) {
        give_file(o, t, "frames.extxyz%s", "");
        give_fact(o, "nframes", "100");
        give_fact(o, "steps", "2000");
    } else if (strcmp(t->verb, "select") == 0) {
        for (int i = 0; i < c->nsystems; i++) {
            snprintf(frames[i], sizeof frames[i], "frames.%s", c->system[i].name);
            give_fact(o, frames[i], "250");
            give_file(o, t, "%s.extxyz", c->system[i].name);
        }
    } else if (strcmp(t->verb, "label") == 0) {
        give_file(o, t, "labelled.extxyz%s", "");
        give_fact(o, "nframes", "5");
        give_fact(o, "nfailed", "0");
        give_fact(o, "seconds", "321.5");
        give_fact(o, "flops", "1.2345e+12");
    } else if (strcmp(t->verb, "gather") == 0) {
        give_fact(o, "ntrain", "50");
        for (int i = 0; i < c->nsystems; i++)
            give_file(o, t, "set/%s/set.001", c->system[i].name);
    } else {
        assert_string_equal(t->verb, "evaluate");
        give_fact(o, "below", "0");
        give_file(o, t, "errors.yaml%s", "");
    }
}

// The whole life of a task, transition by transition.
static void live(struct journal *j, struct view *v, const struct loop_config *c, const struct plan_task *t)
{
    static struct outcome o;
    struct view_task *vt = view_find(v, t->id);
    struct jr_change s[4] = {{.token = "0123456789abcdef0123456789abcdef"}, {.pid = 4711}, {.ended = true}, {.cause = ""}};
    static const char *const ev[] = {"submit", "started", "result", "collected"};
    const enum task_state states[] = {vt->state, TASK_SUBMITTING, TASK_INFLIGHT, TASK_COLLECTING, TASK_DONE};
    perform(c, t, &o);
    s[3].nfacts = o.nfacts;
    s[3].fact = o.fact;
    s[3].nartifacts = o.nartifacts;
    s[3].artifact = o.artifact;
    for (int i = 0; i < 4; i++) {
        s[i].attempts = vt->attempts + 1;
        s[i].task = t->id;
        s[i].ev = ev[i];
        s[i].was = states[i];
        s[i].now = states[i + 1];
    }
    assert_int_equal(journal_changes(j, 4, s), AL_ERR_OK);
    view_set_state(v, vt, TASK_DONE);
    vt->attempts++;
    for (int i = 0; i < o.nfacts; i++)
        assert_int_equal(view_add_fact(v, vt, o.fact[i].key, o.fact[i].value), AL_ERR_OK);
    for (int i = 0; i < o.nartifacts; i++)
        assert_int_equal(view_add_artifact(v, vt, o.artifact[i].path, o.artifact[i].sha256), AL_ERR_OK);
}

// Planned tasks into the journal; those that were open are done. The last plan stays open once there are tasks enough.
static void fill(void)
{
    struct journal *j = NULL;
    struct view *v = NULL;
    struct loop_config *c = NULL;
    struct plan_env env;
    assert_int_equal(journal_open("run/alnd.db", false, &j), AL_ERR_OK);
    assert_int_equal(view_create(&v), AL_ERR_OK);
    assert_int_equal(journal_load(j, v), AL_ERR_OK);
    assert_int_equal(rundir_look("run", j, &c, &env), AL_ERR_OK);
    env.open_only = true;
    for (;;) {
        struct plan *p = NULL;
        assert_int_equal(plan_build(c, &env, v, &p), AL_ERR_OK);
        assert_false(p->finished);
        struct jr_new *fresh = calloc((size_t)p->ntasks + 1, sizeof *fresh);
        assert_non_null(fresh);
        int n = 0;
        for (int i = 0; i < p->ntasks; i++) {
            const struct plan_task *t = &p->task[i];
            struct view_task *vt = view_find(v, t->id);
            if (vt) continue;
            fresh[n++] = (struct jr_new){.id = t->id, .verb = t->verb, .identity = t->identity, .iteration = t->iteration};
            assert_int_equal(view_add(v, t->id, t->verb, t->identity, &vt), AL_ERR_OK);
        }
        if (n) assert_int_equal(journal_add(j, n, fresh), AL_ERR_OK);
        free(fresh);
        bool enough = v->ntasks >= wanted && strstr(p->stage, ": train");
        for (int i = 0; i < p->ntasks && !enough; i++)
            live(j, v, c, &p->task[i]);
        plan_destroy(&p);
        if (enough) break;
    }
    printf("%d tasks in the journal\n", v->ntasks);
    view_destroy(&v);
    journal_destroy(&j);
    loop_config_destroy(&c);
}

// A line of /proc/PID/status in kB.
static long memory_of(pid_t pid, const char *key)
{
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        if (strncmp(line, key, strlen(key)) == 0) kb = strtol(line + strlen(key) + 1, NULL, 10);
    fclose(in);
    return kb;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// `alnd status` again and again, the whole command from fork to exit; its least time, so that another program's load does not count.
static void measure_status(const char *what)
{
    static const char *const args[] = {"status", "run", NULL};
    struct place other = here;
    double ms[LOOKS];
    snprintf(other.dir, sizeof other.dir, "%.200s/s", here.dir);
    if (access(other.dir, F_OK) != 0) assert_int_equal(system("mkdir s"), 0);
    for (int i = 0; i < LOOKS; i++) {
        double t0 = al_clock();
        assert_int_equal(alnd_run(&other, args, NULL), 0);
        ms[i] = 1e3 * (al_clock() - t0);
        sleep_ms(20);
    }
    qsort(ms, LOOKS, sizeof *ms, by_size);
    char *text = place_read(&other, "out");
    assert_non_null(strstr(text, "state       running"));
    free(text);
    printf("alnd status, %s: %.1f ms at best, %.1f in the middle, %.1f at worst\n", what, ms[0], ms[LOOKS / 2], ms[LOOKS - 1]);
    assert_true(ms[0] < STATUS_MS);
}

// The same while the daemon makes its plan of everything: from the moment that it listens until its first worker.
static void measure_planning(int begun)
{
    static const char *const args[] = {"status", "run", NULL};
    struct place other = here;
    double ms[1000];
    int n = 0;
    snprintf(other.dir, sizeof other.dir, "%.200s/s", here.dir);
    if (access(other.dir, F_OK) != 0) assert_int_equal(system("mkdir s"), 0);
    for (int i = 0; i < 60000 && access("run/alnd.sock", F_OK) != 0; i++)
        sleep_ms(1);
    while (n < 1000 && log_count(&here, "begin", NULL) <= begun) {
        double t0 = al_clock();
        assert_int_equal(alnd_run(&other, args, NULL), 0);
        ms[n++] = 1e3 * (al_clock() - t0);
    }
    if (!n) return; // too fast to be asked
    qsort(ms, (size_t)n, sizeof *ms, by_size);
    printf("alnd status, %d times while the first plan is made: %.1f ms at best, %.1f in the middle, %.1f at worst\n", n, ms[0], ms[n / 2], ms[n - 1]);
    if (n >= 10) assert_true(ms[n / 2] < STATUS_MS);
}

static void status_in_a_run(void **state)
{
    (void)state;
    const char *const env[] = {"ALND_FAKE_MS=20000", "ALND_FAKE_SLOW=train", NULL};
    place_make(&here, &(struct setting){.ranks = 1});
    pid_t pid = alnd_start(&here, start, env);
    wait_for_log(&here, "begin", "iterations/000/train/1", 1);
    measure_status("small run");
    printf("daemon: %ld kB\n", memory_of(pid, "VmHWM"));
    kill(pid, SIGINT);
    assert_int_equal(alnd_wait(pid), 3);
    place_remove(&here);
}

static void a_large_campaign(void **state)
{
    (void)state;
    const char *const fail[] = {"ALND_FAKE_FAIL=iterations/000/train/0:INPUT", NULL},
                      *const env[] = {"ALND_FAKE_MS=600000", "ALND_FAKE_SLOW=train", NULL};
    place_make(&here, &(struct setting){.ranks = 1, .systems = SYSTEMS, .temperatures = 10, .max_iterations = 1000, .committee = 4});
    assert_int_equal(alnd_run(&here, start, fail), 1); // the initial data, by workers
    int begun = log_count(&here, "begin", NULL);
    double t0 = al_clock();
    fill();
    printf("filled in %.0f s\n", al_clock() - t0);
    t0 = al_clock();
    pid_t pid = alnd_start(&here, start, env);
    measure_planning(begun);
    for (int i = 0; i < 3000 && log_count(&here, "begin", NULL) <= begun; i++)
        sleep_ms(50);
    printf("daemon at work after %.1f s\n", al_clock() - t0);
    measure_status("large run");
    long peak = memory_of(pid, "VmHWM"), now = memory_of(pid, "VmRSS");
    printf("daemon: %ld kB at most, %ld kB now\n", peak, now);
    assert_true(peak > 1000 && peak < START_KB + (long)((MEMORY_KB - START_KB) * (double)wanted / 100000));
    kill(pid, SIGINT);
    assert_int_equal(alnd_wait(pid), 3);
    place_remove(&here);
}

int main(int argc, char **argv)
{
    if (argc > 1) wanted = (int)strtol(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {cmocka_unit_test(status_in_a_run), cmocka_unit_test(a_large_campaign)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
