// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// NPT with a full cell against its exact distribution (Monte Carlo of the cell alone), the conserved quantity, ramps, and
// restart bit for bit of every ensemble that came after the first ones.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/linalg.h"
#include "md_fixture.h"

// Springs to sites that follow the cell, and a cell that is elastic in Green's strain E = (F^T F - 1)/2, F = h h0^-1:
//   U = k/2 sum |x_i - F site_i|^2 + V0 (lambda/2 (tr E)^2 + mu E:E)
// The springs integrate to a constant at every h, so with the weight V^-2 dh = V dh/V^3 of the ensemble, exactly
//   p(h) dh/V^3 ~ V exp(-(U_cell(h) + P V)/kT).
struct solid {
    struct potential base;
    struct al_frame *sites;
    double k, lambda, mu, v0; // eV/Ang^2, eV/Ang^3, Ang^3
};

static void gradient(const struct solid *q, const double cell[3][3], double f[3][3]) // F, from rows of cells
{
    double inv[3][3];
    al_inv3(q->sites->cell, inv);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            f[a][b] = 0;
            for (int k = 0; k < 3; k++)
                f[a][b] += cell[k][a] * inv[b][k];
        }
}

static double green(const struct solid *q, const double cell[3][3], double f[3][3], double e[3][3])
{
    double trace = 0, square = 0;
    gradient(q, cell, f);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            e[a][b] = 0.5 * (f[0][a] * f[0][b] + f[1][a] * f[1][b] + f[2][a] * f[2][b] - (a == b));
            square += e[a][b] * e[a][b];
            if (a == b) trace += e[a][a];
        }
    return q->v0 * (0.5 * q->lambda * trace * trace + q->mu * square);
}

static enum al_err eval_solid(struct potential *p, const struct al_frame *f, struct pot_result *res)
{
    const struct solid *q = (const struct solid *)p;
    double g[3][3], e[3][3], fs[3][3];
    *res = (struct pot_result){.energy = green(q, f->cell, g, e), .forces = res->forces};
    double trace = e[0][0] + e[1][1] + e[2][2];
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            fs[a][b] = 0;
            for (int k = 0; k < 3; k++)
                fs[a][b] += g[a][k] * ((k == b) * q->lambda * trace + 2 * q->mu * e[k][b]);
        }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            for (int k = 0; k < 3; k++)
                res->virial[a][b] -= q->v0 * fs[a][k] * g[b][k];
    for (int i = 0; i < f->natoms; i++) {
        double d[3];
        for (int c = 0; c < 3; c++) {
            d[c] = f->pos[i][c] - al_dot3(g[c], q->sites->pos[i]);
            res->energy += 0.5 * q->k * d[c] * d[c];
            res->forces[i][c] = -q->k * d[c];
        }
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                res->virial[a][b] -= q->k * d[a] * d[b];
    }
    return AL_ERR_OK;
}

static const struct potential_ops solid_ops = {.name = "solid", .caps = POT_VIRIAL, .eval = eval_solid};

// 8 atoms in a triclinic cell that soft springs hold, as elastic as a weak ionic solid.
static struct solid solid_of(struct al_frame *sites)
{
    const double tilt[3][3] = {{10, 0, 0}, {2.5, 9.5, 0}, {-1, 1.5, 10.5}};
    for (int i = 0; i < sites->natoms; i++) {
        double s[3], x[3];
        for (int c = 0; c < 3; c++)
            s[c] = sites->pos[i][c] / 10;
        al_vecmat3(s, tilt, x);
        memcpy(sites->pos[i], x, sizeof x);
    }
    memcpy(sites->cell, tilt, sizeof tilt);
    return (struct solid){.base = {&solid_ops}, .sites = sites, .k = 2, .lambda = 10 / AL_EV_A3_GPA, .mu = 8 / AL_EV_A3_GPA,
                          .v0 = al_frame_volume(sites)};
}

// The cell's virial is minus the derivative of the energy by a strain, for any of the nine.
static void virial_of_test_solid(void **state)
{
    (void)state;
    AL_OWN(al_frame) sites = argon(2, 5.0, 0.0, 1);
    struct solid q = solid_of(sites);
    AL_OWN(al_frame) f = NULL;
    ok(al_frame_copy(sites, &f));
    f->pos[3][1] += 0.4;
    f->cell[1][2] += 0.3;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            double e[2];
            double force[8][3];
            struct pot_result r = {.forces = force};
            ok(eval_solid(&q.base, f, &r));
            double want = r.virial[a][b];
            for (int k = 0; k < 2; k++) {
                AL_OWN(al_frame) g = NULL;
                ok(al_frame_copy(f, &g));
                double h = k ? -1e-5 : 1e-5;
                for (int i = 0; i < 3; i++)
                    g->cell[i][a] += h * f->cell[i][b];
                for (int i = 0; i < f->natoms; i++)
                    g->pos[i][a] += h * f->pos[i][b];
                ok(eval_solid(&q.base, g, &r));
                e[k] = r.energy;
            }
            assert_near(want, -(e[0] - e[1]) / 2e-5, 1e-6 * (1 + fabs(want)));
        }
}

enum { NOBS = 14, BLOCKS = 40 }; // volume, six strains; their squares
struct means {
    double mean[NOBS], error[NOBS];
    double block[NOBS][BLOCKS];
};

static void observe(const struct solid *q, const double cell[3][3], long i, long n, struct means *m)
{
    double f[3][3], e[3][3], x[7] = {fabs(al_det3(cell)) / q->v0 - 1};
    green(q, cell, f, e);
    for (int k = 0; k < 6; k++)
        x[k + 1] = e[k < 3 ? k : k == 5 ? 1 : 0][k < 3 ? k : k == 3 ? 1 : 2];
    for (int k = 0; k < 7; k++) {
        m->block[k][i * BLOCKS / n] += x[k] * BLOCKS / (double)n;
        m->block[k + 7][i * BLOCKS / n] += x[k] * x[k] * BLOCKS / (double)n;
    }
}

static void finish(struct means *m)
{
    for (int k = 0; k < NOBS; k++) {
        double sum = 0, square = 0;
        for (int i = 0; i < BLOCKS; i++)
            sum += m->block[k][i] / BLOCKS;
        for (int i = 0; i < BLOCKS; i++)
            square += pow(m->block[k][i] - sum, 2);
        m->mean[k] = sum;
        m->error[k] = sqrt(square / (BLOCKS * (BLOCKS - 1.0)));
    }
}

// Metropolis walk of the cell with moves h -> (1 + e) h, e uniform in a cube, and their inverses with the same chance:
// symmetric in the measure dh/V^3.
static void monte_carlo(const struct solid *q, double kt, double p0, long n, struct means *m)
{
    struct al_rng r;
    double cell[3][3], f[3][3], e[3][3];
    al_rng_stream(&r, 5, "cell-mc", 0, 0, 0);
    memcpy(cell, q->sites->cell, sizeof cell);
    double old = green(q, cell, f, e) + p0 * fabs(al_det3(cell)) - kt * log(fabs(al_det3(cell)));
    for (long i = -n / 10; i < n; i++) {
        double t[3][3], inv[3][3], next[3][3] = {0};
        for (int k = 0; k < 9; k++)
            t[k / 3][k % 3] = (k / 3 == k % 3) + 0.03 * (al_rng_uniform(&r) - 0.5);
        al_inv3(t, inv);
        const double(*g)[3] = al_rng_uniform(&r) < 0.5 ? t : inv;
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                next[k][c] = al_dot3(g[c], cell[k]);
        double v = fabs(al_det3(next)), u = green(q, next, f, e) + p0 * v - kt * log(v);
        if (log(1.0 - al_rng_uniform(&r)) < (old - u) / kt) {
            memcpy(cell, next, sizeof cell);
            old = u;
        }
        if (i >= 0) observe(q, cell, i, n, m);
    }
    finish(m);
}

static const char *const heats[] = {"svr", "langevin", "nhc"};

static struct md_ensemble full_npt(const char *heat, double volume)
{
    return (struct md_ensemble){"npt", heat, "full", {{600, 50, 0, {0, 0, 0}}, 2, 100, 0.08, MD_SVR, volume}};
}

static void full_cell_distribution(void **state)
{
    (void)state;
    AL_OWN(al_frame) sites = argon(2, 5.0, 0.0, 1);
    struct solid q = solid_of(sites);
    struct means *mc = test_malloc(sizeof *mc), *md = test_malloc(sizeof *md);
    const double kt = AL_KB_EV * 600;
    *mc = (struct means){0};
    monte_carlo(&q, kt, 2 / AL_EV_A3_GPA, 3000000, mc);
    for (int kind = 0; kind < 2; kind++) { // a chain alone is not ergodic on eight equal springs
        OWN_INTEGRATOR g = NULL;
        const struct md_ensemble ens = full_npt(heats[kind], q.v0);
        ok(md_ensemble_open(&ens, &g));
        AL_OWN(md_state) s = state_of(sites, 600, 0, 3);
        ok(md_state_eval(s, &q.base));
        *md = (struct means){0};
        const long n = 600000;
        for (long i = -n / 20; i < n; i++) {
            ok(g->ops->step(g, s, &q.base, 2.0));
            if (i >= 0) observe(&q, s->f->cell, i, n, md);
        }
        finish(md);
        for (int k = 0; k < NOBS; k++) {
            double error = hypot(md->error[k], mc->error[k]);
            print_message("%s %2d: md %.6f mc %.6f +- %.6f (%.1f)\n", heats[kind], k, md->mean[k], mc->mean[k], error,
                          (md->mean[k] - mc->mean[k]) / error);
            assert_near(md->mean[k], mc->mean[k], 4.5 * error);
            // a wrong weight of the volume, or half the noise, would be seen
            if (k >= 7) assert_true(error < 0.06 * mc->mean[k]);
        }
        // the cell has not turned
        assert_true(fabs(s->f->cell[0][1]) < 1e-9 && fabs(s->f->cell[0][2]) < 1e-9 && fabs(s->f->cell[1][2]) < 1e-9);
    }
    test_free(mc);
    test_free(md);
}

// rms and slope of the conserved quantity over 20 ps.
static double conserved_error(const struct md_ensemble *ens, const struct al_frame *f, struct potential *p, double dt)
{
    OWN_INTEGRATOR g = NULL;
    ok(md_ensemble_open(ens, &g));
    AL_OWN(md_state) s = state_of(f, ens->o.heat.temperature, ens->o.heat.removed_dof, 9);
    struct md_result r;
    const struct md_run_options o = {.nsteps = (long)(20000 / dt), .dt = dt, .removed_dof = ens->o.heat.removed_dof};
    ok(md_run(&o, s, p, g, &r));
    assert_int_equal(r.end, MD_END_DONE);
    return r.fluctuation * f->natoms;
}

// Energy, enthalpy and volume move by some 0.3 eV, the conserved quantity by the error of the time step.
static void conserved_quantity(void **state)
{
    (void)state;
    AL_OWN(al_frame) sites = argon(2, 5.0, 0.0, 1);
    struct solid q = solid_of(sites);
    for (int kind = 0; kind < 3; kind++)
        for (int full = 0; full < 2; full++)
            for (int ramp = 0; ramp < 2; ramp++) {
                struct md_ensemble e = full_npt(heats[kind], q.v0);
                if (!full) e.cell = "isotropic";
                if (ramp) e.o.heat.ramp = (struct md_ramp){20000, 300, 0.5};
                double coarse = conserved_error(&e, sites, &q.base, 4.0), fine = conserved_error(&e, sites, &q.base, 1.0);
                print_message("%s %s%s: rms of the conserved quantity %.3g eV at 4 fs, %.3g at 1 fs\n", heats[kind], e.cell,
                              ramp ? " ramp" : "", coarse, fine);
                assert_true(fine < 0.004 && fine < 0.3 * coarse);
            }
}

// A ramp ends where it shall, with the temperature's lag of its thermostat, and the volume follows the pressure.
static void ramp(void **state)
{
    (void)state;
    AL_OWN(al_frame) sites = argon(3, 3.9, 0.02, 4);
    for (int kind = 0; kind < 3; kind++) {
        OWN_POTENTIAL p = argon_potential();
        OWN_INTEGRATOR g = NULL;
        struct md_ensemble e = {"nvt", heats[kind], "isotropic", {.heat = {100, 50, 3, {100000, 500, 0}}}};
        ok(md_ensemble_open(&e, &g));
        AL_OWN(md_state) s = state_of(sites, 100, 3, 2);
        ok(md_state_eval(s, p));
        double start = g->ops->conserved(g, s), worst = 0, mean[4] = {0};
        for (int i = 0; i < 20000; i++) {
            ok(g->ops->step(g, s, p, 5.0));
            mean[i / 5000] += md_temperature(s, 3) / 5000;
            worst = fmax(worst, fabs(g->ops->conserved(g, s) - start));
        }
        // T(t) is 100 + 400 t: quarters 150, 250, 350, 450. Canonical fluctuation T sqrt(2/78) = 16 %, correlated over
        // some 100 fs: 250 samples in a quarter, 1 %.
        for (int i = 0; i < 4; i++)
            assert_near(mean[i], 150 + 100 * i, 0.045 * (150 + 100 * i));
        print_message("%s ramp: quarters %.1f %.1f %.1f %.1f K, conserved moves by %.3g eV, heat %.3g eV\n", heats[kind],
                      mean[0], mean[1], mean[2], mean[3], worst, s->bath);
        assert_true(worst < 0.02 && fabs(s->bath) > 1.0);
    }
}

static void bad_input(void **state)
{
    (void)state;
    struct integrator *g = NULL;
    struct md_ensemble e = full_npt("svr", 1000);
    e.o.volume = 0;
    assert_int_equal(md_ensemble_open(&e, &g), AL_ERR_INPUT);
    e = full_npt("berendsen", 1000);
    assert_int_equal(md_ensemble_open(&e, &g), AL_ERR_INPUT);
    e = full_npt("nhc", 1000);
    e.cell = "orthorhombic";
    assert_int_equal(md_ensemble_open(&e, &g), AL_ERR_INPUT);
    e = full_npt("nhc", 1000);
    e.ensemble = "nph";
    assert_int_equal(md_ensemble_open(&e, &g), AL_ERR_INPUT);
    e = full_npt("nhc", 1000);
    e.o.heat.ramp = (struct md_ramp){1000, -5, 0};
    assert_int_equal(md_ensemble_open(&e, &g), AL_ERR_INPUT);
    assert_null(g);
}

static bool stop_at(void *ctx)
{
    long *n = ctx;
    return (*n)-- == 0;
}

// 100 steps in one go, and stopped at 37: the same bits, in a ramp, cell and chain included.
static void restart_one(const char *dir, struct md_ensemble e)
{
    char file[96];
    snprintf(file, sizeof file, "%s/checkpoint", dir);
    AL_OWN(al_frame) f = argon(4, 4.0, 0.1, 7);
    e.o = (struct md_barostat){{90, 50, 3, {200, 150, 0.3}}, 0.1, 100, 1, MD_SVR, al_frame_volume(f)};
    struct md_result r = {0};
    AL_OWN(md_state) whole = state_of(f, 90, 3, 1);
    AL_OWN(md_state) half = state_of(f, 90, 3, 1);
    AL_OWN(md_state) rest = state_of(f, 90, 3, 1);
    struct md_state *s[3] = {whole, half, rest};
    double conserved[3];
    for (int i = 0; i < 3; i++) {
        OWN_POTENTIAL p = argon_potential();
        OWN_INTEGRATOR g = NULL;
        long n = i == 1 ? 37 : -1;
        ok(md_ensemble_open(&e, &g));
        struct md_run_options opt = {.nsteps = 100, .dt = 2, .removed_dof = 3, .checkpoint = i ? file : NULL,
                                     .checkpoint_interval = 1e9, .check_stop = stop_at, .stop_ctx = &n};
        assert_int_equal(md_run(&opt, s[i], p, g, &r), i == 1 ? AL_ERR_STOPPED : AL_ERR_OK);
        conserved[i] = g->ops->conserved(g, s[i]);
    }
    const size_t bytes = (size_t)f->natoms * sizeof *f->pos;
    assert_int_equal(r.resumed, 37);
    assert_memory_equal(whole->f->cell, rest->f->cell, sizeof whole->f->cell);
    assert_memory_equal(whole->f->pos, rest->f->pos, bytes);
    assert_memory_equal(whole->f->vel, rest->f->vel, bytes);
    assert_memory_equal(whole->chain, rest->chain, sizeof whole->chain);
    assert_true(whole->bath == rest->bath && conserved[0] == conserved[2]);
    if (strcmp(e.thermostat, "nhc") == 0) assert_true(whole->chain[MD_CHAIN - 1] != 0);
    if (strcmp(e.ensemble, "npt") == 0) assert_true(al_frame_volume(whole->f) != al_frame_volume(f));
    if (strcmp(e.cell, "full") == 0) assert_true(whole->f->cell[1][0] != 0);
    unlink(file);
}

static void restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-cell-XXXXXX";
    assert_non_null(mkdtemp(dir));
    for (int kind = 0; kind < 3; kind++) {
        restart_one(dir, (struct md_ensemble){.ensemble = "nvt", .thermostat = heats[kind], .cell = "isotropic"});
        restart_one(dir, (struct md_ensemble){.ensemble = "npt", .thermostat = heats[kind], .cell = "isotropic"});
        restart_one(dir, (struct md_ensemble){.ensemble = "npt", .thermostat = heats[kind], .cell = "full"});
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(virial_of_test_solid), cmocka_unit_test(full_cell_distribution), cmocka_unit_test(conserved_quantity),
        cmocka_unit_test(ramp),                 cmocka_unit_test(bad_input),              cmocka_unit_test(restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
