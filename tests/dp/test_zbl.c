// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// ZBL repulsion: a pair against 60-digit arithmetic of the formulas in dp/zbl.h (switch from its linear equations), smoothness at
// both ends, sums over all pairs and images, derivatives, files, and two atoms driven together.
#include "dp_fixture.h"

#include "base/fsio.h"
#include "dp/potential.h"
#include "dp/zbl.h"

static const int LIPSO[] = {3, 15, 16, 8};
static const struct dp_zbl_range RANGE = {0.8, 1.4};

static struct dp_model *model(bool zbl, uint64_t seed)
{
    struct dp_model *plain = fixture_model(NULL, seed);
    struct dp_config c = plain->c;
    dp_model_destroy(&plain);
    if (zbl) c.zbl = RANGE;
    return fixture_model(&c, seed);
}

static struct dp_zbl *repulsion(void)
{
    struct dp_model *m = model(true, 1);
    struct dp_zbl *z = NULL;
    MUST(dp_zbl_create(&m->c, &z));
    assert_non_null(z);
    dp_model_destroy(&m);
    return z;
}

// types: 0 Li, 1 P, 2 S, 3 O
static void pairs(void **state)
{
    (void)state;
    static const struct {
        int t, u;
        double r, e, slope;
    } want[] = {
        {0, 2, 0.3, 4.8938264806197105e+02, -3.6206243652163976e+03},
        {0, 2, 0.7, 4.6186171404640703e+01, -2.4452078910001285e+02},
        {0, 2, 0.9, 1.4964820106903973e+01, -9.3813170706769071e+01},
        {0, 2, 1.1, 3.1858244856209526e+00, -3.1595658350170151e+01},
        {0, 2, 1.35, 1.5485351524421254e-02, -9.2483620467729011e-01},
        {1, 3, 0.3, 1.1013829459197993e+03, -8.4049792404608797e+03},
        {1, 3, 0.7, 9.7739330354230134e+01, -5.2741291158157117e+02},
        {1, 3, 0.9, 3.1129968702153068e+01, -1.9733551468103218e+02},
        {1, 3, 1.1, 6.5513176399958919e+00, -6.5277515616600382e+01},
        {1, 3, 1.35, 3.1557670358600728e-02, -1.8855950512954132e+00},
        {2, 2, 0.3, 2.1138392389885316e+03, -1.6616268269583568e+04},
        {2, 2, 0.7, 1.7649493461042377e+02, -9.7109095106850202e+02},
        {2, 2, 0.9, 5.5199078220467349e+01, -3.5409711347399923e+02},
        {2, 2, 1.1, 1.1472208469526739e+01, -1.1488982496685355e+02},
        {2, 2, 1.35, 5.4723391091613630e-02, -3.2713784768915919e+00},
    };
    struct dp_zbl *z = repulsion();
    for (size_t k = 0; k < sizeof want / sizeof *want; k++)
        for (int twice = 0; twice < 2; twice++) {
            int t = twice ? want[k].u : want[k].t, u = twice ? want[k].t : want[k].u;
            double slope, e = dp_zbl_pair(z, t, u, want[k].r, &slope);
            // of terms that cancel near outer
            if (!(fabs(e - want[k].e) < 1e-13 * want[k].e + 3e-14) ||
                !(fabs(slope - want[k].slope) < 1e-13 * fabs(want[k].slope) + 3e-13))
                fail_msg("%d %d at %g: %.16e %.16e", t, u, want[k].r, e, slope);
        }
    double slope = 1;
    assert_true(dp_zbl_pair(z, 0, 0, 1.4, &slope) == 0 && slope == 0);
    dp_zbl_destroy(&z);
}

// E, E' and E'' on both sides of inner and outer.
static void smooth(void **state)
{
    (void)state;
    struct dp_zbl *z = repulsion();
    for (int k = 0; k < 2; k++)
        for (int t = 0; t < 4; t++)
            for (int u = 0; u < 4; u++) {
                const double h = 1e-5, at = k ? RANGE.outer : RANGE.inner;
                double f[2], s[3], curve[2];
                f[0] = dp_zbl_pair(z, t, u, at - 1e-13, &s[0]);
                f[1] = dp_zbl_pair(z, t, u, at + 1e-13, &s[1]);
                assert_true(fabs(f[0] - f[1]) < 1e-9 && fabs(s[0] - s[1]) < 1e-8);
                for (int side = 0; side < 2; side++) { // one-sided, second order
                    double d = side ? h : -h;
                    for (int n = 0; n < 3; n++)
                        dp_zbl_pair(z, t, u, at + (side ? 1e-13 : -1e-13) + n * d, &s[n]);
                    curve[side] = (-1.5 * s[0] + 2 * s[1] - 0.5 * s[2]) / d;
                }
                double inside;
                dp_zbl_pair(z, t, u, 0.5 * (RANGE.inner + RANGE.outer), &inside);
                assert_true(inside < -0.5);
                if (!(fabs(curve[0] - curve[1]) < 1e-6 * fabs(inside))) fail_msg("E'' %g %g", curve[0], curve[1]);
            }
    dp_zbl_destroy(&z);
}

struct result {
    struct pot_result r;
    double force[12][3], atomic[12];
};

// Twelve atoms of which some are well within the range of the repulsion, and images of them.
static struct al_frame *crowd(uint64_t seed)
{
    return fixture_frame(12, LIPSO, 4, 5.2, 0.75, seed);
}

static void evaluate(struct potential *p, const struct al_frame *f, struct result *out)
{
    out->r = (struct pot_result){.forces = out->force, .atomic_energy = out->atomic};
    MUST(p->ops->eval(p, f, &out->r));
}

static void all_pairs(const struct al_frame *f, struct result *out)
{
    struct dp_zbl *z = repulsion();
    *out = (struct result){0};
    for (int i = 0; i < f->natoms; i++)
        for (int j = 0; j < f->natoms; j++)
            for (int p = 0; p < 27; p++) {
                double d[3], r2 = 0, slope;
                for (int a = 0; a < 3; a++) {
                    d[a] = f->pos[j][a] - f->pos[i][a] + (p % 3 - 1) * f->cell[0][a] + (p / 3 % 3 - 1) * f->cell[1][a] +
                           (p / 9 - 1) * f->cell[2][a];
                    r2 += d[a] * d[a];
                }
                if (r2 < 1e-9) continue;
                double e = dp_zbl_pair(z, i % 4, j % 4, sqrt(r2), &slope) / 2;
                out->r.energy += e;
                out->atomic[i] += e;
                for (int a = 0; a < 3; a++) {
                    out->force[i][a] += slope * d[a] / sqrt(r2);
                    for (int b = 0; b < 3; b++)
                        out->r.virial[a][b] -= slope / 2 * d[a] * d[b] / sqrt(r2);
                }
            }
    dp_zbl_destroy(&z);
}

static void near(const char *what, int n, const double *a, const double *b, const double *add, double tolerance)
{
    double most = 0;
    for (int k = 0; k < n; k++) {
        most = fmax(most, fabs(add[k]));
        if (!(fabs(a[k] - b[k] - add[k]) <= tolerance)) fail_msg("%s[%d]: %.12g + %.12g, not %.12g", what, k, b[k], add[k], a[k]);
    }
    if (!(most > 0.1)) fail_msg("%s: no repulsion, %g", what, most);
}

// Model with less model without repulsion is the sum over all pairs, in every arithmetic.
static void sums(void **state)
{
    (void)state;
    for (int way = DP_WAY_PLAIN; way <= DP_WAY_MIXED; way++) {
        struct dp_model *m[2] = {model(false, 5), model(true, 5)};
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct al_frame *f = crowd(seed);
            struct result have[2], want;
            for (int k = 0; k < 2; k++) {
                struct potential *p = NULL;
                MUST(dp_potential_from_model(m[k], (enum dp_way)way, &p));
                evaluate(p, f, &have[k]);
                potential_destroy(&p);
            }
            all_pairs(f, &want);
            near("energy", 1, &have[1].r.energy, &have[0].r.energy, &want.r.energy, 1e-9);
            near("force", 36, &have[1].force[0][0], &have[0].force[0][0], &want.force[0][0], 1e-9);
            near("virial", 9, &have[1].r.virial[0][0], &have[0].r.virial[0][0], &want.r.virial[0][0], 1e-9);
            near("atomic energy", 12, have[1].atomic, have[0].atomic, want.atomic, 1e-9);
            al_frame_destroy(&f);
        }
        dp_model_destroy(&m[0]);
        dp_model_destroy(&m[1]);
    }
}

// Fourth-order difference of the energy when shift(h) is applied.
static double difference(struct potential *p, const struct al_frame *f, double h, int atom, int a, int b)
{
    static const double at[4] = {-2, -1, 1, 2}, weight[4] = {1, -8, 8, -1};
    double sum = 0;
    for (int k = 0; k < 4; k++) {
        struct al_frame *g = NULL;
        struct result r;
        MUST(al_frame_copy(f, &g));
        if (atom >= 0) g->pos[atom][a] += at[k] * h;
        for (int i = 0; atom < 0 && i < g->natoms; i++)
            g->pos[i][a] += at[k] * h * f->pos[i][b];
        for (int c = 0; atom < 0 && c < 3; c++)
            g->cell[c][a] += at[k] * h * f->cell[c][b];
        evaluate(p, g, &r);
        sum += weight[k] * r.r.energy / (12 * h);
        al_frame_destroy(&g);
    }
    return sum;
}

static void derivatives(void **state)
{
    (void)state;
    static const double step[] = {[DP_WAY_PLAIN] = 1e-4, [DP_WAY_DOUBLE] = 1e-4, [DP_WAY_MIXED] = 2e-3};
    static const double tolerance[] = {[DP_WAY_PLAIN] = 1e-6, [DP_WAY_DOUBLE] = 1e-6, [DP_WAY_MIXED] = 5e-3};
    for (int way = DP_WAY_PLAIN; way <= DP_WAY_MIXED; way++) {
        struct dp_model *m = model(true, 9);
        struct potential *p = NULL;
        struct al_frame *f = crowd(4);
        struct result r;
        double most = 0;
        MUST(dp_potential_from_model(m, (enum dp_way)way, &p));
        evaluate(p, f, &r);
        for (int k = 0; k < 36; k++) {
            double d = -difference(p, f, step[way], k / 3, k % 3, 0), off = fabs(d - r.force[k / 3][k % 3]);
            most = fmax(most, fabs(d));
            if (!(off < tolerance[way])) fail_msg("way %d, force %d: %g, difference %g", way, k, r.force[k / 3][k % 3], d);
        }
        for (int k = 0; k < 9; k++) {
            double d = -difference(p, f, step[way] / 4, -1, k / 3, k % 3), off = fabs(d - r.r.virial[k / 3][k % 3]);
            if (!(off < 10 * tolerance[way])) fail_msg("way %d, virial %d: %g, difference %g", way, k, r.r.virial[k / 3][k % 3], d);
        }
        assert_true(most > 10); // eV/Ang: the repulsion is there
        al_frame_destroy(&f);
        potential_destroy(&p);
        dp_model_destroy(&m);
    }
}

static void same_energy(const struct dp_model *a, const struct dp_model *b)
{
    struct al_frame *f = crowd(2);
    struct result r[2];
    for (int k = 0; k < 2; k++) {
        struct potential *p = NULL;
        MUST(dp_potential_from_model(k ? b : a, DP_WAY_PLAIN, &p));
        evaluate(p, f, &r[k]);
        potential_destroy(&p);
    }
    assert_memory_equal(r[0].force, r[1].force, sizeof r[0].force);
    assert_true(r[0].r.energy == r[1].r.energy);
    al_frame_destroy(&f);
}

static void files(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-zbl-XXXXXX", path[2][AL_PATH];
    struct dp_model *m = model(true, 3), *bare = model(false, 3), *back = NULL, *networks = NULL;
    assert_non_null(mkdtemp(dir));
    MUST(al_path(path[0], "%s/m.dp", dir));
    MUST(al_path(path[1], "%s/m.without_zbl.dp", dir));
    MUST(dp_model_write(path[0], m));
    MUST(dp_model_write_networks(path[1], m));
    MUST(dp_model_read(path[0], &back));
    MUST(dp_model_read(path[1], &networks));
    assert_true(back->c.zbl.inner == 0.8 && back->c.zbl.outer == 1.4 && !dp_zbl_present(&networks->c.zbl));
    same_energy(m, back);
    same_energy(bare, networks);
    dp_model_destroy(&back);
    MUST(dp_model_copy(m, &back));
    same_energy(m, back);
    assert_true(networks->left_out.outer == 1.4 && networks->left_out.inner == 0.8 && !dp_zbl_present(&back->left_out));
    struct potential *p = NULL; // MD must not run without the repulsion
    assert_int_equal(dp_potential_open(path[1], DP_WAY_PLAIN, &p), AL_ERR_INPUT);
    assert_int_equal(dp_model_write_networks(path[1], bare), AL_ERR_INPUT);
    MUST(al_remove_tree(dir));
    dp_model_destroy(&back);
    dp_model_destroy(&networks);
    dp_model_destroy(&bare);
    dp_model_destroy(&m);
}

static void refused(void **state)
{
    (void)state;
    struct dp_model *m = model(true, 3);
    const struct dp_zbl_range bad[] = {{0.8, 0.8}, {0, 1.4}, {0.8, 0}, {-1, 1}, {1.4, 0.8}, {0.8, 4.5}, {(double)NAN, 1}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct dp_config c = m->c;
        c.zbl = bad[k];
        assert_int_equal(dp_config_check(&c), AL_ERR_INPUT);
    }
    struct dp_config c = m->c;
    c.sel[1] = 0;
    assert_int_equal(dp_config_check(&c), AL_ERR_INPUT);
    c = m->c;
    snprintf(c.type_map[2], DP_TYPE_NAME, "Li_2");
    assert_int_equal(dp_config_check(&c), AL_ERR_INPUT);
    dp_model_destroy(&m);
}

// Shortest distance of two sulphur atoms that meet head-on with `energy` (eV), from 3 Ang apart, by velocity Verlet;
// *ret_drift: change of the total energy.
static double collide(const struct dp_model *m, double energy, double *ret_drift)
{
    const double mass = 32.06, unit = 9.648533212e-3, dt = 0.05; // amu, (eV/Ang/amu) in Ang/fs^2, fs
    struct potential *p = NULL;
    struct al_frame *f = NULL;
    struct result r;
    MUST(dp_potential_from_model(m, DP_WAY_DOUBLE, &p));
    MUST(al_frame_create(2, &f));
    f->pbc = false;
    f->z[0] = f->z[1] = 16;
    f->pos[1][0] = 3;
    double v = sqrt(energy * unit / mass), least = 3, start = 0, total = 0;
    evaluate(p, f, &r);
    start = r.r.energy + energy;
    for (int k = 0; k < 4000 && f->pos[1][0] - f->pos[0][0] <= 3 && f->pos[1][0] - f->pos[0][0] > 0.05; k++) {
        v -= 0.5 * dt * unit * r.force[1][0] / mass; // towards each other; the mean of both is at rest
        f->pos[0][0] += dt * v;
        f->pos[1][0] -= dt * v;
        evaluate(p, f, &r);
        v -= 0.5 * dt * unit * r.force[1][0] / mass;
        least = fmin(least, f->pos[1][0] - f->pos[0][0]);
        total = r.r.energy + mass * v * v / unit;
    }
    *ret_drift = total - start;
    assert_true(least < 0.06 || f->pos[1][0] - f->pos[0][0] > 3); // in the hole, or apart again
    al_frame_destroy(&f);
    potential_destroy(&p);
    return least;
}

// Networks that have seen no close pair do not repel: 10 eV bring the atoms to one place. With the repulsion they come
// apart again.
static void collision(void **state)
{
    (void)state;
    double drift;
    struct dp_model *bare = model(false, 12), *m = model(true, 12);
    double hole = collide(bare, 10, &drift);
    assert_true(hole < 0.06);
    double closest = collide(m, 10, &drift);
    print_message("closest %.3f Ang with repulsion, %.3f without; drift %.1e eV\n", closest, hole, drift);
    assert_true(closest > 0.9 && fabs(drift) < 1e-3);
    dp_model_destroy(&bare);
    dp_model_destroy(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs),       cmocka_unit_test(smooth), cmocka_unit_test(sums),
                                       cmocka_unit_test(derivatives), cmocka_unit_test(files),  cmocka_unit_test(refused),
                                       cmocka_unit_test(collision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
