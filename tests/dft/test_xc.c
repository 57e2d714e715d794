// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The PBE family of xc_pbe.c against its twin, libxc: from below the density thresholds to 1e4 and from no gradient
// to reduced gradients s of 1e2 (at 1e3 the two differ by 2e-10 in vsigma).
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dft/xc_func.h"

enum { NR = 401, NS = 61, N = NR * NS };

struct result {
    double e[N], vrho[N], vsigma[N];
};

static double rho[N], sigma[N];

static void fill_points(void)
{
    for (int i = 0; i < NR; i++)
        for (int j = 0; j < NS; j++) {
            double r = pow(10, -20 + 24.0 * i / (NR - 1)), s = j == 0 ? 0 : pow(10, -6 + 8.0 * (j - 1) / (NS - 2));
            rho[i * NS + j] = r;
            sigma[i * NS + j] = s * s * 4 * pow(3 * M_PI * M_PI, 2.0 / 3) * pow(r, 8.0 / 3);
        }
    rho[0] = 0; // and what a density of a finite Fourier series has
    rho[1] = -1e-3;
    rho[2] = -0.0;
}

static void evaluate(const char *name, bool own, struct result *r)
{
    struct xc_func *f = NULL;
    assert_int_equal(xc_func_create(name, &f), AL_ERR_OK);
    if (own) assert_true(f->own);
    f->own = own;
    memset(r, 0xff, sizeof *r);
    xc_func_eval(f, N, rho, sigma, r->e, r->vrho, r->vsigma);
    xc_func_destroy(&f);
}

// Exchange and correlation cancel in places: relative to the sum of their magnitudes.
static double difference(double ours, double x, double c)
{
    double size = fabs(x) + fabs(c), d = fabs(ours - (x + c));
    assert_true(isfinite(ours));
    if (size == 0) assert_true(ours == 0);
    return size > 0 ? d / size : 0;
}

static void compare(const char *name, const char *x, const char *c)
{
    static struct result ours, lx, lc;
    evaluate(name, true, &ours);
    evaluate(x, false, &lx);
    evaluate(c, false, &lc);
    double worst[3] = {0};
    int nonzero = 0;
    for (int i = 0; i < N; i++) {
        const double d[3] = {difference(ours.e[i], lx.e[i], lc.e[i]),
                             difference(ours.vrho[i], lx.vrho[i], lc.vrho[i]),
                             difference(ours.vsigma[i], lx.vsigma[i], lc.vsigma[i])};
        for (int k = 0; k < 3; k++)
            if (d[k] > worst[k]) worst[k] = d[k];
        nonzero += ours.e[i] != 0;
    }
    printf("%s: e %.1e, vrho %.1e, vsigma %.1e; %d of %d points\n", name, worst[0], worst[1], worst[2], nonzero, N);
    assert_true(nonzero > N / 2 && nonzero < N);
    for (int k = 0; k < 3; k++)
        assert_true(worst[k] < 1e-11);
}

static void pbe_family_equals_libxc(void **state)
{
    (void)state;
    compare("PBE", "gga_x_pbe", "gga_c_pbe");
    compare("PBEsol", "gga_x_pbe_sol", "gga_c_pbe_sol");
    compare("revPBE", "gga_x_pbe_r", "gga_c_pbe");
}

static void others_stay_with_libxc(void **state)
{
    (void)state;
    const char *const names[] = {"LDA", "gga_x_b88+gga_c_pbe", "gga_x_pbe", "gga_c_pbe", "gga_c_pbe+gga_x_pbe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct xc_func *f = NULL;
        assert_int_equal(xc_func_create(names[i], &f), AL_ERR_OK);
        assert_false(f->own);
        xc_func_destroy(&f);
    }
}

int main(void)
{
    fill_points();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pbe_family_equals_libxc),
        cmocka_unit_test(others_stay_with_libxc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
