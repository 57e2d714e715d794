// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The trainer: Adam and the learning rate by hand, statistics against sums written out here, and
// restarts that give the bits of an undisturbed run.
#include "train_fixture.h"

#include <unistd.h>

#include "base/fsio.h"
#include "train/stats.h"
#include "train/trainer_impl.h"

static char dir[] = "/tmp/alnd-train-XXXXXX";

static void near(double a, double b, double tol)
{
    if (!(fabs(a - b) <= tol)) fail_msg("%.17g instead of %.17g", a, b);
}

// Two steps of one number: m = 0.1 g, v = 0.001 g^2 at first, so the first step is lr g/(|g| +
// eps/sqrt(0.001)). The constants and the powers of b1, b2 are float32 numbers, as in deepmd-kit.
static void adam(void **state)
{
    (void)state;
    struct adam a;
    MUST(adam_create(1, &a));
    double x = 1, g1 = 0.5, g2 = -0.25, lr = 0.01;
    adam_update(&a, 1, lr, &g1, &x);
    double x1 = 1 - lr * 0.5 / (0.5 + (double)1e-8f / sqrt(1 - (double)0.999f));
    near(x, x1, 1e-15);
    adam_update(&a, 2, lr, &g2, &x);
    double b1 = (double)0.9f, b2 = (double)0.999f, p1 = (double)(0.9f * 0.9f), p2 = (double)(0.999f * 0.999f);
    double m = b1 * (1 - b1) * 0.5 + (1 - b1) * -0.25, v = b2 * (1 - b2) * 0.25 + (1 - b2) * 0.0625;
    near(x, x1 - lr * sqrt(1 - p2) / (1 - p1) * m / (sqrt(v) + (double)1e-8f), 1e-15);
    adam_free(&a);
}

static void learning_rate(void **state)
{
    (void)state;
    struct train_options o;
    train_options_default(&o);
    o.steps = 1000000;
    o.lr_stop = 1e-8;
    near(train_learning_rate(&o, 4999), 1e-3, 1e-10); // float32 of it
    near(train_learning_rate(&o, 5000) / 1e-3, pow(1e-5, 0.005), 1e-6);
    near(train_learning_rate(&o, 2000000) / 1e-8, 1, 1e-6);
    o.steps = 4000; // default 5000 is too long: 100
    near(train_learning_rate(&o, 99) / 1e-3, 1, 1e-6);
    near(train_learning_rate(&o, 250) / 1e-3, pow(1e-5, 200.0 / 4000), 1e-6);
    o.steps = 500; // floor(500/100) + 1 = 6
    near(train_learning_rate(&o, 6) / 1e-3, pow(1e-5, 6.0 / 500), 1e-6);
    struct loss_weights w = train_prefactors(&o, 0), z = train_prefactors(&o, 100000);
    near(w.e, 0.02, 1e-7); // 1 - 0.98 in float32
    near(w.f, 1000, 1e-4);
    near(z.f, 1 + 999e-5, 1e-3);
    near(w.v, 0, 0);
}

static double row_s(double r, double rc, double rs)
{
    double u = (r - rs) / (rc - rs);
    u = u < 0 ? 0 : u;
    return u >= 1 ? 0 : (1 + u * u * u * (-10 + u * (15 - 6 * u))) / r;
}

// davg, dstd by plain sums over a brute-force neighbour search (cells of 7.5 Ang, cut-off 4.5: 27 images
// suffice).
static void statistics(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(6, true, 100);
    struct dp_model *m = fixture_model(NULL, 1);
    struct env_cache *env = NULL;
    MUST(env_cache_create(&m->c, d, 1 << 20, &env));
    MUST(stats_environment(m, d, env));
    double n[4] = {0}, s1[4] = {0}, s2[4] = {0}, a1[4] = {0}, a2[4] = {0};
    for (int k = 0; k < d->nsys; k++)
        for (int f = 0; f < d->sys[k].nframes; f++) {
            const struct dp_system *q = &d->sys[k];
            const double(*x)[3] = (const double(*)[3])(q->coord + (size_t)(3 * q->natoms * f));
            const double(*c)[3] = (const double(*)[3])(q->box + 9 * (size_t)f);
            for (int i = 0; i < q->natoms; i++) {
                int t = dp_config_type(&m->c, q->z[i]);
                n[t] += m->nnei;
                for (int j = 0; j < 27 * q->natoms; j++) {
                    double v[3], r = 0;
                    for (int a = 0; a < 3; a++) {
                        int p = j / q->natoms;
                        v[a] = x[j % q->natoms][a] - x[i][a] + (p % 3 - 1) * c[0][a] +
                               (p / 3 % 3 - 1) * c[1][a] + (p / 9 - 1) * c[2][a];
                        r += v[a] * v[a];
                    }
                    r = sqrt(r);
                    if (r < 1e-9 || r >= 4.5) continue;
                    double s = row_s(r, 4.5, 0.5);
                    s1[t] += s;
                    s2[t] += s * s;
                    for (int a = 0; a < 3; a++) {
                        a1[t] += s * v[a] / r;
                        a2[t] += s * v[a] / r * s * v[a] / r;
                    }
                }
            }
        }
    for (int t = 0; t < 4; t++) {
        near(m->davg[t][0], s1[t] / n[t], 1e-14);
        near(m->dstd[t][0], sqrt(s2[t] / n[t] - pow(s1[t] / n[t], 2)), 1e-12);
        near(m->dstd[t][2], sqrt(a2[t] / (3 * n[t]) - pow(a1[t] / (3 * n[t]), 2)), 1e-12);
        assert_true(m->dstd[t][0] > 0.01 && m->davg[t][1] == 0);
    }
    env_cache_destroy(&env);
    dp_model_destroy(&m);
    dp_dataset_destroy(&d);
}

// Exactly solvable energies give the bias back; fixed composition gives the minimum-norm solution.
static void energy_bias(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(4, false, 200);
    struct dp_model *m = fixture_model(NULL, 1);
    struct env_cache *env = NULL;
    for (int i = 0; i < 4; i++)
        d->sys[0].energy[i] = -24;
    MUST(env_cache_create(&m->c, d, 0, &env));
    MUST(stats_energy_bias(m, d, env));
    // 12 atoms Li4 P2 S4 O2: b = E n/|n|^2 with n = (4, 2, 4, 2), |n|^2 = 40
    near(m->bias[0], -24 * 4.0 / 40, 1e-12);
    near(m->bias[1], -24 * 2.0 / 40, 1e-12);
    near(m->bias[2], -24 * 4.0 / 40, 1e-12);
    env_cache_destroy(&env);
    dp_dataset_destroy(&d);
    dp_model_destroy(&m);
    assert_int_equal(stats_sel(10, 1.1), 12);
    assert_int_equal(stats_sel(40, 1.1), 44);
    assert_int_equal(stats_sel(41, 1.1), 48);
}

// Many frames of one composition in two sizes: rounding gives the matrix tiny singular values that must not count.
static void energy_bias_many(void **state)
{
    (void)state;
    const int z[] = {3, 15, 16, 16, 3, 16, 3, 16}; // Li3PS4
    struct dp_model *m = fixture_model(NULL, 1);
    struct dp_dataset *d = NULL;
    struct env_cache *env = NULL;
    struct al_frames *fs = NULL;
    MUST(al_frames_create(&fs));
    for (int i = 0; i < 400; i++) {
        struct al_frame *f = fixture_frame(i % 3 ? 32 : 16, z, 8, 12, 1, 5 + (uint64_t)i);
        f->energy = -1800.0 * f->natoms / 8 + 0.1 * sin(i);
        f->have = AL_HAVE_ENERGY;
        MUST(al_frames_push(fs, &f));
    }
    MUST(dp_dataset_create(&d));
    MUST(dp_dataset_add_frames(d, "many", fs));
    MUST(env_cache_create(&m->c, d, 0, &env));
    MUST(stats_energy_bias(m, d, env));
    near(m->bias[0], -1800 * 3 / 26.0, 0.02); // n = (3, 1, 4), |n|^2 = 26
    near(m->bias[1], -1800 * 1 / 26.0, 0.02);
    near(m->bias[2], -1800 * 4 / 26.0, 0.02);
    near(m->bias[3], 0, 1e-12);
    env_cache_destroy(&env);
    dp_dataset_destroy(&d);
    dp_model_destroy(&m);
    al_frames_destroy(&fs);
}

static int stop_after, asked;

static bool check_stop(void *ctx)
{
    (void)ctx;
    return ++asked == stop_after;
}

static void file_of(const char *sub, const char *name, char **ret, size_t *n)
{
    char path[AL_PATH];
    MUST(al_path(path, "%s/%s/%s", dir, sub, name));
    MUST(al_file_read(path, 0, ret, n));
}

static void same_file(const char *name)
{
    char *a = NULL, *b = NULL;
    size_t na, nb;
    file_of("whole", name, &a, &na);
    file_of("parts", name, &b, &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    al_free(a);
    al_free(b);
}

static enum al_err run(struct train_options *o, const char *sub, const struct dp_dataset *d,
                       const struct dp_dataset *v)
{
    char path[AL_PATH];
    MUST(al_path(path, "%s/%s", dir, sub));
    MUST(al_mkdirs(path));
    o->dir = path;
    struct trainer *t = NULL;
    enum al_err e = trainer_create(o, d, v, &t);
    if (e == AL_ERR_OK) e = trainer_run(t);
    trainer_destroy(&t);
    return e;
}

static void forget(const char *sub)
{
    char path[AL_PATH];
    MUST(al_path(path, "%s/%s", dir, sub));
    MUST(al_remove_tree(path));
}

// Stopped twice (once between checkpoints of the clock) and resumed, also with a cache that holds nothing:
// same files.
static void restart_on(enum gradient_path path, enum optimiser_kind kind)
{
    struct dp_dataset *d = fixture_data(7, true, 400), *v = fixture_data(2, false, 500);
    struct train_options o = fixture_options(60);
    o.path = path;
    o.optimiser = kind;
    o.schedule = kind == OPTIMISER_ADAM ? SCHEDULE_EXPONENTIAL : SCHEDULE_COSINE;
    o.batch = path == GRADIENT_DOUBLE ? 2 : 1;
    forget("whole");
    forget("parts");
    MUST(run(&o, "whole", d, v));
    o.check_stop = check_stop;
    asked = 0;
    stop_after = 23;
    assert_int_equal(run(&o, "parts", d, v), AL_ERR_STOPPED);
    o.cache_bytes = 0;
    asked = 0;
    stop_after = 14;
    assert_int_equal(run(&o, "parts", d, v), AL_ERR_STOPPED);
    o.check_stop = NULL;
    MUST(run(&o, "parts", d, v));
    same_file("model.dp");
    same_file("checkpoint.bin");
    same_file("lcurve.out");
    char *curve = NULL;
    size_t n, lines = 0;
    file_of("whole", "lcurve.out", &curve, &n);
    for (size_t i = 0; i < n; i++)
        lines += curve[i] == '\n';
    assert_int_equal(lines, 2 + 7); // header; steps 0, 10, ..., 60
    assert_non_null(strstr(
        curve, "# step       rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn"));
    al_free(curve);
    MUST(run(&o, "parts", d, v)); // finished: again the same
    same_file("model.dp");
    same_file("lcurve.out");
    dp_dataset_destroy(&d);
    dp_dataset_destroy(&v);
}

static void restart(void **state)
{
    (void)state;
    restart_on(GRADIENT_PLAIN, OPTIMISER_ADAM);
    restart_on(GRADIENT_DOUBLE, OPTIMISER_ADAM);
    restart_on(GRADIENT_MIXED, OPTIMISER_ADAM);
}

// Killed after a checkpoint in the middle: steps and rows after it are done again.
static void killed_on(enum optimiser_kind kind)
{
    struct dp_dataset *d = fixture_data(7, true, 400), *v = fixture_data(2, false, 500);
    struct train_options o = fixture_options(60);
    o.optimiser = kind;
    o.schedule = kind == OPTIMISER_ADAM ? SCHEDULE_EXPONENTIAL : SCHEDULE_COSINE;
    char from[AL_PATH], to[AL_PATH];
    MUST(al_path(to, "%s/keep.bin", dir));
    MUST(al_path(from, "%s/parts", dir));
    MUST(al_remove_tree(from));
    MUST(al_path(from, "%s/parts/checkpoint.bin", dir));
    o.check_stop = check_stop;
    asked = 0;
    stop_after = 31;
    assert_int_equal(run(&o, "parts", d, v), AL_ERR_STOPPED);
    MUST(al_file_copy(from, to));
    asked = 0;
    stop_after = 25; // goes on to step 56, writing rows 40 and 50; then the older checkpoint comes back
    assert_int_equal(run(&o, "parts", d, v), AL_ERR_STOPPED);
    MUST(al_file_copy(to, from));
    o.check_stop = NULL;
    MUST(run(&o, "parts", d, v));
    same_file("model.dp");
    same_file("lcurve.out");
    o.seed++; // another run must not take this checkpoint
    assert_int_equal(run(&o, "parts", d, v), AL_ERR_CORRUPT);
    o.seed--;
    char *buf = NULL;
    size_t n;
    MUST(al_file_read(from, 0, &buf, &n));
    buf[n / 2] ^= 1;
    MUST(al_file_write(from, buf, n));
    assert_int_equal(run(&o, "parts", d, v), AL_ERR_CORRUPT);
    al_free(buf);
    dp_dataset_destroy(&d);
    dp_dataset_destroy(&v);
}

static void killed(void **state)
{
    (void)state;
    killed_on(OPTIMISER_ADAM);
}

static void soap(void **state)
{
    (void)state;
    restart_on(GRADIENT_MIXED, OPTIMISER_SOAP);
    killed_on(OPTIMISER_SOAP);
}

// A rate too low to learn anything: the second row without progress starts the way down, 30/4 + 1 steps to the end;
// stopped on that way and resumed: same files. A training that learns goes to its last step.
static void patience(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(7, true, 400), *v = fixture_data(2, false, 500);
    struct train_options o = fixture_options(60);
    o.lr_start = 1e-9;
    o.lr_stop = 1e-10;
    o.patience = 2;
    forget("whole");
    forget("parts");
    MUST(run(&o, "whole", d, v));
    o.check_stop = check_stop;
    for (int k = 0; k < 2; k++) {
        asked = 0;
        stop_after = k ? 8 : 26; // at 26, between the rows that count, and at 34, on the way down
        assert_int_equal(run(&o, "parts", d, v), AL_ERR_STOPPED);
    }
    o.check_stop = NULL;
    MUST(run(&o, "parts", d, v));
    same_file("model.dp");
    same_file("checkpoint.bin");
    same_file("lcurve.out");
    char *curve = NULL;
    size_t n;
    file_of("whole", "lcurve.out", &curve, &n);
    assert_non_null(strstr(curve, "\n     30 "));
    char *last = strstr(curve, "\n     38 ");
    assert_non_null(last);
    assert_non_null(strstr(last, " 1.0e-10\n")); // all the way down
    assert_null(strchr(last + 1, '\n')[1] ? last : NULL);
    al_free(curve);
    o.lr_start = 1e-2;
    o.schedule = SCHEDULE_COSINE;
    o.patience = 3;
    forget("whole");
    MUST(run(&o, "whole", d, v));
    file_of("whole", "lcurve.out", &curve, &n);
    assert_non_null(strstr(curve, "\n     60 "));
    al_free(curve);
    dp_dataset_destroy(&d);
    dp_dataset_destroy(&v);
}

static void warm_start(void **state) // from a file: statistics and weights are those of the file
{
    (void)state;
    struct dp_dataset *d = fixture_data(4, false, 600);
    char path[AL_PATH];
    MUST(al_path(path, "%s/whole/model.dp", dir));
    struct dp_model *m = NULL;
    MUST(dp_model_read(path, &m));
    struct train_options o = fixture_options(5);
    o.init = path;
    o.meta = "{\"member\":1}";
    struct trainer *t = NULL;
    MUST(trainer_create(&o, d, NULL, &t));
    assert_memory_equal(trainer_model(t)->param, m->param, m->nparam * sizeof *m->param);
    assert_memory_equal(trainer_model(t)->davg, m->davg, sizeof m->davg);
    assert_string_equal(trainer_model(t)->meta, "{\"member\":1}");
    MUST(trainer_run(t));
    assert_true(trainer_step(t) == 5 && trainer_model(t)->param[0] != m->param[0]);
    trainer_destroy(&t);
    dp_model_destroy(&m);
    dp_dataset_destroy(&d);
}

static void bad_input(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(2, false, 700);
    struct train_options o = fixture_options(5);
    struct trainer *t = NULL;
    o.steps = 0;
    assert_int_equal(trainer_create(&o, d, NULL, &t), AL_ERR_INPUT);
    o = fixture_options(5);
    o.lr_stop = 1;
    assert_int_equal(trainer_create(&o, d, NULL, &t), AL_ERR_INPUT);
    o = fixture_options(5);
    o.model.fit[1] = 11; // deepmd-kit's backends would disagree
    assert_int_equal(trainer_create(&o, d, NULL, &t), AL_ERR_INPUT);
    o = fixture_options(5);
    o.model.ntypes = 1;
    snprintf(o.model.type_map[0], DP_TYPE_NAME, "Au");
    assert_int_equal(trainer_create(&o, d, NULL, &t), AL_ERR_INPUT);
    o = fixture_options(5);
    d->sys[0].energy[0] = d->sys[0].energy[1] = 1e308; // loss overflows
    MUST(trainer_create(&o, d, NULL, &t));
    assert_int_equal(trainer_run(t), AL_ERR_UNPHYSICAL);
    assert_non_null(strstr(al_err_message(), "not finite"));
    trainer_destroy(&t);
    dp_dataset_destroy(&d);
}

// A learning rate at which the second step's loss overflows: the rate is halved until it does not, from step 0 and from a
// checkpoint, and a stop in between keeps the halved rate.
static void not_finite(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(4, false, 900);
    struct train_options o = fixture_options(20);
    o.lr_start = 3e38;
    o.lr_stop = 2.9e38;
    o.decay_steps = 1;
    o.path = GRADIENT_MIXED; // the first fitting layer's sums of such weights overflow in float
    o.pref_e[0] = o.pref_e[1] = 1;
    o.pref_f[0] = o.pref_f[1] = o.pref_v[0] = o.pref_v[1] = 0;
    o.report_every = 1;
    struct fixture_warnings warnings = {0};
    o.warn = fixture_warn;
    o.ctx = &warnings;
    struct trainer *t = NULL;
    MUST(trainer_create(&o, d, NULL, &t));
    MUST(trainer_run(t));
    int n = trainer_recoveries(t);
    assert_true(n >= 1 && n <= 10 && warnings.n == n);
    assert_non_null(strstr(warnings.last, "not finite; back to step 0 with the learning rate times"));
    for (size_t i = 0; i < trainer_model(t)->nparam; i++)
        assert_true(isfinite(trainer_model(t)->param[i]));
    trainer_destroy(&t);
    // With a checkpoint after every step, the one before the overflow is lost already: tried once, then step 0. Stopped after
    // the first recovery, another process goes on with the halved rate: the same bits.
    char *curve = NULL, *model[2] = {NULL, NULL};
    size_t len[2];
    o.checkpoint_seconds = 0;
    MUST(run(&o, "calm", d, NULL));
    o.check_stop = check_stop;
    asked = warnings.n = 0;
    stop_after = 3;
    assert_int_equal(run(&o, "lost", d, NULL), AL_ERR_STOPPED);
    assert_true(warnings.n >= 1);
    o.check_stop = NULL;
    MUST(run(&o, "lost", d, NULL));
    file_of("calm", "model.dp", &model[0], &len[0]);
    file_of("lost", "model.dp", &model[1], &len[1]);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(model[0], model[1], len[0]);
    al_free(model[0]);
    al_free(model[1]);
    file_of("lost", "lcurve.out", &curve, &len[0]);
    assert_non_null(strstr(curve, "# step"));
    assert_non_null(strstr(curve, "not finite"));
    al_free(curve);
    // hopeless: infinite at any rate
    o.dir = NULL;
    d->sys[0].energy[0] = d->sys[0].energy[1] = 1e200;
    MUST(trainer_create(&o, d, NULL, &t));
    assert_int_equal(trainer_run(t), AL_ERR_UNPHYSICAL);
    assert_non_null(strstr(al_err_message(), "did not help"));
    trainer_destroy(&t);
    dp_dataset_destroy(&d);
}

// A weight of 2 for every frame doubles the gradient, which Adam does not see; a weight of 0 takes a frame out.
static void weights(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(6, false, 950), *few = fixture_data(6, false, 950);
    struct train_options o = fixture_options(1);
    o.batch = 6;
    struct trainer *a = NULL, *b = NULL, *c = NULL;
    MUST(trainer_create(&o, d, NULL, &a));
    MUST(trainer_run(a));
    for (int i = 0; i < 6; i++)
        few->sys[0].weight[i] = i == 2 ? 0 : 2;
    MUST(trainer_create(&o, few, NULL, &b));
    MUST(trainer_run(b));
    few->sys[0].force[2 * 36] += 1000; // of the frame that does not count
    MUST(trainer_create(&o, few, NULL, &c));
    MUST(trainer_run(c));
    size_t n = a->model->nparam;
    assert_memory_equal(b->grad, c->grad, n * sizeof(double));
    double same = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        same += pow(b->grad[i] - 2 * a->grad[i], 2);
        norm += pow(a->grad[i], 2);
    }
    assert_true(same > 1e-6 * norm); // the frame left out is missed
    for (int i = 0; i < 6; i++)
        few->sys[0].weight[i] = 2;
    few->sys[0].force[2 * 36] = d->sys[0].force[2 * 36];
    trainer_destroy(&c);
    MUST(trainer_create(&o, few, NULL, &c));
    MUST(trainer_run(c));
    for (size_t i = 0; i < n; i++)
        near(c->grad[i], 2 * a->grad[i], 1e-12 * sqrt(norm));
    trainer_destroy(&a);
    trainer_destroy(&b);
    trainer_destroy(&c);
    dp_dataset_destroy(&d);
    dp_dataset_destroy(&few);
}

// Errors of the teacher on its own data are zero; of another model, the differences written out here.
static void evaluation(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(5, true, 800);
    struct dp_model *teacher = fixture_model(NULL, 77), *other = fixture_model(NULL, 78);
    struct train_rmse r;
    MUST(train_rmse(teacher, d, 1, -1, &r));
    assert_true(r.nframes == 5 && r.e < 1e-12 && r.f < 1e-12 && r.v < 1e-12 && isnan(r.f_by_z[1]));
    MUST(train_rmse(other, d, 1, -1, &r));
    struct potential *p = NULL;
    MUST(dp_potential_from_model(other, DP_WAY_PLAIN, &p));
    double e2 = 0, f2 = 0, s2 = 0;
    long nf = 0, ns = 0;
    for (int s = 0; s < d->nsys; s++)
        for (int k = 0; k < d->sys[s].nframes; k++) {
            struct al_frame *f = NULL;
            double force[16][3];
            MUST(dp_system_frame(&d->sys[s], k, &f));
            struct pot_result q = {.forces = force};
            MUST(p->ops->eval(p, f, &q));
            e2 += pow((q.energy - f->energy) / f->natoms, 2) / 5;
            for (int i = 0; i < f->natoms; i++)
                for (int a = 0; a < 3; a++) {
                    double x = pow(force[i][a] - f->forces[i][a], 2);
                    f2 += x;
                    nf++;
                    if (f->z[i] == 16) {
                        s2 += x;
                        ns++;
                    }
                }
            al_frame_destroy(&f);
        }
    near(r.e, sqrt(e2), 1e-10);
    near(r.f, sqrt(f2 / (double)nf), 1e-10);
    near(r.f_by_z[16], sqrt(s2 / (double)ns), 1e-10);
    assert_true(r.f > 1e-3 && r.e > 1e-3);
    potential_destroy(&p);
    dp_model_destroy(&teacher);
    dp_model_destroy(&other);
    dp_dataset_destroy(&d);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam),        cmocka_unit_test(learning_rate), cmocka_unit_test(statistics),
        cmocka_unit_test(energy_bias), cmocka_unit_test(energy_bias_many),
        cmocka_unit_test(restart),     cmocka_unit_test(not_finite),  cmocka_unit_test(weights),
        cmocka_unit_test(killed),      cmocka_unit_test(soap),        cmocka_unit_test(patience),
        cmocka_unit_test(warm_start),  cmocka_unit_test(bad_input),
        cmocka_unit_test(evaluation),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    MUST(al_remove_tree(dir));
    return rc;
}
