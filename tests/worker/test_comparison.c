// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Comparison of two systems: figures by hand, and how often the 95 % interval of a ratio holds the true one.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/units.h"
#include "transport/arrhenius.h"
#include "worker/comparison.h"

static void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

static const char *const transport[2] = {
    "system: A\ntemperatures:\n"
    "  - {nominal_temperature_k: 600, temperature_k: 612, diffusive: true, d_cm2_per_s: 1e-6, d_error_cm2_per_s: 1e-7, degrees_of_freedom: 9}\n"
    "  - {nominal_temperature_k: 800, temperature_k: 800, diffusive: true, d_cm2_per_s: 5e-6, d_error_cm2_per_s: 5e-7, degrees_of_freedom: 30}\n"
    "  - {nominal_temperature_k: 900, temperature_k: 900, diffusive: false, d_cm2_per_s: 5e-6, d_error_cm2_per_s: 5e-7, degrees_of_freedom: 30}\n"
    "  - {nominal_temperature_k: 1000, temperature_k: 1020, diffusive: true, d_cm2_per_s: 2e-5, d_error_cm2_per_s: 1e-6, degrees_of_freedom: 30,\n"
    "     in_arrhenius_fit: false, structure: {framework: {state: molten}}}\n"
    "arrhenius: {activation_energy_ev: 0.4, activation_energy_error_ev: 0.02, activation_energy_low95_ev: 0.3608, activation_energy_high95_ev: 0.4392,\n"
    "  d_300k_cm2_per_s: 1e-10, d_300k_low95: 0.5e-10, d_300k_high95: 2e-10}\n",
    "system: B\ntemperatures:\n"
    "  - {nominal_temperature_k: 600, temperature_k: 600, diffusive: true, d_cm2_per_s: 4e-6, d_error_cm2_per_s: 4e-7, degrees_of_freedom: 20}\n"
    "  - {nominal_temperature_k: 800, temperature_k: 800, diffusive: true, d_cm2_per_s: 5.5e-6, d_error_cm2_per_s: 5.5e-7, degrees_of_freedom: 30}\n"
    "  - {nominal_temperature_k: 900, temperature_k: 900, diffusive: true, d_cm2_per_s: 5e-6, d_error_cm2_per_s: 5e-7, degrees_of_freedom: 30}\n"
    "  - {nominal_temperature_k: 1000, temperature_k: 1000, diffusive: true, d_cm2_per_s: 1e-5, d_error_cm2_per_s: 1e-6, degrees_of_freedom: 30}\n"
    "arrhenius: {activation_energy_ev: 0.35, activation_energy_error_ev: 0.02, activation_energy_low95_ev: 0.3108, activation_energy_high95_ev: 0.3892,\n"
    "  d_300k_cm2_per_s: 1e-9, d_300k_low95: 0.5e-9, d_300k_high95: 2e-9}\n"};

static struct al_node *compared(int n)
{
    struct al_node *tree[2] = {0}, *y = NULL;
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen("t.yaml", "w");
        assert_non_null(f);
        fputs(transport[i], f);
        assert_int_equal(fclose(f), 0);
        ok(al_yaml_read("t.yaml", &tree[i]));
    }
    ok(comparison_write("comparison.yaml", NULL, n, tree));
    ok(al_yaml_read("comparison.yaml", &y));
    for (int i = 0; i < 2; i++)
        al_node_destroy(&tree[i]);
    return y;
}

static void near(const struct al_node *n, const char *key, double want)
{
    double v = al_node_double(n, key, NAN);
    if (!(fabs(v / want - 1) < 1e-5)) fail_msg("%s is %.8g, not %.8g", key, v, want);
}

static void figures_by_hand(void **state)
{
    (void)state;
    AL_OWN(al_node) y = compared(2);
    const struct al_node *pair = al_node_get(y, "pairs")->child, *t = al_node_get(pair, "temperatures");
    assert_null(pair->next);
    assert_string_equal(al_node_str(pair, "of", ""), "B");
    assert_string_equal(al_node_str(pair, "to", ""), "A");
    assert_int_equal(t->nchild, 3); // at 900 K A is not seen to diffuse
    // 600 K: A was at 612 K, and its D is moved along 0.4 eV
    double a = 1e-6 * exp(-0.4 / AL_KB_EV * (1.0 / 600 - 1.0 / 612)), half = 2.2621572 * sqrt(0.02); // Student, 9 degrees
    near(t->child, "d_ratio", 4e-6 / a);
    near(t->child, "d_ratio_low95", 4e-6 / a * exp(-half));
    near(t->child, "d_ratio_high95", 4e-6 / a * exp(half));
    assert_string_equal(al_node_str(t->child, "differs", ""), "true");
    assert_string_equal(al_node_str(t->child, "moved", ""), "true");
    assert_non_null(strstr(al_node_str(t->child, "statement", ""), "they differ"));
    near(t->child->next, "d_ratio", 1.1);
    assert_string_equal(al_node_str(t->child->next, "differs", ""), "false");
    assert_non_null(strstr(al_node_str(t->child->next, "statement", ""), "no difference seen"));
    // 1000 K: A has melted; the fit is that of its solid, and D stays where it was measured
    near(t->child->next->next, "d_ratio", 0.5);
    assert_string_equal(al_node_str(t->child->next->next, "moved", ""), "false");
    assert_non_null(strstr(al_node_str(t->child->next->next, "statement", ""), "the framework of A is molten"));
    assert_null(strstr(al_node_str(t->child->next, "statement", ""), "molten"));
    const struct al_node *ea = al_node_get(pair, "activation_energy"), *d = al_node_get(pair, "extrapolated");
    near(ea, "difference_ev", -0.05);
    near(ea, "low95", -0.05 - 1.96 * 0.02 * sqrt(2));
    near(ea, "high95", -0.05 + 1.96 * 0.02 * sqrt(2));
    assert_string_equal(al_node_str(ea, "differs", ""), "false");
    near(d, "d_ratio", 10);
    near(d, "d_ratio_low95", 10 * exp(-sqrt(2) * log(2)));
    assert_string_equal(al_node_str(d, "differs", ""), "true");
}

static void one_system_has_no_pair(void **state)
{
    (void)state;
    AL_OWN(al_node) y = compared(1);
    assert_int_equal(al_node_get(y, "pairs")->nchild, 0);
}

// D from n blocks each, their mean with its error and n - 1 degrees of freedom: the interval of the ratio holds the true one in at least
// 95 % of the trials, and not in nearly all of them.
static void the_interval_covers(void **state)
{
    (void)state;
    struct al_rng rng;
    const int trials = 4000;
    al_rng_stream(&rng, 5, "comparison", 0, 0, 0);
    for (int n = 6; n <= 24; n *= 2) {
        int held = 0;
        for (int k = 0; k < trials; k++) {
            struct tr_estimate e[2];
            for (int s = 0; s < 2; s++) {
                double sum = 0, square = 0;
                for (int i = 0; i < n; i++) {
                    double v = 1 + s + 0.2 * (1 + s) * al_rng_normal(&rng);
                    sum += v;
                    square += v * v;
                }
                double mean = sum / n, var = (square / n - mean * mean) * n / (n - 1);
                e[s] = (struct tr_estimate){mean, sqrt(var / n), tr_student95(n - 1)};
            }
            struct tr_ratio r = tr_compare(&e[0], &e[1]);
            assert_true(r.differs == (r.low > 1 || r.high < 1));
            held += r.low <= 2 && 2 <= r.high;
        }
        print_message("%d blocks: %.1f %%\n", n, 100.0 * held / trials);
        assert_in_range(held, trials * 945 / 1000, trials * 990 / 1000);
    }
}

int main(void)
{
    char dir[] = "/tmp/alnd-comparison-XXXXXX";
    if (!mkdtemp(dir) || chdir(dir) != 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_by_hand),
        cmocka_unit_test(one_system_has_no_pair),
        cmocka_unit_test(the_interval_covers),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove("t.yaml");
    remove("comparison.yaml");
    if (chdir("/") == 0) rmdir(dir);
    return failed;
}
