// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What every potential of this form must satisfy, on one- and two-sided models and one with harmonics: forces and virial as
// derivatives of the energy, invariances, smooth cut-off, independence of earlier calls.
#include "dp_fixture.h"

#include "base/linalg.h"
#include "dp/potential.h"

static const int LI_P_S_O[] = {3, 15, 16, 8, 16, 3};
enum { N = 18, NVARIANT = 3 }; // one-sided; two-sided; that with harmonics

static struct dp_model *variant(int k)
{
    struct dp_config two = {.ntypes = 4,
                            .type_map = {"Li", "P", "S", "O"},
                            .rcut = 4.5,
                            .rcut_smth = 2.0,
                            .sel = {24, 12, 24, 12},
                            .nneuron = 3,
                            .neuron = {4, 4, 8},
                            .axis_neuron = 3,
                            .resnet_dt = true,
                            .nfit = 3,
                            .fit = {8, 8, 12},
                            .fit_resnet_dt = true};
    if (k == 2) {
        two.rcut_angular = 4;
        two.neuron_angular = 6;
    }
    return fixture_model(k ? &two : NULL, 31 + (uint64_t)k);
}

static struct potential *open_variant(int k)
{
    struct dp_model *m = variant(k);
    struct potential *p = NULL;
    MUST(dp_potential_from_model(m, DP_WAY_PLAIN, &p));
    dp_model_destroy(&m);
    return p;
}

static double energy(struct potential *p, const struct al_frame *f)
{
    struct pot_result r = {0};
    MUST(p->ops->eval(p, f, &r));
    return r.energy;
}

// Five-point difference, h = 1e-3: truncation h^4 ~ 1e-12 times derivatives, rounding 1e-15 E/h ~ 1e-11.
static double slope(const double e[4], double h)
{
    return (8 * (e[0] - e[1]) - (e[2] - e[3])) / (12 * h);
}

static void forces(void **state)
{
    (void)state;
    const double h = 1e-3, at[4] = {h, -h, 2 * h, -2 * h};
    for (int k = 0; k < NVARIANT; k++) {
        struct potential *p = open_variant(k);
        struct al_frame *f = fixture_frame(N, LI_P_S_O, 6, 8, 1.6, 1);
        struct pot_result r = {.forces = f->forces};
        MUST(p->ops->eval(p, f, &r));
        double total[3] = {0};
        for (int i = 0; i < N; i++)
            for (int a = 0; a < 3; a++) {
                double x = f->pos[i][a], e[4];
                for (int q = 0; q < 4; q++) {
                    f->pos[i][a] = x + at[q];
                    e[q] = energy(p, f);
                }
                f->pos[i][a] = x;
                double numeric = -slope(e, h);
                total[a] += f->forces[i][a];
                if (fabs(f->forces[i][a]) < 1e-6 || fabs(numeric - f->forces[i][a]) > 1e-8)
                    fail_msg("force %d %d: %.12g, difference quotient %.12g", i, a, f->forces[i][a], numeric);
            }
        for (int a = 0; a < 3; a++)
            assert_true(fabs(total[a]) < 1e-12);
        al_frame_destroy(&f);
        potential_destroy(&p);
    }
}

static struct al_frame *strained(const struct al_frame *f, int a, int b, double eps)
{
    struct al_frame *g = NULL;
    MUST(al_frame_copy(f, &g));
    for (int i = 0; i < f->natoms; i++) // x -> x (1 + eps), element ab: component b gains eps * component a
        g->pos[i][b] += eps * f->pos[i][a];
    for (int c = 0; c < 3; c++)
        g->cell[c][b] += eps * f->cell[c][a];
    return g;
}

static void virial(void **state) // -dE/d(strain), positive for compression
{
    (void)state;
    const double h = 1e-3, at[4] = {h, -h, 2 * h, -2 * h};
    for (int k = 0; k < NVARIANT; k++) {
        struct potential *p = open_variant(k);
        struct al_frame *f = fixture_frame(N, LI_P_S_O, 6, 8, 1.6, 2);
        struct pot_result r = {0};
        MUST(p->ops->eval(p, f, &r));
        for (int ab = 0; ab < 9; ab++) {
            double e[4];
            for (int q = 0; q < 4; q++) {
                struct al_frame *g = strained(f, ab / 3, ab % 3, at[q]);
                e[q] = energy(p, g);
                al_frame_destroy(&g);
            }
            double v = r.virial[ab / 3][ab % 3];
            if (fabs(v) < 1e-3 ||
                fabs(-slope(e, h) - v) > 2e-7) // fourth derivatives along a strain are larger
                fail_msg("virial %d: %.12g, difference quotient %.12g", ab, v, -slope(e, h));
            assert_true(fabs(v - r.virial[ab % 3][ab / 3]) < 1e-11); // symmetric: no torque
        }
        al_frame_destroy(&f);
        potential_destroy(&p);
    }
}

static void invariances(void **state)
{
    (void)state;
    for (int k = 0; k < NVARIANT; k++) {
        struct potential *p = open_variant(k);
        struct al_frame *f = fixture_frame(N, LI_P_S_O, 6, 8, 1.6, 3), *g = NULL;
        double e = energy(p, f), tol = 1e-11;
        MUST(al_frame_copy(f, &g)); // translation, and atoms in other cells
        for (int i = 0; i < N; i++)
            for (int a = 0; a < 3; a++)
                g->pos[i][a] += 0.37 * (a + 1) + f->cell[1][a] * (i % 3 - 1);
        assert_true(fabs(energy(p, g) - e) < tol);
        al_frame_destroy(&g);
        MUST(al_frame_copy(f, &g)); // permutation
        for (int i = 0; i < N; i++) {
            g->z[i] = f->z[N - 1 - i];
            memcpy(g->pos[i], f->pos[N - 1 - i], sizeof g->pos[i]);
        }
        assert_true(fabs(energy(p, g) - e) < tol);
        al_frame_destroy(&g);
        MUST(al_frame_copy(f, &g)); // rotation about (1,1,1) and about z
        double c = cos(0.7), s = sin(0.7), rot[3][3] = {{0, c, s}, {0, -s, c}, {1, 0, 0}};
        for (int i = 0; i < N; i++)
            al_vecmat3(f->pos[i], rot, g->pos[i]);
        for (int a = 0; a < 3; a++)
            al_vecmat3(f->cell[a], rot, g->cell[a]);
        assert_true(fabs(energy(p, g) - e) < tol);
        al_frame_destroy(&g);
        int two[3] = {1, 2, 1};
        MUST(al_frame_supercell(f, two, &g));
        assert_true(fabs(energy(p, g) - 2 * e) < 10 * tol);
        g->z[3] = 8; // and the test can fail: another element is another energy
        assert_true(fabs(energy(p, g) - 2 * e) > 1e-3);
        al_frame_destroy(&g);
        al_frame_destroy(&f);
        potential_destroy(&p);
    }
}

static void cluster(void **state) // without periodicity: the same as in a very large cell
{
    (void)state;
    struct potential *p = open_variant(0);
    struct al_frame *f = fixture_frame(N, LI_P_S_O, 6, 8, 1.6, 4);
    double periodic = energy(p, f);
    f->pbc = false;
    double e = energy(p, f);
    f->pbc = true;
    for (int a = 0; a < 9; a++)
        f->cell[a / 3][a % 3] *= 5;
    assert_true(fabs(energy(p, f) - e) < 1e-11 && fabs(periodic - e) > 1e-6);
    al_frame_destroy(&f);
    potential_destroy(&p);
}

static void smooth_cutoff(void **state) // energy and force go to their limits where a neighbour leaves
{
    (void)state;
    struct potential *p = open_variant(0);
    struct al_frame *f = NULL;
    MUST(al_frame_create(2, &f));
    f->pbc = false;
    f->z[0] = 3;
    f->z[1] = 16;
    double last = 0;
    for (int k = 0; k < 3; k++) {
        f->pos[1][0] = 4.5 + (k - 1) * 1e-5;
        struct pot_result r = {.forces = f->forces};
        MUST(p->ops->eval(p, f, &r));
        if (k) assert_true(fabs(r.energy - last) < 1e-12 && fabs(f->forces[0][0]) < 1e-9);
        last = r.energy;
    }
    f->pos[1][0] = 3.0;
    assert_true(fabs(energy(p, f) - last) > 1e-6);
    al_frame_destroy(&f);
    potential_destroy(&p);
}

// An angle between two neighbours, of which one crosses rcut_angular: the force has no jump, and within it the angle counts for
// itself: among four neighbours at the corners of a square, turning one pair leaves the lengths and the sum of the directions.
static void angles(void **state)
{
    (void)state;
    const double h = 1e-6;
    struct potential *p[2] = {open_variant(0), NULL};
    struct dp_model *m = fixture_angular(31);
    struct al_frame *f = NULL;
    MUST(dp_potential_from_model(m, DP_WAY_PLAIN, &p[1]));
    dp_model_destroy(&m);
    MUST(al_frame_create(5, &f));
    f->pbc = false;
    for (int i = 0; i < 5; i++) {
        f->z[i] = i ? 16 : 3;
        f->pos[i][0] = i ? 2.4 * cos(0.3 + M_PI / 2 * i) : 0;
        f->pos[i][1] = i ? 2.4 * sin(0.3 + M_PI / 2 * i) : 0;
    }
    for (int k = 0; k < 2; k++) {
        double e[5], turned[5];
        struct pot_result r = {.atomic_energy = e};
        MUST(p[k]->ops->eval(p[k], f, &r));
        for (int i = 1; i < 5; i += 2) {
            f->pos[i][0] = (i == 1 ? 1 : -1) * 2.4 * cos(0.7);
            f->pos[i][1] = (i == 1 ? 1 : -1) * 2.4 * sin(0.7);
        }
        r = (struct pot_result){.atomic_energy = turned};
        MUST(p[k]->ops->eval(p[k], f, &r));
        for (int i = 1; i < 5; i += 2) {
            f->pos[i][0] = 2.4 * cos(0.3 + M_PI / 2 * i);
            f->pos[i][1] = 2.4 * sin(0.3 + M_PI / 2 * i);
        }
        assert_true(k ? fabs(e[0] - turned[0]) > 1e-6 : fabs(e[0] - turned[0]) < 1e-12);
    }
    double last[3] = {0};
    for (int k = 0; k < 3; k++) {
        f->pos[1][0] = 4 + (k - 1) * h;
        f->pos[1][1] = 0;
        struct pot_result r = {.forces = f->forces};
        MUST(p[1]->ops->eval(p[1], f, &r));
        for (int a = 0; a < 2; a++) {
            if (k) assert_true(fabs(f->forces[0][a] - last[a]) < 10 * h && f->forces[0][a] != 0);
            last[a] = f->forces[0][a];
        }
    }
    al_frame_destroy(&f);
    for (int k = 0; k < 2; k++)
        potential_destroy(&p[k]);
}

// After many moves and a cell change the result has the bits of a fresh instance.
static void history(void **state)
{
    (void)state;
    struct potential *p = open_variant(0);
    struct al_frame *f = fixture_frame(N, LI_P_S_O, 6, 8, 1.6, 5),
                    *big = fixture_frame(30, LI_P_S_O, 6, 11, 1.6, 6);
    struct al_rng rng;
    al_rng_stream(&rng, 1, "walk", 0, 0, 0);
    double fresh_f[N][3];
    for (int step = 0; step < 40; step++) {
        for (int i = 0; i < 3 * N; i++)
            (&f->pos[0][0])[i] += 0.03 * al_rng_normal(&rng);
        if (step % 7 == 3) energy(p, big);
        if (step == 20)
            for (int a = 0; a < 3; a++)
                f->cell[a][a] *= 1.01;
        struct pot_result old = {.forces = f->forces}, fresh = {.forces = fresh_f};
        struct potential *q = open_variant(0);
        MUST(p->ops->eval(p, f, &old));
        MUST(q->ops->eval(q, f, &fresh));
        assert_memory_equal(&old.energy, &fresh.energy, sizeof old.energy);
        assert_memory_equal(old.virial, fresh.virial, sizeof old.virial);
        assert_memory_equal(f->forces, fresh_f, sizeof fresh_f);
        potential_destroy(&q);
    }
    al_frame_destroy(&f);
    al_frame_destroy(&big);
    potential_destroy(&p);
}

static void unknown_species(void **state)
{
    (void)state;
    struct potential *p = open_variant(0);
    struct al_frame *f = fixture_frame(6, LI_P_S_O, 6, 7, 1.6, 7);
    struct pot_result r = {0};
    f->z[2] = 79;
    assert_int_equal(p->ops->eval(p, f, &r), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "Au"));
    assert_true(p->ops->cutoff(p) == 4.5 && (p->ops->caps & POT_VIRIAL));
    al_frame_destroy(&f);
    potential_destroy(&p);
}

static void atomic_energies(void **state)
{
    (void)state;
    struct potential *p = open_variant(0);
    struct al_frame *f = fixture_frame(N, LI_P_S_O, 6, 8, 1.6, 8);
    double e[N], sum = 0;
    struct pot_result r = {.atomic_energy = e};
    MUST(p->ops->eval(p, f, &r));
    for (int i = 0; i < N; i++)
        sum += e[i];
    assert_true(fabs(sum - r.energy) < 1e-12 * fabs(sum) && e[0] != e[5]);
    al_frame_destroy(&f);
    potential_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forces),          cmocka_unit_test(virial),          cmocka_unit_test(invariances),
        cmocka_unit_test(cluster),         cmocka_unit_test(history),         cmocka_unit_test(smooth_cutoff),
        cmocka_unit_test(angles),
        cmocka_unit_test(unknown_species), cmocka_unit_test(atomic_energies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
