// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// NPT by stochastic cell rescaling against exactly known distributions of the volume, its conserved quantity, its restart.
// Thresholds from the statistics: 4.5 standard errors, from block averages of the run itself, so that a test fails by
// chance once in 100,000.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "md_fixture.h"

// Springs to sites that follow the cell, and an elastic cell:
//   U = k/2 sum |x_i - (V/V0)^(1/3) site_i|^2 + B/2 (V - V0)^2/V0
// The springs' part integrates to a constant at every volume, so that at pressure P exactly
//   p(V) ~ exp(-(B (V - V0)^2 / 2 V0 + P V)/kT): mean V0 (1 - P/B), variance kT V0/B.
struct solid {
    struct potential base;
    struct al_frame *sites;
    double k, bulk, v0; // eV/Ang^2, eV/Ang^3, Ang^3
};

static enum al_err eval_solid(struct potential *p, const struct al_frame *f, struct pot_result *res)
{
    const struct solid *q = (const struct solid *)p;
    double v = al_frame_volume(f), a = cbrt(v / q->v0), x = (v - q->v0) / q->v0;
    *res = (struct pot_result){.energy = 0.5 * q->bulk * q->v0 * x * x, .forces = res->forces};
    for (int i = 0; i < 3; i++)
        res->virial[i][i] = -q->bulk * x * v; // -dU/d(strain)
    for (int i = 0; i < f->natoms; i++)
        for (int c = 0; c < 3; c++) {
            double d = f->pos[i][c] - a * q->sites->pos[i][c];
            res->energy += 0.5 * q->k * d * d;
            res->forces[i][c] = -q->k * d;
            res->virial[c][c] -= q->k * d * d; // isotropic strain: d scales with the cell
        }
    return AL_ERR_OK;
}

static const struct potential_ops solid_ops = {.name = "solid", .caps = POT_VIRIAL, .eval = eval_solid};

struct moments {
    double mean, variance, mean_error, variance_error, conserved_rms;
};

// Volume over n steps after warm-up, in 50 blocks.
static struct moments sample(struct md_state *s, struct potential *p, const struct md_barostat *o, double dt, long n)
{
    enum { BLOCKS = 50 };
    OWN_INTEGRATOR g = NULL;
    double b1[BLOCKS] = {0}, b2[BLOCKS] = {0}, sum = 0, square = 0, start, drift = 0;
    ok(md_npt_open(o, &g));
    ok(md_state_eval(s, p));
    for (long i = 0; i < n / 10; i++)
        ok(g->ops->step(g, s, p, dt));
    start = g->ops->conserved(g, s);
    double origin = al_frame_volume(s->f);
    for (long i = 0; i < n; i++) {
        ok(g->ops->step(g, s, p, dt));
        double v = al_frame_volume(s->f) - origin, c = g->ops->conserved(g, s) - start;
        b1[i * BLOCKS / n] += v * BLOCKS / (double)n;
        b2[i * BLOCKS / n] += v * v * BLOCKS / (double)n;
        drift += c * c / (double)n;
    }
    for (int i = 0; i < BLOCKS; i++) {
        sum += b1[i] / BLOCKS;
        square += b2[i] / BLOCKS;
    }
    struct moments m = {.mean = sum + origin, .variance = square - sum * sum, .conserved_rms = sqrt(drift)};
    for (int i = 0; i < BLOCKS; i++) {
        double d1 = b1[i] - sum, d2 = b2[i] - 2 * sum * b1[i] + sum * sum - m.variance;
        m.mean_error += d1 * d1;
        m.variance_error += d2 * d2;
    }
    m.mean_error = sqrt(m.mean_error / (BLOCKS * (BLOCKS - 1.0)));
    m.variance_error = sqrt(m.variance_error / (BLOCKS * (BLOCKS - 1.0)));
    return m;
}

// No forces: volume by the ideal gas of N - 1 particles, p(V) ~ V^(N-1) exp(-PV/kT): mean N kT/P, variance N (kT/P)^2.
static void ideal_gas(void **state)
{
    (void)state;
    const int n = 27;
    const double t = 300, pressure = 0.5, unit = AL_KB_EV * t / (pressure / AL_EV_A3_GPA);
    AL_OWN(al_frame) f = argon(3, cbrt(unit), 0.0, 3);
    AL_OWN(al_frame) sites = argon(3, cbrt(unit), 0.0, 3);
    struct solid q = {.base = {&solid_ops}, .sites = sites, .k = 0, .bulk = 0, .v0 = 1000};
    AL_OWN(md_state) s = state_of(f, t, 3, 5);
    const struct md_barostat o = NPT(t, 50, 3, pressure, 400, 1 / pressure);
    struct moments m = sample(s, &q.base, &o, 4.0, 2000000);
    assert_true(m.mean_error < 0.02 * m.mean);
    assert_near(m.mean, n * unit, 4.5 * m.mean_error);
    assert_near(m.variance, n * unit * unit, 4.5 * m.variance_error);
}

// A solid under pressure; the wrong pressure or temperature, or no noise, would be seen.
static void elastic_solid(void **state)
{
    (void)state;
    const double t = 600, pressure = 2, v0 = 8 * 125.0, bulk = 20 / AL_EV_A3_GPA; // 20 GPa
    AL_OWN(al_frame) f = argon(2, 5.0, 0.05, 7);
    AL_OWN(al_frame) sites = argon(2, 5.0, 0.0, 7);
    struct solid q = {.base = {&solid_ops}, .sites = sites, .k = 2, .bulk = bulk, .v0 = v0};
    AL_OWN(md_state) s = state_of(f, t, 0, 9);
    const struct md_barostat o = NPT(t, 50, 0, pressure, 100, 0.05);
    struct moments m = sample(s, &q.base, &o, 2.0, 400000);
    double mean = v0 * (1 - pressure / 20), variance = AL_KB_EV * t * v0 / bulk;
    assert_true(m.mean_error < 0.1 * (v0 - mean) && m.variance_error < 0.2 * variance);
    assert_near(m.mean, mean, 4.5 * m.mean_error);
    assert_near(m.variance, variance, 4.5 * m.variance_error);
}

// The conserved quantity: its error falls with the time step, although energy and volume move by far more.
static void conserved_quantity(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(2, 5.0, 0.05, 7);
    AL_OWN(al_frame) sites = argon(2, 5.0, 0.0, 7);
    struct solid q = {.base = {&solid_ops}, .sites = sites, .k = 2, .bulk = 20 / AL_EV_A3_GPA, .v0 = 1000};
    const struct md_barostat o = NPT(600, 50, 0, 2, 200, 0.05);
    double rms[2];
    for (int i = 0; i < 2; i++) {
        AL_OWN(md_state) s = state_of(f, 600, 0, 9);
        double dt = i ? 0.5 : 4.0;
        rms[i] = sample(s, &q.base, &o, dt, (long)(4000 / dt)).conserved_rms;
    }
    assert_true(rms[1] > 0 && rms[1] < 0.3 * rms[0]);
    // the fluctuation of the energy itself is sqrt(3 N) kT = 0.25 eV
    assert_true(rms[1] < 0.005);
}

static void bad_input(void **state)
{
    (void)state;
    struct integrator *g = NULL;
    assert_int_equal(md_npt_open(&(struct md_barostat)NPT(300, 50, 3, 1, 0, 0.05), &g), AL_ERR_INPUT);
    assert_int_equal(md_npt_open(&(struct md_barostat)NPT(300, 50, 3, 1, 100, 0), &g), AL_ERR_INPUT);
    assert_int_equal(md_npt_open(&(struct md_barostat)NPT(0, 50, 3, 1, 100, 0.05), &g), AL_ERR_INPUT);
    assert_null(g);
    AL_OWN(al_frame) f = argon(2, 5.0, 0.05, 7);
    f->pbc = false;
    OWN_POTENTIAL p = argon_potential();
    OWN_INTEGRATOR npt = NULL;
    ok(md_npt_open(&(struct md_barostat)NPT(300, 50, 3, 1, 100, 0.05), &npt));
    AL_OWN(md_state) s = state_of(f, 300, 3, 1);
    ok(md_state_eval(s, p));
    assert_int_equal(npt->ops->step(npt, s, p, 1), AL_ERR_INPUT);
}

static bool stop_at(void *ctx)
{
    long *n = ctx;
    return (*n)-- == 0;
}

// 100 steps in one go, and stopped at 37: the same bits, cell included.
static void restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-npt-XXXXXX", file[64];
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/checkpoint", dir);
    AL_OWN(al_frame) f = argon(4, 4.0, 0.1, 7);
    const struct md_barostat o = NPT(90, 50, 3, 0.1, 100, 1);
    struct md_result r;
    AL_OWN(md_state) whole = state_of(f, 90, 3, 1);
    AL_OWN(md_state) half = state_of(f, 90, 3, 1);
    AL_OWN(md_state) rest = state_of(f, 90, 3, 1);
    struct md_state *s[3] = {whole, half, rest};
    for (int i = 0; i < 3; i++) {
        OWN_POTENTIAL p = argon_potential();
        OWN_INTEGRATOR g = NULL;
        long n = i == 1 ? 37 : -1;
        ok(md_npt_open(&o, &g));
        struct md_run_options opt = {.nsteps = 100, .dt = 2, .removed_dof = 3, .checkpoint = i ? file : NULL,
                                     .checkpoint_interval = 1e9, .check_stop = stop_at, .stop_ctx = &n};
        assert_int_equal(md_run(&opt, s[i], p, g, &r), i == 1 ? AL_ERR_STOPPED : AL_ERR_OK);
    }
    assert_int_equal(r.resumed, 37);
    assert_true(al_frame_volume(whole->f) != al_frame_volume(f));
    assert_memory_equal(whole->f->cell, rest->f->cell, sizeof whole->f->cell);
    assert_memory_equal(whole->f->pos, rest->f->pos, (size_t)f->natoms * sizeof *f->pos);
    assert_true(whole->bath == rest->bath);
    unlink(file);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ideal_gas), cmocka_unit_test(elastic_solid), cmocka_unit_test(conserved_quantity),
        cmocka_unit_test(bad_input), cmocka_unit_test(restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
