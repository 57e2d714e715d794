// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// deepmd-kit's files without deepmd-kit: the learning curve while it grows and after restarts, checkpoints that are whole, what a failed
// run says (recorded output), and a program named dp that fails in the ways that the real one cannot be made to.
#include "train_fixture.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fsio.h"
#include "deepmd/deepmd.h"

static char top[] = "/tmp/alnd-dpkit-XXXXXX";

static const char *at(const char *name)
{
    static char path[4][AL_PATH];
    static int k;
    k = (k + 1) % 4;
    MUST(al_path(path[k], "%s/%s", top, name));
    return path[k];
}

static void write_text(const char *name, const char *text, const char *mode)
{
    FILE *f = fopen(at(name), mode);
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char head[] = "# step       rmse_val    rmse_trn    rmse_f_val  rmse_f_trn   lr      \n# If there is no available reference data, "
                           "rmse_*_{val,trn} will print nan\n";

static void curve(void **state)
{
    (void)state;
    struct dpkit_curve *c = NULL;
    struct train_progress p;
    bool any;
    char *text = NULL;
    MUST(dpkit_curve_open(at("from"), at("to"), &c));
    MUST(dpkit_curve_next(c, &p, &any));
    assert_false(any); // not there yet
    write_text("from", head, "w");
    write_text("from", "      0      2.00e+00    3.00e+00      1.00e-01    2.00e-01    1.0e-03\n     20      1.00e+", "a");
    MUST(dpkit_curve_next(c, &p, &any));
    assert_true(any && p.step == 0 && p.loss == 9 && p.rmse_f == 0.2 && p.val_rmse_f == 0.1 && p.lr == 1e-3 && isnan(p.rmse_e));
    MUST(dpkit_curve_next(c, &p, &any));
    assert_false(any); // half a row
    write_text("from", "00    1.50e+00      1.00e-01    2.00e-01    9.0e-04\n", "a");
    MUST(dpkit_curve_next(c, &p, &any));
    assert_true(any && p.step == 20 && p.loss == 2.25);
    write_text("from", head, "a"); // as a restart does
    write_text("from", "     20      1.00e+00    1.00e+00      1.00e-01    2.00e-01    9.0e-04\n", "a");
    write_text("from", "     40      1.00e+00         nan      1.00e-01    2.00e-01    8.0e-04\n", "a");
    MUST(dpkit_curve_next(c, &p, &any));
    assert_true(any && p.step == 40 && isnan(p.loss));
    write_text("from", "     60      1.00e+00\n", "a");
    assert_int_equal(dpkit_curve_next(c, &p, &any), AL_ERR_CORRUPT);
    MUST(dpkit_curve_publish(c));
    dpkit_curve_destroy(&c);
    MUST(al_file_read(at("to"), 0, &text, NULL));
    assert_true(strncmp(text, head, strlen(head)) == 0 && !strstr(text + 1, "# step") && strstr(text, "     40 "));
    al_free(text);
    MUST(dpkit_curve_cut(at("to"), 20));
    MUST(al_file_read(at("to"), 0, &text, NULL));
    assert_true(strstr(text, "\n      0 ") && !strstr(text, "     20 "));
    al_free(text);
}

static void checkpoints(void **state)
{
    (void)state;
    long step;
    MUST(al_mkdirs(at("ck")));
    MUST(dpkit_checkpoint(at("ck"), &step));
    assert_int_equal(step, -1);
    static const char *const names[] = {"ck/model.ckpt-100.meta", "ck/model.ckpt-100.index", "ck/model.ckpt-100.data-00000-of-00001",
                                        "ck/model.ckpt-200.data-00000-of-00001", "ck/model.ckpt-200.index", "ck/checkpoint"};
    for (int i = 0; i < 6; i++)
        write_text(names[i], "x", "w");
    MUST(dpkit_checkpoint(at("ck"), &step)); // 200 lacks its .meta: killed while it was written
    assert_int_equal(step, 100);
    write_text("ck/model.ckpt-200.meta", "x", "w");
    MUST(dpkit_checkpoint(at("ck"), &step));
    assert_int_equal(step, 200);
    MUST(dpkit_remove_checkpoint(at("ck"), 200));
    MUST(dpkit_checkpoint(at("ck"), &step));
    assert_true(step == 100 && !al_exists(at("ck/model.ckpt-200.index")));
    MUST(dpkit_remove_checkpoint(at("ck"), -1));
    assert_false(al_exists(at("ck/checkpoint")) || al_exists(at(names[0])));
}

static void reasons(void **state)
{
    (void)state;
    char why[300];
    write_text("dp.log", "ValueError: of an earlier run\n", "w");
    long from = dpkit_log_size(top);
    write_text("dp.log", "[2026-11-26 16:23:34,684] DEEPMD INFO    finished training\nTraceback (most recent call last):\n"
                         "  File \"/opt/dpvenv/bin/dp\", line 8, in <module>\n    sys.exit(main())\n"
                         "dargs.dargs.ArgumentKeyError: [at location `learning_rate`] key `start_lr` is required\n"
                         "implib-gen: libcudart.so.12: failed to load library\n", "a");
    dpkit_reason(top, from, why, sizeof why);
    assert_string_equal(why, "dargs.dargs.ArgumentKeyError: [at location `learning_rate`] key `start_lr` is required");
    from = dpkit_log_size(top);
    write_text("dp.log", "/usr/bin/env: 'python3': No such file or directory\nimplib-gen: x\n\n", "a");
    dpkit_reason(top, from, why, sizeof why);
    assert_string_equal(why, "/usr/bin/env: 'python3': No such file or directory");
    dpkit_reason(top, dpkit_log_size(top), why, sizeof why);
    assert_string_equal(why, "it says nothing");
    const double before = al_child_cpu_seconds(getpid());
    for (volatile long i = 0; al_child_cpu_seconds(getpid()) < before + 0.1 && i < 100000000; i++) {}
    const double now = (double)clock() / CLOCKS_PER_SEC;
    assert_true(fabs(al_child_cpu_seconds(getpid()) - now) < 0.1 && now > 0.1);
}

static struct train_options options(const char *dir)
{
    static char program[AL_PATH];
    struct train_options o = fixture_options(100);
    snprintf(program, sizeof program, "%s", at("dp"));
    MUST(al_mkdirs(at(dir)));
    o.dir = at(dir);
    o.program = program;
    o.optimiser = OPTIMISER_ADAM;
    return o;
}

static enum al_err with_program(const char *dir, const char *script)
{
    struct dp_dataset *d = fixture_data(3, false, 500);
    struct train_outcome done;
    struct train_options o = options(dir);
    write_text("dp", "#!/bin/sh\n", "w");
    write_text("dp", script, "a");
    assert_int_equal(chmod(at("dp"), 0755), 0);
    enum al_err e = trainer_deepmd.run(&o, d, NULL, &done);
    dp_dataset_destroy(&d);
    return e;
}

static void expect(enum al_err got, enum al_err want, const char *word)
{
    if (got != want || !strstr(al_err_message(), word)) fail_msg("%s: %s", al_err_name(got), al_err_message());
}

static void failures(void **state)
{
    (void)state;
    struct dpkit p;
    char version[64];
    static const char row[] = "echo '# step   rmse_trn   lr'>lcurve.out; echo '  0   %s   1e-3'>>lcurve.out; ";
    char script[600];
    assert_int_equal(dpkit_find("alnd-no-such-dp", &p), AL_ERR_NOTFOUND);
    assert_non_null(strstr(al_err_hint_text(), "pip install"));
    assert_int_equal(dpkit_find("bin/dp", &p), AL_ERR_INPUT);
    expect(with_program("a", "echo 'OSError: [Errno 28] No space left on device'; exit 1\n"), AL_ERR_NOSPACE, "No space left");
    expect(with_program("b", "echo 'RuntimeError: boom'; exit 1\n"), AL_ERR_UNSUPPORTED, "RuntimeError: boom");
    expect(with_program("c", "kill -9 $$\n"), AL_ERR_LOST, "signal 9");
    expect(with_program("d", "echo 'MemoryError'; exit 1\n"), AL_ERR_NOMEM, "MemoryError");
    expect(with_program("e", "exit 0\n"), AL_ERR_LOST, "step -1 of 100");
    snprintf(script, sizeof script, row, "nan");
    strcat(script, "sleep 100\n");
    expect(with_program("f", script), AL_ERR_UNPHYSICAL, "not finite at step 0");
    // a checkpoint that it cannot read: gone, so that the next try is from the one before
    snprintf(script, sizeof script, row, "1.0");
    strcat(script, "for i in meta index data-00000-of-00001; do for s in 20 40; do echo >model.ckpt-$s.$i; done; done; kill -9 $$\n");
    expect(with_program("g", script), AL_ERR_LOST, "signal 9");
    expect(with_program("g", "echo 'DataLossError: truncated'; exit 1\n"), AL_ERR_LOST, "step 40");
    assert_false(al_exists(at("g/deepmd/model.ckpt-40.meta")));
    assert_true(al_exists(at("g/deepmd/model.ckpt-20.meta")));
    write_text("dp", "#!/bin/sh\necho DeePMD-kit v2.2.9\n", "w");
    MUST(dpkit_find(at("dp"), &p));
    expect(dpkit_probe(&p, version, sizeof version), AL_ERR_UNSUPPORTED, "3 or newer");
    write_text("dp", "#!/bin/sh\n[ $1 = --version ] && echo DeePMD-kit v3.2.0 || { echo \"ModuleNotFoundError: No module named 'tensorflow'\"; exit 1; }\n",
               "w");
    expect(dpkit_probe(&p, version, sizeof version), AL_ERR_UNSUPPORTED, "No module named 'tensorflow'");
}

// Training with other settings in the same directory starts over.
static void other_settings(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(3, true, 500);
    struct dp_config c;
    struct train_options o = options("h");
    double dmin;
    char *text = NULL, *other = NULL;
    strcpy(d->sys[1].name, "teacher"); // was teacher-2: two directories of one name
    MUST(train_settle_model(&o, d, &c, &dmin));
    MUST(dpkit_input(&o, &c, d, d, &text));
    assert_non_null(strstr(text, "\"systems\": [\"data/train/teacher\", \"data/train/teacher.2\"]"));
    assert_non_null(strstr(text, "\"type_map\": [\"Li\", \"P\", \"S\", \"O\"]"));
    assert_non_null(strstr(text, "\"numb_btch\": 1}"));
    assert_non_null(strstr(text, "\"decay_steps\": 10"));
    o.key[1] = 1; // another member: other seeds, nothing else
    MUST(dpkit_input(&o, &c, d, d, &other));
    assert_true(strcmp(text, other) != 0 && strlen(other) < strlen(text) + 12);
    al_free(text);
    al_free(other);
    d->sys[0].weight[1] = 2;
    struct train_outcome done;
    expect(trainer_deepmd.run(&o, d, NULL, &done), AL_ERR_UNSUPPORTED, "weight 2");
    dp_dataset_destroy(&d);
    expect(with_program("h", "[ -e ran ] || echo >ran; exit 1\n"), AL_ERR_UNSUPPORTED, "says nothing");
    write_text("h/deepmd/mark", "x", "w");
    expect(with_program("h", "exit 1\n"), AL_ERR_UNSUPPORTED, "says nothing");
    assert_true(al_exists(at("h/deepmd/ran")) && al_exists(at("h/deepmd/mark")));
    d = fixture_data(3, false, 500);
    o = options("h");
    o.fingerprint = "another";
    expect(trainer_deepmd.run(&o, d, NULL, &done), AL_ERR_UNSUPPORTED, "says nothing");
    dp_dataset_destroy(&d);
    assert_false(al_exists(at("h/deepmd/mark")));
    assert_true(al_exists(at("h/deepmd/data/train/teacher/set.000/coord.npy")));
}

int main(void)
{
    if (!mkdtemp(top)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve), cmocka_unit_test(checkpoints), cmocka_unit_test(reasons), cmocka_unit_test(failures), cmocka_unit_test(other_settings),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    MUST(al_remove_tree(top));
    return rc;
}
