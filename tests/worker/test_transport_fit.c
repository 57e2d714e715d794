// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Which temperatures the Arrhenius fit takes: those that diffuse and whose framework has not melted; of a liquid all.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "worker/transport.h"

enum { POINTS = 5, TEXT = 4096 };
static const double ea = 0.35, ea_molten = 0.1; // eV

struct model {
    struct transport t;
    struct transport_point p[POINTS];
    struct tr_diffusion d[POINTS];
    struct structure s[POINTS];
    struct tr_framework f[POINTS];
};

// 600, 700, ... K; D on one line up to the first molten point, on another from there on; 600 K does not diffuse.
static void model(struct model *m, const enum tr_state state[POINTS])
{
    *m = (struct model){.t = {.title = "", .p = m->p, .n = POINTS}};
    for (int i = 0; i < POINTS; i++) {
        struct transport_point *p = &m->p[i];
        double kt = AL_KB_EV * (600 + 100 * i);
        m->f[i].state = state[i];
        m->s[i].framework = &m->f[i];
        m->d[i].diffusive = i > 0;
        m->d[i].d = state[i] == TR_MOLTEN ? 1e-3 * exp(-ea_molten / kt) : 1e-2 * exp(-ea / kt);
        m->d[i].d_error = 0.05 * m->d[i].d;
        p->temperature = 600 + 100 * i;
        p->d = &m->d[i];
        p->structure = &m->s[i];
        snprintf(p->label, sizeof p->label, "%g K", p->temperature);
    }
}

static void written(const struct transport *t, char text[TEXT])
{
    memset(text, 0, TEXT);
    FILE *out = fmemopen(text, TEXT, "w");
    assert_non_null(out);
    transport_write_fit(out, t);
    assert_int_equal(fclose(out), 0);
}

static void test_molten_left_out(void **state)
{
    (void)state;
    struct model m;
    char text[TEXT];
    model(&m, (enum tr_state[]){TR_SOLID, TR_SOLID, TR_UNCLEAR, TR_MOLTEN, TR_MOLTEN});
    transport_fit(&m.t);
    assert_true(m.t.fitted);
    assert_int_equal(m.t.fit.n, 2);
    assert_true(fabs(m.t.fit.ea - ea) < 1e-9);
    assert_false(m.t.liquid);
    assert_string_equal(m.t.left_out, "900 K, 1000 K");
    assert_true(!m.p[0].in_fit && m.p[1].in_fit && m.p[2].in_fit && !m.p[3].in_fit && !m.p[4].in_fit);
    written(&m.t, text);
    assert_non_null(strstr(text, "left_out_as_molten: \"900 K, 1000 K\""));
    assert_null(strstr(text, "phase:"));
}

static void test_one_solid_point(void **state)
{
    (void)state;
    struct model m;
    model(&m, (enum tr_state[]){TR_SOLID, TR_SOLID, TR_MOLTEN, TR_MOLTEN, TR_MOLTEN});
    transport_fit(&m.t);
    assert_false(m.t.fitted);
    assert_non_null(strstr(m.t.why, "fewer than two temperatures"));
    assert_non_null(strstr(m.t.why, "molten: 800 K, 900 K, 1000 K"));
}

static void test_liquid(void **state)
{
    (void)state;
    struct model m;
    char text[TEXT];
    model(&m, (enum tr_state[]){TR_SOLID, TR_MOLTEN, TR_MOLTEN, TR_MOLTEN, TR_MOLTEN});
    transport_fit(&m.t);
    assert_true(m.t.fitted && m.t.liquid);
    assert_int_equal(m.t.fit.n, 4);
    assert_true(fabs(m.t.fit.ea - ea_molten) < 1e-9);
    assert_string_equal(m.t.left_out, "");
    written(&m.t, text);
    assert_non_null(strstr(text, "phase: \"liquid"));
}

// Without an analysis of the structure nothing is known to melt.
static void test_no_structure(void **state)
{
    (void)state;
    struct model m;
    model(&m, (enum tr_state[]){TR_SOLID, TR_SOLID, TR_SOLID, TR_SOLID, TR_MOLTEN});
    for (int i = 0; i < POINTS; i++)
        m.p[i].structure = NULL;
    transport_fit(&m.t);
    assert_true(m.t.fitted && !m.t.liquid);
    assert_int_equal(m.t.fit.n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_molten_left_out), cmocka_unit_test(test_one_solid_point), cmocka_unit_test(test_liquid),
                                       cmocka_unit_test(test_no_structure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
