// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Standard errors of correlated series against theory: an AR(1) process has tau = 0.5 (1 + a) / (1 - a).
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "worker/series.h"

enum { N = 2000, TRIALS = 400 };

// Mean of the errors given, and the spread of the means.
static void trials(double a, double *ret_given, double *ret_real)
{
    AL_AUTOFREE double *x = NULL;
    struct al_rng rng;
    double given = 0, square = 0;
    assert_int_equal(al_alloc(N, sizeof *x, &x), AL_ERR_OK);
    al_rng_stream(&rng, 1, "series", 0, 0, 0);
    for (int t = 0; t < TRIALS; t++) {
        struct series s;
        double v = al_rng_normal(&rng) / sqrt(1 - a * a);
        for (int i = 0; i < N; i++) {
            x[i] = 1000 + v;
            v = a * v + al_rng_normal(&rng);
        }
        assert_int_equal(series_of(N, x, &s), AL_ERR_OK);
        given += s.error / TRIALS;
        square += (s.mean - 1000) * (s.mean - 1000) / TRIALS;
    }
    *ret_given = given;
    *ret_real = sqrt(square);
}

static void errors_are_those_of_the_means(void **state)
{
    (void)state;
    const double a[] = {0, 0.5, 0.9};
    for (int i = 0; i < 3; i++) {
        double given, real, theory = sqrt((1 + a[i]) / (1 - a[i]) / (1 - a[i] * a[i]) / N);
        trials(a[i], &given, &real);
        assert_true(given / theory > 0.95 && given / theory < 1.12); // the larger of two estimates
        assert_true(fabs(real / theory - 1) < 0.12);  // 400 trials: 3.5 %
    }
}

// A slow random walk of small amplitude under a fast oscillation: the sum of autocorrelations sees the oscillation alone.
static void oscillations_hide_nothing(void **state)
{
    (void)state;
    AL_AUTOFREE double *x = NULL;
    struct al_rng rng;
    double given = 0, square = 0;
    assert_int_equal(al_alloc(N, sizeof *x, &x), AL_ERR_OK);
    al_rng_stream(&rng, 2, "series", 0, 0, 0);
    for (int t = 0; t < TRIALS; t++) {
        struct series s;
        double v = 0.2 * al_rng_normal(&rng) / sqrt(1 - 0.95 * 0.95), phase = 7 * al_rng_uniform(&rng);
        for (int i = 0; i < N; i++) {
            x[i] = v + 3 * sin(1.9 * i + phase);
            v = 0.95 * v + 0.2 * al_rng_normal(&rng);
        }
        assert_int_equal(series_of(N, x, &s), AL_ERR_OK);
        given += s.error / TRIALS;
        square += s.mean * s.mean / TRIALS;
    }
    assert_true(given / sqrt(square) > 0.8 && given / sqrt(square) < 1.2);
}

static void short_series(void **state)
{
    (void)state;
    struct series s;
    assert_int_equal(series_of(0, NULL, &s), AL_ERR_OK);
    assert_true(isnan(s.mean) && isnan(s.error));
    assert_int_equal(series_of(1, (double[]){3}, &s), AL_ERR_OK);
    assert_true(s.mean == 3 && isnan(s.error));
    assert_int_equal(series_of(3, (double[]){3, 3, 3}, &s), AL_ERR_OK);
    assert_true(s.mean == 3 && s.error == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_those_of_the_means),
        cmocka_unit_test(oscillations_hide_nothing),
        cmocka_unit_test(short_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
