// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Neighbour lists against a brute-force sum over images.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/neigh.h"
#include "base/rng.h"

// cmocka's assert_float_equal compares as float.
#define assert_near(a, b, tol)                                                                               \
    do {                                                                                                     \
        double a_ = (a), b_ = (b), tol_ = (tol);                                                             \
        if (!(fabs(a_ - b_) <= tol_)) fail_msg("%.17g != %.17g (tolerance %g)", a_, b_, tol_);               \
    } while (0)

enum { MAXN = 400 };
static double x[MAXN][3];

static void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

// Random atoms at least dmin apart is not needed: the list does not care, only r > 0.
static void random_atoms(struct al_rng *r, int n, const double cell[3][3], double spread)
{
    for (int i = 0; i < n; i++) {
        double f[3];
        for (int k = 0; k < 3; k++)
            f[k] = spread * (al_rng_uniform(r) - 0.3);
        al_vecmat3(f, cell, x[i]);
    }
}

static int heights_reach(const double cell[3][3], int k, double cutoff, double spread)
{
    double n[3], v = fabs(al_det3(cell));
    al_cross3(cell[(k + 1) % 3], cell[(k + 2) % 3], n);
    return (int)ceil(cutoff * sqrt(al_dot3(n, n)) / v + spread) + 1;
}

// Walks the same order (i, then j, then image) and compares entry by entry.
static void compare_brute(const struct al_neigh *nl, int n, const double cell[3][3], bool pbc, double spread)
{
    int m[3] = {0};
    for (int k = 0; pbc && k < 3; k++)
        m[k] = heights_reach(cell, k, nl->cutoff, spread);
    long count = 0;
    for (int i = 0; i < n; i++) {
        int e = nl->first[i];
        for (int j = 0; j < n; j++)
            for (int a = -m[0]; a <= m[0]; a++)
                for (int b = -m[1]; b <= m[1]; b++)
                    for (int c = -m[2]; c <= m[2]; c++) {
                        if (i == j && !a && !b && !c) continue;
                        double d[3], r2 = 0;
                        for (int k = 0; k < 3; k++) {
                            d[k] = x[j][k] - x[i][k] + a * cell[0][k] + b * cell[1][k] + c * cell[2][k];
                            r2 += d[k] * d[k];
                        }
                        if (r2 >= nl->cutoff * nl->cutoff) continue;
                        assert_true(e < nl->first[i + 1]);
                        assert_int_equal(nl->pair[e].j, j);
                        for (int k = 0; k < 3; k++) // rounding of another order of the same sum
                            assert_near(nl->pair[e].d[k], d[k], 1e-11);
                        assert_near(nl->pair[e].r, sqrt(r2), 1e-11);
                        e++;
                        count++;
                    }
        assert_int_equal(e, nl->first[i + 1]);
    }
    assert_int_equal(count, nl->first[n]);
    assert_true(n < 2 || count > 0);
}

static void check(const double cell[3][3], bool pbc, int n, double cutoff, double skin, double spread,
                  uint64_t seed)
{
    struct al_rng r;
    al_rng_stream(&r, seed, "neigh", 0, 0, 0);
    random_atoms(&r, n, cell, spread);
    AL_OWN(al_neigh) nl = NULL;
    ok(al_neigh_create(cutoff, skin, &nl));
    ok(al_neigh_update(nl, n, x, cell, pbc));
    compare_brute(nl, n, cell, pbc, spread);
}

static const double cubic[3][3] = {{11, 0, 0}, {0, 11, 0}, {0, 0, 11}};
static const double triclinic[3][3] = {{9.1, 0.4, -0.3}, {4.2, 8.3, 0.7}, {-3.9, 2.2, 10.4}};
static const double skewed[3][3] = {{5, 0, 0}, {14, 5, 0}, {-11, 9, 6}}; // far from reduced
static const double lefthanded[3][3] = {{0, 7, 0.3}, {6.5, 0, 0}, {0.5, 0, 8.1}};
static const double tiny[3][3] = {{2.1, 0, 0}, {0.9, 2.4, 0}, {0.3, -0.6, 2.9}};
static const double flat[3][3] = {{30, 0, 0}, {0, 3.1, 0}, {0, 0, 17}};

static void test_brute_force(void **state)
{
    (void)state;
    check(cubic, true, 90, 4.0, 0.0, 1.0, 1);
    check(cubic, true, 60, 6.3, 1.0, 3.0, 2); // atoms outside the cell, cut-off > half the cell
    check(triclinic, true, 60, 5.0, 0.5, 2.0, 3);
    check(skewed, true, 20, 4.0, 0.7, 1.0, 4);
    check(lefthanded, true, 40, 5.0, 0.7, 2.0, 5);
    check(tiny, true, 3, 6.0, 0.3, 4.0, 6);
    check(tiny, true, 1, 7.0, 0.0, 1.0, 7); // only images of itself
    check(flat, true, 150, 3.0, 0.4, 1.0, 8);
    check(cubic, false, 80, 4.0, 0.5, 1.0, 9);
    check(cubic, false, 2, 40.0, 0.5, 1.0, 10);
    check(cubic, false, 1, 4.0, 0.5, 1.0, 11);
}

// Full list: (i, j, d) has (j, i, -d), exactly.
static void test_symmetry(void **state)
{
    (void)state;
    struct al_rng r;
    al_rng_stream(&r, 12, "neigh", 0, 0, 0);
    random_atoms(&r, 50, triclinic, 2.0);
    AL_OWN(al_neigh) nl = NULL;
    ok(al_neigh_create(5.0, 0.5, &nl));
    ok(al_neigh_update(nl, 50, x, triclinic, true));
    int matched = 0;
    for (int i = 0; i < 50; i++)
        for (int e = nl->first[i]; e < nl->first[i + 1]; e++) {
            const struct al_neigh_pair *p = &nl->pair[e];
            for (int g = nl->first[p->j]; g < nl->first[p->j + 1]; g++) {
                const struct al_neigh_pair *q = &nl->pair[g];
                if (q->j == i && q->d[0] == -p->d[0] && q->d[1] == -p->d[1] && q->d[2] == -p->d[2]) matched++;
            }
        }
    assert_int_equal(matched, nl->first[50]);
}

// A list that is carried along equals one made afresh at every step, bit for bit, and is seldom rebuilt.
static void walk_and_compare(const double cell[3][3], bool pbc, int n, double drift)
{
    struct al_rng r;
    al_rng_stream(&r, 13, "neigh", 0, 0, 0);
    random_atoms(&r, n, cell, 1.0);
    AL_OWN(al_neigh) carried = NULL;
    ok(al_neigh_create(4.5, 0.8, &carried));
    int steps = 60;
    for (int s = 0; s < steps; s++) {
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 3; k++)
                x[i][k] += 0.03 * al_rng_normal(&r) + drift;
        ok(al_neigh_update(carried, n, x, cell, pbc));
        AL_OWN(al_neigh) fresh = NULL;
        ok(al_neigh_create(4.5, s % 2 ? 0.8 : 0.0, &fresh));
        ok(al_neigh_update(fresh, n, x, cell, pbc));
        assert_memory_equal(carried->first, fresh->first, ((size_t)n + 1) * sizeof(int));
        for (int e = 0; e < fresh->first[n]; e++) {
            assert_int_equal(carried->pair[e].j, fresh->pair[e].j);
            assert_memory_equal(carried->pair[e].d, fresh->pair[e].d, sizeof fresh->pair[e].d);
            assert_true(carried->pair[e].r == fresh->pair[e].r);
        }
    }
    assert_true(carried->nbuilds > 1 && carried->nbuilds < steps / 2);
}

static void test_history_independent(void **state)
{
    (void)state;
    walk_and_compare(triclinic, true, 60, 0.0);
    walk_and_compare(triclinic, true, 60, 0.07); // whole crystal drifts through the boundaries
    walk_and_compare(tiny, true, 4, 0.0);
    walk_and_compare(cubic, false, 60, 0.0);
}

static void test_rebuild_rules(void **state)
{
    (void)state;
    struct al_rng r;
    al_rng_stream(&r, 14, "neigh", 0, 0, 0);
    random_atoms(&r, 40, cubic, 1.0);
    AL_OWN(al_neigh) nl = NULL;
    ok(al_neigh_create(4.0, 1.0, &nl));
    ok(al_neigh_update(nl, 40, x, cubic, true));
    ok(al_neigh_update(nl, 40, x, cubic, true));
    assert_int_equal(nl->nbuilds, 1);
    x[7][1] += 0.49;
    ok(al_neigh_update(nl, 40, x, cubic, true));
    assert_int_equal(nl->nbuilds, 1);
    x[7][1] += 0.02;
    ok(al_neigh_update(nl, 40, x, cubic, true));
    assert_int_equal(nl->nbuilds, 2);
    double strained[3][3];
    memcpy(strained, cubic, sizeof cubic);
    strained[2][1] += 0.01;
    ok(al_neigh_update(nl, 40, x, strained, true));
    assert_int_equal(nl->nbuilds, 3);
    compare_brute(nl, 40, strained, true, 1.0);
    ok(al_neigh_update(nl, 30, x, strained, true)); // other number of atoms
    assert_int_equal(nl->nbuilds, 4);
    compare_brute(nl, 30, strained, true, 1.0);
    random_atoms(&r, 300, cubic, 1.0); // growth
    ok(al_neigh_update(nl, 300, x, cubic, true));
    compare_brute(nl, 300, cubic, true, 1.0);
}

static void test_errors(void **state)
{
    (void)state;
    struct al_neigh *bad = NULL;
    assert_int_equal(al_neigh_create(0.0, 1.0, &bad), AL_ERR_INPUT);
    assert_int_equal(al_neigh_create(3.0, -1.0, &bad), AL_ERR_INPUT);
    assert_int_equal(al_neigh_create(NAN, 1.0, &bad), AL_ERR_INPUT);
    assert_null(bad);
    AL_OWN(al_neigh) nl = NULL;
    ok(al_neigh_create(4.0, 1.0, &nl));
    static const double noflat[3][3] = {{5, 0, 0}, {0, 5, 0}, {5, 5, 0}};
    static const double dust[3][3] = {{0.01, 0, 0}, {0, 0.01, 0}, {0, 0, 0.01}};
    double y[2][3] = {{0}, {1, 1, 1}};
    assert_int_equal(al_neigh_update(nl, 2, y, noflat, true), AL_ERR_INPUT);
    assert_int_equal(al_neigh_update(nl, 2, y, dust, true), AL_ERR_INPUT);
    y[1][2] = NAN;
    assert_int_equal(al_neigh_update(nl, 2, y, cubic, true), AL_ERR_UNPHYSICAL);
    y[1][2] = 1e300;
    assert_int_equal(al_neigh_update(nl, 2, y, cubic, true), AL_ERR_UNPHYSICAL);
    y[1][0] = y[1][1] = 0;
    y[1][2] = 11.0; // an image of atom 0
    assert_int_equal(al_neigh_update(nl, 2, y, cubic, true), AL_ERR_UNPHYSICAL);
    y[1][2] = 2.0; // and it goes on after an error
    ok(al_neigh_update(nl, 2, y, cubic, true));
    assert_int_equal(nl->first[2], 2);
    ok(al_neigh_update(nl, 0, y, cubic, true));
    assert_int_equal(nl->first[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brute_force),
        cmocka_unit_test(test_symmetry),
        cmocka_unit_test(test_history_independent),
        cmocka_unit_test(test_rebuild_rules),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
