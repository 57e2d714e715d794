// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Model deviation against the formulas written out on numbers that can be checked by hand, members against
// single potentials, the trust window and the seeded choice.
#include "dp_fixture.h"

#include <unistd.h>

#include "committee/committee.h"
#include "committee/select.h"
#include "dp/potential.h"

static const int LI_P_S_O[] = {3, 15, 16, 8, 16, 3};

static void near(double a, double b, double tol)
{
    if (!(fabs(a - b) <= tol)) fail_msg("%.17g instead of %.17g", a, b);
}

// Two members, two atoms: f differs by 2 along x on atom 0 (std 1), by (6, 8, 0) on atom 1 (std 3, 4: norm
// 5); virial differs by 4c in component c (std 2c, per atom c); energy by 6 (std 3, per atom 1.5).
static void by_hand(void **state)
{
    (void)state;
    double fa[2][3] = {{1, 2, 3}, {0, 0, 0}}, fb[2][3] = {{3, 2, 3}, {6, -8, 0}}, each[2];
    struct pot_result r[2] = {{.energy = -10, .forces = fa}, {.energy = -4, .forces = fb}};
    for (int c = 0; c < 9; c++)
        r[1].virial[c / 3][c % 3] = 4.0 * c;
    struct deviation d = {.f = each};
    deviation_of(2, r, 2, &d);
    near(d.max_f, 5, 1e-14);
    near(d.min_f, 1, 1e-14);
    near(d.avg_f, 3, 1e-14);
    near(each[0], 1, 1e-14);
    near(each[1], 5, 1e-14);
    near(d.max_v, 8, 1e-14);
    near(d.min_v, 0, 0);
    near(d.avg_v, sqrt(204.0 / 9), 1e-13); // sum of c^2, c = 0..8
    near(d.e, 1.5, 1e-14);
}

// Population, not sample, standard deviation: three members 0, 0, 3 have mean 1 and std sqrt(2).
static void population(void **state)
{
    (void)state;
    double f[3][1][3] = {{{0, 0, 0}}, {{0, 0, 0}}, {{0, 3, 0}}};
    struct pot_result r[3] = {{.forces = f[0]}, {.forces = f[1]}, {.forces = f[2]}};
    struct deviation d = {0};
    deviation_of(3, r, 1, &d);
    near(d.max_f, sqrt(2), 1e-14);
}

static void members_in(enum dp_way way) // from files; environment shared, results those of single potentials
{
    enum { N = 3 };
    char dir[] = "/tmp/alnd-committee-XXXXXX", path[N][64];
    assert_non_null(mkdtemp(dir));
    const char *paths[N];
    struct dp_model *m[N];
    for (int k = 0; k < N; k++) {
        m[k] = fixture_model(NULL, 10 + (uint64_t)k);
        snprintf(path[k], sizeof path[k], "%s/m%d.dp", dir, k);
        MUST(dp_model_write(path[k], m[k]));
        paths[k] = path[k];
    }
    struct committee *c = NULL;
    MUST(committee_open(paths, N, way, &c));
    assert_int_equal(committee_size(c), N);
    near(committee_cutoff(c), 4.5, 0);
    for (int frame = 0; frame < 2; frame++) { // the second is larger: room must grow
        int n = frame ? 24 : 12;
        struct al_frame *f = fixture_frame(n, LI_P_S_O, 6, frame ? 9 : 7, 1.5, 3 + (uint64_t)frame);
        double mean_f[24][3], force[24][3], energy = 0;
        struct deviation d = {0};
        struct pot_result mean = {.forces = mean_f};
        if (frame) { // as MD does: the leader is not evaluated again
            struct pot_result lead = {.forces = force};
            MUST(committee_leader(c)->ops->eval(committee_leader(c), f, &lead));
        }
        MUST(committee_eval(c, f, &d, &mean));
        assert_true(d.max_f > 0 && d.e > 0 && d.max_v > 0 && d.min_f <= d.avg_f && d.avg_f <= d.max_f);
        for (int k = 0; k < N; k++) {
            struct potential *p = NULL;
            MUST(dp_potential_from_model(m[k], way, &p));
            struct pot_result one = {.forces = force};
            MUST(p->ops->eval(p, f, &one));
            energy += one.energy / N;
            assert_memory_equal(&one.energy, &committee_member(c, k)->energy, sizeof one.energy);
            assert_memory_equal(force, committee_member(c, k)->forces, (size_t)n * sizeof *force);
            potential_destroy(&p);
        }
        near(mean.energy, energy, 1e-12 * fabs(energy));
        double first = mean_f[0][0]; // another frame: the last one is not taken for it
        f->pos[0][0] += 1e-3;
        MUST(committee_eval(c, f, &d, &mean));
        assert_true(mean_f[0][0] != first);
        al_frame_destroy(&f);
    }
    committee_destroy(&c);
    for (int k = 0; k < N; k++) {
        unlink(path[k]);
        dp_model_destroy(&m[k]);
    }
    rmdir(dir);
}

static void members(void **state)
{
    (void)state;
    members_in(DP_WAY_PLAIN);
    members_in(DP_WAY_DOUBLE);
    members_in(DP_WAY_MIXED);
}

static void different_environments(void **state) // members of different cut-off work one by one
{
    (void)state;
    struct dp_model *a = fixture_model(NULL, 20);
    struct dp_config other = a->c;
    other.rcut = 4.0;
    struct dp_model *b = fixture_model(&other, 21);
    struct potential *p[2] = {0};
    MUST(dp_potential_from_model(a, DP_WAY_PLAIN, &p[0]));
    MUST(dp_potential_from_model(b, DP_WAY_PLAIN, &p[1]));
    struct committee *c = NULL;
    MUST(committee_from_potentials(p, 2, &c));
    assert_null(p[0]);
    struct al_frame *f = fixture_frame(12, LI_P_S_O, 6, 7, 1.5, 5);
    struct deviation d = {0};
    MUST(committee_eval(c, f, &d, NULL));
    double half = fabs(committee_member(c, 0)->energy - committee_member(c, 1)->energy) / 2 / 12;
    assert_true(half > 0);
    near(d.e, half, 1e-12);
    f->z[0] = 79;
    assert_int_equal(committee_eval(c, f, &d, NULL), AL_ERR_INPUT);
    al_frame_destroy(&f);
    committee_destroy(&c);
    dp_model_destroy(&a);
    dp_model_destroy(&b);
}

// A repulsion that all members have is in their energies and forces, and not in their deviation.
static void repulsion(void **state)
{
    (void)state;
    double force[2][12][3], f[2][12];
    struct deviation d[2] = {{.f = f[0]}, {.f = f[1]}};
    struct pot_result mean[2] = {{.forces = force[0]}, {.forces = force[1]}};
    struct al_frame *frame = fixture_frame(12, LI_P_S_O, 6, 5.5, 0.8, 6);
    for (int zbl = 0; zbl < 2; zbl++) {
        struct potential *p[3] = {0};
        struct committee *c = NULL;
        for (int k = 0; k < 3; k++) {
            struct dp_model *m = fixture_model(NULL, 40 + (uint64_t)k);
            if (zbl) m->c.zbl = (struct dp_zbl_range){0.8, 1.5};
            MUST(dp_potential_from_model(m, DP_WAY_MIXED, &p[k]));
            dp_model_destroy(&m);
        }
        MUST(committee_from_potentials(p, 3, &c));
        MUST(committee_eval(c, frame, &d[zbl], &mean[zbl]));
        committee_destroy(&c);
    }
    assert_true(mean[1].energy > mean[0].energy + 1);
    assert_true(mean[1].virial[0][0] > mean[0].virial[0][0] + 1);
    assert_true(d[0].max_f > 1e-3 && d[0].max_v > 1e-4);
    near(d[1].max_f, d[0].max_f, 1e-10);
    near(d[1].max_v, d[0].max_v, 1e-10);
    near(d[1].e, d[0].e, 1e-10);
    for (int i = 0; i < 12; i++)
        near(f[1][i], f[0][i], 1e-10);
    al_frame_destroy(&frame);
}

static void window(void **state)
{
    (void)state;
    struct trust_window w = {0.1, 0.3};
    const double f[] = {0.05, 0.1, 0.29, 0.3, (double)NAN, 2};
    enum trust_class cls[6];
    struct trust_count n;
    trust_classify_all(&w, 6, f, cls, &n);
    assert_int_equal(n.accurate, 1);
    assert_int_equal(n.candidate, 2);
    assert_int_equal(n.failed, 3);
    assert_string_equal(trust_name(cls[1]), "candidate");
}

static void choice(void **state)
{
    (void)state;
    enum { N = 50, TAKE = 5, TRIALS = 4000 };
    enum trust_class cls[N];
    int candidates = 0, count[N] = {0}, a[TAKE], b[TAKE], na, nb;
    for (int i = 0; i < N; i++) {
        cls[i] = i % 5 ? TRUST_CANDIDATE : TRUST_FAILED;
        candidates += cls[i] == TRUST_CANDIDATE;
    }
    MUST(trust_choose(N, cls, TAKE, 7, 1, 2, 3, a, &na));
    MUST(trust_choose(N, cls, TAKE, 7, 1, 2, 3, b, &nb));
    assert_int_equal(na, TAKE);
    assert_memory_equal(a, b, sizeof a); // same seed, same frames
    for (uint64_t k = 0; k < TRIALS; k++) {
        MUST(trust_choose(N, cls, TAKE, 7, k, 0, 0, a, &na));
        for (int i = 0; i < TAKE; i++) {
            assert_true(cls[a[i]] == TRUST_CANDIDATE && (i == 0 || a[i] > a[i - 1]));
            count[a[i]]++;
        }
    }
    double expect = (double)TRIALS * TAKE / candidates; // 500, binomial spread 21: six of them
    for (int i = 0; i < N; i++)
        if (cls[i] == TRUST_CANDIDATE) near(count[i], expect, 130);
    MUST(trust_choose(4, cls, TAKE, 7, 0, 0, 0, a, &na)); // fewer candidates than wanted: all of them
    assert_int_equal(na, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand), cmocka_unit_test(population),
        cmocka_unit_test(members), cmocka_unit_test(different_environments), cmocka_unit_test(repulsion),
        cmocka_unit_test(window),  cmocka_unit_test(choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
