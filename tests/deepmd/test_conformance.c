// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the loop relies on, of every trainer alike (train/engine.h): test_conformance builtin | deepmd. The latter needs the dp beside
// $ALND_PEER_PYTHON or /opt/dpvenv/bin/python; exit 77 without it.
#include "train_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fsio.h"
#include "deepmd/deepmd.h"

enum { STEPS = 2000, EVERY = 20, MIDDLE = 500 };

static const struct trainer_ops *engine;
static char top[] = "/tmp/alnd-conform-XXXXXX", program[AL_PATH];
static struct dp_dataset *train_data, *valid_data;

struct seen {
    long first, last, resumed;
    int rows;
    long stop_at, kill_at; // 0: never
    bool stop, slow;
    double first_trn_f;
};

static void on_row(void *ctx, const struct train_progress *p)
{
    struct seen *s = ctx;
    assert_true(p->step > s->last && p->steps == STEPS && p->lr > 0 && isfinite(p->loss));
    if (!s->rows++) {
        s->first = p->step;
        s->first_trn_f = p->rmse_f;
    }
    s->last = p->step;
    if (s->slow) usleep(20000); // so that there are checkpoints before the end, however fast the machine is
    if (s->stop_at && p->step >= s->stop_at) s->stop = true;
    if (s->kill_at && p->step >= s->kill_at) kill(getpid(), SIGKILL);
}

static bool on_stop(void *ctx)
{
    return ((struct seen *)ctx)->stop;
}

static void on_resumed(void *ctx, long step)
{
    ((struct seen *)ctx)->resumed = step;
}

static struct train_options options(const char *dir, struct seen *s)
{
    struct train_options o = fixture_options(STEPS);
    *s = (struct seen){.first = -1, .last = -1, .resumed = -1};
    o.report_every = EVERY;
    o.valid_batches = 0;
    o.checkpoint_seconds = 0.05; // deepmd-kit has a rule of its own
    o.optimiser = OPTIMISER_ADAM;
    o.dir = dir;
    o.program = program;
    o.meta = "{\"program\":\"alnd\"}";
    o.fingerprint = "one";
    o.observe = on_row;
    o.check_stop = on_stop;
    o.resumed = on_resumed;
    o.ctx = s;
    return o;
}

static const char *place(const char *name, char ret[AL_PATH])
{
    MUST(al_path(ret, "%s/%s", top, name));
    MUST(al_mkdirs(ret));
    return ret;
}

static char *read_file(const char *dir, const char *name, size_t *ret_n)
{
    char path[AL_PATH], *text = NULL;
    MUST(al_path(path, "%s/%s", dir, name));
    MUST(al_file_read(path, 0, &text, ret_n));
    return text;
}

// Every row is there once, in order, the first of step 0 and the last of the last step; the last column is the learning rate.
static void check_curve(const char *dir)
{
    char *text = read_file(dir, "lcurve.out", NULL);
    long want = 0;
    int heads = 0;
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (*line == '#') {
            heads++;
            continue;
        }
        double v[16];
        int n = 0;
        for (char *p = line, *end; n < 16 && *p != '\n'; p = end, n++) {
            v[n] = strtod(p, &end);
            if (end == p) break;
        }
        assert_int_equal(n, 10);
        assert_int_equal((long)v[0], want);
        assert_true(v[9] > 0.9e-5 && v[9] < 1.1e-3);
        want += EVERY;
    }
    assert_int_equal(want, STEPS + EVERY);
    assert_int_equal(heads, 2);
    al_free(text);
}

static struct dp_model *model_in(const char *dir)
{
    char path[AL_PATH];
    struct dp_model *m = NULL;
    MUST(al_path(path, "%s/model.dp", dir));
    MUST(dp_model_read(path, &m));
    return m;
}

static bool same_files(const char *a, const char *b, const char *name)
{
    size_t n, k;
    char *x = read_file(a, name, &n), *y = read_file(b, name, &k);
    bool same = n == k && memcmp(x, y, n) == 0;
    al_free(x);
    al_free(y);
    return same;
}

// No process of ours is left.
static void nobody_lives(const char *dir)
{
    DIR *d = opendir("/proc");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char link[300], cwd[AL_PATH];
        if (e->d_name[0] < '0' || e->d_name[0] > '9') continue;
        snprintf(link, sizeof link, "/proc/%s/cwd", e->d_name);
        ssize_t n = readlink(link, cwd, sizeof cwd - 1);
        if (n <= 0) continue;
        cwd[n] = '\0';
        if (strncmp(cwd, dir, strlen(dir)) == 0) fail_msg("process %s works on in %s", e->d_name, cwd);
    }
    closedir(d);
}

// --- the tests -----------------------------------------------------------------------------------------

static void to_the_end(void **state)
{
    (void)state;
    struct seen s;
    struct train_outcome done;
    struct train_rmse r;
    char dir[AL_PATH];
    struct train_options o = options(place("whole", dir), &s);
    MUST(engine->check(&o));
    MUST(engine->run(&o, train_data, valid_data, &done));
    assert_int_equal(done.steps, STEPS);
    assert_int_equal(done.recoveries, 0);
    assert_int_equal(s.last, STEPS);
    assert_int_equal(s.rows, STEPS / EVERY + 1);
    assert_int_equal(s.resumed, -1);
    check_curve(dir);
    struct dp_model *m = model_in(dir);
    assert_string_equal(m->c.type_map[0], "Li");
    assert_int_equal(m->c.fit[0], 12);
    assert_true(m->min_nbor_dist >= 1.5 && m->min_nbor_dist < 3);
    assert_true(m->meta && strstr(m->meta, "\"alnd\""));
    MUST(train_rmse(m, train_data, 1, -1, &r));
    printf("%s: force error of the first row %.4f, of the model %.4f eV/Ang\n", engine->name, s.first_trn_f, r.f);
    assert_true(r.f < 0.7 * s.first_trn_f);
    dp_model_destroy(&m);
}

static void once_more(void **state)
{
    (void)state;
    struct seen s;
    struct train_outcome done;
    char dir[AL_PATH], copy[AL_PATH], from[AL_PATH], to[AL_PATH];
    struct train_options o = options(place("whole", dir), &s);
    place("copy", copy);
    static const char *const names[] = {"model.dp", "lcurve.out"};
    for (int i = 0; i < 2; i++) {
        MUST(al_path(from, "%s/%s", dir, names[i]));
        MUST(al_path(to, "%s/%s", copy, names[i]));
        MUST(al_file_copy(from, to));
    }
    MUST(engine->run(&o, train_data, valid_data, &done));
    assert_true(same_files(dir, copy, "model.dp") && same_files(dir, copy, "lcurve.out"));
}

static void gone_on(const char *dir)
{
    struct seen s;
    struct train_outcome done;
    char whole[AL_PATH];
    struct train_options o = options(dir, &s);
    MUST(engine->run(&o, train_data, valid_data, &done));
    printf("%s: goes on from step %ld\n", engine->name, s.resumed);
    assert_true(s.resumed >= MIDDLE / 2 && s.resumed < STEPS);
    assert_true(s.first >= s.resumed && s.last == STEPS);
    assert_int_equal(done.steps, STEPS);
    check_curve(dir);
    struct dp_model *m = model_in(dir);
    struct train_rmse r;
    MUST(train_rmse(m, train_data, 1, -1, &r));
    assert_true(isfinite(r.f) && r.f < 0.5);
    dp_model_destroy(&m);
    if (engine == &trainer_builtin) assert_true(same_files(dir, place("whole", whole), "model.dp"));
}

static void stopped(void **state)
{
    (void)state;
    struct seen s;
    struct train_outcome done;
    char dir[AL_PATH], path[AL_PATH];
    struct train_options o = options(place("stopped", dir), &s);
    s.stop_at = MIDDLE;
    assert_int_equal(engine->run(&o, train_data, valid_data, &done), AL_ERR_STOPPED);
    MUST(al_path(path, "%s/model.dp", dir));
    assert_false(al_exists(path));
    nobody_lives(dir);
    gone_on(dir);
}

static void killed(void **state)
{
    (void)state;
    char dir[AL_PATH];
    int status;
    place("killed", dir);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct seen s;
        struct train_outcome done;
        struct train_options o = options(dir, &s);
        s.kill_at = MIDDLE;
        s.slow = true;
        enum al_err e = engine->run(&o, train_data, valid_data, &done);
        _exit(e ? 1 : 0);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    usleep(300000);
    nobody_lives(dir);
    gone_on(dir);
}

// Statistics, bias and sizes are those of the model that it starts from, and its first row has that model's errors.
static void warm_start(void **state)
{
    (void)state;
    struct seen s;
    struct train_outcome done;
    struct train_rmse r;
    char dir[AL_PATH], whole[AL_PATH], from[AL_PATH];
    struct dp_model *a = model_in(place("whole", whole));
    MUST(al_path(from, "%s/model.dp", whole));
    struct train_options o = options(place("warm", dir), &s);
    o.init = from;
    o.model = (struct dp_config){0}; // not used
    dp_config_default(&o.model);
    o.batch = train_data->sys[0].nframes; // so that a row has the errors of all frames
    MUST(engine->run(&o, train_data, valid_data, &done));
    MUST(train_rmse(a, train_data, 1, -1, &r));
    printf("%s: first row of a warm start: force error %.4g, that of the model %.4g eV/Ang\n", engine->name, s.first_trn_f, r.f);
    assert_true(fabs(s.first_trn_f - r.f) < 0.01 * r.f); // three digits in deepmd-kit's curve
    struct dp_model *b = model_in(dir);
    for (int t = 0; t < a->c.ntypes; t++) {
        assert_true(a->c.sel[t] == b->c.sel[t] && a->bias[t] == b->bias[t]);
        for (int k = 0; k < 4; k++)
            assert_true(a->davg[t][k] == b->davg[t][k] && a->dstd[t][k] == b->dstd[t][k]);
    }
    assert_true(memcmp(a->param, b->param, a->nparam * sizeof *a->param) != 0);
    dp_model_destroy(&a);
    dp_model_destroy(&b);
}

static void never_a_model(void **state)
{
    (void)state;
    struct seen s;
    struct train_outcome done;
    char dir[AL_PATH], path[AL_PATH];
    struct train_options o = options(place("nan", dir), &s);
    double *e = &train_data->sys[0].force[7], kept = *e;
    o.observe = NULL;
    o.batch = train_data->sys[0].nframes; // it is in every batch
    *e = (double)NAN;
    enum al_err got = engine->run(&o, train_data, valid_data, &done);
    *e = kept;
    printf("%s: %s\n", engine->name, al_err_message());
    assert_int_equal(got, AL_ERR_UNPHYSICAL);
    assert_non_null(strstr(al_err_message(), "finite"));
    MUST(al_path(path, "%s/model.dp", dir));
    assert_false(al_exists(path));
    nobody_lives(dir);
}

static void refused(void **state)
{
    (void)state;
    struct seen s;
    struct train_outcome done;
    char dir[AL_PATH];
    const enum al_err other = engine == &trainer_deepmd ? AL_ERR_UNSUPPORTED : AL_ERR_OK;
    struct train_options o = options(place("refused", dir), &s);
    o.lr_start = -1;
    assert_int_equal(engine->check(&o), AL_ERR_INPUT);
    assert_int_equal(engine->run(&o, train_data, valid_data, &done), AL_ERR_INPUT);
    o = options(dir, &s);
    o.optimiser = OPTIMISER_SOAP;
    assert_int_equal(engine->check(&o), other);
    o = options(dir, &s);
    o.patience = 10;
    assert_int_equal(engine->check(&o), other);
    o = options(dir, &s);
    o.model.zbl = (struct dp_zbl_range){0.5, 1};
    assert_int_equal(engine->check(&o), other);
    o = options(dir, &s);
    o.model.rcut_angular = o.model.rcut;
    o.model.neuron_angular = o.model.axis_neuron;
    assert_int_equal(engine->check(&o), other);
    o = options(dir, &s);
    o.schedule = SCHEDULE_COSINE;
    assert_int_equal(engine->check(&o), AL_ERR_OK);
}

int main(int argc, char **argv)
{
    static const struct trainer_ops *const all[] = {&trainer_builtin, &trainer_deepmd};
    for (int i = 0; i < 2 && argc == 2; i++)
        if (strcmp(all[i]->name, argv[1]) == 0) engine = all[i];
    if (!engine) {
        fprintf(stderr, "usage: test_conformance builtin | deepmd\n");
        return 2;
    }
    const char *python = getenv("ALND_PEER_PYTHON"), *slash;
    if (!python) python = "/opt/dpvenv/bin/python";
    slash = strrchr(python, '/');
    snprintf(program, sizeof program, "%.*s/dp", slash ? (int)(slash - python) : 0, python);
    struct dpkit kit;
    if (engine == &trainer_deepmd && dpkit_find(program, &kit) != AL_ERR_OK) {
        printf("skipped: no %s (set ALND_PEER_PYTHON)\n", program);
        return 77;
    }
    if (!mkdtemp(top)) return 1;
    train_data = fixture_data(8, false, 500);
    valid_data = fixture_data(3, false, 700);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused), cmocka_unit_test(to_the_end), cmocka_unit_test(once_more),     cmocka_unit_test(stopped),
        cmocka_unit_test(killed),  cmocka_unit_test(warm_start), cmocka_unit_test(never_a_model),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    dp_dataset_destroy(&train_data);
    dp_dataset_destroy(&valid_data);
    MUST(al_remove_tree(top));
    return rc;
}
