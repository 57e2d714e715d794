// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "core/journal.h"

static const char structure[] =
    "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\n"
    "Li 0 0 0\nS 2.5 2.5 2.5\n";

void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

void place_write(const struct place *p, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static int or_default(int value, int otherwise)
{
    return value ? value : otherwise;
}

void place_config(const struct place *p, const struct setting *s, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "name: small\nseed: 7\nworkdir: %s/run\nsystems:\n", p->dir);
    for (int i = 0; i < or_default(s->systems, 1); i++)
        fprintf(out, "  - {name: %c, structure: structures/a.extxyz}\n", 'A' + i);
    fprintf(out, "initial: {%s%s%s}\n", s->aimd_only ? "" : "perturb: {frames: 5}", s->aimd && !s->aimd_only ? ", " : "",
            s->aimd ? s->aimd : "");
    fprintf(out, "train: {committee: %d}\n", or_default(s->committee, 2));
    fputs("explore: {temperatures: [300 K", out);
    for (int i = 1; i < or_default(s->temperatures, 1); i++)
        fprintf(out, ", %d K", 300 * (i + 1));
    fprintf(out, "]}\nlabel: {pseudopotentials: %s/pseudo}\n", p->dir);
    fprintf(out, "converge: {patience: %d, min_iterations: %d, max_iterations: %d}\n",
            or_default(s->patience, 1), or_default(s->min_iterations, 1), or_default(s->max_iterations, 1));
    fprintf(out, "production: {temperatures: [500 K], replicas: 1}\n");
    fprintf(out, "resources: {cores: %d, retries: %d, heartbeat: %g s, straggler: %d %%, label: {batch: %d, ranks: %d}}\n",
            or_default(s->cores, 4), s->retries, s->heartbeat_s > 0 ? s->heartbeat_s : 60, or_default(s->straggler, 100),
            or_default(s->batch, 5), or_default(s->ranks, 1));
    if (s->extra) fputs(s->extra, out);
    assert_int_equal(fclose(out), 0);
}

void place_make(struct place *p, const struct setting *s)
{
    // thousands of small campaigns: in memory where that can be had, so that fsync costs nothing
    const char *tmp = getenv("TMPDIR");
    if (!tmp && access("/dev/shm", W_OK) == 0) tmp = "/dev/shm";
    char path[512];
    snprintf(p->dir, sizeof p->dir, "%s/alnd-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(p->dir));
    assert_int_equal(chdir(p->dir), 0);
    snprintf(path, sizeof path, "%s/structures", p->dir);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/pseudo", p->dir);
    assert_int_equal(mkdir(path, 0777), 0);
    place_write(p, "structures/a.extxyz", structure);
    place_write(p, "pseudo/03_Li_1.psp8", "Li\n");
    place_write(p, "pseudo/16_S_1.psp8", "S\n");
    place_config(p, s, "loop.yaml");
}

void place_remove(struct place *p)
{
    assert_int_equal(chdir("/"), 0);
    if (!getenv("ALND_TEST_KEEP")) (void)!al_remove_tree(p->dir);
}

pid_t alnd_start(const struct place *p, const char *const *args, const char *const *env)
{
    char log[300], out[300];
    const char *argv[16] = {ALND_PROGRAM};
    int n = 1;
    while (*args && n < 15)
        argv[n++] = *args++;
    snprintf(log, sizeof log, "%s/log", p->dir);
    snprintf(out, sizeof out, "%s/out", p->dir);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    setenv("ALND_WORKER", FAKE_WORKER, 1);
    setenv("ALND_MPIRUN", FAKE_MPIRUN, 1);
    setenv("ALND_FAKE_LOG", log, 1);
    for (; env && *env; env++)
        putenv((char *)*env);
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(120);
    execv(argv[0], (char *const *)argv);
    _exit(121);
}

int alnd_wait(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int alnd_run(const struct place *p, const char *const *args, const char *const *env)
{
    return alnd_wait(alnd_start(p, args, env));
}

char *place_read(const struct place *p, const char *name)
{
    char path[512], *text = NULL;
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    if (al_file_read(path, 0, &text, NULL) != AL_ERR_OK) text = calloc(1, 1);
    assert_non_null(text);
    return text;
}

int log_count(const struct place *p, const char *what, const char *id)
{
    char *text = place_read(p, "log"), *save = NULL;
    int n = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        size_t k = strlen(what);
        if (strncmp(line, what, k) == 0 && line[k] == ' ' && (!id || strcmp(line + k + 1, id) == 0)) n++;
    }
    free(text);
    return n;
}

void wait_for_log(const struct place *p, const char *what, const char *id, int n)
{
    for (int i = 0; i < 1000; i++) {
        if (log_count(p, what, id) >= n) return;
        sleep_ms(20);
    }
    char *out = place_read(p, "out");
    fail_msg("the log never got %d lines '%s %s'; alnd said: %s", n, what, id ? id : "(any)", out);
}

void assert_nothing_twice(const struct place *p)
{
    char *text = place_read(p, "log"), *save = NULL;
    char *ended[512];
    int n = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *id = strchr(line, ' ');
        assert_non_null(id);
        for (int i = 0; i < n; i++)
            if (strcmp(ended[i], id) == 0) fail_msg("'%s' after the task had ended", line);
        if (strncmp(line, "end ", 4) == 0) {
            assert_true(n < 512);
            ended[n++] = id;
        }
    }
    free(text);
}

static int by_id(const void *a, const void *b)
{
    const struct view_task *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

char *journal_text(const struct place *p)
{
    struct journal *j = NULL;
    struct view *v = NULL;
    char path[512], *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/run/alnd.db", p->dir);
    assert_int_equal(journal_open(path, false, &j), AL_ERR_OK);
    assert_int_equal(view_create(&v), AL_ERR_OK);
    assert_int_equal(journal_load(j, v), AL_ERR_OK);
    const struct view_task **sorted = calloc((size_t)v->ntasks + 1, sizeof *sorted);
    assert_non_null(sorted);
    for (int i = 0; i < v->ntasks; i++)
        sorted[i] = &v->task[i];
    qsort(sorted, (size_t)v->ntasks, sizeof *sorted, by_id);
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    for (int i = 0; i < v->ntasks; i++) {
        const struct view_task *t = sorted[i];
        fprintf(out, "%s %s %s %s\n", t->id, t->verb, t->identity, task_state_name(t->state));
        for (int k = 0; k < t->nfacts; k++)
            fprintf(out, "  %s=%s\n", t->fact[k].key, t->fact[k].value);
        for (int k = 0; k < t->nartifacts; k++)
            fprintf(out, "  %s %s\n", t->artifact[k].path, t->artifact[k].sha256);
    }
    fclose(out);
    free(sorted);
    view_destroy(&v);
    journal_destroy(&j);
    return text;
}

void must_run(const struct place *p, const char *const *args, const char *const *env, int code)
{
    int rc = alnd_run(p, args, env);
    if (rc == code) return;
    char *out = place_read(p, "out"), *log = place_read(p, "run/alnd.log");
    fail_msg("alnd %s ended with %d, not %d; it said:\n%s\nalnd.log:\n%s", args[0], rc, code, out, log);
}

bool output_says(const struct place *p, const char *text)
{
    char *out = place_read(p, "out");
    bool found = strstr(out, text) != NULL;
    free(out);
    return found;
}

void output_has(const struct place *p, const char *text)
{
    if (output_says(p, text)) return;
    char *out = place_read(p, "out");
    fail_msg("'%s' is not in the output:\n%s", text, out);
}

static const char *const start[] = {"start", "loop.yaml", NULL};

char *whole_campaign(const struct place *p)
{
    must_run(p, start, NULL, 0);
    char *undisturbed = journal_text(p);
    assert_true(strlen(undisturbed) > 1000);
    assert_int_equal(system("rm -rf run log"), 0);
    return undisturbed;
}

void must_end_as(const struct place *p, const char *undisturbed)
{
    must_run(p, start, NULL, 0);
    assert_nothing_twice(p);
    char *now = journal_text(p);
    assert_string_equal(now, undisturbed);
    free(now);
}

void view_finish(struct view *v, const struct plan_task *t, const char *facts, const char *artifacts)
{
    struct view_task *vt = view_find(v, t->id);
    char copy[2048], path[1024], hex[65], *save = NULL;
    const struct plan_input *late = vt ? NULL : plan_task_late(t); // as the loop does when it adds the task
    if (!vt) assert_int_equal(view_add(v, t->id, t->verb, t->identity, &vt), AL_ERR_OK);
    for (int i = 0; late && i < late->n; i++)
        assert_int_equal(view_add_fact(v, vt, PLAN_LATE, late->value[i]), AL_ERR_OK);
    view_set_state(v, vt, TASK_DONE);
    vt->attempts = 1;
    snprintf(copy, sizeof copy, "%s", facts);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *eq = strchr(w, '=');
        assert_non_null(eq);
        *eq = '\0';
        assert_int_equal(view_add_fact(v, vt, w, eq + 1), AL_ERR_OK);
    }
    snprintf(copy, sizeof copy, "%s", artifacts);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        struct al_sha256 s;
        snprintf(path, sizeof path, "%s/%s", t->id, w);
        al_sha256_init(&s);
        al_sha256_string(&s, t->identity);
        al_sha256_string(&s, w);
        al_sha256_hex(&s, hex);
        assert_int_equal(view_add_artifact(v, vt, path, hex), AL_ERR_OK);
    }
}
