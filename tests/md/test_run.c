// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The driver: restart bit for bit (state, files, observers), safety stops, stop on request.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "md_fixture.h"

static char dir[64];

struct job { // one process's worth of a run
    struct md_state *s;
    struct potential *p;
    struct integrator *g;
    struct md_output *out[2]; // trajectory, thermo
    struct md_observer ob[2];
    struct md_run_options o;
    struct {
        long calls;
        double sum;
    } memory;
    long stop_at, end_at;
    char checkpoint[160];
};

static enum al_err observe_frame(void *ctx, const struct md_state *s, const struct md_thermo *t,
                                 bool *ret_end, char reason[MD_TEXT])
{
    struct job *j = ctx;
    j->memory.calls++;
    j->memory.sum += t->epot * (double)j->memory.calls;
    fprintf(j->out[0]->out, "# %ld %.17g\n", j->memory.calls, j->memory.sum);
    AL_TRY(md_output_frame(j->out[0], s, true));
    if (j->end_at && s->step >= j->end_at) {
        *ret_end = true;
        snprintf(reason, MD_TEXT, "seen enough");
    }
    return AL_ERR_OK;
}

static enum al_err observe_thermo(void *ctx, const struct md_state *s, const struct md_thermo *t,
                                  bool *ret_end, char reason[MD_TEXT])
{
    (void)s;
    (void)ret_end;
    (void)reason;
    AL_TRY(md_output_thermo(((struct job *)ctx)->out[1], t));
    return AL_ERR_OK;
}

static bool stop_there(void *ctx)
{
    const struct job *j = ctx;
    return j->stop_at > 0 && j->s->step == j->stop_at;
}

enum { KINDS = 6 };

static void job_open(struct job *j, const char *name, int kind)
{
    *j = (struct job){0};
    AL_OWN(al_frame) f = argon(3, 3.8, 0.1, 1);
    j->p = argon_potential();
    struct md_thermostat t = {.temperature = 200.0, .tau = 80.0, .removed_dof = 3};
    if (kind == 0) ok(md_nve_open(&j->g));
    if (kind == 1) ok(md_svr_open(&t, &j->g));
    if (kind == 2) ok(md_langevin_open(&t, &j->g));
    if (kind == 3) ok(md_nhc_open(&t, &j->g));
    if (kind >= 4)
        ok(md_ensemble_open(&(struct md_ensemble){.ensemble = "npt",
                                                  .thermostat = kind == 4 ? "svr" : "langevin",
                                                  .cell = kind == 4 ? "isotropic" : "full",
                                                  .o = {.heat = t, .pressure = 0.2, .tau = 300, .compressibility = 0.5,
                                                        .volume = al_frame_volume(f)}},
                            &j->g));
    j->s = state_of(f, 200.0, 3, 1);
    char path[128];
    snprintf(path, sizeof path, "%s/%s.extxyz", dir, name);
    ok(md_output_create(path, &j->out[0]));
    snprintf(path, sizeof path, "%s/%s.csv", dir, name);
    ok(md_output_create(path, &j->out[1]));
    snprintf(j->checkpoint, sizeof j->checkpoint, "%s/%s.ckpt", dir, name);
    j->ob[0] = (struct md_observer){.stride = 10,
                                    .ctx = j,
                                    .observe = observe_frame,
                                    .memory = &j->memory,
                                    .memory_size = sizeof j->memory};
    j->ob[1] = (struct md_observer){.stride = 7, .ctx = j, .observe = observe_thermo};
    j->o = (struct md_run_options){.nsteps = 200,
                                   .dt = 4.0,
                                   .removed_dof = 3,
                                   .checkpoint = j->checkpoint,
                                   .checkpoint_interval = 1e9,
                                   .identity = "task-1",
                                   .min_distance = 1.0,
                                   .check_stop = stop_there,
                                   .stop_ctx = j,
                                   .observers = j->ob,
                                   .nobservers = 2,
                                   .outputs = j->out,
                                   .noutputs = 2};
}

static void job_close(struct job *j)
{
    md_state_destroy(&j->s);
    potential_destroy(&j->p);
    integrator_destroy(&j->g);
    md_output_destroy(&j->out[0]);
    md_output_destroy(&j->out[1]);
}

#define OWN_JOB __attribute__((cleanup(job_close))) struct job

static void same_file(const char *a, const char *b, const char *suffix)
{
    char path[128];
    AL_AUTOFREE char *ta = NULL, *tb = NULL;
    size_t na, nb;
    snprintf(path, sizeof path, "%s/%s%s", dir, a, suffix);
    ok(al_file_read(path, 0, &ta, &na));
    snprintf(path, sizeof path, "%s/%s%s", dir, b, suffix);
    ok(al_file_read(path, 0, &tb, &nb));
    assert_true(na > 500);
    assert_int_equal(na, nb);
    assert_memory_equal(ta, tb, na);
}

static void same_state(const struct md_state *a, const struct md_state *b)
{
    size_t n = (size_t)a->f->natoms * 3 * sizeof(double);
    assert_memory_equal(a->f->pos, b->f->pos, n);
    assert_memory_equal(a->f->vel, b->f->vel, n);
    assert_memory_equal(a->f->forces, b->f->forces, n);
    assert_true(a->bath == b->bath && a->time == b->time && a->step == b->step);
    assert_true(a->rng.state == b->rng.state);
    assert_memory_equal(a->f->cell, b->f->cell, sizeof a->f->cell);
    assert_memory_equal(a->chain, b->chain, sizeof a->chain);
}

// 200 steps in one go; and stopped at 83, at 140, and killed at 155 (resumed from the checkpoint of 140, with
// files longer than it says).
static void restart_exact(int kind)
{
    struct md_result whole, r;
    OWN_JOB a, b, c, d, e;
    job_open(&a, "whole", kind);
    ok(md_run(&a.o, a.s, a.p, a.g, &whole));
    assert_int_equal(whole.end, MD_END_DONE);
    assert_int_equal(whole.resumed, -1);
    assert_int_equal(whole.steps, 200);

    job_open(&b, "parts", kind);
    b.stop_at = 83;
    assert_int_equal(md_run(&b.o, b.s, b.p, b.g, &r), AL_ERR_STOPPED);
    job_open(&c, "parts", kind);
    c.stop_at = 140;
    assert_int_equal(md_run(&c.o, c.s, c.p, c.g, &r), AL_ERR_STOPPED);
    job_open(&d, "parts", kind);
    char keep[200];
    snprintf(keep, sizeof keep, "%s.keep", d.checkpoint);
    ok(al_file_copy(d.checkpoint, keep));
    d.stop_at = 155;
    assert_int_equal(md_run(&d.o, d.s, d.p, d.g, &r), AL_ERR_STOPPED);
    ok(al_file_copy(keep, d.checkpoint)); // as if killed before the checkpoint of 155 was written
    job_open(&e, "parts", kind);
    ok(md_run(&e.o, e.s, e.p, e.g, &r));
    assert_int_equal(r.resumed, 140);
    same_state(a.s, e.s);
    same_file("whole", "parts", ".extxyz");
    same_file("whole", "parts", ".csv");
    assert_true(a.memory.sum == e.memory.sum && a.memory.calls == 21 && e.memory.calls == 21);
    assert_true(r.temperature == whole.temperature && r.drift == whole.drift);
    assert_true(r.pressure == whole.pressure && r.fluctuation == whole.fluctuation && r.nsamples == 200);
    unlink(a.checkpoint);
    unlink(e.checkpoint);
}

static void test_restart(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        restart_exact(kind);
}

// A checkpoint after every step changes nothing; a finished run resumed returns at once; more steps go on.
static void test_checkpoint_often(void **state)
{
    (void)state;
    struct md_result r;
    OWN_JOB a, b, c, d;
    job_open(&a, "often", 1);
    a.o.checkpoint_interval = 0.0;
    a.o.nsteps = 40;
    ok(md_run(&a.o, a.s, a.p, a.g, &r));
    job_open(&b, "often", 1);
    b.o.nsteps = 40;
    ok(md_run(&b.o, b.s, b.p, b.g, &r));
    assert_int_equal(r.resumed, 40);
    assert_int_equal(r.nsamples, 40);
    job_open(&c, "often", 1);
    c.o.nsteps = 60;
    ok(md_run(&c.o, c.s, c.p, c.g, &r));
    job_open(&d, "seldom", 1);
    d.o.nsteps = 60;
    ok(md_run(&d.o, d.s, d.p, d.g, &r));
    same_state(c.s, d.s);
    same_file("often", "seldom", ".extxyz");
    unlink(a.checkpoint);
    unlink(d.checkpoint);
}

static void expect_refused(struct job *j, enum al_err code)
{
    struct md_result r;
    double x = j->s->f->pos[3][1];
    assert_int_equal(md_run(&j->o, j->s, j->p, j->g, &r), code);
    assert_true(j->s->f->pos[3][1] == x && j->s->step == 0);
}

static void test_checkpoint_refused(void **state)
{
    (void)state;
    struct md_result r;
    OWN_JOB a, b, c, d, e;
    job_open(&a, "refuse", 0);
    a.o.nsteps = 20;
    ok(md_run(&a.o, a.s, a.p, a.g, &r));
    job_open(&b, "refuse", 0);
    b.o.identity = "task-2";
    expect_refused(&b, AL_ERR_CORRUPT);
    job_open(&c, "refuse", 0);
    c.s->f->z[2] = 3; // other species
    expect_refused(&c, AL_ERR_CORRUPT);
    job_open(&d, "refuse", 0);
    AL_AUTOFREE char *text = NULL;
    size_t n;
    ok(al_file_read(d.checkpoint, 0, &text, &n));
    text[n / 2] ^= 1;
    ok(al_file_write(d.checkpoint, text, n));
    expect_refused(&d, AL_ERR_CORRUPT);
    ok(al_file_write(d.checkpoint, text, n / 3)); // cut short
    expect_refused(&d, AL_ERR_CORRUPT);
    text[n / 2] ^= 1;
    ok(al_file_write(d.checkpoint, text, n));
    job_open(&e, "refuse", 0);
    if (truncate(e.out[0]->path, 10) != 0) fail();
    assert_int_equal(md_run(&e.o, e.s, e.p, e.g, &r), AL_ERR_CORRUPT); // output lost
    unlink(a.checkpoint);
}

// --- safety --------------------------------------------------------------------------------------------

struct poison { // lj that goes wrong at the n-th evaluation
    struct potential base;
    struct potential *inner;
    int calls, at;
    enum { POISON_FORCE, POISON_ENERGY, POISON_VIRIAL, POISON_FAIL, POISON_IO } how;
};

static enum al_err eval_poison(struct potential *p, const struct al_frame *f, struct pot_result *res)
{
    struct poison *q = (struct poison *)p;
    AL_TRY(q->inner->ops->eval(q->inner, f, res));
    if (++q->calls < q->at) return AL_ERR_OK;
    if (q->how == POISON_FORCE) res->forces[5][1] = NAN;
    if (q->how == POISON_ENERGY) res->energy = INFINITY;
    if (q->how == POISON_VIRIAL) res->virial[1][2] = NAN;
    if (q->how == POISON_FAIL) AL_FAIL(AL_ERR_UNPHYSICAL, "network gives nan");
    if (q->how == POISON_IO) AL_FAIL(AL_ERR_IO, "disk gone");
    return AL_ERR_OK;
}

static const struct potential_ops poison_ops = {.name = "poison", .caps = POT_VIRIAL, .eval = eval_poison};

static void no_nan_in(const char *path)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    ok(al_file_read(path, 0, &text, &n));
    assert_true(n > 50);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
}

static void test_not_finite(void **state)
{
    (void)state;
    for (int round = 0; round < 5 * KINDS; round++) {
        OWN_JOB j;
        int how = round % 5;
        job_open(&j, "poison", round / 5);
        struct poison q = {.base = {&poison_ops}, .inner = j.p, .at = 33, .how = how};
        struct md_result r = {.steps = -7};
        j.o.checkpoint_interval = 0.0;
        j.ob[0].stride = j.ob[1].stride = 1;
        enum al_err e = md_run(&j.o, j.s, &q.base, j.g, &r);
        if (how == POISON_IO) {
            assert_int_equal(e, AL_ERR_IO);
            assert_int_equal(r.steps, -7);
        } else {
            ok(e);
            assert_int_equal(r.end, MD_END_NOT_FINITE);
            assert_string_equal(md_end_name(r.end), "NOT_FINITE");
            assert_int_equal(r.steps, 31); // evaluation 33 is step 32
            assert_int_equal(r.nsamples, 31);
            assert_true(isfinite(r.temperature) && isfinite(r.drift) && strlen(r.text) > 5);
            no_nan_in(j.out[0]->path);
            no_nan_in(j.out[1]->path);
        }
        unlink(j.checkpoint);
    }
}

static void too_close(int kind)
{
    OWN_JOB j;
    job_open(&j, "close", kind);
    struct md_result r;
    j.o.min_distance = 3.0; // argon at 200 K gets there
    for (int i = 0; i < j.s->f->natoms; i++)
        for (int k = 0; k < 3; k++)
            j.s->f->vel[i][k] *= 4.0;
    ok(md_run(&j.o, j.s, j.p, j.g, &r));
    assert_int_equal(r.end, MD_END_TOO_CLOSE);
    assert_non_null(strstr(r.text, "Ang apart (limit 3.000)"));
    double d;
    int a, b;
    ok(al_frame_min_distance(j.s->f, &d, &a, &b));
    char text[MD_TEXT];
    snprintf(text, sizeof text, "are %.3f Ang", d);
    assert_non_null(strstr(r.text, text));
    assert_true(r.steps == j.s->step - 1);
}

static void test_too_close(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        too_close(kind);
}

// A time step far beyond stability: every ensemble ends, with a reason, and what was written before is sane.
static void test_runaway_everywhere(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        OWN_JOB j;
        struct md_result r;
        job_open(&j, "wild", kind);
        j.o.dt = 120.0;
        j.o.max_temperature = 5000.0;
        j.o.max_energy_change = 0.5;
        j.o.max_volume_change = 2.0;
        j.ob[0].stride = j.ob[1].stride = 1;
        ok(md_run(&j.o, j.s, j.p, j.g, &r));
        print_message("ensemble %d: %s at step %ld: %s\n", kind, md_end_name(r.end), r.steps, r.text);
        assert_true(r.end != MD_END_DONE && r.end != MD_END_OBSERVER && r.steps < 200);
        assert_true(strlen(r.text) > 5 && !strstr(r.text, "nan") && !strstr(r.text, "inf"));
        no_nan_in(j.out[0]->path);
        no_nan_in(j.out[1]->path);
        assert_false(al_exists(j.checkpoint)); // a restart comes to the same end again
    }
}

// A cell that evaporates, and one that is crushed.
static void test_volume(void **state)
{
    (void)state;
    for (int kind = 4; kind < KINDS; kind++)
        for (int crush = 0; crush < 2; crush++) {
            OWN_JOB j;
            struct md_result r;
            job_open(&j, "volume", kind);
            integrator_destroy(&j.g);
            const struct md_ensemble e = {.ensemble = "npt", .thermostat = "svr", .cell = kind == 4 ? "isotropic" : "full",
                                          .o = {.heat = {.temperature = 200, .tau = 80, .removed_dof = 3},
                                                .pressure = crush ? 5.0 : -0.3, .tau = 300, .compressibility = 0.5,
                                                .volume = al_frame_volume(j.s->f)}};
            ok(md_ensemble_open(&e, &j.g));
            j.o.nsteps = 20000;
            j.o.max_volume_change = crush ? 1.2 : 2;
            ok(md_run(&j.o, j.s, j.p, j.g, &r));
            assert_int_equal(r.end, MD_END_VOLUME);
            assert_non_null(strstr(r.text, "has become one of"));
            no_nan_in(j.out[1]->path);
            unlink(j.checkpoint);
        }
}

static void test_runaway(void **state)
{
    (void)state;
    OWN_JOB hot, energy;
    struct md_result r;
    job_open(&hot, "hot", 0);
    hot.o.dt = 120.0; // far beyond stability
    hot.o.min_distance = 0.0;
    hot.o.max_temperature = 5000.0;
    ok(md_run(&hot.o, hot.s, hot.p, hot.g, &r));
    assert_int_equal(r.end, MD_END_TOO_HOT);
    assert_true(r.steps < 200);
    job_open(&energy, "energy", 0);
    energy.o.dt = 120.0;
    energy.o.min_distance = 0.0;
    energy.o.max_energy_change = 0.01;
    ok(md_run(&energy.o, energy.s, energy.p, energy.g, &r));
    assert_int_equal(r.end, MD_END_ENERGY);
}

// An observer's end is kept: the resumed run does not go past it.
static void test_observer_end(void **state)
{
    (void)state;
    OWN_JOB a, b;
    struct md_result r;
    job_open(&a, "observer", 0);
    a.end_at = 50;
    ok(md_run(&a.o, a.s, a.p, a.g, &r));
    assert_int_equal(r.end, MD_END_OBSERVER);
    assert_string_equal(r.text, "seen enough");
    assert_int_equal(r.steps, 50);
    job_open(&b, "observer", 0);
    ok(md_run(&b.o, b.s, b.p, b.g, &r));
    assert_int_equal(r.end, MD_END_OBSERVER);
    assert_string_equal(r.text, "seen enough");
    assert_int_equal(b.s->step, 50);
    unlink(a.checkpoint);
}

static void test_outputs(void **state)
{
    (void)state;
    OWN_JOB j;
    struct md_result r;
    job_open(&j, "read", 1);
    j.o.noutputs = 2;
    ok(al_frame_info_set(j.s->f, "system", "argon"));
    ok(md_run(&j.o, j.s, j.p, j.g, &r));
    AL_AUTOFREE struct md_thermo *t = NULL;
    int n;
    ok(md_thermo_read(j.out[1]->path, &t, &n));
    assert_int_equal(n, 29);
    assert_int_equal(t[28].step, 196);
    assert_near(t[28].time, 784.0, 1e-9);
    for (int i = 1; i < n; i++) {
        assert_near(t[i].volume, 11.4 * 11.4 * 11.4, 1e-6);
        assert_near(t[i].ekin, 0.5 * 78 * AL_KB_EV * t[i].temperature, 1e-6);
        assert_near(t[i].conserved, t[0].conserved, 1e-2);
        assert_true(t[i].pressure != t[i - 1].pressure);
    }
    assert_int_equal(md_thermo_read(j.out[0]->path, &t, &n), AL_ERR_CORRUPT);
    assert_int_equal(n, 29);
    unlink(j.checkpoint);
    // A plain trajectory is read back exactly.
    char path[128];
    snprintf(path, sizeof path, "%s/plain.extxyz", dir);
    AL_OWN(md_output) o = NULL;
    AL_OWN(al_frames) fs = NULL;
    ok(md_output_create(path, &o));
    ok(md_output_start(o, 0));
    ok(md_output_frame(o, j.s, true));
    ok(md_output_frame(o, j.s, false));
    ok(md_output_sync(o, NULL));
    ok(al_xyz_read(path, &fs));
    assert_int_equal(fs->n, 2);
    assert_memory_equal(fs->f[0]->pos, j.s->f->pos, (size_t)j.s->f->natoms * 24);
    assert_memory_equal(fs->f[0]->vel, j.s->f->vel, (size_t)j.s->f->natoms * 24);
    assert_true(fs->f[0]->energy == j.s->f->energy);
    assert_string_equal(al_frame_info(fs->f[1], "step"), "200");
    assert_string_equal(al_frame_info(fs->f[1], "system"), "argon");
    assert_false(fs->f[1]->have & AL_HAVE_VELOCITIES);
}

static void test_bad_options(void **state)
{
    (void)state;
    OWN_JOB j;
    struct md_result r;
    job_open(&j, "bad", 0);
    j.o.dt = 0.0;
    assert_int_equal(md_run(&j.o, j.s, j.p, j.g, &r), AL_ERR_INPUT);
    j.o.dt = 1.0;
    j.ob[0].stride = 0;
    assert_int_equal(md_run(&j.o, j.s, j.p, j.g, &r), AL_ERR_INPUT);
    assert_false(al_exists(j.out[0]->path));
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/alnd-test-md-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_checkpoint_often),
        cmocka_unit_test(test_checkpoint_refused),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_too_close),
        cmocka_unit_test(test_runaway),
        cmocka_unit_test(test_runaway_everywhere),
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_observer_end),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_bad_options),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    enum al_err e = al_remove_tree(dir);
    return failed || e;
}
