// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Trajectory files: DCD and its reader (triclinic cells in any direction, cells that change, restarts), the writing thread and
// its errors.
//
// test_output DIR: writes triclinic.{dcd,extxyz} and box.{dcd,extxyz} there, for tests/md/peer_dcd.py.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "md_fixture.h"

static char dir[64];
enum { N = 40, FRAMES = 7, STRIDE = 20 };

static const double timestep = 0.5;

// A frame of a run whose cell breathes and shears; atoms leave the cell. flat: a along x, b in the plane xy.
static struct al_frame *frame(int k, bool flat)
{
    static const double turned[3][3] = {{7.1, 3.2, -1.4}, {-2.9, 8.4, 2.2}, {1.1, -2.6, 9.7}};
    static const double box[3][3] = {{9.5, 0, 0}, {-2.25, 10.25, 0}, {1.5, 3.0, 11.0}};
    struct al_frame *f = NULL;
    struct al_rng r;
    al_rng_stream(&r, 5, "trajectory", 0, 0, 0);
    ok(al_frame_create(N, &f));
    f->pbc = true;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            f->cell[a][b] = (flat ? box : turned)[a][b] * (1 + 0.01 * k + (a == b ? 0.003 * k : 0));
    for (int i = 0; i < N; i++) {
        double s[3];
        f->z[i] = i % 3 ? 16 : 3;
        for (int a = 0; a < 3; a++)
            s[a] = al_rng_uniform(&r) + 0.4 * k * (al_rng_uniform(&r) - 0.3);
        al_vecmat3(s, f->cell, f->pos[i]);
    }
    return f;
}

// As in the file: turned into the standard orientation only by a rotation that the first frame and this one need not share.
static void distances(const struct al_frame *a, const struct al_frame *b, double tolerance)
{
    for (int i = 1; i < a->natoms; i++)
        for (int j = 0; j < i; j++) {
            double da = 0, db = 0;
            for (int k = 0; k < 3; k++) {
                da += pow(a->pos[i][k] - a->pos[j][k], 2);
                db += pow(b->pos[i][k] - b->pos[j][k], 2);
            }
            assert_near(sqrt(da), sqrt(db), tolerance);
        }
}

static void write_run(const char *name, bool flat, const char *where)
{
    char path[200], other[200];
    AL_OWN(md_output) d = NULL;
    AL_OWN(md_output) x = NULL;
    AL_OWN(al_frame) first = frame(0, flat);
    struct al_dcd_spec spec = {N, true, timestep, 0, STRIDE};
    struct md_state s = {0};
    snprintf(path, sizeof path, "%s/%s.dcd", where, name);
    snprintf(other, sizeof other, "%s/%s.extxyz", where, name);
    ok(md_output_create_dcd(path, &spec, &d));
    ok(md_output_create(other, &x));
    ok(md_output_topology(path, first));
    ok(md_output_start(d, 0));
    ok(md_output_start(x, 0));
    for (int k = 0; k < FRAMES; k++) {
        s.f = frame(k, flat);
        s.step = k * STRIDE;
        s.time = timestep * (double)s.step;
        ok(md_output_frame(d, &s, false));
        ok(md_output_frame(x, &s, false));
        al_frame_destroy(&s.f);
    }
    ok(md_output_sync(d, NULL));
    ok(md_output_sync(x, NULL));
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int flat = 0; flat < 2; flat++) {
        char path[200];
        AL_OWN(al_frames) fs = NULL;
        write_run("round", flat, dir);
        snprintf(path, sizeof path, "%s/round.dcd", dir);
        ok(al_frames_read(path, &fs));
        assert_int_equal(fs->n, FRAMES);
        for (int k = 0; k < FRAMES; k++) {
            AL_OWN(al_frame) f = frame(k, flat);
            char step[16], time[16];
            snprintf(step, sizeof step, "%d", k * STRIDE);
            snprintf(time, sizeof time, "%g", timestep * k * STRIDE);
            assert_string_equal(al_frame_info(fs->f[k], "step"), step);
            assert_string_equal(al_frame_info(fs->f[k], "time"), time);
            assert_memory_equal(fs->f[k]->z, f->z, N * sizeof *f->z);
            assert_near(al_frame_volume(fs->f[k]), al_frame_volume(f), 1e-9 * al_frame_volume(f));
            distances(fs->f[k], f, 1e-5);
            // the first frame stands as it stood; flat cells always do
            for (int a = 0; a < 3 && (flat || k == 0); a++)
                for (int b = 0; b < 3; b++)
                    assert_near(fs->f[k]->cell[a][b], f->cell[a][b], 1e-12);
            for (int i = 0; i < N && (flat || k == 0); i++)
                for (int a = 0; a < 3; a++)
                    assert_near(fs->f[k]->pos[i][a], f->pos[i][a], 5e-6); // 40 Ang in single precision
        }
    }
}

static void damage(const char *from, const char *to, size_t at, size_t cut)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    ok(al_file_read(from, 0, &text, &n));
    if (at) text[at] ^= 0x40;
    ok(al_file_write(to, text, cut ? cut : n));
}

static void test_bad_files(void **state)
{
    (void)state;
    char good[200], bad[200], topology[200], none[200];
    AL_OWN(al_frames) fs = NULL;
    struct al_dcd *d = NULL;
    write_run("good", false, dir);
    snprintf(good, sizeof good, "%s/good.dcd", dir);
    snprintf(bad, sizeof bad, "%s/bad.dcd", dir);
    snprintf(topology, sizeof topology, "%s/" AL_DCD_TOPOLOGY, dir);
    snprintf(none, sizeof none, "%s/none.extxyz", dir);
    const size_t head = (size_t)al_dcd_head_size(), one = 56 + 3 * (8 + 4 * N);
    damage(good, bad, 5, 0); // the magic word
    assert_int_equal(al_frames_read(bad, &fs), AL_ERR_CORRUPT);
    damage(good, bad, head + 1, 0); // the length of a record
    assert_int_equal(al_frames_read(bad, &fs), AL_ERR_CORRUPT);
    damage(good, bad, 0, head + 3 * one + 17); // fewer frames than the head says
    assert_int_equal(al_frames_read(bad, &fs), AL_ERR_CORRUPT);
    damage(good, bad, 0, 50);
    assert_int_equal(al_frames_read(bad, &fs), AL_ERR_CORRUPT);
    assert_int_equal(al_dcd_open(good, none, &d), AL_ERR_NOTFOUND);
    assert_true(strlen(al_err_hint_text()) > 10);
    AL_OWN(al_frame) f = frame(0, false);
    f->natoms = N - 1;
    ok(md_output_topology(good, f));
    assert_int_equal(al_dcd_open(good, NULL, &d), AL_ERR_INPUT);
    f->natoms = N;
    ok(md_output_topology(good, f));
    ok(al_dcd_open(good, NULL, &d));
    assert_int_equal(al_dcd_frames(d), FRAMES);
    al_dcd_destroy(&d);
}

// A file that others left behind a checkpoint is cut there, and the end is the same bytes.
static void test_restart(void **state)
{
    (void)state;
    char whole[200], parts[200];
    struct al_dcd_spec spec = {N, true, timestep, 0, STRIDE};
    long offset = 0;
    struct md_state s = {0};
    write_run("whole", false, dir);
    snprintf(whole, sizeof whole, "%s/whole.dcd", dir);
    snprintf(parts, sizeof parts, "%s/parts.dcd", dir);
    for (int part = 0; part < 2; part++) {
        AL_OWN(md_output) o = NULL;
        ok(md_output_create_dcd(parts, &spec, &o));
        ok(md_output_start(o, offset));
        for (int k = part ? 3 : 0; k < (part ? FRAMES : 5); k++) {
            s.f = frame(k, false);
            ok(md_output_frame(o, &s, false));
            al_frame_destroy(&s.f);
            if (k == 2 || k == FRAMES - 1) ok(md_output_sync(o, &offset));
        }
    }
    AL_AUTOFREE char *a = NULL, *b = NULL;
    size_t na, nb;
    ok(al_file_read(whole, 0, &a, &na));
    ok(al_file_read(parts, 0, &b, &nb));
    assert_int_equal(na, nb);
    assert_int_equal((long)na, offset);
    assert_memory_equal(a, b, na);
}

// All that was handed over comes in its order, text between frames too, however much it is.
static void test_order(void **state)
{
    (void)state;
    char path[200];
    AL_OWN(md_output) o = NULL;
    struct md_state s = {0};
    snprintf(path, sizeof path, "%s/order.extxyz", dir);
    ok(md_output_create(path, &o));
    ok(md_output_start(o, 0));
    s.f = frame(0, true);
    for (s.step = 0; s.step < 3000; s.step++) {
        fprintf(o->out, "%d\nstep=%ld\nLi 0 0 0\n", 1, -s.step); // a frame of its own
        ok(md_output_frame(o, &s, false));
    }
    long offset;
    struct stat st;
    ok(md_output_sync(o, &offset));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, offset);
    AL_OWN(al_frames) fs = NULL;
    ok(al_xyz_read(path, &fs));
    assert_int_equal(fs->n, 6000);
    for (int k = 0; k < 3000; k++) {
        assert_int_equal(atol(al_frame_info(fs->f[2 * k], "step")), -k);
        assert_int_equal(atol(al_frame_info(fs->f[2 * k + 1], "step")), k);
    }
    al_frame_destroy(&s.f);
}

// What the thread meets reaches whoever writes: at the next frame or line, at the latest at the next checkpoint.
static void test_errors(void **state)
{
    (void)state;
    char path[200];
    struct md_state s = {0};
    struct rlimit old, small = {30000, 30000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    s.f = frame(0, true);
    for (int dcd = 0; dcd < 2; dcd++) {
        AL_OWN(md_output) o = NULL;
        struct al_dcd_spec spec = {N, true, timestep, 0, STRIDE};
        snprintf(path, sizeof path, "%s/full.%s", dir, dcd ? "dcd" : "extxyz");
        if (dcd) ok(md_output_create_dcd(path, &spec, &o));
        else ok(md_output_create(path, &o));
        ok(md_output_start(o, 0));
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum al_err e = AL_ERR_OK;
        int k = 0;
        for (; k < 100 && !e; k++) {
            e = md_output_frame(o, &s, true);
            if (!e && k % 30 == 29) e = md_output_sync(o, NULL);
        }
        assert_true(e != AL_ERR_OK && k > 1);
        assert_non_null(strstr(al_err_message(), path));
        assert_int_equal(md_output_sync(o, NULL), e);
        fputs("a line\n", o->out);
        assert_int_equal(md_output_frame(o, &s, true), e);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(md_output_sync(o, NULL), e); // once is for good: something is missing in the file
    }
    al_frame_destroy(&s.f);
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        write_run("triclinic", false, argv[1]);
        write_run("box", true, argv[1]);
        return 0;
    }
    snprintf(dir, sizeof dir, "/tmp/alnd-test-output-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_bad_files), cmocka_unit_test(test_restart),
        cmocka_unit_test(test_order),      cmocka_unit_test(test_errors),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    enum al_err e = al_remove_tree(dir);
    return failed || e;
}
