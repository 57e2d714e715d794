// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The measured window, farthest-point selection and the bootstrap on numbers whose answers are known; descriptors of atoms.
#include "dp_fixture.h"

#include <unistd.h>

#include "committee/bootstrap.h"
#include "committee/novelty.h"
#include "committee/window.h"
#include "dp/descriptor.h"

static const struct trust_window given = {0.1, 0.35};

static void near(double a, double b, double tol)
{
    if (!(fabs(a - b) <= tol)) fail_msg("%.17g instead of %.17g", a, b);
}

// Errors three times the deviation, the largest error of a frame four times its rms, all rms equal: q = 4.
static struct calibration pair(const char *system, double temperature, double deviation, double slope)
{
    struct calibration c = {.temperature = temperature, .test = true, .natoms = 32, .deviation = deviation,
                            .error = slope * deviation, .rms = slope * deviation / 4, .force = 3};
    snprintf(c.system, sizeof c.system, "%s", system);
    return c;
}

static void window_of_a_straight_line(void **state)
{
    (void)state;
    struct calibration c[8];
    struct window w;
    for (int i = 0; i < 8; i++)
        c[i] = pair("A", 300, 0.2, 3);
    MUST(window_fit(8, c, "A", 300, 0.06, &given, &w));
    assert_int_equal(w.source, WINDOW_TEMPERATURE);
    assert_int_equal(w.n, 8);
    near(w.slope, 3, 1e-12);
    near(w.spread, 4, 1e-12);
    near(w.w.low, 4 * 0.06 / 3, 1e-12);
    near(w.w.high, 0.4, 1e-12); // twice the largest deviation of the data
    for (int i = 0; i < 8; i++)
        c[i].force = 0.9; // errors as large as forces at a deviation of 0.3
    MUST(window_fit(8, c, "A", 300, 0.06, &given, &w));
    near(w.w.high, 0.3, 1e-12);
    MUST(window_fit(8, c, "A", 300, 0.60, &given, &w)); // a wide target: never narrower than a factor of two
    near(w.w.low, 0.8, 1e-12);
    near(w.w.high, 1.6, 1e-12);
}

// One frame far off its line does not move the window; NaN does not count.
static void window_is_robust(void **state)
{
    (void)state;
    struct calibration c[11];
    struct window w;
    for (int i = 0; i < 9; i++)
        c[i] = pair("A", 300, 0.1 + 0.01 * i, 2);
    c[9] = pair("A", 300, 0.1, 50);
    c[10] = pair("A", 300, NAN, 1);
    MUST(window_fit(11, c, "A", 300, 0.06, &given, &w));
    near(w.slope, 2, 1e-12);
    assert_int_equal(w.n, 10);
}

// Its own temperature, else the system, else all, else what was given: by the number of frames.
static void window_falls_back(void **state)
{
    (void)state;
    struct calibration c[24];
    struct window w;
    for (int i = 0; i < 24; i++)
        c[i] = i < 8 ? pair("A", 300, 0.2, 1) : i < 12 ? pair("A", 600, 0.2, 2) : i < 16 ? pair("B", 300, 0.2, 4) : pair("C", 900, 0.2, 8);
    MUST(window_fit(24, c, "A", 300, 0.1, &given, &w));
    assert_int_equal(w.source, WINDOW_TEMPERATURE);
    near(w.slope, 1, 1e-12);
    MUST(window_fit(24, c, "A", 600, 0.1, &given, &w)); // four frames only: those of A, 8 of slope 1 and 4 of 2
    assert_int_equal(w.source, WINDOW_SYSTEM);
    assert_int_equal(w.n, 12);
    near(w.slope, 1, 1e-12);
    MUST(window_fit(24, c, "B", 300, 0.1, &given, &w)); // 8 x 1, 4 x 2, 4 x 4, 8 x 8: the median is between 2 and 4
    assert_int_equal(w.source, WINDOW_ALL);
    near(w.slope, 3, 1e-12);
    MUST(window_fit(7, c, "A", 300, 0.1, &given, &w));
    assert_int_equal(w.source, WINDOW_GIVEN);
    assert_int_equal(w.n, 7);
    near(w.w.low, given.low, 0);
    near(w.w.high, given.high, 0);
    MUST(window_fit(0, NULL, "A", 300, 0.1, &given, &w));
    assert_int_equal(w.source, WINDOW_GIVEN);
}

static void rank_correlation(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, up[] = {1, 8, 27, 64, 125}, down[] = {5, 4, 3, 2, 1}, some[] = {2, 1, 4, 3, 5};
    const double tied[] = {1, 1, 2, 2, 3};
    double r;
    MUST(window_rank_correlation(5, x, up, &r));
    near(r, 1, 1e-12);
    MUST(window_rank_correlation(5, x, down, &r));
    near(r, -1, 1e-12);
    MUST(window_rank_correlation(5, x, some, &r)); // 1 - 6 * 4/(5 * 24)
    near(r, 0.8, 1e-12);
    MUST(window_rank_correlation(5, x, tied, &r)); // ranks 0.5 0.5 2.5 2.5 4: 9/sqrt(10 * 9)
    near(r, 9 / sqrt(90), 1e-12);
    MUST(window_rank_correlation(2, x, up, &r));
    assert_true(isnan(r));
}

// Frames of one hydrogen atom on a line.
enum { W = 8 };
static int hydrogen[] = {1, 1};
static void at(struct env_frame *f, double (*x)[W], double place)
{
    memset(x, 0, sizeof *x);
    (*x)[0] = place;
    *f = (struct env_frame){1, hydrogen, *x};
}

static void farthest_points_on_a_line(void **state)
{
    (void)state;
    const double place[] = {0.1, 4, 10, 7, 9.99};
    double x[5][W], k[1][W];
    struct env_frame pool[5], known;
    bool all[5] = {true, true, true, true, true};
    struct distance d[5];
    int pick[5], n;
    AL_OWN(novelty) v = NULL;
    for (int i = 0; i < 5; i++)
        at(&pool[i], &x[i], place[i]);
    at(&known, &k[0], 0);
    MUST(novelty_create(W, 5, pool, &v));
    novelty_learn(v, &known);
    MUST(novelty_choose(v, all, NULL, 5, 0.2, pick, &n, d));
    assert_int_equal(n, 3); // 10; then 4 (4 from 0), not 7 (3 from 10); then 7; the others are within 0.2
    assert_int_equal(pick[0], 2);
    assert_int_equal(pick[1], 1);
    assert_int_equal(pick[2], 3);
    near(d[2].rms, 10, 1e-12);
    near(d[1].rms, 4, 1e-12);
    near(d[3].rms, 3, 1e-12);
    near(d[0].max, 0.1, 1e-12);
    near(d[4].max, 0.01, 1e-12);
    MUST(novelty_nearest(v, 0, &n));
    assert_int_equal(n, 0); // what was learned first
    MUST(novelty_nearest(v, 4, &n));
    assert_int_equal(n, 1); // the first that was chosen
}

static void given_order_and_what_is_not_allowed(void **state)
{
    (void)state;
    const double place[] = {1, 2, 2.05, 3};
    const int order[] = {3, 2, 1, 0};
    double x[4][W];
    struct env_frame pool[4];
    bool allowed[4] = {true, true, true, false};
    struct distance d[4];
    int pick[4], n;
    AL_OWN(novelty) v = NULL;
    for (int i = 0; i < 4; i++)
        at(&pool[i], &x[i], place[i]);
    MUST(novelty_create(W, 4, pool, &v));
    MUST(novelty_choose(v, allowed, order, 4, 0.1, pick, &n, d));
    assert_int_equal(n, 2);
    assert_int_equal(pick[0], 2); // 3 is not allowed; 1 is a near duplicate of 2 by then
    assert_int_equal(pick[1], 0);
    assert_true(isinf(d[2].max)); // nothing was known
}

// An environment is known when any known frame has it, of the same element only; one new atom makes a frame no duplicate.
static void environments_of_several_frames(void **state)
{
    (void)state;
    double a[2][W] = {{0}, {5}}, b[1][W] = {{1}}, c[2][W] = {{0}, {1}}, d[1][W] = {{1}};
    int helium[] = {2};
    struct env_frame pool[2] = {{2, hydrogen, c[0]}, {2, hydrogen, a[0]}}, known[2] = {{1, hydrogen, d[0]}, {1, helium, a[1]}};
    AL_OWN(novelty) v = NULL;
    MUST(novelty_create(W, 2, pool, &v));
    novelty_learn(v, &(struct env_frame){1, hydrogen, a[0]});
    novelty_learn(v, &known[0]);
    novelty_learn(v, &known[1]);
    near(novelty_distance(v, 0).max, 0, 0); // 0 from one frame, 1 from another
    near(novelty_distance(v, 1).max, 4, 1e-12); // 5: helium at the same place does not count
    near(novelty_distance(v, 1).rms, sqrt(8), 1e-12);
    int whose;
    MUST(novelty_nearest(v, 0, &whose));
    assert_int_equal(whose, 0); // one atom is of each: the first
    struct env_frame scaled[2] = {{2, hydrogen, a[0]}, {1, hydrogen, b[0]}};
    MUST(env_scale(W, 1, scaled, 1, scaled + 1)); // 0 and 5: 2.5 from their mean
    near(a[1][0], 2, 1e-12);
    near(b[0][0], 0.4, 1e-12);
}

// Distances survive the projection to 64 numbers.
static void projection_keeps_distances(void **state)
{
    (void)state;
    enum { WIDE = 400, N = 20 };
    static double x[N][WIDE], y[N][ENV_WIDTH];
    struct al_rng r;
    al_rng_stream(&r, 3, "projection-test", 0, 0, 0);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < WIDE; k++)
            x[i][k] = al_rng_normal(&r);
    assert_int_equal(env_width(WIDE), ENV_WIDTH);
    assert_int_equal(env_width(17), 24);
    MUST(env_project(WIDE, N, x[0], y[0]));
    double mean = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < i; j++) {
            double a = 0, b = 0;
            for (int k = 0; k < WIDE; k++)
                a += (x[i][k] - x[j][k]) * (x[i][k] - x[j][k]);
            for (int k = 0; k < ENV_WIDTH; k++)
                b += (y[i][k] - y[j][k]) * (y[i][k] - y[j][k]);
            assert_true(sqrt(b / a) > 0.65 && sqrt(b / a) < 1.35); // one in 1/sqrt(2 * 64), four of them
            mean += sqrt(b / a) / (N * (N - 1) / 2);
        }
    near(mean, 1, 0.05);
}

// Turned and renumbered, every atom keeps its descriptor; another place gives another.
static void descriptors_of_atoms(void **state)
{
    (void)state;
    const int z[] = {3, 15, 16, 8};
    AL_OWN(dp_model) m = fixture_model(NULL, 5);
    AL_OWN(al_frame) f = fixture_frame(12, z, 4, 8, 1.5, 9);
    AL_OWN(al_frame) g = NULL;
    AL_OWN(dp_describer) d = NULL;
    char path[] = "/tmp/alnd-descriptor-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    MUST(dp_model_write(path, m));
    MUST(dp_describer_open(path, &d));
    unlink(path);
    int w = dp_describer_width(d), n = f->natoms;
    assert_int_equal(w, 48);
    double *a = calloc((size_t)(2 * n * w), sizeof *a), *b = a + n * w;
    MUST(dp_describer_run(d, f, a));
    MUST(al_frame_copy(f, &g));
    for (int i = 0; i < n; i++) { // backwards, x y z -> y z x
        g->z[i] = f->z[n - 1 - i];
        for (int c = 0; c < 3; c++)
            g->pos[i][c] = f->pos[n - 1 - i][(c + 1) % 3];
    }
    for (int i = 0; i < 3; i++)
        for (int c = 0; c < 3; c++)
            g->cell[i][c] = f->cell[i][(c + 1) % 3];
    MUST(dp_describer_run(d, g, b));
    double differ = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < w; k++) {
            near(a[i * w + k], b[(n - 1 - i) * w + k], 1e-10);
            differ = fmax(differ, fabs(a[i * w + k] - a[((i + 4) % n) * w + k]));
        }
    assert_true(differ > 1e-3);
    free(a);
}

// Equal frames have no spread; the interval of a mean of squares is that of the normal distribution.
static void bootstrap_intervals(void **state)
{
    (void)state;
    enum { N = 400 };
    double a[2][N], w[2][N], low[2], high[2], mean = 0, var = 0;
    struct al_rng r;
    al_rng_stream(&r, 1, "bootstrap-test", 0, 0, 0);
    for (int i = 0; i < N; i++) {
        double x = al_rng_normal(&r);
        a[0][i] = 4 * 9;
        w[0][i] = 9;
        a[1][i] = 5 + x;
        w[1][i] = 1;
        mean += a[1][i] / N;
    }
    for (int i = 0; i < N; i++)
        var += (a[1][i] - mean) * (a[1][i] - mean) / N;
    MUST(bootstrap_rms(&r, N, 2, a[0], w[0], low, high));
    near(low[0], 2, 1e-12);
    near(high[0], 2, 1e-12);
    double half = 1.96 * sqrt(var / N); // of the mean of squares
    near(high[1] * high[1] - mean, half, 0.12 * half);
    near(mean - low[1] * low[1], half, 0.12 * half);
    assert_int_equal(bootstrap_rms(&r, 1, 2, a[0], w[0], low, high), AL_ERR_BUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_of_a_straight_line),
        cmocka_unit_test(window_is_robust),
        cmocka_unit_test(window_falls_back),
        cmocka_unit_test(rank_correlation),
        cmocka_unit_test(farthest_points_on_a_line),
        cmocka_unit_test(given_order_and_what_is_not_allowed),
        cmocka_unit_test(environments_of_several_frames),
        cmocka_unit_test(projection_keeps_distances),
        cmocka_unit_test(descriptors_of_atoms),
        cmocka_unit_test(bootstrap_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
