// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Collective conductivity, van Hove functions and rotation on motion whose answer is known.
#include "structure_cases.h"
#include "transport/collective.h"
#include "transport/rdf.h"
#include "transport/rotation.h"
#include "transport/vanhove.h"

// --- collective ----------------------------------------------------------------------------------------

enum how { INDEPENDENT, PAIRS, STRING, HALF_AGAINST, CAGED, BALLISTIC, RATTLING };

// Li walk as told, the framework and everything else drifts.
static struct tr_traj *walk(enum how how, int nli, int frames, double sigma, uint64_t seed)
{
    struct scene *s = scene_new();
    struct al_rng r;
    double (*free_step)[3] = NULL, (*speed)[3] = NULL, (*rattle)[3] = NULL, start[3] = {0};
    al_rng_stream(&r, seed, "collective", 0, 0, 0);
    ok(al_alloc((size_t)nli, sizeof *free_step, &free_step));
    ok(al_alloc((size_t)nli, sizeof *speed, &speed));
    ok(al_alloc((size_t)nli, sizeof *rattle, &rattle));
    for (int i = 0; i < nli && how == BALLISTIC; i++)
        for (int q = 0; q < 3; q++)
            speed[i][q] = 0.01 * al_rng_normal(&r);
    scene_cube(s, 12.0);
    for (int i = 0; i < nli; i++)
        scene_atom(s, 3, 0.1 * i, 0.2 * i, 0.0);
    scene_atom(s, 15, 1, 2, 3);
    scene_atom(s, 16, 3, 2, 3);
    for (int t = 0; t < frames; t++) {
        for (int i = 0; i < nli; i++)
            for (int q = 0; q < 3; q++)
                free_step[i][q] = sigma * al_rng_normal(&r);
        for (int i = 0; i < s->n; i++)
            for (int q = 0; q < 3; q++) {
                double step = 0.0;
                if (i < nli && how == INDEPENDENT) step = free_step[i][q];
                if (i < nli && how == PAIRS) step = free_step[i - i % 2][q];
                if (i < nli && how == STRING) step = free_step[0][q];
                if (i < nli && how == HALF_AGAINST) // the first half: pairs of opposite steps
                    step = i < nli / 2 ? (i % 2 ? -1.0 : 1.0) * free_step[i - i % 2][q] : free_step[i][q];
                if (i < nli && how == BALLISTIC) step = speed[i][q];
                if (i < nli && how == RATTLING) { // a walk, and 1 Ang of rattle about it
                    double now = al_rng_normal(&r);
                    step = 0.3 / sigma * free_step[i][q] + now - rattle[i][q];
                    rattle[i][q] = now;
                }
                s->x[i][q] += step + 0.01;
                if (i < nli && how == CAGED) s->x[i][q] = start[q] + 0.1 * i + 0.01 * t + free_step[i][q];
            }
        scene_shoot(s);
    }
    al_free(free_step);
    al_free(speed);
    al_free(rattle);
    return scene_cut(&s, 10.0);
}

static struct tr_collective *collect(const struct tr_traj *t)
{
    struct tr_collective *c = NULL;
    struct tr_collective_options o = {.species = {.mobile_z = 3}};
    ok(tr_collective_create(&t, 1, &o, &c));
    return c;
}

// H by theory: <|sum dr|^2>/N over <|dr|^2> is 1 for independent ions, 2 for pairs that move as one, 1/2 where half of the ions go in
// pairs that cancel; H is the inverse. Trials: mean of D_sigma against theory, and the interval of H must cover: 95 % give or take.
static void haven_trials(enum how how, double h, int trials)
{
    double d = TR_ANG2_FS_CM2_S * 0.3 * 0.3 / (2 * 10.0), sum = 0.0, sum2 = 0.0, stated = 0.0;
    int covered = 0, resolved = 0;
    for (int k = 0; k < trials; k++) {
        AL_OWN(tr_traj) t = walk(how, 12, 1500, 0.3, 1000 + (uint64_t)k);
        AL_OWN(tr_collective) c = collect(t);
        sum += c->d_sigma / trials;
        sum2 += c->d_sigma * c->d_sigma / trials;
        stated += c->d_sigma_error * c->d_sigma_error / trials;
        resolved += c->resolved;
        covered += c->resolved && c->haven_low <= h && h <= c->haven_high;
    }
    double scatter = sqrt((sum2 - sum * sum) * trials / (trials - 1));
    print_message("H = %g: D_sigma %.3f of theory, scatter %.3f, stated %.3f, resolved %.3f, covered %.3f\n", h, sum * h / d, scatter / sum,
                  sqrt(stated) / sum, (double)resolved / trials, (double)covered / trials);
    assert_near(sum, d / h, 4 * scatter / sqrt(trials));
    assert_near(sqrt(stated) / scatter, 1.0, 0.2);
    assert_true(resolved >= 0.97 * trials);
    assert_in_range(covered, (int)(0.90 * trials), (int)(0.995 * trials));
}

static void test_haven_independent(void **state)
{
    (void)state;
    haven_trials(INDEPENDENT, 1.0, 300);
}

static void test_haven_pairs(void **state)
{
    (void)state;
    haven_trials(PAIRS, 0.5, 300);
}

static void test_haven_against(void **state)
{
    (void)state;
    haven_trials(HALF_AGAINST, 2.0, 300);
}

// All as one: the dipole's displacement is N times an ion's, so H = 1/N with no error at all.
static void test_haven_string(void **state)
{
    (void)state;
    AL_OWN(tr_traj) t = walk(STRING, 8, 1500, 0.3, 7);
    AL_OWN(tr_collective) c = collect(t);
    assert_true(c->resolved);
    assert_near(c->haven, 0.125, 1e-9);
    assert_near(c->haven_high, 0.125, 1e-6);
    assert_non_null(strstr(c->verdict, "together"));
    for (int l = 0; l < c->n; l++)
        assert_near(c->dipole[l], 8 * c->tracer[l], 1e-9 * c->dipole[l]);
}

static void test_collective_not_resolved(void **state)
{
    (void)state;
    AL_OWN(tr_traj) caged = walk(CAGED, 8, 1500, 0.3, 8);
    AL_OWN(tr_collective) c = collect(caged);
    assert_false(c->resolved);
    assert_true(isnan(c->haven));
    assert_non_null(strstr(c->verdict, "not resolved"));
    AL_OWN(tr_traj) ballistic = walk(BALLISTIC, 12, 1500, 0.3, 9);
    AL_OWN(tr_collective) straight = collect(ballistic);
    assert_false(straight->diffusive);
    assert_false(straight->resolved);
    // MSD = v^2 t^2: over the halves of a window from f to t, D is as 2 f + (t - f)/2 to 2 f + 3 (t - f)/2, over all of it f + t.
    assert_near(straight->bend, (straight->fit_to - straight->fit_from) / (straight->fit_from + straight->fit_to), 0.05);
    assert_non_null(strstr(straight->verdict, "do not diffuse"));
    // A rattle of 1 Ang makes the MSD start at 6 Ang^2, and the log-log slope far below 1: still diffusive, with the D of the walk.
    AL_OWN(tr_traj) rattling = walk(RATTLING, 12, 3000, 0.3, 10);
    AL_OWN(tr_collective) offset = collect(rattling);
    assert_true(offset->diffusive && offset->resolved);
    assert_near(offset->d_tracer, TR_ANG2_FS_CM2_S * 0.3 * 0.3 / 20.0, 3.3 * offset->d_tracer_error);
    assert_near(offset->d_sigma, TR_ANG2_FS_CM2_S * 0.3 * 0.3 / 20.0, 3.3 * offset->d_sigma_error);
    // Who is told that single ions do not diffuse does not find a Haven ratio in their rattling.
    struct tr_collective_options told = {.species = {.mobile_z = 3}, .caged = true};
    AL_OWN(tr_collective) still = NULL;
    const struct tr_traj *one = rattling;
    ok(tr_collective_create(&one, 1, &told, &still));
    assert_true(!still->resolved && !still->diffusive && isnan(still->haven));
    assert_non_null(strstr(still->verdict, "no diffusion of the ions"));
    // Few blocks: with t of 3 degrees of freedom D_sigma often cannot be told from zero, and then the verdict says so.
    int said = 0;
    for (int k = 0; k < 40; k++) {
        AL_OWN(tr_traj) t = walk(INDEPENDENT, 4, 400, 0.3, 50 + (uint64_t)k);
        struct tr_collective_options o = {.species = {.mobile_z = 3}, .fit_from = 200, .fit_to = 500};
        AL_OWN(tr_collective) few = NULL;
        const struct tr_traj *run = t;
        ok(tr_collective_create(&run, 1, &o, &few));
        assert_int_equal(few->nblocks, 4);
        assert_int_equal(few->resolved, few->d_sigma_low > 0.0 && few->diffusive);
        if (!few->resolved) said += strstr(few->verdict, "not resolved") != NULL;
    }
    assert_in_range(said, 3, 40);
    const struct tr_traj *run = caged;
    struct tr_collective_options o = {.species = {.mobile_z = 3}, .fit_from = 1000, .fit_to = 5000};
    struct tr_collective *none = NULL;
    assert_int_equal(tr_collective_create(&run, 1, &o, &none), AL_ERR_INPUT); // 1500 frames: one block
    o.species.mobile_z = 11;
    assert_int_equal(tr_collective_create(&run, 1, &o, &none), AL_ERR_INPUT);
}

// --- van Hove ------------------------------------------------------------------------------------------

// P(|r| < x) of three Gaussians of deviation s.
static double maxwell_cdf(double x, double s)
{
    double u = x / s;
    return erf(u / sqrt(2.0)) - sqrt(2.0 / AL_PI) * u * exp(-0.5 * u * u);
}

static void test_vanhove_gaussian(void **state)
{
    (void)state;
    enum { NLI = 40, FRAMES = 3000 };
    double sigma = 0.25;
    AL_OWN(tr_traj) t = walk(INDEPENDENT, NLI, FRAMES, sigma, 11);
    const struct tr_traj *run = t;
    struct tr_vanhove_options o = {.species = {.mobile_z = 3}, .nlags = 3, .lag = {1, 4, 16}, .r_max = 5.0, .nbins = 50,
                                   .distinct_origins = 10};
    AL_OWN(tr_vanhove) v = NULL;
    ok(tr_vanhove_create(&run, 1, &o, &v));
    for (int l = 0; l < 3; l++) {
        double sum = v->beyond[l], s = sigma * sqrt(o.lag[l]), independent = (double)NLI * FRAMES / o.lag[l];
        for (int b = 0; b < v->nbins; b++) {
            double p = maxwell_cdf((b + 1) * v->dr, s) - maxwell_cdf(b * v->dr, s);
            assert_near(v->self[l][b] * v->dr, p, 5 * sqrt(p / independent) + 2 / independent);
            sum += v->self[l][b] * v->dr;
        }
        assert_near(sum, 1.0, 1e-12);
        assert_near(v->lag[l], 10.0 * o.lag[l], 1e-12);
    }
    // alpha2 = 0: standard deviation of n independent Gaussian steps sqrt(120/225/n)
    for (int l = 0; l < v->nalpha && v->alpha_lag[l] <= 160.0; l++)
        assert_near(v->alpha2[l], 0.0, 5 * sqrt(120.0 / 225.0 * v->alpha_lag[l] / 10.0 / (NLI * FRAMES)));
    assert_true(v->nalpha > 20);
}

// Half of the ions with steps of 0.1 Ang, half with 0.3: alpha2 = <s^4>/<s^2>^2 - 1 = 0.64.
static void test_alpha2_mixture(void **state)
{
    (void)state;
    enum { NLI = 40, FRAMES = 2000 };
    struct scene *s = scene_new();
    struct al_rng r;
    al_rng_stream(&r, 3, "alpha2", 0, 0, 0);
    scene_cube(s, 10.0);
    for (int i = 0; i < NLI; i++)
        scene_atom(s, 3, 0, 0, 0);
    scene_atom(s, 15, 0, 0, 0);
    for (int t = 0; t < FRAMES; t++) {
        for (int i = 0; i < NLI; i++)
            for (int q = 0; q < 3; q++)
                s->x[i][q] += (i % 2 ? 0.1 : 0.3) * al_rng_normal(&r);
        scene_shoot(s);
    }
    AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
    const struct tr_traj *run = t;
    struct tr_vanhove_options o = {.species = {.mobile_z = 3}};
    AL_OWN(tr_vanhove) v = NULL;
    ok(tr_vanhove_create(&run, 1, &o, &v));
    assert_near(v->alpha2[0], 0.64, 0.02);
    assert_true(v->alpha_max >= v->alpha2[0]);
    assert_int_equal(v->nlags, 6);
}

// Distinct part at t = 0 is g(r), in a skew cell and beyond half of it; while nothing moves it is so at any t, and the self part stays in
// its first bin although the whole crystal drifts.
static void test_vanhove_distinct(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct al_rng r;
    al_rng_stream(&r, 5, "distinct", 0, 0, 0);
    double cell[3][3] = {{9.03, 0, 0}, {2.5, 8, 0}, {-1.5, 2, 8.5}}; // no image on the edge of a bin
    memcpy(s->cell, cell, sizeof cell);
    for (int i = 0; i < 12; i++) {
        double f[3] = {al_rng_uniform(&r), al_rng_uniform(&r), al_rng_uniform(&r)}, x[3];
        al_vecmat3(f, cell, x);
        scene_atom(s, i < 10 ? 3 : 15, x[0], x[1], x[2]);
    }
    for (int t = 0; t < 30; t++) {
        for (int i = 0; i < s->n; i++)
            s->x[i][0] += 0.7;
        scene_shoot(s);
    }
    AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
    const struct tr_traj *run = t;
    struct tr_vanhove_options o = {.species = {.mobile_z = 3}, .nlags = 3, .lag = {0, 1, 10}, .r_max = 11.0, .nbins = 110};
    struct tr_rdf_options ro = {.r_max = 11.0, .nbins = 110, .stride = 1};
    AL_OWN(tr_vanhove) v = NULL;
    AL_OWN(tr_rdf) g = NULL;
    ok(tr_vanhove_create(&run, 1, &o, &v));
    ok(tr_rdf_create(&run, 1, &ro, &g));
    const struct tr_rdf_pair *p = tr_rdf_find(g, 3, 3);
    double most = 0.0;
    for (int b = 0; b < v->nbins; b++) {
        most = fmax(most, p->g[b]);
        for (int l = 0; l < 3; l++)
            assert_near(v->distinct[l][b], p->g[b], 1e-9 * (1 + p->g[b]));
    }
    assert_true(most > 1.0);
    assert_near(v->self[1][0] * v->dr, 1.0, 1e-12);
    assert_near(v->self[2][0] * v->dr, 1.0, 1e-12);
}

// --- rotation ------------------------------------------------------------------------------------------

// PS4 units in a cell, each turned by a Gaussian rotation vector of variance 2 D dt an axis and frame; librate: about where it
// started, of that deviation.
static struct tr_traj *turning(double d_dt, double librate, int frames, uint64_t seed)
{
    enum { UNITS = 8 };
    struct scene *s = scene_new();
    struct al_rng r;
    double u[UNITS][4][3];
    al_rng_stream(&r, seed, "rotation", 0, 0, 0);
    scene_cube(s, 14.0);
    for (int k = 0; k < UNITS; k++) {
        double at[3] = {7.0 * (k % 2), 7.0 * (k / 2 % 2), 7.0 * (k / 4)};
        scene_atom(s, 15, at[0], at[1], at[2]);
        for (int b = 0; b < 4; b++) {
            for (int q = 0; q < 3; q++)
                u[k][b][q] = tetrahedron[b][q] * PS_BOND / sqrt(3.0);
            scene_atom(s, 16, 0, 0, 0);
        }
    }
    scene_atom(s, 3, 3.5, 3.5, 3.5);
    for (int t = 0; t < frames; t++) {
        for (int k = 0; k < UNITS; k++) {
            double w[3], sd = librate > 0.0 ? librate : sqrt(2.0 * d_dt);
            for (int q = 0; q < 3; q++)
                w[q] = sd * al_rng_normal(&r);
            for (int b = 0; b < 4; b++) {
                double v[3] = {u[k][b][0], u[k][b][1], u[k][b][2]};
                if (t > 0 || librate > 0.0) rotate(w, v);
                if (librate <= 0.0) memcpy(u[k][b], v, sizeof v);
                for (int q = 0; q < 3; q++)
                    s->x[5 * k + 1 + b][q] = s->x[5 * k][q] + v[q];
            }
        }
        scene_shoot(s);
    }
    return scene_cut(&s, 20.0);
}

static struct tr_rotation *rotation_of(const struct tr_traj *t)
{
    struct tr_rotation *r = NULL;
    struct tr_rotation_options o = {.bonds = {.species = {.mobile_z = 3}}};
    ok(tr_rotation_create(&t, 1, &o, &r));
    return r;
}

// C_l = exp(-l (l + 1) D t).
static void test_rotation_diffusion(void **state)
{
    (void)state;
    double d_dt = 0.004, d = d_dt / 20.0;
    AL_OWN(tr_traj) t = turning(d_dt, 0.0, 6000, 21);
    AL_OWN(tr_rotation) r = rotation_of(t);
    assert_int_equal(r->nunits, 8);
    assert_int_equal(r->nbonds, 32);
    for (int k = 0; k < r->n && r->lag[k] <= 1.0 / (2 * d); k++)
        for (int l = 1; l <= 2; l++) // 8 units for 6000 frames: 8 x 48 relaxation times, one in sqrt(400) or better
            assert_near(r->l[l - 1].c[k], exp(-l * (l + 1) * d * r->lag[k]), 0.07);
    assert_near(r->l[0].c[0], exp(-2 * d_dt), 0.002);
    assert_near(r->l[1].c[0], exp(-6 * d_dt), 0.006);
    for (int l = 1; l <= 2; l++) {
        print_message("C%d: rate %.5g +- %.2g, theory %.5g\n", l, r->l[l - 1].rate, r->l[l - 1].rate_error, l * (l + 1) * d);
        assert_true(r->l[l - 1].rate_error < 0.2 * l * (l + 1) * d);
        assert_near(r->l[l - 1].rate, l * (l + 1) * d, 4.6 * r->l[l - 1].rate_error); // t of 4 degrees of freedom, p = 0.01
        assert_near(r->l[l - 1].amplitude, 1.0, 0.15);
    }
    assert_true(r->seen);
    assert_near(r->time, 1.0 / r->l[0].rate, 1e-9 * r->time);
    assert_non_null(strstr(r->verdict, "rotation seen"));
}

// Libration with rotation vectors of deviation s: a bond keeps <cos> = <R> of it, so C1's plateau is its square:
// (1/3 + 2/3 (1 - s^2) exp(-s^2/2))^2.
static void test_libration(void **state)
{
    (void)state;
    double s = 0.15, keep = (1.0 + 2.0 * (1.0 - s * s) * exp(-0.5 * s * s)) / 3.0;
    AL_OWN(tr_traj) t = turning(0.0, s, 1500, 22);
    AL_OWN(tr_rotation) r = rotation_of(t);
    for (int k = 0; k < r->n; k++)
        assert_near(r->l[0].c[k], keep * keep, 0.003);
    assert_false(r->seen);
    assert_non_null(strstr(r->verdict, "no rotation seen"));
    const struct tr_traj *run = t;
    struct tr_rotation *none = NULL;
    struct tr_rotation_options o = {.bonds = {.species = {.mobile_z = 3}, .centre_z = 14}};
    assert_int_equal(tr_rotation_create(&run, 1, &o, &none), AL_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_haven_independent),
        cmocka_unit_test(test_haven_pairs),
        cmocka_unit_test(test_haven_against),
        cmocka_unit_test(test_haven_string),
        cmocka_unit_test(test_collective_not_resolved),
        cmocka_unit_test(test_vanhove_gaussian),
        cmocka_unit_test(test_alpha2_mixture),
        cmocka_unit_test(test_vanhove_distinct),
        cmocka_unit_test(test_rotation_diffusion),
        cmocka_unit_test(test_libration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
