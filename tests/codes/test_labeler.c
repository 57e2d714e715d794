// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What can go wrong with a program of somebody else is an error with its reason, and never a label.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "samples.h"

static const unsigned labelled = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;

static enum al_err label(const struct code_options *o, struct label_report *rep, bool *ret_labelled)
{
    struct labeler *l = NULL;
    AL_TRY(code_labeler_open(o, &l));
    struct al_frame *f = sample_frame();
    enum al_err e = l->ops->label(l, f, rep);
    *ret_labelled = (f->have & labelled) != 0;
    labeler_destroy(&l);
    al_frame_destroy(&f);
    return e;
}

static void fails(const struct code_options *o, enum al_err code, const char *reason)
{
    struct label_report rep;
    bool any = true;
    enum al_err e = label(o, &rep, &any);
    if (e != code || !strstr(al_err_message(), reason))
        fail_msg("%s instead of %s: '%s' lacks '%s'", al_err_name(e), al_err_name(code), al_err_message(), reason);
    assert_false(any);
    assert_non_null(strstr(rep.detail, reason));
}

static void test_failures(void **state)
{
    static const struct {
        const char *mode;
        enum al_err code;
        const char *reason;
    } c[] = {
        {"unconverged", AL_ERR_NOTCONV, "convergence NOT achieved after  80 iterations"},
        {"cut", AL_ERR_NOTCONV, "cut short"},
        {"nothing", AL_ERR_NOTCONV, "cut short"},
        {"order", AL_ERR_UNPHYSICAL, "another order: atom 1 is S, not Li"},
        {"place", AL_ERR_UNPHYSICAL, "another order or place: atom 1 (Li)"},
        {"cell", AL_ERR_UNPHYSICAL, "cell is another one: vector 2"},
        {"nostress", AL_ERR_UNPHYSICAL, "no stress"},
        {"electrons", AL_ERR_UNPHYSICAL, "24 electrons; pseudopotentials and charge make 23"},
        {"exit", AL_ERR_NOTCONV, "ended with exit code 2"},
        {"error", AL_ERR_NOTCONV, "read_namelists (1): bad line in namelist &system"},
        {"nan", AL_ERR_NOTCONV, "three numbers are wanted"},
        {"killed", AL_ERR_LOST, "was killed (signal 9)"},
    };
    char dir[AL_PATH], path[AL_PATH];
    (void)state;
    sample_directory("codes_failures", dir);
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct code_options o = sample_code("qe", dir, c[i].mode);
        fails(&o, c[i].code, c[i].reason);
        // the last rung's output is kept for the user
        assert_int_equal(al_path(path, "%s/work/rung-%d/pw.out", dir, strcmp(c[i].mode, "unconverged") == 0 ? 3 : 0), AL_ERR_OK);
        if (!al_exists(path)) fail_msg("%s: no %s", c[i].mode, path);
    }
}

static void test_command_failures(void **state)
{
    static const struct {
        const char *mode;
        enum al_err code;
        const char *reason;
    } c[] = {{"fail", AL_ERR_NOTCONV, "no licence for today"},
             {"unconverged", AL_ERR_NOTCONV, "did not converge"},
             {"order", AL_ERR_UNPHYSICAL, "another order"},
             {"nostress", AL_ERR_UNPHYSICAL, "no stress"}};
    char dir[AL_PATH];
    (void)state;
    sample_directory("codes_command", dir);
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct code_options o = sample_code("command", dir, c[i].mode);
        fails(&o, c[i].code, c[i].reason);
    }
}

static void test_ladder(void **state)
{
    static const struct {
        const char *mode;
        int rung, scf;
    } c[] = {{"", 0, 7}, {"unconverged-once", 1, 7}, {"diag-once", 3, 7}};
    char dir[AL_PATH], path[AL_PATH];
    (void)state;
    sample_directory("codes_ladder", dir);
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        struct code_options o = sample_code("qe", dir, c[i].mode);
        struct label_report rep;
        bool any = false;
        enum al_err e = label(&o, &rep, &any);
        if (e) fail_msg("%s: %s", c[i].mode, al_err_message());
        assert_true(any);
        assert_int_equal(rep.rung, c[i].rung);
        assert_int_equal(rep.scf_iterations, c[i].scf);
        if (c[i].rung) assert_non_null(strstr(rep.detail, rep.rung_name));
        assert_int_equal(al_path(path, "%s/work", dir), AL_ERR_OK);
        assert_false(al_exists(path)); // of a label nothing is left
    }
}

static void test_no_program(void **state)
{
    char dir[AL_PATH];
    struct label_report rep;
    bool any;
    (void)state;
    sample_directory("codes_missing", dir);
    struct code_options o = sample_code("qe", dir, "");
    o.program = "alnd-no-such-program";
    assert_int_equal(label(&o, &rep, &any), AL_ERR_NOTFOUND);
    assert_non_null(strstr(al_err_message(), "alnd-no-such-program"));
    o.program = "true"; // a program, but another one
    assert_int_equal(label(&o, &rep, &any), AL_ERR_UNSUPPORTED);
    o = sample_code("qe", dir, "");
    static const char *const launcher[] = {"alnd-no-such-launcher", NULL};
    o.launcher = launcher;
    assert_int_equal(label(&o, &rep, &any), AL_ERR_NOTFOUND);
    assert_non_null(strstr(al_err_message(), "alnd-no-such-launcher"));
}

static bool stop_soon(void *ctx)
{
    (void)ctx;
    static double from;
    if (from == 0) from = al_clock();
    return al_clock() - from > 0.5;
}

// The program is gone when the labeler says that it stopped.
static void test_stop(void **state)
{
    char dir[AL_PATH], path[AL_PATH];
    struct label_report rep;
    bool any;
    (void)state;
    sample_directory("codes_stop", dir);
    struct code_options o = sample_code("qe", dir, "hang");
    o.hooks.stop = stop_soon;
    double start = al_clock();
    assert_int_equal(label(&o, &rep, &any), AL_ERR_STOPPED);
    assert_false(any);
    assert_true(al_clock() - start < 8);
    assert_int_equal(al_path(path, "%s/work/rung-0", dir), AL_ERR_OK);
    assert_true(al_exists(path));
}

static void fingerprint(const struct code_options *o, char ret[65])
{
    struct labeler *l = NULL;
    enum al_err e = code_labeler_open(o, &l);
    if (e) fail_msg("%s", al_err_message());
    snprintf(ret, 65, "%s", l->ops->fingerprint(l));
    labeler_destroy(&l);
}

static void test_fingerprint(void **state)
{
    char dir[AL_PATH], a[65], b[65];
    (void)state;
    sample_directory("codes_fingerprint", dir);
    struct code_options o = sample_code("qe", dir, "");
    fingerprint(&o, a);
    o.ranks = 7;
    o.settings.max_scf = 50;
    o.settings.user = "! a remark\n&electrons\n mixing_beta = 0.4\n/\n&control\nverbosity='high'\n/\n";
    o.settings.user_path = "t.in";
    fingerprint(&o, b);
    assert_string_equal(a, b); // how, not what
    o.settings.user = "&system\n vdw_corr = 'dft-d3'\n/\n";
    fingerprint(&o, b);
    assert_string_not_equal(a, b);
    o = sample_code("qe", dir, "");
    o.settings.ecut *= 1.1;
    fingerprint(&o, b);
    assert_string_not_equal(a, b);
    o = sample_code("qe", dir, "");
    o.settings.smearing = CODE_COLD;
    fingerprint(&o, b);
    assert_string_not_equal(a, b);
    o = sample_code("qe", dir, "");
    FILE *out = fopen(o.settings.pseudo[0].path, "a");
    assert_non_null(out);
    fputs("<!-- another -->\n", out);
    fclose(out);
    fingerprint(&o, b);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures), cmocka_unit_test(test_command_failures), cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_no_program), cmocka_unit_test(test_stop), cmocka_unit_test(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
