// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// From D to activation energy, value at 300 K and conductivity.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/units.h"
#include "transport/arrhenius.h"

#define assert_near(a, b, tol)                                                                               \
    do {                                                                                                     \
        double a_ = (a), b_ = (b), tol_ = (tol);                                                             \
        if (!(fabs(a_ - b_) <= tol_)) fail_msg("%.17g != %.17g (tolerance %g)", a_, b_, tol_);               \
    } while (0)

static void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

// Synthetic D(T) with errors of 10 % in ln D, stated as they are or as estimated with 23 degrees of freedom, or half as large as they
// are: how often E_a and D(300 K) lie in their intervals.
static void arrhenius_coverage(int n, double stated, bool estimated, double *ret_ea, double *ret_300)
{
    enum { TRIALS = 2000, MOST = 6, DOF = 23 };
    double t[MOST] = {500, 600, 700, 800, 900, 1000}, d[MOST], e[MOST], ea = 0.31, d0 = 2.3e-3;
    int in_ea = 0, in_300 = 0;
    double truth = d0 * exp(-ea / (AL_KB_EV * 300)), mean = 0.0;
    struct al_rng r;
    al_rng_seed(&r, 5, 5);
    for (int s = 0; s < TRIALS; s++) {
        struct tr_arrhenius a;
        for (int i = 0; i < n; i++) {
            double chi2 = 0;
            for (int k = 0; k < DOF; k++)
                chi2 += pow(al_rng_normal(&r), 2);
            d[i] = d0 * exp(-ea / (AL_KB_EV * t[i]) + 0.1 * al_rng_normal(&r));
            e[i] = 0.1 * stated * d[i] * (estimated ? sqrt(chi2 / DOF) : 1);
        }
        ok(tr_arrhenius_fit(n, t, d, e, &a));
        double d300, low, high;
        tr_arrhenius_at(&a, 300.0, &d300, &low, &high);
        in_ea += fabs(a.ea - ea) < a.t95 * a.ea_error;
        in_300 += low < truth && truth < high;
        mean += a.ea / TRIALS;
    }
    assert_near(mean, ea, n == 2 ? 0.003 : 0.0015);
    *ret_ea = in_ea / (double)TRIALS;
    *ret_300 = in_300 / (double)TRIALS;
}

static void test_arrhenius(void **state)
{
    (void)state;
    static const struct {
        int n;
        double stated;
        bool estimated;
        double low, high;
    } c[] = { // three binomial standard errors of 2000 are 1.5 %; errors enlarged by chi^2 where it is large by chance widen some intervals
        {2, 1, false, 0.935, 0.965}, {3, 1, false, 0.935, 0.985}, {6, 1, false, 0.935, 0.985}, {2, 1, true, 0.92, 0.965},
        {3, 1, true, 0.92, 0.985},   {6, 1, true, 0.92, 0.985},   {6, 0.5, false, 0.90, 1.0},
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        double ea, d300;
        arrhenius_coverage(c[i].n, c[i].stated, c[i].estimated, &ea, &d300);
        print_message("| %d | %s%s | %.1f | %.1f |\n", c[i].n, c[i].stated < 1 ? "half of the true ones" : "true", c[i].estimated ? ", estimated with 23 dof" : "",
                      100 * ea, 100 * d300);
        assert_true(ea >= c[i].low && ea <= c[i].high);
        assert_true(d300 >= c[i].low && d300 <= c[i].high);
    }
}

static void test_arrhenius_exact(void **state)
{
    (void)state;
    double t[] = {600, 900}, d[] = {1e-6, 2e-5}, e[] = {1e-7, 1e-6}, out, low, high;
    struct tr_arrhenius a;
    ok(tr_arrhenius_fit(2, t, d, e, &a));
    double x1 = 1 / (AL_KB_EV * 600), x2 = 1 / (AL_KB_EV * 900);
    assert_near(a.ea, log(20.0) / (x1 - x2), 1e-12);
    assert_near(a.ea_error, sqrt(0.01 + 0.0025) / (x1 - x2), 1e-12); // relative errors 10 % and 5 %
    tr_arrhenius_at(&a, 600.0, &out, &low, &high);
    assert_near(out, 1e-6, 1e-17);
    assert_near(log(high / low), 2 * 1.959964 * 0.1, 1e-6); // at a point with two points: that point's error
    double same[] = {600, 600}, bad[] = {1e-6, -1e-6};
    assert_int_equal(tr_arrhenius_fit(2, same, d, e, &a), AL_ERR_INPUT);
    assert_int_equal(tr_arrhenius_fit(2, t, bad, e, &a), AL_ERR_INPUT);
    assert_int_equal(tr_arrhenius_fit(1, t, d, e, &a), AL_ERR_INPUT);
}

static void test_small_formulas(void **state)
{
    (void)state;
    // sigma = n e^2 D/(V k T): 1e22 /cm^3, D = 1e-8 cm^2/s, 300 K:
    // 1e22 * (1.602176634e-19)^2 * 1e-8 / (1.380649e-23 * 300) = 6.1975e-4 S/cm.
    assert_near(tr_conductivity(1e-8, 10, 1000.0, 300.0, 1.0), 6.1975e-4, 1e-8);
    assert_near(tr_conductivity(1e-8, 10, 1000.0, 300.0, 2.0), 4 * 6.1975e-4, 4e-8);
    double t[] = {0, 1000, 2000, 3000}, e[] = {1, 1.5, 2, 2.5}, drift, error;
    ok(tr_energy_drift(4, t, e, 50, &drift, &error));
    assert_near(drift, 0.01, 1e-15); // 0.5 eV/ps over 50 atoms
    assert_near(error, 0.0, 1e-15);
    assert_int_equal(tr_energy_drift(1, t, e, 50, &drift, &error), AL_ERR_INPUT);
    assert_near(tr_student95(1), 12.706, 1e-3);
    assert_near(tr_student95(21), 2.079614, 1e-5);
    assert_near(tr_student95(100), 1.983972, 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrhenius),
        cmocka_unit_test(test_arrhenius_exact),
        cmocka_unit_test(test_small_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
