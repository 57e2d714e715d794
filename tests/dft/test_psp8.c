// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The psp8 reader and the form factors, on made-up files with known transforms.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "synthetic.h"

static struct psp8 *parse(int z)
{
    char *text = NULL;
    struct psp8 *p = NULL;
    assert_int_equal(synthetic_psp8(z, &text), AL_ERR_OK);
    assert_int_equal(psp8_parse("made-up", text, strlen(text), &p), AL_ERR_OK);
    al_free(text);
    return p;
}

static void file_is_understood(void **state)
{
    (void)state;
    struct psp8 *p = parse(12);
    assert_int_equal(p->z, 12);
    assert_true(p->zion == 2 && fabs(p->h - 0.01) < 1e-15);
    assert_int_equal(p->mmax, 600);
    assert_int_equal(p->nchan, 4);
    assert_int_equal(psp8_nproj(p), 2 + 3 + 5);
    assert_true(p->ekb[0] == 0.9 && p->ekb[1] == -0.4 && p->ekb[3] == -0.3);
    assert_int_equal(p->l[3], 2);
    assert_non_null(p->core);
    assert_non_null(p->valence);
    psp8_destroy(&p);
}

// Gaussians and the erf potential have known transforms: exp(-q^2 w^2/2) q_total, -4 pi Z/q^2 exp(-q^2
// w^2/2).
static void form_factors_are_right(void **state)
{
    (void)state;
    struct psp8 *p = parse(8);
    struct formfac *f = NULL;
    assert_int_equal(formfac_create(p, 12, &f), AL_ERR_OK);
    for (double q = 0.0; q < 11.9; q += 0.37) {
        double v, dv, g = 0.45, w = 0.7;
        qtable_eval(&f->local, q, &v, &dv);
        double exact =
            q > 0 ? 4 * AL_PI * 6 * -expm1(-0.5 * q * q * g * g) / (q * q) : 4 * AL_PI * 6 * 0.5 * g * g;
        assert_true(fabs(v - exact) < 3e-8); // interpolation
        qtable_eval(&f->core, q, &v, &dv);
        assert_true(fabs(v - 0.5 * exp(-0.5 * q * q * 0.16)) < 1e-9);
        assert_true(fabs(dv + 0.5 * q * 0.16 * exp(-0.5 * q * q * 0.16)) < 1e-7);
        // p channel: 4 pi int r^4 exp(-r^2/2w^2) j_1(qr)/(qr) dr = (2 pi)^(3/2) w^5 exp(-q^2 w^2/2)
        qtable_eval(&f->beta[2], q, &v, &dv);
        assert_true(fabs(v - pow(2 * AL_PI, 1.5) * pow(w, 5) * exp(-0.5 * q * q * w * w)) < 1e-8);
        double a, b, unused;
        qtable_eval(&f->beta[1], q + 1e-4, &a, &unused);
        qtable_eval(&f->beta[1], fabs(q - 1e-4), &b, &unused);
        qtable_eval(&f->beta[1], q, &v, &dv);
        if (q > 0) assert_true(fabs((a - b) / 2e-4 - dv) < 1e-5 * (1 + fabs(dv)));
    }
    double v = 1, dv = 1;
    qtable_eval(&f->local, 13, &v, &dv);
    assert_true(v == 0 && dv == 0);
    formfac_destroy(&f);
    psp8_destroy(&p);
}

static void refuse(const char *text, enum al_err expect)
{
    struct psp8 *p = NULL;
    assert_int_equal(psp8_parse("bad", text, strlen(text), &p), expect);
    assert_null(p);
    assert_non_null(strstr(al_err_message(), "bad"));
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    char *text = NULL;
    assert_int_equal(synthetic_psp8(8, &text), AL_ERR_OK);
    refuse("", AL_ERR_CORRUPT);
    refuse("title\n8 6 0\n7 11 1 4 600 0\n", AL_ERR_UNSUPPORTED);
    refuse("title\n8 6 0\n8 11 1 4 600 0\n5.99 4 0\n2 1 0 0 0\n3 1\n", AL_ERR_UNSUPPORTED);
    refuse("title\n8 nan 0\n8 11 1 4 600 0\n", AL_ERR_CORRUPT);
    size_t n = strlen(text);
    char c = text[n / 2];
    text[n / 2] = '\0'; // cut off
    refuse(text, AL_ERR_CORRUPT);
    text[n / 2] = c;
    char *line = strstr(text, "\n300 ");
    assert_non_null(line);
    memcpy(line + 1, "301", 3); // a line lost
    refuse(text, AL_ERR_CORRUPT);
    al_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_understood),
        cmocka_unit_test(form_factors_are_right),
        cmocka_unit_test(broken_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
