// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Are the ensembles those that they say they are: kinetic energies against the Gamma distribution, and Shirts' ratio test of
// energies at two temperatures and of volumes at two pressures. A Berendsen thermostat and barostat, built in here, must fail
// the same tests. Argon: liquid, and as a crystal where the cell is free (a liquid has nothing that holds its shape).
#include <string.h>

#include "base/mem.h"
#include "stats_fixture.h"

// --- Berendsen: weak coupling (J. Chem. Phys. 81, 3684 (1984)), known not to be canonical ---------------------------

struct berendsen {
    struct integrator base;
    double temperature, tau, pressure, tau_p, compressibility; // tau_p 0: constant volume
};

static void scale(struct md_state *s, double a)
{
    for (int i = 0; i < 9; i++)
        s->f->cell[i / 3][i % 3] *= a;
    for (int i = 0; i < s->f->natoms; i++)
        for (int k = 0; k < 3; k++)
            s->f->pos[i][k] *= a;
}

static enum al_err step_berendsen(struct integrator *g, struct md_state *s, struct potential *p, double dt)
{
    const struct berendsen *b = (const struct berendsen *)g;
    OWN_INTEGRATOR nve = NULL;
    AL_TRY(md_nve_open(&nve));
    AL_TRY(nve->ops->step(nve, s, p, dt));
    double a = sqrt(1 + dt / b->tau * (b->temperature / md_temperature(s, 3) - 1)), mean[3] = {0};
    for (int i = 0; i < s->f->natoms; i++)
        for (int k = 0; k < 3; k++)
            mean[k] += s->f->vel[i][k] / s->f->natoms;
    for (int i = 0; i < s->f->natoms; i++) // momentum from rounding, which weak coupling would feed
        for (int k = 0; k < 3; k++)
            s->f->vel[i][k] = a * (s->f->vel[i][k] - mean[k]);
    if (b->tau_p > 0) {
        struct md_thermo t;
        md_thermo_get(s, g, 3, &t);
        scale(s, cbrt(1 - dt / b->tau_p * b->compressibility * (b->pressure - t.pressure)));
        AL_TRY(md_state_eval(s, p));
    }
    return AL_ERR_OK;
}

static double conserved_berendsen(const struct integrator *g, const struct md_state *s)
{
    (void)g;
    (void)s;
    return 0;
}

static void close_berendsen(struct integrator *g)
{
    al_free(g);
}

static const struct integrator_ops berendsen_ops = {
    .name = "berendsen", .step = step_berendsen, .conserved = conserved_berendsen, .close = close_berendsen};

// --- runs ----------------------------------------------------------------------------------------------

struct setup {
    const char *ensemble, *thermostat, *cell; // thermostat berendsen: with a Berendsen barostat when npt
    double temperature, pressure;             // K, GPa
    bool crystal;
    int samples, every; // steps from sample to sample
};

struct samples {
    double *ekin, *epot, *enthalpy, *volume;
    int n;
};

static enum al_err open_setup(const struct setup *u, double volume, struct integrator **ret)
{
    const double beta = 0.6; // 1/GPa, argon
    if (strcmp(u->thermostat, "berendsen") == 0) {
        struct berendsen *b;
        AL_ALLOC(b, 1);
        *b = (struct berendsen){{&berendsen_ops}, u->temperature, 100, u->pressure, strcmp(u->ensemble, "npt") ? 0 : 300, beta};
        *ret = &b->base;
        return AL_ERR_OK;
    }
    const struct md_ensemble e = {u->ensemble, u->thermostat, u->cell,
                                  {{u->temperature, 100, 3, {0, 0, 0}}, u->pressure, 100, beta, MD_SVR, volume}};
    AL_TRY(md_ensemble_open(&e, ret));
    return AL_ERR_OK;
}

static struct samples sample(const struct setup *u, uint64_t seed)
{
    struct lj_options lj = {.epsilon = 0.0103, .sigma = 3.40, .cutoff = 6.8, .skin = 0.8, .force_shift = true};
    OWN_POTENTIAL p = NULL;
    OWN_INTEGRATOR g = NULL;
    AL_OWN(al_frame) f = u->crystal ? argon_fcc(2, 5.45) : argon(3, 3.75, 0.1, seed);
    struct samples x = {.n = u->samples};
    double **to[] = {&x.ekin, &x.epot, &x.enthalpy, &x.volume};
    for (int i = 0; i < 4; i++)
        *to[i] = test_malloc((size_t)u->samples * sizeof(double));
    ok(lj_potential_open(&lj, &p));
    ok(open_setup(u, al_frame_volume(f), &g));
    AL_OWN(md_state) s = state_of(f, u->temperature, 3, seed);
    ok(md_state_eval(s, p));
    for (int i = 0; i < 4000; i++)
        ok(g->ops->step(g, s, p, 4.0));
    for (int i = 0; i < u->samples; i++) {
        for (int k = 0; k < u->every; k++)
            ok(g->ops->step(g, s, p, 4.0));
        x.ekin[i] = md_kinetic_energy(s);
        x.epot[i] = s->f->energy;
        x.volume[i] = al_frame_volume(s->f);
        x.enthalpy[i] = s->f->energy + u->pressure / AL_EV_A3_GPA * x.volume[i];
    }
    return x;
}

static void samples_free(struct samples *x)
{
    test_free(x->ekin);
    test_free(x->epot);
    test_free(x->enthalpy);
    test_free(x->volume);
}

static const char *const heats[] = {"svr", "langevin", "nhc", "berendsen"};

static void kinetic_energy(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        const struct setup u = {"nvt", heats[k], "isotropic", 120, 0, false, 3000, 25};
        struct samples x = sample(&u, 11);
        double g;
        int n = decorrelate(x.ekin, x.n, &g);
        double p = ks_kinetic(x.ekin, n, 78, AL_KB_EV * u.temperature);
        print_message("kinetic energy, %s: %d independent samples, Kolmogorov-Smirnov p = %.3g\n", heats[k], n, p);
        assert_true(n > 500);
        if (k < 3) assert_true(p > 1e-3);
        else assert_true(p < 1e-9); // the wrong distribution is seen
        samples_free(&x);
    }
}

enum kind { ENERGY, VOLUME, ENTHALPY };

// Deviation of the slope from theory in standard errors, two runs at the two set-ups.
static double compare(const char *what, const struct setup u[2], enum kind kind, double *ret_relative)
{
    struct samples x[2];
    double *v[2], g[2], b[2];
    int n[2];
    for (int i = 0; i < 2; i++) {
        x[i] = sample(&u[i], 21 + (uint64_t)i);
        v[i] = kind == ENERGY ? x[i].epot : kind == VOLUME ? x[i].volume : x[i].enthalpy;
        n[i] = decorrelate(v[i], x[i].n, &g[i]);
        b[i] = 1 / (AL_KB_EV * u[i].temperature);
    }
    double want = kind == VOLUME ? -b[0] * (u[1].pressure - u[0].pressure) / AL_EV_A3_GPA : b[0] - b[1];
    struct ratio r = shirts(v[0], n[0], v[1], n[1]);
    double sigma = (r.slope - want) / r.error;
    print_message("%s, %s %s: slope %.4g +- %.2g, theory %.4g: %.1f standard errors; %d and %d samples (inefficiency %.1f, "
                  "%.1f)\n", what, u->thermostat, u->cell, r.slope, r.error, want, sigma, n[0], n[1], g[0], g[1]);
    *ret_relative = r.error / fabs(want);
    for (int i = 0; i < 2; i++)
        samples_free(&x[i]);
    return fabs(sigma);
}

// Within three standard errors, which must be small enough for Berendsen's to be found out.
static void judge(const char *what, struct setup u[2], const char *thermostat, enum kind kind)
{
    double relative;
    u[0].thermostat = u[1].thermostat = thermostat;
    double sigma = compare(what, u, kind, &relative);
    if (strcmp(thermostat, "berendsen") == 0) {
        assert_true(!(sigma <= 3)); // not a number: so narrow that they do not overlap, the slope is without bound
    } else {
        assert_true(relative < 0.15);
        assert_true(sigma < 3);
    }
}

static void energy_of(const char *thermostat, int samples)
{
    struct setup u[2] = {{"nvt", NULL, "isotropic", 105, 0, false, samples, 25},
                         {"nvt", NULL, "isotropic", 135, 0, false, samples, 25}};
    judge("energy at 105 and 135 K", u, thermostat, ENERGY);
}

static void energies(void **state)
{
    (void)state;
    energy_of("svr", 3000);
    energy_of("berendsen", 6000);
}

static void energies_all(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++)
        energy_of(heats[k], 10000);
}

static void volumes(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        struct setup u[2] = {{"npt", NULL, "isotropic", 120, 0.09, false, 10000, 25},
                             {"npt", NULL, "isotropic", 120, 0.14, false, 10000, 25}};
        judge("volume at 0.09 and 0.14 GPa", u, heats[k], VOLUME);
    }
}

static void volumes_full(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct setup u[2] = {{"npt", NULL, "full", 60, 0.08, true, 6000, 25}, {"npt", NULL, "full", 60, 0.18, true, 6000, 25}};
        judge("volume of the crystal at 0.08 and 0.18 GPa", u, heats[k], VOLUME);
    }
}

static void enthalpies(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        const char *cell = full ? "full" : "isotropic";
        const double low = full ? 55 : 110, high = full ? 65 : 125;
        struct setup u[2] = {{"npt", NULL, cell, low, 0.1, full, 8000, 25}, {"npt", NULL, cell, high, 0.1, full, 8000, 25}};
        judge("enthalpy at two temperatures", u, "svr", ENTHALPY);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest quick[] = {cmocka_unit_test(kinetic_energy), cmocka_unit_test(energies)};
    const struct CMUnitTest slow[] = {cmocka_unit_test(energies_all), cmocka_unit_test(volumes), cmocka_unit_test(volumes_full),
                                      cmocka_unit_test(enthalpies)};
    if (argc > 1 && strcmp(argv[1], "slow") == 0) return cmocka_run_group_tests(slow, NULL, NULL);
    return cmocka_run_group_tests(quick, NULL, NULL);
}
