// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Integrators: exact solution of the harmonic oscillator, reversibility, order of the energy error, momentum,
// drift, canonical distribution of the kinetic energy.
#include "md_fixture.h"

static void steps(struct integrator *g, struct md_state *s, struct potential *p, double dt, int n)
{
    for (int i = 0; i < n; i++)
        ok(g->ops->step(g, s, p, dt));
}

// Velocity Verlet on a harmonic well is itself exactly solvable: with cos(theta) = 1 - (w dt)^2/2,
// x_n = x_0 cos(n theta), when started at rest.
static void test_oscillator_exact(void **state)
{
    (void)state;
    AL_OWN(al_frame) sites = argon(1, 5.0, 0.0, 1);
    OWN_POTENTIAL p = NULL;
    OWN_INTEGRATOR g = NULL;
    ok(spring_potential_open(sites, 2.0, &p));
    ok(md_nve_open(&g));
    AL_OWN(md_state) s = state_of(sites, 0.0, 0, 1);
    s->f->pos[0][1] = 0.3;
    ok(md_state_eval(s, p));
    double dt = 20.0, w = sqrt(2.0 / (s->mass[0] * AL_AMU_A2_FS2_EV));
    double theta = acos(1.0 - 0.5 * w * dt * w * dt);
    assert_true(w * dt > 0.3);
    for (int n = 1; n <= 200; n++) {
        steps(g, s, p, dt, 1);
        assert_near(s->f->pos[0][1], 0.3 * cos(n * theta), 1e-12); // rounding of 200 steps
    }
    assert_int_equal(s->step, 200);
    assert_near(s->time, 4000.0, 1e-9);
    // And with a small step it is the oscillator: error of the phase w t (w dt)^2 / 24.
    s->f->pos[0][1] = 0.3;
    s->f->vel[0][1] = 0.0;
    ok(md_state_eval(s, p));
    dt = 0.5;
    steps(g, s, p, dt, 400);
    double phase = w * 400 * dt;
    assert_true(phase > 1.0);
    assert_near(s->f->pos[0][1], 0.3 * cos(phase), 0.3 * phase * w * dt * w * dt / 24 * 1.1);
}

static void test_reversible(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(3, 3.8, 0.1, 2);
    OWN_POTENTIAL p = argon_potential();
    OWN_INTEGRATOR g = NULL;
    ok(md_nve_open(&g));
    AL_OWN(md_state) s = state_of(f, 90.0, 3, 2);
    ok(md_state_eval(s, p));
    steps(g, s, p, 5.0, 200);
    double moved = 0.0;
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 3; k++) {
            moved = fmax(moved, fabs(s->f->pos[i][k] - f->pos[i][k]));
            s->f->vel[i][k] *= -1.0;
        }
    assert_true(moved > 0.3);
    steps(g, s, p, 5.0, 200);
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 3; k++) // rounding, grown by the chaos of 1 ps
            assert_near(s->f->pos[i][k], f->pos[i][k], 1e-9);
}

// A Nose-Hoover chain is deterministic and reversible as well: with velocities and chain turned round, back to the start.
static void test_chain_reversible(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(3, 3.8, 0.1, 2);
    OWN_POTENTIAL p = argon_potential();
    OWN_INTEGRATOR g = NULL;
    ok(md_nhc_open(&(struct md_thermostat){.temperature = 150.0, .tau = 50.0, .removed_dof = 3}, &g));
    AL_OWN(md_state) s = state_of(f, 90.0, 3, 2);
    ok(md_state_eval(s, p));
    double start = g->ops->conserved(g, s), heat = 0.0;
    steps(g, s, p, 4.0, 100);
    for (int i = 0; i < MD_CHAIN; i++) {
        assert_true(s->chain[i] != 0.0);
        s->chain[i] *= -1.0;
    }
    heat = s->bath;
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 3; k++)
            s->f->vel[i][k] *= -1.0;
    assert_true(fabs(heat) > 0.01);
    steps(g, s, p, 4.0, 100);
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 3; k++)
            assert_near(s->f->pos[i][k], f->pos[i][k], 1e-9);
    for (int i = 0; i < MD_CHAIN; i++)
        assert_near(s->chain[i], 0.0, 1e-9);
    assert_near(s->bath, 0.0, 1e-9);
    assert_near(g->ops->conserved(g, s), start, 1e-9);
}

// rms of the energy around its mean over 2 ps.
static double energy_error(struct potential *p, const struct al_frame *f, double dt)
{
    OWN_INTEGRATOR g = NULL;
    ok(md_nve_open(&g));
    AL_OWN(md_state) s = state_of(f, 90.0, 3, 3);
    ok(md_state_eval(s, p));
    int n = (int)(2000.0 / dt);
    double e0 = g->ops->conserved(g, s), sum = 0.0, sum2 = 0.0;
    for (int i = 0; i < n; i++) {
        steps(g, s, p, dt, 1);
        double e = g->ops->conserved(g, s) - e0;
        sum += e / n;
        sum2 += e * e / n;
    }
    return sqrt(sum2 - sum * sum);
}

static void test_second_order(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(3, 3.8, 0.1, 3);
    OWN_POTENTIAL p = argon_potential();
    double e4 = energy_error(p, f, 4.0), e8 = energy_error(p, f, 8.0), e16 = energy_error(p, f, 16.0);
    assert_true(e4 > 1e-9);
    // 4 in the limit; trajectories of different dt separate, which changes the sample a little.
    assert_in_range((int)(1000 * e8 / e4), 3500, 4500);
    assert_in_range((int)(1000 * e16 / e8), 3500, 4700);
}

static void test_momentum_and_drift(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(4, 3.8, 0.05, 4);
    OWN_POTENTIAL p = argon_potential();
    OWN_INTEGRATOR g = NULL;
    ok(md_nve_open(&g));
    AL_OWN(md_state) s = state_of(f, 120.0, 3, 4);
    struct md_result r;
    struct md_run_options o = {.nsteps = 5000, .dt = 2.0, .removed_dof = 3};
    ok(md_run(&o, s, p, g, &r));
    double total[3] = {0}, scale = 0.0;
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 3; k++) {
            total[k] += s->mass[i] * s->f->vel[i][k];
            scale += fabs(s->mass[i] * s->f->vel[i][k]);
        }
    for (int k = 0; k < 3; k++)
        assert_true(fabs(total[k]) < 1e-12 * scale); // rounding of 5000 steps
    assert_int_equal(r.nsamples, 5000);
    // 10 ps. Measured: drift 6e-9 eV/atom/ps, fluctuation 8e-8 eV/atom, at 1.5e-2 eV/atom kinetic energy.
    assert_true(fabs(r.drift) < 1e-7);
    assert_true(r.fluctuation > 0.0 && r.fluctuation < 1e-6);
}

static void test_spring_energy(void **state)
{
    (void)state;
    AL_OWN(al_frame) sites = argon(2, 5.0, 0.0, 5);
    OWN_POTENTIAL p = NULL;
    OWN_INTEGRATOR g = NULL;
    ok(spring_potential_open(sites, 1.0, &p));
    ok(md_nve_open(&g));
    AL_OWN(md_state) s = state_of(sites, 300.0, 0, 5);
    struct md_result r;
    struct md_run_options o = {.nsteps = 20000, .dt = 5.0, .removed_dof = 0};
    ok(md_run(&o, s, p, g, &r));
    // Verlet keeps a nearby harmonic energy exactly: the slope is that of an oscillation, over 100 ps.
    assert_true(fabs(r.drift) < 1e-8);
    assert_true(fabs(s->f->energy + md_kinetic_energy(s)) > 0.1);
}

struct moments {
    double mean_t, var_ratio, conserved_rms, mean_pot;
    int n;
};

// Samples every `every` steps; the conserved quantity over all.
static struct moments sample(struct integrator *g, struct md_state *s, struct potential *p, double dt,
                             int nsamples, int every, int removed)
{
    double t0 = 0.0, sum = 0.0, sum2 = 0.0, pot = 0.0, c0 = g->ops->conserved(g, s), c2 = 0.0;
    for (int i = 0; i < nsamples; i++) {
        steps(g, s, p, dt, every);
        double k = md_temperature(s, removed);
        sum += k;
        sum2 += k * k;
        pot += s->f->energy;
        double c = g->ops->conserved(g, s) - c0;
        c2 += c * c;
    }
    t0 = sum / nsamples;
    int dof = 3 * s->f->natoms - removed;
    double var = (sum2 - nsamples * t0 * t0) / (nsamples - 1);
    return (struct moments){.mean_t = t0,
                            .var_ratio = var / (2.0 * t0 * t0 / dof),
                            .conserved_rms = sqrt(c2 / nsamples),
                            .mean_pot = pot / nsamples,
                            .n = nsamples};
}

// Canonical: mean T = T0 with standard error T0 sqrt(2/(dof n)); var T = 2 T0^2/dof with relative error
// sqrt(2/n) (chi-square with many degrees of freedom is nearly normal). Samples are several tau apart, so
// taken as independent; 4.5 standard errors (p < 1e-5), seed fixed.
static void check_canonical(const struct moments *m, double temperature, int dof, double bias)
{
    assert_true(fabs(m->mean_t / temperature - 1.0) < 4.5 * sqrt(2.0 / (dof * (double)m->n)) + bias);
    assert_true(fabs(m->var_ratio - 1.0) < 4.5 * sqrt(2.0 / m->n));
}

typedef enum al_err (*open_fn)(const struct md_thermostat *, struct integrator **);
static const open_fn thermostats[] = {md_svr_open, md_langevin_open, md_nhc_open};

static void test_nvt_liquid(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        AL_OWN(al_frame) f = argon(3, 3.9, 0.05, 6);
        OWN_POTENTIAL p = argon_potential();
        OWN_INTEGRATOR g = NULL;
        ok(thermostats[k](&(struct md_thermostat){.temperature = 150.0, .tau = 50.0, .removed_dof = 3}, &g));
        AL_OWN(md_state) s = state_of(f, 300.0, 3, 6); // starts too hot
        ok(md_state_eval(s, p));
        steps(g, s, p, 5.0, 400);
        // 250 fs = 5 tau apart. Bias of the kinetic energy by the time step: (w dt)^2/4 < 0.1 % for argon.
        struct moments m = sample(g, s, p, 5.0, 800, 50, 3);
        check_canonical(&m, 150.0, 78, 1e-3);
        // Heat exchanged is eV; what is left over is the time-step error.
        assert_true(fabs(s->bath) > 0.05);
        assert_true(m.conserved_rms < 0.02 * fabs(md_kinetic_energy(s)));
        double total = 0.0;
        for (int i = 0; i < f->natoms; i++)
            total += s->mass[i] * s->f->vel[i][0];
        assert_true(fabs(total) < 1e-12);
    }
}

// Einstein crystal: equipartition of potential energy too. Langevin mixes every mode; rescaling alone is not
// ergodic on uncoupled springs, so only the kinetic energy is asked of it.
static void test_nvt_springs(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        AL_OWN(al_frame) sites = argon(2, 5.0, 0.0, 7);
        OWN_POTENTIAL p = NULL;
        OWN_INTEGRATOR g = NULL;
        ok(spring_potential_open(sites, 1.0, &p));
        ok(thermostats[k](&(struct md_thermostat){.temperature = 400.0, .tau = 100.0, .removed_dof = 0}, &g));
        AL_OWN(md_state) s = state_of(sites, 400.0, 0, 7);
        ok(md_state_eval(s, p));
        steps(g, s, p, 8.0, 500);
        struct moments m = sample(g, s, p, 8.0, 6000, 100, 0);    // 800 fs = 8 tau
        double w2 = 1.0 / (s->mass[0] * AL_AMU_A2_FS2_EV) * 64.0; // (w dt)^2
        check_canonical(&m, 400.0, 24, 0.5 * w2);
        double pot = 12 * AL_KB_EV * 400.0; // kT/2 each; BAOAB samples positions of a harmonic well exactly
        if (k == 1) assert_true(fabs(m.mean_pot / pot - 1.0) < 4.5 * sqrt(2.0 / (24.0 * m.n)));
    }
}

// The drawn velocities are Maxwell-Boltzmann, with and without fixing the temperature.
// NVE from the last frame of 20 ps of NVT, with and without md_velocities_settle: temperature of 10 ps, relative to the one asked for.
static double settled_temperature(uint64_t seed, bool settle)
{
    const double t0 = 120.0;
    AL_OWN(al_frame) f = argon(4, 3.8, 0.05, seed);
    OWN_POTENTIAL p = argon_potential();
    OWN_INTEGRATOR bath = NULL;
    OWN_INTEGRATOR nve = NULL;
    ok(md_svr_open(&(struct md_thermostat){.temperature = t0, .tau = 100, .removed_dof = 3}, &bath));
    ok(md_nve_open(&nve));
    AL_OWN(md_state) s = state_of(f, t0, 3, seed);
    ok(md_state_eval(s, p));
    double epot = 0, t = 0;
    steps(bath, s, p, 5.0, 2000);
    for (int i = 0; i < 200; i++) {
        steps(bath, s, p, 5.0, 10);
        epot += s->f->energy / 200;
    }
    if (settle) {
        double before = md_kinetic_energy(s), factor = md_velocities_settle(s, epot, t0, 3);
        assert_true(factor != 1 && fabs(md_kinetic_energy(s) / before / (factor * factor) - 1) < 1e-12);
        assert_true(fabs(s->f->energy + md_kinetic_energy(s) - epot - 0.5 * (3 * 64 - 3) * AL_KB_EV * t0) < 1e-9);
        assert_true(md_velocities_settle(s, epot + 1e3, t0, 3) == 1 && md_velocities_settle(s, epot - 1e3, t0, 3) == 1); // not tenfold
    }
    for (int i = 0; i < 400; i++) {
        steps(nve, s, p, 5.0, 5);
        t += md_temperature(s, 3) / 400;
    }
    return t / t0 - 1;
}

static void test_settle(void **state)
{
    (void)state;
    double with = 0, without = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        double a = settled_temperature(100 + seed, true), b = settled_temperature(100 + seed, false);
        with += a * a / 8;
        without += b * b / 8;
    }
    print_message("NVE temperature off by %.2f %% rms, without settling %.2f %% (1/sqrt(3N): 7.2 %%)\n", 100 * sqrt(with), 100 * sqrt(without));
    assert_true(with < 0.25 * without && sqrt(without) > 0.03);
}

static void test_velocities(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(3, 3.9, 0.0, 8);
    for (int i = 0; i < f->natoms; i++)
        f->z[i] = i % 2 ? 3 : 16; // different masses
    AL_OWN(md_state) s = state_of(f, 500.0, 3, 8);
    assert_near(md_temperature(s, 3), 500.0, 1e-9);
    double sum = 0.0, light = 0.0, heavy = 0.0, p[3];
    int n = 2000;
    for (int k = 0; k < n; k++) {
        ok(md_velocities_draw(s, 500.0, 3, false));
        sum += md_temperature(s, 3) / n;
        p[0] = p[1] = p[2] = 0.0;
        for (int i = 0; i < f->natoms; i++)
            for (int c = 0; c < 3; c++) {
                double e = s->mass[i] * s->f->vel[i][c] * s->f->vel[i][c] * AL_AMU_A2_FS2_EV / AL_KB_EV;
                if (i % 2)
                    light += e / (n * 13 * 3);
                else
                    heavy += e / (n * 14 * 3);
                p[c] += s->mass[i] * s->f->vel[i][c];
            }
        assert_true(fabs(p[0]) + fabs(p[1]) + fabs(p[2]) < 1e-12);
    }
    assert_near(sum, 500.0, 4.5 * 500 * sqrt(2.0 / (78.0 * n)));
    // <m v^2> = kT (1 - m/M) once the momentum is removed.
    double total = 13 * s->mass[1] + 14 * s->mass[0];
    assert_near(light, 500.0 * (1 - s->mass[1] / total), 4.5 * 500 * sqrt(2.0 / (39.0 * n)));
    assert_near(heavy, 500.0 * (1 - s->mass[0] / total), 4.5 * 500 * sqrt(2.0 / (42.0 * n)));
    assert_int_equal(md_velocities_draw(s, -1.0, 3, true), AL_ERR_INPUT);
}

static void test_bad_thermostats(void **state)
{
    (void)state;
    struct integrator *g = NULL;
    assert_int_equal(md_svr_open(&(struct md_thermostat){.temperature = 0, .tau = 10}, &g), AL_ERR_INPUT);
    assert_int_equal(md_langevin_open(&(struct md_thermostat){.temperature = 300}, &g), AL_ERR_INPUT);
    assert_int_equal(md_svr_open(&(struct md_thermostat){.temperature = 300, .tau = 10, .removed_dof = 1}, &g), AL_ERR_INPUT);
    assert_null(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oscillator_exact), cmocka_unit_test(test_reversible), cmocka_unit_test(test_chain_reversible),
        cmocka_unit_test(test_second_order),     cmocka_unit_test(test_momentum_and_drift),
        cmocka_unit_test(test_spring_energy),    cmocka_unit_test(test_nvt_liquid),
        cmocka_unit_test(test_nvt_springs),      cmocka_unit_test(test_velocities),
        cmocka_unit_test(test_bad_thermostats),  cmocka_unit_test(test_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
