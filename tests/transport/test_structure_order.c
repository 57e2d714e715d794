// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Radial distribution, density, sites and jumps, framework on arrangements whose answer is known.
#include "structure_cases.h"
#include "transport/framework.h"
#include "transport/rdf.h"
#include "transport/sites.h"

// --- radial distribution -------------------------------------------------------------------------------

static void skew_cell(struct scene *s, double scale)
{
    double cell[3][3] = {{10, 0, 0}, {3.1, 9, 0}, {-2.3, 2.2, 9.4}};
    for (int k = 0; k < 9; k++)
        s->cell[k / 3][k % 3] = scale * cell[k / 3][k % 3];
}

// An ideal gas has g = 1 in each bin within Poisson's error, in a skew cell, up to 9.5 Ang where half the smallest height is
// below 5 (own images begin at 9.4 Ang, so like pairs up to 9). chi^2 of the bins is n +- 5 sqrt(2 n).
static void test_ideal_gas(void **state)
{
    (void)state;
    enum { N = 30, FRAMES = 400 };
    struct scene *s = scene_new();
    struct al_rng r;
    al_rng_stream(&r, 1, "gas", 0, 0, 0);
    for (int i = 0; i < 2 * N; i++)
        scene_atom(s, i < N ? 3 : 16, 0, 0, 0);
    for (int t = 0; t < FRAMES; t++) {
        skew_cell(s, 1.0);
        for (int i = 0; i < s->n; i++) {
            double f[3] = {al_rng_uniform(&r), al_rng_uniform(&r), al_rng_uniform(&r)};
            al_vecmat3(f, s->cell, s->x[i]);
        }
        scene_shoot(s);
    }
    AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
    const struct tr_traj *run = t;
    struct tr_rdf_options o = {.r_max = 9.0, .nbins = 45, .stride = 1};
    AL_OWN(tr_rdf) g = NULL;
    ok(tr_rdf_create(&run, 1, &o, &g));
    double h[3];
    tr_cell_heights(t->cell, h);
    assert_true(0.5 * fmin(h[0], fmin(h[1], h[2])) < 5.0);
    assert_int_equal(g->npairs, 3);
    for (int q = 0; q < 3; q++) {
        const struct tr_rdf_pair *p = &g->pair[q];
        bool same = p->za == p->zb;
        double chi2 = 0.0, run_ab = 0.0;
        for (int k = 0; k < g->nbins; k++) {
            double shell = 4.0 / 3.0 * AL_PI * (pow((k + 1) * g->dr, 3) - pow(k * g->dr, 3));
            double pairs = FRAMES * (same ? N * (N - 1) / 2.0 : N * N) * shell / t->volume;
            chi2 += (p->g[k] - 1.0) * (p->g[k] - 1.0) * pairs;
            run_ab += p->g[k] * shell * (N - same) / t->volume; // the integral that the coordination number is
            assert_near(p->count_ab[k], run_ab, 1e-9 * (1.0 + run_ab));
            assert_near(p->count_ba[k], run_ab, 1e-9 * (1.0 + run_ab));
            if (pairs > 400) assert_in_range((int)(100 * p->error[k] * sqrt(pairs)), 15, 250); // of 5 blocks
        }
        print_message("%s-%s: chi2 %.1f of %d bins\n", al_element_symbol(p->za), al_element_symbol(p->zb), chi2, g->nbins);
        assert_near(chi2, g->nbins, 5 * sqrt(2.0 * g->nbins));
    }
}

// The same gas in a cell that breathes by 30 % in volume: g is still 1, as each frame's pairs count with its own volume (the mean
// volume for all would make it <1/V> <V> = 1.05).
static void test_breathing_gas(void **state)
{
    (void)state;
    enum { N = 40, FRAMES = 300 };
    struct scene *s = scene_new();
    struct al_rng r;
    double wrong = 0.0, mean = 0.0, pairs = 0.0;
    al_rng_stream(&r, 2, "gas", 0, 0, 0);
    for (int i = 0; i < N; i++)
        scene_atom(s, 3, 0, 0, 0);
    for (int t = 0; t < FRAMES; t++) {
        skew_cell(s, 1.0 + 0.1 * sin(t));
        for (int i = 0; i < N; i++) {
            double f[3] = {al_rng_uniform(&r), al_rng_uniform(&r), al_rng_uniform(&r)};
            al_vecmat3(f, s->cell, s->x[i]);
        }
        double v = fabs(al_det3(s->cell));
        wrong += 1.0 / v / FRAMES;
        mean += v / FRAMES;
        scene_shoot(s);
    }
    AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
    assert_true(t->variable);
    const struct tr_traj *run = t;
    struct tr_rdf_options o = {.r_max = 8.0, .nbins = 1, .stride = 1};
    AL_OWN(tr_rdf) g = NULL;
    ok(tr_rdf_create(&run, 1, &o, &g));
    pairs = FRAMES * N * (N - 1) / 2.0 * 4.0 / 3.0 * AL_PI * 512.0 * wrong;
    assert_true(wrong * mean > 1.04);
    assert_near(g->pair[0].g[0], 1.0, 5 / sqrt(pairs));
    assert_true(5 / sqrt(pairs) < 0.02);
}

static void shells(const struct tr_rdf *g, int za, int zb, int n, const double *r, const double *count)
{
    const struct tr_rdf_pair *p = tr_rdf_find(g, za, zb);
    for (int k = 0; k < n; k++) { // the running number just below and above each shell
        int bin = (int)(r[k] / g->dr);
        double below = bin ? p->count_ab[bin - 1] : 0.0, above = p->count_ab[bin];
        assert_near(below, k ? count[k - 1] : 0.0, 1e-9);
        assert_near(above, count[k], 1e-9);
    }
}

// fcc with a = 4: 12 at a/sqrt 2, 6 at a, 24 at a sqrt 1.5, 12 at a sqrt 2, 24 at a sqrt 2.5; from the cubic cell and from the primitive
// one of a single atom, which is skew and smaller than the first shell. Rock salt: 6 of the other kind at a/2, 8 at a sqrt 3 / 2.
static void test_crystals(void **state)
{
    (void)state;
    double a = 4.0, r[5] = {a / sqrt(2), a, a * sqrt(1.5), a * sqrt(2), a * sqrt(2.5)}, count[5] = {12, 18, 42, 54, 78};
    for (int primitive = 0; primitive < 2; primitive++) {
        struct scene *s = scene_new();
        scene_cube(s, a);
        if (primitive) {
            double cell[3][3] = {{0, a / 2, a / 2}, {a / 2, 0, a / 2}, {a / 2, a / 2, 0}};
            memcpy(s->cell, cell, sizeof cell);
        }
        scene_atom(s, 29, 0.1, 0.2, 0.3);
        for (int k = 0; !primitive && k < 3; k++)
            scene_atom(s, 29, 0.1 + (k != 0) * a / 2, 0.2 + (k != 1) * a / 2, 0.3 + (k != 2) * a / 2);
        scene_shoot(s);
        scene_shoot(s);
        AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
        const struct tr_traj *run = t;
        struct tr_rdf_options o = {.r_max = 6.5, .nbins = 131};
        AL_OWN(tr_rdf) g = NULL;
        ok(tr_rdf_create(&run, 1, &o, &g));
        shells(g, 29, 29, 5, r, count);
    }
    struct scene *s = scene_new();
    scene_cube(s, 5.64);
    for (int i = 0; i < 8; i++) {
        int at[3] = {i & 1, i >> 1 & 1, i >> 2};
        scene_atom(s, (at[0] + at[1] + at[2]) % 2 ? 17 : 11, 2.82 * at[0], 2.82 * at[1], 2.82 * at[2]);
    }
    scene_shoot(s);
    scene_shoot(s);
    AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
    const struct tr_traj *run = t;
    struct tr_rdf_options o = {.r_max = 6.0, .nbins = 121};
    AL_OWN(tr_rdf) g = NULL;
    ok(tr_rdf_create(&run, 1, &o, &g));
    double unlike[2] = {2.82, 2.82 * sqrt(3)}, like[1] = {2.82 * sqrt(2)}, six[2] = {6, 14}, twelve[1] = {12};
    shells(g, 11, 17, 2, unlike, six);
    shells(g, 11, 11, 1, like, twelve);
    assert_near(tr_rdf_find(g, 17, 11)->coordination_ab, 6.0, 1e-9);
}

// --- PS4 with Li ---------------------------------------------------------------------------------------

enum { UNITS = 8, NATOMS = 5 * UNITS + 1 };

// 2 x 2 x 2 units in a cube of 14 Ang, a Li between; atoms 5 k: P, 5 k + 1 ..: its S.
static void place_units(struct scene *s)
{
    scene_cube(s, 14.0);
    for (int k = 0; k < UNITS; k++) {
        double at[3] = {1 + 7.0 * (k % 2), 1 + 7.0 * (k / 2 % 2), 1 + 7.0 * (k / 4)};
        scene_atom(s, 15, at[0], at[1], at[2]);
        for (int b = 0; b < 4; b++)
            scene_atom(s, 16, at[0] + tetrahedron[b][0] * PS_BOND / sqrt(3.0), at[1] + tetrahedron[b][1] * PS_BOND / sqrt(3.0),
                       at[2] + tetrahedron[b][2] * PS_BOND / sqrt(3.0));
    }
    scene_atom(s, 3, 4.5, 4.5, 4.5);
}

enum event { INTACT, ONE_BROKEN, PASSED_ON, IN_PASSING, MOLTEN };
enum { FILM = 1000, WHEN = 600 };

// P vibrate with 0.1 Ang an axis, S with 0.05 on top of their P; everything drifts.
static struct tr_traj *film(enum event what)
{
    struct scene *s = scene_new();
    struct al_rng r;
    double home[NATOMS][3], walk[NATOMS][3] = {{0}};
    al_rng_stream(&r, 9, "film", 0, 0, 0);
    place_units(s);
    memcpy(home, s->x, sizeof home);
    for (int t = 0; t < FILM; t++) {
        double shake[3] = {0};
        for (int i = 0; i < NATOMS; i++)
            for (int q = 0; q < 3; q++) {
                bool sulfur = s->z[i] == 16;
                if (!sulfur) shake[q] = 0.1 * al_rng_normal(&r);
                if (what == MOLTEN && s->z[i] == 15) walk[i][q] += 0.15 * al_rng_normal(&r);
                if (sulfur) memcpy(walk[i], walk[i - i % 5], sizeof walk[i]);
                s->x[i][q] = home[i][q] + shake[q] + walk[i][q] + (sulfur ? 0.05 * al_rng_normal(&r) : 0.0) + 0.02 * t;
            }
        if (what == ONE_BROKEN && t >= WHEN) s->x[3][1] += 2.0; // S 3 of P 0: 1.18 + 2 Ang along y
        if (what == IN_PASSING && t >= WHEN && t < WHEN + 6) s->x[3][1] += 2.0;
        if (what == PASSED_ON && t >= WHEN) { // to the P of unit 1, across the face where it has no S
            s->x[1][0] = s->x[5][0] - 2.0;
            s->x[1][1] = s->x[5][1];
            s->x[1][2] = s->x[5][2];
        }
        scene_shoot(s);
    }
    return scene_cut(&s, 5.0);
}

static struct tr_framework *judge(const struct tr_traj *t)
{
    struct tr_framework *f = NULL;
    struct tr_bond_options o = {.species = {.mobile_z = 3}};
    ok(tr_framework_create(&t, 1, &o, &f));
    return f;
}

static void test_framework_intact(void **state)
{
    (void)state;
    AL_OWN(tr_traj) t = film(INTACT);
    AL_OWN(tr_framework) f = judge(t);
    assert_int_equal(f->nbonds, 32);
    assert_int_equal(f->centre_z, 15);
    assert_int_equal(f->broken_most + f->formed_most, 0);
    assert_int_equal(f->coordination[4], FILM * UNITS);
    assert_near(f->coordination_mean, 4.0, 1e-12);
    assert_true(isinf(f->first_broken));
    assert_true(f->whole);
    assert_int_equal(f->state, TR_SOLID);
    // Independent units: relative to the framework, whose centre takes 1/8 of the variance: sqrt(3) 0.1 sqrt(7/8); P are 7 Ang apart.
    assert_near(f->lindemann * f->spacing, sqrt(3.0) * 0.1 * sqrt(7.0 / 8.0), 0.004);
    assert_near(f->spacing, 7.0, 0.5);
    assert_near(f->growth, 1.0, 0.05);
    // twice the variance at any lag
    for (int l = 0; l < f->nlags; l++)
        assert_near(f->msd[l], 2 * 3 * 0.01 * 7.0 / 8.0, 0.003);
    for (int e = 0; e < f->nelements; e++)
        if (f->z[e] == 16) assert_near(f->rms[e], sqrt(3 * (0.01 * 7 / 8 + 0.0025)), 0.006);
    assert_non_null(strstr(f->verdict, "whole: all 32 bonds of 8 P"));
    assert_non_null(strstr(f->verdict, "solid"));
    AL_OWN(tr_rdf) g = NULL;
    const struct tr_traj *run = t;
    struct tr_rdf_options o = {.r_max = 0};
    ok(tr_rdf_create(&run, 1, &o, &g));
    const struct tr_rdf_pair *p = tr_rdf_find(g, 15, 16);
    assert_near(p->r_peak, PS_BOND, 0.06);
    assert_near(p->coordination_ab, 4.0, 1e-9);
    assert_near(p->coordination_ba, 1.0, 1e-9);
    assert_near(g->r_max, 7.0, 1e-12);
}

// Two replicas with one S of another unit replaced by Se in each: bonds go by atom, elements by run.
static void test_framework_arrangements(void **state)
{
    (void)state;
    AL_OWN(tr_traj) t = film(INTACT);
    AL_OWN(tr_traj) u = film(ONE_BROKEN);
    t->z[1] = u->z[8] = 34;
    const struct tr_traj *runs[] = {t, u};
    struct tr_bond_options o = {.species = {.mobile_z = 3}};
    AL_OWN(tr_framework) f = NULL;
    AL_OWN(tr_rdf) g = NULL;
    ok(tr_framework_create(runs, 2, &o, &f));
    assert_int_equal(f->nbonds, 32);
    assert_int_equal(f->broken_end, 1);
    assert_string_equal(f->first_bond, "P0-S3 in trajectory 1");
    assert_int_equal(f->nelements, 3);
    for (int e = 0; e < f->nelements; e++)
        if (f->z[e] == 34) assert_near(f->rms[e], sqrt(3 * (0.01 * 7 / 8 + 0.0025)), 0.01);
    ok(tr_rdf_create(runs, 1, &(struct tr_rdf_options){0}, &g));
    assert_near(tr_rdf_find(g, 15, 34)->coordination_ab, 1.0 / 8, 1e-9);
    tr_rdf_destroy(&g);
    ok(tr_rdf_create(runs, 2, &(struct tr_rdf_options){0}, &g));
    assert_near(tr_rdf_find(g, 15, 34)->coordination_ab, 1.0 / 8, 1e-9); // P 1 of the second one, where S 3 of P 0 goes away
    assert_near(tr_rdf_find(g, 15, 34)->coordination_ba, 1.0, 1e-9);
    struct tr_framework *none = NULL;
    u->z[6] = 34; // one more Se
    assert_int_equal(tr_framework_create(runs, 2, &o, &none), AL_ERR_INPUT);
    u->z[6] = 16;
    u->z[5] = 3; // ion and framework change places
    u->z[NATOMS - 1] = 15;
    assert_int_equal(tr_framework_create(runs, 2, &o, &none), AL_ERR_INPUT);
}

static void test_framework_broken(void **state)
{
    (void)state;
    AL_OWN(tr_traj) t = film(ONE_BROKEN);
    AL_OWN(tr_framework) f = judge(t);
    assert_int_equal(f->broken_most, 1);
    assert_int_equal(f->formed_most, 0);
    assert_int_equal(f->broken_end, 1);
    assert_near(f->first_broken, 5.0 * WHEN, 1e-9);
    assert_string_equal(f->first_bond, "P0-S3 in trajectory 0");
    assert_int_equal(f->coordination[3], FILM - WHEN);
    assert_int_equal(f->coordination[4], FILM * UNITS - (FILM - WHEN));
    assert_near(f->broken_mean, (double)(FILM - WHEN) / FILM / 32, 1e-12);
    assert_false(f->whole);
    assert_int_equal(f->state, TR_SOLID);
    assert_non_null(strstr(f->verdict, "not whole: of 32 bonds of 8 P up to 1 broken and 0 formed, at the end 1 and 0"));
    AL_OWN(tr_traj) u = film(PASSED_ON);
    AL_OWN(tr_framework) g = judge(u);
    assert_int_equal(g->broken_end, 1);
    assert_int_equal(g->formed_end, 1);
    assert_int_equal(g->coordination[3], FILM - WHEN);
    assert_int_equal(g->coordination[5], FILM - WHEN);
    AL_OWN(tr_traj) v = film(IN_PASSING);
    AL_OWN(tr_framework) h = judge(v);
    assert_int_equal(h->broken_most, 1);
    assert_int_equal(h->broken_end, 0);
    assert_int_equal(h->coordination[3], 6);
    assert_true(h->whole); // 6 of 1000 frames
    assert_non_null(strstr(h->verdict, "in passing"));
}

// Walking units: MSD = 2 x 0.03 + 3 x 0.15^2 n (7/8), so the growth is near 2.
static void test_framework_molten(void **state)
{
    (void)state;
    AL_OWN(tr_traj) t = film(MOLTEN);
    AL_OWN(tr_framework) f = judge(t);
    assert_int_equal(f->state, TR_MOLTEN);
    assert_true(f->lindemann > 0.3);
    assert_near(f->growth, 2.0, 0.5);
    for (int l = 0; l < f->nlags && f->lag[l] <= 5.0 * 20; l++)
        assert_near(f->msd[l], 7.0 / 8.0 * (2 * 3 * 0.01 + 3 * 0.15 * 0.15 * f->lag[l] / 5.0), 0.1 * f->msd[l]);
    assert_int_equal(f->broken_most, 0); // units stay units, even where two of them meet
    assert_non_null(strstr(f->verdict, "molten"));
    const struct tr_traj *run = t;
    struct tr_framework *none = NULL;
    bool nothing[AL_ZMAX + 1] = {false};
    struct tr_bond_options o = {.species = {.mobile_z = 3, .framework = nothing}};
    assert_int_equal(tr_framework_create(&run, 1, &o, &none), AL_ERR_INPUT);
}

// --- density -------------------------------------------------------------------------------------------

// Ions at rest in a crystal that drifts and breathes stay in one voxel each; the sum is their number; the cube file says the same.
static void test_density(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    double f[5][3] = {{0, 0, 0}, {0.51, 0.27, 0.74}, {0.91, 0.13, 0.49}, {0.3, 0.3, 0.3}, {0.6, 0.7, 0.8}};
    for (int i = 0; i < 5; i++)
        scene_atom(s, i < 3 ? 3 : 15, 0, 0, 0);
    for (int t = 0; t < 50; t++) {
        skew_cell(s, 1.0 + 0.02 * sin(t));
        for (int i = 0; i < 5; i++) {
            double g[3] = {f[i][0] + 0.013 * t, f[i][1] - 0.02 * t, f[i][2] + 0.001 * t};
            al_vecmat3(g, s->cell, s->x[i]);
        }
        scene_shoot(s);
    }
    AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
    const struct tr_traj *run = t;
    struct tr_density_options o = {.species = {.mobile_z = 3}, .spacing = 0.2525, .smooth = -1};
    AL_OWN(tr_density) d = NULL;
    ok(tr_density_create(&run, 1, &o, &d));
    assert_near(tr_density_sum(d), 3.0, 1e-10);
    assert_int_equal(d->n[0], 40);
    for (int i = 0; i < 3; i++) {
        int at[3];
        for (int q = 0; q < 3; q++)
            at[q] = (int)round(f[i][q] * d->n[q]) % d->n[q];
        assert_near(d->rho[at[0] + d->n[0] * (at[1] + d->n[1] * at[2])] * d->voxel, 1.0, 1e-9);
    }
    assert_int_equal(d->lattice->natoms, 2);
    for (int i = 0; i < 2; i++) {
        double x[3];
        al_vecmat3(f[3 + i], d->lattice->cell, x);
        for (int q = 0; q < 3; q++)
            assert_near(d->lattice->pos[i][q], x[q], 1e-9);
    }
    // Smoothed: the same sum, and about the ion at the origin a variance of 3 x 0.4^2.
    o.smooth = 0.4;
    AL_OWN(tr_density) e = NULL;
    ok(tr_density_create(&run, 1, &o, &e));
    assert_near(tr_density_sum(e), 3.0, 1e-10);
    double r2 = 0.0, m = 0.0;
    for (int p = 0; p < e->n[0] * e->n[1] * e->n[2]; p++) {
        double g[3] = {(double)(p % e->n[0]) / e->n[0], (double)(p / e->n[0] % e->n[1]) / e->n[1], (double)(p / e->n[0] / e->n[1]) / e->n[2]};
        double x[3];
        for (int q = 0; q < 3; q++)
            g[q] -= round(g[q]);
        al_vecmat3(g, e->lattice->cell, x);
        double d2 = al_dot3(x, x);
        if (d2 > 1.7 * 1.7) continue;
        r2 += e->rho[p] * d2;
        m += e->rho[p];
    }
    assert_near(m * e->voxel, 1.0, 1e-6);
    assert_near(r2 / m, 3 * 0.4 * 0.4, 0.005);
    // The cube file.
    char path[] = "/tmp/alnd-density-XXXXXX", line[256];
    close(mkstemp(path));
    ok(tr_density_write_cube(path, e));
    FILE *in = fopen(path, "r");
    double sum = 0.0, v, step[3];
    int n = 0;
    for (int k = 0; k < 8; k++) {
        assert_non_null(fgets(line, sizeof line, in));
        if (k == 2) assert_int_equal(atoi(line), 2);
        if (k == 3) assert_int_equal(sscanf(line, "%d %lf %lf %lf", &n, &step[0], &step[1], &step[2]), 4);
    }
    assert_int_equal(n, 40);
    assert_near(step[0] * 40 * AL_BOHR_ANG, e->lattice->cell[0][0], 1e-9);
    for (n = 0; fscanf(in, "%lf", &v) == 1; n++)
        sum += v;
    fclose(in);
    unlink(path);
    assert_int_equal(n, e->n[0] * e->n[1] * e->n[2]);
    assert_near(sum * e->voxel, 3.0, 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breathing_gas),    cmocka_unit_test(test_ideal_gas),        cmocka_unit_test(test_crystals),         cmocka_unit_test(test_framework_intact),
        cmocka_unit_test(test_framework_arrangements), cmocka_unit_test(test_framework_broken), cmocka_unit_test(test_framework_molten), cmocka_unit_test(test_density),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
