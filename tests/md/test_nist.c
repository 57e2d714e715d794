// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Lennard-Jones against NIST's Standard Reference Simulation Website (reduced units; k, epsilon, sigma and the mass of argon here).
//
// test_nist configurations DIR: energy and virial of NIST's four sample configurations, files lj_sample_config_periodic{1..4}.txt
//   in DIR (nist.py fetches them: they are not ours to pass on). Source of files and numbers:
//   https://www.nist.gov/mml/csd/chemical-informatics-group/lennard-jones-fluid-reference-calculations-cuboid-cell
// test_nist states: energy and pressure of state points from our own molecular dynamics against the table of NVT Monte Carlo,
//   https://mmlapps.nist.gov/srs/LJ_PURE/mc.htm
//   500 atoms, truncated at 3 sigma, long-range corrections of energy and pressure added.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "stats_fixture.h"

static const double eps = 0.0103, sigma = 3.4;

static struct potential *lj(double rc, bool truncated, bool force_shift)
{
    const struct lj_options o = {.epsilon = eps, .sigma = sigma, .cutoff = rc * sigma, .skin = 0.3 * sigma,
                                 .force_shift = force_shift, .truncated = truncated};
    struct potential *p = NULL;
    ok(lj_potential_open(&o, &p));
    return p;
}

// Tails beyond rc of an even fluid, in units of epsilon: of the energy, and of the pressure.
static double tail_energy(int n, double density, double rc)
{
    return 8.0 / 9 * AL_PI * n * density * (pow(rc, -9) - 3 * pow(rc, -3));
}

static double tail_pressure(double density, double rc)
{
    return 32.0 / 9 * AL_PI * density * density * (pow(rc, -9) - 1.5 * pow(rc, -3));
}

// --- configurations --------------------------------------------------------------------------------------

static const struct reference {
    int file, n;
    double side, rc;
    bool shifted; // linear force shift (NIST's LFS), else truncated with a tail (LRC)
    double u, w, tail;
} reference[] = {
    {1, 800, 10, 3, false, -4.3515e3, -5.6867e2, -1.9849e2}, {1, 800, 10, 4, false, -4.4675e3, -1.2639e3, -8.3769e1},
    {1, 800, 10, 3, true, -3.8709e3, 3.1754e2, 0},           {2, 200, 8, 3, false, -6.9000e2, -5.6846e2, -2.4230e1},
    {2, 200, 8, 4, false, -7.0460e2, -6.5599e2, -1.0226e1},  {2, 200, 8, 3, true, -6.2012e2, -4.4533e2, 0},
    {3, 400, 10, 3, false, -1.1467e3, -1.1649e3, -4.9622e1}, {3, 400, 10, 4, false, -1.1754e3, -1.3371e3, -2.0942e1},
    {3, 400, 10, 3, true, -1.0210e3, -9.3578e2, 0},          {4, 30, 8, 3, false, -1.6790e1, -4.6249e1, -5.4517e-1},
    {4, 30, 8, 4, false, -1.7060e1, -4.7869e1, -2.3008e-1},  {4, 30, 8, 3, true, -1.5001e1, -4.3096e1, 0},
};

static const char *directory;

// Side lengths, number of atoms, then number and position of each.
static struct al_frame *read_configuration(const struct reference *r)
{
    char path[AL_PATH];
    struct al_frame *f = NULL;
    double side[3];
    int n, id;
    ok(al_path(path, "%s/lj_sample_config_periodic%d.txt", directory, r->file));
    FILE *in = fopen(path, "r");
    if (!in) return NULL;
    assert_int_equal(fscanf(in, "%lf %lf %lf %d", &side[0], &side[1], &side[2], &n), 4);
    assert_int_equal(n, r->n);
    ok(al_frame_create(n, &f));
    f->pbc = true;
    for (int k = 0; k < 3; k++) {
        assert_near(side[k], r->side, 1e-12);
        f->cell[k][k] = side[k] * sigma;
    }
    for (int i = 0; i < n; i++) {
        double *x = f->pos[i];
        assert_int_equal(fscanf(in, "%d %lf %lf %lf", &id, &x[0], &x[1], &x[2]), 4);
        f->z[i] = 18;
        for (int k = 0; k < 3; k++)
            x[k] *= sigma;
    }
    fclose(in);
    return f;
}

static void configurations(void **state)
{
    (void)state;
    int seen = 0;
    for (size_t i = 0; i < sizeof reference / sizeof reference[0]; i++) {
        const struct reference *r = &reference[i];
        AL_OWN(al_frame) f = read_configuration(r);
        if (!f) continue;
        OWN_POTENTIAL p = lj(r->rc, !r->shifted, r->shifted);
        double(*force)[3] = test_malloc((size_t)f->natoms * sizeof *force);
        struct pot_result res = {.forces = force};
        ok(p->ops->eval(p, f, &res));
        double w = (res.virial[0][0] + res.virial[1][1] + res.virial[2][2]) / eps; // sum of r F
        print_message("configuration %d, rc %g, %s: U %.6g (NIST %.5g), W %.6g (%.5g)\n", r->file, r->rc,
                      r->shifted ? "force shift" : "truncated", res.energy / eps, r->u, w, r->w);
        // five digits are given
        assert_near(res.energy / eps, r->u, 0.51e-4 * pow(10, floor(log10(fabs(r->u)))));
        assert_near(w, r->w, 0.51e-4 * pow(10, floor(log10(fabs(r->w)))));
        if (!r->shifted)
            assert_near(tail_energy(r->n, r->n / pow(r->side, 3), r->rc), r->tail, 0.51e-4 * pow(10, floor(log10(fabs(r->tail)))));
        test_free(force);
        seen++;
    }
    print_message("%d of %zu comparisons made\n", seen, sizeof reference / sizeof reference[0]);
    assert_true(seen > 0);
}

// --- state points ----------------------------------------------------------------------------------------

// Temperature, density, energy per atom, pressure and NIST's standard deviations of the last two.
static const struct point {
    double t, rho, u, du, p, dp;
    const char *thermostat;
    int steps;
} point[] = {
    {0.85, 0.009, -9.3973e-2, 1.29e-4, 7.1641e-3, 2.24e-6, "langevin", 400000},
    {0.90, 0.776, -5.4689, 4.20e-4, 2.4056e-1, 2.74e-3, "svr", 60000},
    {0.85, 0.860, -6.0305, 2.38e-3, 1.2660, 1.36e-2, "nhc", 60000},
};

// Mean of y, weighted, and its standard error by 25 blocks.
static void mean_of(const double *y, const double *weight, int n, double *ret_mean, double *ret_error)
{
    enum { BLOCKS = 25 };
    double sum = 0, norm = 0, spread = 0;
    for (int i = 0; i < n; i++) {
        sum += weight[i] * y[i];
        norm += weight[i];
    }
    *ret_mean = sum / norm;
    for (int b = 0; b < BLOCKS; b++) {
        double bs = 0, bn = 0;
        for (int i = b * n / BLOCKS; i < (b + 1) * n / BLOCKS; i++) {
            bs += weight[i] * y[i];
            bn += weight[i];
        }
        spread += pow(bs / bn - *ret_mean, 2);
    }
    *ret_error = sqrt(spread / (BLOCKS * (BLOCKS - 1.0)));
}

// Forces do not tell the truncated potential from the one shifted by its value at the cut-off, which is the one that
// molecular dynamics samples; Monte Carlo samples the truncated one. Weights exp(-(U_truncated - U_shifted)/kT) make up for it.
static void run_point(const struct point *q)
{
    const int n = 500, every = 20, samples = q->steps / every;
    const double rc = 3, kt = q->t * eps, unit = eps / pow(sigma, 3), mass = al_element_mass(18) * AL_AMU_A2_FS2_EV;
    const double dt = 0.004 * sigma * sqrt(mass / eps), tau = sigma * sqrt(mass / eps);
    OWN_POTENTIAL truncated = lj(rc, true, false);
    OWN_POTENTIAL shifted = lj(rc, false, false);
    OWN_INTEGRATOR g = NULL;
    AL_OWN(al_frame) f = argon_fcc(5, sigma * cbrt(4 / q->rho));
    const struct md_ensemble e = {.ensemble = "nvt", .thermostat = q->thermostat, .cell = "isotropic",
                                  .o = {.heat = {.temperature = kt / AL_KB_EV, .tau = 0.5 * tau, .removed_dof = 3}}};
    double *x[4], (*force)[3] = test_malloc(n * sizeof *force);
    for (int i = 0; i < 4; i++)
        x[i] = test_malloc((size_t)samples * sizeof(double));
    ok(md_ensemble_open(&e, &g));
    AL_OWN(md_state) s = state_of(f, (q->rho > 0.5 ? 3 : 1) * kt / AL_KB_EV, 3, 8); // hot enough to melt
    ok(md_state_eval(s, truncated));
    for (int i = -q->steps / 10; i < q->steps; i++) {
        ok(g->ops->step(g, s, truncated, dt));
        if (i < 0 || i % every) continue;
        struct pot_result r = {.forces = force};
        ok(shifted->ops->eval(shifted, s->f, &r));
        int k = i / every;
        x[0][k] = s->f->energy / eps / n;
        x[1][k] = (n * kt + (r.virial[0][0] + r.virial[1][1] + r.virial[2][2]) / 3) / al_frame_volume(s->f) / unit;
        x[2][k] = s->f->energy - r.energy;
    }
    for (int k = 0; k < samples; k++)
        x[3][k] = exp(-(x[2][k] - x[2][0]) / kt);
    double u, du, p, dp;
    mean_of(x[0], x[3], samples, &u, &du);
    mean_of(x[1], x[3], samples, &p, &dp);
    u += tail_energy(n, q->rho, rc) / n;
    p += tail_pressure(q->rho, rc);
    print_message("T* %g rho* %g, %s: u* %.5g +- %.1g (NIST %.5g +- %.1g, %.1f), p* %.5g +- %.1g (%.5g +- %.1g, %.1f)\n", q->t, q->rho,
                  q->thermostat, u, du, q->u, q->du, (u - q->u) / hypot(du, q->du), p, dp, q->p, q->dp,
                  (p - q->p) / hypot(dp, q->dp));
    assert_true(du < 0.02 * fabs(q->u) && dp < fmax(0.02 * q->p, 0.02));
    assert_near(u, q->u, 3.5 * hypot(du, q->du));
    assert_near(p, q->p, 3.5 * hypot(dp, q->dp));
    for (int i = 0; i < 4; i++)
        test_free(x[i]);
    test_free(force);
}

static void gas(void **state)
{
    (void)state;
    run_point(&point[0]);
}

static void liquid(void **state)
{
    (void)state;
    run_point(&point[1]);
}

static void dense_liquid(void **state)
{
    (void)state;
    run_point(&point[2]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest files[] = {cmocka_unit_test(configurations)};
    const struct CMUnitTest states[] = {cmocka_unit_test(gas), cmocka_unit_test(liquid), cmocka_unit_test(dense_liquid)};
    if (argc == 3 && strcmp(argv[1], "configurations") == 0) {
        directory = argv[2];
        return cmocka_run_group_tests(files, NULL, NULL);
    }
    return cmocka_run_group_tests(states, NULL, NULL);
}
