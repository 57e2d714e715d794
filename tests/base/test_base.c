// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// base: errors, memory, random numbers, units, linear algebra, hashes, files.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fsio.h"
#include "base/hash.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/units.h"

static enum al_err fails_deep(void)
{
    AL_FAIL_HINT(AL_ERR_NOTCONV, "mix less", "no convergence after %d steps", 60);
}

static enum al_err fails(int frame)
{
    AL_TRY_MSG(fails_deep(), "labelling frame %d", frame);
    return AL_ERR_OK;
}

static void errors_carry_meaning_and_hint(void **state)
{
    (void)state;
    assert_int_equal(fails(7), AL_ERR_NOTCONV);
    assert_string_equal(al_err_message(), "labelling frame 7: no convergence after 60 steps");
    assert_string_equal(al_err_hint_text(), "mix less");
    assert_int_equal(al_err_class(AL_ERR_NOTCONV), AL_CLASS_EXPECTED);
    assert_int_equal(al_err_class(AL_ERR_IO), AL_CLASS_TRANSIENT);
    assert_int_equal(al_err_from_name("NOTCONV"), AL_ERR_NOTCONV);
    assert_int_equal(al_err_from_name("nonsense"), AL_ERR_BUG);
}

static void allocation_refuses_overflow(void **state)
{
    (void)state;
    double *p = NULL;
    assert_int_equal(al_alloc(SIZE_MAX / 4, sizeof *p, &p), AL_ERR_NOMEM);
    assert_null(p);
    assert_int_equal(al_alloc(3, sizeof *p, &p), AL_ERR_OK);
    assert_int_equal((uintptr_t)p % 64, 0);
    assert_true(p[0] == 0 && p[2] == 0);
    p[2] = 5;
    assert_int_equal(al_grow(3, 1000, sizeof *p, &p), AL_ERR_OK);
    assert_true(p[2] == 5 && p[999] == 0);
    al_free(p);
}

// The published check values of pcg32-demo: seed 42, stream 54 (pcg-random.org, file check-pcg32.out).
static void pcg_matches_published_values(void **state)
{
    (void)state;
    static const uint32_t want[6] = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e};
    struct al_rng r;
    al_rng_seed(&r, 42, 54);
    for (int i = 0; i < 6; i++)
        assert_int_equal(al_rng_u32(&r), want[i]);
}

static void random_streams_and_moments(void **state)
{
    (void)state;
    struct al_rng a, b, c;
    al_rng_stream(&a, 1, "train", 0, 1, 0);
    al_rng_stream(&b, 1, "train", 1, 0, 0);
    al_rng_stream(&c, 1, "train", 0, 1, 0);
    int same = 0;
    for (int i = 0; i < 100; i++) {
        uint32_t x = al_rng_u32(&a);
        same += x == al_rng_u32(&b);
        assert_int_equal(x, al_rng_u32(&c));
    }
    assert_true(same < 3);
    double sum = 0, sum2 = 0;
    enum { N = 200000 };
    for (int i = 0; i < N; i++) {
        double x = al_rng_normal(&a);
        sum += x;
        sum2 += x * x;
    }
    // five standard errors of mean and variance
    assert_true(fabs(sum / N) < 5 / sqrt(N));
    assert_true(fabs(sum2 / N - 1) < 5 * sqrt(2.0 / N));
    int seen[7] = {0};
    for (int i = 0; i < 7000; i++)
        seen[al_rng_below(&a, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 850, 1150);
}

static void units_convert_and_refuse(void **state)
{
    (void)state;
    double v = -1;
    assert_int_equal(al_quantity_parse("25 Ha", AL_DIM_ENERGY, &v), AL_ERR_OK);
    assert_true(fabs(v - 25 * AL_HARTREE_EV) < 1e-10);
    assert_int_equal(al_quantity_parse("1 ns", AL_DIM_TIME, &v), AL_ERR_OK);
    assert_true(v == 1e6);
    assert_int_equal(al_quantity_parse("3 %", AL_DIM_FRACTION, &v), AL_ERR_OK);
    assert_true(fabs(v - 0.03) < 1e-15);
    v = 99;
    static const char *const bad[] = {"25", "25 fs", "abc", "", "nan eV", "inf eV", "0x10 eV", "25 Ha Ha", "1e999 eV"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(al_quantity_parse(bad[i], AL_DIM_ENERGY, &v), AL_ERR_INPUT);
        assert_true(v == 99); // untouched
    }
    assert_int_equal(al_quantity_parse("5 eV", AL_DIM_NONE, &v), AL_ERR_INPUT);
    // 1 amu (Ang/fs)^2 in eV from the SI values
    assert_true(fabs(AL_AMU_A2_FS2_EV - 1.66053906660e-27 * 1e10 / 1.602176634e-19) < 1e-6);
    assert_true(fabs(AL_EV_A3_GPA - 1.602176634e-19 / 1e-30 / 1e9) < 1e-9);
}

static void linear_algebra_identities(void **state)
{
    (void)state;
    const double a[3][3] = {{4, 0.2, -1}, {0.3, 5, 0.7}, {-0.4, 0.1, 3}};
    double inv[3][3];
    al_inv3(a, inv);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double s = 0;
            for (int k = 0; k < 3; k++)
                s += a[i][k] * inv[k][j];
            assert_true(fabs(s - (i == j)) < 1e-14);
        }
    // min-norm solution of x + y = 2 is (1, 1)
    double m[2] = {1, 1}, rhs[2] = {2, 0};
    assert_int_equal(al_dgelsd(1, 2, 1, m, 1, rhs, 2, -1), AL_ERR_OK);
    assert_true(fabs(rhs[0] - 1) < 1e-14 && fabs(rhs[1] - 1) < 1e-14);
    double complex h[4] = {2, 0, 1 * I, 2}, z[4] = {2, 0, 1 * I, 2}; // eigenvalues 1 and 3
    double w[2];
    assert_int_equal(al_zheevd(2, h, 2, w), AL_ERR_OK);
    assert_true(fabs(w[0] - 1) < 1e-14 && fabs(w[1] - 3) < 1e-14);
    assert_int_equal(al_zpotrf_upper(2, z, 2), AL_ERR_OK);
    assert_true(fabs(creal(z[0]) - sqrt(2)) < 1e-14);
}

static void sha256_known_answer(void **state)
{
    (void)state;
    struct al_sha256 s;
    char hex[65], other[65];
    al_sha256_init(&s);
    al_sha256_update(&s, "abc", 3); // FIPS 180-2, appendix B.1
    al_sha256_hex(&s, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    al_sha256_string(&s, "ab");
    al_sha256_string(&s, "c");
    al_sha256_hex(&s, hex);
    al_sha256_string(&s, "a");
    al_sha256_string(&s, "bc");
    al_sha256_hex(&s, other);
    assert_string_not_equal(hex, other);
}

static void files_are_whole_or_absent(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-base-XXXXXX", path[AL_PATH], *text;
    size_t n;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(al_path(path, "%s/a/b/c", dir), AL_ERR_OK);
    assert_int_equal(al_mkdirs(path), AL_ERR_OK);
    assert_int_equal(al_path(path, "%s/a/b/file", dir), AL_ERR_OK);
    assert_int_equal(al_file_write(path, "hello", 5), AL_ERR_OK);
    struct al_outfile o;
    assert_int_equal(al_outfile_open(path, &o), AL_ERR_OK);
    fputs("half", o.out);
    al_outfile_drop(&o); // the old file stays
    assert_int_equal(al_file_read(path, 0, &text, &n), AL_ERR_OK);
    assert_string_equal(text, "hello");
    al_free(text);
    assert_int_equal(al_file_read(dir, 0, &text, &n), AL_ERR_INPUT);
    assert_int_equal(al_file_read("/dev/zero", 0, &text, &n), AL_ERR_INPUT);
    assert_int_equal(al_file_read(path, 3, &text, &n), AL_ERR_INPUT);
    int fd, second;
    assert_int_equal(al_path(path, "%s/lock", dir), AL_ERR_OK);
    assert_false(al_lock_held(path));
    assert_int_equal(al_lock_take(path, &fd), AL_ERR_OK);
    assert_true(al_lock_held(path));
    assert_int_equal(al_lock_take(path, &second), AL_ERR_BUSY);
    al_lock_release(&fd);
    assert_false(al_lock_held(path));
    assert_int_equal(al_remove_tree(dir), AL_ERR_OK);
    assert_false(al_exists(dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_carry_meaning_and_hint), cmocka_unit_test(allocation_refuses_overflow),
        cmocka_unit_test(pcg_matches_published_values),  cmocka_unit_test(random_streams_and_moments),
        cmocka_unit_test(units_convert_and_refuse),      cmocka_unit_test(linear_algebra_identities),
        cmocka_unit_test(sha256_known_answer),           cmocka_unit_test(files_are_whole_or_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
