// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The SVG writer: well-formed XML, what was asked for is in it, no nan, ticks where they belong.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/svg.h"

static char *render(const struct al_plot *p)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    assert_int_equal(al_svg_write(out, p), AL_ERR_OK);
    fclose(out);
    return text;
}

// Tags nest and close, attributes are quoted, text has no raw & or <.
static void check_xml(const char *t)
{
    char stack[32][32];
    int depth = 0, elements = 0;
    while (*t) {
        if (*t == '&') {
            const char *semi = strchr(t, ';');
            assert_true(semi && semi - t <= 5);
        }
        if (*t != '<') {
            t++;
            continue;
        }
        const char *end = t + 1;
        for (bool quoted = false; *end && (quoted || *end != '>'); end++) {
            if (*end == '"') quoted = !quoted;
            assert_true(*end != '<');
        }
        assert_true(*end == '>');
        char name[32] = "";
        sscanf(t + (t[1] == '/' ? 2 : 1), "%31[a-zA-Z]", name);
        if (t[1] == '/') {
            assert_true(depth > 0);
            assert_string_equal(stack[--depth], name);
        } else if (end[-1] != '/') {
            assert_true(depth < 32);
            strcpy(stack[depth++], name);
        }
        elements++;
        t = end + 1;
    }
    assert_int_equal(depth, 0);
    assert_true(elements > 10);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *c = text; (c = strstr(c, what)); c += strlen(what))
        n++;
    return n;
}

static const double x[] = {1, 2, 3, 4, 5}, y[] = {10, 20, NAN, 40, 50}, err[] = {1, 2, 3, 0, NAN};

static void test_linear(void **state)
{
    (void)state;
    struct al_plot_series s[] = {
        {.label = "a < b & \"c\"",
         .n = 5,
         .x = x,
         .y = y,
         .error = err,
         .style = AL_PLOT_LINE | AL_PLOT_POINTS},
        {.n = 5, .x = x, .y = x, .style = AL_PLOT_DASHED, .color = 3},
    };
    struct al_plot p = {.title = "MSD",
                        .note = "demonstration",
                        .xlabel = "lag / ps",
                        .ylabel = "MSD / \xc3\x85\xc2\xb2",
                        .xzero = true,
                        .yzero = true,
                        .series = s,
                        .nseries = 2};
    char *t = render(&p), *again = render(&p);
    assert_string_equal(t, again);
    check_xml(t);
    assert_null(strstr(t, "nan"));
    assert_non_null(strstr(t, "a &lt; b &amp; &quot;c&quot;"));
    assert_non_null(strstr(t, "lag / ps"));
    assert_non_null(strstr(t, "demonstration"));
    assert_int_equal(count(t, "<circle"), 4 + 1); // the NaN is left out; one in the legend
    assert_int_equal(count(t, "m-3 0V"), 3 - 1);  // of three bars > 0 one hangs on the NaN
    assert_non_null(strstr(t, ">0</text>"));
    assert_non_null(strstr(t, "stroke-dasharray"));
    free(t);
    free(again);
}

static void test_log(void **state)
{
    (void)state;
    double lx[] = {0.01, 0.1, 1, 10, 0, -3}, ly[] = {1e-9, 1e-8, 1e-7, 1e-6, 1e-6, 1e-6},
           big[] = {1, 1, 1, 1, 1, 1};
    struct al_plot_series s = {.label = "D", .n = 6, .x = lx, .y = ly, .error = big, .style = AL_PLOT_POINTS};
    struct al_plot p = {.xlog = true, .ylog = true, .series = &s, .nseries = 1, .ymin = 1e-10, .ymax = 1e-5};
    char *t = render(&p);
    check_xml(t);
    assert_int_equal(count(t, "<circle"), 4 + 1); // 0 and -3 have no logarithm
    assert_int_equal(count(t, "<tspan"), 4 + 6);  // decades 10^-2..1 of x, 10^-10..-5 of y
    assert_null(strstr(t, "nan"));
    assert_null(strstr(t, "inf"));
    free(t);
}

// A tick is where its label says: y = 20 of 0..50 (given range).
static void test_position(void **state)
{
    (void)state;
    struct al_plot_series s = {.n = 5, .x = x, .y = y, .style = AL_PLOT_POINTS};
    struct al_plot p = {.xmin = 0, .xmax = 5, .ymin = 0, .ymax = 50, .series = &s, .nseries = 1};
    char *t = render(&p);
    double left = 78, width = 640 - 78 - 22, top = 16, height = 440 - 16 - 52;
    char want[64];
    snprintf(want, sizeof want, "cx=\"%.2f\" cy=\"%.2f\"", left + width * 2 / 5,
             top + height * (1 - 20.0 / 50));
    assert_non_null(strstr(t, want));
    snprintf(want, sizeof want, "y=\"%.2f\" text-anchor=\"end\" class=\"t\">20<",
             top + height * (1 - 20.0 / 50) + 4);
    assert_non_null(strstr(t, want));
    free(t);
}

static void test_degenerate(void **state)
{
    (void)state;
    double one[] = {3.0}, bad[] = {NAN, INFINITY};
    struct al_plot_series s[] = {
        {.n = 1, .x = one, .y = one, .style = AL_PLOT_POINTS}, {.n = 2, .x = bad, .y = bad}, {.n = 0}};
    for (int n = 0; n <= 3; n++)
        for (int log = 0; log < 2; log++) {
            struct al_plot p = {.series = s, .nseries = n, .xlog = log, .ylog = log};
            char *t = render(&p);
            check_xml(t);
            assert_null(strstr(t, "nan"));
            assert_null(strstr(t, "inf"));
            free(t);
        }
    struct al_plot tiny = {.width = 60, .height = 60};
    assert_int_equal(al_svg_write(stderr, &tiny), AL_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_degenerate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
